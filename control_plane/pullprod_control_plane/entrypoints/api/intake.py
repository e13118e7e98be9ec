"""What every entry point holds a call to before the resolver reads it, which would take some for its own fault."""

from __future__ import annotations

import json

from . import problems

MAX_BODY = 6 * 1024 * 1024  # What a Lambda takes; a client that works with one server works with the other.
JSON_TYPE = "application/json"
# curl labels what `-d` sends as a form. A body that is JSON is taken for what it is.
_TAKEN_FOR_JSON = frozenset({"", JSON_TYPE, "application/x-www-form-urlencoded"})


class Refused(Exception):
    """A call that never reaches the resolver: its problem document, as text, and the HTTP status."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = problems.STATUS[code]
        self.body = json.dumps(problems.document(code, "The request is not valid", detail, {}))


def too_large() -> Refused:
    """Return the refusal of a body that has more bytes than are taken."""
    return Refused("payload-too-large", f"A call's body has at most {MAX_BODY:,} bytes.")


def no_text() -> Refused:
    """Return the refusal of bytes where text was expected."""
    return Refused("invalid-request", "Address, headers and body are text in UTF-8.")


def text(body: bytes, content_type: str) -> str:
    """Return a body that came with a Content-Type (empty: with none), to be handed on as `application/json`.

    Where it stops being JSON, the resolver says.

    Raises:
        Refused: it is too large, labelled as something else, no UTF-8, or more than a parser can bear.
    """
    if len(body) > MAX_BODY:
        raise too_large()
    kind = content_type.partition(";")[0].strip().lower()
    if body and kind not in _TAKEN_FOR_JSON:
        raise Refused(
            "invalid-request",
            f"A body is JSON, not {kind[:80]!a}: send it with `Content-Type: {JSON_TYPE}`, or with none.",
        )
    try:
        decoded = body.decode()
    except UnicodeDecodeError:
        raise no_text() from None
    if not _bearable(decoded):
        raise Refused("invalid-request", "The body nests too deeply, or has a number of thousands of digits.")
    return decoded


def _bearable(body: str) -> bool:
    try:
        json.loads(body)
    except json.JSONDecodeError:
        return True
    except (RecursionError, ValueError):
        return False
    return True
