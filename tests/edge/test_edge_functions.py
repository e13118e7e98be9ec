"""What the local edge makes of a request for a function, and of its answer: as CloudFront and a function URL would."""

import hashlib
from collections.abc import Iterator

import pytest

from pullprod_control_plane.adapters.local.edge_functions import MAX_BODY, FunctionCall, FunctionReply
from tests.edge.servers import NEW, OLD, World, serving

NAVIGATE = {"Sec_Fetch_Dest": "document", "Sec_Fetch_Mode": "navigate"}
FUNCTIONS = {"f": [["/api/*", 0], ["/hook", 1]], "i": ["one", "two"], "o": ".functions.example"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("objects"))
    world.route("www.example.com", NEW, g=2, r=[[OLD, 1]], **FUNCTIONS)
    world.route("production--shop", NEW, g=2, x=1, **FUNCTIONS)
    world.route(f"{OLD}--shop", OLD, g=0, x=1, f=[["/api/*", 0]], i=["old"], o=".functions.example")
    world.put(NEW, "index.html", b"home", "text/html")
    with serving(world):
        yield world


@pytest.fixture
def world(running: World) -> World:
    running.calls.clear()
    running.reply = FunctionReply(200, [("content-type", "application/json")], b'{"ok":true}')
    return running


def only_call(world: World) -> FunctionCall:
    assert len(world.calls) == 1
    return world.calls[0]


def test_a_function_gets_the_request_as_it_was_sent(world: World) -> None:
    digest = hashlib.sha256(b"{}").hexdigest()
    answer = world.get(
        "/api//a%2Fb/%C3%A9?b=2&a=x%20y&a=&c",
        method="POST",
        body=b"{}",
        Content_Type="application/json",
        X_Amz_Content_Sha256=digest,
        Cookie=f"session=1; pullprod={NEW}.2; session=2",
        Accept_Language="de",
    )
    assert (answer.status, answer.body) == (200, b'{"ok":true}')
    call = only_call(world)
    assert (call.host, call.method, call.path) == ("one.functions.example", "POST", "/api//a%2Fb/%C3%A9")
    assert (call.query, call.body) == ("b=2&a=x%20y&a=&c", b"{}")
    expected = {
        "content-type": "application/json",
        "content-length": "2",
        "x-amz-content-sha256": digest,
        "cookie": "session=1; session=2",
        "accept-language": "de",
        "x-forwarded-host": "www.example.com",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-pullprod-version": NEW,
    }
    assert {name: call.headers.get(name) for name in expected} == expected
    assert "host" not in call.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_function_answers_every_method(world: World, method: str) -> None:
    assert world.get("/hook", method=method).status == 200
    assert (only_call(world).method, only_call(world).host) == (method, "two.functions.example")


def test_head_gets_the_headers_of_a_function_and_no_body(world: World) -> None:
    answer = world.get("/hook", method="HEAD")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "11")
    assert only_call(world).method == "HEAD"


def test_authorization_arrives_under_the_name_that_it_has_at_cloudfront(world: World) -> None:
    world.get("/hook", Authorization="Bearer abc", X_Forwarded_Authorization="Bearer forged")
    headers = only_call(world).headers
    assert headers["x-forwarded-authorization"] == "Bearer abc"
    assert "authorization" not in headers


def test_what_belongs_to_the_connection_is_not_passed_on(world: World) -> None:
    world.reply = FunctionReply(200, [("Connection", "close"), ("Transfer-Encoding", "chunked"), ("a", "1")], b"x")
    answer = world.get("/hook", Connection="keep-alive", TE="trailers", Upgrade="h2c")
    assert not {"connection", "te", "upgrade"} & only_call(world).headers.keys()
    assert not {"connection", "transfer-encoding"} & answer.headers.keys()
    assert (answer.headers["a"], answer.headers["content-length"]) == ("1", "1")


