from __future__ import annotations

from pathlib import Path

import pytest
import requests

from pullprod import api as client_api
from pullprod.api import Api
from pullprod.config import Connection
from pullprod.errors import (
    LostRaceError,
    NotAllowedError,
    NotFoundError,
    NotLiveError,
    PullprodError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from pullprod.paths import part
from tests.support.client import Answer, Faulty, drops, drops_midway, faulty, never_ends, problem, says


@pytest.fixture
def api(broken: Faulty) -> Api:
    return Api(Connection(broken.url, "pp_secret"))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(broken: Faulty, api: Api, waits: list[float], status: int) -> None:
    broken.script = [says(status), says(status), says(200, {"ok": True})]
    assert api.get("/v1/health") == {"ok": True}
    assert len(broken.seen) == 3
    assert len(waits) == 2


@pytest.mark.parametrize("fault", [drops, drops_midway])
def test_a_dropped_connection_is_tried_again(broken: Faulty, api: Api, waits: list[float], fault: Answer) -> None:
    broken.script = [fault, fault, says(200, {"ok": True})]
    assert api.get("/v1/health") == {"ok": True}
    assert len(waits) == 2


def test_a_silent_server_is_tried_again(
    api: Api, waits: list[float], broken: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_api, "_TIMEOUT_S", (5, 0.2))
    broken.script = [lambda handler: handler.rfile.read(1), says(200, {"ok": True})]
    assert api.get("/v1/health") == {"ok": True}
    assert len(waits) == 1


def test_a_mutation_is_repeated_with_its_key_and_the_next_has_another(
    broken: Faulty, api: Api, waits: list[float]
) -> None:
    broken.script = [drops, says(503)]
    api.call("PUT", "/v1/x", {"a": 1})
    api.call("PUT", "/v1/x", {"a": 1})
    keys = [request.headers["idempotency-key"] for request in broken.seen]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert [request.body for request in broken.seen] == [b'{"a":1}'] * 4
    assert len(waits) == 2


def test_the_wait_is_what_the_server_asked_up_to_a_limit(broken: Faulty, api: Api, waits: list[float]) -> None:
    broken.script = [says(429, Retry_After="7"), says(503, Retry_After="86400"), says(503, Retry_After="soon")]
    api.get("/v1/x")
    assert waits[0] == 7
    assert waits[1] == 20
    assert 0 < waits[2] < 5


def test_waits_grow(broken: Faulty, api: Api, waits: list[float]) -> None:
    broken.usual = says(503)
    with pytest.raises(UnreachableError):
        api.get("/v1/x")
    assert len(waits) == 4
    assert all(0.5 <= wait / (0.2 * 2**attempt) <= 1.5 for attempt, wait in enumerate(waits))


def test_a_server_error_is_not_repeated(broken: Faulty, api: Api, waits: list[float]) -> None:
    broken.script = [problem(500, "internal")]
    with pytest.raises(PullprodError, match="It is internal"):
        api.get("/v1/x")
    assert (len(broken.seen), waits) == (1, [])


def test_nobody_listening_is_told_without_a_stack(waits: list[float]) -> None:
    with faulty() as gone:
        url = gone.url
    with pytest.raises(UnreachableError, match="connection refused"):
        Api(Connection(url, None)).get("/v1/x")
    assert len(waits) == 4


@pytest.mark.parametrize(
    "answer",
    [
        says(200, "<html>Welcome</html>"),
        says(404, "<html>nothing</html>"),
        says(500, "oops"),
        says(200, "[1, 2]"),
        says(200, "null"),
        says(302, Location="https://elsewhere.example/"),
        says(307, {"code": ""}, Location="https://elsewhere.example/"),
    ],
)
def test_an_answer_that_is_not_the_control_planes_is_told_as_that(broken: Faulty, api: Api, answer: Answer) -> None:
    broken.script = [answer]
    with pytest.raises(UnreachableError, match="not as a control plane does"):
        api.get("/v1/x")


@pytest.mark.parametrize(
    ("status", "code", "error", "exit_code"),
    [
        (401, "unauthenticated", NotAllowedError, 4),
        (403, "forbidden", NotAllowedError, 4),
        (404, "not-found", NotFoundError, 3),
        (409, "ambiguous-reference", PullprodError, 1),
        (409, "guard-refused", RefusedError, 6),
        (409, "name-taken", PullprodError, 1),
        (409, "version-not-ready", PullprodError, 1),
        (412, "stale-pointer", LostRaceError, 5),
        (413, "payload-too-large", PullprodError, 1),
        (422, "invalid-request", UsageError, 2),
        (423, "pointer-held", RefusedError, 6),
        (507, "storage-full", PullprodError, 1),
    ],
)
def test_a_problem_is_an_error_with_an_exit_code_and_its_facts(
    broken: Faulty, api: Api, status: int, code: str, error: type[PullprodError], exit_code: int
) -> None:
    broken.script = [problem(status, code, fact=7)]
    with pytest.raises(PullprodError, match=f"It is {code}") as caught:
        api.call("PUT", "/v1/x", {})
    assert type(caught.value) is error
    assert caught.value.exit_code == exit_code
    assert caught.value.problem["fact"] == 7


def test_exit_codes_that_scripts_tell_apart_are_distinct() -> None:
    kinds = [PullprodError, UsageError, NotFoundError, NotAllowedError, LostRaceError, RefusedError, NotLiveError]
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4, 5, 6, 7]


def test_the_token_is_sent_and_no_netrc_replaces_it(
    broken: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login thief password stolen\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    # Off loopback the environment is trusted, for its proxies.
    for token, sent in (("pp_secret", "Bearer pp_secret"), (None, None)):
        api = Api(Connection(broken.url, token))
        api._session.trust_env = True
        assert requests.utils.get_netrc_auth(broken.url) == ("thief", "stolen")
        api.get("/v1/x")
        assert broken.seen[-1].headers.get("authorization") == sent


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_would_lead_to_another_call_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' is no name"):
        part(name)


def test_a_redirect_takes_the_token_nowhere(broken: Faulty, api: Api) -> None:
    with faulty() as elsewhere:
        broken.script = [says(307, Location=elsewhere.url + "/v1/x")]
        with pytest.raises(UnreachableError):
            api.call("PUT", "/v1/x", {})
        assert elsewhere.seen == []


def test_no_proxy_is_asked_for_this_machine(broken: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert Api(Connection(broken.url, None)).get("/v1/x") == {"ok": True}


def test_a_list_is_read_page_by_page_up_to_the_limit(broken: Faulty, api: Api) -> None:
    broken.script = [
        says(200, {"items": [{"n": 1}, {"n": 2}], "next_cursor": "a b"}),
        says(200, {"items": [{"n": 3}], "next_cursor": "c"}),
    ]
    assert list(api.items("/v1/x", 3, branch=None)) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [request.path for request in broken.seen] == ["/v1/x?limit=3", "/v1/x?limit=1&cursor=a+b"]


def test_an_answer_without_end_is_refused(broken: Faulty, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pullprod.api._MAX_ANSWER", 1_000_000)
    broken.usual = never_ends
    with pytest.raises(UnreachableError, match="too large"):
        api.get("/v1/health")
    assert len(broken.seen) == 1
