"""Lines of commits, from what publishes recorded; shallow ones are mended from the versions of their commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..domain.lineage import Difference, Line, Order, difference, extend, order
from ..domain.manifests import MAX_ANCESTORS, Commit
from ..domain.versions import Version
from ..ports import Change, Item, Ports, Put
from . import keys, reading

# A clone of depth 1 knows its parents only; a line is mended by at most this many steps from version to version, each
# of which looks at as many commits at its end.
_STEPS = 100
_AT_ONCE = 100


def line_of(ports: Ports, version: Version) -> Line:
    """Return the line that was recorded when a version of this commit was published."""
    return _lines_of(ports, version.app, [version.commit])[0]


def recorded(ports: Ports, app: str, commit: Commit) -> list[Change]:
    """Return the change that keeps a commit's ancestors; none if as many are known already, from a deeper clone."""
    where = keys.of_lineage(app, commit.sha)
    known = reading.one(ports.ledger, where)
    if known and len(_ancestors(known, commit.sha)) >= len(commit.ancestors):
        return []
    return [Put(where, {"commit": commit.sha, "ancestors": list(commit.ancestors)}, known.revision if known else 0)]


def _lines_of(ports: Ports, app: str, commits: Sequence[str]) -> list[Line]:
    items = ports.ledger.read([keys.of_lineage(app, commit) for commit in commits])
    return [Line(commit, _ancestors(item, commit)) for commit, item in zip(commits, items, strict=True)]


def _ancestors(item: Item | None, commit: str) -> tuple[str, ...]:
    """Return what an item keeps of a commit; nothing if it is another's that begins alike."""
    mine = item is not None and item.body.get("commit") == commit
    return tuple(cast("list[str]", item.body["ancestors"])) if item and mine else ()


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
    ours, theirs = _lines_of(ports, other.app, [candidate.commit, other.commit])
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
    """Follow the ends of a short line through what was published of those commits."""
    seen = {line.commit}
    for _ in range(_STEPS):
        ends = [commit for commit in reversed(line.ancestors) if commit not in seen][:_AT_ONCE]
        before = len(line.ancestors)
        if not ends or before >= MAX_ANCESTORS:
            break
        seen.update(ends)
        for further in _lines_of(ports, app, ends):
            line = extend(line, further.ancestors, MAX_ANCESTORS)
        if len(line.ancestors) == before:
            break
    return line
