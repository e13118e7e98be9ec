"""Tokens that must be refused, each with its reason; all else about them is as in a good one, which has its key "a"."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from cryptography.hazmat.primitives import serialization

from pullprod_control_plane.adapters.github.oidc_verifier import MAX_TOKEN
from tests.support.oidc import AUDIENCE, CLAIMS, ISSUER, assembled, jwk, private_key, times, token

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
HEADER = {"alg": "RS256", "typ": "JWT", "kid": "a"}


def claims(**changed: Any) -> dict[str, Any]:
    return {**CLAIMS, **times(NOW), **changed}


def good(**changed: Any) -> str:
    return token(claims(**changed), private_key("a"))


def _hs256_with_the_public_key() -> str:
    pem = (
        private_key("a")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    unsigned = assembled({**HEADER, "alg": "HS256"}, claims()).rstrip(".")
    mac = hmac.new(pem, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _with_header(**changed: Any) -> str:
    return token(claims(), private_key("a"), **changed)


def _own_key_in(name: str, value: Any) -> str:
    return token(claims(), private_key("x"), **{name: value})


def _tampered(**changed: Any) -> str:
    header, _, signature = good().split(".")
    payload = assembled({}, claims(**changed)).split(".")[1]
    return f"{header}.{payload}.{signature}"


def _deep(levels: int) -> str:
    return "[" * levels + "]" * levels


BAD: dict[str, tuple[str, Callable[[], str]]] = {
    "algorithm none": ("algorithm", lambda: assembled({**HEADER, "alg": "none"}, claims())),
    "algorithm None": ("algorithm", lambda: assembled({**HEADER, "alg": "None"}, claims())),
    "no algorithm": ("algorithm", lambda: assembled({"kid": "a"}, claims())),
    "algorithm of another type": ("algorithm", lambda: assembled({**HEADER, "alg": ["RS256"]}, claims())),
    "HS256 with the public key": ("algorithm", _hs256_with_the_public_key),
    "RS512": ("algorithm", lambda: assembled({**HEADER, "alg": "RS512"}, claims(), b"x" * 256)),
    "PS256": ("algorithm", lambda: assembled({**HEADER, "alg": "PS256"}, claims(), b"x" * 256)),
    "ES256": ("algorithm", lambda: assembled({**HEADER, "alg": "ES256"}, claims(), b"x" * 64)),
    "rs256 in lower case": ("algorithm", lambda: assembled({**HEADER, "alg": "rs256"}, claims(), b"x" * 256)),
    "no signature": ("signature", lambda: assembled(HEADER, claims())),
    "signature of another token": ("signature", lambda: f"{assembled(HEADER, claims())}{good().split('.')[2]}"),
    "signed with a stranger's key": ("signature", lambda: token(claims(), private_key("x"))),
    "signed with another key of the issuer": ("signature", lambda: token(claims(), private_key("b"))),
    "signature cut short": ("signature", lambda: good()[:-6]),
    "claims changed after signing": ("signature", lambda: _tampered(repository_id="1")),
    "time changed after signing": ("signature", lambda: _tampered(exp=int(NOW.timestamp()) + 3_000)),
    "unknown kid": ("key", lambda: _with_header(kid="nobody")),
    "empty kid": ("key", lambda: _with_header(kid="")),
    "no kid": ("key", lambda: assembled({"alg": "RS256"}, claims(), b"x" * 256)),
    "kid of another type": ("format", lambda: assembled({**HEADER, "kid": 7}, claims(), b"x" * 256)),
    "kid that is a path": ("key", lambda: _with_header(kid="../../dev/null")),
    "kid that is a query": ("key", lambda: _with_header(kid="a' OR '1'='1")),
    "kid with a null byte": ("key", lambda: _with_header(kid="a\0")),
    "embedded jwk": ("header", lambda: _own_key_in("jwk", jwk("a", private_key("x")))),
    "jku": ("header", lambda: _own_key_in("jku", "https://evil.example.com/jwks")),
    "jku of the issuer": ("header", lambda: _own_key_in("jku", f"{ISSUER}/.well-known/jwks")),
    "x5c": ("header", lambda: _own_key_in("x5c", ["MIIB"])),
    "x5u": ("header", lambda: _own_key_in("x5u", "https://evil.example.com/cert")),
    "crit": ("format", lambda: assembled({**HEADER, "crit": ["exp"], "exp": 1}, claims(), b"x" * 256)),
    "no issuer": ("issuer", lambda: good(iss=None)),
    "empty issuer": ("issuer", lambda: good(iss="")),
    "issuer with a slash": ("issuer", lambda: good(iss=f"{ISSUER}/")),
    "issuer in another case": ("issuer", lambda: good(iss=ISSUER.replace("token", "Token"))),
    "issuer over http": ("issuer", lambda: good(iss=ISSUER.replace("https", "http"))),
    "look-alike host": ("issuer", lambda: good(iss="https://token.actions.githubusercontent.com.evil.example")),
    "look-alike letters": ("issuer", lambda: good(iss="https://token.actions.githubusercontent.c\u043em")),
    "issuer with a user": ("issuer", lambda: good(iss="https://token.actions.githubusercontent.com@evil.example")),
    "another enterprise": ("issuer", lambda: good(iss=f"{ISSUER}/other-enterprise")),
    "two issuers": ("issuer", lambda: assembled(HEADER, claims(iss=[ISSUER]), b"x" * 256)),
    "no audience": ("claim-absent", lambda: good(aud=None)),
    "GitHub's default audience": ("audience", lambda: good(aud="https://github.com/acme")),
    "a second audience": ("audience", lambda: good(aud=[AUDIENCE, "https://other.example.com"])),
    "audience in a list": ("audience", lambda: good(aud=[AUDIENCE])),
    "audience that starts like ours": ("audience", lambda: good(aud=f"{AUDIENCE}.evil.example")),
    "audience with a slash": ("audience", lambda: good(aud=f"{AUDIENCE}/")),
    "audience in another case": ("audience", lambda: good(aud=AUDIENCE.upper())),
    "empty audience": ("audience", lambda: good(aud="")),
    "expired": ("expired", lambda: good(iat=1, nbf=1, exp=300)),
    "expired a minute ago": ("expired", lambda: good(exp=int(NOW.timestamp()) - 60)),
    "no exp": ("claim-absent", lambda: good(exp=None)),
    "no iat": ("claim-absent", lambda: good(iat=None)),
    "no nbf": ("claim-absent", lambda: good(nbf=None)),
    "no jti": ("claim-absent", lambda: good(jti=None)),
    "not yet valid": ("not-yet-valid", lambda: good(nbf=int(NOW.timestamp()) + 60)),
    "issued in the future": ("not-yet-valid", lambda: good(iat=int(NOW.timestamp()) + 60)),
    "lives for a day": ("lifetime", lambda: good(exp=int(NOW.timestamp()) + 86_400)),
    "exp as a text": ("claim-type", lambda: good(exp="9999999999")),
    "exp as a fraction": ("claim-type", lambda: good(exp=NOW.timestamp() + 60.5)),
    "exp as truth": ("claim-type", lambda: good(exp=True)),
    "exp below zero": ("claim-type", lambda: good(exp=-1)),
    "exp beyond all time": ("claim-type", lambda: good(exp=10**30)),
    "exp as infinity": ("claim-type", lambda: good(exp=float("inf"))),
    "iat as a text": ("claim-type", lambda: good(iat="1")),
    "nbf as a list": ("claim-type", lambda: good(nbf=[1])),
    "repository_id as a number": ("claim-type", lambda: good(repository_id=74)),
    "repository_id as a list": ("claim-type", lambda: good(repository_id=["74"])),
    "ref as an object": ("claim-type", lambda: good(ref={"name": "refs/heads/main"})),
    "environment as truth": ("claim-type", lambda: good(environment=True)),
    "event_name with a line break": ("claim-type", lambda: good(event_name="push\nadmin")),
    "a text that turns its direction": ("claim-type", lambda: good(repository="acme/\u202eshop")),
    "a text with a null byte": ("claim-type", lambda: good(ref="refs/heads/main\0")),
    "one megabyte": ("size", lambda: good(repository="x" * 1_000_000)),
    "just too long": ("size", lambda: "a" * (MAX_TOKEN + 1)),
    "empty": ("format", lambda: ""),
    "dots alone": ("format", lambda: ".."),
    "two parts": ("format", lambda: good().rpartition(".")[0]),
    "four parts": ("format", lambda: f"{good()}.x"),
    "five parts, as encrypted ones have": ("format", lambda: f"{good()}.x.y"),
    "cut in the middle": ("format", lambda: good()[: len(good()) // 2]),
    "a space before": ("format", lambda: f" {good()}"),
    "a line break after": ("format", lambda: f"{good()}\n"),
    "a space inside": ("format", lambda: good().replace(".", " .", 1)),
    "letters beyond ASCII": ("format", lambda: good().replace("e", "\u0435", 1)),
    "a full stop of another alphabet": ("format", lambda: good().replace(".", "\u3002")),
    "standard base64": ("format", lambda: f"{good()}==+/"),
    "header is a list": ("format", lambda: assembled([1], claims())),
    "payload is a list": ("format", lambda: assembled(HEADER, [1], b"x" * 256)),
    "payload is a number": ("format", lambda: assembled(HEADER, 7, b"x" * 256)),
    "payload is no JSON": ("format", lambda: assembled(HEADER, "{", b"x" * 256)),
    "header is no JSON": ("format", lambda: assembled("{alg}", claims())),
    "deep header": ("format", lambda: assembled(_deep(5_000), claims())),
    "deep payload": ("format", lambda: assembled(HEADER, _deep(5_000), b"x" * 256)),
    "deep claim": ("format", lambda: assembled(HEADER, f'{{"iss": {_deep(5_000)}}}', b"x" * 256)),
    "a number of thousands of digits": ("format", lambda: assembled(HEADER, '{"exp": ' + "9" * 6_000 + "}", b"x")),
    "an API token": ("format", lambda: "pp_" + "a" * 43),
}
