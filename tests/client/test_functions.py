"""Functions as the client packages and publishes them, against a real server that runs them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from pullprod.config import load_project
from pullprod.errors import UsageError
from pullprod.package import zips
from pullprod.package.zips import package_function
from tests.support.client import Shell, commit, write

API = """def handler(event, context):
    return {"statusCode": 200, "body": "hello from " + event["rawPath"]}
"""
TABLE = """
[functions.api]
directory = "api"
handler = "app.handler"
runtime = "python3.13"
routes = ["/api/*"]
"""


def configured(shell: Shell, text: str) -> None:
    (shell.directory / "pullprod.toml").write_text(text)


def test_the_same_files_make_the_same_zip_whenever_and_wherever_they_are_zipped(tmp_path: Path) -> None:
    packed = []
    for name, moment in (("a", 1_000_000_000), ("b", 1_700_000_000)):
        source = write(tmp_path / name / "api", {"app.py": API, "lib/x.py": "1", "run.sh": "#!/bin/sh"})
        for file in source.rglob("*.*"):
            file.chmod(0o600 if name == "a" else 0o644)
            os.utime(file, (moment, moment))
        (source / "run.sh").chmod(0o700 if name == "a" else 0o755)
        workspace = tmp_path / f"{name}-zips"
        workspace.mkdir()
        packed.append(package_function("api", source, workspace))
    assert packed[0].sha256 == packed[1].sha256
    with zipfile.ZipFile(packed[0].source) as archive:
        modes = {entry.filename: oct(entry.external_attr >> 16) for entry in archive.infolist()}
    assert modes == {"app.py": "0o100644", "lib/x.py": "0o100644", "run.sh": "0o100755"}


def test_what_pullprodignore_lists_stays_out_of_the_zip(tmp_path: Path) -> None:
    source = write(tmp_path / "api", {"app.py": API, "notes.txt": "x", ".pullprodignore": "*.txt\n"})
    with zipfile.ZipFile(package_function("api", source, tmp_path).source) as archive:
        assert archive.namelist() == ["app.py"]


def test_a_zip_is_taken_as_it_is_and_what_is_none_is_refused(tmp_path: Path) -> None:
    ready = tmp_path / "ready.zip"
    with zipfile.ZipFile(ready, "w") as archive:
        archive.writestr("app.py", API)
    assert package_function("api", ready, tmp_path).source == ready
    ready.write_bytes(b"no zip")
    with pytest.raises(UsageError, match="zip of the function api"):
        package_function("api", ready, tmp_path)


def test_a_function_larger_than_lambda_takes_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    big = tmp_path / "api"
    big.mkdir()
    with (big / "zeros").open("wb") as file:
        file.truncate(251 * 1024**2)
    with pytest.raises(UsageError, match="bytes unzipped"):
        package_function("api", big, tmp_path)


def test_a_zip_with_more_files_than_a_function_may_have_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zips, "MAX_ENTRIES", 1)
    ready = tmp_path / "ready.zip"
    with zipfile.ZipFile(ready, "w") as archive:
        archive.writestr("app.py", API)
        archive.writestr("more.py", API)
    with pytest.raises(UsageError, match="2 files and directories; 1 are possible"):
        package_function("api", ready, tmp_path)


BAD = [
    pytest.param('functions = "x"', "functions must be tables", id="no tables"),
    pytest.param("[functions]\napi = 1", r"functions.api must be a table", id="no table"),
    pytest.param(TABLE + "memry = 1", "functions.api.memry is not known", id="unknown key"),
    pytest.param(TABLE + 'memory = "1"', "functions.api.memory must be a number of megabytes", id="type"),
    pytest.param(TABLE + 'zip = "x.zip"', "either a directory or a zip", id="both"),
    pytest.param(TABLE.replace('handler = "app.handler"', ""), "functions.api.handler is missing", id="missing"),
    pytest.param(TABLE.replace('["/api/*"]', '["api"]'), "functions.api.routes must be a list", id="route"),
]


@pytest.mark.parametrize(("text", "complaint"), BAD)
def test_what_is_not_understood_is_refused_with_file_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "pullprod.toml").write_text(text)
    with pytest.raises(UsageError, match=complaint) as refused:
        load_project(tmp_path)
    assert "pullprod.toml" in str(refused.value)


def test_a_site_with_a_function_is_published_as_one_version(shell: Shell) -> None:
    configured(shell, '[site]\ndirectory = "dist"\n' + TABLE)
    write(shell.directory / "api", {"app.py": API})
    commit(shell.directory, "api")
    done = shell.json("publish")
    assert (done["state"], done["version"]["functions"], done["version"]["files"]) == ("ready", ["api"], 3)
    assert done["uploaded_files"] == 4
    assert "functions" in shell.run("show", done["version"]["id"]).stdout
    shell.run("point", "production", done["version"]["id"], "--reason", "launch")
    assert "with the functions api" in shell.run("status").stdout
    assert shell.json("publish")["uploaded_files"] == 0


def test_functions_are_published_without_a_site(shell: Shell) -> None:
    configured(shell, TABLE)
    write(shell.directory / "api", {"app.py": API})
    commit(shell.directory, "api")
    version = shell.json("publish")["version"]
    assert (version["state"], version["files"], version["functions"]) == ("ready", 0, ["api"])


def test_a_function_that_was_not_built_is_an_error_that_names_it(shell: Shell) -> None:
    configured(shell, TABLE)
    commit(shell.directory, "api")
    assert "functions.api" in shell.error("publish", expect=2)


def test_a_runtime_that_does_not_run_here_is_told(shell: Shell) -> None:
    configured(shell, TABLE.replace("python3.13", "nodejs22.x"))
    write(shell.directory / "api", {"app.js": "1"})
    commit(shell.directory, "api")
    assert "only Python runtimes run" in shell.error("publish", expect=2)
