"""Wakes the reconciler's thread."""

from __future__ import annotations

import threading


class ThreadWorker:
    """Worker: a thread of this process that waits here between its rounds."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def wake(self) -> None:
        """End the wait of the thread, or its next one."""
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as `wake` is called."""
        self._woken.wait(seconds)
        self._woken.clear()
