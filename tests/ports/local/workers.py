"""What the tests let other processes do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path

from pullprod_control_plane.adapters.local.database import Database
from pullprod_control_plane.adapters.local.directory_store import DirectoryStore, Incoming, blob_of
from pullprod_control_plane.adapters.local.sqlite_ledger import SqliteLedger
from pullprod_control_plane.adapters.local.system_clock import SystemClock
from pullprod_control_plane.ports import Key, Lost, Put, StoredObject
from tests.ports.objects import announce

COUNTER = Key("p", "counter")
GROUP = [Key("p", f"{number}") for number in range(5)]
SHARED, OWN = b"s" * 50_000, b"o" * 50_000
MIGRATIONS = (("CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)"), ("UPDATE t SET n = n + 1",))

_barrier: list[Barrier] = []


def join(barrier: Barrier) -> None:
    _barrier.append(barrier)


def claim(path: Path, expected: int, number: int) -> bool:
    """Race for the counter at one revision; tell whether this process won."""
    with closing(SqliteLedger(path)) as ledger:
        _barrier[0].wait()
        try:
            ledger.commit([Put(COUNTER, {"by": number}, expected)])
        except Lost:
            return False
        return True


def increment(path: Path) -> None:
    """Add one to the counter, however often others are faster."""
    with closing(SqliteLedger(path)) as ledger:
        _barrier[0].wait()
        while True:
            (item,) = ledger.read([COUNTER])
            revision = item.revision if item else 0
            try:
                return ledger.commit([Put(COUNTER, {"n": revision + 1}, revision)])
            except Lost:
                continue


def open_first(path: Path) -> int:
    """Open a database that nobody has opened yet, at the same moment as others; return what it holds."""
    _barrier[0].wait()
    with closing(Database(path, MIGRATIONS)) as database:
        return int(database.rows("SELECT n FROM t")[0][0])


def store_in(root: Path) -> DirectoryStore:
    return DirectoryStore(root, "http://localhost", SystemClock())


def receive(store: DirectoryStore, obj: StoredObject, body: bytes) -> None:
    finish(store.open_upload(blob_of(obj), obj.size), body)


def finish(incoming: Incoming, body: bytes) -> None:
    try:
        incoming.write(body)
        incoming.commit()
    finally:
        incoming.abort()


def write_groups(path: Path) -> None:
    """Write all items of the group together, for ever; say each round that was answered."""
    ledger = SqliteLedger(path)
    for _ in count():
        revisions = [item.revision if item else 0 for item in ledger.read(GROUP)]
        ledger.commit([Put(key, {"pad": "x" * 3_000}, at) for key, at in zip(GROUP, revisions, strict=True)])
        _say(revisions[0] + 1)


def publish_and_prune(root: Path) -> None:
    """Send and delete objects for ever, some of whose content others keep."""
    store = store_in(root)
    for number in count():
        own = announce("a/gone/2", OWN)
        store.place([announce("a/gone/1", SHARED), own], {})
        receive(store, own, OWN)
        store.write(announce("a/gone/3", b"%d" % number), b"%d" % number)
        _say(number)
        store.delete("a/gone/")


def fork(path: Path) -> None:
    """Write in a parent and its fork in turn, over one ledger object."""
    with closing(SqliteLedger(path)) as ledger:
        ledger.commit([Put(COUNTER, {}, 0)])
        if not (child := os.fork()):
            ledger.commit([Put(COUNTER, {}, 1)])
            ledger.close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ledger.commit([Put(COUNTER, {}, 2)])
        _say(os.waitstatus_to_exitcode(status))


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    jobs: dict[str, Callable[[Path], None]] = {
        "write_groups": write_groups,
        "publish_and_prune": publish_and_prune,
        "fork": fork,
    }
    jobs[sys.argv[1]](Path(sys.argv[2]))
