"""What reaches a terminal, whatever happens behind it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.support.api import wait_until
from tests.support.client import Answer, Faulty, Shell, commit, git, problem, says

HOSTILE = "\x1b[2J\x1b]0;owned\x07 ü \x9b31m\u202e evil"


@pytest.fixture
def lost(broken: Faulty, shell: Shell) -> Shell:
    """Return a shell whose control plane is the faulty one."""
    shell.environ["PULLPROD_URL"] = broken.url
    return shell


def test_nothing_in_a_message_or_reason_steers_the_terminal(shell: Shell) -> None:
    git(shell.directory, "commit", "-q", "--allow-empty", "-m", HOSTILE)
    version = shell.json("publish", "dist")["version"]
    assert version["message"] == HOSTILE
    shell.run("point", "production", version["id"], "--reason", HOSTILE)
    shell.run("hold", "production", "--reason", HOSTILE)
    told = [
        shell.run(*line.split())
        for line in ("versions", "show branch:main", "status", "history production", "pointers")
    ]
    told.append(shell.run("plan", "production", version["id"]))
    told.append(shell.run("point", "production", version["id"], "--reason", "x", expect=6))
    for done in told:
        shown = done.stdout + done.stderr
        assert "evil" in shown or "refused" in shown
        assert not set("\x1b\x07\x9b\u202e") & set(shown)


@pytest.mark.parametrize("url", ["https://3f9c--shop.example.com/", "file:///etc/passwd", "x-run://it", "--help"])
def test_an_address_is_opened_only_if_it_is_a_page_s(lost: Shell, broken: Faulty, url: str, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >"{tmp_path}/opened"\n')
    browser.chmod(0o755)
    broken.usual = says(200, {"url": url})
    lost.environ.pop("CI", None)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pullprod", "open", "pointer:production"]
    environ = {**lost.environ, "BROWSER": str(browser)}
    done = subprocess.run(command, cwd=lost.directory, env=environ, stdout=theirs, stderr=subprocess.PIPE, check=True)
    os.close(theirs)
    os.close(ours)
    opened = tmp_path / "opened"
    assert (opened.read_text().strip() if opened.exists() else None) == (url if url.startswith("https") else None)
    assert (b"No browser" in done.stderr) == (not url.startswith("https"))


def test_json_carries_hostile_text_without_the_characters_themselves(shell: Shell) -> None:
    git(shell.directory, "commit", "-q", "--allow-empty", "-m", HOSTILE)
    done = shell.run("publish", "dist", "--json")
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["version"]["message"] == HOSTILE


def test_a_terminal_that_cannot_show_a_character_gets_its_code(shell: Shell) -> None:
    commit(shell.directory, "日本")
    shell.run("publish", "dist")
    shell.environ["PYTHONIOENCODING"] = "latin-1"
    assert r"\u65e5\u672c" in shell.run("versions").stdout


def drawn(shell: Shell, **environ: str) -> tuple[str, str]:
    """Publish with standard error on a terminal, and return both outputs."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pullprod", "publish", "dist"]
    given = {**shell.environ, "TERM": "xterm", **environ}
    done = subprocess.run(command, cwd=shell.directory, env=given, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65_536):
            shown += piece
    except OSError:  # This is how Linux says that nobody has the other end.
        pass
    finally:
        os.close(ours)
    return done.stdout.decode(), shown.decode()


def test_bars_are_drawn_on_a_terminal_only_beside_the_result(shell: Shell) -> None:
    result, shown = drawn(shell)
    assert "\x1b[" in shown
    assert result.startswith("http://")
    assert "\x1b" not in result


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("CI", "true")])
def test_nothing_is_drawn_where_it_is_not_wanted(shell: Shell, name: str, value: str) -> None:
    _, shown = drawn(shell, **{name: value})
    assert "sent" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("arguments", [["app", "list"], ["--help"], ["versions", "--help"]], ids=" ".join)
def test_a_reader_that_has_enough_is_no_failure(shell: Shell, arguments: list[str]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "pullprod", *arguments]
    options: dict[str, Any] = {"cwd": shell.directory, "env": shell.environ, "stderr": subprocess.PIPE}
    done = subprocess.run(command, stdout=theirs, check=False, **options)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_is_told(shell: Shell) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "pullprod", "app", "list"]
        options: dict[str, Any] = {"cwd": shell.directory, "env": shell.environ, "stderr": subprocess.PIPE}
        done = subprocess.run(command, stdout=full, check=False, text=True, **options)
    assert done.returncode == 1
    assert done.stderr == "error: The system: No space left on device.\n"


