"""The machine's own clock."""

from __future__ import annotations

from datetime import datetime, timezone


class SystemClock:
    """Clock: the time as the machine tells it."""

    def now(self) -> datetime:
        """Return the time in UTC, with its time zone."""
        return datetime.now(timezone.utc)
