"""JSON values, and the one canonical way to write them where bytes are hashed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | None | Sequence[Json] | Mapping[str, Json]"


def canonical(value: Json) -> bytes:
    """Return the one UTF-8 text of `value`: sorted keys, no spaces, no escapes that JSON does not demand."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
