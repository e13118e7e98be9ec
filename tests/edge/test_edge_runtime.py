"""The embedded engine: what the functions read, and what happens to one that misbehaves."""

import threading
from typing import Any

import pytest

from pullprod_control_plane.adapters.local.edge_runtime import EdgeFunctionError, EdgeRuntime

EVENT: dict[str, Any] = {"request": {"method": "GET", "uri": "/", "headers": {}, "querystring": {}, "cookies": {}}}


def runtime_of(source: str, records: dict[str, str] | None = None) -> EdgeRuntime:
    runtime = EdgeRuntime((records or {}).get)
    runtime._define("viewer_request", "import cf from 'cloudfront';" + source)
    return runtime


def test_a_key_is_read_once_within_one_call() -> None:
    answers = iter(["1", "2"])
    runtime = EdgeRuntime(lambda _: next(answers))
    runtime._define(
        "viewer_request",
        """import cf from 'cloudfront';
        async function handler(event) {
            const first = await cf.kvs().get('a', { format: 'json' });
            const second = await cf.kvs().get('a', { format: 'json' });
            return { read: [first, second] };
        }""",
    )
    assert runtime.request(EVENT) == {"read": [1, 1]}
    assert runtime.request(EVENT) == {"read": [2, 2]}


def test_a_value_is_text_unless_json_is_asked_for() -> None:
    source = "async function handler(e) { const text = await cf.kvs().get('é😀'); return { text: text }; }"
    assert runtime_of(source, {"é😀": '{"a": "ü"}'}).request(EVENT) == {"text": '{"a": "ü"}'}


@pytest.mark.parametrize("records", [{}, {"a": "{"}])
def test_a_missing_key_and_a_broken_value_throw(records: dict[str, str]) -> None:
    source = """async function handler(e) {
        try { await cf.kvs().get('a', { format: 'json' }); } catch (error) { return { caught: true }; }
    }"""
    assert runtime_of(source, records).request(EVENT) == {"caught": True}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("throw new Error('broken');", "broken"),
        ("return undefined;", "returned no object"),
        ("await new Promise(function () {});", "never comes"),
        ("for (;;) {}", "interrupted"),
        ("await null; for (;;) {}", "interrupted"),
        ("const a = []; for (;;) { a.push(new Array(1000).fill(1)); }", "memory"),
        ("return handler(e);", "stack"),
    ],
)
def test_a_function_that_misbehaves_is_an_error_and_the_next_call_works(body: str, says: str) -> None:
    records = {"www.example.com": '{"a": "shop", "v": "aaaaaaaaaaaa-00000001", "gone": 1}'}
    runtime = runtime_of(f"async function handler(e) {{ {body} }}", records)
    with pytest.raises(EdgeFunctionError, match=says):
        runtime.request(EVENT)
    runtime._define("viewer_request", "async function handler(e) { return { fine: true }; }")
    assert runtime.request(EVENT) == {"fine": True}


def test_an_error_of_the_store_reaches_the_caller() -> None:
    def broken(_: str) -> str | None:
        raise OSError("the disk is gone")

    runtime = EdgeRuntime(broken)
    host = {"host": {"value": "www.example.com"}}
    with pytest.raises(OSError, match="the disk is gone"):
        runtime.request({"request": {**EVENT["request"], "headers": host}})


def test_another_thread_is_told_so_instead_of_crashing() -> None:
    runtime = EdgeRuntime(lambda _: None)
    raised: list[BaseException] = []

    def call() -> None:
        try:
            runtime.request(EVENT)
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "only in the thread that made it" in str(raised[0])


def test_calls_leave_no_memory_behind() -> None:
    runtime = EdgeRuntime(lambda _: None)
    for _ in range(500):
        runtime.request(EVENT)
    before = runtime._context.memory()["malloc_size"]
    for _ in range(2_000):
        runtime.request(EVENT)
    assert runtime._context.memory()["malloc_size"] <= before + 10_000


def test_the_origin_that_a_function_chose_is_told_with_its_request() -> None:
    source = """async function handler(event) {
        if (event.request.uri === '/group') { cf.createRequestOriginGroup({ originIds: ['a', 'b'] }); }
        if (event.request.uri === '/one') { cf.updateRequestOrigin({ domainName: 'a.example' }); }
        return event.request;
    }"""
    runtime = runtime_of(source)
    chosen = [runtime.request({"request": {"uri": uri}}).get("origin") for uri in ("/one", "/group", "/", "/one")]
    one = {"updateRequestOrigin": {"domainName": "a.example"}}
    assert chosen == [one, {"createRequestOriginGroup": {"originIds": ["a", "b"]}}, None, one]


@pytest.mark.parametrize("raw", ["", "a=1&a=%C3%A9"])
def test_the_raw_query_string_is_what_the_event_says(raw: str) -> None:
    runtime = runtime_of("async function handler(e) { return { raw: e.request.rawQueryString() }; }")
    assert runtime.request({"request": {"rawQueryString": raw}}) == {"raw": raw}


def test_without_a_question_mark_there_is_no_raw_query_string() -> None:
    runtime = runtime_of("async function handler(e) { return { raw: typeof e.request.rawQueryString() }; }")
    assert runtime.request({"request": {}}) == {"raw": "undefined"}
