"""32 callers that want one pointer at the same moment, each as in a process of its own, on DynamoDB Local."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from pullprod_control_plane.application import audit, look, swap
from pullprod_control_plane.application.swap import Done
from pullprod_control_plane.domain.errors import StalePointer
from pullprod_control_plane.domain.names import PRODUCTION
from tests.support.aws_world import SeenEdge, on_aws
from tests.support.world import APP, World, page

T = TypeVar("T")
RACERS = 32


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory, dynamodb_local: str) -> Iterator[World]:
    """Return a world whose production has shown one version, and two more that it may show."""
    with on_aws(Path(tmp_path_factory.mktemp("race")), dynamodb_local) as (world, _, _):
        world.configure(lineage={})
        for name in ("first", "even", "odd"):
            world.publish(page(name), name, branch=name)
        world.point(PRODUCTION, "branch:first")
        yield world


def swaps(world: World, expected: int | None) -> Callable[[int], Done | StalePointer]:
    """Return what the racer of a number does; no racer's edge knows what another's has seen."""
    edge = world.edge
    assert isinstance(edge, SeenEdge)
    ports = [replace(world.ports, edge=SeenEdge(edge._client, edge.store)) for _ in range(RACERS)]

    def act(number: int) -> Done | StalePointer:
        order = world.order(PRODUCTION, by=f"token:{number}", reason=f"because of {number}", expected=expected)
        try:
            return swap.point(ports[number], world.addresses, order, f"branch:{'odd' if number % 2 else 'even'}")
        except StalePointer as stale:
            return stale

    return act


def race(act: Callable[[int], T]) -> list[T]:
    start = threading.Barrier(RACERS)

    def run(number: int) -> T:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(RACERS) as racers:
        return list(racers.map(run, range(RACERS)))


def test_of_32_swaps_that_saw_the_same_generation_one_wins_and_the_others_learn_who(raced: World) -> None:
    seen = raced.pointer(PRODUCTION).generation
    outcomes = race(swaps(raced, seen))
    [won] = [outcome for outcome in outcomes if isinstance(outcome, Done)]
    assert won.swap.generation == seen + 1
    told = [outcome.facts for outcome in outcomes if isinstance(outcome, StalePointer)]
    assert len(told) == RACERS - 1
    for facts in told:
        assert (facts["expected"], facts["actual"], facts["version"]) == (seen, seen + 1, won.swap.to_version)
        assert (facts["moved_by"], facts["reason"], facts["moved_at"]) == (won.swap.by, won.swap.reason, won.swap.at)
    assert raced.shown(PRODUCTION) == won.swap.to_version
    assert audit.audit(raced.ports, APP).findings == []


def test_32_swaps_without_an_expectation_are_32_generations_without_a_gap(raced: World) -> None:
    seen = raced.pointer(PRODUCTION).generation
    outcomes = race(swaps(raced, None))
    done = {outcome.swap.generation: outcome.swap for outcome in outcomes if isinstance(outcome, Done)}
    assert sorted(done) == list(range(seen + 1, seen + RACERS + 1))
    assert {swap.by for swap in done.values()} == {f"token:{number}" for number in range(RACERS)}
    newest = look.history(raced.ports, APP, PRODUCTION, RACERS, None).items
    assert newest == [done[generation] for generation in sorted(done, reverse=True)]
    assert all(
        (later.from_version, later.previous_hash) == (sooner.to_version, sooner.hash)
        for later, sooner in pairwise(newest)
    )
    assert raced.shown(PRODUCTION) == newest[0].to_version
    assert audit.audit(raced.ports, APP).findings == []
