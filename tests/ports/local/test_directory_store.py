from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pullprod_control_plane.adapters.local.directory_store import DirectoryStore, ServedObject, blob_of
from pullprod_control_plane.domain.errors import DigestMismatch, UploadRefused
from pullprod_control_plane.ports import StoredObject
from tests.ports.local import plugs, workers
from tests.ports.objects import announce

EMPTY = announce("a/empty", b"")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store"


@pytest.fixture
def store(root: Path) -> Iterator[DirectoryStore]:
    with closing(workers.store_in(root)) as opened:
        yield opened


def contents(root: Path) -> set[bytes]:
    return {path.read_bytes() for path in (root / "blobs").rglob("*") if path.is_file()} - {b""}


def blob(root: Path, obj: StoredObject) -> Path:
    return root / "blobs" / obj.sha256[:2] / blob_of(obj)


def test_what_users_call_their_files_never_reaches_the_file_system(store: DirectoryStore, root: Path) -> None:
    keys = ["../../escaped", "/absolute", "a/../../../b", "..", "nul\x00byte", "a\nb", "C:\\x"]
    for number, key in enumerate(keys):
        store.write(announce(key, b"%d" % number), b"%d" % number)
    assert [store.read(key) for key in keys] == [b"%d" % number for number in range(len(keys))]
    assert {path.name for path in root.parent.iterdir()} == {"store"}
    assert contents(root) == {b"%d" % number for number in range(len(keys))}
    store.delete("../")
    assert [store.read(key) is None for key in keys] == [True] + [False] * 6


def test_keys_may_be_anything(store: DirectoryStore) -> None:
    keys = ["../up", "/etc/passwd", "a/../../b", "a//b", ".", "a\\b", "con", "a", "a/", "a/b", "\u00e9", "e\u0301"]
    keys.append("x" * 1_024)
    for key in keys:
        store.write(announce(key, key.encode()), key.encode())
    assert [store.read(key) for key in keys] == [key.encode() for key in keys]
    store.delete("a/")
    assert [key for key in keys if store.read(key) is None] == ["a/../../b", "a//b", "a/", "a/b"]


@pytest.mark.parametrize("digest", ["../../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", ""])
def test_what_is_no_digest_never_reaches_the_file_system(store: DirectoryStore, digest: str) -> None:
    with pytest.raises(ValueError, match="no SHA-256"):
        store.missing([replace(announce("k", b"x"), sha256=digest)])
    with pytest.raises(ValueError, match="no SHA-256"):
        store.place([replace(announce("k", b"x"), sha256=digest)], {})
    assert store.served("k") is None


def test_a_content_lies_there_once_an_app(store: DirectoryStore, root: Path) -> None:
    for key in ("a/1", "a/2", "a/3", "b/1"):
        store.write(announce(key, b"same"), b"same")
    names = {path.name for path in (root / "blobs").rglob("*") if path.is_file() and path.stat().st_size}
    assert names == {blob_of(announce("a/1", b"same")), blob_of(announce("b/1", b"same"))}


def test_an_object_without_bytes_needs_no_upload(store: DirectoryStore) -> None:
    assert store.place([EMPTY], {}) == []
    assert store.missing([EMPTY]) == []
    assert store.read(EMPTY.key) == b""
    store.delete("a/")
    assert store.missing([EMPTY]) == [EMPTY]
    assert store.place([EMPTY], {}) == []
    assert store.read(EMPTY.key) == b""


def test_an_object_is_served_with_its_headers_from_its_file(store: DirectoryStore, root: Path) -> None:
    obj = replace(announce("k", b"body"), content_type="text/html; charset=utf-8", cache_control="public, max-age=0")
    store.write(obj, b"body")
    assert store.served("k") == ServedObject(
        blob(root, obj), 4, obj.sha256, "text/html; charset=utf-8", "public, max-age=0"
    )
    assert store.served("K") is None
    store.delete("k")
    assert store.served("k") is None


def test_every_kind_of_damage_is_found(store: DirectoryStore, root: Path) -> None:
    objects = [announce(f"k/{number}", b"body %d" % number * 400_000) for number in range(5)]
    for number, obj in enumerate(objects):
        store.write(obj, b"body %d" % number * 400_000)
    _, flipped, short, gone, emptied = (blob(root, obj) for obj in objects)
    with flipped.open("r+b") as file:
        file.seek(1_500_000)
        file.write(b"?")
    os.truncate(short, 10)
    gone.unlink()
    emptied.write_bytes(b"")
    same_as_flipped = replace(objects[1], key="k/1 again")
    store.place([same_as_flipped], {})
    assert store.missing(objects) == objects[2:]
    assert store.damaged(objects) == objects[1:]
    assert store.damaged([same_as_flipped]) == [same_as_flipped]


def test_a_blob_of_the_wrong_size_is_sent_again_and_healed(store: DirectoryStore, root: Path) -> None:
    obj = announce("k", b"healthy")
    store.write(obj, b"healthy")
    os.truncate(blob(root, obj), 3)
    assert [upload.object for upload in store.place([obj], {})] == [obj]
    workers.receive(store, obj, b"healthy")
    assert store.damaged([obj]) == []


def test_a_write_heals_a_damaged_blob(store: DirectoryStore, root: Path) -> None:
    store.write(announce("k", b"healthy"), b"healthy")
    blob(root, announce("k", b"healthy")).write_bytes(b"damaged")
    store.write(announce("k", b"healthy"), b"healthy")
    assert store.read("k") == b"healthy"


def test_an_object_announced_with_another_digest_is_missing(store: DirectoryStore) -> None:
    obj = announce("x", b"bytes")
    store.write(obj, b"bytes")
    assert store.missing([obj, replace(obj, sha256="0" * 64)]) == [replace(obj, sha256="0" * 64)]


