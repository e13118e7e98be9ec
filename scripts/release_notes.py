"""Prints what CHANGELOG.md says of a release, if this checkout is that release: release_notes.py 1.2.3."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(version: str, changelog: str, own_version: str) -> str:
    """Return the section of a version.

    Raises:
        SystemExit: the package calls itself otherwise, or nothing is said of the version.
    """
    if version != own_version:
        raise SystemExit(f"This checkout is {own_version}, not {version[:80]}: change pullprod.__version__.")
    section = re.search(
        rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.+?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None or not section[1].strip():
        raise SystemExit(f"CHANGELOG.md has no section '## {version} - <date>': rename Unreleased.")
    return section[1].strip() + "\n"


def main() -> None:
    """Print the notes of the version that the command line names."""
    own = re.search(r'^__version__ = "(.+)"$', (ROOT / "action" / "pullprod" / "__init__.py").read_text(), re.MULTILINE)
    assert own is not None
    sys.stdout.write(notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text(), own[1]))


if __name__ == "__main__":
    main()
