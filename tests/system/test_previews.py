"""Locked previews, through the server that runs: who gets in, by what, and that production is never locked."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.api import Api, client
from tests.support.refusals import nothing_changes, refused
from tests.support.server import Answer, Server

NAVIGATE = {"Sec_Fetch_Dest": "document", "Sec_Fetch_Mode": "navigate"}


@pytest.fixture
def version(api: Api, app: str) -> str:
    """Return a version that production shows, under a host of its own, in an app whose previews are locked."""
    api.ok("PUT", f"/v1/apps/{app}", {"hosts": {"production": [f"{app}.example.com"]}})
    made: str = api.publish(app, app, {"index.html": b"page", "a.js": b"code"}, branch="main")["id"]
    assert api.point(app, "production", made).status_code == 200
    lock(api, app, "link")
    return made


def lock(api: Api, app: str, access: str, **more: Any) -> dict[str, Any]:
    return api.ok("PUT", f"/v1/apps/{app}/previews", {"access": access, **more})


def share(api: Api, app: str, reference: str, **more: Any) -> tuple[str, str]:
    """Return the host of a share link, and what is asked of it."""
    link = urlsplit(api.ok("POST", f"/v1/apps/{app}/shares", {"version": reference, **more})["url"])
    return link.netloc, f"{link.path}?{link.query}"


def entered(server: Server, host: str, link: str) -> str:
    """Follow a link as far as its cookie, and return that."""
    answer = server.get(host, link)
    assert (answer.status, answer.headers["location"], answer.headers["cache-control"]) == (302, "/", "no-store")
    assert answer.headers["referrer-policy"] == "no-referrer"
    cookie, _, attributes = answer.headers["set-cookie"].partition("; ")
    assert attributes.startswith("Path=/; HttpOnly; SameSite=Lax; Max-Age=")
    return cookie


def shut(answer: Answer) -> bool:
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert b"page" not in answer.body
    return answer.status in {401, 403}


def test_a_link_opens_what_it_names_and_nothing_else(server: Server, api: Api, app: str, version: str) -> None:
    host, link = share(api, app, f"{version}")
    other = f"production--{app}.localhost"
    assert shut(server.get(host, "/", **NAVIGATE))
    cookie = entered(server, host, link)
    answer = server.get(host, "/", Cookie=cookie, **NAVIGATE)
    assert (answer.status, answer.body, answer.headers["x-robots-tag"]) == (200, b"page", "noindex")
    assert server.get(host, "/a.js", Cookie=cookie).body == b"code"
    assert shut(server.get(other, "/", Cookie=cookie))
    assert shut(server.get(other, link))


def test_a_link_to_a_pointer_goes_on_showing_what_the_pointer_shows(
    server: Server, api: Api, app: str, version: str
) -> None:
    del version
    host, link = share(api, app, "pointer:production")
    cookie = entered(server, host, link)
    newer = api.publish(app, f"{app}-newer", {"index.html": b"newer"}, branch=None)["id"]
    swap = {"version": newer, "reason": "a test", "force": ["lineage"]}
    api.ok("PUT", f"/v1/apps/{app}/pointers/production", swap)
    assert server.get(host, "/", Cookie=cookie, **NAVIGATE).body == b"newer"


def test_production_is_never_locked(server: Server, app: str, version: str) -> None:
    host = f"{app}.example.com"
    answer = server.get(host, "/", **NAVIGATE)
    assert (answer.status, answer.body, "x-robots-tag" in answer.headers) == (200, b"page", False)
    pin = answer.headers["set-cookie"].partition(";")[0]
    assert pin.startswith(f"pullprod={version}.1.")
    assert server.get(host, "/a.js", Cookie=pin).body == b"code"


def test_a_pin_that_was_made_up_shows_no_locked_version_on_production(
    server: Server, api: Api, app: str, version: str
) -> None:
    host = f"{app}.example.com"
    hidden = api.publish(app, f"{app}-hidden", {"index.html": b"hidden"}, branch="hidden")["id"]
    _, _, seconds, signature = server.get(host, "/", **NAVIGATE).headers["set-cookie"].partition(";")[0].split(".")
    for pin in (f"{hidden}.9.{seconds}", f"{hidden}.9.{seconds}.{signature}", f"{hidden}.9.{seconds}.{'A' * 43}"):
        answer = server.get(host, "/", Cookie=f"pullprod={pin}")
        assert (answer.body, answer.headers["x-pullprod-version"]) == (b"page", version)


def test_locking_again_ends_links_and_cookies_at_once(server: Server, api: Api, app: str, version: str) -> None:
    host, link = share(api, app, version)
    cookie = entered(server, host, link)
    lock(api, app, "link")
    assert shut(server.get(host, "/", Cookie=cookie))
    assert shut(server.get(host, link))


def test_a_password_opens_all_previews_of_the_app(server: Server, api: Api, app: str, version: str) -> None:
    made = lock(api, app, "password")
    assert made["user"] == app
    login = base64.b64encode(f"{app}:{made['password']}".encode()).decode()
    for name in (version, "production", "main"):
        host = f"{name}--{app}.localhost"
        asked = server.get(host, "/", **NAVIGATE)
        assert (asked.status, asked.headers["www-authenticate"]) == (401, f'Basic realm="{app}"')
        assert server.get(host, "/", Authorization=f"Basic {login}").body == b"page"
        assert shut(server.get(host, "/", Authorization=f"Basic {login[:-4]}AAAA"))
    assert api.ok("GET", f"/v1/apps/{app}/previews")["password"] is None


def test_a_version_whose_previews_are_locked_is_published_and_swapped_with_its_health_asked(
    server: Server, api: Api, app: str, version: str
) -> None:
    del version
    files = {"index.html": b"healthy"}
    healthy = api.publish(app, f"{app}-healthy", files, health={"paths": ["/"]}, branch=None)
    assert healthy["state"] == "ready"
    assert api.point(app, "next", healthy["id"]).status_code == 200
    assert shut(server.get(f"next--{app}.localhost", "/"))


def test_previews_may_be_opened_again(server: Server, api: Api, app: str, version: str) -> None:
    lock(api, app, "public")
    assert server.get(f"{version}--{app}.localhost", "/").body == b"page"
    refused(api.call("POST", f"/v1/apps/{app}/shares", {"version": version}), 409, "nothing-to-share")


@pytest.fixture
def viewer(server: Server, api: Api) -> Iterator[Api]:
    made = api.ok("POST", "/v1/tokens", {"name": "a viewer", "role": "viewer"})
    with client(server.url, made["token"]) as caller:
        yield caller


def test_a_viewer_shares_nothing_and_unlocks_nothing(api: Api, viewer: Api, app: str, version: str) -> None:
    with nothing_changes(api, app):
        refused(viewer.call("POST", f"/v1/apps/{app}/shares", {"version": version}), 403, "forbidden")
        refused(viewer.call("PUT", f"/v1/apps/{app}/previews", {"access": "public"}), 403, "forbidden")
    assert viewer.ok("GET", f"/v1/apps/{app}/previews")["access"] == "link"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access": "private"},
        {"access": "link", "password": "a good password"},
        {"access": "password", "password": "short"},
        {"access": "password", "password": "x" * 129},
        {"access": "password", "password": 7},
        {"access": "link", "colour": "red"},
    ],
    ids=str,
)
def test_an_access_that_cannot_be_meant_is_refused(api: Api, app: str, version: str, body: dict[str, Any]) -> None:
    del version
    refused(api.call("PUT", f"/v1/apps/{app}/previews", body), 422, "invalid-request")
    assert api.ok("GET", f"/v1/apps/{app}/previews")["access"] == "link"


@pytest.mark.parametrize("seconds", [0, 59, 90 * 86_400 + 1, -1, "7d", None])
def test_a_time_that_is_too_short_or_too_long_is_refused(api: Api, app: str, version: str, seconds: object) -> None:
    answer = api.call("POST", f"/v1/apps/{app}/shares", {"version": version, "seconds": seconds})
    refused(answer, 422, "invalid-request")
