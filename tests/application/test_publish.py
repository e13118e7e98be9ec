from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from pullprod_control_plane.application import follow, keys, look, prune, publish, reading, transfer
from pullprod_control_plane.domain import segments
from pullprod_control_plane.domain.errors import InvalidRequest, NotFound, UploadIncomplete
from pullprod_control_plane.domain.json import Json
from pullprod_control_plane.domain.versions import State
from pullprod_control_plane.ports import Answer, Put
from tests.support.domain import sha
from tests.support.tapped import once, tap
from tests.support.world import APP, BOB, World, page


class Nowhere:
    """Probe: nothing answers."""

    def get(self, _host: str, _path: str, _share: str | None = None) -> Answer:
        return Answer(0)


def timeline(world: World) -> list[str]:
    return [version.id for version in look.versions(world.ports, APP, look.Filter(), 100, None).items]


def test_a_published_version_is_ready_at_its_own_address_with_every_byte(world: World) -> None:
    files = {"index.html": b"hello", "a/b.txt": b"", "style.css": b"body{}"}
    version = world.publish(files, "a", branch=None)
    assert version.state is State.READY
    assert world.content(version) == files
    assert world.pointers() == {"production": None}


def test_the_same_manifest_again_changes_nothing_and_asks_for_nothing(world: World) -> None:
    first = world.publish(page("a"), "a")
    begun = world.begin(page("a"), "a", by=BOB)
    assert (begun.version, begun.created) == (first, False)
    assert (begun.uploads.items, begun.missing) == ([], [])
    assert world.finalize(first.id) == first
    assert timeline(world) == [first.id]
    assert world.pointer("main").generation == 1


def test_an_interrupted_upload_continues_with_what_is_missing(world: World) -> None:
    files = {"a.txt": b"a", "b.txt": b"b"}
    begun = world.begin(files, "a")
    world.send(replace(begun, uploads=reading.Page(begun.uploads.items[:1], None)), files)
    again = world.begin(files, "a")
    assert not again.created
    assert len(begun.uploads.items) == 2
    assert again.uploads.items[0].object == begun.uploads.items[1].object
    assert [obj.key for obj in again.missing] == [begun.uploads.items[1].object.key]
    world.send(again, files)
    assert world.finalize(begun.version.id).state is State.READY


def test_finalize_before_every_byte_arrived_names_what_is_missing(world: World) -> None:
    begun = world.begin({f"{number}.txt": str(number).encode() for number in range(30)}, "a")
    with pytest.raises(UploadIncomplete) as refused:
        world.finalize(begun.version.id)
    assert refused.value.facts["missing_files"] == 30
    missing: Any = refused.value.facts["missing"]
    assert len(missing) == 20
    assert set(missing) <= {f"{number}.txt" for number in range(30)}
    assert world.version(begun.version.id).state is State.UPLOADING


def test_a_content_that_several_files_have_is_sent_once(world: World) -> None:
    files = {f"{number}/x.txt": b"same" for number in range(50)}
    begun = world.begin(files, "a")
    assert world.send(begun, files) == 1
    assert world.content(world.finalize(begun.version.id)) == files


def test_content_that_another_version_has_is_not_sent_again(world: World) -> None:
    world.publish({"old/name.txt": b"same", "other.txt": b"1"}, "a")
    files = {"new/name.txt": b"same", "other.txt": b"2"}
    begun = world.begin(files, "b")
    assert world.send(begun, files) == 1
    assert world.content(world.finalize(begun.version.id)) == files


def test_a_plan_of_more_than_a_page_is_sent_page_by_page(world: World) -> None:
    files = {f"{number}.txt": str(number).encode() for number in range(transfer.PAGE + 500)}
    begun = world.begin(files, "a")
    assert len(begun.uploads.items) == transfer.PAGE
    assert len(begun.missing) == len(files)
    assert world.send(begun, files) == len(files)
    assert world.finalize(begun.version.id).files == len(files)


