"""Retiring an idle branch's pointer, at every step: killed there, or with something else that happens just then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copytree

import pytest

from pullprod_control_plane.application import holds, look, prune
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.errors import VersionNotReady
from pullprod_control_plane.domain.swaps import SwapKind
from pullprod_control_plane.domain.versions import State
from tests.support.tapped import Killed, counted, killed_at, once, tap
from tests.support.world import APP, BOB, World, opened, page, pending

POLICY = Retention(1, 1, 1, 100)


class Scene:
    """A directory with an idle branch `x`, which prune lets go; each act gets a copy of its own.

    What drifts is only reported: a record that comes back was written by whoever took it away, or by a note.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._copies = 0
        with opened(directory / "scene") as world:
            world.configure(retention=POLICY, drift="report")
            self.old, self.shown = (version.id for version in world.line("a", "b", branch="x"))
            world.clock.go_on(days=101)
            world.publish(page("main"), "main")
            self.moment = world.clock.now()

    @contextmanager
    def copy(self) -> Iterator[World]:
        self._copies += 1
        where = copytree(self._directory / "scene", self._directory / str(self._copies))
        with opened(where) as world:
            world.clock.moment = self.moment
            yield world

    def each_step(self) -> Iterator[tuple[World, int]]:
        """Yield a copy for each call that a prune makes, with the number of the call."""
        with self.copy() as world:
            ports, calls = counted(world.ports)
            prune.run(ports, APP)
            assert world.pointer("x").retired
        for number in range(len(calls)):
            with self.copy() as world:
                yield world, number


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("retire"))


def beside(world: World, number: int, act: Callable[[World], object], *, killed: bool = False) -> None:
    """Let a prune run, and something happen just before one of its calls, after which it may be killed."""
    left = iter(range(number + 1))
    tapped = tap(world.ports, before=once(lambda *_: next(left) == number, lambda: act(world)))
    prune.run(killed_at(tapped, number, after=True) if killed else tapped, APP)


def check_settled(world: World) -> None:
    """Assert that ledger and edge agree, and that every generation stands once in an unbroken history."""
    world.reconcile()
    pointer = world.pointer("x")
    history = look.history(world.ports, APP, "x", 100, None).items
    assert [swap.generation for swap in history] == [*range(pointer.generation, 0, -1)]
    assert history[0].to_version == pointer.version == world.shown("x")
    assert pending(world) == []
    assert world.findings() == set()


def publish(world: World) -> str:
    return world.publish(page("new"), "new", branch="x", ancestors="ba").id


def test_a_prune_that_was_killed_at_any_step_is_finished_by_the_rounds_that_follow(scene: Scene) -> None:
    for world, number in scene.each_step():
        with pytest.raises(Killed):
            prune.run(killed_at(world.ports, number, after=True), APP, BOB)
        prune_was_noted = pending(world) or world.pointer("x").retired
        world.reconcile()
        assert world.pointer("x").retired == bool(prune_was_noted), f"killed after call {number}"
        check_settled(world)


def test_a_prune_that_was_killed_at_any_step_is_finished_by_the_next(scene: Scene) -> None:
    for world, number in scene.each_step():
        with pytest.raises(Killed):
            prune.run(killed_at(world.ports, number, after=True), APP, BOB)
        shown: list[bool] = []

        def look(name: str, _: object, world: World = world, shown: list[bool] = shown) -> None:
            if name == "store.delete":
                shown.append(world.route(f"x--{APP}") is not None)

        prune.run(tap(world.ports, before=look), APP)
        assert (world.pointer("x").retired, world.pointer("x").generation) == (True, 3), f"killed after call {number}"
        assert not any(shown), f"after call {number} the edge showed what had no files"
        assert pending(world) == []
        assert world.version(scene.shown).state is State.RETIRED
        check_settled(world)


def test_a_publish_at_any_step_is_shown(scene: Scene) -> None:
    generations = set()
    for world, number in scene.each_step():
        beside(world, number, publish)
        prune.run(world.ports, APP)
        assert world.version(world.shown("x") or "").message == "new", f"published before call {number}"
        generations.add(world.pointer("x").generation)
        check_settled(world)
    assert generations == {3, 4}, "it came first, and the pointer stayed; or after, and brought it back"


def test_a_publish_at_any_step_is_shown_though_the_prune_is_killed_at_its_next(scene: Scene) -> None:
    for world, number in scene.each_step():
        with pytest.raises(Killed):
            beside(world, number, publish, killed=True)
        world.reconcile()
        assert world.version(world.shown("x") or "").message == "new", f"published before call {number}"
        check_settled(world)


def test_a_version_that_is_published_again_at_any_step_is_shown_or_refused(scene: Scene) -> None:
    outcomes = set()
    for world, number in scene.each_step():
        published: list[str] = []

        def again(world: World, published: list[str] = published) -> None:
            with suppress(VersionNotReady):
                published.append(world.publish(page("b"), "b", branch="x", ancestors="a").id)

        beside(world, number, again)
        prune.run(world.ports, APP)
        assert world.shown("x") == (scene.shown if published else None), f"published before call {number}"
        outcomes.add((bool(published), world.pointer("x").generation))
        world.configure(retention=POLICY)  # The address of a version that a prune meets half published drifts.
        check_settled(world)
    assert outcomes == {(True, 2), (True, 4), (False, 3)}


def test_a_swap_at_any_step_is_shown(scene: Scene) -> None:
    generations = set()
    for world, number in scene.each_step():
        beside(world, number, lambda world: world.point("x", "branch:main"))
        prune.run(world.ports, APP)
        assert world.version(world.shown("x") or "").message == "main", f"pointed before call {number}"
        generations.add(world.pointer("x").generation)
        check_settled(world)
    assert generations == {3, 4}


def test_a_pointer_that_is_held_at_any_step_stays_or_was_retired_before(scene: Scene) -> None:
    outcomes = set()
    for world, number in scene.each_step():
        retired: list[bool] = []

        def hold(world: World, retired: list[bool] = retired) -> None:
            retired.append(holds.hold(world.ports, APP, "x", BOB, "a demo", None).retired)

        beside(world, number, hold)
        prune.run(world.ports, APP)
        assert world.pointer("x").hold is not None
        assert [world.pointer("x").retired] == retired, f"held before call {number}"
        outcomes.update(retired)
        check_settled(world)
    assert outcomes == {False, True}


def test_two_prunes_at_once_retire_it_once(scene: Scene) -> None:
    for world, number in scene.each_step():
        beside(world, number, lambda world: prune.run(world.ports, APP))
        history = look.history(world.ports, APP, "x", 100, None).items
        assert [swap.kind for swap in history] == [SwapKind.RETIRE, SwapKind.FOLLOW, SwapKind.FOLLOW]
        check_settled(world)


def test_a_round_at_any_step_finishes_what_the_prune_is_at(scene: Scene) -> None:
    for world, number in scene.each_step():
        beside(world, number, World.reconcile)
        assert world.pointer("x").retired
        check_settled(world)
