"""What a release says of itself."""

from __future__ import annotations

import pytest

from scripts.release_notes import notes

CHANGELOG = """# Changelog

## Unreleased

- soon

## 1.2.0 - 2026-12-01

- new

## 1.1.0 - 2026-11-01

- old
"""


@pytest.mark.parametrize(("version", "said"), [("1.2.0", "- new\n"), ("1.1.0", "- old\n")])
def test_the_notes_of_a_release_are_its_section_of_the_changelog(version: str, said: str) -> None:
    assert notes(version, CHANGELOG, version) == said


@pytest.mark.parametrize(
    ("version", "own", "fix"),
    [("1.2.0", "1.1.0", "__version__"), ("1.3.0", "1.3.0", "rename Unreleased"), ("1x2.0", "1x2.0", "rename")],
)
def test_what_is_no_release_has_no_notes(version: str, own: str, fix: str) -> None:
    with pytest.raises(SystemExit, match=fix):
        notes(version, CHANGELOG, own)
