"""The doors of the server that runs: what comes in is bounded, hosts are compared exactly, nobody is sent elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.api import client
from tests.support.domain import GUESSED_TOKEN
from tests.support.refusals import check
from tests.support.server import Answer, Server

LIMIT = 300  # Calls at once from one address without a token.


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server of its own: the address of all tests is the same, and here it is refused for a while."""
    running = Server(tmp_path_factory.mktemp("own") / "data").start()
    try:
        yield running
    finally:
        running.stop()


def problem(answer: Answer, status: int, code: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    check(json.loads(answer.body), status, code)


def test_who_calls_too_often_without_a_good_token_is_told_to_wait_and_who_has_one_goes_on(own: Server) -> None:
    with client(own.url, own.token) as good, client(own.url, GUESSED_TOKEN) as bad:
        good.app("shop")
        answers = [bad.call("GET", "/v1/apps/shop") for _ in range(LIMIT + 100)]
        assert {answer.status_code for answer in answers} == {401, 429}
        refused = next(answer for answer in answers if answer.status_code == 429)
        check(refused.json(), 429, "rate-limited")
        assert int(refused.headers["retry-after"]) >= 1
        assert good.ok("GET", "/v1/apps/shop")["name"] == "shop"


def test_a_viewer_is_not_counted(own: Server) -> None:
    assert {own.get("nothing--shop.localhost", "/").status for _ in range(LIMIT + 100)} == {404}


@pytest.mark.parametrize(
    "headers", [{"X_Long": "a" * 10_240}, {f"X_{number}": "1" for number in range(101)}], ids=["long", "many"]
)
def test_headers_are_bounded(server: Server, headers: dict[str, str]) -> None:
    problem(server.get("localhost", "/v1/health", **headers), 431, "headers-too-large")


def test_an_address_is_bounded(server: Server) -> None:
    problem(server.get("localhost", "/v1/apps?cursor=" + "a" * 10_240), 431, "headers-too-large")


@pytest.mark.parametrize(
    "host",
    [
        "localhost.",
        "localhost.evil.example.com",
        "evil.example.com",
        "xlocalhost",
        "localhost:80:80",
        "localhost:x",
        "localhost@evil.example.com",
        "127.0.0.1.nip.example.com",
        "127.1",
        "[::1",
    ],
)
def test_only_its_own_names_reach_the_api(server: Server, host: str) -> None:
    """A page that makes its own name lead here (DNS rebinding) reaches nothing."""
    answer = server.get(host, "/v1/health")
    assert (answer.status, answer.body) == (404, b"Nothing is published at this address.\n")


def test_no_page_of_another_origin_is_let_in(server: Server) -> None:
    asked = {"Origin": "https://evil.example.com", "Access_Control_Request_Method": "PUT"}
    for method in ("OPTIONS", "GET"):
        answer = server.get("localhost", "/v1/health", method, **asked)
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["//evil.example.com/", "/\\evil.example.com", "/%2F%2Fevil.example.com", "/a//b"])
@pytest.mark.parametrize("host", ["localhost", "production--shop.localhost"])
def test_nobody_is_sent_to_another_host(own: Server, host: str, path: str) -> None:
    with client(own.url, own.token) as api:
        api.app("shop")
        version = api.publish("shop", "redirects", {"index.html": b"page"})["id"]
        assert api.point("shop", "production", version).status_code == 200
    there = own.get(host, path).headers.get("location", "")
    assert not there.startswith(("//", "/\\", "http"))
