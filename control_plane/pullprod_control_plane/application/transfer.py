"""What of a version still has to come: placed from bytes that are there already, and planned, page by page."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ..domain import segments
from ..domain.errors import UploadIncomplete
from ..domain.manifests import File
from ..domain.versions import Version
from ..ports import Item, Ports, StoredObject, Upload
from . import contents, reading, relatives
from .reading import Page
from .relatives import Relative
from .states import COMPLETE

PAGE = 1_000
_MISSING_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """A page of leave to upload, and the objects, each content once, that are to be sent with it and after it."""

    page: Page[Upload]
    missing: list[StoredObject]


def plan(ports: Ports, version: Version, files: Iterable[File], new: Container[str], kin: Iterable[Relative]) -> Plan:
    """Place the first missing objects, at most a page of them; return leave to send what is nowhere.

    `files` are the version's; segments whose digests are `new` have nothing yet; `kin` may have what is missing. A
    content that several objects have is asked for with the first of them; `require` places the others.
    """
    wanted = _wanted(ports, version, reading.segments(ports, version), files)
    missing = _missing(ports, wanted, new)
    first, sources = _first(wanted), _sources(kin, missing)
    page = _page(ports, missing, first, sources)
    later = [obj for obj in missing[PAGE:] if obj.key in first and obj.sha256 not in sources]
    return Plan(page, [upload.object for upload in page.items] + later)


def page(ports: Ports, version: Version, after: str | None) -> Page[Upload]:
    """Do as `plan` does with the next missing objects after a key; those after them are not looked for."""
    wanted = _wanted(ports, version, reading.segments(ports, version))
    rest = [obj for obj in wanted if after is None or obj.key > after]
    missing: list[StoredObject] = []
    for start in range(0, len(rest), PAGE):
        missing += ports.store.missing(rest[start : start + PAGE])
        if len(missing) > PAGE:
            break
    return _page(ports, missing, _first(wanted), _sources(relatives.of(ports, version.app, version.branch), missing))


def _first(wanted: Sequence[StoredObject]) -> Container[str]:
    """Return the keys of the objects with which their content is asked for."""
    return {obj.key for obj in {obj.sha256: obj for obj in reversed(wanted)}.values()}


def _page(
    ports: Ports, missing: Sequence[StoredObject], first: Container[str], sources: Mapping[str, str]
) -> Page[Upload]:
    part, rest = missing[:PAGE], missing[PAGE:]
    asked = [upload for upload in ports.store.place(part, sources) if upload.object.key in first]
    return Page(asked, reading.cursor(part[-1].key) if rest else None)


def _missing(ports: Ports, objects: list[StoredObject], new: Container[str]) -> list[StoredObject]:
    old = [obj for obj in objects if segments.digest_in(obj.key) not in new]
    absent = {obj.key for obj in ports.store.missing(old)}
    present = {obj.key for obj in old} - absent
    return [obj for obj in objects if obj.key not in present]


def require(ports: Ports, version: Version, items: Mapping[str, Item]) -> None:
    """Place what has a content that arrived with another object; raise UploadIncomplete unless all is there then.

    `items` are the ledger's of the segments that the version is stored in, by digest.
    """
    wanted = _wanted(ports, version, items)
    missing = ports.store.missing(wanted)
    if missing:
        missing = _place_repeated(ports, wanted, missing)
    if missing:
        paths = [segments.path_in(obj.key) for obj in islice(missing, _MISSING_SHOWN)]
        raise UploadIncomplete(
            f"{len(missing):,} file(s) of {version.id} have not arrived, {paths[0]!r} for one. "
            "Send them, then finalize.",
            missing=paths,
            missing_files=len(missing),
        )


def _place_repeated(ports: Ports, wanted: list[StoredObject], missing: list[StoredObject]) -> list[StoredObject]:
    """Return what is missing then."""
    absent = {obj.key for obj in missing}
    arrived = {obj.sha256: obj.key for obj in wanted if obj.key not in absent}
    repeated = [obj for obj in missing if obj.sha256 in arrived]
    asked = {upload.object.sha256 for upload in ports.store.place(repeated, arrived)}
    return [obj for obj in missing if obj.sha256 in asked or obj.sha256 not in arrived]


def _wanted(
    ports: Ports, version: Version, items: Mapping[str, Item], files: Iterable[File] | None = None
) -> list[StoredObject]:
    """Return the objects of those segments of the version that no finished version has, in order of their keys."""
    unfinished = [digest for digest, item in items.items() if item.body["state"] != COMPLETE]
    if not unfinished:
        return []
    listed = contents.objects(version, contents.files(ports, version) if files is None else files, unfinished)
    return sorted(listed, key=lambda obj: obj.key)


def _sources(kin: Iterable[Relative], missing: Iterable[StoredObject]) -> dict[str, str]:
    """Return keys of objects that have the missing contents, by SHA-256, as far as relatives have them."""
    sought = {obj.sha256 for obj in missing}
    found: dict[str, str] = {}
    for relative in kin if sought else ():
        listed = contents.objects(relative.version, relative.files)
        found |= {obj.sha256: obj.key for obj in listed if obj.sha256 in sought}
        if len(found) == len(sought):
            break
    return found
