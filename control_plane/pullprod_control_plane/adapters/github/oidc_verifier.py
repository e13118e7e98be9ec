"""Verifies the tokens that GitHub gives to workflow runs.

The issuer is looked up in an allow-list before anything else is done with a token, and its keys come from a fixed
address below it: nothing in a token says where to look. Tokens: https://docs.github.com/actions/reference/security/oidc
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ...domain.errors import Busy, Unauthenticated
from ...ports import Clock

_KEYS_PATH = "/.well-known/jwks"

MAX_TOKEN = 16_384  # GitHub's have about 2,000 characters.
_LEEWAY_S = 30
_LONGEST_S = 3_600  # GitHub's live 5 to 10 minutes. A longer one was not made by GitHub.
_FRESH_S = 600
_COOL_DOWN_S = 30
_MIN_BITS = 2_048
_REQUIRED = ["iss", "aud", "exp", "nbf", "iat", "jti"]
_ELSEWHERE = ("jwk", "jku", "x5c", "x5u")


class IssuerKeys:
    """The signing keys of one issuer, by `kid`, fetched when needed and kept through an outage.

    An unknown `kid` may be a new key, so it is looked for, but not more often than every 30 seconds.
    """

    def __init__(self, url: str, fetch: Callable[[str], Any], clock: Clock) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched = float("-inf")
        self._tried = float("-inf")

    def find(self, kid: str) -> RSAPublicKey | None:
        """Return the key, or None if the issuer has none of that name.

        Raises:
            Busy: the issuer does not answer, and no keys are known yet.
        """
        with self._lock:
            now = self._clock.now().timestamp()
            due = kid not in self._keys or abs(now - self._fetched) > _FRESH_S
            if due and abs(now - self._tried) > _COOL_DOWN_S:
                self._tried = now
                self._refresh(now)
            if not self._keys:
                raise Busy("The keys of the token's issuer cannot be fetched now. Try again in half a minute.")
            return self._keys.get(kid)

    def _refresh(self, now: float) -> None:
        try:
            self._keys = _usable(self._fetch(self._url)) or self._keys
            self._fetched = now
        except (OSError, ValueError):
            return  # An outage: the keys that are known go on being good.


def _usable(document: Any) -> dict[str, RSAPublicKey]:
    """Return the RSA keys for signatures; a `kid` that stands there twice is no name for either."""
    keys: dict[str, RSAPublicKey] = {}
    twice: set[str] = set()
    listed = document.get("keys") if isinstance(document, dict) else None
    for entry in listed if isinstance(listed, list) else []:
        kid = entry.get("kid") if isinstance(entry, dict) else None
        key = _rsa_key(entry) if isinstance(kid, str) else None
        if not isinstance(kid, str) or key is None:
            continue
        if kid in keys:
            twice.add(kid)
        keys[kid] = key
    return {kid: key for kid, key in keys.items() if kid not in twice}


def _rsa_key(entry: Mapping[str, Any]) -> RSAPublicKey | None:
    if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    try:
        key = jwt.PyJWK.from_dict(dict(entry), "RS256").key
    except jwt.PyJWTError:
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _MIN_BITS else None


class OidcVerifier:
    """Verifier. `audience` is the control plane's own address, `issuers` are compared letter by letter.

    `fetch` returns the JSON document at an address, and raises OSError or ValueError when there is none.
    """

    def __init__(self, audience: str, clock: Clock, fetch: Callable[[str], Any], issuers: Sequence[str]) -> None:
        self._audience = audience
        self._clock = clock
        self._keys = {issuer: IssuerKeys(issuer + _KEYS_PATH, fetch, clock) for issuer in issuers}

    def verify(self, token: str) -> Mapping[str, str]:
        """Return the claims of a token that is genuine, meant for us and valid now; times as decimal seconds.

        Raises:
            Unauthenticated: it is not; `reason` is stable and says why.
            Busy: the issuer's keys cannot be fetched.
        """
        header, unverified = _parsed(token)
        kid = _checked_header(header)
        issuer = unverified.get("iss")
        if not isinstance(issuer, str) or issuer not in self._keys:
            raise _refused("issuer", f"The token was not issued by one of {', '.join(self._keys)}.")
        key = self._keys[issuer].find(kid)
        if key is None:
            raise _refused("key", "The token is signed with a key that its issuer does not have.")
        _check_signature(token, key)
        return self._checked_claims(unverified)

    def _checked_claims(self, claims: Mapping[str, Any]) -> Mapping[str, str]:
        if absent := [name for name in _REQUIRED if name not in claims]:
            raise _refused("claim-absent", f"The token has no {absent[0]}.", claim=absent[0])
        if claims["aud"] != self._audience:
            raise _refused(
                "audience",
                f"The token is not meant for us: ask for one with the audience {self._audience}.",
                claim="aud",
                audience=self._audience,
            )
        self._check_times({name: _seconds(claims, name) for name in ("exp", "nbf", "iat")})
        return _texts(claims)

    def _check_times(self, times: Mapping[str, int]) -> None:
        now = self._clock.now().timestamp()
        if times["exp"] <= now - _LEEWAY_S:
            raise _refused("expired", "The token has expired: ask for a new one for each call.", claim="exp")
        if times["nbf"] > now + _LEEWAY_S or times["iat"] > now + _LEEWAY_S:
            raise _refused("not-yet-valid", "The token is not valid yet: is the clock right?", claim="nbf")
        if times["exp"] - times["iat"] > _LONGEST_S:
            raise _refused("lifetime", f"The token lives for more than {_LONGEST_S} s.", claim="exp")


def _parsed(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims as they stand, of a token of bounded size whose parts are JSON objects."""
    if len(token) > MAX_TOKEN:
        raise _refused("size", f"The token has more than {MAX_TOKEN:,} characters.")
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _refused("format", "This is no token: three parts of base64url with dots between are.") from None
    return parts["header"], parts["payload"]


def _checked_header(header: Mapping[str, Any]) -> str:
    if header.get("alg") != "RS256":
        raise _refused("algorithm", "The token is not signed with RS256.")
    if named := [name for name in _ELSEWHERE if name in header]:
        raise _refused("header", f"The token's header has {named[0]}, which no token of GitHub has.")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise _refused("key", "The token does not name the key that signed it.")
    return kid


def _check_signature(token: str, key: RSAPublicKey) -> None:
    try:
        jwt.api_jws.decode(token, key, algorithms=["RS256"])
    except (jwt.PyJWTError, ValueError):
        raise _refused("signature", "The token's signature is not that of its issuer.") from None


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise _refused("claim-type", f"The token's {name} is no time in seconds.", claim=name)
    return value


def _texts(claims: Mapping[str, Any]) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for name, value in claims.items():
        if name in {"exp", "nbf", "iat"}:
            texts[name] = str(value)
        elif not isinstance(value, str) or not value.isprintable():
            raise _refused(
                "claim-type", f"The token's {name[:40]} is no text of printable characters.", claim=name[:40]
            )
        else:
            texts[name] = value
    return texts


def _refused(reason: str, detail: str, **facts: str) -> Unauthenticated:
    return Unauthenticated(detail, reason=reason, **facts)
