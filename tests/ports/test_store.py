from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pullprod_control_plane.domain.errors import DigestMismatch
from pullprod_control_plane.ports import Store, Upload
from tests.ports.objects import announce

Send = Callable[[Upload, bytes], int]


def test_an_object_reads_as_it_was_written(store: Store) -> None:
    store.write(announce("shop/m/1.json", b"{}"), b"{}")
    assert store.read("shop/m/1.json") == b"{}"
    assert store.read("shop/m/2.json") is None
    assert store.read("shop/m/1") is None


def test_a_second_write_replaces_the_first(store: Store) -> None:
    for body in (b"one", b"three", b"one"):
        store.write(announce("k", body), body)
        assert store.read("k") == body
        assert store.missing([announce("k", body)]) == []
    assert store.missing([announce("k", b"three")]) == [announce("k", b"three")]


def test_replacing_an_object_leaves_another_of_the_same_content(store: Store) -> None:
    store.write(announce("a/1", b"same"), b"same")
    store.write(announce("a/2", b"same"), b"same")
    store.write(announce("a/1", b"other"), b"other")
    assert store.read("a/2") == b"same"


@pytest.mark.parametrize("body", [b"other", b"longer than announced", b""])
def test_writing_other_bytes_than_announced_is_refused(store: Store, body: bytes) -> None:
    store.write(announce("k", b"first"), b"first")
    with pytest.raises(DigestMismatch):
        store.write(announce("k", b"wanted"), body)
    assert store.read("k") == b"first"


def test_an_object_is_missing_until_its_bytes_are_sent(store: Store, send: Send) -> None:
    obj = announce("shop/s/AAAAAAAA/index.html", b"<h1>hello</h1>")
    assert store.missing([obj]) == [obj]
    (upload,) = store.place([obj], {})
    assert upload.object == obj
    assert store.missing([obj]) == [obj]
    assert store.read(obj.key) is None
    assert send(upload, b"<h1>hello</h1>") == 200
    assert store.missing([obj]) == []
    assert store.read(obj.key) == b"<h1>hello</h1>"


def test_a_content_is_sent_once_for_all_its_keys(store: Store, send: Send) -> None:
    objects = [announce(key, b"twice") for key in ("x/1", "x/2")] + [announce("x/3", b"once")]
    uploads = store.place(objects, {})
    assert [upload.object for upload in uploads] == [objects[0], objects[2]]
    assert [send(upload, body) for upload, body in zip(uploads, (b"twice", b"once"), strict=True)] == [200, 200]
    assert store.place(store.missing(objects), {objects[0].sha256: "x/1"}) == []
    assert store.missing(objects) == []
    assert store.read("x/2") == b"twice"


def test_a_content_that_is_there_is_not_sent_again_for_a_new_key(store: Store, send: Send) -> None:
    there = announce("x/1", b"bytes")
    (upload,) = store.place([there], {})
    assert send(upload, b"bytes") == 200
    assert store.place([announce("x/2", b"bytes"), announce("x/3", b"bytes")], {there.sha256: "x/1"}) == []
    assert store.read("x/2") == store.read("x/3") == b"bytes"
    store.delete("x/1")
    assert store.read("x/2") == b"bytes"


def test_a_content_whose_source_is_gone_is_asked_for(store: Store, send: Send) -> None:
    objects = [announce("x/2", b"bytes"), announce("x/3", b"bytes")]
    (upload,) = store.place(objects, {objects[0].sha256: "x/1"})
    assert send(upload, b"bytes") == 200
    assert store.place(store.missing(objects), {objects[0].sha256: upload.object.key}) == []
    assert [store.read(obj.key) for obj in objects] == [b"bytes", b"bytes"]


def test_a_content_of_one_app_appears_in_another_only_when_it_is_sent_there(store: Store, send: Send) -> None:
    (upload,) = store.place([announce("x/1", b"bytes")], {})
    theirs = announce("y/1", b"bytes")
    (asked,) = store.place([theirs], {})
    assert send(upload, b"bytes") == 200
    assert store.read("y/1") is None
    assert store.missing([theirs]) == [theirs]
    assert [again.object for again in store.place([theirs], {})] == [theirs]
    assert send(asked, b"bytes") == 200
    store.delete("x/")
    assert store.read("y/1") == b"bytes"


