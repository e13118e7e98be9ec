from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain import eviction
from pullprod_control_plane.domain.eviction import LIMIT, crowded, dispensable, excess, size
from pullprod_control_plane.domain.locks import Access, Lock
from pullprod_control_plane.domain.routes import Route, for_lock, for_pointer, for_version
from pullprod_control_plane.domain.versions import State, Version
from tests.support.domain import a_pointer, a_version

MUCH = 10**9


def begun(minute: int, **facts: object) -> Version:
    return a_version(minute, begun_at=f"2026-01-01T00:{minute:02d}:00.000000Z", **facts)


def standing(*routes: Route) -> dict[str, str]:
    return {route.key: route.record for route in routes}


def test_the_oldest_versions_go_first() -> None:
    versions = [begun(minute) for minute in (30, 10, 20)]
    records = standing(*map(for_version, versions))
    one = size(*next(iter(records.items())))
    keys = [for_version(begun(minute)).key for minute in (10, 20, 30)]
    assert dispensable(records, 1) == keys[:1]
    assert dispensable(records, one) == keys[:1]
    assert dispensable(records, one + 1) == keys[:2]
    assert dispensable(records, MUCH) == keys
    assert dispensable(records, 0) == []


def test_what_a_pointer_shows_or_showed_lately_stays() -> None:
    shown, recent, other = begun(1), begun(2), begun(3)
    pointer = a_pointer(generation=2, version=shown.id, recent=((recent.id, 1),), hosts=("www.example.com",))
    records = standing(*for_pointer(pointer, shown), *map(for_version, (shown, recent, other)))
    assert dispensable(records, MUCH) == [for_version(other).key]


def test_a_version_that_another_app_shows_may_go() -> None:
    ours, theirs = begun(1), begun(1, app="other")
    records = standing(*for_pointer(a_pointer(generation=1, version=ours.id), ours), for_version(theirs))
    assert dispensable(records, MUCH) == [for_version(theirs).key]


def test_a_withdrawn_version_goes_on_saying_so() -> None:
    assert dispensable(standing(for_version(begun(1, state=State.REVOKED))), MUCH) == []


def test_what_is_no_record_of_ours_is_left_alone() -> None:
    records = {"a": "", "b": "[]", "c": "{", "d": "{}", "e": '"v"', "f": '{"v":"x"}'}
    assert dispensable(records, MUCH) == []


def test_a_record_without_a_time_is_the_oldest() -> None:
    records = {"old": '{"a":"shop","v":"x","g":0}', **standing(for_version(begun(1)))}
    assert dispensable(records, 1) == ["old"]


@given(st.integers(0, LIMIT))
def test_what_goes_leaves_the_edge_well_below_full_and_still_crowded(used: int) -> None:
    gone = excess(used)
    assert gone >= 0
    if gone:
        assert used > LIMIT * 0.9 - 1
        assert excess(used - gone) == 0
        assert crowded(used - gone), "what was taken away must not be missed"


def test_an_edge_that_is_half_empty_is_missed_nothing() -> None:
    assert not crowded(LIMIT // 2)
    assert crowded(LIMIT // 2 + 1)


def test_the_limit_is_about_five_thousand_records() -> None:
    assert eviction.LIMIT // 1_024 == 5_120


def test_a_lock_is_never_taken_away() -> None:
    lock = for_lock(Lock("shop", Access.LINK, 1, "secret"))
    assert dispensable({lock.key: lock.record}, MUCH) == []
