"""Headers of every answer of the API, refusals included: nothing of it is to be kept, framed, run or guessed at."""

from __future__ import annotations

from collections.abc import Mapping

_ALWAYS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_YEAR_S = 365 * 24 * 60 * 60


def headers(scheme: str) -> Mapping[str, str]:
    """Return the headers for an answer to a request that came by `scheme`; browsers keep to https only if it was."""
    return {**_ALWAYS, "strict-transport-security": f"max-age={_YEAR_S}"} if scheme == "https" else _ALWAYS
