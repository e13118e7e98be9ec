"""What a server writes anywhere, in a run that uses every secret there is: none of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.api import Api, Json, client, manifest
from tests.support.oidc import Issuer, issuer
from tests.support.server import PROGRAM, Server

# Every logger says all it has to say, that of the web server too.
VERBOSE = f"""
import logging, uvicorn.config
logging.basicConfig(level=logging.DEBUG)
uvicorn.config.LOG_LEVELS["warning"] = logging.DEBUG
{PROGRAM}
"""
RULE = {"repository": "acme/shop", "repository_id": "74", "repository_owner_id": "65", "role": "publisher"}
FILES = {"index.html": b"page", "a.js": b"code"}


@dataclass
class Run:
    """A server that tells everything, and the secrets that were used with it."""

    server: Server
    issuer: Issuer
    api: Api
    secrets: dict[str, str] = field(default_factory=dict)

    def use(self, **secrets: str) -> None:
        self.secrets |= secrets

    def written(self) -> Iterator[tuple[Path, bytes]]:
        """Yield every file that the server has written, logs first."""
        yield self.server.log, self.server.log.read_bytes()
        for path in sorted(self.server.data.rglob("*")):
            if path.is_file():
                yield path, path.read_bytes()

    def found(self) -> list[str]:
        files = list(self.written())
        return [
            f"{name} in {path.name}"
            for name, secret in self.secrets.items()
            for path, content in files
            if secret.encode() in content
        ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with ExitStack() as stack:
        made = stack.enter_context(issuer())
        data = tmp_path_factory.mktemp("verbose") / "data"
        server = Server(data, options=("--issuer", made.url), program=VERBOSE).start()
        stack.callback(server.stop)
        api = stack.enter_context(client(server.url, server.token))
        api.ok("PUT", "/v1/apps/shop", {"trust": [RULE]})
        yield Run(server, made, api, {"the first admin's token": server.token})


def test_nothing_that_is_written_has_a_secret_in_it(run: Run) -> None:
    proof, short = _exchange(run)
    version = _publish(run, short)
    _swap(run, version)
    _refusals(run, proof, short)
    _previews(run, version)
    run.server.restart()
    run.api.ok("GET", "/v1/apps/shop/audit")
    assert len(run.secrets) >= 12
    assert not run.found()
    assert not [line for line in run.server.rest() if any(secret in line for secret in run.secrets.values())]


def test_the_search_would_find_one(run: Run) -> None:
    assert b"DEBUG" in run.server.log.read_bytes()
    assert Run(run.server, run.issuer, run.api, {"what is no secret": RULE["repository"]}).found()


def _exchange(run: Run) -> tuple[str, str]:
    proof = run.issuer.token(f"http://localhost:{run.server.port}")
    with client(run.server.url, proof) as workflow:
        short = str(workflow.ok("POST", "/v1/token", {"app": "shop"})["token"])
        workflow.call("POST", "/v1/token", {"app": "shop"})  # Used before.
    run.use(proof=proof, proofs_signature=proof.rpartition(".")[2], short=short)
    return proof, short


def _publish(run: Run, short: str) -> str:
    with client(run.server.url, short) as workflow:
        begun = workflow.ok("POST", "/v1/apps/shop/versions", manifest("one", FILES))
        for number, item in enumerate(begun["uploads"]["items"]):
            run.use(**{f"signature of upload {number}": parse_qs(urlsplit(item["url"]).query)["signature"][0]})
            _tamper(workflow, item)
        workflow.send("shop", begun, FILES)
        version = str(begun["version"]["id"])
        workflow.ok("POST", f"/v1/apps/shop/versions/{version}/finalize", {})
    return version


def _tamper(workflow: Api, item: Json) -> None:
    """Send other bytes than were announced, and the same leave with another expiry."""
    workflow.upload(item, b"x" * item["size"])
    workflow.upload({**item, "url": item["url"].replace("expires=", "expires=9")}, b"x" * item["size"])


def _swap(run: Run, version: str) -> None:
    made = run.api.ok("POST", "/v1/tokens", {"name": "a person", "role": "releaser"})
    run.use(token=made["token"])
    with client(run.server.url, made["token"]) as person:
        assert person.point("shop", "production", version, headers={"Idempotency-Key": "once"}).status_code == 200
        person.call("POST", "/v1/apps/shop/pointers/production/rollback", {"reason": "a test"})
    run.use(successor=run.api.ok("POST", f"/v1/tokens/{made['id']}/rotate", {})["token"])
    run.api.ok("DELETE", f"/v1/tokens/{made['id']}")
    with client(run.server.url, made["token"]) as person:
        assert person.call("GET", "/v1/apps").status_code == 401


def _refusals(run: Run, proof: str, short: str) -> None:
    """Show secrets where they do not belong."""
    for secret in (proof, short, run.server.token):
        run.api.ok("POST", "/v1/apps/shop/trust/explain", {"token": secret})
        run.api.call("GET", f"/v1/apps/shop?token={secret}")
        run.api.call("PUT", "/v1/apps/shop/pointers/production", {"version": "branch:main", "token": secret})
        run.api.call("PUT", "/v1/apps/shop", data=b"{" + secret.encode())
        run.api.call("GET", f"/v1/nothing/{secret}")
        run.server.get("localhost", "/v1/apps", Authorization=f"Basic {secret}")
        run.server.get("localhost", "/v1/apps", Authorization=f"Bearer {secret}\u00e9".encode())


def _previews(run: Run, version: str) -> None:
    made = run.api.ok("PUT", "/v1/apps/shop/previews", {"access": "password"})
    login = base64.b64encode(f"shop:{made['password']}".encode()).decode()
    link = urlsplit(run.api.ok("POST", "/v1/apps/shop/shares", {"version": version})["url"])
    shared = parse_qs(link.query)["pullprod-share"][0]
    run.use(password=made["password"], login=login, link=shared, links_signature=shared.partition(".")[2])
    answer = run.server.get(link.netloc, f"/?{link.query}")
    assert answer.status == 302
    assert run.server.get(link.netloc, "/", Cookie=f"pullprod-share={shared}").status == 200
    assert run.server.get(link.netloc, "/", Authorization=f"Basic {login}").status == 200
    assert run.server.get(link.netloc, f"/a%00b?{link.query}").status == 302
    pin = run.server.get(
        f"production--shop.localhost:{run.server.port}", "/", Authorization=f"Basic {login}", Sec_Fetch_Mode="navigate"
    ).headers["set-cookie"]
    run.use(pins_signature=pin.partition(";")[0].rpartition(".")[2])
