"""How tokens are written: a prefix, 256 random bits, and a checksum of both.

So a typo, or what a scanner takes for a token, is told from one without a look-up.
"""

from __future__ import annotations

import base64
import re
import zlib
from enum import Enum

RANDOM_BYTES = 32
_FORM = re.compile(r"(ppr?_)[A-Za-z0-9_-]{43}([A-Za-z0-9_-]{6})")


class Prefix(str, Enum):
    """Whose token it is."""

    API = "pp_"
    RUN = "ppr_"  # Of a workflow run.


def written(prefix: Prefix, random: bytes) -> str:
    """Return the token that `random`, 32 bytes, make."""
    body = prefix.value + _text(random)
    return body + _checksum(body)


def prefix_of(text: str) -> Prefix | None:
    """Return whose token a text is, None if it is none as it stands."""
    found = _FORM.fullmatch(text)
    if found is None or _checksum(text[: found.start(2)]) != found[2]:
        return None
    return Prefix(found[1])


def _checksum(body: str) -> str:
    return _text(zlib.crc32(body.encode()).to_bytes(4, "big"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
