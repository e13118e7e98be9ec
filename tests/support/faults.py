"""Faults of AWS: a run's calls are listed, and one of them is made to go wrong, before it takes effect or after.

A call that goes wrong does so for the adapter that made it: the clients here do not try twice.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.support import aws

_ANYWHERE = "https://aws.example"


class Kind(Enum):
    """What becomes of a call. THROTTLED and BROKEN are answers, UNREACHABLE and LOST none; who got none asks TWICE."""

    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    LOST = "done, and the answer lost"
    DONE_YET_BROKEN = "done, and answered as broken"
    TWICE = "done twice, and answered as the second time"


BEFORE = (Kind.THROTTLED, Kind.UNREACHABLE, Kind.BROKEN)
AFTER = (Kind.LOST, Kind.DONE_YET_BROKEN)


@dataclass(frozen=True)
class Fault:
    """The call of that name goes wrong in that way."""

    call: str
    kind: Kind


@dataclass
class Faults:
    """What calls pass through. A call's name is its service, its operation, what tells it from others, a number."""

    calls: list[str] = field(default_factory=list)
    struck: bool = False
    _fault: Fault | None = None
    _before: dict[str, Callable[[], object]] = field(default_factory=dict)
    _aside: bool = False
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def watching(
        self, fault: Fault | None = None, before: Mapping[str, Callable[[], object]] | None = None
    ) -> Iterator[list[str]]:
        """List the calls of a block; the fault's goes wrong. What is done `before` one of them is not listed."""
        self.calls, self._seen, self._fault, self.struck = [], Counter(), fault, False
        self._before = dict(before or {})
        try:
            yield self.calls
        finally:
            self._fault, self._before = None, {}

    def through(self, what: str, send: Callable[[], Any], refuse: Callable[[Kind], Any]) -> Any:
        """Return what a call is answered with; `refuse` returns, or raises, what says that it was not taken."""
        if self._aside:
            return send()
        with self._lock:
            self._seen[what] += 1
            name = f"{what} {self._seen[what]}"
            self.calls.append(name)
            kind = self._fault.kind if self._fault and self._fault.call == name else None
            self.struck = self.struck or kind is not None
        if act := self._before.pop(name, None):
            self.struck = self._aside = True
            act()
            self._aside = False
        if kind is None:
            return send()
        if kind is Kind.UNREACHABLE:
            raise EndpointConnectionError(endpoint_url=_ANYWHERE)
        if kind in {Kind.THROTTLED, Kind.BROKEN}:
            return refuse(kind)
        send()
        if kind is Kind.LOST:
            raise ReadTimeoutError(endpoint_url=_ANYWHERE)
        return refuse(Kind.BROKEN) if kind is Kind.DONE_YET_BROKEN else send()

    @contextmanager
    def on(self, client: Any, send: Callable[[AWSPreparedRequest], Any] | None = None) -> Iterator[None]:
        """Let all calls of a boto3 client pass through; `send` answers them in the place of its own connection."""
        service = client.meta.service_model.service_name
        deliver = send or client._endpoint.http_session.send

        def look(operation: str, request: AWSPreparedRequest) -> Any:
            what = f"{service}.{operation}" + (f" {_place(request.url)}" if service == "s3" else "")

            def again() -> Any:
                request.reset_stream()
                return deliver(request)

            return self.through(what, again, lambda kind: _refusal(service, kind))

        with aws.intercepted(client, look):
            yield


@dataclass
class Through:
    """A double of a service's client whose calls pass through."""

    service: str
    client: Any
    faults: Faults

    def __getattr__(self, operation: str) -> Any:
        if operation == "get_paginator":
            return lambda listing: Through(f"{self.service}.{listing}", self.client.get_paginator(listing), self.faults)
        call = getattr(self.client, operation)
        name = f"{self.service}.{operation}"
        # Pages are read to their end at once.
        answer = (lambda **given: list(call(**given))) if operation == "paginate" else call
        return lambda **given: self.faults.through(name, lambda: answer(**given), _refused)


def _place(url: str) -> str:
    """Return what tells apart calls to S3, which are made at once, in any order."""
    parts = urlsplit(url)
    return parts.path + "".join(parse_qs(parts.query).get("prefix", []))


def _refused(kind: Kind) -> None:
    code = "TooManyRequestsException" if kind is Kind.THROTTLED else "ServiceException"
    status = 429 if kind is Kind.THROTTLED else 500
    said = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    raise ClientError(said, "Call")  # type: ignore[arg-type] # As much of it as anybody reads.


_REFUSALS = {
    ("dynamodb", Kind.THROTTLED): (400, "ThrottlingException"),
    ("dynamodb", Kind.BROKEN): (500, "InternalServerError"),
    ("s3", Kind.THROTTLED): (503, "SlowDown"),
    ("s3", Kind.BROKEN): (500, "InternalError"),
    ("cloudfront-keyvaluestore", Kind.THROTTLED): (400, "ThrottlingException"),
    ("cloudfront-keyvaluestore", Kind.BROKEN): (500, "InternalServerException"),
}


def _refusal(service: str, kind: Kind) -> AWSResponse:
    status, code = _REFUSALS[service, kind]
    if service == "s3":
        return aws.refusal(status, code)
    return aws.answer(status, json.dumps({"__type": code, "message": code}).encode(), x_amzn_errortype=code)