def test_versions_that_differ_in_one_of_2000_files_share_all_but_one_segment(world: World) -> None:
    files = {f"{number}/page.html": str(number).encode() for number in range(2_000)}
    first = world.publish(files, "a")
    changed = {**files, "7/page.html": b"changed"}
    begun = world.begin(changed, "b")
    before, after = segments.unjoin(first.segments), segments.unjoin(begun.version.segments)
    assert sum(one == other for one, other in zip(before, after, strict=True)) >= 62
    assert world.send(begun, changed) == 1
    world.finalize(begun.version.id)


def test_an_address_that_does_not_answer_keeps_the_version_from_being_ready(world: World) -> None:
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    assert world.with_ports(probe=Nowhere()).finalize(begun.version.id).state is State.PREPARING
    assert world.version(begun.version.id).state is State.PREPARING
    assert world.worker.woken == 1
    assert world.pointers() == {"production": None}
    assert world.finalize(begun.version.id).state is State.READY


def test_an_id_that_belongs_to_other_content_is_refused(world: World) -> None:
    version = world.publish(page("a"), "a")
    where = keys.of_version(APP, version.id)
    item = reading.one(world.ledger, where)
    assert item is not None
    world.ledger.commit([Put(where, {**item.body, "digest": "0" * 64}, item.revision)])
    with pytest.raises(InvalidRequest, match="already belongs to other content"):
        world.begin(page("a"), "a")


def occupy(world: World, digest: str) -> None:
    """Let other files have a segment's digest already."""
    body: dict[str, Json] = {"sha256": "0" * 64, "state": "complete", "files": 1, "bytes": 1}
    world.ledger.commit([Put(keys.of_segment(APP, digest), body, 0)])


def test_a_digest_that_other_files_have_is_salted_away(world: World) -> None:
    files = page("a")
    plain = [part.digest for part in segments.split(world.manifest(files, "a").files) if part.files]
    for digest in plain:
        occupy(world, digest)
    version = world.publish(files, "a")
    assert not set(plain) & set(segments.unjoin(version.segments))
    assert world.content(version) == files


def test_two_publishes_that_salt_the_same_files_share_the_salted_segment(world: World) -> None:
    files = {"index.html": b"same"}
    occupy(world, next(part.digest for part in segments.split(world.manifest(files, "a").files) if part.files))
    first, second = world.publish(files, "a"), world.publish(files, "b")
    assert first.segments == second.segments


def test_digests_so_short_that_they_collide_within_a_version_still_mix_no_files(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "DIGEST_LENGTH", 2)
    sites = [{f"{n}.txt": f"{n} of {commit}".encode() for n in range(300)} for commit in "abc"]
    plain = [part.digest for part in segments.split(world.manifest(sites[0], "a").files)]
    assert len(set(plain)) < len(plain)
    versions = [world.publish(site, commit) for site, commit in zip(sites, "abc", strict=True)]
    assert [world.content(version) for version in versions] == sites


def test_a_publish_that_loses_a_race_for_its_id_continues_as_the_same_version(world: World) -> None:
    racing = tap(
        world.ports,
        before=once(lambda name, _: name == "ledger.commit", lambda: world.begin(page("a"), "a", by=BOB)),
    )
    begun = replace(world, ports=racing).begin(page("a"), "a")
    assert not begun.created
    assert begun.version.published_by == BOB
    assert timeline(world) == [begun.version.id]


def test_a_finalize_that_loses_a_race_answers_the_same(world: World) -> None:
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    racing = tap(
        world.ports, before=once(lambda name, _: name == "ledger.commit", lambda: world.finalize(begun.version.id))
    )
    assert replace(world, ports=racing).finalize(begun.version.id) == world.version(begun.version.id)
    assert world.pointer("main").generation == 1


def test_another_branch_that_publishes_the_same_version_gets_its_own_pointer(world: World) -> None:
    version = world.publish(page("a"), "a", branch="main")
    assert world.begin(page("a"), "a", branch="release").version == version
    assert world.shown("release") == world.shown("main") == version.id
    listed = look.versions(world.ports, APP, look.Filter(branch="release"), 10, None).items
    assert listed == [version]


