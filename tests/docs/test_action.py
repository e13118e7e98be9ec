"""docs/action.md says what action.yml says, and leads to every example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "action.md").read_text()
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
LINKS = re.findall(r"\]\(([^)h][^)]*)\)", DOCS)


def section(title: str) -> list[str]:
    """Return the rows of the table under a title."""
    text = DOCS.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [line for line in text.splitlines() if line.startswith("| `")]


def default(facts: dict[str, Any]) -> str:
    if facts.get("required"):
        return "none: it is required"
    return f"`{facts['default']}`" if facts["default"] else ""


def test_inputs_are_those_of_the_action() -> None:
    inputs = ACTION["inputs"].items()
    assert section("Inputs") == [f"| `{name}` | {default(facts)} | {facts['description']} |" for name, facts in inputs]


def test_outputs_are_those_of_the_action() -> None:
    outputs = ACTION["outputs"].items()
    assert section("Outputs") == [f"| `{name}` | {facts['description']} |" for name, facts in outputs]


@pytest.mark.parametrize("target", LINKS)
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / "docs" / target).exists()


def test_every_example_is_listed_once() -> None:
    listed = [Path(target).name for target in LINKS if target.startswith("../examples/")]
    assert sorted(listed) == sorted(path.name for path in (ROOT / "examples").iterdir())


def test_permissions_are_those_that_examples_ask_for_or_that_an_input_needs() -> None:
    needed = {tuple(row.split("`")[1].split(": ")) for row in section("Permissions")}
    asked = {pair for job in jobs() for pair in job["permissions"].items()}
    assert needed == {*asked, ("deployments", "write")}


def jobs() -> list[dict[str, Any]]:
    return [job for path in (ROOT / "examples").iterdir() for job in yaml.safe_load(path.read_text())["jobs"].values()]
