"""What every entry point holds a call to before the resolver reads it, which would take some for its own fault."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from . import problems

# What a Lambda and an HTTP API take; a client that works with one server works with the other.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_BODY = 6 * 1024 * 1024
MAX_HEAD = 10_240
MAX_HEADERS = 100
JSON_TYPE = "application/json"
# curl labels what `-d` sends as a form. A body that is JSON is taken for what it is.
_TAKEN_FOR_JSON = frozenset({"", JSON_TYPE, "application/x-www-form-urlencoded"})


class Refused(Exception):
    """A call that never reaches the resolver: its problem document, as text, the HTTP status, and further headers."""

    def __init__(self, code: str, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = problems.STATUS[code]
        self.body = json.dumps(problems.document(code, title, detail, {}))
        self.headers = {"content-type": problems.CONTENT_TYPE, **(headers or {})}


def too_large() -> Refused:
    """Return the refusal of a body that has more bytes than are taken."""
    return Refused("payload-too-large", "The request is too large", f"A call's body has at most {MAX_BODY:,} bytes.")


def no_text() -> Refused:
    """Return the refusal of bytes where text was expected."""
    return _invalid("Address, headers and body are text in UTF-8.")


def too_many(seconds: int) -> Refused:
    """Return the refusal of a call that came too soon after others; the next is taken in so many seconds."""
    detail = f"Too many calls came at once. Call again in {seconds} s."
    return Refused("rate-limited", "Too many calls", detail, {"retry-after": str(seconds)})


def _invalid(detail: str) -> Refused:
    return Refused("invalid-request", "The request is not valid", detail)


def head(address: str, headers: Sequence[tuple[str, str]]) -> None:
    """Raise Refused for more, or longer, headers than are taken; `address` is path and query as they were sent."""
    size = len(address) + sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MAX_HEADERS or size > MAX_HEAD:
        raise Refused(
            "headers-too-large",
            "Address and headers are too large",
            f"Address and headers have at most {MAX_HEAD:,} bytes, in at most {MAX_HEADERS} headers.",
        )


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
            "unsupported-media-type",
            "The body is not JSON",
            f"A body is JSON, not {kind[:80]!a}: send it with `Content-Type: {JSON_TYPE}`, or with none.",
        )
    try:
        decoded = body.decode()
    except UnicodeDecodeError:
        raise no_text() from None
    if not _bearable(decoded):
        raise _invalid("The body nests too deeply, or has a number of thousands of digits.")
    return decoded


def _bearable(body: str) -> bool:
    try:
        json.loads(body)
    except json.JSONDecodeError:
        return True
    except (RecursionError, ValueError):
        return False
    return True
