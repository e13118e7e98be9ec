"""Tokens that are none, are over, or do not cover the call: refused, and nothing moves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pullprod_control_plane.adapters.local.sqlite_ledger import SqliteLedger
from pullprod_control_plane.application import keys
from pullprod_control_plane.ports import Put
from tests.support.api import Api, Json, client, manifest
from tests.support.domain import GUESSED_TOKEN
from tests.support.refusals import nothing_changes, refused
from tests.support.server import Server

PRODUCTION = "/pointers/production"


@pytest.fixture
def shop(api: Api, app: str) -> str:
    api.publish(app, app, {"index.html": b"page"})
    return app


@pytest.fixture
def caller(server: Server) -> Iterator[Api]:
    """Return a client whose token the test sets."""
    with client(server.url, "") as other:
        yield other


def token(api: Api, role: str, **more: object) -> Json:
    return api.ok("POST", "/v1/tokens", {"name": f"a {role}", "role": role, **more})


def swap(shop: str) -> Json:
    return {"json": {"version": "branch:main", "reason": "a test"}, "path": f"/v1/apps/{shop}{PRODUCTION}"}


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer pp_",
        b"Bearer " + GUESSED_TOKEN.encode(),
        b"Bearer " + b"x" * 8_000,
        b"Basic YWRtaW46YWRtaW4=",
        b"Bearer pp_" + b"'" * 43,
    ],
    ids=lambda header: ascii(header)[:30],
)
def test_a_token_that_nobody_made_opens_nothing(api: Api, caller: Api, shop: str, header: bytes | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    with nothing_changes(api, shop):
        answer = caller.session.put(
            f"{api.url}{swap(shop)['path']}", json=swap(shop)["json"], headers=headers, timeout=9
        )
    refused(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_revoked_token_opens_nothing_from_the_next_request_on(api: Api, caller: Api, shop: str) -> None:
    made = token(api, "releaser")
    caller.token = made["token"]
    caller.ok("PUT", **swap(shop))
    api.ok("DELETE", f"/v1/tokens/{made['id']}")
    with nothing_changes(api, shop):
        refused(caller.call("PUT", **swap(shop)), 401, "unauthenticated")


def test_a_replaced_token_without_a_grace_opens_nothing_from_the_next_request_on(
    api: Api, caller: Api, shop: str
) -> None:
    made = token(api, "releaser")
    caller.token = made["token"]
    caller.ok("PUT", **swap(shop))
    successor = api.ok("POST", f"/v1/tokens/{made['id']}/rotate", {"grace_hours": 0})
    with nothing_changes(api, shop):
        refused(caller.call("PUT", **swap(shop)), 401, "unauthenticated")
    caller.token = successor["token"]
    caller.ok("PUT", **swap(shop))


def test_an_expired_token_opens_nothing(server: Server, api: Api, caller: Api, shop: str) -> None:
    made = token(api, "releaser", expires_in_days=1)
    caller.token = made["token"]
    caller.ok("GET", f"/v1/apps/{shop}")
    with closing(SqliteLedger(server.data / "ledger.sqlite3")) as ledger:
        (item,) = ledger.read([keys.of_token(made["id"])])
        assert item is not None
        ledger.commit([Put(item.key, {**item.body, "expires_at": "2026-01-01T00:00:00Z"}, item.revision)])
    with nothing_changes(api, shop):
        refused(caller.call("PUT", **swap(shop)), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("viewer", "PUT", PRODUCTION),
        ("viewer", "POST", f"{PRODUCTION}/rollback"),
        ("viewer", "PUT", f"{PRODUCTION}/hold"),
        ("viewer", "DELETE", f"{PRODUCTION}/hold"),
        ("viewer", "POST", "/versions"),
        ("viewer", "DELETE", "/versions/branch:main"),
        ("viewer", "PUT", ""),
        ("publisher", "PUT", PRODUCTION),
        ("publisher", "POST", f"{PRODUCTION}/rollback"),
        ("publisher", "PUT", ""),
        ("releaser", "PUT", ""),
    ],
)
def test_a_role_that_does_not_cover_the_call_is_refused(
    api: Api, caller: Api, shop: str, role: str, method: str, path: str
) -> None:
    caller.token = token(api, role)["token"]
    swap_taken = {"version": "branch:main", "reason": "a test"}
    bodies = {PRODUCTION: swap_taken, "/versions": manifest("new", {"index.html": b"new"}), "": {}}
    body = None if path.endswith("/hold") and method == "DELETE" else bodies.get(path, {"reason": "a test"})
    with nothing_changes(api, shop):
        refused(caller.call(method, f"/v1/apps/{shop}{path}", body), 403, "forbidden")


def test_only_an_admin_prunes_and_handles_tokens(api: Api, caller: Api, shop: str) -> None:
    for role in ("viewer", "publisher", "releaser"):
        caller.token = token(api, role)["token"]
        refused(caller.call("POST", f"/v1/apps/{shop}/prune", {"dry_run": False}), 403, "forbidden")
        refused(caller.call("GET", "/v1/tokens"), 403, "forbidden")
        refused(caller.call("POST", "/v1/tokens", {"name": "x", "role": "admin"}), 403, "forbidden")
    assert "token" not in api.items("/v1/tokens")[0]


def test_a_token_for_other_apps_or_pointers_is_refused(api: Api, caller: Api, shop: str) -> None:
    for limits in ({"apps": ["elsewhere"]}, {"apps": [shop], "pointers": ["next"]}):
        caller.token = token(api, "releaser", **limits)["token"]
        with nothing_changes(api, shop):
            refused(caller.call("PUT", **swap(shop)), 403, "forbidden")
    caller.token = token(api, "releaser", apps=[shop], pointers=["production"])["token"]
    assert caller.ok("PUT", **swap(shop))["pointer"]["generation"] == 1


def test_only_an_admin_overrides_a_hold(api: Api, caller: Api, shop: str) -> None:
    api.ok("PUT", f"/v1/apps/{shop}{PRODUCTION}/hold", {"reason": "wait"})
    forced = {"version": "branch:main", "reason": "now", "force": ["hold"]}
    caller.token = token(api, "releaser")["token"]
    with nothing_changes(api, shop):
        refused(caller.call("PUT", f"/v1/apps/{shop}{PRODUCTION}", forced), 403, "forbidden")
    assert api.ok("PUT", f"/v1/apps/{shop}{PRODUCTION}", forced)["swap"]["forced"] == ["hold"]


def test_a_releaser_releases_its_own_hold_and_nobody_else_s(api: Api, caller: Api, shop: str) -> None:
    hold = f"/v1/apps/{shop}{PRODUCTION}/hold"
    api.ok("PUT", hold, {"reason": "wait for marketing"})
    caller.token = token(api, "releaser")["token"]
    with nothing_changes(api, shop):
        refused(caller.call("DELETE", hold), 403, "forbidden")
        problem = refused(caller.call("PUT", hold, {"reason": "mine"}), 403, "forbidden")
    assert problem["hold"]["reason"] == "wait for marketing"
    api.ok("DELETE", hold)
    caller.ok("PUT", hold, {"reason": "mine"})
    assert caller.ok("DELETE", hold)["hold"] is None
    caller.ok("PUT", hold, {"reason": "mine"})
    assert api.ok("DELETE", hold)["last_hold"]["ended_by"] == "token:admin"


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"name": "x"},
        {"name": "", "role": "viewer"},
        {"name": "x" * 64, "role": "viewer"},
        {"name": "a\nb", "role": "viewer"},
        {"name": "\ud800", "role": "viewer"},
        {"name": "x", "role": "king"},
        {"name": "x", "role": "viewer", "expires_in_days": 0},
        {"name": "x", "role": "viewer", "expires_in_days": 367},
        {"name": "x", "role": "viewer", "apps": ["A"]},
        {"name": "x", "role": "viewer", "apps": ["\ud800"]},
        {"name": "x", "role": "viewer", "apps": "shop"},
        {"name": "x", "role": "viewer", "pointers": ["xn"]},
        {"name": "x", "role": "viewer", "token": "pp_mine"},
    ],
    ids=ascii,
)
def test_a_token_that_cannot_be_meant_is_not_made(api: Api, wanted: Json) -> None:
    before = api.items("/v1/tokens")
    refused(api.call("POST", "/v1/tokens", wanted), 422, "invalid-request")
    assert api.items("/v1/tokens") == before


def test_an_owner_whose_tokens_are_all_revoked_gets_another_where_the_data_is(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    with client(server.url, server.token) as api:
        api.ok("DELETE", f"/v1/tokens/{api.ok('GET', '/v1/tokens')['items'][0]['id']}")
        refused(api.call("GET", "/v1/tokens"), 401, "unauthenticated")
    again = replace(server, token="", options=("--new-admin-token",)).restart()
    try:
        with client(again.url, again.token) as api:
            assert [token["revoked_at"] is None for token in api.ok("GET", "/v1/tokens")["items"]].count(True) == 1
    finally:
        again.stop()


def test_calls_at_the_same_time_are_each_by_the_token_that_they_came_with(api: Api, server: Server) -> None:
    secrets = [api.token, token(api, "viewer")["token"]] * 4

    def statuses(secret: str) -> set[int]:
        with client(server.url, secret) as own:
            return {own.call("GET", "/v1/tokens").status_code for _ in range(40)}

    with ThreadPoolExecutor(len(secrets)) as threads:
        assert list(threads.map(statuses, secrets)) == [{200}, {403}] * 4
