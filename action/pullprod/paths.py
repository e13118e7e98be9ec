"""Paths of the API."""

from __future__ import annotations

from urllib.parse import quote

from .errors import UsageError


def part(text: str) -> str:
    """Return `text` as one part of a path.

    Raises:
        UsageError: it is `.` or `..`, which every library takes for a way to another path, however it is written.
    """
    if text in {".", ".."}:
        raise UsageError(f"{text!r} is no name: give that of an app, a pointer or a version.")
    return quote(text, safe="")
