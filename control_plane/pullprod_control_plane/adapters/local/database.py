"""SQLite as the local adapters use it: durable, shared by threads and processes, with errors that the domain knows."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...domain.errors import Busy, PullprodError, StorageFull

_PATIENCE_S = 30.0
_RETRY_S = 0.01
_UNREADABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class NewerSchema(PullprodError):
    """A database that a newer release has written; nothing was changed."""

    code = "newer-schema"
    title = "The data is from a newer release"


class Unreadable(PullprodError):
    """A file that SQLite cannot open, or that is no database of SQLite, or a damaged one."""

    code = "unreadable-data"
    title = "The data cannot be read"


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise StorageFull and Busy in place of what SQLite and the operating system say."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "disk is full" in str(error):
            raise _full() from error
        if "locked" in str(error):
            raise _busy() from error
        raise
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise _full() from error
        raise


def _full() -> StorageFull:
    return StorageFull("The disk has no room left; nothing was changed. Make room, then try again.")


def _busy() -> Busy:
    return Busy(f"Others kept the database for {_PATIENCE_S:.0f} s; nothing was changed. Try again in a moment.")


def prefix_range(prefix: str) -> tuple[bytes, bytes]:
    """Return the UTF-8 bounds, the second exclusive, of all texts that start with `prefix`.

    They are bytes, to be used as `CAST(? AS TEXT)`: the end of a range need not be a text itself.
    """
    start = prefix.encode()
    return start, start[:-1] + bytes([start[-1] + 1]) if start else b"\xff"


class _Opened:
    """What one process has open: a connection a thread, and the turn of those of its threads that write."""

    def __init__(self) -> None:
        self.turn = threading.RLock()
        self.connections: dict[int, sqlite3.Connection] = {}


class Database:
    """One SQLite file, with WAL and full sync: what was committed survives a crash of process or machine.

    Any thread of any process may use it, after a fork too. `migrations` are the statements that lead from one
    schema to the next; opening applies those that the file has not seen.

    Raises:
        NewerSchema: the file has seen more migrations than there are.
        Unreadable: it is no database, or a damaged one.
    """

    def __init__(self, path: Path, migrations: Sequence[Sequence[str]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with storage_errors():
            path.touch(mode=0o600)  # It may hold secrets. SQLite gives the files beside it the same mode.
        self._path = path
        # A connection must not cross a fork, not even to be closed: what another process opened is left alone.
        self._by_process: dict[int, _Opened] = {}
        try:
            self._migrate(migrations)
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.DatabaseError) and error.sqlite_errorcode & 0xFF in _UNREADABLE:
                raise Unreadable(f"{path} cannot be opened: {error}. Restore a copy, or name another place.") from error
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the right to write: all of the block is committed and durable, or nothing if it raises.

        Raises:
            StorageFull: there is no room.
            Busy: others kept it for longer than 30 s.
        """
        with storage_errors(), self._turn():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read one state of the database throughout the block, whatever others commit meanwhile."""
        with storage_errors():
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of one query."""
        with storage_errors():
            return self._connection().execute(query, values).fetchall()

    def close(self) -> None:
        """Close this process's connections; no other thread may be using one. A later use opens them again."""
        for connection in self._by_process.pop(os.getpid(), _Opened()).connections.values():
            connection.close()

    def _opened(self) -> _Opened:
        return self._by_process.setdefault(os.getpid(), _Opened())

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let threads queue on a lock: SQLite's own waiting is by sleeping, up to a tenth of a second a time."""
        turn = self._opened().turn
        if not turn.acquire(timeout=_PATIENCE_S):
            raise _busy()
        try:
            yield
        finally:
            turn.release()

    def _connection(self) -> sqlite3.Connection:
        connections = self._opened().connections
        thread = threading.get_ident()  # Reused after a thread's end, and so is its connection.
        connection = connections.get(thread)
        if connection is None:
            connection = connections[thread] = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, migrations: Sequence[Sequence[str]]) -> None:
        while self._seen() < len(migrations):
            with self.transaction() as connection:
                seen = self._seen()
                if seen < len(migrations):
                    for statement in migrations[seen]:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version={seen + 1}")
        if (seen := self._seen()) > len(migrations):
            raise NewerSchema(
                f"{self._path} has schema {seen}, and this release knows up to {len(migrations)}: "
                "start the newer release again, or restore a copy from before it.",
                found=seen,
                known=len(migrations),
            )

    def _seen(self) -> int:
        return int(self.rows("PRAGMA user_version")[0][0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait when several processes do so at once, so wait here."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_RETRY_S)
        else:
            return
