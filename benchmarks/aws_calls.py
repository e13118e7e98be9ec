"""What the control plane asks of AWS: calls, how many of them one after another, and how long that takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import urllib3
from stack import Stack, running
from wire import Call, described, in_sequence

FILES = 2_000
PRUNED = 100
DELAY = 0.020
_SENDERS = 16
_RECENT = 30  # Prune keeps what a pointer has shown of late; this is more.
_KEEP_LEAST = {"keep_days": 1, "keep_newest": 1, "keep_per_branch": 1}

Json = dict[str, Any]
Files = dict[str, bytes]


def report() -> None:
    """Measure and print."""
    with running() as stack:
        bench = _Bench(stack)
        print(f"## Calls of AWS, {DELAY * 1e3:.0f} ms added to each\n")
        print("| what | calls | one after another | took | of which |\n|---|---|---|---|---|")
        _publishes(bench)
        _swaps(bench)
        bench.row("the first page of versions", lambda: stack.call("GET", "/v1/apps/bench/versions"))
        _prune(bench)
    print(
        "\nMade by the API, authentication included, over DynamoDB Local, SeaweedFS and MiniStack. "
        "Files, in brackets, are sent straight to S3 by whoever publishes; the time is without that.\n"
    )


class _Bench:
    """An app, and what is measured of it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sent = 0
        self._commits: list[str] = []
        self._pool = urllib3.PoolManager(maxsize=_SENDERS)
        stack.call("PUT", "/v1/apps/bench", {"retention": _KEEP_LEAST})

    def row(self, name: str, work: Callable[[], object]) -> list[Call]:
        """Do something, print what it took, and return the calls."""
        before, self.sent = self.stack.spent, 0
        with self.stack.wire.watching(DELAY) as calls:
            work()
        files = f" (+ {self.sent:,})" if self.sent else ""
        _print(name, calls, self.stack.spent - before, files)
        return calls

    def publish(self, files: Files) -> str:
        """Publish a commit with these files; return the version's id."""
        begun = self.stack.call("POST", "/v1/apps/bench/versions", self._manifest(files))
        version: str = begun["version"]["id"]
        page = begun["uploads"]
        self._send(page["items"], files)
        while page["next_cursor"]:
            page = self._continue(version, "uploads", {"cursor": page["next_cursor"]})
            self._send(page["items"], files)
        self._continue(version, "finalize", {})
        return version

    def _continue(self, version: str, step: str, body: Json) -> Json:
        return self.stack.call("POST", f"/v1/apps/bench/versions/{version}/{step}", body)

    def _manifest(self, files: Files) -> Json:
        """Describe files as those of the next commit of a branch."""
        commit = hashlib.sha1(str(len(self._commits)).encode()).hexdigest()  # noqa: S324 - as git names commits.
        at = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=len(self._commits))
        listed = [
            {"path": path, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "type": "text/html"}
            for path, body in files.items()
        ]
        facts = {"branch": "main", "message": "measured", "author": "Bench", "ancestors": self._commits[::-1]}
        self._commits.append(commit)
        return {"commit": commit, **facts, "committed_at": at.isoformat(), "files": listed}

    def _send(self, items: list[Json], files: Files) -> None:
        bodies = {hashlib.sha256(body).hexdigest(): body for body in files.values()}

        def put(item: Json) -> None:
            answer = self._pool.request("PUT", item["url"], body=bodies[item["sha256"]], headers=item["headers"])
            if answer.status != 200:
                raise RuntimeError(f"{item['url']}: {answer.status} {answer.data!r}")

        with ThreadPoolExecutor(_SENDERS) as threads:
            list(threads.map(put, items))
        self.sent += len(items)


def _print(name: str, calls: list[Call], took: float, files: str = "") -> None:
    number, waits = f"{len(calls):,}{files}", f"{in_sequence(calls):,}"
    print(f"| {name} | {number} | {waits} | {took:.2f} s | {described(calls)} |", flush=True)


def _publishes(bench: _Bench) -> None:
    files = {f"page/{number:04d}.html": f"<h1>{number}</h1>".encode() * 50 for number in range(FILES)}
    bench.row(f"a publish of {FILES:,} files, the first", lambda: bench.publish(files))
    bench.row("the same again, unchanged", lambda: bench.publish(files))
    for path in list(files)[::100]:
        files[path] += b"<p>changed</p>"
    bench.row("the same again, 1 % changed", lambda: bench.publish(files))


def _swaps(bench: _Bench) -> None:
    one, two = (bench.publish({"index.html": text}) for text in (b"one", b"two"))

    def point(version: str) -> Json:
        order = {"version": version, "reason": "measured", "force": ["lineage"]}
        return bench.stack.call("PUT", "/v1/apps/bench/pointers/production", order)

    bench.row("the first swap of a pointer", lambda: point(one))
    calls = bench.row("a swap", lambda: point(two))
    shown = max(call.ended for call in calls if call.operation == "UpdateKeys")
    until = [call for call in calls if call.ended <= shown]
    _print("its part until viewers see it", until, shown - min(call.began for call in until))


def _prune(bench: _Bench) -> None:
    """Prune so many versions, each with a segment of its own; those of before go first, unmeasured."""

    def prune() -> Json:
        return bench.stack.call("POST", "/v1/apps/bench/prune", {"dry_run": False})

    shared = {f"{number}.html": f"<h1>{number}</h1>".encode() * 50 for number in range(20)}
    bench.stack.clock.ahead += timedelta(days=3)
    bench.publish({**shared, "index.html": b"the oldest"})
    prune()
    for number in range(PRUNED + _RECENT):
        bench.publish({**shared, "index.html": b"version %d" % number})
    bench.stack.clock.ahead += timedelta(days=3)
    pruned: list[Json] = []
    bench.row(f"a prune of {PRUNED} versions, as many as a call does", lambda: pruned.extend(prune()["versions"]))
    if len(pruned) != PRUNED:
        raise RuntimeError(f"{len(pruned)} versions were pruned.")


if __name__ == "__main__":
    report()
