"""Pending notes, and the setbacks of those that could not be finished.

A note says that something decided is not done yet; it is removed by the commit that records the end. Before the
reconciler works on one it writes down that it does, and until when it leaves it alone if nothing comes of it. So two
reconcilers do not work on the same note, one that kills the process does not stop the others, and one that fails
again and again is tried less and less often, but never lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.json import Json
from ..domain.times import parse, stamp
from ..ports import Delete, Item, Key, Lost, Ports, Put
from . import keys, reading

_FIRST_REST = timedelta(seconds=30)  # Less than the time between two rounds: the second try is in the next one.
LONGEST_REST = timedelta(hours=1)
_MAX_WHY = 500


@dataclass(frozen=True, slots=True)
class Setback:
    """A note that could not be finished: how often it was tried, when it is next, and what went wrong last."""

    note: str
    tries: int
    rests_until: str
    why: str


def of_app(ports: Ports, app: str) -> Iterator[Setback]:
    """Return the setbacks of an app's notes of which it is known what went wrong."""
    for item in reading.everything(ports.ledger, keys.SETBACKS):
        if item.body["app"] == app and item.body["why"]:
            yield Setback(item.key.sort, int(str(item.body["tries"])), str(item.body["until"]), str(item.body["why"]))


def begin(ports: Ports, note: Item) -> bool:
    """Tell whether to work on a note now: it rests after a setback, and another reconciler may be at it."""
    where = keys.of_setback(note.key.sort)
    known = reading.one(ports.ledger, where)
    same = known is not None and known.body["begun"] == _begun(note)
    if known and same and _rests(str(known.body["until"]), ports.clock.now()):
        return False
    tries = int(str(known.body["tries"])) + 1 if known and same else 1
    body: dict[str, Json] = {
        "app": note.body["app"],
        "begun": _begun(note),
        "tries": tries,
        "until": stamp(ports.clock.now() + _rest(tries)),
        "why": known.body["why"] if known and same else "",
    }
    try:
        ports.ledger.commit([Put(where, body, known.revision if known else 0)])
    except Lost:
        return False
    return True


def explain(ports: Ports, note: Item, why: str) -> None:
    """Keep what went wrong with a note, for whoever audits the app."""
    known = reading.one(ports.ledger, keys.of_setback(note.key.sort))
    if known:
        with suppress(Lost):
            ports.ledger.commit([Put(known.key, {**known.body, "why": why[:_MAX_WHY]}, known.revision)])


def end(ports: Ports, note: Item) -> None:
    """Forget the setbacks of a note that went well, whether it is finished or waits for something."""
    remove(ports, keys.of_setback(note.key.sort))


def remove(ports: Ports, key: Key) -> None:
    """Remove what is noted under a key, unless somebody does so, or notes something else, at the same time."""
    known = reading.one(ports.ledger, key)
    if known:
        with suppress(Lost):
            ports.ledger.commit([Delete(known.key, known.revision)])


def forget_orphans(ports: Ports, at_once: int) -> int:
    """Remove setbacks whose note is gone, which somebody else has finished; return how many."""
    setbacks = ports.ledger.scan(keys.SETBACKS, limit=at_once)
    left = ports.ledger.read([Key(keys.PENDING, item.key.sort) for item in setbacks])
    orphans = [item for item, note in zip(setbacks, left, strict=True) if note is None]
    for item in orphans:
        with suppress(Lost):
            ports.ledger.commit([Delete(item.key, item.revision)])
    return len(orphans)


def age(note: Item, now: datetime) -> timedelta:
    """Return for how long a note has been pending; a clock that was set back makes it no younger than new."""
    begun = note.body.get("at")
    return max(timedelta(), now - parse(str(begun), "at")) if begun else timedelta()


def _begun(note: Item) -> str:
    """Tell a note from an earlier one under the same key."""
    return str(note.body.get("at", ""))


def _rest(tries: int) -> timedelta:
    return min(_FIRST_REST * (1 << min(tries - 1, 10)), LONGEST_REST)


def _rests(until: str, now: datetime) -> bool:
    """An end that lies further ahead than any rest was written by a clock that was wrong."""
    return timedelta() < parse(until, "until") - now <= LONGEST_REST
