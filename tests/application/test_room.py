"""An edge has limits: a record that cannot fit is refused, one that made room for others is written again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pullprod_control_plane.application import keys, look, publish, reading, reconcile, records, revoke, swap
from pullprod_control_plane.domain import routes
from pullprod_control_plane.domain.errors import PayloadTooLarge
from pullprod_control_plane.domain.roles import Caller
from pullprod_control_plane.ports import Edge, Put
from tests.support.domain import a_function
from tests.support.world import ANN, APP, World, page


class Crowded:
    """An edge of which records were taken away to make room; how many more go is for a test to say."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self.spares = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._edge, name)

    def crowded(self) -> bool:
        return True

    def make_room(self) -> int:
        return self.spares


def crowded(world: World) -> World:
    return world.with_ports(edge=Crowded(world.edge))


TOO_LONG = a_function(routes=tuple(f"/{'x' * 90}/{number}" for number in range(8)))


def test_functions_whose_routes_cannot_fit_are_refused_when_they_are_announced(world: World) -> None:
    manifest = replace(world.manifest(page("a"), "a"), functions=(TOO_LONG,))
    with pytest.raises(PayloadTooLarge, match="too long for the edge"):
        publish.begin(world.ports, world.addresses, APP, Caller(ANN), manifest)
    assert reading.versions(world.ports, APP) == []


def test_a_version_whose_record_does_not_fit_is_refused_before_anything_changes(world: World) -> None:
    first, second = world.line("a", "b")
    world.point("production", first.id)
    kept = reading.find_version(world.ports, APP, second.id)
    unfit = replace(second, functions=(a_function(),), origins={"api": "x" * 500 + ".example"})
    world.ledger.commit([Put(keys.of_version(APP, second.id), records.encode(unfit), kept.revision)])
    with pytest.raises(PayloadTooLarge, match="the edge keeps 1024"):
        swap.plan(world.ports, world.addresses, APP, "production", second.id)
    with pytest.raises(PayloadTooLarge, match="the edge keeps 1024"):
        world.point("production", second.id)
    assert world.shown("production") == first.id
    assert world.pointer("production").generation == 1


@pytest.mark.parametrize("act", ["read", "plan", "point", "rollback"])
def test_an_old_version_has_its_address_again_as_soon_as_it_is_asked_for(world: World, act: str) -> None:
    first, second = world.line("a", "b")
    for version in (first, second):
        world.point("production", version.id)
    own = f"{first.id}--{APP}"
    before = world.route(own)
    world.edge.remove([own])
    if act == "read":
        look.version(world.ports, APP, first.id[:12])
    elif act == "plan":
        swap.plan(world.ports, world.addresses, APP, "production", first.id)
    elif act == "point":
        world.point("production", first.id, force=("lineage",))
    else:
        world.rollback("production")
    assert world.route(own) == before


def test_a_swap_asks_an_old_version_s_health_at_its_address_even_if_that_had_made_room(world: World) -> None:
    first = world.publish(page("a"), "a", health=("/",))
    own = f"{first.id}--{APP}"
    world.edge.remove([own])
    world.point("production", first.id)
    assert world.shown("production") == first.id
    assert world.route(own) is not None


def test_reading_a_version_that_was_withdrawn_or_pruned_writes_nothing(world: World) -> None:
    first, _ = world.line("a", "b")
    revoke.revoke(world.ports, APP, first.id, ANN, "broken")
    own = f"{first.id}--{APP}"
    world.edge.remove([own])
    look.version(world.ports, APP, first.id)
    assert world.route(own) is None


def test_at_a_crowded_edge_an_old_version_s_missing_record_is_no_drift(world: World) -> None:
    first, second = world.line("a", "b")
    world.point("production", second.id)
    world.edge.remove([f"{first.id}--{APP}"])
    assert world.findings() == {"route-differs"}
    full = crowded(world)
    assert full.findings() == set()
    assert full.reconcile().repaired == 0
    assert world.route(f"{first.id}--{APP}") is None


def test_at_a_crowded_edge_pointers_and_withdrawn_versions_are_still_missed(world: World) -> None:
    first, second, third = world.line("a", "b", "c")
    world.point("production", second.id)
    revoke.revoke(world.ports, APP, first.id, ANN, "broken")
    wrong = replace(third, segments="x" * len(third.segments))
    world.edge.remove([f"production--{APP}", f"{first.id}--{APP}"])
    world.edge.show([routes.for_version(wrong)])
    assert crowded(world).reconcile().repaired == 3
    assert world.shown("production") == second.id
    assert world.findings() == set()


def test_a_round_makes_room_at_the_edge(world: World) -> None:
    full = crowded(world)
    edge: Any = full.ports.edge
    edge.spares = 7
    assert full.reconcile().evicted == 7
    assert reconcile.one_round(world.ports, world.addresses).evicted == 0
