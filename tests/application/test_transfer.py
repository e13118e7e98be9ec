from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from pullprod_control_plane.application import keys, publish, transfer
from pullprod_control_plane.domain import segments
from pullprod_control_plane.domain.errors import UploadIncomplete
from pullprod_control_plane.ports import StoredObject
from tests.support.tapped import counted
from tests.support.world import APP, Files, World, page

# Two names of one segment, so that a change of one of them is a new segment for both.
FIRST, SECOND = next(
    (f"{a}.txt", f"{b}.txt")
    for a in range(99)
    for b in range(a)
    if segments.segment_of(f"{a}.txt") == segments.segment_of(f"{b}.txt")
)
MANY = {f"{number}/page.html": str(number).encode() for number in range(300)}


def begun(world: World, files: Files, commit: str, **facts: Any) -> list[tuple[str, tuple[Any, ...]]]:
    """Announce a version; return the calls that the store got."""
    ports, calls = counted(world.ports)
    replace(world, ports=ports).begin(files, commit, **facts)
    return [call for call in calls if call[0].startswith("store.")]


def placed(calls: list[tuple[str, tuple[Any, ...]]]) -> tuple[list[StoredObject], dict[str, str]]:
    [(objects, sources)] = [args for name, args in calls if name == "store.place"]
    return objects, sources


def key(world: World, version: str, path: str) -> str:
    names = segments.unjoin(world.version(version).segments)
    return segments.object_key(APP, names[segments.segment_of(path)], path)


def test_objects_of_segments_that_are_complete_are_touched_by_no_call(world: World) -> None:
    world.publish(MANY, "a")
    changed = {**MANY, "7/page.html": b"changed"}
    calls = begun(world, changed, "b")
    number = segments.segment_of("7/page.html")
    touched = [obj for name, args in calls if name in {"store.missing", "store.place"} for obj in args[0]]
    assert {segments.segment_of(obj.key.split("/", 3)[3]) for obj in touched} == {number}


def test_what_cannot_have_arrived_yet_is_not_looked_for(world: World) -> None:
    world.publish(MANY, "a")
    calls = begun(world, {**MANY, "7/page.html": b"changed"}, "b")
    assert [args for name, args in calls if name == "store.missing"] == [([],)]


def test_what_has_arrived_for_a_version_that_was_given_up_is_not_asked_for_again_by_the_next(world: World) -> None:
    world.send(world.begin(MANY, "a"), MANY)
    files = {**MANY, "7/page.html": b"changed"}
    again = world.begin(files, "b")
    assert [obj.sha256 for obj in again.missing] == [hashlib.sha256(b"changed").hexdigest()]
    assert world.send(again, files) == 1
    assert world.content(world.finalize(again.version.id)) == files


def test_an_unchanged_file_of_a_changed_segment_has_its_source_in_the_branchs_newest_version(world: World) -> None:
    world.publish({FIRST: b"1", SECOND: b"same"}, "a")
    newest = world.publish({FIRST: b"2", SECOND: b"same"}, "b")
    objects, sources = placed(begun(world, {FIRST: b"3", SECOND: b"same"}, "c"))
    assert sources == {obj.sha256: key(world, newest.id, SECOND) for obj in objects if obj.key.endswith(SECOND)}


def test_a_new_branch_has_sources_in_production_and_in_the_newest_version(world: World) -> None:
    live = world.publish({FIRST: b"1", SECOND: b"2"}, "a")
    world.point("production", live.id)
    newest = world.publish({FIRST: b"3", SECOND: b"4"}, "b", branch="other")
    _, sources = placed(begun(world, {FIRST: b"1", SECOND: b"4"}, "c", branch="new"))
    assert set(sources.values()) == {key(world, live.id, FIRST), key(world, newest.id, SECOND)}


def test_a_version_that_is_not_ready_is_no_source(world: World) -> None:
    world.begin({FIRST: b"1", SECOND: b"2"}, "a")
    _, sources = placed(begun(world, {FIRST: b"1", SECOND: b"3"}, "b"))
    assert sources == {}


def test_however_many_versions_there_are_three_manifests_are_read_for_sources(world: World) -> None:
    versions = [world.publish(page(str(number)), f"{number}", branch=f"b{number % 3}") for number in range(15)]
    world.point("production", versions[7].id)
    calls = begun(world, page("new"), "new", branch="b1")
    assert sum(name == "store.read" for name, _ in calls) == 3


def test_a_source_whose_manifest_is_gone_is_no_source(world: World) -> None:
    version = world.publish({FIRST: b"1", SECOND: b"2"}, "a")
    world.store.delete(keys.manifest_object(APP, version.id, version.begun_at))
    _, sources = placed(begun(world, {FIRST: b"1", SECOND: b"3"}, "b"))
    assert sources == {}


def test_a_content_is_asked_for_with_its_first_file_and_placed_for_the_others_once_it_came(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PAGE", 7)
    files = {f"{number}.txt": b"same" for number in range(20)} | {
        f"own{number}.txt": b"%d" % number for number in range(2)
    }
    first = world.begin(files, "a")
    assert len(first.missing) == 3
    with pytest.raises(UploadIncomplete) as refused:
        world.finalize(first.version.id)
    assert refused.value.facts["missing_files"] == 22
    assert world.send(first, files) == 3
    assert world.content(world.finalize(first.version.id)) == files


def test_pages_follow_one_another_until_everything_was_planned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAGE", 100)
    first = world.begin(MANY, "a")
    assert (len(first.uploads.items), len(first.missing)) == (100, 300)
    second = publish.uploads(world.ports, APP, first.version.id, first.uploads.next_cursor)
    third = publish.uploads(world.ports, APP, first.version.id, second.next_cursor)
    assert third.next_cursor is None
    asked = {upload.object.key for part in (first.uploads, second, third) for upload in part.items}
    assert len(asked) == 300


def test_a_page_looks_no_further_than_it_needs_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAGE", 20)
    first = world.begin(MANY, "a")
    ports, calls = counted(world.ports)
    page = publish.uploads(ports, APP, first.version.id, first.uploads.next_cursor)
    assert (len(page.items), page.next_cursor is None) == (20, False)
    assert sum(len(args[0]) for name, args in calls if name == "store.missing") == 40


def test_a_page_looks_past_what_has_arrived(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAGE", 20)
    begun = world.begin(MANY, "a")
    *others, last = sorted(begun.missing, key=lambda obj: obj.key)
    for obj in others:
        body = MANY[segments.path_in(obj.key)]
        world.store.write(obj, body)
    page = publish.uploads(world.ports, APP, begun.version.id, None)
    assert [upload.object for upload in page.items] == [last]
    assert page.next_cursor is None
