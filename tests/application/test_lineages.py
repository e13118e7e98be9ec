from __future__ import annotations

from dataclasses import replace

import pytest

from pullprod_control_plane.application import lineages
from pullprod_control_plane.domain.errors import GuardRefused
from tests.support.domain import sha
from tests.support.tapped import counted
from tests.support.world import World, page


def test_the_ends_of_lines_that_have_parted_are_looked_at_all_at_once(world: World) -> None:
    ours, theirs = ([f"{name} {number}" for number in range(60)] for name in ("ours", "theirs"))
    live = world.publish(page("live"), "live", ancestors=ours)
    other = world.publish(page("other"), "other", ancestors=theirs, branch="other")
    world.point("production", live.id)
    ports, calls = counted(world.ports)
    with pytest.raises(GuardRefused):
        replace(world, ports=ports).point("production", other.id)
    assert len([name for name, _ in calls if name.startswith("ledger.")]) <= 10


def test_of_two_publishes_of_a_commit_the_deeper_clone_s_line_is_kept(world: World) -> None:
    deep = world.publish(page("deep"), "c", ancestors=("b", "a"))
    shallow = world.publish(page("shallow"), "c", ancestors=("b",))
    assert lineages.line_of(world.ports, shallow).ancestors == (sha("b"), sha("a"))
    deeper = world.publish(page("deeper"), "c", ancestors=("b", "a", "root"))
    assert lineages.line_of(world.ports, deep) == lineages.line_of(world.ports, deeper)


def test_a_line_is_mended_from_clones_that_knew_their_parents_only(world: World) -> None:
    names = [f"commit {number}" for number in range(9)]
    versions = [world.publish(page(name), name, ancestors=names[max(0, at - 1) : at]) for at, name in enumerate(names)]
    difference = lineages.compare(world.ports, versions[0], versions[-1])
    assert (difference.lost, difference.complete, len(difference.gained)) == ((), True, 8)
