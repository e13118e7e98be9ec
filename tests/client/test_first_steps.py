"""What somebody new is told when a step was left out: what to do next."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.client import Shell, commit, git, write

# Writes to each file right after it was read.
MEDDLES = """
from pullprod.cli import main
from pullprod.package import digest

digest_of = digest.digest_of

def meddle(path, source):
    found = digest_of(path, source)
    with source.open("a") as file:
        file.write("more")
    return found

digest.digest_of = meddle
main()
"""


def test_without_an_address_it_names_the_ways_to_give_one_before_anything_is_read(shell: Shell) -> None:
    del shell.environ["PULLPROD_URL"]
    write(shell.directory / "dist", {"cannot\\be published": ""})
    sentence = shell.error("publish", "dist", expect=2)
    assert "Set PULLPROD_URL, or give --url; `pullprod serve` starts one here." in sentence


def test_without_an_app_it_names_the_ways_to_give_one(shell: Shell) -> None:
    del shell.environ["PULLPROD_APP"]
    sentence = shell.error("publish", "dist", expect=2)
    assert all(way in sentence for way in ("pullprod.toml", "PULLPROD_APP", "--app"))


def test_without_a_server_it_asks_whether_it_is_running(shell: Shell) -> None:
    shell.environ["PULLPROD_URL"] = "http://localhost:1"
    assert "http://localhost:1 does not answer: connection refused. Is it running?" in shell.error("status", expect=1)


@pytest.mark.parametrize("token", ["pp_made_up", ""])
def test_without_a_valid_token_it_says_where_it_belongs_and_who_makes_one(shell: Shell, token: str) -> None:
    shell.environ["PULLPROD_TOKEN"] = token
    sentence = shell.error("publish", "dist", expect=4)
    assert "PULLPROD_TOKEN has no token that this control plane knows" in sentence
    assert "pullprod token create" in sentence


def test_an_app_that_nobody_created_is_named_with_the_command_that_does(shell: Shell) -> None:
    shell.environ["PULLPROD_APP"] = "shoop"
    sentence = shell.error("publish", "dist", expect=3)
    assert "'shoop'" in sentence
    assert "pullprod app create" in sentence


@pytest.mark.parametrize(
    ("words", "help_command"),
    [
        (["point", "production"], "pullprod point --help"),
        (["point", "production", "branch:main"], "pullprod point --help"),
        (["publsh"], "pullprod --help"),
        (["app", "make"], "pullprod app --help"),
        (["versions", "--al"], "pullprod versions --help"),
    ],
)
def test_a_command_that_is_not_complete_names_the_help_to_read(
    shell: Shell, words: list[str], help_command: str
) -> None:
    assert f"See `{help_command}`." in shell.error(*words, expect=2)


def test_a_detached_checkout_is_told_that_no_pointer_follows(shell: Shell) -> None:
    git(shell.directory, "checkout", "-q", "--detach")
    commit(shell.directory, "detached")
    assert "warning: git is on no branch here" in shell.run("publish", "dist").stderr
    assert "on no branch" not in shell.run("publish", "dist", "--branch", "main").stderr


def test_a_link_to_a_file_that_is_not_there_is_named(shell: Shell) -> None:
    (shell.directory / "dist" / "gone.html").symlink_to("built-later.html")
    assert "'gone.html' cannot be read" in shell.error("publish", "dist", expect=2)


def test_files_that_change_while_they_are_published_are_named(shell: Shell) -> None:
    write(shell.directory / "dist", {"index.html": shell.environ["PULLPROD_APP"]})
    command = [sys.executable, "-c", MEDDLES, "publish", "dist"]
    done = subprocess.run(command, cwd=shell.directory, env=shell.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "changed while it was published. Let the build finish, then publish again." in done.stderr


def test_one_file_is_no_files(shell: Shell) -> None:
    alone = write(shell.directory.parent / "alone", {"index.html": "x"})
    assert ": 1 file, " in shell.run("publish", str(alone)).stderr
