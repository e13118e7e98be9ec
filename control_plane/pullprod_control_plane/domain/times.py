"""Times as they are recorded: ISO 8601 in UTC with microseconds, so that their text order is their order."""

from __future__ import annotations

from datetime import datetime, timezone

from .errors import InvalidRequest


def stamp(moment: datetime) -> str:
    """Return `moment`, which has a time zone, as `2026-11-24T05:25:52.123456Z`."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse(text: str, where: str) -> datetime:
    """Return the moment that an ISO 8601 text with a time zone names, else raise InvalidRequest for field `where`."""
    refused = InvalidRequest(f"{text[:40]!r} is no time: write it like 2026-11-24T05:25:52Z.", where=where)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        utc = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise refused from None
    if moment.tzinfo is None:
        raise refused
    return utc
