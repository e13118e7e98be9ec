"""What the client promises on its own: what it packages, reads from git, refuses, and loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pullprod import config, errors, git
from pullprod.cli.output import clean
from pullprod.errors import PullprodError, UsageError
from pullprod.package import package
from pullprod.package.types import content_type
from tests.support.client import git as run_git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "origin"
    place.mkdir()
    run_git(place, "init", "-q", "-b", "main")
    for number in range(4):
        (place / "page.html").write_text(str(number))
        run_git(place, "add", "-A")
        run_git(place, "commit", "-q", "-m", f"commit {number}")
    return place


def site(tmp_path: Path, files: dict[str, bytes]) -> Path:
    directory = tmp_path / "dist"
    for path, body in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(body)
    return directory


def test_files_are_packaged_in_order_with_size_digest_and_type(tmp_path: Path) -> None:
    directory = site(tmp_path, {"b.css": b"", "a/index.html": b"hi"})

    packaged = package(directory)

    assert [(f.path, f.size, f.type) for f in packaged] == [
        ("a/index.html", 2, "text/html; charset=utf-8"),
        ("b.css", 0, "text/css; charset=utf-8"),
    ]
    assert packaged[0].sha256 == "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"


def test_ignored_files_and_the_git_directory_stay_out_and_exceptions_come_back_in(tmp_path: Path) -> None:
    directory = site(
        tmp_path,
        {".pullprodignore": b"*.map\n!keep.map\n", ".git/config": b"", "a.map": b"", "keep.map": b"", "a.js": b""},
    )

    assert [file.path for file in package(directory)] == ["a.js", "keep.map"]


def test_a_link_inside_the_directory_is_followed_and_one_that_leaves_it_is_refused_by_name(tmp_path: Path) -> None:
    directory = site(tmp_path, {"real.txt": b"x"})
    (directory / "inside.txt").symlink_to("real.txt")

    assert [file.path for file in package(directory)] == ["inside.txt", "real.txt"]

    (tmp_path / "secret").write_text("s")
    (directory / "leak.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match=r"'leak.txt' is a link that leaves the directory"):
        package(directory)


def test_a_link_to_a_directory_above_itself_is_refused(tmp_path: Path) -> None:
    directory = site(tmp_path, {"a/x.txt": b"x"})
    (directory / "a" / "up").symlink_to("..")

    with pytest.raises(UsageError, match="has no end"):
        package(directory)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"new\nline.html", "control character"),
        (b"back\\slash.html", "backslash"),
        (b"caf\x65\xcc\x81.html", "normal form C"),
        (b"\xff\xfe.html", "not UTF-8"),
    ],
)
def test_names_that_cannot_be_carried_are_refused(tmp_path: Path, name: bytes, problem: str) -> None:
    directory = site(tmp_path, {"index.html": b""})
    with open(os.path.join(os.fsencode(directory), name), "wb"):  # noqa: PTH118, PTH123 - the name is bytes.
        pass

    with pytest.raises(UsageError, match=problem):
        package(directory)


def test_special_files_and_empty_or_absent_directories_are_refused(tmp_path: Path) -> None:
    directory = site(tmp_path, {"index.html": b""})
    os.mkfifo(directory / "pipe")
    with pytest.raises(UsageError, match="no regular file"):
        package(directory)

    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no files"):
        package(tmp_path / "empty")
    with pytest.raises(UsageError, match="not a directory"):
        package(tmp_path / "absent")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.avif", "image/avif"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.tar.gz", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_content_types_come_from_the_project_s_own_table(name: str, kind: str) -> None:
    assert content_type(name) == kind


def test_git_tells_commit_branch_author_message_tags_and_all_ancestors(repository: Path) -> None:
    run_git(repository, "tag", "v1")
    commit = git.read(repository)

    assert commit.sha == run_git(repository, "rev-parse", "HEAD")
    assert (commit.branch, commit.author, commit.message) == ("main", "Ada <ada@example.com>", "commit 3")
    assert (commit.tags, commit.dirty) == (["v1"], False)
    assert commit.ancestors == run_git(repository, "rev-list", "HEAD").split()[1:]


def test_a_clone_of_depth_1_still_records_its_parent(repository: Path, tmp_path: Path) -> None:
    run_git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "clone")

    assert git.read(tmp_path / "clone").ancestors == [run_git(repository, "rev-parse", "HEAD~1")]


def test_a_detached_checkout_takes_the_branch_that_the_runner_names(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_git(repository, "checkout", "-q", "--detach")
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "GITHUB_REF_TYPE"):
        monkeypatch.delenv(name, raising=False)
    assert git.read(repository).branch is None

    monkeypatch.setenv("GITHUB_HEAD_REF", "feature/x")
    assert git.read(repository).branch == "feature/x"


def test_uncommitted_changes_make_it_dirty_and_ignored_files_do_not(repository: Path) -> None:
    (repository / ".git" / "info" / "exclude").write_text("built/\n")
    (repository / "built").mkdir()
    (repository / "built" / "x").write_text("x")
    assert not git.read(repository).dirty

    (repository / "page.html").write_text("changed")
    assert git.read(repository).dirty


def test_without_a_repository_or_a_commit_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="git init"):
        git.read(tmp_path)

    run_git(tmp_path, "init", "-q")
    with pytest.raises(UsageError, match="no commit yet"):
        git.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('ap = "shop"', "ap is not known"),
        ("app = 1", "app must be a text"),
        ("[site]\nclean_url = true", "site.clean_url is not known"),
        ('[site]\nclean_urls = "yes"', "site.clean_urls must be one of directory, html, off"),
        ('[site]\nspa = "no"', "site.spa must be true or false"),
        ('[health]\npaths = ["x"]', "health.paths must be a list"),
        ("site = 3", "site must be a table"),
        ("app =", "cannot be read"),
    ],
)
def test_a_mistake_in_pullprod_toml_is_one_sentence_with_file_key_and_expectation(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "pullprod.toml"
    file.write_text(text)

    with pytest.raises(UsageError, match=told) as refused:
        config.load_project(tmp_path)

    assert str(file) in str(refused.value)


def test_a_flag_beats_the_environment_which_beats_the_project_which_beats_the_user(tmp_path: Path) -> None:
    (tmp_path / "pullprod").mkdir()
    (tmp_path / "pullprod" / "config.toml").write_text('url = "https://user.example"\ntoken = "t"\n')
    alone, project = config.Project(tmp_path), config.Project(tmp_path, url="https://project.example")
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    environ = {**home, "PULLPROD_URL": "https://environment.example"}

    assert config.connection(project, "https://flag.example", environ).url == "https://flag.example"
    assert config.connection(project, None, environ).url == "https://environment.example"
    assert config.connection(project, None, home).url == "https://project.example"
    assert config.connection(alone, None, home).url == "https://user.example"


def test_a_token_is_not_sent_in_the_clear_nor_shown_in_a_representation(tmp_path: Path) -> None:
    project = config.Project(tmp_path)
    with pytest.raises(UsageError, match="in the clear"):
        config.connection(project, "http://example.com", {})

    known = config.connection(project, "http://localhost:1", {"PULLPROD_TOKEN": "pp_secret"})
    assert known.token == "pp_secret"
    assert "pp_secret" not in repr(known)


def test_every_kind_of_refusal_has_the_exit_code_of_the_table() -> None:
    assert errors.from_problem(404, {"code": "not-found"}).exit_code == 3
    assert errors.from_problem(401, {"code": "unauthenticated"}).exit_code == 4
    assert errors.from_problem(403, {"code": "forbidden"}).exit_code == 4
    assert errors.from_problem(412, {"code": "stale-pointer"}).exit_code == 5
    assert errors.from_problem(423, {"code": "pointer-held"}).exit_code == 6
    assert errors.from_problem(409, {"code": "guard-refused"}).exit_code == 6
    assert errors.from_problem(409, {"code": "version-not-ready"}).exit_code == 1
    assert errors.from_problem(422, {"code": "invalid-request"}).exit_code == 2
    assert issubclass(errors.NotLiveError, PullprodError)


def test_help_loads_neither_the_http_library_nor_the_one_that_draws() -> None:
    program = "import sys, pullprod.cli; print({'requests', 'urllib3', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "set()"


def test_user_text_cannot_steer_a_terminal() -> None:
    assert clean("a\x1b[31mb\r\nc\u202e") == "a [31mb  c "


def test_an_error_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    environ = {**os.environ, "PULLPROD_URL": "http://127.0.0.1:9", "PULLPROD_APP": "shop", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "pullprod", "publish", str(tmp_path / "absent")],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
