"""The API's description is committed, so that a change of the wire is seen in review."""

from __future__ import annotations

from pathlib import Path

from scripts import openapi

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def test_the_committed_description_is_what_the_models_make() -> None:
    assert COMMITTED.read_text() == openapi.document() + "\n", "run `make openapi`"
