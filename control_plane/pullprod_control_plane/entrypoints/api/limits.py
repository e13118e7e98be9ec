"""How often somebody may call, counted in this process alone: no call costs a write.

A token that a call succeeded with is counted by itself. Everything else is counted by the address that it comes from:
calls without a token, and tokens of which nothing good is known. So who guesses tokens slows down nobody who uses one.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from threading import Lock
from typing import TypeVar

from . import intake

Kept = TypeVar("Kept")

_KNOWN_AT_ONCE = 10_000  # Of each kind; who was not seen for the longest time is forgotten first.
# Success of these calls proves that the token is good; it takes none to ask for the API's health or description.
_PROVING = ("/v1/apps", "/v1/tokens")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls at once, and so many a second in the long run."""

    burst: float
    per_second: float


TOKEN_RATE = Rate(2_000, 200)
ADDRESS_RATE = Rate(300, 10)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the address, and a digest of the `Authorization` header, empty without one."""

    address: str
    token: str


def caller(address: str, authorization: str) -> Caller:
    """Return who calls from an address with this `Authorization` header (empty: none)."""
    digest = hashlib.sha256(authorization.encode("utf-8", "surrogateescape")).hexdigest() if authorization else ""
    return Caller(address, digest)


class Limits:
    """Admits calls, and learns from their answers which tokens are good. For many threads."""

    def __init__(
        self, token: Rate = TOKEN_RATE, address: Rate = ADDRESS_RATE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._good: OrderedDict[str, None] = OrderedDict()
        self._tokens = _Buckets(token, clock)
        self._addresses = _Buckets(address, clock)
        self._lock = Lock()

    def admit(self, caller: Caller) -> None:
        """Count a call.

        Raises:
            intake.Refused: too many came; it says in how many seconds the next is taken.
        """
        with self._lock:
            known = caller.token in self._good
            wait = self._tokens.take(caller.token) if known else self._addresses.take(caller.address)
        if wait:
            raise intake.too_many(ceil(wait))

    def learn(self, caller: Caller, path: str, status: int) -> None:
        """Remember whether the caller's token is good, by the status that a call of `path` was answered with."""
        with self._lock:
            if status == HTTPStatus.UNAUTHORIZED:
                self._good.pop(caller.token, None)
            elif caller.token and status < HTTPStatus.MULTIPLE_CHOICES and path.startswith(_PROVING):
                _touch(self._good, caller.token, None)


class _Buckets:
    """A token bucket for each key, full while it is not known."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one from a key's bucket; return 0, or the seconds until there is one again."""
        now = self._clock()
        left, since = self._kept.get(key, (self._rate.burst, now))
        left = min(self._rate.burst, left + (now - since) * self._rate.per_second)
        taken = left >= 1
        _touch(self._kept, key, (left - taken, now))
        return 0.0 if taken else (1 - left) / self._rate.per_second


def _touch(kept: OrderedDict[str, Kept], key: str, value: Kept) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _KNOWN_AT_ONCE:
        kept.popitem(last=False)
