"""Every invariant of the threat model names tests, and all of them exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", MODEL)
INVARIANTS = re.split(r"\n(?=\*\*)", MODEL.partition("## Invariants")[2].partition("## Out of scope")[0])[1:]


@cache
def named_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_threat_model_names_exists(path: str, name: str) -> None:
    assert name in named_in(path)


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda text: text.partition("\n")[0][2:40])
def test_an_invariant_names_its_tests(invariant: str) -> None:
    assert "`tests/" in invariant


def test_the_threat_model_has_invariants() -> None:
    assert len(INVARIANTS) >= 20
    assert MODEL.count("`tests/") == len(NAMED) + 1, "the page itself speaks of tests/docs"
