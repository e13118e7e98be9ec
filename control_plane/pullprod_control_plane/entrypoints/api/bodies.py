"""What every entry point asks of a body before the resolver reads it, which would take some for its own fault."""

from __future__ import annotations

import json

JSON_TYPE = "application/json"
# curl labels what `-d` sends as a form. A body that is JSON is taken for what it is.
_TAKEN_FOR_JSON = frozenset({"", JSON_TYPE, "application/x-www-form-urlencoded"})


def complaint(body: bytes, content_type: str) -> str | None:
    """Return what is wrong with a body that came with a Content-Type (empty: with none); None if it may be JSON.

    Whoever gets None hands the body on as `application/json`; where it stops being JSON, the resolver says.
    """
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _TAKEN_FOR_JSON:
        return f"A body is JSON, not {kind[:80]!a}: send it with `Content-Type: {JSON_TYPE}`, or with none."
    try:
        json.loads(body)
    except UnicodeDecodeError:
        return "A body is text in UTF-8."
    except json.JSONDecodeError:
        return None
    except (RecursionError, ValueError):
        return "The body nests too deeply, or has a number of thousands of digits."
    return None
