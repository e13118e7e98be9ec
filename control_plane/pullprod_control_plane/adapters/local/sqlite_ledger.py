"""The ledger in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ...domain.json import canonical
from ...ports import MAX_CHANGES, Change, Delete, Item, Key, Lost, Put
from .database import Database, prefix_range

_MIGRATIONS = (
    (
        """CREATE TABLE items (
            partition TEXT NOT NULL,
            sort TEXT NOT NULL,
            revision INTEGER NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (partition, sort)
        ) WITHOUT ROWID""",
    ),
)
_READ = "SELECT partition, sort, revision, body FROM items WHERE partition = ? AND sort = ?"
_RANGE = """SELECT partition, sort, revision, body FROM items
    WHERE partition = ? AND sort >= CAST(? AS TEXT) AND sort < CAST(? AS TEXT)"""
_OLDEST_FIRST = _RANGE + " ORDER BY sort LIMIT ?"
_NEWEST_FIRST = _RANGE + " ORDER BY sort DESC LIMIT ?"
_WRITE = "REPLACE INTO items (partition, sort, revision, body) VALUES (?, ?, ?, ?)"
_REMOVE = "DELETE FROM items WHERE partition = ? AND sort = ?"


class SqliteLedger:
    """Ledger: every commit is one transaction, on disk when it returns."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _MIGRATIONS)

    def close(self) -> None:
        """Close this process's connections."""
        self._database.close()

    def read(self, keys: Sequence[Key]) -> list[Item | None]:
        """Return the items under `keys`, all of one moment, in their order, None for those that do not exist."""
        with self._database.snapshot() as connection:
            found = [connection.execute(_READ, (key.partition, key.sort)).fetchone() for key in keys]
        return [_item(row) if row else None for row in found]

    def scan(
        self,
        partition: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        after: str | None = None,
        limit: int = 1_000,
    ) -> list[Item]:
        """Return at most `limit` items of a partition whose sort key has the prefix, in order, beyond `after`."""
        low, high = prefix_range(prefix)
        if after is not None and newest_first:
            high = min(high, after.encode())
        elif after is not None:
            low = max(low, after.encode() + b"\0")
        query = _NEWEST_FIRST if newest_first else _OLDEST_FIRST
        return [_item(row) for row in self._database.rows(query, (partition, low, high, limit))]

    def commit(self, changes: Sequence[Change]) -> None:
        """Make all changes, at most 100 on different keys, or none; durable when it returns.

        Raises:
            Lost: an expectation did not hold.
            StorageFull: there is no room.
            Busy: others kept the ledger for longer than 30 s.
            ValueError: there are more changes than 100, or two of one key.
        """
        if len(changes) > MAX_CHANGES or len({change.key for change in changes}) < len(changes):
            raise ValueError(f"A commit takes at most {MAX_CHANGES} changes, each on a key of its own.")
        bodies = {change.key: canonical(dict(change.body)).decode() for change in changes if isinstance(change, Put)}
        with self._database.transaction() as connection:
            for change in changes:
                _expect(connection, change)
            for change in changes:
                where = (change.key.partition, change.key.sort)
                if isinstance(change, Put):
                    connection.execute(_WRITE, (*where, change.expected + 1, bodies[change.key]))
                elif isinstance(change, Delete):
                    connection.execute(_REMOVE, where)


def _item(row: tuple[str, str, int, str]) -> Item:
    partition, sort, revision, body = row
    return Item(Key(partition, sort), revision, json.loads(body))


def _expect(connection: sqlite3.Connection, change: Change) -> None:
    row = connection.execute(_READ, (change.key.partition, change.key.sort)).fetchone()
    found = _item(row) if row else None
    if (found.revision if found else 0) != change.expected:
        raise Lost(change.key, found)
