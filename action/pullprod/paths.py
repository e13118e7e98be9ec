"""Paths of the API."""

from __future__ import annotations

from urllib.parse import quote


def part(text: str) -> str:
    """Return `text` as one part of a path."""
    return quote(text, safe="")
