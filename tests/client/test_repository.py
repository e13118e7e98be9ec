from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from pullprod.cli.repository import _first_bad
from tests.support.client import Json, Shell, commit, git, write


@pytest.fixture
def live(shell: Shell) -> Json:
    """Production shows the first commit; main is one commit further."""
    version: Json = shell.json("publish", "dist")["version"]
    shell.run("point", "production", version["id"], "--reason", "launch")
    commit(shell.directory, "second")
    return version


def head(shell: Shell) -> str:
    return git(shell.directory, "rev-parse", "HEAD")


def test_checkout_gets_exactly_what_is_live(shell: Shell, live: Json) -> None:
    shell.run("checkout", "production")
    assert head(shell) == live["commit"]
    assert git(shell.directory, "branch", "--show-current") == ""


def test_checkout_can_make_a_branch_there(shell: Shell, live: Json) -> None:
    shell.run("checkout", "production", "-b", "fix")
    assert (head(shell), git(shell.directory, "branch", "--show-current")) == (live["commit"], "fix")


def test_checkout_of_a_branch_that_exists_says_so(shell: Shell, live: Json) -> None:
    before = head(shell)
    assert "main" in shell.error("checkout", "production", "-b", "main", expect=2)
    assert before == head(shell) != live["commit"]


@pytest.mark.usefixtures("live")
def test_checkout_leaves_uncommitted_changes_alone(shell: Shell) -> None:
    before = head(shell)
    (shell.directory / "new").write_text("mine")
    assert "uncommitted" in shell.error("checkout", "production", expect=2)
    assert (head(shell), (shell.directory / "new").read_text()) == (before, "mine")


@pytest.mark.parametrize("how", [["--depth=1"], ["--single-branch", "--branch=other"]])
def test_checkout_fetches_a_commit_that_is_missing(shell: Shell, live: Json, tmp_path: Path, how: list[str]) -> None:
    origin = shell.directory
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(origin, "checkout", "-q", "--orphan", "other")
    commit(origin, "unrelated")
    git(tmp_path, "clone", "-q", *how, origin.as_uri(), str(tmp_path / "clone"))
    shell.directory = tmp_path / "clone"
    shell.run("checkout", "production")
    assert head(shell) == live["commit"]


