"""Route records: what the edge needs to know of a host, in at most 1,024 bytes.

a    app
v    version
g    generation; 0 on a version's own host
n    pointer; not on a version's own host
s    64 segment digests, joined
d    patch: its digest, then its slots, as segments.write_patch has them; only if there is one
c    clean URLs: d directory, h html, o off
p    1 for a single-page app
x    1 for a host that is not for search engines
r    versions shown before this one, newest first: [version, generation]
f    routes of functions, the first that fits wins: [route, number of its origin in i]
i    ids of origins
o    what follows an id in an origin's host
t    when the version was begun, in minutes since 1970; only on its own host
gone 1 for a revoked version; then only a and v are there

Beside those of hosts, an app whose previews were ever locked has one record under `LOCK:{app}`, which no host can be:
a    app
n    ":lock", which no pointer is called
g    generation of the lock
k    secret that signs links and pins; without it the previews are public
p    signature of what a browser sends for the password, if there is one
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import PayloadTooLarge
from .functions import Function
from .json import Json, canonical
from .locks import Lock
from .manifests import Site
from .names import MAX_POINTER, label
from .pointers import MAX_RECENT, Pointer
from .segments import COUNT, DIGEST_LENGTH, MAX_PATCHED, SLOT_LENGTH
from .times import parse
from .versions import State, Version

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html: 1 KB a value.
MAX_RECORD = 1_024
GONE = 1 << 40  # Fences off every later write: a withdrawn version never comes back.
_CLEAN_URLS = {"directory": "d", "html": "h", "off": "o"}
# An origin as long as a function URL's host can be: an id of 32 characters in the region with the longest name.
_LONGEST_ORIGIN = "x" * 32 + ".lambda-url.ap-southeast-1.on.aws"
_LONGEST_ID = "x" * 21
_LOCK = ":lock"
_LAST_GENERATION = 10**15 - 1


@dataclass(frozen=True, slots=True)
class Route:
    """A record under its key. Of one owner, a record with a lower fence never replaces one with a higher."""

    key: str
    record: str

    @property
    def owner(self) -> str:
        """Return whose record it is: `app/pointer`, or a version's id."""
        return standing(self.record)[0]

    @property
    def locks(self) -> bool:
        """Tell whether this is an app's lock and no host's record."""
        return self.owner.endswith(f"/{_LOCK}")

    @property
    def fence(self) -> int:
        """Return what orders the records of one owner: a pointer's generation; a version is only ever withdrawn."""
        return standing(self.record)[1]


def standing(record: str) -> tuple[str, int]:
    """Return owner and fence of a record; what is no record of ours is nobody's."""
    try:
        facts = json.loads(record)
        if "n" in facts:
            return f"{facts['a']}/{facts['n']}", int(facts["g"])
        return str(facts["v"]), GONE if "gone" in facts else 0
    except (ValueError, TypeError, KeyError):
        return "", -1


def outranked(route: Route, found: str | None) -> bool:
    """Tell whether the record that stands under the route's key must stay: it is the same owner's, and newer."""
    owner, fence = standing(found) if found is not None else ("", -1)
    return owner == route.owner and fence > route.fence


def _record(facts: Mapping[str, Json]) -> str:
    record = canonical(facts)
    if len(record) > MAX_RECORD:
        raise PayloadTooLarge(f"The route record has {len(record)} bytes; the edge keeps {MAX_RECORD}.")
    return record.decode()


def check(app: str, site: Site, functions: Sequence[Function]) -> None:
    """Raise PayloadTooLarge if a version of `app` with these functions could have a record that is too long.

    Whatever is checked here fits for every version id, pointer, generation and origin that there can be.
    """
    longest = _longest(app, site, functions)
    if longest > MAX_RECORD:
        raise PayloadTooLarge(
            f"The functions' routes are {longest - MAX_RECORD} bytes too long for the edge. "
            "Use fewer functions, fewer routes, or shorter ones: '/api/*' has everything below it.",
            where="functions.routes",
        )


