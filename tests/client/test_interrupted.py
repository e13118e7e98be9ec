"""Publishes that are killed, and publishes that meet: what is repeated finishes, and nothing is published twice."""

from __future__ import annotations

import json
import secrets
import signal
import sys
from subprocess import PIPE, Popen, run

import pytest

from tests.support.client import Json, Shell, write
from tests.support.server import Server

FILES = 5
LARGE = 3_000_000

# Kills itself when the request of this number has been answered: 0 announces, then come the files, the last finalizes.
DIES = """
import os, signal, sys
from itertools import count
from pullprod.api import Api
from pullprod.cli import main
from pullprod.upload import Uploader

last, answered = int(sys.argv.pop(1)), count()

def counted(call):
    def calls(*given, **named):
        answer = call(*given, **named)
        if next(answered) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return calls

Api.call, Uploader._put = counted(Api.call), counted(Uploader._put)
main()
"""

# Kills itself in the middle of a file.
DIES_MIDWAY = """
import os, signal
from pullprod import upload
from pullprod.cli import main

pieces = upload._pieces

def breaks_off(file, source):
    yield next(pieces(file, source))
    os.kill(os.getpid(), signal.SIGKILL)

upload._pieces = breaks_off
main()
"""

# Says when it is about to make the call whose path ends like this, and makes it when it is told to.
WAITS = """
import sys
from pullprod.api import Api
from pullprod.cli import main

ending, call = [sys.argv.pop(1)], Api.call

def waits(self, method, path, *given):
    if ending and path.endswith(ending[0]):
        ending.clear()
        print("there", flush=True)
        sys.stdin.readline()
    return call(self, method, path, *given)

Api.call = waits
main()
"""


@pytest.fixture(autouse=True)
def site(shell: Shell) -> None:
    """Contents that no other app on this server has."""
    write(shell.directory / "dist", {f"{number}.html": secrets.token_hex() for number in range(FILES - 3)})
    write(shell.directory / "dist", {name: secrets.token_hex() for name in ("index.html", "app.js", "style.css")})


def killed(shell: Shell, program: str, *arguments: str) -> None:
    command = [sys.executable, "-c", program, *arguments, "publish", "dist"]
    done = run(command, cwd=shell.directory, env=shell.environ, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def finishes(shell: Shell, server: Server) -> Json:
    """Publish again, and return what that did; there is one version, whole."""
    done = shell.json("publish", "dist")
    assert done["state"] == "ready"
    assert [version["id"] for version in shell.json("versions")["items"]] == [done["version"]["id"]]
    for path in (shell.directory / "dist").iterdir():
        assert server.get(done["version"]["url"].split("/")[2], f"/{path.name}").body == path.read_bytes()
    assert shell.json("audit")["ok"]
    return done


@pytest.mark.parametrize("last", range(FILES + 2))
def test_a_publish_that_is_killed_is_finished_by_the_next(shell: Shell, server: Server, last: int) -> None:
    killed(shell, DIES, str(last))
    assert finishes(shell, server)["uploaded_files"] <= max(FILES - last, 0)


def test_a_publish_that_is_killed_in_the_middle_of_a_file_is_finished_by_the_next(shell: Shell, server: Server) -> None:
    (shell.directory / "dist" / "index.html").write_bytes(secrets.token_bytes(LARGE))
    killed(shell, DIES_MIDWAY)
    assert finishes(shell, server)["uploaded_bytes"] >= LARGE


@pytest.mark.parametrize("ending", ["/versions", "/finalize"])
def test_two_publishes_of_one_commit_at_once_both_succeed_with_the_same_version(
    shell: Shell, server: Server, ending: str
) -> None:
    command = [sys.executable, "-c", WAITS, ending, "publish", "dist", "--json"]
    both = [
        Popen(command, cwd=shell.directory, env=shell.environ, text=True, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        for _ in range(2)
    ]
    for one in both:
        assert one.stdout
        assert one.stdout.readline() == "there\n"
    for one in both:
        assert one.stdin
        one.stdin.write("\n")
        one.stdin.flush()
    told = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], told
    assert len({json.loads(said)["version"]["id"] for said, _ in told}) == 1
    assert finishes(shell, server)["uploaded_files"] == 0
