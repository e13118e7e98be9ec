"""The API behind an HTTP API answers as it does behind the local server: the same calls, put to both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest
from aws_lambda_powertools.event_handler import HttpResolverLocal

from pullprod_control_plane.application import tokens
from pullprod_control_plane.bootstrap import ControlPlane
from pullprod_control_plane.entrypoints.api import app
from pullprod_control_plane.entrypoints.aws.http_api import HttpApi
from pullprod_control_plane.entrypoints.local.api_server import ApiServer
from pullprod_control_plane.ports import Verifier
from tests.support.domain import GUESSED_TOKEN
from tests.support.http_api import event
from tests.support.refusals import check
from tests.support.world import opened, page

BRANCH = "fix/50%25, a+b#1"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    document: Any
    headers: dict[str, str] = field(compare=False)


@dataclass
class Both:
    """Both before one control plane, made for each call, since a route knows one resolver at a time."""

    control: ControlPlane
    token: str

    def call(self, method: str, address: str, body: bytes = b"", **headers: str) -> Answer:
        """Return the answer, which has to be the same from both."""
        sent = {"authorization": f"Bearer {self.token}", "host": "localhost"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        served = self._served(method, address, sent, body)
        assert self.sent(event(method, address, sent, body)) == served
        return served

    def sent(self, request: dict[str, Any]) -> Answer:
        answer = HttpApi(self.control)(request, None)
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        return Answer(answer["statusCode"], headers["content-type"], json.loads(answer["body"]), headers)

    def _served(self, method: str, address: str, headers: dict[str, str], body: bytes) -> Answer:
        path, _, query = address.partition("?")
        scope = {"type": "http", "scheme": "http", "method": method, "path": unquote(path), "raw_path": path.encode()}
        scope |= {"query_string": query.encode(), "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
        messages: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        server = ApiServer(app.create(HttpResolverLocal(enable_validation=True), self.control))
        asyncio.run(server(scope, receive, send))
        found = {name.decode().lower(): value.decode() for name, value in messages[0]["headers"]}
        return Answer(messages[0]["status"], found["content-type"], json.loads(messages[1]["body"]), found)


def _verifier() -> Verifier:
    raise AssertionError("no call here shows an identity token")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with opened(tmp_path_factory.mktemp("world")) as world:
        world.configure()
        world.publish(page("one"), "one", branch=unquote(BRANCH))
        world.publish(page("two"), "two", branch="a,b")
        token = tokens.first_admin(world.ports)
        assert token
        yield Both(ControlPlane(world.ports, world.addresses, _verifier), token)


def test_a_reference_with_slashes_and_signs_reaches_the_call_that_it_is_for(both: Both) -> None:
    shown = both.call("GET", "/v1/apps/shop/versions/branch:fix%2F50%25%2C%20a+b%231")
    manifest = both.call("GET", "/v1/apps/shop/versions/branch%3Afix%2F50%25%2C%20a%2Bb%231/manifest")

    assert (shown.status, shown.document["branch"]) == (200, "fix/50%, a+b#1")
    assert [file["path"] for file in manifest.document["files"]] == ["index.html", "style.css"]


@pytest.mark.parametrize("query", ["branch=a%2Cb", "branch=a,b", "branch=fix/50%25,%20a%2Bb%231", "limit=1"])
def test_a_parameter_is_taken_as_it_was_sent(both: Both, query: str) -> None:
    assert len(both.call("GET", f"/v1/apps/shop/versions?{query}").document["items"]) == 1


@pytest.mark.parametrize(
    "label", [{}, {"content_type": "application/x-www-form-urlencoded"}, {"content_type": "application/json"}]
)
def test_a_body_is_json_however_curl_labels_it(both: Both, label: dict[str, str]) -> None:
    plan = both.call("POST", "/v1/apps/shop/pointers/production/plan", b'{"version": "branch:a,b"}', **label)

    assert (plan.status, plan.document["version"]["branch"]) == (200, "a,b")


def test_names_of_headers_are_of_any_case(both: Both) -> None:
    sent = {"Authorization": f"Bearer {both.token}", "Content-Type": "application/json"}

    assert both.sent(event("GET", "/v1/apps/shop", sent, b"")).status == 200


@pytest.mark.parametrize(
    ("method", "address", "body", "status", "code"),
    [
        ("GET", "/", b"", 404, "not-found"),
        ("GET", "/v1/apps/nobody", b"", 404, "not-found"),
        ("TRACE", "/v1/apps", b"", 404, "not-found"),
        ("GET", "/v1/apps/shop/versions/", b"", 404, "not-found"),
        ("GET", "/v1/apps/shop/versions/branch:none", b"", 404, "not-found"),
        ("GET", "/v1/apps/shop/versions?limit=0", b"", 422, "invalid-request"),
        ("PUT", "/v1/apps/shop", b"", 422, "invalid-request"),
        ("PUT", "/v1/apps/shop", b"{", 422, "invalid-request"),
        ("PUT", "/v1/apps/shop", b"\xff", 422, "invalid-request"),
        ("PUT", "/v1/apps/shop", b'{"unknown": 1}', 422, "invalid-request"),
        ("PUT", "/v1/apps/shop", b"[" * 100_000, 422, "invalid-request"),
        ("PUT", "/v1/apps/shop", b" " * (6 * 1024 * 1024 + 1), 413, "payload-too-large"),
        ("GET", "/v1/apps?cursor=" + "a" * 10_240, b"", 431, "headers-too-large"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_refusal_is_a_problem_document(
    both: Both, method: str, address: str, body: bytes, status: int, code: str
) -> None:
    answer = both.call(method, address, body)

    assert answer.content_type == "application/problem+json"
    check(answer.document, status, code)


@pytest.mark.parametrize("headers", [{"x_long": "a" * 10_240}, {f"x_{number}": "" for number in range(101)}])
def test_headers_are_bounded_in_number_and_size(both: Both, headers: dict[str, str]) -> None:
    check(both.call("GET", "/v1/apps", b"", **headers).document, 431, "headers-too-large")


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml"])
def test_a_body_that_is_not_said_to_be_json_is_refused(both: Both, kind: str) -> None:
    check(both.call("PUT", "/v1/apps/shop", b"{}", content_type=kind).document, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("method", "address"), [("GET", "/v1/health"), ("GET", "/v1/apps"), ("GET", "/v1/nothing"), ("OPTIONS", "/v1/apps")]
)
def test_every_answer_says_that_nothing_of_it_is_to_be_kept_framed_or_run(
    both: Both, method: str, address: str
) -> None:
    local = both.call(method, address, origin="https://evil.example.com").headers
    aws = both.sent(event(method, address, {}, b"")).headers
    for headers in (local, aws):
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert not [name for name in headers if name.startswith("access-control-")]
    assert aws["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in local


def test_one_address_that_shows_no_good_token_is_told_to_wait_and_who_has_one_is_not(both: Both) -> None:
    api = HttpApi(both.control)
    good, guess = ({"authorization": f"Bearer {token}"} for token in (both.token, GUESSED_TOKEN))
    assert api(event("GET", "/v1/apps", good, b""), None)["statusCode"] == 200
    statuses = [api(event("GET", "/v1/apps", guess, b""), None)["statusCode"] for _ in range(400)]
    refused = api(event("GET", "/v1/apps", guess, b""), None)

    assert (statuses[0], statuses[-1]) == (401, 429)
    check(json.loads(refused["body"]), 429, "rate-limited")
    assert int(refused["headers"]["retry-after"]) >= 1
    assert api(event("GET", "/v1/apps", good, b""), None)["statusCode"] == 200


def test_a_configuration_other_than_the_one_that_was_read_is_not_replaced(both: Both) -> None:
    check(both.call("PUT", "/v1/apps/shop", b"{}", if_match='"99"').document, 412, "stale-app")


def test_who_shows_no_token_is_refused(both: Both) -> None:
    check(both.call("GET", "/v1/apps", authorization="Bearer no").document, 401, "unauthenticated")


@pytest.mark.parametrize("broken", [{"rawPath": None}, {"headers": None}, {"requestContext": {}}])
def test_what_is_no_request_is_answered_all_the_same(both: Both, broken: dict[str, Any]) -> None:
    answer = both.sent({**event("GET", "/v1/apps", {}, b""), **broken})

    check(answer.document, 500, "internal")


def test_a_body_that_is_no_base64_is_refused(both: Both) -> None:
    request = event("PUT", "/v1/apps/shop", {}, b"{}")

    check(both.sent({**request, "body": "{}"}).document, 422, "invalid-request")
