"""What docs/aws.md and docs/aws-unverified.md say of the template and of the code is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTROL_PLANE = ROOT / "control_plane/pullprod_control_plane"
TEMPLATE = (ROOT / "template.yaml").read_text()
MANUAL = (ROOT / "docs/aws.md").read_text()
PLACES = [line.split(" | ")[1] for line in (ROOT / "docs/aws-unverified.md").read_text().splitlines() if "| `" in line]


def test_the_manual_names_every_parameter_and_output_that_it_needs() -> None:
    parameters = set(re.findall(r"^  (\w+):$", TEMPLATE.split("\nParameters:\n")[1].split("\nRules:")[0], re.MULTILINE))
    assert parameters == {name for name in parameters if f"`{name}`" in MANUAL or f" {name}=" in MANUAL}


def test_the_template_sets_every_variable_that_the_settings_read_and_no_other() -> None:
    source = (CONTROL_PLANE / "settings.py").read_text().split("class AwsSettings")[1]
    read = set(re.findall(r'_needed\(environ, "(\w+)"\)', source)) | set(re.findall(r'"PULLPROD_(\w+)"', source))
    assert set(re.findall(r"^ +PULLPROD_(\w+):", TEMPLATE, re.MULTILINE)) == read


@pytest.mark.parametrize("place", PLACES)
def test_what_could_not_be_verified_is_where_the_list_says(place: str) -> None:
    """A place is one file or several, and names of what is in them."""
    names = re.findall(r"`([^`]+)`", place)
    files = {name: path for name in names for path in (CONTROL_PLANE / name, ROOT / name) if path.is_file()}
    assert files, f"no file among {names}"
    text = "".join(file.read_text() for file in files.values())
    words = [name.rpartition(".")[2] for name in names if name not in files]
    assert [word for word in words if word not in text] == []
