"""One server that trusts an issuer on loopback, and GitHub's API; each test has an app, a checkout and a job."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.api import Api, client
from tests.support.client import commit, repository, write
from tests.support.github import GitHub, github
from tests.support.oidc import Issuer, issuer
from tests.support.runner import Job
from tests.support.server import Server, running

WHO = {"repository": "acme/shop", "repository_id": "74", "repository_owner_id": "65"}
PUBLISHER = {**WHO, "role": "publisher"}
RELEASER = {**WHO, "role": "releaser", "pointers": ["production", "next", "main"], "environment": "production"}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No git setting of whoever runs the tests reaches them."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(scope="session")
def identities() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture(scope="session")
def server(identities: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server") / "data", "--issuer", identities.url) as started:
        yield started


@pytest.fixture(scope="session")
def admin(server: Server) -> Iterator[Api]:
    with client(server.url, server.token) as caller:
        yield caller


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with github() as running:
        yield running


@pytest.fixture
def app(admin: Api) -> str:
    return admin.app(f"app-{secrets.token_hex(6)}", trust=[PUBLISHER, RELEASER])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with one commit and a built site, whose contents no other test's has."""
    place = repository(tmp_path / "work" / "shop")
    commit(place, "first")
    write(place / "dist", {"index.html": f"<h1>{secrets.token_hex(6)}</h1>", "app.js": secrets.token_hex(4)})
    return place


@pytest.fixture
def job(checkout: Path, tmp_path: Path, server: Server, app: str, identities: Issuer, hub: GitHub) -> Iterator[Job]:
    """Return a job of a push that may identify itself, and whose steps are told address, app and directory."""
    (checkout / "pullprod.toml").write_text(f'app = "{app}"\n[site]\ndirectory = "dist"\n')
    commit(checkout, "configured")
    environ = {**identities.environ, "GITHUB_API_URL": hub.url}
    with ExitStack() as stack:
        stack.callback(identities.claims.clear)
        stack.callback(identities.faults.clear)
        yield Job(checkout, tmp_path / "temp", {"url": url(server)}, environ)


def url(server: Server) -> str:
    """Return the address that the control plane knows itself under."""
    return f"http://localhost:{server.port}"
