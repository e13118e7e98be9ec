"""The API's description is committed, so that a change of the wire is seen in review."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_description_is_what_the_models_make() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "openapi.py"))["document"]()

    assert (ROOT / "docs" / "openapi.json").read_text() == made + "\n"
