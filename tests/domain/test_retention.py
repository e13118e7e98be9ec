from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.pointers import Pointer
from pullprod_control_plane.domain.retention import expired, shown
from pullprod_control_plane.domain.times import parse, stamp
from pullprod_control_plane.domain.versions import State, Version
from tests.support.domain import NOW, a_pointer, a_version, version_id

CLOCK = parse(NOW, "now")
STRICT = Retention(keep_days=1, keep_newest=1, keep_per_branch=1)


def aged(days: float, name: str = "", **facts: object) -> Version:
    return a_version(name or str(days), begun_at=stamp(CLOCK - timedelta(days=days)), **facts)


def ids(versions: list[Version]) -> list[str]:
    return [version.id for version in versions]


VERSIONS = st.lists(
    st.builds(
        lambda days, branch, state, n: aged(days, str(n), branch=branch, state=state),
        st.floats(0, 400),
        st.sampled_from(["main", "a", None]),
        st.sampled_from(State),
        st.integers(0, 10_000),
    ),
    unique_by=lambda version: version.id,
    max_size=30,
).map(lambda versions: sorted(versions, key=lambda version: version.begun_at, reverse=True))
POLICIES = st.builds(Retention, st.integers(1, 200), st.integers(1, 30), st.integers(1, 5))


@given(VERSIONS, POLICIES, st.data())
def test_what_is_shown_is_never_let_go(versions: list[Version], policy: Retention, data: st.DataObject) -> None:
    names = st.sampled_from(ids(versions) or [version_id("none")])
    pointers = [
        Pointer("shop", "p", 9, data.draw(names), trail=(data.draw(names),), recent=((data.draw(names), 3),))
        for _ in range(data.draw(st.integers(0, 4)))
    ]
    gone = expired(versions, pointers, policy, CLOCK)
    assert not shown(pointers) & set(ids(gone))
    assert ids(gone) == ids(sorted(gone, key=lambda version: version.begun_at))


@given(VERSIONS, POLICIES)
def test_what_is_kept_besides_is_newest_or_young_or_gone_already(versions: list[Version], policy: Retention) -> None:
    gone = set(ids(expired(versions, [], policy, CLOCK)))
    ready = [version for version in versions if version.state is State.READY]
    assert not gone & set(ids(ready[: policy.keep_newest]))
    for branch in {version.branch for version in ready}:
        assert not gone & set(ids([v for v in ready if v.branch == branch][: policy.keep_per_branch]))
    assert {v.state for v in versions if v.id in gone}.isdisjoint({State.RETIRED, State.REVOKED})
    young = CLOCK - timedelta(days=policy.keep_days)
    assert all(parse(v.begun_at, "at") <= young for v in ready if v.id in gone)


@pytest.mark.parametrize(
    ("versions", "gone", "why"),
    [
        ([aged(0), aged(2)], [2], "older than a day, and not the newest"),
        ([aged(2)], [], "the newest"),
        ([aged(2), aged(3, branch="a")], [], "the newest of its branch"),
        ([aged(2), aged(3, branch="a"), aged(4, branch="a")], [4], "the second of its branch"),
        ([aged(0.5), aged(0.9)], [], "younger than a day"),
        ([aged(0), aged(2, state=State.UPLOADING)], [2], "an upload that nobody finished within a day"),
        ([aged(0), aged(0.9, state=State.UPLOADING)], [], "an upload that is still going on"),
        ([aged(2, state=State.UPLOADING), aged(3)], [2], "an unfinished upload is not what is kept as the newest"),
        ([aged(0), aged(2, state=State.PREPARING)], [2], "prepared, but never ready"),
        ([aged(0), aged(2, state=State.RETIRING)], [2], "an interrupted prune is finished"),
        ([aged(0), aged(0.5, state=State.RETIRING)], [0.5], "an interrupted prune is finished, however young it is"),
        ([aged(0), aged(2, state=State.RETIRED)], [], "gone already"),
        ([aged(0), aged(2, state=State.REVOKED)], [], "its record is kept"),
    ],
)
def test_each_rule_lets_go_what_no_other_keeps(versions: list[Version], gone: list[float], why: str) -> None:
    assert ids(expired(versions, [], STRICT, CLOCK)) == ids([aged(days) for days in gone]), why


def test_an_unfinished_upload_gets_a_day_even_where_versions_are_kept_for_months() -> None:
    versions = [aged(0), aged(2, state=State.UPLOADING), aged(3)]
    assert ids(expired(versions, [], Retention(90, 1, 1), CLOCK)) == [aged(2).id]


def test_a_pointer_shows_its_version_its_trail_and_what_open_pages_ask_for() -> None:
    pointers = [a_pointer(version="a", trail=("b", "c"), recent=(("d", 1),)), a_pointer("next")]
    assert shown(pointers) == {"a", "b", "c", "d"}
