"""Which pointers move by themselves when a version becomes ready."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pullprod_control_plane.application import follow, holds, look, publish, reading
from pullprod_control_plane.domain.names import pointer_candidates
from pullprod_control_plane.domain.roles import Caller
from pullprod_control_plane.domain.swaps import SwapKind
from pullprod_control_plane.domain.versions import State, Version
from tests.support.tapped import Killed, once, tap
from tests.support.world import ANN, APP, BOB, World, page


def test_a_branch_s_pointer_moves_to_each_newer_version(world: World) -> None:
    first, second = world.line("a", "b")
    assert world.shown("main") == second.id
    history = look.history(world.ports, APP, "main", 10, None).items
    assert [(swap.kind, swap.to_version) for swap in history] == [
        (SwapKind.FOLLOW, second.id),
        (SwapKind.FOLLOW, first.id),
    ]
    assert history[0].reason == "newer version of main"


def test_production_does_not_follow_by_itself(world: World) -> None:
    world.line("a", "b")
    assert world.shown("production") is None


def test_a_branch_called_production_never_moves_production(world: World) -> None:
    version = world.publish(page("a"), "a", branch="production")
    suffixed = pointer_candidates("production")[1]
    assert world.pointers() == {"production": None, suffixed: version.id}


@pytest.mark.parametrize("branch", ["next", "beta", "Production"])
def test_a_branch_called_like_any_configured_pointer_gets_a_suffixed_one(world: World, branch: str) -> None:
    world.configure(follow={"next": "main"}, hosts={"beta": ("beta.example.com",)})
    world.publish(page("a"), "a", branch=branch)
    moved = {name for name, version in world.pointers().items() if version}
    assert moved == {pointer_candidates(branch)[1]}


def test_production_follows_a_branch_where_it_was_asked_to(world: World) -> None:
    world.configure(follow={"production": "production"})
    version = world.publish(page("a"), "a", branch="production")
    assert world.pointers() == {"production": version.id}


def test_branches_whose_names_make_one_slug_get_two_pointers(world: World) -> None:
    slash = world.publish(page("slash"), "a", branch="feature/x")
    hyphen = world.publish(page("hyphen"), "b", branch="feature-x")
    suffixed = pointer_candidates("feature-x")[1]
    assert world.pointers() == {"production": None, "feature-x": slash.id, suffixed: hyphen.id}
    newer = world.publish(page("newer"), "c", branch="feature-x", ancestors="b")
    assert (world.shown("feature-x"), world.shown(suffixed)) == (slash.id, newer.id)


def test_a_pointer_that_somebody_made_by_hand_is_not_taken_by_a_branch_of_its_name(world: World) -> None:
    world.point("demo", world.publish(page("a"), "a", branch=None).id)
    version = world.publish(page("b"), "b", branch="demo")
    assert world.shown("demo") != version.id
    assert world.shown(pointer_candidates("demo")[1]) == version.id


@pytest.mark.parametrize("of", ["the configuration", "somebody's hand", "another branch"])
def test_a_branch_whose_suffixed_name_is_a_pointer_that_does_not_follow_it_moves_none(world: World, of: str) -> None:
    plain, suffixed = pointer_candidates("Release")
    shown = world.publish(page("a"), "a", branch=suffixed if of == "another branch" else None)
    if of == "the configuration":
        world.configure(hosts={suffixed: ("shop.example.com",)})
    if of != "another branch":
        world.point(suffixed, shown.id)
    first = world.publish(page("b"), "b", branch=plain)
    world.publish(page("c"), "c", branch="Release", ancestors="ba")
    assert world.pointers() == {"production": None, suffixed: shown.id, plain: first.id}


def test_a_configured_pointer_follows_its_branch_beside_the_branch_s_own(world: World) -> None:
    world.configure(follow={"next": "main", "beta": "release"})
    version = world.publish(page("a"), "a", branch="main")
    assert world.pointers() == {"production": None, "next": version.id, "beta": None, "main": version.id}


def test_a_pointer_stops_following_when_it_is_configured_so(world: World) -> None:
    world.configure(follow={"next": "main"})
    first = world.publish(page("a"), "a")
    world.configure()
    world.publish(page("b"), "b", ancestors="a")
    assert world.shown("next") == first.id


def test_a_pointer_that_stops_following_during_a_publish_is_not_moved_by_it(world: World) -> None:
    world.configure(follow={"production": "main"})
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    racing = tap(world.ports, before=once(lambda name, _: name == "edge.show", world.configure))
    version = world.with_ports(edge=racing.edge).finalize(begun.version.id)
    assert world.pointers() == {"production": None, "main": version.id}


def test_a_held_pointer_does_not_follow(world: World) -> None:
    first = world.publish(page("a"), "a")
    holds.hold(world.ports, APP, "main", ANN, "demo", None)
    second = world.publish(page("b"), "b", ancestors="a")
    assert world.shown("main") == first.id
    holds.release(world.ports, APP, "main", ANN)
    assert world.shown("main") == first.id
    third = world.publish(page("c"), "c", ancestors="ba")
    assert world.shown("main") == third.id != second.id


def test_a_pointer_follows_again_once_its_hold_expired(world: World) -> None:
    world.publish(page("a"), "a")
    holds.hold(world.ports, APP, "main", ANN, "demo", "2026-06-01T13:00:00Z")
    world.clock.go_on(hours=2)
    second = world.publish(page("b"), "b", ancestors="a")
    assert world.shown("main") == second.id


def late(world: World, older: dict[str, Any], newer: dict[str, Any]) -> tuple[str, str]:
    """Begin an older push, publish a newer one, then let the older finish; return their ids."""
    begun = world.begin(page("older"), **older)
    world.send(begun, page("older"))
    version = world.publish(page("newer"), **newer)
    world.finalize(begun.version.id)
    return begun.version.id, version.id


def test_a_push_whose_descendant_is_shown_does_not_move_the_pointer_back(world: World) -> None:
    _, newer = late(world, {"commit": "a"}, {"commit": "b", "ancestors": "a"})
    assert world.shown("main") == newer


def test_a_descendant_moves_the_pointer_however_late_it_was_begun_or_dated(world: World) -> None:
    descendant, shown = late(
        world, {"commit": "b", "ancestors": "a", "committed_at": "2020-01-01T00:00:00.000000Z"}, {"commit": "a"}
    )
    assert world.shown("main") == descendant != shown


def test_of_two_builds_of_one_commit_the_one_begun_later_is_shown(world: World) -> None:
    _, newer = late(world, {"commit": "a"}, {"commit": "a"})
    assert world.shown("main") == newer


@pytest.mark.parametrize(("day", "moves"), [("2026-06-02", True), ("2026-05-01", False)], ids=["later", "earlier"])
def test_after_a_force_push_the_later_commit_is_shown(world: World, day: str, moves: bool) -> None:
    before = world.publish(page("a"), "a", ancestors="x")
    pushed = world.publish(page("b"), "b", ancestors="x", committed_at=f"{day}T00:00:00.000000Z")
    assert world.shown("main") == (pushed.id if moves else before.id)


def test_publishing_an_ancestor_again_does_not_move_the_pointer_back(world: World) -> None:
    _, second = world.line("a", "b")
    world.begin(page("a"), "a")
    assert world.shown("main") == second.id


def test_a_shallow_clone_s_line_is_mended_from_the_versions_between(world: World) -> None:
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    world.publish(page("b"), "b", ancestors="a")
    world.publish(page("c"), "c", ancestors="b")
    newest = world.publish(page("d"), "d", ancestors="c", committed_at="2020-01-01T00:00:00.000000Z")
    assert world.shown("main") == newest.id, "d descends from c, whatever its date"
    world.finalize(begun.version.id)
    assert world.shown("main") == newest.id, "a is an ancestor of d, by way of c and b"


def test_a_hold_that_comes_while_a_version_is_released_is_honoured(world: World) -> None:
    first = world.publish(page("a"), "a")
    begun = world.begin(page("b"), "b", ancestors="a")
    world.send(begun, page("b"))
    racing = tap(
        world.ports,
        before=once(
            lambda name, args: name == "ledger.commit" and any("history" in c.key.partition for c in args[0]),
            lambda: holds.hold(world.ports, APP, "main", ANN, "demo", None),
        ),
    )
    replace(world, ports=racing).finalize(begun.version.id)
    assert world.shown("main") == first.id
    assert world.version(begun.version.id).published_at


ALL, NEXT_ONLY = Caller(ANN), Caller(ANN, ("next",))


def stayed(world: World, version: Version, branch: str = "main", caller: Caller = ALL) -> dict[str, str]:
    """Return the pointers that do not follow to a version, each with the guard that refuses."""
    app = reading.find_app(world.ports, APP)
    found = follow.stayed(world.ports, world.addresses, app, version, branch, caller)
    assert all(refusal.detail for refusal in found)
    return {refusal.pointer: refusal.guard for refusal in found}


def test_a_pointer_does_not_follow_where_users_would_lose_commits(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.configure(follow={"production": "main"})
    before = world.publish(page("a"), "a", ancestors="x")
    rewritten = world.publish(page("b"), "b", ancestors="x")
    assert rewritten.state is State.READY
    assert (world.shown("production"), world.shown("main")) == (before.id, rewritten.id)
    assert stayed(world, rewritten) == {"production": "lineage"}
    assert f"production of shop does not follow to {rewritten.id}" in caplog.text
    after = world.publish(page("c"), "c", ancestors="bxa")
    assert world.shown("production") == after.id, "nothing is lost any more"


def test_a_pointer_does_not_follow_to_a_version_that_is_unwell(world: World) -> None:
    first = world.publish(page("a"), "a", health=("/style.css",))
    second = world.publish({"index.html": b"b"}, "b", ancestors="a", health=("/style.css",))
    assert second.state is State.READY
    assert world.shown("main") == first.id
    assert stayed(world, second) == {"main": "health"}


def test_whoever_publishes_is_told_of_a_hold_and_of_nothing_that_follows_or_is_newer(world: World) -> None:
    first, second = world.line("a", "b")
    assert stayed(world, first) == stayed(world, second) == {}
    holds.hold(world.ports, APP, "main", BOB, "demo", None)
    third = world.publish(page("c"), "c", ancestors="ba")
    assert stayed(world, third) == {"main": "hold"}
    assert stayed(world, third, branch="other") == {}


def test_a_token_that_is_limited_to_pointers_moves_no_other_by_a_publish(world: World) -> None:
    world.configure(follow={"production": "main", "next": "main"})
    version = world.publish(page("a"), "a", by=NEXT_ONLY)
    assert version.state is State.READY
    assert world.pointers() == {"production": None, "next": version.id}
    assert stayed(world, version, caller=NEXT_ONLY) == {"main": "token", "production": "token"}


def test_publishing_again_with_a_token_of_all_pointers_does_not_need_new_bytes(world: World) -> None:
    version = world.publish(page("a"), "a", by=NEXT_ONLY)
    world.begin(page("a"), "a")
    assert world.shown("main") == version.id


def test_a_limited_token_moves_no_other_pointer_by_a_branch_that_joins(world: World) -> None:
    version = world.publish(page("a"), "a")
    world.begin(page("a"), "a", branch="release", by=NEXT_ONLY)
    assert world.pointers() == {"production": None, "main": version.id}


def test_a_pointer_catches_up_with_no_version_that_its_publisher_could_not_point_it_at(world: World) -> None:
    world.configure(follow={"production": "main"})
    holds.hold(world.ports, APP, "production", BOB, "launch", "2026-06-01T13:00:00Z")
    version = world.publish(page("a"), "a", by=NEXT_ONLY)
    world.clock.go_on(hours=2)
    app = reading.find_app(world.ports, APP)
    follow.catch_up(world.ports, world.addresses, app, "production")
    assert world.shown("production") is None
    world.begin(page("a"), "a")
    assert world.shown("production") == version.id, "somebody who may publishes it again"


@pytest.mark.parametrize("joined", [False, True], ids=["own branch", "branch that joined"])
def test_whoever_finishes_the_publish_of_a_limited_token_moves_no_more_than_that_may(
    world: World, joined: bool
) -> None:
    begun = world.begin(page("a"), "a", branch=None if joined else "main", by=NEXT_ONLY)
    if joined:
        world.begin(page("a"), "a", by=NEXT_ONLY)
    world.send(begun, page("a"))

    def kill(name: str, _args: object) -> None:
        if name == "edge.show":
            raise Killed

    with pytest.raises(Killed):
        world.with_ports(edge=tap(world.ports, before=kill).edge).finalize(begun.version.id, by=NEXT_ONLY)
    world.reconcile()
    assert world.version(begun.version.id).state is State.READY
    assert world.pointers() == {"production": None}
    publish.finalize(world.ports, world.addresses, APP, begun.version.id, Caller(BOB))
    assert world.pointers() == {"production": None}, "what is ready is not released twice"
