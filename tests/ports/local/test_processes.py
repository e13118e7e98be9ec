"""One ledger, many processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

import pytest

from pullprod_control_plane.adapters.local.sqlite_ledger import SqliteLedger
from pullprod_control_plane.ports import Put
from tests.ports.local import workers

PROCESSES = 32


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(PROCESSES, workers.join, (spawn.Barrier(PROCESSES, timeout=60),)) as processes:
        yield processes
        processes.close()
        processes.join()


def test_of_32_processes_at_one_revision_exactly_one_wins(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with closing(SqliteLedger(path)) as ledger:
        ledger.commit([Put(workers.COUNTER, {}, 0)])
        for expected in (1, 2, 3):
            won = pool.map(partial(workers.claim, path, expected), range(PROCESSES), chunksize=1)
            (item,) = ledger.read([workers.COUNTER])
            assert item is not None
            assert (sum(won), item.revision, item.body) == (1, expected + 1, {"by": won.index(True)})


def test_of_32_increments_by_as_many_processes_none_is_lost(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    pool.map(workers.increment, [path] * PROCESSES, chunksize=1)
    with closing(SqliteLedger(path)) as ledger:
        (item,) = ledger.read([workers.COUNTER])
    assert item is not None
    assert (item.revision, item.body) == (PROCESSES, {"n": PROCESSES})


def test_processes_that_open_a_new_database_at_once_migrate_it_once(pool: Pool, tmp_path: Path) -> None:
    for attempt in range(5):
        path = tmp_path / f"{attempt}.sqlite3"
        assert pool.map(workers.open_first, [path] * PROCESSES, chunksize=1) == [2] * PROCESSES
