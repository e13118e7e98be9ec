"""Route records: what the edge needs to know of a host, in at most 1,024 bytes.

a    app
v    version
g    generation; 0 on a version's own host
n    pointer; not on a version's own host
s    64 segment digests, joined
c    clean URLs: d directory, h html, o off
p    1 for a single-page app
x    1 for a host that is not for search engines
r    versions shown before this one, newest first: [version, generation]
f    routes of functions, the first that fits wins: [route, number of its origin in i]
i    ids of origins
o    what follows an id in an origin's host
gone 1 for a revoked version; then only a and v are there
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import PayloadTooLarge
from .json import Json, canonical
from .names import label
from .pointers import Pointer
from .versions import State, Version

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html: 1 KB a value.
MAX_RECORD = 1_024
GONE = 1 << 40  # Fences off every later write: a withdrawn version never comes back.
_CLEAN_URLS = {"directory": "d", "html": "h", "off": "o"}


@dataclass(frozen=True, slots=True)
class Route:
    """A record under its key. `owner` and `fence` order writes: of one owner, a lower fence never replaces a higher."""

    key: str
    record: str
    owner: str
    fence: int


def _record(facts: Mapping[str, Json]) -> str:
    record = canonical(facts)
    if len(record) > MAX_RECORD:
        raise PayloadTooLarge(f"The route record has {len(record)} bytes; the edge keeps {MAX_RECORD}.")
    return record.decode()


def _facts(version: Version) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "a": version.app,
        "v": version.id,
        "s": version.segments,
        "c": _CLEAN_URLS[version.site.clean_urls],
    }
    return {**facts, "p": 1} if version.site.spa else facts


def for_version(version: Version) -> Route:
    """Return the route of the version's own address: its files, or 410 once it was revoked."""
    key = label(version.id, version.app)
    if version.state is State.REVOKED:
        return Route(key, _record({"a": version.app, "v": version.id, "gone": 1}), version.id, GONE)
    return Route(key, _record({**_facts(version), "g": 0, "x": 1}), version.id, 0)


def for_pointer(pointer: Pointer, version: Version) -> list[Route]:
    """Return the routes of all the pointer's hosts, showing `version`; only custom hosts may be indexed."""
    facts = {**_facts(version), "n": pointer.name, "g": pointer.generation}
    recent: list[Json] = [[shown, generation] for shown, generation in pointer.recent]
    preview = _fit({**facts, "x": 1}, recent)
    custom = _fit(facts, recent)
    owner = f"{pointer.app}/{pointer.name}"
    routes = [Route(label(pointer.name, pointer.app), preview, owner, pointer.generation)]
    return routes + [Route(host, custom, owner, pointer.generation) for host in pointer.hosts]


def _fit(facts: Mapping[str, Json], recent: list[Json]) -> str:
    """Leave out the oldest of the recently shown versions until the record fits."""
    while recent and len(canonical({**facts, "r": recent})) > MAX_RECORD:
        recent = recent[:-1]
    return _record({**facts, "r": recent} if recent else facts)
