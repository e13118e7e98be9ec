"""`pullprod previews` and `pullprod share`: what they say, and that a link and a password work."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

import pytest

from tests.support.client import Shell
from tests.support.server import Server


def visit(server: Server, host: str, target: str, **headers: str) -> int:
    return server.get(host, target, **headers).status


def test_a_link_that_is_shared_opens_the_preview(server: Server, shell: Shell) -> None:
    version = shell.json("publish", "dist")["version"]
    host = urlsplit(version["url"]).netloc
    assert visit(server, host, "/") == 200
    assert shell.run("previews", "link").stdout == "Previews may be seen by who has a link (`pullprod share`).\n"
    assert visit(server, host, "/") == 403
    shared = shell.run("share", version["id"][:12], "--for", "12h")
    assert shared.stdout.count("\n") == 1
    assert "Whoever has this link may look until " in shared.stderr
    link = urlsplit(shared.stdout.strip())
    assert link.netloc == host
    assert visit(server, host, f"/?{link.query}") == 302
    assert visit(server, host, "/", Cookie=link.query) == 200


def test_a_password_is_made_and_shown_once(server: Server, shell: Shell) -> None:
    host = urlsplit(shell.json("publish", "dist")["version"]["url"]).netloc
    made = dict(line.split(": ", 1) for line in shell.run("previews", "password").stdout.splitlines()[1:])
    login = base64.b64encode(f"{made['user name']}:{made['password']}".encode()).decode()
    assert visit(server, host, "/") == 401
    assert visit(server, host, "/", Authorization=f"Basic {login}") == 200
    told = shell.run("previews")
    assert (made["password"] in told.stdout + told.stderr, "user name: " in told.stdout) == (False, True)


def test_a_password_may_be_given_where_no_list_of_processes_shows_it(server: Server, shell: Shell) -> None:
    host = urlsplit(shell.json("publish", "dist")["version"]["url"]).netloc
    done = shell.run("previews", "password", "--password-stdin", input="correct horse battery\n")
    assert "correct horse" not in done.stdout + done.stderr
    login = base64.b64encode(f"{shell.environ['PULLPROD_APP']}:correct horse battery".encode()).decode()
    assert visit(server, host, "/", Authorization=f"Basic {login}") == 200


@pytest.mark.parametrize("period", ["7", "7 days", "d", "0d", "-1d", "1w", "1.5h", "99999999d"])
def test_a_time_that_is_none_is_explained(shell: Shell, period: str) -> None:
    assert "30m, 12h or 7d" in shell.error("share", "branch:main", f"--for={period}", expect=2)


def test_a_time_that_is_too_long_is_refused_by_the_server(shell: Shell) -> None:
    assert "7776000" in shell.error("share", "branch:main", "--for", "91d", expect=2)


def test_where_everybody_may_look_there_is_nothing_to_share(shell: Shell) -> None:
    shell.run("publish", "dist")
    assert "pullprod previews link" in shell.error("share", "branch:main", expect=1)


def test_a_password_goes_with_a_password_only(shell: Shell) -> None:
    assert "previews password" in shell.error("previews", "link", "--password-stdin", expect=2)
