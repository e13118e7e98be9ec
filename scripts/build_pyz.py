"""Builds action/pullprod.pyz: the client and what it needs as one file, the same bytes on every machine.

Members are stored, not compressed: compressors differ between machines. The libraries are the pure Python wheels of
requirements/action.txt, checked against its hashes.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "action" / "pullprod.pyz"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # The first moment that a zip file can name.
# The place for temporary files is set first: certifi writes one as soon as it is imported. A step that failed does not
# wait for its threads: they may hang on a store that says nothing.
_MAIN = """import os
import tempfile

tempfile.tempdir = os.environ.get("RUNNER_TEMP") or None

from pullprod.runner.main import main

if code := main():
    os._exit(code)
"""
_TERMINAL_ONLY = ("pullprod/cli/", "pullprod/__main__.py")
_LEFT_OUT = ("urllib3/contrib/emscripten/", "requests/__main__", "certifi/__main__")
_KINDS = (".py", ".pem")


def build() -> bytes:
    """Return the archive."""
    members = {"__main__.py": _MAIN.encode(), "LICENSE": (ROOT / "LICENSE").read_bytes(), **dict(_own())}
    with tempfile.TemporaryDirectory() as directory:
        for wheel in _wheels(Path(directory)):
            members |= dict(_of_wheel(wheel))
    buffer = io.BytesIO(b"")
    buffer.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, wherever it is built.
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def _own() -> Iterator[tuple[str, bytes]]:
    package = ROOT / "action"
    for file in sorted(package.glob("pullprod/**/*.py")):
        name = file.relative_to(package).as_posix()
        if not name.startswith(_TERMINAL_ONLY):
            yield name, file.read_bytes()


def _wheels(directory: Path) -> list[Path]:
    """Download the locked wheels for no platform in particular, so that they hold nothing compiled."""
    pure = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none", "--python-version=3.10"]
    locked = ["--no-deps", "--require-hashes", "-r", str(ROOT / "requirements" / "action.txt"), "-d", str(directory)]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *pure, *locked], check=True)
    return sorted(directory.glob("*.whl"))


def _of_wheel(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            legal = ".dist-info/" in name and ("licen" in name.lower() or "notice" in name.lower())
            code = ".dist-info/" not in name and name.endswith(_KINDS) and not name.startswith(_LEFT_OUT)
            if legal or code:
                yield (f"licenses/{name}" if legal else name), archive.read(name)


if __name__ == "__main__":
    TARGET.write_bytes(build())
    sys.stdout.write(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size:,} bytes\n")
