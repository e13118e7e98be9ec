"""Lineage: which commits a swap would gain and lose, from recorded ancestors alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .manifests import MAX_ANCESTORS


@dataclass(frozen=True, slots=True)
class Line:
    """A commit and its known ancestors, newest first."""

    commit: str
    ancestors: tuple[str, ...] = ()

    def commits(self) -> tuple[str, ...]:
        """Return the commit and its ancestors, newest first."""
        return (self.commit, *self.ancestors)


@dataclass(frozen=True, slots=True)
class Difference:
    """Commits that come and go. `complete` is false when the two lines never meet in what is recorded."""

    gained: tuple[str, ...]
    lost: tuple[str, ...]
    complete: bool


class Order(Enum):
    """How one commit stands to another."""

    SAME = "same"
    NEWER = "newer"
    OLDER = "older"
    APART = "apart"


def difference(live: Line | None, candidate: Line) -> Difference:
    """Return what changes for users when `candidate` takes the place of `live` (None: nothing was live)."""
    if live is None:
        return Difference(candidate.commits(), (), complete=True)
    met = not set(live.commits()).isdisjoint(candidate.commits())
    return Difference(_only(candidate, live), _only(live, candidate), complete=met)


def _only(line: Line, other: Line) -> tuple[str, ...]:
    """Return the commits of `line` that `other` lacks, as far as can be known.

    A line is recorded up to a limit. Beyond the end of one that is full, what is not listed may be there all the same.
    """
    if line.commit in other.commits():
        return ()
    known = set(other.commits())
    listed = line.commits()
    if len(other.ancestors) >= MAX_ANCESTORS:
        listed = listed[: max((at for at, commit in enumerate(listed) if commit in known), default=len(listed))]
    return tuple(commit for commit in listed if commit not in known)


def order(candidate: Line, other: Line) -> Order:
    """Tell whether `candidate` descends from `other`, precedes it, is the same commit, or neither is known."""
    if candidate.commit == other.commit:
        return Order.SAME
    if other.commit in candidate.ancestors:
        return Order.NEWER
    if candidate.commit in other.ancestors:
        return Order.OLDER
    return Order.APART


def extend(line: Line, further: Sequence[str], limit: int) -> Line:
    """Return `line` with `further` ancestors after its own, each once, at most `limit` of them."""
    known = dict.fromkeys((*line.ancestors, *further))
    known.pop(line.commit, None)
    return Line(line.commit, tuple(known)[:limit])
