"""Processes that are killed at any moment, and what stays."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pullprod_control_plane.adapters.local.sqlite_ledger import SqliteLedger
from tests.ports.local import workers
from tests.ports.objects import announce

ROOT = Path(__file__).parents[3]


def killed(job: str, where: Path, rounds: int) -> int:
    """Let a process do a job, kill it without warning after so many rounds, and return the last round it answered."""
    command = [sys.executable, "-m", "tests.ports.local.workers", job, str(where)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answered = [process.stdout.readline() for _ in range(rounds)]
        process.kill()
        answered += process.stdout.readlines()
    return int([line for line in answered if line.endswith("\n")][-1])


def test_a_writer_killed_at_any_moment_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    for rounds in range(1, 13):
        answered = killed("write_groups", path, rounds)
        with closing(SqliteLedger(path)) as ledger:
            revisions = {item.revision if item else 0 for item in ledger.read(workers.GROUP)}
        assert len(revisions) == 1
        assert answered <= revisions.pop() <= answered + 1
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_store_killed_at_any_moment_keeps_what_others_need_and_finishes_deleting(tmp_path: Path) -> None:
    kept = announce("a/kept/1", workers.SHARED)
    with closing(workers.store_in(tmp_path)) as store:
        store.write(kept, workers.SHARED)
    for rounds in range(1, 13):
        killed("publish_and_prune", tmp_path, rounds)
        with closing(workers.store_in(tmp_path)) as store:
            assert store.damaged([kept]) == []
            uploads = store.place([announce("a/gone/2", workers.OWN)], {})
            assert bool(uploads) == (store.read("a/gone/2") is None)
            store.delete("a/gone/")
            assert store.read("a/gone/1") is None
            assert store.damaged([kept]) == []
            assert store.place([announce("a/gone/2", workers.OWN)], {}) != []
            store.delete("a/gone/")


@pytest.mark.skipif(sys.platform == "win32", reason="There is no fork.")
def test_a_ledger_is_used_on_both_sides_of_a_fork(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    command = [sys.executable, "-W", "error", "-m", "tests.ports.local.workers", "fork", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    with closing(SqliteLedger(path)) as ledger:
        (item,) = ledger.read([workers.COUNTER])
    assert item is not None
    assert item.revision == 3
