"""A version's functions as programs: published once, at origins of their own, and shown by the pointers' aliases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..domain.pointers import Pointer, PointerState
from ..domain.versions import Version
from ..ports import Alias, Lost, Ports, Program, Put
from . import keys, reading, records
from .reading import Kept
from .states import DELETED, DELETING


@dataclass(frozen=True, slots=True)
class AliasState:
    """The program that an alias has to show by the ledger, and the one that it does; None stands for no program."""

    alias: Alias
    expected: str | None
    found: str | None
    generation: int


def settle(ports: Ports, kept: Kept[Version]) -> Kept[Version] | None:
    """Publish the version's functions, and record their origins; None while that takes time. Repeatable.

    Raises:
        FunctionRefused: one of them can never run.
        Lost: the version changed meanwhile.
    """
    version = kept.record
    if len(version.origins) == len(version.functions):
        return kept
    hosts = {program.function.name: ports.functions.publish(program) for program in _of(version)}
    origins = {name: host for name, host in hosts.items() if host is not None}
    if len(origins) < len(hosts):
        _remove_orphans(ports, version)
        return None
    settled = Kept(replace(version, origins=origins), kept.revision + 1)
    body = records.encode(settled.record)
    try:
        ports.ledger.commit([Put(keys.of_version(version.app, version.id), body, kept.revision)])
    except Lost:
        _remove_orphans(ports, version)
        raise
    return settled


def _remove_orphans(ports: Ports, version: Version) -> None:
    """Take away what was published after its segment had been deleted: the version was withdrawn meanwhile.

    Who dies before this leaves it to the prune that forgets the segment.
    """
    known = reading.segments(ports, version)
    for program in _of(version):
        item = known.get(program.digest)
        if item is None or item.body["state"] in {DELETING, DELETED}:
            ports.functions.remove(program.app, program.function.name, program.digest)


def _of(version: Version) -> list[Program]:
    stored = zip(version.functions, version.zips, strict=True)
    return [Program(version.app, digest, function) for function, digest in stored]


def point(ports: Ports, pointer: Pointer, also: tuple[str, ...] = ()) -> Pointer:
    """Make the pointer's aliases show what its version has; return the pointer with the functions it has them for.

    `also` names functions that a slower writer may have given an alias meanwhile.
    """
    names = {*pointer.functions, *also}
    if not names:
        return pointer
    version = reading.find_version(ports, pointer.app, pointer.version).record if pointer.version else None
    digests = _digests(version) if version else {}
    for name in sorted(names):
        alias = Alias(pointer.app, name, pointer.name)
        ports.functions.point(alias, digests.get(name), pointer.generation)
    return replace(pointer, functions=tuple(sorted(digests)))


def _digests(version: Version) -> dict[str, str]:
    return {program.function.name: program.digest for program in _of(version)}


def aliases(ports: Ports, app: str) -> Iterator[AliasState]:
    """Return, for every alias of the app's pointers, what it should show and what it does."""
    for pointer in reading.pointers(ports, app):
        # What is being applied right now may be shown or not: it is no drift yet.
        if pointer.functions and pointer.version and pointer.state is PointerState.APPLIED:
            digests = _digests(reading.find_version(ports, app, pointer.version).record)
            for name in pointer.functions:
                alias = Alias(app, name, pointer.name)
                yield AliasState(alias, digests.get(name), ports.functions.pointed(alias), pointer.generation)


def repair(ports: Ports, drifted: Iterable[AliasState]) -> None:
    """Make aliases show what the ledger said when they were looked at; a swap made since wins by its generation.

    One that took the alias away has left no generation, so the pointer is read again.
    """
    for drift in drifted:
        alias = drift.alias
        ports.functions.point(alias, drift.expected, drift.generation)
        kept = reading.kept_pointer(ports, alias.app, alias.pointer)
        if kept and kept.record.generation != drift.generation:
            point(ports, kept.record, (alias.function,))
