"""The reconciler: finishes what was interrupted, finds drift, and forgets what has had its time.

Everything here may be done twice, or by two at once: each step is decided by a commit or corrects itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from ..domain.apps import App
from ..domain.errors import PullprodError
from ..domain.json import Json
from ..domain.names import Addresses
from ..domain.times import parse
from ..domain.versions import State
from ..ports import Delete, Item, Lost, Ports, Put
from . import (
    apps,
    drift,
    findings,
    follow,
    holds,
    keys,
    moves,
    naming,
    notes,
    previews,
    programs,
    prune,
    publish,
    reading,
    records,
    revoke,
    sweep,
)
from .drift import Drift
from .findings import Finding

_log = logging.getLogger(__name__)

# What one round does at most. What is left is done by the next.
_NOTES = 100
_VERSIONS = 500
_HOSTS = 10
_HOLDS = 100
_FORGOTTEN = 500
_STEADY = timedelta(minutes=10)

_Finish = Callable[[Ports, Addresses, Item], bool]  # Tells whether it is done, or needs time and nothing else.


@dataclass(slots=True)
class Report:
    """What a round did.

    `waiting` counts versions that need time and nothing else: a round soon after finishes them. `lag_s` is the age in
    seconds of the oldest note that is still pending, 0 without one; `failed` names what went wrong, a note by its key;
    `drift` lists, by app, what differs and was not to be repaired; `evicted` counts records of old versions that made
    room at the edge.
    """

    finished: int = 0
    waiting: int = 0
    pending: int = 0
    lag_s: float = 0.0
    repaired: int = 0
    evicted: int = 0
    holds_ended: int = 0
    forgotten: int = 0
    failed: list[str] = field(default_factory=list)
    drift: list[tuple[str, Finding]] = field(default_factory=list)


def decided(ports: Ports) -> None:
    """Show the swaps and hosts that the ledger decided. Asks no address, so it can run before the edge is up."""
    for note in list(reading.everything(ports.ledger, keys.PENDING)):
        if finish := _DECIDED.get(str(note.body["kind"])):
            try:
                finish(ports, _NOWHERE, note)
            except Exception:  # noqa: BLE001 - one bad note must not stop the others; the next round tries it again.
                _log.exception("%s cannot be finished", note.key.sort)


def one_round(ports: Ports, addresses: Addresses, drift_every: timedelta = timedelta()) -> Report:
    """Do one bounded round of everything; what the edge shows is compared when that was `drift_every` ago."""
    report = Report()
    state = _State.read(ports)
    if state.steady(ports):
        _part(report, "holds", lambda: _end_holds(ports, report))
        _part(report, "sweep", lambda: _forget(ports, state, report))
    _part(report, "notes", lambda: _finish_notes(ports, addresses, report))
    if state.drift_due(ports, drift_every):
        _part(report, "drift", lambda: _compare(ports, state, report))
    _part(report, "names", lambda: _compare_names(ports, state, report))
    _part(report, "setbacks", lambda: notes.forget_orphans(ports, _FORGOTTEN))
    _part(report, "state", lambda: state.write(ports))
    _part(report, "lag", lambda: _measure(ports, report))
    return report


def _part(report: Report, name: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Exception:  # noqa: BLE001 - whatever is wrong with one part, the others are done.
        _log.exception("the part %r of the reconciler's round failed", name)
        report.failed.append(name)


def _finish_notes(ports: Ports, addresses: Addresses, report: Report) -> None:
    tried = 0
    for note in list(reading.everything(ports.ledger, keys.PENDING)):
        if tried < _NOTES and notes.begin(ports, note):
            tried += 1
            _finish(ports, addresses, note, report)


def _finish(ports: Ports, addresses: Addresses, note: Item, report: Report) -> None:
    try:
        done = _FINISH[str(note.body["kind"])](ports, addresses, note)
    except Exception as fault:  # noqa: BLE001 - one bad note must not stop the others; it rests, and is tried again.
        unforeseen = None if isinstance(fault, PullprodError) else fault
        _log.warning("%s cannot be finished yet: %s", note.key.sort, fault, exc_info=unforeseen)
        notes.explain(ports, note, str(fault) or type(fault).__name__)
        report.failed.append(note.key.sort)
        return
    notes.end(ports, note)
    report.finished += done
    report.waiting += not done


def _finish_swap(ports: Ports, _: Addresses, note: Item) -> bool:
    moves.show(ports, str(note.body["app"]), str(note.body["pointer"]), int(str(note.body["generation"])))
    return True


def _finish_hosts(ports: Ports, _: Addresses, note: Item) -> bool:
    apps.settle(ports, str(note.body["app"]))
    return True


def _finish_lock(ports: Ports, _: Addresses, note: Item) -> bool:
    previews.settle(ports, str(note.body["app"]))
    return True


def _finish_branch(ports: Ports, addresses: Addresses, note: Item) -> bool:
    app, version = str(note.body["app"]), str(note.body["version"])
    kept = reading.find_version(ports, app, version)
    follow.settle(ports, addresses, reading.find_app(ports, app), kept.record)
    return True


def _finish_version(ports: Ports, addresses: Addresses, note: Item) -> bool:
    app, version = str(note.body["app"]), str(note.body["version"])
    reached = publish.advance(ports, addresses, app, version, follow.caller_of(note))
    return reached.state is not State.PREPARING


def _settle_name(ports: Ports, _: Addresses, note: Item) -> bool:
    naming.settle(ports, str(note.body["host"]))
    return True


def _catch_up(ports: Ports, addresses: Addresses, note: Item) -> bool:
    app = reading.find_app(ports, str(note.body["app"]))
    follow.catch_up(ports, addresses, app, str(note.body["pointer"]))
    with suppress(Lost):
        ports.ledger.commit([Delete(note.key, note.revision)])
    return True


def _finish_withdrawal(ports: Ports, _: Addresses, note: Item) -> bool:
    revoke.finish(ports, reading.find_version(ports, str(note.body["app"]), str(note.body["version"])).record)
    return True


def _prune(ports: Ports, _: Addresses, note: Item) -> bool:
    return not prune.proceed(ports, str(note.body["app"])).pending


_NOWHERE = Addresses("http", "localhost")
_DECIDED: Mapping[str, _Finish] = {
    "swap": _finish_swap,
    "hosts": _finish_hosts,
    "lock": _finish_lock,
    "name": _settle_name,
    "revoked": _finish_withdrawal,
}
_FINISH: Mapping[str, _Finish] = {
    **_DECIDED,
    "version": _finish_version,
    "branch": _finish_branch,
    "missed": _catch_up,
    "prune": _prune,
}


def _compare(ports: Ports, state: _State, report: Report) -> None:
    """Compare what all pointers show, and some versions: others each time, so that all have their turn."""
    configured = {item.key.sort: records.app(item.body) for item in reading.everything(ports.ledger, keys.APPS)}
    part = drift.next_versions(ports, state.versions, _VERSIONS)
    expected = [e for app in configured for e in (*drift.of_lock(ports, app), *drift.of_pointers(ports, app))]
    expected += part.expected
    found = list(drift.find(ports, expected))
    wrong: list[Drift] = [d for d in found if configured[d.app].drift == "repair"]
    drift.repair(ports, wrong)
    report.repaired += len(wrong)
    report.evicted += ports.edge.make_room()
    report.drift += [(d.app, findings.of_route(d)) for d in found if configured[d.app].drift != "repair"]
    for app in configured.values():
        _compare_aliases(ports, app, report)
    state.versions, state.compared_at = part.position, reading.now(ports)


def _compare_aliases(ports: Ports, app: App, report: Report) -> None:
    drifted = [drift for drift in programs.aliases(ports, app.name) if drift.found != drift.expected]
    if app.drift == "repair":
        programs.repair(ports, drifted)
        report.repaired += len(drifted)
    else:
        report.drift += [(app.name, findings.of_alias(drift)) for drift in drifted]


def _compare_names(ports: Ports, state: _State, report: Report) -> None:
    """Look where some of the settled hosts lead: others each time, so that all have their turn."""
    items = ports.ledger.scan(keys.HOSTS, after=state.hosts, limit=_HOSTS)
    state.hosts = items[-1].key.sort if len(items) == _HOSTS else None
    for wrong in naming.astray(ports, [records.claim(item.body) for item in items]):
        if reading.find_app(ports, wrong.claim.app).drift == "repair":
            naming.lead_back(ports, wrong.claim)
            report.repaired += 1
        else:
            report.drift.append((wrong.claim.app, wrong.finding))


def _end_holds(ports: Ports, report: Report) -> None:
    report.holds_ended += holds.end_due(ports, _HOLDS)


def _forget(ports: Ports, state: _State, report: Report) -> None:
    state.swept = state.swept or {}
    report.forgotten += sweep.sweep(ports, state.swept)


def _measure(ports: Ports, report: Report) -> None:
    now = ports.clock.now()
    ages = [notes.age(note, now) for note in reading.everything(ports.ledger, keys.PENDING)]
    report.pending, report.lag_s = len(ages), max(ages, default=timedelta()).total_seconds()


@dataclass(slots=True)
class _State:
    """Where the last round stopped, and when it was."""

    revision: int
    at: str | None
    compared_at: str | None
    versions: list[str] | None
    swept: dict[str, str] | None
    hosts: str | None

    @classmethod
    def read(cls, ports: Ports) -> _State:
        item = reading.one(ports.ledger, keys.OF_RECONCILER)
        body = item.body if item else {}
        return cls(item.revision if item else 0, *(body.get(name) for name in _STATE))  # type: ignore[arg-type]

    def write(self, ports: Ports) -> None:
        self.at = reading.now(ports)
        body: dict[str, Json] = {name: getattr(self, name) for name in _STATE}
        try:
            ports.ledger.commit([Put(keys.OF_RECONCILER, body, self.revision)])
        except Lost:  # Another reconciler's round ended first; that one's state is as good.
            return

    def drift_due(self, ports: Ports, every: timedelta) -> bool:
        """A time that is still to come was written by a clock that was wrong: what it put off is due."""
        return not self.compared_at or not timedelta() <= self._since(ports, self.compared_at) < every

    def steady(self, ports: Ports) -> bool:
        """Tell whether the clock went on from the last round as clocks do.

        What ends by the clock for good is ended only then, so that a clock that jumps and comes back ends nothing.
        """
        return self.at is not None and timedelta() <= self._since(ports, self.at) <= _STEADY

    def _since(self, ports: Ports, moment: str) -> timedelta:
        return ports.clock.now() - parse(moment, "at")


_STATE = ("at", "compared_at", "versions", "swept", "hosts")
