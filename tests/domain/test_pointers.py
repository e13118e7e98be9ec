from __future__ import annotations

import pytest

from pullprod_control_plane.domain.errors import NothingToRollBackTo, PointerHeld, StalePointer
from pullprod_control_plane.domain.pointers import (
    Hold,
    Pointer,
    require_free,
    require_generation,
    require_previous,
    without,
)
from tests.support.domain import BEFORE, LATER, NOW, a_pointer

MOVED = a_pointer(
    generation=7, version="v7", moved_by="token:bob", moved_at=BEFORE, reason="launch", trail=("v6", "v5")
)


@pytest.mark.parametrize(
    ("until", "active"),
    [(None, True), (LATER, True), (NOW, False), (BEFORE, False)],
    ids=["open", "to come", "now", "past"],
)
def test_a_hold_stands_until_its_end(until: str | None, active: bool) -> None:
    assert Hold("why", "who", BEFORE, until).active(NOW) == active


@pytest.mark.parametrize("expected", [None, 7])
def test_a_caller_who_saw_this_generation_or_does_not_care_goes_on(expected: int | None) -> None:
    require_generation(MOVED, expected)


@pytest.mark.parametrize("expected", [0, 6, 8])
def test_a_caller_who_saw_another_is_told_who_moved_it(expected: int) -> None:
    with pytest.raises(StalePointer, match="token:bob pointed it at v7") as stale:
        require_generation(MOVED, expected)
    assert stale.value.facts == {
        "expected": expected,
        "actual": 7,
        "moved_by": "token:bob",
        "moved_at": BEFORE,
        "version": "v7",
        "reason": "launch",
    }


@pytest.mark.parametrize("hold", [None, Hold("why", "who", BEFORE, NOW)])
def test_a_pointer_is_free_without_a_hold_or_after_it(hold: Hold | None) -> None:
    require_free(a_pointer(hold=hold), NOW)


@pytest.mark.parametrize("until", [None, LATER])
def test_a_held_pointer_tells_who_why_and_until_when(until: str | None) -> None:
    with pytest.raises(PointerHeld, match="launch day") as held:
        require_free(a_pointer(hold=Hold("launch day", "token:bob", BEFORE, until)), NOW)
    assert held.value.facts == {"hold": {"reason": "launch day", "owner": "token:bob", "since": BEFORE, "until": until}}


def test_the_previous_version_is_the_newest_of_the_trail() -> None:
    assert MOVED.previous == require_previous(MOVED) == "v6"


def test_without_a_trail_there_is_nothing_to_roll_back_to() -> None:
    assert a_pointer().previous is None
    with pytest.raises(NothingToRollBackTo):
        require_previous(a_pointer())


def test_a_version_that_is_gone_leaves_no_trace_to_follow() -> None:
    pointer = Pointer("shop", "next", 4, "v4", trail=("v3", "v2", "v3"), recent=(("v3", 3), ("v2", 2)))
    left = without(pointer, "v3")
    assert (left.trail, left.recent) == (("v2",), (("v2", 2),))
    assert (left.generation, left.version) == (4, "v4")
