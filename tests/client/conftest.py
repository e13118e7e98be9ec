"""One real server for all tests of the client; each test has an app, a repository and a shell of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Faulty, Shell, commit, faulty, repository, write
from tests.support.server import Server, running


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests reaches them."""
    for name in ("PULLPROD_URL", "PULLPROD_TOKEN", "PULLPROD_APP", "NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "GITHUB_REF_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits that were asked for; none takes any time."""
    asked: list[float] = []
    monkeypatch.setattr("pullprod.api.time.sleep", asked.append)
    return asked


@pytest.fixture
def broken() -> Iterator[Faulty]:
    with faulty() as server:
        yield server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server") / "data") as started:
        yield started


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    """Return a shell in a repository with one commit and a built site, and an app on the server."""
    place = repository(tmp_path / "home" / "shop")
    commit(place, "first")
    write(place / "dist", {"index.html": "<h1>one</h1>", "app.js": "1", "style.css": "p{}"})
    app = f"app-{secrets.token_hex(6)}"
    environ = {"PULLPROD_URL": server.url, "PULLPROD_TOKEN": server.token, "PULLPROD_APP": app}
    user = Shell(place, environ)
    user.run("app", "create", app)
    return user
