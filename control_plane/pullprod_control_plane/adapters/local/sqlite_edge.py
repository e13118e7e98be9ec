"""The edge's route records, in a file of their own: like a CDN's, they may lag behind the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...domain.routes import Route
from .database import Database

_MIGRATIONS = (
    (
        """CREATE TABLE routes (
            key TEXT NOT NULL PRIMARY KEY,
            record TEXT NOT NULL,
            owner TEXT NOT NULL,
            fence INTEGER NOT NULL
        ) WITHOUT ROWID""",
    ),
)
_SHOW = """INSERT INTO routes (key, record, owner, fence) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET record = excluded.record, owner = excluded.owner, fence = excluded.fence
    WHERE routes.owner <> excluded.owner OR routes.fence <= excluded.fence"""
_GET = "SELECT record FROM routes WHERE key = ?"


class SqliteEdge:
    """Edge: the local edge server reads each record as it is, a moment after it was shown."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _MIGRATIONS)

    def close(self) -> None:
        """Close this process's connections."""
        self._database.close()

    def mark(self) -> str:
        """Return a mark that says nothing: looking costs no more than writing."""
        return ""

    def show(self, routes: Sequence[Route], since: str | None = None) -> None:  # noqa: ARG002 - see mark.
        """Write all records at once, except those whose owner already shows a higher fence under that key."""
        with self._database.transaction() as connection:
            connection.executemany(_SHOW, [(route.key, route.record, route.owner, route.fence) for route in routes])

    def remove(self, keys: Sequence[str]) -> None:
        """Take records away, all at once; keys that have none are no error."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM routes WHERE key = ?", [(key,) for key in keys])

    def records(self, keys: Sequence[str]) -> list[str | None]:
        """Return the records under `keys`, all of one moment, in their order, None where there is none."""
        with self._database.snapshot() as connection:
            found = [connection.execute(_GET, (key,)).fetchone() for key in keys]
        return [row[0] if row else None for row in found]

    def crowded(self) -> bool:
        """Return False: the disk is the only limit."""
        return False

    def make_room(self) -> int:
        """Take nothing away."""
        return 0

    def get(self, key: str) -> str | None:
        """Return the record under `key`, or None; the one query that each request of a viewer makes."""
        rows = self._database.rows(_GET, (key,))
        return str(rows[0][0]) if rows else None
