"""Calls that cannot be meant, from the wire upwards: each a clear refusal with its code, and state unchanged."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.api import Api, Json, manifest
from tests.support.domain import sha
from tests.support.refusals import check, nothing_changes, refused
from tests.support.server import Server

TWINS = ["abcdef0" + "1" * 33, "abcdef0" + "2" * 33]
POINT = {"version": "branch:main", "reason": "a test"}


@pytest.fixture(scope="module")
def shop(api: Api) -> str:
    """Return an app with two versions whose commits begin alike, production at the newer, and an unfinished one."""
    name = api.app("bad-requests")
    for number, twin in enumerate(TWINS):
        api.publish(name, "twin", {"index.html": b"%d" % number}, commit=twin, ancestors=TWINS[:number])
    assert api.point(name, "production", TWINS[1]).status_code == 200
    api.ok("POST", f"/v1/apps/{name}/versions", manifest("unfinished", {"index.html": b"unfinished"}, branch=None))
    return name


def call(api: Api, shop: str, method: str, path: str, json: object = None, **more: Any) -> Any:
    with nothing_changes(api, shop):
        return api.call(method, f"/v1/apps/{shop}{path}", json, **more)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/versions"),
        ("POST", "/versions"),
        ("GET", "/pointers"),
        ("GET", "/pointers/production"),
        ("PUT", "/pointers/production"),
        ("GET", "/pointers/production/history"),
        ("PUT", "/pointers/production/hold"),
        ("POST", "/prune"),
        ("GET", "/audit"),
        ("GET", "/diff?from=aaaaaaa&to=bbbbbbb"),
        ("DELETE", "/versions/aaaaaaa"),
    ],
)
def test_an_app_that_is_unknown_is_not_found(api: Api, method: str, path: str) -> None:
    bodies = {"/versions": manifest("x", {"index.html": b"x"}), "/pointers/production": POINT, "/prune": {}}
    body = None if method == "GET" else bodies.get(path, {"reason": "a test"})
    refused(api.call(method, f"/v1/apps/nobody{path}", body), 404, "not-found")


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        ("fffffff", 404, "not-found"),
        ("ffffffffffff-ffffffff", 404, "not-found"),
        ("branch:nowhere", 404, "not-found"),
        ("pointer:nowhere", 404, "not-found"),
        ("tag:none", 404, "not-found"),
        ("abcdef0", 409, "ambiguous-reference"),
        ("abcdef", 422, "invalid-request"),
        ("main", 422, "invalid-request"),
        ("branch:", 422, "invalid-request"),
        ("commit:abcdef01", 422, "invalid-request"),
        ("../abcdef01", 422, "invalid-request"),
        ("x" * 256, 422, "invalid-request"),
        ("branch:\ud800", 422, "invalid-request"),
        ("", 422, "invalid-request"),
    ],
    ids=ascii,
)
def test_a_reference_that_names_no_version_moves_nothing(
    api: Api, shop: str, reference: str, status: int, code: str
) -> None:
    swap = {"version": reference, "reason": "a test"}
    problem = refused(call(api, shop, "PUT", "/pointers/production", swap), status, code)
    assert len(problem.get("candidates", TWINS)) == 2


def test_an_unfinished_version_cannot_be_pointed_at(api: Api, shop: str) -> None:
    swap = {"version": sha("unfinished"), "reason": "a test"}
    problem = refused(call(api, shop, "PUT", "/pointers/production", swap), 409, "version-not-ready")
    assert problem["state"] == "uploading"


def test_what_production_shows_cannot_be_revoked(api: Api, shop: str) -> None:
    answer = call(api, shop, "DELETE", f"/versions/{TWINS[1]}", {"reason": "a test"})
    assert refused(answer, 409, "guard-refused")["pointers"] == ["main", "production"]


def test_there_is_nothing_to_roll_back_to(api: Api, shop: str) -> None:
    refused(call(api, shop, "POST", "/pointers/production/rollback", {"reason": "a test"}), 409, "no-previous")


@pytest.mark.parametrize("value", ["x", '"x"', '"-1"', '"1.0"', '"1", "2"', '""', "\u0661", '"' + "9" * 16 + '"', "W/"])
def test_an_if_match_that_is_no_generation_is_refused(api: Api, shop: str, value: str) -> None:
    answer = call(api, shop, "PUT", "/pointers/production", POINT, headers={"If-Match": value.encode()})
    refused(answer, 422, "invalid-request")


def test_a_generation_that_was_never_reached_is_stale(api: Api, shop: str) -> None:
    answer = call(api, shop, "PUT", "/pointers/production", POINT, headers={"If-Match": '"99"'})
    problem = refused(answer, 412, "stale-pointer")
    assert (problem["expected"], problem["actual"]) == (99, 1)


@pytest.mark.parametrize("key", ["", "k" * 256, "\x7f", "\u00e9\x85"])
def test_an_idempotency_key_that_cannot_be_kept_is_refused(api: Api, shop: str, key: str) -> None:
    answer = call(api, shop, "PUT", "/pointers/production", POINT, headers={"Idempotency-Key": key.encode()})
    refused(answer, 422, "invalid-request")


def test_an_idempotency_key_serves_for_one_request_only(api: Api, shop: str) -> None:
    key = {"Idempotency-Key": "one request"}
    api.ok("PUT", f"/v1/apps/{shop}/pointers/production/hold", {"reason": "a test"}, headers=key)
    api.ok("DELETE", f"/v1/apps/{shop}/pointers/production/hold")
    answer = call(api, shop, "PUT", "/pointers/production/hold", {"reason": "another"}, headers=key)
    refused(answer, 422, "idempotency-conflict")


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"7",
    b"NaN",
    b'{"version": NaN, "reason": "x"}',
    b'{"version": "branch:main"}',
    b'{"version": "branch:main", "reason": ""}',
    b'{"version": "branch:main", "reason": "  "}',
    b'{"version": "branch:main", "reason": 7}',
    b'{"version": "branch:main", "reason": null}',
    b'{"version": "branch:main", "reason": "\\ud800"}',
    b'{"version": ["branch:main"], "reason": "x"}',
    b'{"version": "branch:main", "reason": "x", "colour": "red"}',
    b'{"version": "branch:main", "reason": "x", "force": "lineage"}',
    b'{"version": "branch:main", "reason": "x", "force": ["ready"]}',
    b'{"version": "branch:main", "reason": "x", "force": ["nonsense"]}',
    b'{"version": "branch:main", "reason": "x", "force": ["lineage", "lineage", "\\ud800"]}',
    b'{"version": "branch:main", "reason": "' + b"r" * 1_001 + b'"}',
    b'{"version": "branch:main", "reason": "x", "\\ud800": 1}',
    b'{"version": ' + b"9" * 5_000 + b"}",
    b'{"version": ' + b"[" * 100_000,
    b'{"version": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"version": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    '{"version": "branch:main", "reason": "x"}'.encode("utf-16"),
    b'\xef\xbb\xbf{"version": "branch:main", "reason": "x"}',
    b'{"version": "branch:main", "reason": "\xff"}',
    b"\x00",
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: ascii(body)[:60])
def test_a_body_that_cannot_be_meant_is_refused(api: Api, shop: str, body: bytes) -> None:
    refused(call(api, shop, "PUT", "/pointers/production", data=body), 422, "invalid-request")


TYPES = [
    "text/xml",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "Multipart/Form-Data; boundary=x",
    "multipart/mixed; boundary*=utf-8''x",
    "application/octet-stream",
    "application/json-seq",
    "application/json, text/xml",
    "a",
    "\u00e9",
]


@pytest.mark.parametrize("kind", TYPES, ids=ascii)
@pytest.mark.parametrize("body", [b"<version/>", json.dumps(POINT).encode()], ids=["not JSON", "JSON"])
def test_a_body_that_is_not_said_to_be_json_is_refused(api: Api, shop: str, body: bytes, kind: str) -> None:
    answer = call(api, shop, "PUT", "/pointers/production", data=body, headers={"Content-Type": kind.encode()})
    assert "JSON" in refused(answer, 415, "unsupported-media-type")["detail"]


@pytest.mark.parametrize("kind", ["", ";;", "application/x-www-form-urlencoded", "APPLICATION/JSON ; charset=utf-8"])
def test_a_call_without_a_body_may_be_labelled_as_it_likes(api: Api, shop: str, kind: str) -> None:
    answer = call(api, shop, "GET", "/pointers/production", headers={"Content-Type": kind or "text/xml"})
    assert answer.status_code == 200


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "nothing", "utf-8;;", '"', "\x7f"])
def test_a_charset_changes_nothing_a_body_is_utf_8(api: Api, shop: str, charset: str) -> None:
    headers = {"Content-Type": f"Application/JSON; charset={charset}"}
    plan = call(api, shop, "POST", "/pointers/production/plan", data=b'{"version": "branch:main"}', headers=headers)
    assert plan.status_code == 200
    other = '{"version": "branch:\u00e9"}'.encode("utf-16")
    refused(call(api, shop, "POST", "/pointers/production/plan", data=other, headers=headers), 422, "invalid-request")


def test_curl_needs_no_content_type(api: Api, shop: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b'{"version": "branch:main"}'
    answer = call(api, shop, "POST", "/pointers/production/plan", data=body, headers=form)
    assert (answer.status_code, answer.json()["pointer"]["generation"]) == (200, 1)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=1001",
        "limit=x",
        "limit=1e3",
        "limit=" + "9" * 5_000,
        "state=live",
        "commit=xyz",
        "commit=abc",
        "commit=" + "a" * 41,
        "branch=" + "b" * 256,
        "cursor=*",
        "cursor=" + base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        "cursor=" + "A" * 2_004,
    ],
    ids=lambda query: query[:40],
)
def test_a_query_that_cannot_be_meant_is_refused(api: Api, shop: str, query: str) -> None:
    refused(call(api, shop, "GET", f"/versions?{query}"), 422, "invalid-request")


@pytest.mark.parametrize("path", ["/diff", "/diff?from=abcdef01", "/diff?from=&to=", "/diff?from=x&to=y"])
def test_a_diff_needs_two_references(api: Api, shop: str, path: str) -> None:
    refused(call(api, shop, "GET", path), 422, "invalid-request")


@pytest.mark.parametrize(
    "query", ["branch=%ff", "branch=%00", "branch=%ed%a0%80", "cursor=%ff", "unknown=1", "branch=a&branch=b", "&=&"]
)
def test_an_odd_query_is_below_500(api: Api, shop: str, query: str) -> None:
    assert call(api, shop, "GET", f"/versions?{query}").status_code in {200, 422}


@pytest.mark.parametrize(
    "name", ["Shop", "a" * 31, "-a", "a-", "a--b", "a.b", "a_b", "caf%C3%A9", "%00", "%ff", "%2e%2e"]
)
def test_an_app_needs_a_proper_name(api: Api, shop: str, name: str) -> None:
    with nothing_changes(api, shop):
        refused(api.call("PUT", f"/v1/apps/{name}", {}), 422, "invalid-request")
        assert api.call("GET", f"/v1/apps/{name}").status_code in {404, 422}


@pytest.mark.parametrize("name", ["Production", "a" * 32, "-a", "a--b", "xn", "0123456789ab-01234567", "%00", "%ff"])
def test_a_pointer_needs_a_proper_name(api: Api, shop: str, name: str) -> None:
    refused(call(api, shop, "PUT", f"/pointers/{name}", POINT), 422, "invalid-request")


@pytest.mark.parametrize(
    ("configuration", "status", "code"),
    [
        ({"hosts": {"production": ["taken.example.com"]}}, 409, "name-taken"),
        ({"hosts": {"production": ["a.example.com"], "next": ["a.example.com"]}}, 422, "invalid-request"),
        ({"hosts": {"production": ["localhost"]}}, 422, "invalid-request"),
        ({"hosts": {"production": ["A.example.com"]}}, 422, "invalid-request"),
        ({"hosts": {"production": ["a.example.com:80"]}}, 422, "invalid-request"),
        ({"hosts": {"production": ["a--b.example.com"]}}, 422, "invalid-request"),
        ({"hosts": {"production": ["\ud800.example.com"]}}, 422, "invalid-request"),
        ({"hosts": {"\ud800": ["a.example.com"]}}, 422, "invalid-request"),
        ({"hosts": {"production": [f"{n}.example.com" for n in range(26)]}}, 422, "invalid-request"),
        ({"follow": {f"p{n}": "main" for n in range(26)}}, 413, "payload-too-large"),
        ({"follow": {"next": ""}}, 422, "invalid-request"),
        ({"follow": {"next": "\ud800"}}, 422, "invalid-request"),
        ({"main": ""}, 422, "invalid-request"),
        ({"guards": {"lineage": {"production": "maybe"}}}, 422, "invalid-request"),
        ({"guards": {"approval": {}}}, 422, "invalid-request"),
        ({"retention": {"keep_days": 0}}, 422, "invalid-request"),
        ({"retention": {"keep_newest": "all"}}, 422, "invalid-request"),
        ({"colour": "red"}, 422, "invalid-request"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_configuration_that_cannot_be_meant_is_refused(
    api: Api, shop: str, configuration: Json, status: int, code: str
) -> None:
    api.app("bad-requests-other", hosts={"production": ["taken.example.com"]})
    refused(call(api, shop, "PUT", "", configuration), status, code)


@pytest.mark.parametrize(
    "hold",
    [
        {},
        {"reason": ""},
        {"reason": "x", "until": "tomorrow"},
        {"reason": "x", "until": "2020-01-01T00:00:00Z"},
        {"reason": "x", "until": "9999-12-31T23:59:59-14:00"},
        {"reason": "x", "until": 7},
        {"reason": "x", "owner": "me"},
    ],
    ids=str,
)
def test_a_hold_that_cannot_be_meant_is_refused(api: Api, shop: str, hold: Json) -> None:
    refused(call(api, shop, "PUT", "/pointers/production/hold", hold), 422, "invalid-request")


def test_a_held_pointer_does_not_move(api: Api, shop: str) -> None:
    api.ok("PUT", f"/v1/apps/{shop}/pointers/next/hold", {"reason": "wait for marketing"})
    problem = refused(call(api, shop, "PUT", "/pointers/next", POINT), 423, "pointer-held")
    assert problem["hold"]["reason"] == "wait for marketing"


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/apps", "/v1/apps/", "/v1/nothing", "/uploads", "/%", "/v1/apps/%zz"])
def test_a_call_that_does_not_exist_is_not_found(api: Api, path: str) -> None:
    refused(api.call("GET", path), 404, "not-found")


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "TRACE", "BREW"])
def test_a_method_that_does_not_exist_is_not_found(api: Api, method: str) -> None:
    refused(api.call(method, "/v1/apps"), 404, "not-found")


def request(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers, b"", b""])


@pytest.mark.parametrize("header", ["X_Bytes", "Authorization", "If_Match"])
def test_a_header_that_is_no_text_is_refused(server: Server, header: str) -> None:
    answer = server.get("localhost", "/v1/apps", "GET", **{header: b"Bearer \xff\xfe"})
    assert answer.headers["content-type"] == "application/problem+json"
    check(json.loads(answer.body), 422, "invalid-request")


@pytest.mark.parametrize("target", [b"/v1/apps?limit=\xff", b"/v1/apps/\xff", b"/\xc3\xa9"])
def test_an_address_that_is_no_text_is_refused(server: Server, target: bytes) -> None:
    status = int(server.raw(request(b"GET " + target)).split(b" ")[1])
    assert status in {400, 422}


@pytest.mark.parametrize(
    "sent",
    [
        request(b"GET /v1/health", b"X-Long: " + b"a" * 100_000),
        request(b"GET /v1/health", *[b"X-%d: 1" % n for n in range(20_000)]),
        request(b"GET /v1/" + b"a" * 100_000),
        request(b"POST /v1/apps", b"Content-Length: -1"),
        request(b"POST /v1/apps", b"Content-Length: 1", b"Transfer-Encoding: chunked"),
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["long header", "many headers", "long line", "negative length", "two lengths", "TLS", "version", "nonsense"],
)
def test_what_is_no_http_that_the_server_takes_is_refused_and_it_goes_on(server: Server, api: Api, sent: bytes) -> None:
    try:
        answer = server.raw(sent, finish=True)
    except ConnectionError:
        answer = b""  # It hung up while more was being sent.
    assert not answer or 400 <= int(answer.split(b" ")[1]) < 500
    assert api.ok("GET", "/v1/health")["status"] == "ok"
