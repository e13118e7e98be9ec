"""Tokens as GitHub issues them, and the keys that sign them, made once a process."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm

from tests.support.serving import serving

ISSUER = "https://token.actions.githubusercontent.com"
AUDIENCE = "https://pullprod.example.com"
REQUEST_TOKEN = "made-up-request-token"  # What a runner shows to ask for its identity.

# The claims of a token for a push, without its times. Names and order are those of GitHub's documentation.
CLAIMS: dict[str, Any] = {
    "jti": "df4a5b6e-0d1c-4c5f-9f43-0f5f8f2f7a11",
    "sub": "repo:acme@65/shop@74:ref:refs/heads/main",
    "aud": AUDIENCE,
    "ref": "refs/heads/main",
    "sha": "3f9c2a1b7d4e5f60718293a4b5c6d7e8f9012345",
    "repository": "acme/shop",
    "repository_owner": "acme",
    "actor_id": "12",
    "repository_visibility": "private",
    "repository_id": "74",
    "repository_owner_id": "65",
    "run_id": "9876543210",
    "run_number": "10",
    "run_attempt": "2",
    "runner_environment": "github-hosted",
    "actor": "octocat",
    "workflow": "publish",
    "head_ref": "",
    "base_ref": "",
    "event_name": "push",
    "ref_protected": "true",
    "ref_type": "branch",
    "workflow_ref": "acme/shop/.github/workflows/publish.yml@refs/heads/main",
    "workflow_sha": "3f9c2a1b7d4e5f60718293a4b5c6d7e8f9012345",
    "job_workflow_ref": "acme/shop/.github/workflows/publish.yml@refs/heads/main",
    "job_workflow_sha": "3f9c2a1b7d4e5f60718293a4b5c6d7e8f9012345",
    "check_run_id": "5551234",
    "enterprise": "acme-inc",
    "enterprise_id": "7",
    "iss": ISSUER,
}


@cache
def private_key(name: str = "a", bits: int = 2_048) -> RSAPrivateKey:
    """Return the key of that name, the same throughout a process."""
    del name
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def jwk(kid: str, key: RSAPrivateKey, **changed: Any) -> dict[str, Any]:
    """Return the public half of `key` as a JWKS lists it."""
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {**public, "kid": kid, "use": "sig", "alg": "RS256", **changed}


def times(now: datetime, lives: timedelta = timedelta(minutes=5)) -> dict[str, int]:
    """Return the times of a token issued at `now`; GitHub lets it be valid from ten minutes before."""
    issued = int(now.timestamp())
    return {"iat": issued, "nbf": issued - 600, "exp": issued + int(lives.total_seconds())}


def token(claims: dict[str, Any], key: RSAPrivateKey, **header: Any) -> str:
    """Return a token with these claims, signed with RS256; claims that are None are left out."""
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm="RS256", headers={"kid": "a", **header})


def assembled(header: Any, payload: Any, signature: bytes = b"") -> str:
    """Return a token of parts as they are given, however wrong: texts as they are, all else as JSON."""
    parts = [part.encode() if isinstance(part, str) else json.dumps(part).encode() for part in (header, payload)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, signature))


class Genuine:
    """Verifier: takes every token for genuine, with claims that the test sets."""

    def __init__(self, **changed: str) -> None:
        self._claims = {**CLAIMS, **changed}

    def verify(self, token: str) -> Mapping[str, str]:
        del token
        return self._claims


class Issuer:
    """An OIDC issuer on loopback: its key set, and tokens as a workflow run would get them.

    A runner asks for them over HTTP, as `environ` tells it; `claims` are what such tokens say other than a push's, and
    `faults` are statuses that the next requests are answered with instead.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {}
        self.faults: list[int] = []
        self.given: list[str] = []

    def token(self, audience: str, **changed: Any) -> str:
        """Return a token for a push, valid now, each with an id of its own; claims that are None are left out."""
        own = {"iss": self.url, "aud": audience, "jti": str(uuid.uuid4()), **times(datetime.now(timezone.utc))}
        return token({**CLAIMS, **own, **changed}, private_key("issuer"))

    @property
    def environ(self) -> dict[str, str]:
        """Return what a runner has in the environment of a job with `id-token: write`."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def answer(self, path: str, authorization: str) -> tuple[int, Any]:
        """Return status and JSON of a GET, as GitHub's token service gives them."""
        address = urlsplit(path)
        query = dict(parse_qsl(address.query))
        if address.path == "/.well-known/jwks":
            return 200, {"keys": [jwk("a", private_key("issuer"))]}
        if address.path != "/token" or query.get("api-version") != "2.0":
            return 404, {"message": "Not Found"}
        if authorization.lower() != f"bearer {REQUEST_TOKEN}".lower():
            return 401, {"message": "Unauthorized"}
        if self.faults:
            return self.faults.pop(0), {"message": "Try again"}
        self.given.append(self.token(query.get("audience", "https://github.com/acme"), **self.claims))
        return 200, {"count": 1, "value": self.given[-1]}


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Run an issuer for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, answer = made.answer(self.path, self.headers.get("Authorization", ""))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Issuer(f"http://127.0.0.1:{server.server_port}")
    with serving(server):
        yield made
