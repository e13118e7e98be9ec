"""Processes of functions: started when they are called, kept while they are busy, stopped when they are idle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from .function_process import FunctionFailed, FunctionProcess, Start

MAX_PROCESSES = 16
MAX_PER_FUNCTION = 4
_IDLE_S = 60.0
_SWEEP_S = 5.0
_PATIENCE_S = 30.0


class TooBusy(Exception):
    """Every process that may be started is at work, and none became free in time."""


class FunctionPool:
    """At most 16 processes, 4 of one function; the one that has been idle longest makes room for another function's."""

    def __init__(self, idle_s: float = _IDLE_S, patience_s: float = _PATIENCE_S) -> None:
        self._idle_s = idle_s
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._idle: list[tuple[float, str, FunctionProcess]] = []  # Longest idle first.
        self._busy: list[tuple[str, FunctionProcess | None]] = []
        self._stop = threading.Event()
        self._sweeper: threading.Thread | None = None

    def call(self, name: str, start: Callable[[], Start], event: bytes) -> bytes:
        """Return what a process of the function `name` makes of an event; `start` tells how to start one.

        Raises:
            FunctionFailed, TooBusy: there is no result.
        """
        process = self._taken(name, start)
        try:
            return process.call(event)
        finally:
            self._give_back(name, process)

    def stop(self, name: str | None = None) -> None:
        """Stop the idle processes of one function, or for good those of all, busy ones too."""
        with self._changed:
            stopped = [process for _, owner, process in self._idle if name in {owner, None}]
            self._idle = [entry for entry in self._idle if entry[2] not in stopped]
            if name is None:
                self._stop.set()
                stopped += [process for _, process in self._busy if process]
        for process in stopped:
            process.stop()
        if name is None and self._sweeper:
            self._sweeper.join()

    def running(self, name: str) -> int:
        """Return how many processes of a function there are."""
        with self._changed:
            return sum(owner == name for _, owner, _ in self._idle) + sum(owner == name for owner, _ in self._busy)

    def _taken(self, name: str, start: Callable[[], Start]) -> FunctionProcess:
        until = monotonic() + self._patience_s
        with self._changed:
            while not (kept := self._kept(name)) and not self._room(name):
                if self._stop.is_set() or not self._changed.wait(until - monotonic()):
                    raise TooBusy
            self._busy.append((name, kept))
        return kept or self._started(name, start)

    def _kept(self, name: str) -> FunctionProcess | None:
        found = next((entry for entry in reversed(self._idle) if entry[1] == name), None)
        if found is None:
            return None
        self._idle.remove(found)
        if found[2].alive:
            return found[2]
        found[2].stop()
        return self._kept(name)

    def _room(self, name: str) -> bool:
        if sum(owner == name for owner, _ in self._busy) >= MAX_PER_FUNCTION:
            return False
        if len(self._idle) + len(self._busy) >= MAX_PROCESSES and self._idle:
            self._idle.pop(0)[2].stop()
        return len(self._idle) + len(self._busy) < MAX_PROCESSES

    def _started(self, name: str, start: Callable[[], Start]) -> FunctionProcess:
        try:
            process = FunctionProcess(start())
        except OSError as fault:
            self._leave(name, None)
            raise FunctionFailed(f"it could not be started: {fault}") from fault
        except BaseException:
            self._leave(name, None)
            raise
        with self._changed:
            self._busy.remove((name, None))
            self._busy.append((name, process))
            if self._sweeper is None:
                self._sweeper = threading.Thread(target=self._sweep, name="function-sweeper", daemon=True)
                self._sweeper.start()
        return process

    def _give_back(self, name: str, process: FunctionProcess) -> None:
        reusable = process.alive and not self._stop.is_set()
        self._leave(name, process, idle=reusable)
        if not reusable:
            process.stop()

    def _leave(self, name: str, process: FunctionProcess | None, *, idle: bool = False) -> None:
        with self._changed:
            self._busy.remove((name, process))
            if idle and process:
                self._idle.append((monotonic(), name, process))
            self._changed.notify_all()

    def _sweep(self) -> None:
        while not self._stop.wait(min(_SWEEP_S, self._idle_s)):
            with self._changed:
                oldest = monotonic() - self._idle_s
                leaving = [entry for entry in self._idle if entry[0] < oldest]
                self._idle = [entry for entry in self._idle if entry not in leaving]
                self._changed.notify_all()
            for _, _, process in leaving:
                process.stop()
