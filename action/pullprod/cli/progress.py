"""Progress bars, for a person at a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from typing_extensions import Self  # In the standard library from Python 3.11 on.


class Bars:
    """One bar for hashing, one for sending."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._hashing: TaskID = self._progress.add_task("packaging", total=None)
        self._sending: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def hashed(self, size: int) -> None:
        """Count a file that was hashed."""
        self._progress.advance(self._hashing, size)

    def expect(self, files: int, size: int) -> None:
        """Begin the second bar."""
        self._progress.update(self._hashing, total=self._progress.tasks[0].completed)
        self._sending = self._progress.add_task(f"sending {files:,} files", total=size)

    def waits(self) -> None:
        """Begin a third bar, which has no end."""
        self._progress.add_task("waiting until it is prepared", total=None)

    def sent(self, size: int) -> None:
        """Count a file that was sent."""
        if self._sending is not None:
            self._progress.advance(self._sending, size)
