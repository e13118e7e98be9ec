"""Which pointers move by themselves when a version becomes ready."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pullprod_control_plane.application import holds, look
from pullprod_control_plane.domain.names import pointer_candidates
from pullprod_control_plane.domain.swaps import SwapKind
from tests.support.tapped import once, tap
from tests.support.world import ANN, APP, World, page


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


def test_a_held_pointer_does_not_follow(world: World) -> None:
    first = world.publish(page("a"), "a")
    holds.hold(world.ports, APP, "main", ANN, "demo", None)
    second = world.publish(page("b"), "b", ancestors="a")
    assert world.shown("main") == first.id
    holds.release(world.ports, APP, "main")
    assert world.shown("main") == first.id
    third = world.publish(page("c"), "c", ancestors="ba")
    assert world.shown("main") == third.id != second.id


def test_a_pointer_follows_again_once_its_hold_expired(world: World) -> None:
    world.publish(page("a"), "a")
    holds.hold(world.ports, APP, "main", ANN, "demo", "2026-06-01T13:00:00Z")
    world.clock.go_on(hours=2)
    second = world.publish(page("b"), "b", ancestors="a")
    assert world.shown("main") == second.id


def late(world: World, older: dict[str, object], newer: dict[str, object]) -> tuple[str, str]:
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
