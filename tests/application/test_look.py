from __future__ import annotations

import pytest

from pullprod_control_plane.application import look, revoke
from pullprod_control_plane.domain.versions import State
from tests.support.tapped import counted
from tests.support.world import APP, BOB, World, page


def pages(world: World, wanted: look.Filter, limit: int) -> list[list[str]]:
    """Return the ids of all pages of a list."""
    found, cursor = [], None
    while True:
        part = look.versions(world.ports, APP, wanted, limit, cursor)
        found.append([version.id for version in part.items])
        cursor = part.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("looked_at", [1, 4, 1_000])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_have_every_version_of_a_state_once_newest_first(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: int, looked_at: int
) -> None:
    monkeypatch.setattr(look, "_LOOKED_AT", looked_at)
    versions = [world.publish(page(name), name, branch=None) for name in "abcdefghi"]
    gone = [versions[number] for number in (0, 1, 5, 8)]
    for version in gone:
        revoke.revoke(world.ports, APP, version.id, BOB, "leaks")
    kept = [version for version in versions if version not in gone]
    for state, expected in ((State.REVOKED, gone), (State.READY, kept), (None, versions), (State.RETIRED, [])):
        found = pages(world, look.Filter(state=state), limit)
        assert [one for part in found for one in part] == [version.id for version in reversed(expected)]
        assert max(map(len, found)) <= limit


def test_a_page_of_a_rare_state_takes_few_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "_LOOKED_AT", 8)
    for name in "abcdefghijkl":
        world.publish(page(name), name, branch=None)
    ports, calls = counted(world.ports)
    listed = look.versions(ports, APP, look.Filter(state=State.REVOKED), 1, None)
    assert (listed.items, listed.next_cursor is None) == ([], False)
    assert sum(name == "ledger.scan" for name, _ in calls) == 3  # Of 1, 3 and 8 versions.
