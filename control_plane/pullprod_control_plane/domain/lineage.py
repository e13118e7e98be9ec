"""Lineage: which commits a swap would gain and lose, from recorded ancestors alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


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
    before, after = set(live.commits()), set(candidate.commits())
    gained = tuple(commit for commit in candidate.commits() if commit not in before)
    lost = tuple(commit for commit in live.commits() if commit not in after)
    return Difference(gained, lost, complete=bool(before & after))


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