def test_a_function_s_answer_is_the_version_s(world: World) -> None:
    world.reply = FunctionReply(
        201, [("X-Pullprod-Version", "forged"), ("vary", "a"), ("vary", "b"), ("server", "mine")], b""
    )
    answer = world.get("/hook", host="production--shop.localhost")
    assert answer.status == 201
    assert answer.headers["x-pullprod-version"] == NEW
    assert (answer.headers["vary"], answer.headers["x-robots-tag"]) == ("a, b", "noindex")
    assert "server" not in answer.headers


def test_cookies_of_a_function_arrive_one_by_one(world: World) -> None:
    cookies = ["a=1; Path=/; Secure", "b=2", "a=3; Path=/x; Expires=Wed, 21 Oct 2099 07:28:00 GMT"]
    world.reply = FunctionReply(200, [("Set-Cookie", cookie) for cookie in cookies], b"")
    answer = world.get("/hook", **NAVIGATE)
    assert sorted(answer.cookies[:3]) == sorted(cookies)
    assert answer.cookies[3].startswith(f"pullprod={NEW}.2.")


def test_an_error_of_a_function_is_passed_on_as_it_is(world: World) -> None:
    """CloudFront runs no function for such an answer."""
    world.reply = FunctionReply(418, [("x-mine", "1"), ("set-cookie", "a=1")], b"short and stout")
    answer = world.get("/hook", host="production--shop.localhost", **NAVIGATE)
    assert (answer.status, answer.body, answer.headers["x-mine"]) == (418, b"short and stout", "1")
    assert answer.cookies == ["a=1"]
    assert not {"x-pullprod-version", "x-robots-tag"} & answer.headers.keys()


@pytest.mark.parametrize(
    "reply",
    [
        FunctionReply(99, [], b""),
        FunctionReply(101, [], b""),
        FunctionReply(600, [], b""),
        FunctionReply(200, [("a", "1\r\nset-cookie: b=2")], b""),
        FunctionReply(200, [("a b", "1")], b""),
        FunctionReply(200, [("a", "\u2603")], b""),
        FunctionReply(200, [], b"x" * (MAX_BODY + 1)),
    ],
)
def test_an_answer_that_is_not_http_is_a_bad_gateway(world: World, reply: FunctionReply) -> None:
    world.reply = reply
    answer = world.get("/hook")
    assert (answer.status, answer.cookies) == (502, [])


def test_a_page_calls_the_functions_of_its_own_version(world: World) -> None:
    pin = f"pullprod={OLD}.1"
    world.get("/api/items", Cookie=pin, Sec_Fetch_Dest="empty", Sec_Fetch_Mode="cors")
    world.get("/api/items", Cookie=pin, **NAVIGATE)
    assert [call.host for call in world.calls] == ["old.functions.example", "one.functions.example"]
    assert [call.headers["x-pullprod-version"] for call in world.calls] == [OLD, NEW]


def test_a_body_is_passed_on_up_to_what_lambda_takes(world: World) -> None:
    body = b"x" * MAX_BODY
    assert world.get("/hook", method="POST", body=body).status == 200
    assert only_call(world).body == body
    assert world.get("/hook", method="POST", body=body + b"x").status == 413
    assert len(world.calls) == 1


def test_a_body_that_does_not_say_how_long_it_is_is_bounded_too(world: World) -> None:
    head = b"POST /hook HTTP/1.1\r\nHost: www.example.com\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunk = b"%x\r\n" % 65_536 + b"x" * 65_536 + b"\r\n"
    assert world.raw(head + chunk * 2 + b"0\r\n\r\n").split(b" ")[1] == b"200"
    assert len(only_call(world).body) == 2 * 65_536
    assert world.raw(head + chunk * (MAX_BODY // 65_536 + 1) + b"0\r\n\r\n").split(b" ")[1] == b"413"


def test_files_beside_functions_take_no_body(world: World) -> None:
    assert world.get("/", method="POST", body=b"x").status == 405
    assert world.get("/").body == b"home"
    assert world.calls == []
