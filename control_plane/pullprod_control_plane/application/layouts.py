"""Which segments a new version is stored in: those that others have already, and as few files as can be in new ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..domain import routes, segments
from ..domain.json import Json
from ..domain.manifests import Manifest
from ..domain.segments import Segment
from ..ports import Change, Check, Item, Ports, Put
from . import keys
from .relatives import Relative
from .states import COMPLETE, CONDEMNED, DELETED, DELETING, UPLOADING

_WORTHWHILE = 8  # Files. What a patch replaces stays stored, unseen, for as long as a version has the segment.


@dataclass(frozen=True, slots=True)
class Layout:
    """Segments, patch and zips as a version has them, and what must hold of their records when it is recorded."""

    segments: str
    patch: str
    zips: tuple[str, ...]
    claims: list[Change]


def choose(ports: Ports, app: str, manifest: Manifest, kin: Iterator[Relative]) -> Layout:
    """Return a layout in which a new version may be recorded."""
    split = segments.split(manifest.files)
    programs = segments.of_functions(manifest.functions)
    known = _known(ports, app, [segment.digest for segment in (*split, *programs) if segment.files])
    new = sum(len(segment.files) for segment in split if not _is_stored(segment, known))
    based = _patched(ports, app, manifest, kin, new) if new > _WORTHWHILE else None
    if based:
        return based
    digests, claims = _claimed(ports, app, [*split, *programs], known)
    own, zips = digests[: segments.COUNT], digests[segments.COUNT :]
    return Layout(segments.join(own), "", tuple(zips), claims)


def _patched(ports: Ports, app: str, manifest: Manifest, kin: Iterator[Relative], new: int) -> Layout | None:
    """Return the likeliest relative's segments with a patch, if that leaves far fewer than `new` files to be stored."""
    relative = next(kin, None)
    if relative is None:
        return None
    _, slots = segments.read_patch(relative.version.patch)
    patch, slots = segments.patch(manifest.files, relative.files, slots)
    fits = len(slots) <= routes.patchable(app, manifest.site, manifest.functions)
    if not fits or len(patch.files) + _WORTHWHILE > new:
        return None
    programs = segments.of_functions(manifest.functions)
    shared = _shared(relative)
    known = _known(ports, app, [*shared, *(segment.digest for segment in (patch, *programs) if segment.files)])
    if not all(digest in known and _is_complete(known[digest]) for digest in shared):
        return None  # It is being pruned.
    (digest, *zips), claims = _claimed(ports, app, [patch, *programs], known, shared)
    kept = [_kept(known[digest]) for digest in shared]
    return Layout(relative.version.segments, segments.write_patch(digest, slots), tuple(zips), [*kept, *claims])


def _shared(relative: Relative) -> list[str]:
    """Return the digests of a version's segments that have files."""
    empty = Segment(0, ()).digest
    return [digest for digest in dict.fromkeys(segments.unjoin(relative.version.segments)) if digest != empty]


def _claimed(
    ports: Ports, app: str, wanted: Sequence[Segment], known: Mapping[str, Item], others: Iterable[str] = ()
) -> tuple[list[str], list[Change]]:
    """Return digests that are the segments' own, none of them among `others`, and what must hold of their records."""
    known = dict(known)
    taken = set(others)
    digests: list[str] = []
    claims: list[Change] = []
    for segment in wanted:
        while segment.digest in taken or not _usable(segment, known.get(segment.digest)):
            segment = replace(segment, salt=segment.salt + 1)  # noqa: PLW2901 - another name for the same files.
            known |= _known(ports, app, [segment.digest])
        digests.append(segment.digest)
        if segment.files:
            taken.add(segment.digest)
            claims.append(_claim(app, segment, known.get(segment.digest)))
    return digests, claims


def _known(ports: Ports, app: str, digests: Sequence[str]) -> dict[str, Item]:
    items = ports.ledger.read([keys.of_segment(app, digest) for digest in digests])
    return {keys.digest_of(item.key): item for item in items if item}


def _usable(segment: Segment, item: Item | None) -> bool:
    """A digest of 48 bits may collide, and a segment that is being or was deleted must not be built upon."""
    return item is None or (item.body["sha256"] == segment.sha256 and item.body["state"] not in {DELETING, DELETED})


def _is_stored(segment: Segment, known: Mapping[str, Item]) -> bool:
    return segment.digest in known and _usable(segment, known[segment.digest])


def _is_complete(item: Item) -> bool:
    return item.body["before" if item.body["state"] == CONDEMNED else "state"] == COMPLETE


def _claim(app: str, segment: Segment, item: Item | None) -> Change:
    """Pass if the segment stays as it was read; write it if it is new, or if prune had an eye on it."""
    if item is not None:
        return _kept(item)
    body: dict[str, Json] = {"sha256": segment.sha256, "state": UPLOADING, **_facts(segment)}
    return Put(keys.of_segment(app, segment.digest), body, 0)


def _kept(item: Item) -> Change:
    if item.body["state"] == CONDEMNED:
        return Put(item.key, {**item.body, "state": item.body["before"]}, item.revision)
    return Check(item.key, item.revision)


def _facts(segment: Segment) -> dict[str, Json]:
    program: dict[str, Json] = {"function": segment.function.name} if segment.function else {}
    return {"files": len(segment.files), "bytes": sum(file.size for file in segment.files), **program}
