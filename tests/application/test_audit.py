from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pullprod_control_plane.application import audit, contents, drift, keys, reading
from pullprod_control_plane.domain import segments
from pullprod_control_plane.domain.errors import NotFound
from pullprod_control_plane.domain.versions import Version
from pullprod_control_plane.ports import Item, Put
from tests.support.world import APP, World, page


@pytest.fixture
def versions(world: World) -> list[Version]:
    """Three versions of main; production showed them all and shows the last."""
    published = world.line("a", "b", "c")
    for version in published:
        world.point("production", version.id)
    return published


def tamper(world: World, generation: int, **facts: object) -> None:
    """Alter a swap's record in the database file, as someone with access to the disk could."""
    key = keys.of_swap(APP, "production", generation)
    item = reading.one(world.ledger, key)
    assert item is not None
    with world.ledger._database.transaction() as connection:
        connection.execute(
            "UPDATE items SET body = ? WHERE partition = ? AND sort = ?",
            (json.dumps({**item.body, **facts}), key.partition, key.sort),
        )


def blob_of(world: World, version: Version, path: str) -> str:
    """Return the file of a version's object, which is removed."""
    digest = segments.unjoin(version.segments)[segments.segment_of(path)]
    served = world.store.served(segments.object_key(APP, digest, path))
    assert served is not None
    served.path.unlink()
    return segments.object_key(APP, digest, path)


class Moved:
    """A ledger whose production moves whenever its history is about to be read."""

    def __init__(self, world: World, versions: list[Version]) -> None:
        self._world = world
        self._versions = versions
        self.swaps = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.ledger, name)

    def scan(self, partition: str, **how: Any) -> list[Item]:
        if partition == keys.history(APP, "production"):
            self.swaps += 1
            self._world.point("production", self._versions[self.swaps % 2].id, force=["lineage"])
        return self._world.ledger.scan(partition, **how)


def test_an_app_that_is_as_it_should_be_passes_with_all_of_it_checked(world: World, versions: list[Version]) -> None:
    report = audit.audit(world.ports, APP)
    assert report.findings == []
    assert report.checked == {"pointers": 2, "swaps": 6, "routes": 5, "objects": 4, "hosts": 0, "aliases": 0}
    assert report.live_not_on_main == []
    assert len(versions) == 3


def test_an_app_without_versions_passes(world: World) -> None:
    assert audit.audit(world.ports, APP).findings == []


@pytest.mark.parametrize("facts", [{"by": "token:eve"}, {"reason": "other"}, {"to_version": "x"}, {"forced": ["hold"]}])
@pytest.mark.parametrize("generation", [1, 2, 3])
def test_a_tampered_swap_is_found(
    world: World, versions: list[Version], generation: int, facts: dict[str, object]
) -> None:
    tamper(world, generation, **facts)
    [finding] = audit.audit(world.ports, APP).findings
    assert (finding.code, finding.subject) == ("broken-chain", f"production@{generation}")
    assert versions


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_a_removed_swap_is_found(world: World, versions: list[Version], generation: int) -> None:
    key = keys.of_swap(APP, "production", generation)
    with world.ledger._database.transaction() as connection:
        connection.execute("DELETE FROM items WHERE partition = ? AND sort = ?", (key.partition, key.sort))
    assert "history-differs" in world.findings()
    assert versions


def test_swaps_beside_an_audit_are_no_findings(world: World, versions: list[Version]) -> None:
    moved = Moved(world, versions)
    assert audit.audit(replace(world.ports, ledger=moved), APP).findings == []
    assert moved.swaps, "production moved beside the look"


def test_a_route_that_is_gone_is_found(world: World, versions: list[Version]) -> None:
    world.edge.remove([f"{versions[0].id}--{APP}", f"production--{APP}"])
    found = {finding.subject for finding in audit.audit(world.ports, APP).findings if finding.code == "route-differs"}
    assert found == {f"{versions[0].id}--{APP}", f"production--{APP}"}


def test_a_route_that_somebody_changed_is_found_with_what_it_shows(world: World, versions: list[Version]) -> None:
    with world.edge._database.transaction() as connection:
        connection.execute("UPDATE routes SET record = '{\"hacked\":1}' WHERE key = ?", (f"production--{APP}",))
    [finding] = audit.audit(world.ports, APP).findings
    assert finding.code == "route-differs"
    assert "hacked" in finding.detail
    assert versions


def test_a_blob_that_is_missing_is_found_at_every_pointer_that_shows_it(world: World, versions: list[Version]) -> None:
    key = blob_of(world, versions[2], "index.html")
    findings = audit.audit(world.ports, APP).findings
    assert {(finding.code, finding.subject) for finding in findings} == {("object-missing", key)}
    assert len(findings) == 2


def test_what_no_pointer_shows_is_not_read(world: World, versions: list[Version]) -> None:
    blob_of(world, versions[0], "index.html")
    assert world.findings() == set()


def test_a_shown_version_that_is_not_ready_is_found(world: World, versions: list[Version]) -> None:
    where = keys.of_version(APP, versions[2].id)
    item = reading.one(world.ledger, where)
    assert item is not None
    world.ledger.commit([Put(where, {**item.body, "state": "retired"}, item.revision)])
    assert "shows-unready-version" in world.findings()


def test_what_is_live_but_not_on_main_is_told_and_is_no_finding(world: World) -> None:
    world.point("production", world.line("a")[0].id)
    branch = world.publish(page("x"), "x", branch="feature", ancestors="a")
    world.point("production", branch.id)
    report = audit.audit(world.ports, APP)
    assert report.findings == []
    assert report.live_not_on_main == [audit.Unmerged("production", branch.id, branch.commit)]
    world.publish(page("m"), "m", branch="main", ancestors="xa")
    assert audit.audit(world.ports, APP).live_not_on_main == []


def test_an_audit_changes_nothing(world: World, versions: list[Version]) -> None:
    world.edge.remove([f"production--{APP}"])
    audit.audit(world.ports, APP)
    assert world.route(f"production--{APP}") is None
    assert len(list(drift.find(world.ports, drift.of_pointers(world.ports, APP)))) == 1
    assert contents.files(world.ports, versions[0])


def test_there_is_no_audit_of_an_app_that_does_not_exist(world: World) -> None:
    with pytest.raises(NotFound):
        audit.audit(world.ports, "blog")
