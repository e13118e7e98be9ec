"""Lines of commits, from what publishes recorded; shallow ones are mended from the versions of their commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..domain.lineage import Difference, Line, Order, difference, extend, order
from ..domain.manifests import MAX_ANCESTORS
from ..domain.versions import Version
from ..ports import Ports
from . import keys, references

# A clone of depth 1 knows its parents only; a line is mended by at most this many steps from version to version.
_STEPS = 100


def line_of(ports: Ports, version: Version) -> Line:
    """Return the line that was recorded when `version` was published."""
    return _lines_of(ports, [version])[0]


def _lines_of(ports: Ports, versions: Sequence[Version]) -> list[Line]:
    items = ports.ledger.read([keys.of_lineage(version.app, version.id) for version in versions])
    return [
        Line(version.commit, tuple(cast("list[str]", item.body["ancestors"])) if item else ())
        for version, item in zip(versions, items, strict=True)
    ]


def compare(ports: Ports, live: Version | None, candidate: Version, *, mended: bool = True) -> Difference:
    """Return the commits gained and lost when `candidate` takes the place of `live`.

    Unless they are `mended`, lines are taken as they were recorded: shallow ones lose more than there is to lose.
    """
    after = line_of(ports, candidate)
    if live is None:
        return difference(None, after)
    before = line_of(ports, live)
    first = difference(before, after)
    if not mended or (first.complete and not first.lost):
        return first
    return difference(_mended(ports, live.app, before), _mended(ports, live.app, after))


def ordered(ports: Ports, candidate: Version, other: Version) -> Order:
    """Tell how `candidate` stands to `other` in the history of commits."""
    ours, theirs = _lines_of(ports, [candidate, other])
    first = order(ours, theirs)
    if first is not Order.APART:
        return first
    return order(_mended(ports, other.app, ours), _mended(ports, other.app, theirs))


def newer(ports: Ports, version: Version, other: Version) -> bool:
    """Tell whether a version's commit, or else its build, came after another's."""
    standing = ordered(ports, version, other)
    if standing is Order.SAME:
        return version.begun_at > other.begun_at
    if standing is Order.APART:
        return version.committed_at > other.committed_at
    return standing is Order.NEWER


def _mended(ports: Ports, app: str, line: Line) -> Line:
    """Follow the ends of a short line through the versions that were published of those commits."""
    waiting, seen = list(line.ancestors), {line.commit}
    for _ in range(_STEPS):
        if not waiting or len(line.ancestors) >= MAX_ANCESTORS:
            break
        commit = waiting.pop()
        if commit in seen:
            continue
        seen.add(commit)
        further = _ancestors_of(ports, app, commit)
        waiting += [sha for sha in further if sha not in line.ancestors]
        line = extend(line, further, MAX_ANCESTORS)
    return line


def _ancestors_of(ports: Ports, app: str, commit: str) -> tuple[str, ...]:
    lines = _lines_of(ports, references.versions_of(ports, app, commit))
    return max((line.ancestors for line in lines), key=len, default=())
