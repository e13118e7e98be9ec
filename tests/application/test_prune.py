from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pullprod_control_plane.application import keys, layouts, look, prune, reading, records, revoke, states
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.errors import VersionNotReady
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.ports import Put
from tests.support.tapped import counted, tap
from tests.support.world import APP, BOB, World, opened, page

STRICT = Retention(keep_days=1, keep_newest=1, keep_per_branch=1)
SHARED = {f"{number}.txt": b"shared" for number in range(200)}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with opened(tmp_path) as created:
        created.configure(retention=STRICT)
        yield created


def stored(world: World) -> set[str]:
    """Return the keys of all objects in the store."""
    return {key for (key,) in world.store._database.rows("SELECT key FROM objects")}


def blobs(world: World) -> set[str]:
    return {path.name for path in world.store._blobs.glob("*/*") if path.stat().st_size}


def segment_states(world: World) -> set[str]:
    items = reading.everything(world.ledger, keys.contents(APP), keys.SEGMENT)
    return {str(item.body["state"]) for item in items} - {states.DELETED}


def old_and_new(world: World) -> tuple[Version, Version]:
    """Publish two versions of no branch, a month apart: only the newer is kept, and most segments are shared."""
    old = world.publish({**SHARED, "index.html": b"old", "0.txt": b"old"}, "a", branch=None)
    world.clock.go_on(days=30)
    return old, world.publish({**SHARED, "index.html": b"new", "0.txt": b"new"}, "b", branch=None, ancestors="a")


def test_a_plan_tells_what_would_go_and_changes_nothing(world: World) -> None:
    old, new = old_and_new(world)
    before = (stored(world), segment_states(world), world.version(old.id), world.version(new.id))
    planned = prune.plan(world.ports, APP)
    assert [version.id for version in planned.versions] == [old.id]
    assert planned.kept == 1
    assert (stored(world), segment_states(world), world.version(old.id), world.version(new.id)) == before


def test_a_prune_does_what_was_planned(world: World) -> None:
    old_and_new(world)
    planned, objects = prune.plan(world.ports, APP), stored(world)
    done = prune.run(world.ports, APP)
    assert [version.id for version in done.versions] == [version.id for version in planned.versions]
    assert (done.objects, done.bytes, done.kept) == (planned.objects, planned.bytes, planned.kept)
    segment_objects = {key for key in objects - stored(world) if key.startswith(f"{APP}/s/")}
    assert len(segment_objects) == done.objects > 0


def test_what_no_version_shares_goes_and_every_byte_of_the_others_stays(world: World) -> None:
    old, new = old_and_new(world)
    contents = world.content(new)
    prune.run(world.ports, APP)
    assert world.content(new) == contents
    assert None not in contents.values()
    assert world.version(old.id).state is State.RETIRED
    assert world.route(f"{old.id}--{APP}") is None
    held = {
        keys.manifest_object(APP, new.id, new.begun_at),
        *(key for key in stored(world) if key.startswith(f"{APP}/s/")),
    }
    assert stored(world) == held
    assert len(held) == len(contents) + 1
    assert segment_states(world) == {states.COMPLETE}
    assert world.findings() == set()


def test_bytes_that_nothing_has_any_more_leave_the_disk(world: World) -> None:
    old_and_new(world)
    before = blobs(world)
    prune.run(world.ports, APP)
    assert len(before - blobs(world)) == 2, "the old page with its twin, and the manifest"


def test_a_second_prune_finds_nothing_to_do(world: World) -> None:
    old_and_new(world)
    prune.run(world.ports, APP)
    again = prune.run(world.ports, APP)
    assert (again.versions, again.objects, again.bytes, again.kept) == ([], 0, 0, 1)


def test_what_is_shown_in_the_trail_or_recent_is_kept(world: World) -> None:
    versions = world.line("a", "b", "c", "d", branch="x")
    world.point("production", versions[0].id)
    world.point("production", versions[1].id)
    world.point("demo", versions[3].id)
    world.point("demo", versions[2].id)
    world.rollback("demo")
    world.clock.go_on(days=400)
    world.publish(page("z"), "z", branch=None)
    assert prune.run(world.ports, APP).versions == []
    assert all(None not in world.content(version).values() for version in versions)


def test_what_is_young_newest_or_newest_of_its_branch_is_kept(world: World) -> None:
    world.configure(retention=Retention(keep_days=10, keep_newest=2, keep_per_branch=1))
    oldest = [world.publish(page(name), name, branch=None) for name in "ab"]
    world.clock.go_on(days=20)
    kept = [world.publish(page(name), name, branch=None) for name in "cdef"]
    assert [v.id for v in prune.run(world.ports, APP).versions] == [v.id for v in oldest]
    world.clock.go_on(days=11)
    assert [v.id for v in prune.run(world.ports, APP).versions] == [v.id for v in kept[:2]]


def test_an_upload_that_nobody_finished_goes_after_a_day(world: World) -> None:
    begun = world.begin(page("a"), "a", branch=None)
    world.clock.go_on(hours=23)
    assert prune.run(world.ports, APP).versions == []
    world.clock.go_on(hours=2)
    assert [version.id for version in prune.run(world.ports, APP).versions] == [begun.version.id]
    assert stored(world) == set()


