"""Waiting until viewers see a swap that is decided."""

from __future__ import annotations

import time

from .api import Api, Json
from .errors import NotLiveError

_POLL_S = 0.5


def wait_until_shown(api: Api, path: str, answer: Json, timeout_s: int) -> Json:
    """Return the pointer at `path` once it shows the swap of `answer`, or a newer swap has taken its place.

    Raises:
        NotLiveError: it took longer than `timeout_s`.
    """
    swap = answer["swap"]
    shown: Json = answer["pointer"]
    deadline = time.monotonic() + timeout_s
    while shown["state"] == "applying" and shown["generation"] == swap["generation"]:
        if time.monotonic() >= deadline:
            raise NotLiveError(
                f"Generation {swap['generation']} of {shown['name']} is decided, but not shown after {timeout_s} s. "
                "It will be: see `pullprod status`.",
                {**answer, "code": "not-live", "detail": "The swap is decided, but not shown yet."},
            )
        time.sleep(_POLL_S)
        shown = api.get(path)
    return shown
