"""Fetches an issuer's key set over HTTP, bounded in time and size."""

from __future__ import annotations

import json
from typing import Any

import urllib3

_TIMEOUT_S = 3.0
_MAX_BYTES = 256 * 1024  # GitHub's has about 5 kB.


def fetch(url: str) -> Any:
    """Return the JSON document at `url`; redirects are not followed.

    Raises:
        OSError: nothing came back within 3 s, or something other than 200.
        ValueError: what came back is too large, or no JSON.
    """
    try:
        with urllib3.PoolManager(retries=False) as pool:
            answer = pool.request("GET", url, timeout=_TIMEOUT_S, redirect=False, preload_content=False)
            body = answer.read(_MAX_BYTES + 1)
            answer.release_conn()
    except urllib3.exceptions.HTTPError as fault:
        raise OSError(f"{url} does not answer") from fault
    if answer.status != 200:  # noqa: PLR2004 - OK.
        raise OSError(f"{url} answered {answer.status}")
    if len(body) > _MAX_BYTES:
        raise ValueError(f"{url} has more than {_MAX_BYTES:,} bytes")
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError(f"{url} nests too deeply") from None