def patchable(app: str, site: Site, functions: Sequence[Function]) -> int:
    """Return how many slots the patch of such a version may have; of recently shown versions none has to go for it."""
    recent: list[Json] = [[_LONGEST_ID, 10**6]] * MAX_RECENT
    left = MAX_RECORD - _longest(app, site, functions, r=recent, d="x" * DIGEST_LENGTH)
    return max(0, min(MAX_PATCHED, left // SLOT_LENGTH))


def _longest(app: str, site: Site, functions: Sequence[Function], **more: Json) -> int:
    origins = {function.name: _LONGEST_ORIGIN for function in functions}
    facts = {"a": app, "v": _LONGEST_ID, "s": "x" * COUNT * DIGEST_LENGTH, **_site(site), **_calls(functions, origins)}
    return len(canonical({**facts, "n": "x" * MAX_POINTER, "g": _LAST_GENERATION, "x": 1, **more}))


def _facts(version: Version) -> dict[str, Json]:
    return {
        "a": version.app,
        "v": version.id,
        "s": version.segments,
        **({"d": version.patch} if version.patch else {}),
        **_site(version.site),
        **_calls(version.functions, version.origins),
    }


def _site(site: Site) -> dict[str, Json]:
    return {"c": _CLEAN_URLS[site.clean_urls], **({"p": 1} if site.spa else {})}


def _calls(functions: Sequence[Function], origins: Mapping[str, str]) -> dict[str, Json]:
    """Return which path is answered by which origin. All origins of a version share what follows their ids."""
    if not functions:
        return {}
    hosts = [origins[function.name].partition(".") for function in functions]
    routes = [(route, number) for number, function in enumerate(functions) for route in function.routes]
    return {
        "f": [list(entry) for entry in sorted(routes, key=lambda entry: _most_specific_first(entry[0]))],
        "i": [host[0] for host in hosts],
        "o": f".{hosts[0][2]}",
    }


def _most_specific_first(route: str) -> tuple[int, bool, str]:
    """Order routes so that the first that fits is the longest, and a path goes before the folder of that name."""
    return -len(route.removesuffix("/*")), route.endswith("/*"), route


def for_version(version: Version) -> Route:
    """Return the route of the version's own address: its files, or 410 once it was revoked."""
    key = label(version.id, version.app)
    if version.state is State.REVOKED:
        return Route(key, _record({"a": version.app, "v": version.id, "gone": 1}))
    begun = int(parse(version.begun_at, "begun_at").timestamp()) // 60
    return Route(key, _record({**_facts(version), "g": 0, "x": 1, "t": begun}))


def for_pointer(pointer: Pointer, version: Version) -> list[Route]:
    """Return the routes of all the pointer's hosts, showing `version`; only custom hosts may be indexed."""
    facts = {**_facts(version), "n": pointer.name, "g": pointer.generation}
    recent: list[Json] = [[shown, generation] for shown, generation in pointer.recent]
    preview = _fit({**facts, "x": 1}, recent)
    custom = _fit(facts, recent)
    return [Route(label(pointer.name, pointer.app), preview), *(Route(host, custom) for host in pointer.hosts)]


def for_lock(lock: Lock) -> Route:
    """Return the record by which the edge lets viewers see an app's previews."""
    facts: dict[str, Json] = {"a": lock.app, "n": _LOCK, "g": lock.generation}
    opens = {"k": lock.secret, "p": lock.login}
    return Route(f"LOCK:{lock.app}", _record({**facts, **{name: value for name, value in opens.items() if value}}))


def _fit(facts: Mapping[str, Json], recent: list[Json]) -> str:
    """Leave out the oldest of the recently shown versions until the record fits."""
    while recent and len(canonical({**facts, "r": recent})) > MAX_RECORD:
        recent = recent[:-1]
    return _record({**facts, "r": recent} if recent else facts)
