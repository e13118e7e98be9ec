"""Reasons: why somebody did something, kept with what they did."""

from __future__ import annotations

from .errors import InvalidRequest

MAX_REASON = 1_000


def check_reason(reason: str) -> str:
    """Return `reason` if it says something, in at most 1,000 characters, else raise InvalidRequest."""
    if not reason.strip() or len(reason) > MAX_REASON:
        raise InvalidRequest(f"Say why, in 1 to {MAX_REASON:,} characters.", where="reason")
    return reason
