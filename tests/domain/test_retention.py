from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.apps import App, Retention
from pullprod_control_plane.domain.pointers import EndedHold, Hold, Pointer, PointerState
from pullprod_control_plane.domain.retention import expired, idle, shown
from pullprod_control_plane.domain.times import parse, stamp
from pullprod_control_plane.domain.versions import State, Version
from tests.support.domain import LATER, NOW, a_pointer, a_version, an_app, version_id

CLOCK = parse(NOW, "now")
STRICT = an_app(retention=Retention(keep_days=1, keep_newest=1, keep_per_branch=1, idle_branch_days=100))
HELD = Hold("a demo", "token:bob", NOW)


def ago(days: float) -> str:
    return stamp(CLOCK - timedelta(days=days))


def aged(days: float, name: str = "", **facts: object) -> Version:
    return a_version(name or str(days), begun_at=ago(days), **facts)


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
POLICIES = st.builds(Retention, st.integers(1, 200), st.integers(1, 30), st.integers(1, 5), st.integers(1, 400))
APPS = POLICIES.map(lambda policy: an_app(retention=policy))


@given(VERSIONS, APPS, st.data())
def test_what_is_shown_is_never_let_go(versions: list[Version], app: App, data: st.DataObject) -> None:
    names = st.sampled_from(ids(versions) or [version_id("none")])
    pointers = [
        Pointer("shop", "p", 9, data.draw(names), trail=(data.draw(names),), recent=((data.draw(names), 3),))
        for _ in range(data.draw(st.integers(0, 4)))
    ]
    gone = expired(app, versions, pointers, CLOCK)
    assert not shown(pointers) & set(ids(gone))
    assert ids(gone) == ids(sorted(gone, key=lambda version: version.begun_at))


@given(VERSIONS, APPS)
def test_what_is_kept_besides_is_newest_or_young_or_gone_already(versions: list[Version], app: App) -> None:
    policy = app.retention
    gone = set(ids(expired(app, versions, [], CLOCK)))
    ready = [version for version in versions if version.state is State.READY]
    assert not gone & set(ids(ready[: policy.keep_newest]))
    published = [v for v in versions if v.begun_at >= ago(policy.idle_branch_days)]
    for branch in {"main", None, *(version.branch for version in published)}:
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
    assert ids(expired(STRICT, versions, [], CLOCK)) == ids([aged(days) for days in gone]), why


def test_an_unfinished_upload_gets_a_day_even_where_versions_are_kept_for_months() -> None:
    versions = [aged(0), aged(2, state=State.UPLOADING), aged(3)]
    assert ids(expired(an_app(retention=Retention(90, 1, 1)), versions, [], CLOCK)) == [aged(2).id]


def test_a_pointer_shows_its_version_its_trail_and_what_open_pages_ask_for() -> None:
    pointers = [a_pointer(version="a", trail=("b", "c"), recent=(("d", 1),)), a_pointer("next")]
    assert shown(pointers) == {"a", "b", "c", "d"}


def a_branchs(**facts: Any) -> Pointer:
    """Return the pointer of the branch `a`, last moved 101 days ago."""
    return a_pointer(**{"name": "a", "generation": 2, "version": "v", "follows": "a", "moved_at": ago(101), **facts})


def names(pointers: list[Pointer], versions: list[Version], app: App = STRICT) -> list[str]:
    return [found.pointer.name for found in idle(app, pointers, versions, CLOCK)]


def test_a_branch_s_pointer_is_idle_once_it_was_not_moved_and_nothing_was_published_for_so_long() -> None:
    versions = [aged(100, branch="b"), aged(102, branch="a"), aged(103, branch="a"), aged(300, branch="c")]
    pointers = [a_branchs(), a_branchs(name="b", follows="b"), a_branchs(name="c", follows="c", moved_at=ago(99.9))]
    [found] = idle(STRICT, pointers, versions, CLOCK)
    assert (found.pointer, found.since) == (pointers[0], ago(101))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"follows": None}, "somebody made it"),
        ({"name": "production", "follows": "a"}, "production, whatever it follows"),
        ({"name": "next", "follows": "a"}, "configured to follow"),
        ({"name": "beta"}, "configured to have hosts"),
        ({"name": "gamma"}, "configured to be guarded"),
        ({"hosts": ("a.example.com",)}, "it has hosts"),
        ({"follows": "trunk"}, "the main branch's"),
        ({"hold": HELD}, "held"),
        ({"hold": Hold("a demo", "token:bob", NOW, LATER)}, "held until tomorrow"),
        ({"version": None}, "retired already"),
        ({"version": None, "generation": 0}, "it never showed anything"),
        ({"state": PointerState.APPLYING}, "it moves"),
        ({"republished_at": ago(99)}, "what it shows was published again"),
        ({"last_hold": EndedHold("a demo", "token:bob", ago(300), ago(99), "token:bob", automatic=False)}, "released"),
    ],
)
def test_a_pointer_that_is_anybody_s_or_anything_s_is_never_idle(facts: dict[str, object], why: str) -> None:
    hosts, follow, lineage = {"beta": ("b.example.com",)}, {"next": "a"}, {"gamma": "refuse"}
    app = an_app(main="trunk", hosts=hosts, follow=follow, lineage=lineage, retention=STRICT.retention)
    assert names([a_branchs()], [], app) == ["a"]
    assert names([a_branchs(**facts)], [], app) == [], why


def test_a_hold_that_has_ended_keeps_no_pointer() -> None:
    assert names([a_branchs(hold=Hold("a demo", "token:bob", ago(300), ago(1)))], []) == ["a"]


@pytest.mark.parametrize(
    ("versions", "pointers", "gone", "why"),
    [
        ([aged(101, branch="a")], [], [101], "nothing follows the branch any more"),
        ([aged(101, branch="a")], [a_branchs(version=None)], [101], "its pointer is retired"),
        ([aged(101, branch="a")], [a_branchs(hold=HELD)], [], "its pointer is held, and shows another"),
        ([aged(99, branch="a"), aged(101, branch="a")], [], [101], "published to, and the second of its branch"),
        ([aged(99, branch="a")], [], [], "the newest of a branch that was published to"),
        ([aged(101, branch="main")], [], [], "the newest of the main branch"),
        ([aged(101, branch=None)], [], [], "the newest of no branch"),
    ],
)
def test_an_idle_branch_keeps_nothing_for_being_its_newest(
    versions: list[Version], pointers: list[Pointer], gone: list[float], why: str
) -> None:
    newest = aged(0, branch="other")
    assert ids(expired(STRICT, [newest, *versions], pointers, CLOCK)) == ids([aged(days) for days in gone]), why


def test_what_a_configured_pointer_follows_is_no_idle_branch() -> None:
    app = an_app(follow={"next": "a"}, retention=STRICT.retention)
    assert expired(app, [aged(0), aged(101, branch="a")], [], CLOCK) == []


def test_an_idle_branch_s_versions_are_kept_as_the_newest_of_all_and_while_they_are_young() -> None:
    kept = an_app(retention=Retention(keep_days=200, keep_newest=1, keep_per_branch=1, idle_branch_days=100))
    assert expired(kept, [aged(0), aged(150, branch="a")], [], CLOCK) == []
    kept = an_app(retention=Retention(keep_days=1, keep_newest=2, keep_per_branch=1, idle_branch_days=100))
    assert expired(kept, [aged(0), aged(150, branch="a")], [], CLOCK) == []