def test_a_pruned_version_can_be_published_again(world: World) -> None:
    old, new = old_and_new(world)
    prune.run(world.ports, APP)
    files = {**SHARED, "index.html": b"old", "0.txt": b"old"}
    begun = world.begin(files, "a", branch=None)
    assert (begun.created, begun.version.id) == (True, old.id)
    assert world.send(begun, files) == 1, "the shared files are there"
    assert world.content(world.finalize(old.id)) == files
    assert world.point("demo", old.id).pointer.version == old.id
    listed = look.versions(world.ports, APP, look.Filter(), 10, None).items
    assert [version.id for version in listed] == [old.id, new.id], "once, where it was begun last"


def test_a_pruned_version_is_not_pointed_at(world: World) -> None:
    old, _ = old_and_new(world)
    prune.run(world.ports, APP)
    with pytest.raises(VersionNotReady, match="was pruned"):
        world.point("production", old.id)


def test_a_revoked_version_loses_its_files_and_keeps_its_record(world: World) -> None:
    old, new = old_and_new(world)
    revoke.revoke(world.ports, APP, old.id, BOB, "leaks a secret")
    prune.run(world.ports, APP)
    assert world.version(old.id).state is State.REVOKED
    assert world.route(f"{old.id}--{APP}") == {"a": APP, "v": old.id, "gone": 1}
    assert None not in world.content(new).values()
    assert len([key for key in stored(world) if key.startswith(f"{APP}/s/")]) == new.files


def test_other_apps_are_left_alone(world: World) -> None:
    world.configure("blog")
    old, _ = old_and_new(world)
    other = world.publish({**SHARED, "index.html": b"old", "0.txt": b"old"}, "a", branch=None, app="blog")
    world.clock.go_on(days=30)
    prune.run(world.ports, APP)
    assert world.version(old.id).state is State.RETIRED
    assert None not in world.content(other).values()


def test_a_version_that_an_interrupted_prune_marked_is_finished_however_young_it_is(world: World) -> None:
    begun = world.begin(page("a"), "a", branch=None)
    world.configure(retention=Retention())
    where = keys.of_version(APP, begun.version.id)
    item = reading.one(world.ledger, where)
    assert item is not None
    world.ledger.commit([Put(where, {**item.body, "state": "retiring"}, item.revision)])
    assert [v.id for v in prune.plan(world.ports, APP).versions] == [begun.version.id]
    prune.run(world.ports, APP)
    assert world.version(begun.version.id).state is State.RETIRED
    assert world.begin(page("a"), "a", branch=None).created


def test_a_marked_version_that_is_not_yet_looked_at_keeps_its_files(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prune was killed that had marked more than the next does at once, one of them a moment after a swap to it."""
    monkeypatch.setattr(prune, "_VERSIONS", 1)
    old = [world.publish(page(name), name, branch=None) for name in "ab"]
    world.clock.go_on(days=30)
    world.publish(page("c"), "c", branch=None)
    world.point("demo", old[1].id)
    for version in old:
        kept = reading.find_version(world.ports, APP, version.id)
        retiring = records.encode(replace(version, state=State.RETIRING))
        world.ledger.commit([Put(keys.of_version(APP, version.id), retiring, kept.revision)])
    while prune.run(world.ports, APP).pending:
        pass
    assert [world.version(version.id).state for version in old] == [State.RETIRED, State.READY]
    assert world.content(world.version(old[1].id)) == page("b")
    assert world.findings() == set()


def test_the_name_of_a_deleted_segment_is_free_again_after_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "_WORTHWHILE", 1_000)  # So that no version shares the segments of another.
    old, _ = old_and_new(world)
    prune.run(world.ports, APP)
    files = {**SHARED, "index.html": b"old", "0.txt": b"old"}
    again = world.publish(files, "c", branch="c")
    assert again.segments != old.segments, "a slower prune may still be deleting under the old names"
    world.clock.go_on(days=2)
    prune.run(world.ports, APP)
    assert world.publish(files, "d", branch="d").segments == old.segments


def test_a_prune_of_many_versions_makes_no_more_calls_than_one_of_few(world: World) -> None:
    made = []
    for number in (1, 2, 30):  # The first leaves what all others find to forget.
        for name in range(number):
            world.publish({"index.html": b"%d" % name}, f"{number} {name}", branch=None)
        world.clock.go_on(days=30)
        world.publish({"index.html": b"newest"}, f"{number} newest", branch=None)
        ports, calls = counted(world.ports)
        assert len(prune.run(ports, APP).versions) >= number
        made.append(Counter(name for name, _ in calls))
    assert made[1] == made[2]


def test_what_others_change_at_the_same_moment_is_left_to_them_and_all_else_is_pruned(world: World) -> None:
    versions = [world.publish({"index.html": b"%d" % name}, f"{name}", branch=None) for name in range(4)]
    world.clock.go_on(days=30)
    world.publish({"index.html": b"newest"}, "newest", branch=None)
    others = iter([versions[1], versions[2]])

    def revokes(name: str, args: tuple[list[Put]]) -> None:
        if name == "ledger.commit" and len(args[0]) > 1 and (version := next(others, None)):
            revoke.revoke(world.ports, APP, version.id, BOB, "leaked")

    pruned = prune.run(tap(world.ports, before=revokes), APP)
    assert [version.id for version in pruned.versions] == [versions[0].id, versions[3].id]
    left = [world.version(version.id).state for version in versions]
    assert left == [State.RETIRED, State.REVOKED, State.REVOKED, State.RETIRED]
