"""A disk with no room left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from pullprod_control_plane.adapters.local.sqlite_edge import SqliteEdge
from pullprod_control_plane.adapters.local.sqlite_ledger import SqliteLedger
from pullprod_control_plane.adapters.local.system_clock import SystemClock
from pullprod_control_plane.domain.errors import StorageFull
from pullprod_control_plane.domain.routes import Route
from pullprod_control_plane.ports import Key, Put
from tests.ports.local import plugs, workers
from tests.ports.objects import announce

A, B = Key("p", "a"), Key("p", "b")
LARGE = "x" * 100_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.name != "posix" or os.geteuid():
        pytest.skip("Only root can mount a small disk.")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)], check=False)
    if mounted.returncode:
        pytest.skip("This machine does not let root mount a small disk.")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4_096):
                pass
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


def test_a_commit_without_room_changes_nothing_and_goes_through_once_there_is_some(disk: Path) -> None:
    change = [Put(A, {"pad": LARGE}, 1), Put(B, {"pad": LARGE}, 0)]
    with closing(SqliteLedger(disk / "ledger.sqlite3")) as ledger:
        ledger.commit([Put(A, {"n": 1}, 0)])
        before = ledger.read([A, B])
        with filled(disk):
            for _ in range(3):
                with pytest.raises(StorageFull):
                    ledger.commit(change)
                assert ledger.read([A, B]) == before
        ledger.commit(change)
        assert [item and item.revision for item in ledger.read([A, B])] == [2, 1]


def test_a_ledger_that_was_full_opens_again_whole(disk: Path) -> None:
    path = disk / "ledger.sqlite3"
    with closing(SqliteLedger(path)) as ledger:
        ledger.commit([Put(A, {"n": 1}, 0)])
        with filled(disk), pytest.raises(StorageFull):
            ledger.commit([Put(B, {"pad": LARGE}, 0)])
    with closing(SqliteLedger(path)) as ledger:
        assert [item and item.body for item in ledger.read([A, B])] == [{"n": 1}, None]


def test_nothing_is_opened_where_there_is_no_room(disk: Path) -> None:
    with filled(disk):
        with pytest.raises(StorageFull):
            SqliteLedger(disk / "ledger.sqlite3")
        with pytest.raises(StorageFull):
            workers.store_in(disk / "store")


def test_a_route_without_room_is_not_shown(disk: Path) -> None:
    with closing(SqliteEdge(disk / "edge.sqlite3")) as edge:
        edge.show([Route("a", "old")])
        with filled(disk), pytest.raises(StorageFull):
            edge.show([Route("a", LARGE)])
        assert edge.get("a") == "old"


def test_an_object_without_room_is_not_written(disk: Path) -> None:
    body = os.urandom(100_000)
    with closing(workers.store_in(disk)) as store:
        with filled(disk), pytest.raises(StorageFull):
            store.write(announce("k", body), body)
        assert store.read("k") is None
        assert list((disk / "incoming").iterdir()) == []
        store.write(announce("k", body), body)
        assert store.read("k") == body


def test_an_upload_without_room_is_answered_with_507_and_leaves_nothing(disk: Path) -> None:
    body = os.urandom(1_500_000)
    with plugs.served_store(disk, SystemClock()) as store:
        (upload,) = store.place([announce("k", body)], {})
        with filled(disk):
            answer = requests.put(upload.url, data=body, timeout=30)
            assert (answer.status_code, answer.json()["code"]) == (507, "storage-full")
            assert list((disk / "incoming").iterdir()) == []
        assert requests.put(upload.url, data=body, timeout=30).status_code == 200
        assert store.damaged([announce("k", body)]) == []