def test_another_branch_that_joins_while_the_version_is_uploaded_gets_its_own_pointer(world: World) -> None:
    first = world.begin(page("a"), "a", branch="main")
    second = world.begin(page("a"), "a", branch="release")
    assert second.version.id == first.version.id
    world.send(second, page("a"))
    version = world.finalize(first.version.id)
    assert world.shown("main") == world.shown("release") == version.id
    assert look.versions(world.ports, APP, look.Filter(branch="release"), 10, None).items == [version]


def test_nothing_is_published_of_an_app_that_does_not_exist(world: World) -> None:
    with pytest.raises(NotFound, match="no app 'blog'"):
        world.begin(page("a"), "a", app="blog")


def test_apps_share_no_segments(world: World) -> None:
    world.configure("blog")
    world.publish(page("a"), "a")
    begun = world.begin(page("a"), "a", app="blog")
    assert world.send(begun, page("a")) == 2
    assert world.content(world.finalize(begun.version.id, app="blog")) == page("a")


def test_whoever_knows_a_digest_obtains_no_file_of_another_app(world: World) -> None:
    secret = {"index.html": b"the price list"}
    world.publish(secret, "a")
    world.configure("other")
    begun = world.begin(secret, "b", app="other")
    assert [obj.size for obj in begun.missing] == [len(secret["index.html"])]
    with pytest.raises(UploadIncomplete):
        world.finalize(begun.version.id, app="other")


def test_a_branch_knows_the_pointer_that_is_its_own(world: World) -> None:
    world.publish(page("a"), "a", branch="feature/x")
    app = reading.find_app(world.ports, APP)
    found = follow.pointer_of(world.ports, app, "feature/x")
    assert found is not None
    assert (found.name, found.follows) == ("feature-x", "feature/x")
    assert follow.pointer_of(world.ports, app, "other") is None
    assert follow.pointer_of(world.ports, app, None) is None


def test_uploads_are_planned_from_what_the_store_has_and_bound_to_their_digest(world: World) -> None:
    begun = world.begin({"a.txt": b"a"}, "a")
    [upload] = begun.uploads.items
    assert upload.object.sha256 == hashlib.sha256(b"a").hexdigest()
    assert upload.object.sha256 in upload.url
    assert publish.uploads(world.ports, APP, begun.version.id, None).items[0].object == upload.object
    world.send(begun, {"a.txt": b"a"})
    assert publish.uploads(world.ports, APP, begun.version.id, None).items == []
    world.finalize(begun.version.id)
    assert publish.uploads(world.ports, APP, begun.version.id, None).items == []


def test_what_was_published_tells_where_it_came_from(world: World) -> None:
    version = world.publish(page("a"), "a", branch="main", tags=("v1",), dirty=True, by=BOB)
    assert (version.commit, version.branch, version.tags, version.dirty) == (sha("a"), "main", ("v1",), True)
    assert (version.published_by, version.files, version.bytes) == (BOB, 2, sum(map(len, page("a").values())))


def test_an_attempt_that_takes_longer_than_a_prune_waits_begins_again_and_keeps_its_manifest(world: World) -> None:
    def a_slow_day() -> None:
        world.clock.go_on(days=2)
        prune.run(world.ports, APP)

    slow = tap(world.ports, after=once(lambda name, _: name == "store.write", a_slow_day))
    begun = world.with_ports(ledger=slow.ledger, store=slow.store).begin(page("a"), "a")
    world.send(begun, page("a"))
    assert world.content(world.finalize(begun.version.id)) == page("a")
    assert list(reading.everything(world.ledger, keys.begun(APP))) == []


def test_an_attempt_that_loses_a_race_leaves_no_manifest_of_its_own(world: World) -> None:
    rival = once(lambda name, _: name == "store.write", lambda: world.begin(page("a"), "a", branch=None))
    begun = world.with_ports(store=tap(world.ports, before=rival).store).begin(page("a"), "a", branch=None)
    kept = world.store._database.rows("SELECT key FROM objects WHERE key LIKE 'shop/m/%'")
    assert kept == [(keys.manifest_object(APP, begun.version.id, begun.version.begun_at),)]
    assert list(reading.everything(world.ledger, keys.begun(APP))) == []
