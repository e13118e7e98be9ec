"""What goes wrong at AWS and passes: no answer, no time, too many calls at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - theirs.
    HTTPClientError,
    IncompleteReadError,
)

from ...domain.errors import Busy

_NO_ANSWER: tuple[type[BotoCoreError], ...] = (ConnectionError, HTTPClientError, IncompleteReadError)
_LATER = frozenset({429, 500, 502, 503, 504})
# Some services say this with a status of 400.
TOO_MANY = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})


def code_of(fault: ClientError) -> str:
    """Return the code by which AWS names a fault, empty if it names none."""
    return fault.response["Error"].get("Code", "")


@contextmanager
def passing(service: str, *more: int) -> Iterator[None]:
    """Say Busy where a service, or the way to it, did not do what it can do the next time.

    `more` are statuses by which this service says so. Whether it was done all the same is not known. It is for the
    client to repeat what failed before that.
    """
    try:
        yield
    except _NO_ANSWER as fault:
        raise Busy(f"{service} could not be reached. Try again in a moment.") from fault
    except ClientError as fault:
        code = code_of(fault)
        status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code in TOO_MANY or status in {*_LATER, *more}:
            raise Busy(f"{service} is busy ({code}). Try again in a moment.") from fault
        raise
