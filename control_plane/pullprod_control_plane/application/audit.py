"""The audit: is the chain of swaps whole, does the edge show what the ledger says, are the shown files there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..domain import swaps
from ..domain.apps import App
from ..domain.errors import NotFound
from ..domain.pointers import Pointer
from ..domain.swaps import Swap
from ..domain.versions import State, Version
from ..ports import Ports
from . import contents, drift, findings, keys, lineages, naming, notes, programs, reading, records, references
from .findings import Finding

_LOOKS = 3
_CHECKED = ("pointers", "swaps", "routes", "objects", "hosts", "aliases")


@dataclass(frozen=True, slots=True)
class Unmerged:
    """A version that users see and that the main branch does not have."""

    pointer: str
    version: str
    commit: str


@dataclass(slots=True)
class Report:
    """Findings, how much was looked at, and what is live but not on the main branch (which is no fault)."""

    findings: list[Finding] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_CHECKED, 0))
    live_not_on_main: list[Unmerged] = field(default_factory=list)


def audit(ports: Ports, name: str) -> Report:
    """Return the report on an app; nothing is changed.

    What is found beside a swap may be half of before and half of after it: then everything is looked at again.
    """
    for _ in range(_LOOKS - 1):
        before = _state(ports, name)
        report = _look(ports, name)
        if not report.findings or _state(ports, name) == before:
            return report
    return _look(ports, name)


def _state(ports: Ports, app: str) -> tuple[list[Pointer], list[Version]]:
    return reading.pointers(ports, app), reading.versions(ports, app)


def _look(ports: Ports, name: str) -> Report:
    app = reading.find_app(ports, name)
    report = Report()
    for pointer in reading.pointers(ports, name):
        report.checked["pointers"] += 1
        _check_chain(ports, pointer, report)
        _check_shown(ports, pointer, report)
    _check_routes(ports, name, report)
    _check_names(ports, app, report)
    _check_notes(ports, name, report)
    _check_aliases(ports, name, report)
    report.live_not_on_main += _unmerged(ports, app)
    return report


def _check_chain(ports: Ports, pointer: Pointer, report: Report) -> None:
    history = [records.swap(i.body) for i in reading.everything(ports.ledger, keys.history(pointer.app, pointer.name))]
    report.checked["swaps"] += len(history)
    report.findings += [
        Finding("broken-chain", f"{pointer.name}@{generation}", "The record does not follow from the one before it.")
        for generation in swaps.broken_links(history)
    ]
    if not _has_come_to(ports, pointer, history):
        detail = f"The pointer is at generation {pointer.generation}, its history has {len(history)} swaps."
        report.findings.append(Finding("history-differs", pointer.name, detail))


def _has_come_to(ports: Ports, pointer: Pointer, history: Sequence[Swap]) -> bool:
    """Tell whether a history leads to the pointer as it was read before; what it has beyond must be swaps since."""
    past = history[: pointer.generation]
    if len(past) < pointer.generation or (past[-1].hash if past else "") != pointer.last_hash:
        return False
    return len(past) == len(history) or len(history) <= _generation(ports, pointer)


def _generation(ports: Ports, pointer: Pointer) -> int:
    now = reading.kept_pointer(ports, pointer.app, pointer.name)
    return now.record.generation if now else 0


def _check_shown(ports: Ports, pointer: Pointer, report: Report) -> None:
    if pointer.version is None:
        return
    version = reading.find_version(ports, pointer.app, pointer.version).record
    if version.state is not State.READY:
        detail = f"It shows {version.id}, which is {version.state.value}."
        report.findings.append(Finding("shows-unready-version", pointer.name, detail))
        return
    try:
        objects = contents.objects(version, contents.files(ports, version))
    except NotFound as gone:
        report.findings.append(Finding("manifest-missing", version.id, gone.detail))
        return
    report.checked["objects"] += len(objects)
    report.findings += [
        Finding("object-missing", obj.key, f"{pointer.name} shows {version.id}, which needs it.")
        for obj in ports.store.missing(objects)
    ]


def _check_routes(ports: Ports, app: str, report: Report) -> None:
    expected = drift.of_lock(ports, app) + drift.of_pointers(ports, app) + drift.of_versions(ports, app)
    report.checked["routes"] += len(expected)
    report.findings += [findings.of_route(drifted) for drifted in drift.find(ports, expected)]


def _check_names(ports: Ports, app: App, report: Report) -> None:
    claims = naming.of_app(ports, app)
    report.checked["hosts"] += len(claims)
    report.findings += [wrong.finding for wrong in naming.astray(ports, claims)]


def _check_notes(ports: Ports, app: str, report: Report) -> None:
    for setback in notes.of_app(ports, app):
        detail = f"Tried {setback.tries} time(s), next after {setback.rests_until}: {setback.why}"
        report.findings.append(Finding("unfinished", setback.note, detail))


def _check_aliases(ports: Ports, app: str, report: Report) -> None:
    for drifted in programs.aliases(ports, app):
        report.checked["aliases"] += 1
        if drifted.found != drifted.expected:
            report.findings.append(findings.of_alias(drifted))


def _unmerged(ports: Ports, app: App) -> list[Unmerged]:
    try:
        main = references.resolve(ports, app.name, f"branch:{app.main}")
    except NotFound:
        return []
    unmerged = []
    for name in sorted(app.named_pointers()):
        shown = _shown(ports, app.name, name)
        if shown and lineages.compare(ports, shown, main).lost:
            unmerged.append(Unmerged(name, shown.id, shown.commit))
    return unmerged


def _shown(ports: Ports, app: str, name: str) -> Version | None:
    pointer = reading.kept_pointer(ports, app, name)
    if pointer is None or pointer.record.version is None:
        return None
    return reading.find_version(ports, app, pointer.record.version).record
