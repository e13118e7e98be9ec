"""Callers in processes of their own that set off together."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

from tests.support.api import Api, Json, client

_TOGETHER_WITHIN_S = 60
_DONE_WITHIN_S = 120
_PRELOADED = ["tests.support.racing", "tests.support.crashing_server", "tests.support.readers"]


def processes() -> ForkServerContext:
    """Return where to make processes: from a server that has imported everything, so that each starts at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


@dataclass(frozen=True)
class Outcome:
    """What a call was answered with."""

    status: int
    body: Json


@dataclass(frozen=True)
class Call:
    """A call of the API that every racer makes alike."""

    method: str
    path: str
    json: object
    headers: dict[str, str]

    def __call__(self, api: Api) -> Outcome:
        answer = api.call(self.method, self.path, self.json, headers=self.headers)
        return Outcome(answer.status_code, answer.json())


@dataclass(frozen=True)
class Publish:
    """A whole publish, answered with the version that came of it."""

    app: str
    commit: str
    files: dict[str, bytes]

    def __call__(self, api: Api) -> Outcome:
        return Outcome(200, api.publish(self.app, self.commit, self.files))


def race(api: Api, racers: Sequence[Callable[[Api], Outcome]]) -> list[Outcome]:
    """Let each racer run in its own process, all from the same moment on; return what they got."""
    context = processes()
    barrier, results = context.Barrier(len(racers)), context.Queue()
    running = [
        context.Process(target=_run, args=(api.url, api.token, racer, barrier, results), daemon=True)
        for racer in racers
    ]
    for process in running:
        process.start()
    try:
        found: list[Any] = [results.get(timeout=_DONE_WITHIN_S) for _ in racers]
    finally:
        for process in running:
            process.join(_DONE_WITHIN_S)
            process.close()
        results.close()
        results.join_thread()
    assert not [fault for fault in found if isinstance(fault, str)], found
    return found


def _run(
    url: str, token: str, racer: Callable[[Api], Outcome], barrier: Barrier, results: Queue[Outcome | str]
) -> None:
    with client(url, token) as api:
        api.ok("GET", "/v1/health")  # The connection stands before the start.
        barrier.wait(_TOGETHER_WITHIN_S)
        try:
            results.put(racer(api))
        except Exception:  # noqa: BLE001 - whatever happened is for the test to tell.
            results.put(traceback.format_exc())