def test_leave_to_send_is_given_again_while_bytes_are_missing(store: Store, send: Send) -> None:
    obj = announce("x", b"bytes")
    store.place([obj], {})
    (upload,) = store.place([obj], {})
    assert send(upload, b"bytes") == 200
    assert send(upload, b"bytes") in {200, 412}, "a store may say that it has them"
    assert store.read("x") == b"bytes"


@pytest.mark.parametrize("body", [b"wrong", b"", b"longer than it should be"])
def test_sending_other_bytes_than_announced_is_refused(store: Store, send: Send, body: bytes) -> None:
    obj = announce("x", b"right")
    (upload,) = store.place([obj], {})
    assert 400 <= send(upload, body) < 500
    assert store.missing([obj]) == [obj]
    assert store.read("x") is None


def test_an_object_announced_with_another_size_or_key_is_missing(store: Store) -> None:
    obj = announce("x", b"bytes")
    store.write(obj, b"bytes")
    wrong = [replace(obj, size=6), replace(obj, key="y"), replace(obj, key="x/1")]
    assert store.missing([obj, *wrong]) == wrong


def test_deleting_a_prefix_leaves_everything_else_whole(store: Store) -> None:
    kept = ["a/s0", "a/s.", "A/s/1", "b/a/s/1", "a/%/1"]
    gone = ["a/s/1", "a/s/2/3", "a/s/é", "a/s/\U0010ffff"]
    for number, key in enumerate(kept + gone):
        store.write(announce(key, f"body {number % 5}".encode()), f"body {number % 5}".encode())
    store.delete("a/s/")
    assert [key for key in kept + gone if store.read(key) is not None] == kept
    assert [store.read(key) for key in kept] == [f"body {number % 5}".encode() for number in range(len(kept))]
    store.delete("a/s/", "nothing/")
    store.delete()
    store.delete("a/%/", "b/")
    assert [key for key in kept if store.read(key) is not None] == kept[:3]


def test_a_deleted_content_must_be_sent_again(store: Store, send: Send) -> None:
    obj = announce("a/1", b"bytes")
    store.write(obj, b"bytes")
    store.delete("a/")
    assert store.missing([obj]) == [obj]
    (upload,) = store.place([obj], {})
    assert send(upload, b"bytes") == 200
    assert store.read("a/1") == b"bytes"


def test_what_is_absent_is_reported_as_damaged_and_what_is_sound_is_not(store: Store) -> None:
    sound, absent = announce("x/1", b"sound"), announce("x/2", b"absent")
    store.write(sound, b"sound")
    assert store.damaged(iter([sound, absent, replace(sound, key="x/3")])) == [absent, replace(sound, key="x/3")]


NAMES = [
    "é",
    "日本/語.html",
    "A",
    "a",
    "/".join(["x" * 224] * 4),
    "a b",
    "a+b",
    "a%2Bb %41",
    "a?b#c",
    "~!$&'()*,;=:@",
    '<"^`{|}>',
    "-._",
]


def test_keys_are_what_users_call_their_files(store: Store, send: Send) -> None:
    """Sent, copied, listed, read and deleted."""
    sent = [announce(f"shop/s/AAAAAAAA/{name}", name.encode()) for name in NAMES]
    assert [send(upload, upload.object.key[16:].encode()) for upload in store.place(sent, {})] == [200] * len(NAMES)
    copies = [replace(obj, key=f"shop/s/BBBBBBBB/{obj.key[16:]}") for obj in sent]
    assert store.place(copies, {obj.sha256: obj.key for obj in sent}) == []
    assert store.missing([*sent, *copies]) == []
    store.delete("shop/s/AAAAAAAA/")
    assert store.missing([*sent, *copies]) == sent
    assert [store.read(obj.key) for obj in copies] == [name.encode() for name in NAMES]