def test_place_never_changes_what_a_key_has(store: DirectoryStore) -> None:
    store.write(announce("k", b"first"), b"first")
    store.place([announce("k", b"second")], {})
    assert store.read("k") == b"first"
    assert store.missing([announce("k", b"second")]) == [announce("k", b"second")]


def test_deleting_removes_bytes_with_their_last_object(store: DirectoryStore, root: Path) -> None:
    for key, body in [("a/s/1", b"shared"), ("a/t/1", b"shared"), ("a/s/2", b"own"), ("a/s/3", b"own")]:
        store.write(announce(key, body), body)
    store.delete("a/s/")
    assert contents(root) == {b"shared"}
    assert store.read("a/t/1") == b"shared"
    store.delete("a/")
    assert contents(root) == set()


def test_replacing_removes_bytes_that_no_object_has_any_more(store: DirectoryStore, root: Path) -> None:
    for body in (b"one", b"two"):
        store.write(announce("k", body), body)
    assert contents(root) == {b"two"}


def test_deleting_that_was_cut_short_is_finished_by_repeating(store: DirectoryStore, root: Path) -> None:
    for number in range(4):
        store.write(announce(f"a/s/{number}", b"own %d" % number), b"own %d" % number)
    store.write(announce("a/t/1", b"own 0"), b"own 0")
    obstacle = blob(root, announce("a/2", b"own 2"))
    obstacle.unlink()
    obstacle.mkdir()
    with pytest.raises(OSError, match=r"irectory|ermitted"):
        store.delete("a/s/")
    obstacle.rmdir()
    store.delete("a/s/")
    assert [store.read(f"a/s/{number}") for number in range(4)] == [None] * 4
    assert contents(root) == {b"own 0"}
    assert store.read("a/t/1") == b"own 0"


@pytest.mark.parametrize("body", [b"short", b"wrong bytes here", b"much longer than announced"])
def test_other_bytes_than_announced_are_never_shown(store: DirectoryStore, root: Path, body: bytes) -> None:
    obj = announce("k", b"right bytes here")
    store.place([obj], {})
    incoming = store.open_upload(blob_of(obj), obj.size)
    with pytest.raises(DigestMismatch):
        workers.finish(incoming, body)
    assert contents(root) == set()
    assert list((root / "incoming").iterdir()) == []


def test_too_many_bytes_are_refused_before_they_are_written(store: DirectoryStore, root: Path) -> None:
    obj = announce("k", b"x" * 10)
    incoming = store.open_upload(blob_of(obj), obj.size)
    incoming.write(b"x" * 8)
    with pytest.raises(DigestMismatch):
        incoming.write(b"x" * 3)
    (arriving,) = (root / "incoming").iterdir()
    assert arriving.stat().st_size == 8
    incoming.abort()


def test_bytes_show_only_when_all_have_come(store: DirectoryStore) -> None:
    obj = announce("k", b"in two parts")
    store.place([obj], {})
    incoming = store.open_upload(blob_of(obj), obj.size)
    incoming.write(b"in two ")
    assert store.missing([obj]) == [obj]
    incoming.write(b"parts")
    assert store.missing([obj]) == [obj]
    incoming.commit()
    incoming.abort()
    assert store.read("k") == b"in two parts"


def test_bytes_whose_object_was_deleted_on_the_way_do_not_stay(store: DirectoryStore, root: Path) -> None:
    obj = announce("a/k", b"late")
    store.place([obj], {})
    incoming = store.open_upload(blob_of(obj), obj.size)
    incoming.write(b"late")
    store.delete("a/")
    with pytest.raises(UploadRefused):
        incoming.commit()
    incoming.abort()
    assert contents(root) == set()


def test_what_a_crash_left_is_cleared_after_a_day(root: Path) -> None:
    clock = plugs.set_clock()
    with closing(DirectoryStore(root, "", clock)):
        pass
    (root / "incoming" / "left").write_bytes(b"x")
    with closing(DirectoryStore(root, "", clock)):
        assert (root / "incoming" / "left").exists()
    clock.moment += timedelta(days=1, seconds=5)
    with closing(DirectoryStore(root, "", clock)):
        assert list((root / "incoming").iterdir()) == []


def test_others_on_the_machine_cannot_read_the_secret(store: DirectoryStore, root: Path) -> None:
    assert store.read("any") is None
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_bytes_that_place_found_survive_a_deletion_at_the_same_moment(store: DirectoryStore) -> None:
    old, new = announce("a/old/1", b"contested"), announce("a/new/1", b"contested")
    with ThreadPoolExecutor(2) as threads:
        for _ in range(150):
            store.write(old, b"contested")
            deleting = threads.submit(store.delete, "a/old/")
            uploads = threads.submit(store.place, [new], {}).result()
            deleting.result()
            assert store.missing([new]) == ([new] if uploads else [])
            assert store.read("a/new/1") == (None if uploads else b"contested")
            store.delete("a/new/")


def test_bytes_that_arrive_survive_a_deletion_at_the_same_moment(store: DirectoryStore) -> None:
    old, new = announce("a/old/1", b"contested"), announce("a/new/1", b"contested")
    with ThreadPoolExecutor(3) as threads:
        for _ in range(100):
            store.place([old, new], {})
            receiving = threads.submit(workers.receive, store, new, b"contested")
            waiting = [threads.submit(store.delete, "a/old/"), receiving]
            writing = threads.submit(store.write, announce("a/w", b"contested"), b"contested")
            for job in (*waiting, writing):
                job.result()
            assert store.read("a/new/1") == store.read("a/w") == b"contested"
            store.delete("")
