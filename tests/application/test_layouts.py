"""A version that differs little from another shares its segments, and stores what differs in a patch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pullprod_control_plane.application import keys, prune, reading, records
from pullprod_control_plane.application.states import COMPLETE, CONDEMNED, DELETING
from pullprod_control_plane.domain import routes, segments
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.json import Json
from pullprod_control_plane.domain.manifests import Site
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.ports import Put
from tests.support.tapped import once, tap
from tests.support.world import APP, Files, World, killed_after_each_call, page, program

SITE = {f"{number}.html": b"%d" % number for number in range(640)}
CHANGED = {**SITE, "1.html": b"new", "2.html": b"new"}
GONE = "3.html"
EDITED = {path: body for path, body in {**CHANGED, "added.html": b"new"}.items() if path != GONE}
AGAIN = {**EDITED, "4.html": b"newer", "1.html": b"newer"}
MANY = {**SITE, **{f"{number}.html": b"new" for number in range(100)}}


def slots(*paths: str) -> frozenset[int]:
    return frozenset(segments.slot_of(path) for path in paths)


def placed(world: World, files: Files, commit: str) -> tuple[set[str], Version]:
    """Publish; return the paths that had to be stored anew, and the version."""
    asked: set[str] = set()

    def look(name: str, args: tuple[object, ...]) -> None:
        if name == "store.place":
            objects = args[0]
            assert isinstance(objects, list)
            asked.update(segments.path_in(obj.key) for obj in objects)

    watched = replace(world, ports=tap(world.ports, before=look))
    begun = watched.begin(files, commit)
    world.send(begun, files)
    return asked, world.finalize(begun.version.id)


def probed(world: World, version: Version, path: str) -> int:
    return world.ports.probe.get(f"{version.id}--{APP}.localhost", f"/{path}").status


def test_what_was_changed_added_or_removed_alone_is_stored_anew(world: World) -> None:
    first = world.publish(SITE, "a")
    asked, second = placed(world, EDITED, "b")
    differing = slots("1.html", "2.html", "added.html", GONE)
    assert asked == {path for path in EDITED if segments.slot_of(path) in differing}
    assert second.segments == first.segments
    assert segments.read_patch(second.patch)[1] == differing
    assert world.content(second) == EDITED
    assert world.content(first) == SITE
    assert [probed(world, version, GONE) for version in (first, second)] == [200, 404], "a file that went is not there"
    assert world.findings() == set()


def test_a_version_after_one_with_a_patch_has_all_that_differs_from_the_segments_in_its_own(world: World) -> None:
    first = world.publish(SITE, "a")
    second = world.publish(EDITED, "b")
    _, third = placed(world, AGAIN, "c")
    assert third.segments == first.segments
    assert segments.read_patch(third.patch)[1] == segments.read_patch(second.patch)[1] | slots("4.html")
    assert [world.content(version) for version in (first, second, third)] == [SITE, EDITED, AGAIN]


def test_the_same_files_as_another_version_of_a_patch_has_are_stored_nowhere_else(world: World) -> None:
    second = (world.publish(SITE, "a"), world.publish(EDITED, "b"))[1]
    asked, third = placed(world, EDITED, "c")
    assert asked == set()
    assert (third.segments, third.patch) == (second.segments, second.patch)


def test_what_was_before_a_patch_is_there_again_without_it(world: World) -> None:
    first, _ = world.publish(SITE, "a"), world.publish(EDITED, "b")
    asked, third = placed(world, SITE, "c")
    assert (asked, third.segments, third.patch) == (set(), first.segments, "")


def test_a_version_that_differs_much_has_segments_of_its_own(world: World) -> None:
    first = world.publish(SITE, "a")
    assert world.publish(EDITED, "b").patch
    third = world.publish(MANY, "c")
    assert third.patch == ""
    assert third.segments != first.segments
    assert world.content(third) == MANY


def test_a_patch_that_saves_next_to_nothing_is_none(world: World) -> None:
    few = dict(list(SITE.items())[:50])
    world.publish(few, "a")
    assert world.publish({**few, "1.html": b"new"}, "b").patch == ""


LONG = tuple(f"/{'x' * 60}/{number}" for number in range(4))


@pytest.mark.parametrize(("paths", "patched"), [(("/api/*",), True), (LONG, False)])
def test_a_patch_leaves_room_for_the_routes_of_functions(world: World, paths: tuple[str, ...], patched: bool) -> None:
    functions = (program(b"zip", routes=paths),)
    assert bool(routes.patchable(APP, Site(), functions)) == patched
    world.publish({**SITE, "api.zip": b"zip"}, "a", functions=functions)
    begun = world.begin(EDITED, "b", functions=functions)
    world.send(begun, EDITED)
    version = world.finalize(begun.version.id)
    assert bool(version.patch) == patched
    assert world.content(version) == EDITED


def test_a_version_whose_record_is_as_long_as_can_be_keeps_all_that_was_shown(world: World) -> None:
    """With the longest patch, and as many versions shown as a record tells of."""
    first = world.publish(SITE, "a")
    longest = segments.write_patch("12345678", range(segments.MAX_PATCHED))
    kept = reading.find_version(world.ports, APP, first.id)
    world.ledger.commit(
        [Put(keys.of_version(APP, first.id), records.encode(replace(first, patch=longest)), kept.revision)]
    )
    others = [world.publish(page(commit), commit, branch=commit) for commit in "bcdefg"]
    for version in (*others, first):
        world.point("production", version.id, force=("lineage",))
    record = world.route(f"production--{APP}")
    assert record is not None
    assert (record["d"], len(record["r"])) == (longest, 5)


def test_digests_that_other_files_have_are_salted_away_in_the_shared_segments_and_in_the_patch(world: World) -> None:
    before, after = world.manifest(SITE, "a").files, world.manifest(EDITED, "b").files
    plain = [segments.split(before)[0].digest, segments.patch(after, before, ())[0].digest]
    for digest in plain:
        body: dict[str, Json] = {"sha256": "0" * 64, "state": COMPLETE, "files": 1, "bytes": 1}
        world.ledger.commit([Put(keys.of_segment(APP, digest), body, 0)])
    first, second = world.publish(SITE, "a"), world.publish(EDITED, "b")
    assert second.patch
    assert second.segments == first.segments
    assert not {*first.digests, *second.digests} & set(plain)
    assert [world.content(version) for version in (first, second)] == [SITE, EDITED]


def test_when_the_older_version_is_pruned_what_the_newer_shares_with_it_stays(world: World) -> None:
    world.configure(retention=Retention(1, 1, 1))
    first = world.publish(SITE, "a", branch=None)
    world.clock.go_on(days=30)
    second = world.publish(EDITED, "b", branch=None)
    assert second.patch
    world.clock.go_on(days=30)
    prune.run(world.ports, APP)
    assert world.version(first.id).state is State.RETIRED
    assert world.content(world.version(second.id)) == EDITED
    third = world.publish(MANY, "c", branch=None)
    world.clock.go_on(days=30)
    prune.run(world.ports, APP)
    assert world.version(second.id).state is State.RETIRED
    left = [item for item in reading.everything(world.ledger, keys.contents(APP), keys.SEGMENT) if item.body["sha256"]]
    assert {keys.digest_of(item.key) for item in left} <= set(third.digests)


@pytest.mark.parametrize(("state", "shares"), [(CONDEMNED, True), (DELETING, False)])
def test_segments_that_a_prune_has_its_eye_on_are_taken_back_and_those_that_go_are_not_built_upon(
    world: World, state: str, shares: bool
) -> None:
    first = world.publish(SITE, "a")
    where = keys.of_segment(APP, segments.unjoin(first.segments)[0])
    item = reading.one(world.ledger, where)
    assert item is not None
    world.ledger.commit([Put(where, {**item.body, "state": state, "before": COMPLETE}, item.revision)])
    second = world.begin(EDITED, "b").version
    assert bool(second.patch) == shares
    after = reading.one(world.ledger, where)
    assert after is not None
    assert after.body["state"] == (COMPLETE if shares else state)


def test_a_publish_that_was_killed_at_any_step_is_whole_when_it_is_repeated(tmp_path: Path) -> None:
    def prepare(world: World) -> None:
        world.configure()
        world.publish(SITE, "a")

    for world, _ in killed_after_each_call(tmp_path, prepare, lambda world: world.publish(EDITED, "b")):
        world.reconcile()
        version = world.publish(EDITED, "b")
        assert version.patch
        assert world.content(version) == EDITED
        assert world.findings() == set()


def test_two_that_publish_the_same_patch_at_once_share_it(world: World) -> None:
    world.publish(SITE, "a")
    others: list[Version] = []

    def meanwhile() -> None:
        others.append(world.publish(EDITED, "b"))

    ports = tap(world.ports, before=once(_commits_patch, meanwhile))
    begun = replace(world, ports=ports).begin(EDITED, "c")
    world.send(begun, EDITED)
    version = world.finalize(begun.version.id)
    assert (version.segments, version.patch) == (others[0].segments, others[0].patch)
    assert world.content(version) == EDITED


def _commits_patch(name: str, args: tuple[object, ...]) -> bool:
    return name == "ledger.commit" and isinstance(args[0], list) and len(args[0]) > segments.COUNT
