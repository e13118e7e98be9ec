from __future__ import annotations

import errno
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from pullprod_control_plane.adapters.local import database as module
from pullprod_control_plane.adapters.local.database import Database, NewerSchema, Unreadable, storage_errors
from pullprod_control_plane.adapters.local.sqlite_edge import SqliteEdge
from pullprod_control_plane.adapters.local.sqlite_ledger import SqliteLedger
from pullprod_control_plane.domain.errors import Busy, StorageFull
from pullprod_control_plane.domain.routes import Route
from tests.ports.local import workers

FIRST = ("CREATE TABLE t (n INTEGER)",)
SECOND = ("INSERT INTO t VALUES (1)", "ALTER TABLE t ADD COLUMN m INTEGER DEFAULT 7")
FULL_SYNC = 2


def _insert(database: Database, *statements: str) -> None:
    with database.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "t.sqlite3"


def test_nobody_else_on_the_machine_can_read_a_database_whatever_the_directory_allows(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    with closing(Database(path, [FIRST])):
        assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}


def test_every_adapter_writes_ahead_and_syncs_in_full(tmp_path: Path) -> None:
    with (
        closing(SqliteLedger(tmp_path / "ledger")) as ledger,
        closing(SqliteEdge(tmp_path / "edge")) as edge,
        closing(workers.store_in(tmp_path / "store")) as store,
    ):
        for database in (ledger._database, edge._database, store._database):
            assert database.rows("PRAGMA journal_mode") == [("wal",)]
            assert database.rows("PRAGMA synchronous") == [(FULL_SYNC,)]
            assert database.rows("PRAGMA busy_timeout") == [(30_000,)]


def test_a_thread_has_a_connection_of_its_own_with_the_same_settings(path: Path) -> None:
    found: list[object] = []
    with closing(Database(path, [FIRST])) as database:
        mine = database._connection()
        thread = threading.Thread(
            target=lambda: found.extend([database._connection() is mine, database.rows("PRAGMA synchronous")])
        )
        thread.start()
        thread.join()
    assert found == [False, [(FULL_SYNC,)]]


def test_a_migration_keeps_what_is_there_and_runs_once(path: Path) -> None:
    with closing(Database(path, [FIRST])) as database, database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (5)")
    for _ in range(2):
        with closing(Database(path, [FIRST, SECOND])) as database:
            assert database.rows("SELECT n, m FROM t ORDER BY n") == [(1, 7), (5, 7)]
            assert database.rows("PRAGMA user_version") == [(2,)]


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    with closing(Database(path, [FIRST])):
        pass
    with pytest.raises(sqlite3.OperationalError):
        Database(path, [FIRST, (*SECOND, "INSERT INTO nowhere VALUES (1)")])
    with closing(Database(path, [FIRST])) as database:
        assert database.rows("SELECT * FROM t") == []
        assert database.rows("PRAGMA user_version") == [(1,)]


def test_a_newer_schema_is_refused_in_words(path: Path) -> None:
    with closing(Database(path, [FIRST, SECOND])):
        pass
    with pytest.raises(NewerSchema, match="has schema 2, and this release knows up to 1") as refused:
        Database(path, [FIRST])
    assert (refused.value.code, refused.value.facts) == ("newer-schema", {"found": 2, "known": 1})


def test_a_file_that_is_no_database_is_refused_in_words(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(Unreadable, match=r"t\.sqlite3 cannot be opened: file is not a database"):
        Database(path, [FIRST])


def test_a_directory_in_the_place_of_a_database_is_refused_in_words(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(Unreadable, match="unable to open database file"):
        Database(path, [FIRST])


def test_a_block_that_raises_leaves_nothing_and_the_next_one_works(path: Path) -> None:
    with closing(Database(path, [FIRST])) as database:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            _insert(database, "INSERT INTO t VALUES (1)", "INSERT INTO nowhere VALUES (1)")
        with database.transaction() as connection:
            connection.execute("INSERT INTO t VALUES (2)")
        assert database.rows("SELECT n FROM t") == [(2,)]


def test_a_snapshot_does_not_see_what_is_committed_meanwhile(path: Path) -> None:
    with closing(Database(path, [FIRST])) as database, closing(Database(path, [FIRST])) as other:
        with database.snapshot() as connection:
            assert connection.execute("SELECT * FROM t").fetchall() == []
            with other.transaction() as writing:
                writing.execute("INSERT INTO t VALUES (1)")
            assert connection.execute("SELECT * FROM t").fetchall() == []
        assert database.rows("SELECT * FROM t") == [(1,)]


def test_waiting_for_another_process_ends_as_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    with closing(Database(path, [FIRST])) as database, closing(Database(path, [FIRST])) as other:
        with other.transaction(), pytest.raises(Busy), database.transaction():
            pass
        with database.transaction() as connection:
            connection.execute("INSERT INTO t VALUES (1)")


def test_waiting_for_another_thread_ends_as_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    raised: list[BaseException] = []
    with closing(Database(path, [FIRST])) as database:

        def write() -> None:
            try:
                with database.transaction():
                    pass
            except Busy as error:
                raised.append(error)

        with database.transaction():
            thread = threading.Thread(target=write)
            thread.start()
            thread.join()
    assert len(raised) == 1


def test_a_database_at_its_greatest_size_is_full_and_unchanged(path: Path) -> None:
    with closing(Database(path, [FIRST])) as database:
        database.rows("PRAGMA max_page_count = 4")
        with pytest.raises(StorageFull):
            _insert(database, "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (zeroblob(100000))")
        assert database.rows("SELECT * FROM t") == []


@pytest.mark.parametrize(
    ("number", "raised"), [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EIO, OSError)]
)
def test_only_a_lack_of_room_is_called_so(number: int, raised: type[Exception]) -> None:
    with pytest.raises(raised), storage_errors():
        raise OSError(number, os.strerror(number))


def test_a_closed_database_opens_again(path: Path) -> None:
    database = Database(path, [FIRST])
    database.close()
    assert database.rows("SELECT * FROM t") == []
    database.close()
    database.close()


def test_routes_outlive_the_process_that_showed_them(tmp_path: Path) -> None:
    with closing(SqliteEdge(tmp_path / "edge")) as edge:
        edge.show([Route("a", "record")])
    with closing(SqliteEdge(tmp_path / "edge")) as edge:
        assert (edge.get("a"), edge.get("b")) == ("record", None)
