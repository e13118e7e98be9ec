"""What is downloaded and run to build, test and release."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("Makefile", "scripts/*.sh", ".ci/run", ".github/workflows/*.yml")
LOCKED = {"--require-hashes"}
OURSELVES = ({"--no-deps", "--build-constraints"}, {"--no-deps", "--no-build-isolation"})


def test_nothing_is_installed_but_what_a_hash_pins() -> None:
    files = [path for place in PLACES for path in ROOT.glob(place)]
    installs = [line.split() for path in files for line in path.read_text().splitlines() if "pip install" in line]
    assert len(installs) > len(files)
    loose = [line for line in installs if not any(flags <= set(line) for flags in (LOCKED, *OURSELVES))]
    assert loose == []
