"""The API behind an API Gateway HTTP API: events of payload format 2.0 in, responses out, as the local server answers.

Events: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from ..api import app, intake, limits, problems, safety
from ..api.limits import Caller, Limits

if TYPE_CHECKING:
    from ...bootstrap import ControlPlane

_log = logging.getLogger(__name__)

Event = Mapping[str, Any]
_REFERENCE = re.compile(r"(/v1/apps/[^/]+/versions/)(.+?)(/(?:manifest|uploads|finalize))?")


class HttpApi:
    """A Lambda handler that serves a control plane's API.

    The stage's throttle bounds all calls together; how often one caller may call is counted by each instance for
    itself, in memory.
    """

    def __init__(self, control: ControlPlane) -> None:
        self._resolver = app.create(_Resolver(enable_validation=True), control)
        self._limits = Limits()

    def __call__(self, event: Event, context: object) -> dict[str, Any]:
        """Return the answer to one request; whatever happens, it is a document of this API."""
        try:
            answer = self._answer(event, context)
        except intake.Refused as refused:
            answer = _problem(refused.status, refused.body, refused.headers)
        except Exception:  # noqa: BLE001 - API Gateway would answer with a document of its own.
            _log.exception("a call failed before it was understood")
            fault = problems.response("internal", "Something is wrong here", "This is our fault, not yours.", {})
            answer = _problem(fault.status_code, str(fault.body), {"content-type": problems.CONTENT_TYPE})
        return {**answer, "headers": {**answer["headers"], **safety.headers("https")}}

    def _answer(self, event: Event, context: object) -> dict[str, Any]:
        headers = {name.lower(): value for name, value in event["headers"].items()}
        intake.head(event["rawPath"] + event["rawQueryString"], list(headers.items()))
        caller = _caller(event, headers)
        self._limits.admit(caller)
        answer = self._resolver.resolve(_cleaned(event, headers), context)  # type: ignore[arg-type] # It is handed on.
        self._limits.learn(caller, event["rawPath"], answer["statusCode"])
        return answer


def _caller(event: Event, headers: Mapping[str, str]) -> Caller:
    return limits.caller(event["requestContext"]["http"].get("sourceIp", ""), headers.get("authorization", ""))


class _ProxyEvent(APIGatewayProxyEventV2):
    """A request whose parameters are as they were sent; Powertools would split them at their commas."""

    @property
    def resolved_query_string_parameters(self) -> dict[str, list[str]]:
        return parse_qs(self.raw_query_string, keep_blank_values=True)


class _Resolver(APIGatewayHttpResolver):
    def _to_proxy_event(self, event: dict[str, Any]) -> _ProxyEvent:
        return _ProxyEvent(event)


def _cleaned(event: Event, headers: Mapping[str, str]) -> dict[str, Any]:
    body = intake.text(_body(event), headers.get("content-type", ""))
    sent = {**headers, "content-type": intake.JSON_TYPE}
    return {**event, "headers": sent, "body": body, "isBase64Encoded": False, "rawPath": _encoded(event["rawPath"])}


def _body(event: Event) -> bytes:
    body = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (binascii.Error, UnicodeEncodeError):
        raise intake.no_text() from None


def _encoded(path: str) -> str:
    """Return a path with its reference percent-encoded again, since an HTTP API decodes every escape but `%25`.

    So the slashes of a branch's name look like those of the path. What stands between `/versions/` and a known last
    step is the reference; the manifest of a branch `x` and a branch `x/manifest` cannot be told apart, and the first
    is meant. Unverified on AWS; see docs/aws-unverified.md.
    """
    found = _REFERENCE.fullmatch(path)
    if found is None:
        return path
    before, reference, after = found.groups(default="")
    return before + quote(reference, safe="%:") + after


def _problem(status: int, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
    return {"statusCode": status, "headers": dict(headers), "body": body, "isBase64Encoded": False}
