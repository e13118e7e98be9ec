"""Prune at every step: killed there, or with a publish or a swap that happens just then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from pullprod_control_plane.application import keys, layouts, prune, reading, revoke, states
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.errors import VersionNotReady
from pullprod_control_plane.domain.versions import State
from tests.support.tapped import Killed, counted, killed_at, once, tap
from tests.support.world import APP, BOB, World, opened

SHARED = {f"{number}.txt": b"shared" for number in range(12)}
OLD = {**SHARED, "0.txt": b"old", "old.txt": b"old"}
NEW = {**SHARED, "0.txt": b"new"}
EXPECTED = {"a": OLD, "b": NEW, "c": OLD}


class Scene:
    """A directory with an old version, which prune lets go, and a newer one; each act gets a copy of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._copies = 0
        with opened(directory / "scene") as world:
            world.configure(retention=Retention(1, 1, 1))
            self.old = world.publish(OLD, "a", branch=None).id
            world.clock.go_on(days=30)
            new = world.publish(NEW, "b", branch=None, ancestors="a")
            self.new, self.patch = new.id, new.patch

    @contextmanager
    def copy(self) -> Iterator[World]:
        self._copies += 1
        where = copytree(self._directory / "scene", self._directory / str(self._copies))
        with opened(where) as world:
            world.clock.go_on(days=31)
            yield world

    def steps(self) -> range:
        """Return the numbers of the calls that a prune makes."""
        with self.copy() as world:
            ports, calls = counted(world.ports)
            prune.run(ports, APP)
        assert len(calls) > 20
        return range(len(calls))


