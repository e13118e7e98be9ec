"""Which records the edge can do without when it is nearly full.

A record that was taken away is written again when somebody asks for its version, or a pointer is to show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html: 5 MB a store.
LIMIT = 5 * 1024**2
_FULL = LIMIT * 9 // 10
_FREE_AGAIN = LIMIT * 8 // 10
_CROWDED = LIMIT // 2


def crowded(used: int) -> bool:
    """Tell whether records may have been taken away at `used` bytes, so that one that is missing is no fault."""
    return used > _CROWDED


def excess(used: int) -> int:
    """Return how many bytes should go at `used` bytes: none until the edge is nearly full, then a good part."""
    return used - _FREE_AGAIN if used > _FULL else 0


def dispensable(records: Mapping[str, str], wanted: int) -> list[str]:
    """Return the keys of the records to take away, the oldest versions' first, so that `wanted` bytes get free.

    Never a pointer's record, that of a version which a pointer shows or lately showed, or that of a withdrawn version:
    what viewers use stays, and what must not come back says so. There may be fewer than wanted.
    """
    facts = {key: _facts(record) for key, record in records.items()}
    shown = {(f["a"], version) for f in facts.values() if "n" in f for version in _shown(f)}
    spare = [key for key, f in facts.items() if f and not f.keys() & {"n", "gone"} and (f["a"], f["v"]) not in shown]
    taken: list[str] = []
    free = 0
    for key in sorted(spare, key=lambda key: (facts[key].get("t", 0), key)):
        if free >= wanted:
            break
        taken.append(key)
        free += size(key, records[key])
    return taken


def size(key: str, record: str) -> int:
    """Return how many bytes a record takes with its key."""
    return len(key.encode()) + len(record.encode())


def _facts(record: str) -> dict[str, Any]:
    """Return what a record says, nothing if it is none of ours."""
    try:
        facts = json.loads(record)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) and {"a", "v"} <= facts.keys() else {}


def _shown(facts: Mapping[str, Any]) -> Iterable[str]:
    return [facts["v"], *(version for version, _ in facts.get("r", ()))]
