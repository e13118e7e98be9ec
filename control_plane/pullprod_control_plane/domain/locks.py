"""Locks: who may see an app's previews, and the signatures that edge/viewer_request.js compares."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum

from .errors import InvalidRequest

COOKIE = "pullprod-share"  # The parameter of a link has the same name.
SHORTEST_S = 60
LONGEST_S = 90 * 24 * 60 * 60
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 128
_PASSWORD = re.compile(rf"[ -~]{{{SHORTEST_PASSWORD},{LONGEST_PASSWORD}}}")


class Access(str, Enum):
    """Who may see previews: everybody, who has a link, who has a link or the password."""

    PUBLIC = "public"
    LINK = "link"
    PASSWORD = "password"  # noqa: S105 - a setting's name.


@dataclass(frozen=True, slots=True)
class Lock:
    """An app's lock. Every change has a new secret, so all links and the password from before it are worthless.

    `secret` signs links; `login` is the signature of what a browser sends for the password, which is kept nowhere.
    Both are None where they are not needed. Generation 0: never set, hence public.
    """

    app: str
    access: Access = Access.PUBLIC
    generation: int = 0
    secret: str | None = None
    login: str | None = None
    changed_at: str | None = None
    changed_by: str | None = None


def check_password(password: str) -> str:
    """Return `password` if it can be one, else raise InvalidRequest.

    The edge can only compare a fast hash, and cannot count guesses: nothing but length protects a password.
    """
    if not _PASSWORD.fullmatch(password):
        raise InvalidRequest(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} printable ASCII characters. "
            "Leave it out, and a good one is made.",
            where="password",
        )
    return password


def login(secret: str, app: str, password: str) -> str:
    """Return the signature of the `Authorization` header that browsers send for the app's name and a password."""
    return sign(secret, f"Basic {base64.b64encode(f'{app}:{password}'.encode()).decode()}")


def token(secret: str, label: str, ends: int) -> str:
    """Return what opens the preview whose first DNS label is `label` until a second since 1970."""
    return f"{ends}.{sign(secret, f'{label}.{ends}')}"


def sign(secret: str, text: str) -> str:
    """Return the HMAC-SHA256 of a text in base64url without padding."""
    made = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
