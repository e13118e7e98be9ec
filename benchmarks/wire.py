"""Every call that boto3's clients make: counted, timed, and each made slower by as much as a distance would."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import local
from typing import Any

from pullprod_control_plane.adapters.aws import clients
from scripts.emulators import without_account


@dataclass(frozen=True)
class Call:
    """One call, with when it began and ended, in seconds."""

    operation: str
    began: float
    ended: float


class Wire:
    """What the control plane's clients send, from when this is made."""

    def __init__(self) -> None:
        events = clients.session().events
        events.register("before-call.cloudfront-keyvaluestore", without_account)
        events.register("before-send", self._sent)
        events.register("response-received", self._answered)
        self._mine = local()
        self._delay = 0.0
        self._calls: list[Call] = []

    @contextmanager
    def watching(self, delay: float) -> Iterator[list[Call]]:
        """Collect calls, each of which begins `delay` seconds before it is sent."""
        self._delay, self._calls = delay, []
        try:
            yield self._calls
        finally:
            self._delay = 0.0

    def _sent(self, event_name: str, **_: Any) -> None:
        self._mine.call = (event_name.rpartition(".")[2], time.perf_counter())
        time.sleep(self._delay)

    def _answered(self, **_: Any) -> None:
        operation, began = self._mine.call
        self._calls.append(Call(operation, began, time.perf_counter()))


def in_sequence(calls: list[Call]) -> int:
    """Return how many of the calls were made one after another: the most of which no two overlap."""
    number, until = 0, 0.0
    for call in sorted(calls, key=lambda call: call.ended):
        if call.began >= until:
            number, until = number + 1, call.ended
    return number


def described(calls: list[Call]) -> str:
    """Return the operations, the most frequent first."""
    counted = Counter(call.operation for call in calls)
    return ", ".join(f"{number:,} {operation}" for operation, number in counted.most_common())
