"""A route record has room for 1,024 bytes: what cannot fit is refused before anything changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pullprod_control_plane.application import keys, publish, reading, records, swap
from pullprod_control_plane.domain.errors import PayloadTooLarge
from pullprod_control_plane.domain.roles import Caller
from pullprod_control_plane.ports import Put
from tests.support.domain import a_function
from tests.support.world import ANN, APP, World, page

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
