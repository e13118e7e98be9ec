"""Puts what the control plane's Lambdas run into a directory; the same input gives the same bytes.

Run by `sam build`, through the Makefile. PULLPROD_LAMBDA_PLATFORM=native packages for this machine's processor and
Python instead of Lambda's, for emulators that run functions as local processes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pullprod_control_plane"
UV = ROOT / ".venv/bin/uv"
# As template.yaml says: Runtime and Architectures.
LAMBDA = ("--python-platform", "aarch64-manylinux2014", "--python-version", "3.13")
_CLIENT = re.compile(r'Client\("([a-z0-9-]+)"')
_VERSION = re.compile(r'__version__ = "([^"]+)"')
_UNUSED = ("**/__pycache__", "**/tests", "**/*.pyi", "bin", "**/RECORD", "**/REQUESTED", ".lock", "boto3/examples")
_EPOCH = 315_619_200  # 2 January 1980: what zip can say in every time zone.


def build(target: Path, *, native: bool) -> None:
    """Fill `target`, which may exist, with the dependencies of requirements/lambda.txt and the control plane."""
    _install(target, () if native else LAMBDA)
    shutil.copytree(ROOT / "control_plane" / PACKAGE, target / PACKAGE, dirs_exist_ok=True)
    _describe(target)
    _prune(target)
    for path in sorted(target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_EPOCH, _EPOCH))


def _install(target: Path, platform: tuple[str, ...]) -> None:
    command = [str(UV), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target), *platform]
    locked = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(ROOT / "requirements/lambda.txt")]
    # Links into a cache would share what is pruned here.
    subprocess.run([*command, *locked, "--link-mode", "copy"], check=True)


def _describe(target: Path) -> None:
    """Let the program find its own version, as it does where it is installed."""
    found = _VERSION.search((ROOT / "action/pullprod/__init__.py").read_text())
    assert found
    described = target / f"pullprod-{found[1]}.dist-info"
    described.mkdir(exist_ok=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.4\nName: pullprod\nVersion: {found[1]}\n")


def _prune(target: Path) -> None:
    for pattern in _UNUSED:
        for path in list(target.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    used = set(_CLIENT.findall((ROOT / "control_plane" / PACKAGE / "bootstrap.py").read_text()))
    for path in (target / "botocore/data").iterdir():
        if path.is_dir() and path.name not in used:
            shutil.rmtree(path)


if __name__ == "__main__":
    build(Path(sys.argv[1]), native=os.environ.get("PULLPROD_LAMBDA_PLATFORM") == "native")
