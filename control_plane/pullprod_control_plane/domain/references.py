"""References: the ways in which a caller may name a version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from .errors import InvalidRequest
from .names import is_version_id

_PREFIX = re.compile(r"[0-9a-f]{7,40}")
_MAX_NAME = 255


class Kind(Enum):
    """What a reference names."""

    VERSION = "version"
    COMMIT = "commit"
    BRANCH = "branch"
    POINTER = "pointer"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference: its kind, and the id, prefix or name that follows."""

    kind: Kind
    name: str


def parse(text: str) -> Reference:
    """Return what `text` refers to: a version id, a commit prefix of 7 or more, `branch:x`, `pointer:x` or `tag:x`."""
    kind, colon, name = text.partition(":")
    if colon and kind in {"branch", "pointer", "tag"} and 0 < len(name) <= _MAX_NAME:
        return Reference(Kind(kind), name)
    lowered = text.lower()
    if is_version_id(lowered):
        return Reference(Kind.VERSION, lowered)
    if _PREFIX.fullmatch(lowered):
        return Reference(Kind.COMMIT, lowered)
    raise InvalidRequest(
        f"{text[:80]!r} is no reference: give a version id, 7 or more digits of a commit, "
        "branch:NAME, pointer:NAME or tag:NAME.",
        where="version",
    )
