"""The wheel that users install."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_both_packages_and_the_functions_of_the_edge(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "pullprod/__init__.py",
        "pullprod/py.typed",
        "pullprod_control_plane/bootstrap.py",
        "pullprod_control_plane/edge/viewer_request.js",
        "pullprod_control_plane/edge/viewer_response.js",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "benchmarks/"))]


def test_the_installed_edge_runs_the_functions_that_the_wheel_carries(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from pullprod_control_plane.adapters.local.edge_runtime import EdgeRuntime
assert EdgeRuntime.__module__ and sys.argv[1] in sys.modules[EdgeRuntime.__module__].__file__
host = {"host": {"value": "nobody.localhost"}}
request = {"method": "GET", "uri": "/", "querystring": {}, "headers": host, "cookies": {}}
answer = EdgeRuntime(lambda key: None).request({"version": "1.0", "context": {}, "viewer": {}, "request": request})
print(answer["statusCode"])
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == "404", done.stderr


def test_the_client_alone_needs_no_package_of_the_server(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = """
import sys
sys.path.insert(0, sys.argv[1])
import pullprod.cli
heavy = {"pydantic", "aws_lambda_powertools", "uvicorn", "quickjs", "pullprod_control_plane"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