@pytest.fixture(scope="module", params=["segments of their own", "patches"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "patches":
            patched.setattr(layouts, "_WORTHWHILE", 0)
        made = Scene(tmp_path_factory.mktemp("prune"))
        assert bool(made.patch) == (request.param == "patches")
        yield made


def at_step(number: int, act: Callable[[], object]) -> Callable[..., None]:
    left = iter(range(number + 1))
    return once(lambda *_: next(left) == number, act)


def keep(kept: list[Any], act: Callable[[], object]) -> None:
    """Act, and keep what comes of it."""
    kept.append(act())


def check_settled(world: World) -> None:
    """Assert that every version is either whole or gone, and that nothing is left of what is gone."""
    versions = reading.versions(world.ports, APP)
    assert {version.state for version in versions} <= {State.READY, State.RETIRED}
    held: set[str] = set()
    for version in versions:
        if version.state is State.READY:
            name = {"86f7e437faa5": "a", "e9d71f5ee7c9": "b", "84a516841ba7": "c"}[version.commit[:12]]
            assert world.content(version) == EXPECTED[name]
            held |= {version.segments[at : at + 8] for at in range(0, 512, 8)} | {version.patch[:8]}
        else:
            assert world.route(f"{version.id}--{APP}") is None
    found = reading.everything(world.ledger, keys.contents(APP), keys.SEGMENT)
    items = [item for item in found if item.body["state"] != states.DELETED]
    assert {str(item.body["state"]) for item in items} == {states.COMPLETE}
    assert {item.key.sort.removeprefix(keys.SEGMENT) for item in items} <= held
    stored = [key for (key,) in world.store._database.rows("SELECT key FROM objects")]
    assert {key.split("/")[2] for key in stored if key.startswith(f"{APP}/s/")} <= held
    assert world.findings() == set()


def test_a_prune_that_was_killed_at_any_step_harms_nothing_and_is_finished_by_the_next(scene: Scene) -> None:
    for number in scene.steps():
        with scene.copy() as world:
            with pytest.raises(Killed):
                prune.run(killed_at(world.ports, number, after=True), APP)
            assert world.content(world.version(scene.new)) == NEW
            prune.run(world.ports, APP)
            assert world.version(scene.old).state is State.RETIRED, f"killed after call {number}"
            check_settled(world)


def test_a_version_that_is_published_at_any_step_keeps_its_segments(scene: Scene) -> None:
    for number in scene.steps():
        with scene.copy() as world:
            act: list[Any] = []
            tapped = tap(
                world.ports,
                before=at_step(number, partial(keep, act, partial(world.publish, OLD, "c", branch=None))),
            )
            prune.run(tapped, APP)
            assert world.content(act[0]) == OLD, f"published before call {number}"
            prune.run(world.ports, APP)
            check_settled(world)


def test_a_publish_that_begins_at_any_step_and_ends_after_the_prune_is_whole(scene: Scene) -> None:
    for number in scene.steps():
        with scene.copy() as world:
            act: list[Any] = []
            tapped = tap(
                world.ports, before=at_step(number, partial(keep, act, partial(world.begin, OLD, "c", branch=None)))
            )
            prune.run(tapped, APP)
            fresh = world.begin(OLD, "c", branch=None)
            world.send(fresh, OLD)
            assert world.content(world.finalize(fresh.version.id)) == OLD, f"begun before call {number}"
            prune.run(world.ports, APP)
            check_settled(world)


def test_a_version_that_is_swapped_to_at_any_step_is_kept_or_refused(scene: Scene) -> None:
    outcomes = set()
    for number in scene.steps():
        with scene.copy() as world:

            def swap(world: World = world) -> None:
                with suppress(VersionNotReady):
                    world.point("demo", scene.old)

            prune.run(tap(world.ports, before=at_step(number, swap)), APP)
            prune.run(world.ports, APP)
            kept = world.version(scene.old).state
            outcomes.add(kept)
            assert (world.shown("demo") == scene.old) == (kept is State.READY), f"swapped before call {number}"
            check_settled(world)
    assert outcomes == {State.READY, State.RETIRED}


def test_a_version_that_was_swapped_to_just_before_a_killed_prune_marked_it_is_kept(scene: Scene) -> None:
    with scene.copy() as world:
        marks = once(lambda name, _: name == "ledger.commit", lambda: world.point("demo", scene.old))
        ports = tap(world.ports, before=marks, after=_kill_after_commit)
        with pytest.raises(Killed):
            prune.proceed(ports, APP)
        assert world.version(scene.old).state is State.RETIRING
        assert prune.plan(world.ports, APP).objects == 0
        prune.run(world.ports, APP)
        assert world.shown("demo") == scene.old
        assert world.version(scene.old).state is State.READY
        check_settled(world)


def test_a_version_that_somebody_else_has_marked_but_not_looked_at_is_whole(scene: Scene) -> None:
    """Whoever withdraws it marked it at some step of the prune, a moment after it was swapped to, and was killed."""
    for number in scene.steps():
        with scene.copy() as world:
            world.point("demo", scene.old)
            at: list[int] = []

            def mark(world: World = world, at: list[int] = at, number: int = number) -> None:
                world.point("demo", scene.new)
                swaps = once(lambda name, _: name == "ledger.commit", lambda: world.point("demo", scene.old))
                ports = tap(world.ports, before=swaps, after=_kill_after_commit)
                with suppress(Killed):
                    revoke.revoke(ports, APP, scene.old, BOB, "bad")
                assert world.version(scene.old).state is State.RETIRING
                at.append(number)

            prune.run(tap(world.ports, before=at_step(number, mark)), APP)
            if not at:
                break
            prune.run(world.ports, APP)
            assert world.shown("demo") == scene.old
            assert world.version(scene.old).state is State.READY, f"marked before call {number}"
            check_settled(world)
    assert number > 10


def _kill_after_commit(name: str, _args: object) -> None:
    if name == "ledger.commit":
        raise Killed


def test_two_prunes_at_once_do_what_one_does(scene: Scene) -> None:
    for number in scene.steps():
        with scene.copy() as world:
            tapped = tap(world.ports, before=at_step(number, partial(prune.run, world.ports, APP)))
            prune.run(tapped, APP)
            assert world.version(scene.old).state is State.RETIRED
            check_settled(world)


def test_a_version_that_is_published_again_while_a_slower_prune_ends_keeps_its_manifest(scene: Scene) -> None:
    for number in scene.steps():
        with scene.copy() as world:

            def prune_and_publish(world: World = world) -> None:
                prune.run(world.ports, APP)
                world.publish(OLD, "a", branch=None)

            prune.run(tap(world.ports, before=at_step(number, prune_and_publish)), APP)
            world.reconcile()
            assert world.content(world.version(scene.old)) == OLD, f"before call {number}"
