"""Custom hosts: an app's claim on a name, and what the name led to before it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from .json import Json

# A name's DNS records, as the DNS service keeps them; nothing but its adapter looks inside.
Records = tuple[Mapping[str, Json], ...]


class Dns(str, Enum):
    """Whether DNS leads viewers of a name to this edge: not everywhere yet, everywhere, or not seen to by us."""

    PENDING = "pending"
    INSYNC = "insync"
    UNMANAGED = "unmanaged"


@dataclass(frozen=True, slots=True)
class Former:
    """What answered for a name, None for nothing, and its records, before it came: what it goes back to."""

    holder: str | None
    records: Records


@dataclass(frozen=True, slots=True)
class Claim:
    """An app's claim on a host, for one of its pointers; `pointer` is None while the name is being let go.

    `change` is the DNS change that is waited for, `left_at` when the records were first seen to lead elsewhere,
    `advice` the record that the owner has to create where DNS is unmanaged, `problem` what stands in the way.
    """

    host: str
    app: str
    pointer: str | None
    dns: Dns = Dns.PENDING
    former: Former | None = None
    change: str | None = None
    left_at: str | None = None
    advice: str | None = None
    problem: str | None = None


def claimed(known: Claim | None, host: str, app: str, pointer: str) -> Claim:
    """Return the claim for a pointer; one that was being let go comes back, and still knows what it goes back to."""
    if known is None:
        return Claim(host, app, pointer)
    if known.pointer is None:
        return Claim(host, app, pointer, former=known.former)
    return replace(known, pointer=pointer)


def let_go(claim: Claim) -> Claim:
    """Return the claim of a host that leaves."""
    return Claim(claim.host, claim.app, None, former=claim.former)