@pytest.mark.usefixtures("live")
def test_checkout_of_a_commit_that_nobody_has_says_so(shell: Shell, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", str(tmp_path / "elsewhere"))
    shell.directory = tmp_path / "elsewhere"
    assert "Was it pushed?" in shell.error("checkout", "production", expect=1)


def test_checkout_outside_a_repository_says_so(shell: Shell, tmp_path: Path) -> None:
    shell.directory = tmp_path
    assert "git work tree" in shell.error("checkout", "production", expect=2)


def test_checkout_of_a_pointer_that_shows_nothing_says_so(shell: Shell) -> None:
    assert "shows nothing yet" in shell.error("checkout", "production", expect=1)


@pytest.fixture
def six(shell: Shell) -> list[Json]:
    """Six versions, one after the other."""
    versions = []
    for number in range(6):
        write(shell.directory / "dist", {"index.html": f"{number}"})
        commit(shell.directory, f"change {number}")
        versions.append(shell.json("publish", "dist")["version"])
    return versions


def judge(shell: Shell, bad: list[Json]) -> str:
    """Return a command that fails for some versions and chats on both outputs."""
    (shell.directory.parent / "bad").write_text("".join(f"{version['url']}\n" for version in bad))
    listed = shlex.quote(str(shell.directory.parent / "bad"))
    return f'echo chat; test -z "$PULLPROD_TOKEN" || exit 127; ! grep -qxF "$PULLPROD_VERSION_URL" {listed}'


def test_bisect_finds_the_first_bad_version_wherever_it_is(shell: Shell, six: list[Json]) -> None:
    for first_bad in (1, 3, 5):
        command = judge(shell, six[first_bad:])
        done = shell.run("bisect", "--good", six[0]["id"], "--bad", six[5]["id"], "--run", command)
        assert done.stdout.startswith(f"{six[first_bad]['id']} is the first bad version")
        assert done.stderr.count("trying") <= 3
    found = shell.json("bisect", "--good", six[0]["id"], "--bad", "branch:main", "--run", judge(shell, six[2:]))
    assert found["id"] == six[2]["id"]


def test_bisect_of_a_pointer_goes_from_what_it_showed_to_what_it_shows(shell: Shell, six: list[Json]) -> None:
    for version in (six[0], six[4]):
        shell.run("point", "production", version["id"], "--reason", "x")
    assert shell.json("bisect", "production", "--run", judge(shell, six[2:]))["id"] == six[2]["id"]


def test_bisect_of_a_pointer_that_was_rolled_back_finds_what_was_wrong(shell: Shell, six: list[Json]) -> None:
    for version in (six[0], six[4]):
        shell.run("point", "production", version["id"], "--reason", "x")
    shell.run("rollback", "production", "--reason", "broken")
    assert shell.json("bisect", "production", "--run", judge(shell, six[3:]))["id"] == six[3]["id"]


def test_bisect_goes_around_versions_that_cannot_be_tried_and_says_when_only_such_are_left(
    shell: Shell, six: list[Json]
) -> None:
    between = ["--good", six[0]["id"], "--bad", six[5]["id"]]
    skip = f'case "$PULLPROD_VERSION" in {six[2]["id"]}|{six[3]["id"]}) exit 125;; esac; '
    assert shell.json("bisect", *between, "--run", skip + judge(shell, six[5:]))["id"] == six[5]["id"]
    done = shell.run("bisect", *between, "--run", skip + judge(shell, six[4:]), "--json", expect=1)
    problem = json.loads(done.stderr.splitlines()[-1])
    assert problem["code"] == "only-skipped-left"
    assert problem["versions"] == [version["id"] for version in six[2:5]]


@pytest.mark.parametrize("first_bad", range(1, 9))
@pytest.mark.parametrize("skipped", [set(), {1}, {4, 5}, {3, 4, 5, 6}, set(range(1, 8))])
def test_bisect_is_right_wherever_the_bad_and_the_skipped_are(first_bad: int, skipped: set[int]) -> None:
    tried: list[int] = []

    def well(version: Json) -> bool | None:
        tried.append(version["number"])
        return None if version["number"] in skipped else version["number"] < first_bad

    found = [version["number"] for version in _first_bad([{"number": number} for number in range(9)], well)]
    assert first_bad in found
    assert all(version in skipped for version in found[:-1])
    assert len(tried) == len(set(tried)) <= 3 + len(skipped)
    assert skipped or len(tried) == 3


def test_bisect_the_wrong_way_round_says_so(shell: Shell, six: list[Json]) -> None:
    sentence = shell.error("bisect", "--good", six[5]["id"], "--bad", six[0]["id"], "--run", "true", expect=2)
    assert "not a later ready version" in sentence


@pytest.mark.parametrize("command", ["no-such-command-anywhere", "kill -9 $$"])
def test_bisect_does_not_take_a_command_that_broke_for_a_verdict(shell: Shell, six: list[Json], command: str) -> None:
    arguments = ["bisect", "--good", six[0]["id"], "--bad", six[5]["id"], "--run", command]
    assert "could not be run" in shell.run(*arguments, expect=1).stderr


def test_bisect_between_nothing_says_what_to_give(shell: Shell) -> None:
    assert "--good" in shell.error("bisect", "--run", "true", expect=2)


def test_bisect_refuses_a_version_that_is_not_ready(shell: Shell) -> None:
    version = shell.json("publish", "dist")["version"]
    commit(shell.directory, "next")
    shell.run("publish", "dist")
    shell.run("revoke", version["id"], "--reason", "leak")
    arguments = ["--good", version["id"], "--bad", version["id"], "--run", "true"]
    assert "revoked" in shell.error("bisect", *arguments, expect=2)
