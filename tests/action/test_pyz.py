"""The client as one file: what it carries, and where it runs."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import write
from tests.support.runner import ROOT, Done, Job
from tests.support.workflows import built

CARRIED = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "action.txt").read_text(), re.MULTILINE)


def pythons() -> list[str]:
    """Return every Python of the minors that the Action runs on, one of each that this machine has."""
    found = {sys.version_info[:2]: sys.executable}
    for minor in range(10, 20):
        installed = Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")
        named = filter(None, [shutil.which(f"python3.{minor}"), *map(str, sorted(installed))])
        working = [
            one for one in named if subprocess.run([one, "-c", ""], capture_output=True, check=False).returncode == 0
        ]
        if working:
            found.setdefault((3, minor), working[0])
    return list(found.values())


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pyz") / "pullprod.pyz"
    file.write_bytes(built())
    return file


@pytest.fixture(scope="session")
def archive(pyz: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(pyz) as opened:
        yield opened


def run(pyz: Path, job: Job, python: str = sys.executable, cwd: Path | None = None, **more: str) -> Done:
    """Run it as action.yml does, with `more` variables in its environment."""
    done = subprocess.run(
        [python, "-I", "-X", "utf8", "-B", str(pyz)],
        env={**job.environment({}), **more},
        cwd=cwd or job.workspace,
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    return job.done(done.returncode, done.stdout.decode())


def test_the_file_that_is_kept_is_what_the_sources_make() -> None:
    same = (ROOT / "action" / "pullprod.pyz").read_bytes() == built()
    assert same, "action/pullprod.pyz is stale: run `make action`"


def test_building_it_again_makes_the_same_bytes() -> None:
    program = "import sys; from scripts.build_pyz import build; sys.stdout.buffer.write(build())"
    environ = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PATH": os.environ["PATH"]}
    command = ["sh", "-c", 'umask 077; exec "$0" -c "$1"', sys.executable, program]
    again = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=True).stdout
    same = again == built()
    assert same


def test_it_holds_python_and_nothing_compiled_compressed_or_dated(archive: zipfile.ZipFile) -> None:
    assert {Path(name).suffix for name in archive.namelist() if not name.startswith("licenses/")} <= {".py", ".pem", ""}
    assert archive.namelist() == sorted(archive.namelist())
    for entry in archive.infolist():
        assert (entry.compress_type, entry.date_time) == (zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0))
        assert stat.S_IMODE(entry.external_attr >> 16) == 0o644


def test_it_holds_what_is_locked_and_the_licence_of_each(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    packages = {name.split("/")[0] for name in names if "/" in name} - {"licenses", "pullprod"}
    assert packages == {name.replace("-", "_") for name in CARRIED}
    for name in CARRIED:
        licence = re.compile(rf"licenses/{name.replace('-', '[-_]')}-[^/]+\.dist-info/.*licen[cs]e", re.IGNORECASE)
        assert [file for file in names if licence.match(file)], name
    assert archive.read("LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_it_leaves_out_what_only_a_terminal_needs(archive: zipfile.ZipFile) -> None:
    assert not [name for name in archive.namelist() if name.startswith(("pullprod/cli/", "click/", "rich/"))]


@pytest.mark.parametrize("python", pythons())
def test_it_publishes_with_every_python_that_this_machine_has(pyz: Path, job: Job, python: str) -> None:
    done = run(pyz, job, python)
    assert (done.code, done.outputs["state"]) == (0, "ready"), done.log


def test_nothing_is_written_but_under_runner_temp(pyz: Path, job: Job, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run(pyz, job, TMPDIR=str(elsewhere), HOME=str(elsewhere), XDG_CONFIG_HOME=str(elsewhere))
    assert done.code == 0, done.log
    written = {path for path in tmp_path.rglob("*") if before.get(path) != path.stat().st_mtime_ns}
    outside = {path for path in written if not path.is_relative_to(job.temp)}
    # Git refreshes its own index; the directory itself is the test's.
    assert {path for path in outside if ".git" not in path.parts} <= {elsewhere, tmp_path}
    assert list(elsewhere.iterdir()) == []


def test_a_hostile_checkout_and_environment_change_nothing(pyz: Path, job: Job, tmp_path: Path) -> None:
    trap = "raise SystemExit('the checkout ran')\n"
    modules = ["requests", "json", "pullprod", "sitecustomize", "usercustomize", "urllib3", "tomli", "__main__", "os"]
    write(job.workspace, {f"{name}.py": trap for name in modules} | {"pullprod/__init__.py": trap})
    write(tmp_path / "home", {".netrc": "default login mallory password stolen\n", "pip.conf": "x"})
    (tmp_path / "home" / ".netrc").chmod(0o600)
    write(tmp_path / "home" / ".config" / "pullprod", {"config.toml": "token = 'pp_other'\nnot toml"})
    hostile = {name: str(job.workspace) for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP")}
    done = run(pyz, job, cwd=job.workspace, HOME=str(tmp_path / "home"), PYTHONIOENCODING="latin-1", **hostile)
    assert (done.code, done.outputs["state"]) == (0, "ready"), done.log


def test_it_runs_where_the_locale_knows_ascii_only(pyz: Path, job: Job) -> None:
    write(job.workspace / "dist", {"größe.html": "ü"})
    done = run(pyz, job, LC_ALL="C", LANG="C")
    assert done.outputs["uploaded-files"] == "3", done.log


def test_its_version_is_the_clients(archive: zipfile.ZipFile) -> None:
    source = io.TextIOWrapper(archive.open("pullprod/__init__.py"), encoding="utf-8").read()
    assert source == (ROOT / "action" / "pullprod" / "__init__.py").read_text()
