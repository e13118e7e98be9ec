"""The command line against a real server: what a user of each command gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.domain import GUESSED_TOKEN
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    running.stop()


@dataclass
class User:
    """Somebody in a repository, with a token."""

    repository: Path
    server: Server
    app: str

    def run(self, *arguments: str, expect: int = 0, where: Path | None = None) -> subprocess.CompletedProcess[str]:
        environ = {
            **os.environ,
            "PULLPROD_URL": self.server.url,
            "PULLPROD_TOKEN": self.server.token,
            "PULLPROD_APP": self.app,
        }
        done = subprocess.run(
            [sys.executable, "-m", "pullprod", *arguments],
            cwd=where or self.repository,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        command = ["git", "-C", str(self.repository), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def publish(self, files: dict[str, str], message: str = "push") -> Any:
        for path, text in files.items():
            (self.repository / "dist" / path).parent.mkdir(parents=True, exist_ok=True)
            (self.repository / "dist" / path).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.json("publish", "dist")


@pytest.fixture
def user(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> User:
    repository = tmp_path / "shop"
    repository.mkdir()
    made = User(repository, server, f"a{abs(hash(request.node.name)) % 10**9}")
    made.git("init", "-q", "-b", "main")
    made.run("app", "create", made.app)
    return made


def test_the_first_publish_sends_everything_the_same_again_nothing_and_a_change_itself(user: User) -> None:
    first = user.publish({"index.html": "1", "a.css": "a", "b.css": "b"})
    again = user.json("publish", "dist")
    rebuilt = user.publish({})
    changed = user.publish({"a.css": "changed"})

    assert [published["uploaded_files"] for published in (first, again, rebuilt, changed)] == [3, 0, 0, 1]
    assert changed["uploaded_bytes"] == len("changed")
    assert again["version"]["id"] == first["version"]["id"] != rebuilt["version"]["id"]
    assert {published["state"] for published in (first, again, rebuilt, changed)} == {"ready"}


def test_uncommitted_changes_are_warned_of_and_recorded(user: User) -> None:
    user.publish({"index.html": "1"})
    (user.repository / "dist" / "index.html").write_text("2")
    done = user.run("publish", "dist", "--json")

    assert "uncommitted" in done.stderr
    assert json.loads(done.stdout)["version"]["dirty"] is True


def test_losing_a_race_being_held_and_not_being_found_have_exit_codes_of_their_own(user: User) -> None:
    version = user.publish({"index.html": "1"})["version"]["id"]
    user.run("point", "production", version, "--reason", "x", "--if-generation", "3", expect=5)
    user.run("point", "production", version, "--reason", "x", "--if-generation", "0")
    user.run("hold", "production", "--reason", "freeze")
    refused = user.run("point", "production", version, "--reason", "x", "--json", expect=6)
    user.run("show", "fffffff", expect=3)
    user.run("point", "production", expect=2)

    assert json.loads(refused.stderr)["hold"]["reason"] == "freeze"
    assert refused.stdout == ""


def test_status_tells_until_when_a_pointer_is_held(user: User) -> None:
    user.run("hold", "production", "--reason", "freeze", "--until", "2099-01-01T00:00:00Z")
    assert "until 2099-01-01T00:00:00Z: freeze" in user.run("status").stdout


def test_whoever_holds_a_pointer_that_shows_nothing_is_told_so(user: User) -> None:
    version = user.publish({"index.html": "1"})["version"]["id"]
    user.run("point", "production", version, "--reason", "x")

    assert "prodution shows nothing yet" in user.run("hold", "prodution", "--reason", "freeze").stderr
    assert user.run("hold", "production", "--reason", "freeze").stderr == ""


def test_a_wrong_token_is_not_allowed_and_never_shown(user: User) -> None:
    user.server.token, kept = GUESSED_TOKEN, user.server.token
    try:
        done = user.run("versions", expect=4)
    finally:
        user.server.token = kept

    assert "pp_AAA" not in done.stdout + done.stderr


def test_every_looking_command_prints_json_and_nothing_else_on_standard_output(user: User) -> None:
    first = user.publish({"index.html": "1"})["version"]["id"]
    second = user.publish({"index.html": "2"})["version"]["id"]
    third = user.publish({"index.html": "3"})["version"]["id"]
    for version in (first, second, third):  # Each command is called twice, and there are two steps to roll back.
        user.run("point", "production", version, "--reason", "launch")
    commands = (
        ["versions"], ["show", first], ["pointers"], ["status"], ["history", "production"], ["diff", first, second],
        ["plan", "production", first], ["audit"], ["prune"], ["app", "list"], ["token", "list"], ["open", first],
        ["hold", "production", "--reason", "x"], ["unhold", "production"], ["app", "show"],
        ["rollback", "production", "--reason", "x"],
    )  # fmt: skip
    for command in commands:
        assert isinstance(user.json(*command), dict), command
        assert "\x1b" not in user.run(*command).stdout


def test_a_commit_message_cannot_steer_the_terminal(user: User) -> None:
    user.publish({"index.html": "1"}, "evil \x1b]0;title\x07 \x1b[2J end")

    assert "\x1b" not in user.run("versions").stdout


def test_checkout_gives_exactly_what_is_live_and_refuses_a_dirty_tree(user: User, tmp_path: Path) -> None:
    live = user.publish({"index.html": "live"})["version"]
    user.publish({"index.html": "newer"})
    user.run("point", "production", live["id"], "--reason", "launch")
    subprocess.run(["git", "clone", "-q", str(user.repository), str(tmp_path / "clone")], check=True)
    clone = tmp_path / "clone"
    (clone / "dist" / "index.html").write_text("mine")
    user.run("checkout", "production", expect=2, where=clone)
    subprocess.run(["git", "-C", str(clone), "checkout", "-q", "."], check=True)
    user.run("checkout", "production", "-b", "fix", where=clone)

    assert (clone / "dist" / "index.html").read_text() == "live"
    head = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert head.stdout.strip() == live["commit"]


def test_bisect_finds_the_first_bad_version(user: User) -> None:
    versions = [user.publish({"index.html": str(number)})["version"]["id"] for number in range(6)]
    bad = " ".join(versions[3:])
    command = f'case " {bad} " in *" $PULLPROD_VERSION "*) exit 1;; esac'
    found = user.json("bisect", "--good", versions[0], "--bad", versions[5], "--run", command)

    assert found["id"] == versions[3]


def test_a_revoked_version_is_gone_and_cannot_be_pointed_at(user: User) -> None:
    version = user.publish({"index.html": "secret"})["version"]["id"]
    user.publish({"index.html": "clean"})
    user.run("revoke", version, "--reason", "leaked key")

    assert user.json("show", version)["state"] == "revoked"
    user.run("point", "production", version, "--reason", "x", expect=1)


def test_a_reader_who_has_enough_is_no_error(user: User) -> None:
    user.publish({"index.html": "1"})
    command = f"{sys.executable} -m pullprod versions | head -c 0"
    environ = {**os.environ, "PULLPROD_URL": user.server.url, "PULLPROD_TOKEN": user.server.token}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env={**environ, "PULLPROD_APP": user.app},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