def stalled(release: Event) -> Answer:
    def answer(handler: Any) -> None:
        release.wait(60)
        handler.close_connection = True

    return answer


def interrupt(shell: Shell, broken: Faulty, method: str, *arguments: str) -> tuple[int, str]:
    """Press Ctrl-C once the server has been asked, and return exit code and standard error."""
    command = [sys.executable, "-m", "pullprod", *arguments]
    running = subprocess.Popen(
        command, cwd=shell.directory, env=shell.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: any(request.method == method for request in broken.seen))
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    return running.returncode, said


def test_ctrl_c_ends_a_call_that_is_not_answered(lost: Shell, broken: Faulty) -> None:
    release = Event()
    broken.usual = stalled(release)
    exit_code, said = interrupt(lost, broken, "GET", "versions")
    release.set()
    assert (exit_code, said.strip()) == (130, "error: Interrupted. What has arrived is kept.")


def test_ctrl_c_ends_uploads_that_are_not_answered(lost: Shell, broken: Faulty) -> None:
    release = Event()

    def answer(handler: Any) -> None:
        if handler.command == "PUT":
            stalled(release)(handler)
            return
        announced = json.loads(broken.seen[-1].body)
        items = [{**file, "url": f"{broken.url}/put", "headers": {}} for file in announced["files"]]
        begun = {"version": {"id": "v", "state": "uploading"}, "missing_files": 3, "missing_bytes": 16}
        says(201, {**begun, "uploads": {"items": items, "next_cursor": None}})(handler)

    broken.usual = answer
    exit_code, said = interrupt(lost, broken, "PUT", "publish", "dist", "--json")
    release.set()
    assert exit_code == 130
    assert json.loads(said)["code"] == "interrupted"


# Reads one file at once and never gets to the end of it, as from a network drive that says nothing.
STUCK = """
import threading
from pullprod.cli import main
from pullprod.package import digest

def hang(path, source):
    print("reading", flush=True)
    threading.Event().wait()

digest.digest_of = hang
main()
"""


def test_ctrl_c_ends_the_hashing_of_files_that_cannot_be_read_to_their_end(shell: Shell) -> None:
    command = [sys.executable, "-c", STUCK, "publish", "dist"]
    options: dict[str, Any] = {"cwd": shell.directory, "env": shell.environ, "text": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "reading\n"
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said.strip()) == (130, "error: Interrupted. What has arrived is kept.")


def test_what_is_decided_but_not_shown_in_time_has_its_own_exit_code(lost: Shell, broken: Faulty) -> None:
    pointer = {"name": "production", "version": "v", "generation": 3, "state": "applying", "hold": None, "url": "x"}
    broken.usual = says(202, {"pointer": pointer, "swap": {"generation": 3, "from": None}})
    done = lost.run("point", "production", "v", "--reason", "x", "--timeout", "0", "--json", expect=7)
    found = json.loads(done.stderr)
    assert (found["code"], found["pointer"]["generation"]) == ("not-live", 3)
    assert "pullprod status" in found["detail"]


def test_a_swap_that_shows_after_a_while_is_waited_for(lost: Shell, broken: Faulty) -> None:
    pointer = {"name": "production", "version": "v", "generation": 3, "state": "applying", "hold": None, "url": "x"}
    swap = {"generation": 3, "from": None}
    broken.script = [says(202, {"pointer": pointer, "swap": swap}), says(200, {**pointer, "state": "applied"})]
    assert lost.json("point", "production", "v", "--reason", "x")["pointer"]["state"] == "applied"


@pytest.mark.parametrize(
    "answer",
    [
        says(200, {"unheard": "of"}),
        says(200, {"items": [7], "next_cursor": None}),
        says(200, "<html>"),
        says(302),
        problem(500, "internal"),
    ],
)
def test_an_answer_that_nobody_foresaw_is_one_line(lost: Shell, broken: Faulty, answer: Answer) -> None:
    broken.usual = answer
    sentence = lost.error("versions", expect=1)
    assert lost.environ["PULLPROD_TOKEN"] not in sentence


def test_a_file_that_cannot_be_read_is_one_line(shell: Shell) -> None:
    assert "Is a directory" in shell.error("app", "set", "x", "--from", "/", expect=1)


def test_http_elsewhere_is_refused_before_the_token_is_sent(shell: Shell) -> None:
    shell.environ["PULLPROD_URL"] = "http://pullprod.example.com"
    assert "in the clear" in shell.error("versions", expect=2)
