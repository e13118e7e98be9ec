"""Manifests that cannot be published: a clear refusal, and nothing is recorded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api, Json, file_entry, manifest
from tests.support.refusals import nothing_changes, refused

PAGE = file_entry("index.html", b"page")
DECOMPOSED = "cafe\u0301.html"


@pytest.fixture(scope="module")
def shop(api: Api) -> str:
    name = api.app("bad-manifests")
    api.publish(name, "good", {"index.html": b"good"})
    return name


def announce(api: Api, shop: str, body: Json) -> Any:
    with nothing_changes(api, shop):
        return api.call("POST", f"/v1/apps/{shop}/versions", body)


@pytest.mark.parametrize(
    "path",
    [
        "../index.html",
        "a/../../index.html",
        "a/..",
        "..",
        ".",
        "./index.html",
        "/etc/passwd",
        "//host/index.html",
        "a//b.html",
        "a/",
        "",
        "..\\index.html",
        "C:\\index.html",
        "a\nb.html",
        "a\x00b.html",
        "a\x7fb.html",
        "a\u0085b.html",
        "a\u2028b.html",
        "\ud800.html",
        DECOMPOSED,
        "a" * 901,
        "\u20ac" * 301,
    ],
    ids=ascii,
)
def test_a_path_that_not_every_part_can_carry_is_refused(api: Api, shop: str, path: str) -> None:
    listed = [PAGE, {**PAGE, "path": path}]
    refused(announce(api, shop, manifest("bad path", {}, files=listed)), 422, "invalid-request")


def test_a_percent_sign_in_a_name_is_no_escape_and_leads_nowhere_else(api: Api, shop: str) -> None:
    files = {"index.html": b"page", "%2e%2e/%2e%2e/index.html": b"literal"}
    host = {"Host": f"{api.publish(shop, 'percent', files, branch=None)['id']}--{shop}.localhost"}
    shown = api.session.get(f"{api.url}/%252e%252e/%252e%252e/", headers=host, timeout=20)
    assert (shown.status_code, shown.content) == (200, b"literal")


def test_the_longest_path_is_taken_and_served(api: Api, shop: str) -> None:
    path = "\u20ac" * 299 + ".js"
    host = {"Host": f"{api.publish(shop, 'long path', {path: b'long'}, branch=None)['id']}--{shop}.localhost"}
    assert api.session.get(f"{api.url}/{path}", headers=host, timeout=20).content == b"long"


def test_a_path_that_is_listed_twice_is_refused(api: Api, shop: str) -> None:
    problem = refused(announce(api, shop, manifest("twice", {}, files=[PAGE, PAGE])), 422, "invalid-request")
    assert "twice" in problem["detail"]


def test_a_file_inside_a_file_is_refused(api: Api, shop: str) -> None:
    listed = [PAGE, {**PAGE, "path": "index.html/more/a.html"}]
    problem = refused(announce(api, shop, manifest("nested", {}, files=listed)), 422, "invalid-request")
    assert "inside 'index.html'" in problem["detail"]


def test_a_version_without_files_is_refused(api: Api, shop: str) -> None:
    refused(announce(api, shop, manifest("empty", {})), 422, "invalid-request")


def test_more_files_than_20_000_are_refused(api: Api, shop: str) -> None:
    listed = [{**PAGE, "path": f"{number}.html"} for number in range(20_001)]
    problem = refused(announce(api, shop, manifest("many", {}, files=listed)), 413, "payload-too-large")
    assert problem["limit"] == 20_000


def test_a_body_of_more_than_6_mb_is_refused(api: Api, shop: str) -> None:
    large = manifest("large", {}, files=[PAGE], message="m" * (6 * 1024**2))
    refused(announce(api, shop, large), 413, "payload-too-large")


@pytest.mark.parametrize(
    "file",
    [
        {"size": -1},
        {"size": 5 * 1024**3 + 1},
        {"size": 10**400},
        {"size": "4"},
        {"size": 4.5},
        {"size": True},
        {"size": None},
        {"sha256": "A" * 64},
        {"sha256": "a" * 63},
        {"sha256": "a" * 64 + "\n"},
        {"type": "text"},
        {"type": "text/html\r\nSet-Cookie: a=b"},
        {"type": "text/html; charset=utf-8\n"},
        {"path": 7},
        {"path": ["index.html"]},
        {"mode": "0644"},
    ],
    ids=lambda file: ascii(file)[:40],
)
def test_a_file_entry_that_cannot_be_meant_is_refused(api: Api, shop: str, file: Json) -> None:
    listed = [{**PAGE, **file}]
    refused(announce(api, shop, manifest("bad file", {}, files=listed)), 422, "invalid-request")


@pytest.mark.parametrize(
    "more",
    [
        {"commit": "a" * 39},
        {"commit": "A" * 40},
        {"commit": "a" * 40 + "\n"},
        {"commit": None},
        {"ancestors": ["b" * 40] * 1_001},
        {"ancestors": ["main"]},
        {"ancestors": "b" * 40},
        {"branch": ""},
        {"branch": "b" * 256},
        {"branch": "\ud800"},
        {"message": "m" * 1_001},
        {"message": "\udfff"},
        {"author": "\ud800"},
        {"committed_at": "yesterday"},
        {"committed_at": "2026-13-01T00:00:00Z"},
        {"committed_at": "2026-01-01T00:00:00"},
        {"committed_at": "0001-01-01T00:00:00+14:00"},
        {"committed_at": 1_767_225_600},
        {"tags": ["t"] * 11},
        {"tags": [""]},
        {"tags": ["\ud800"]},
        {"dirty": "no"},
        {"site": {"clean_urls": "sometimes"}},
        {"site": {"spa": 1}},
        {"site": {"robots": "all"}},
        {"health": {"paths": ["about"]}},
        {"health": {"paths": ["/a b"]}},
        {"health": {"paths": ["/\ud800"]}},
        {"health": {"paths": ["/"] * 11}},
        {"functions": ["api"]},
        {"files": {}},
        {"files": None},
        {"colour": "red"},
    ],
    ids=lambda more: ascii(more)[:50],
)
def test_a_manifest_that_cannot_be_meant_is_refused(api: Api, shop: str, more: Json) -> None:
    body = manifest("bad manifest", {"index.html": b"page"}, **more)
    refused(announce(api, shop, body), 422, "invalid-request")


@pytest.mark.parametrize("missing", ["commit", "committed_at", "files"])
def test_a_manifest_that_lacks_something_is_refused(api: Api, shop: str, missing: str) -> None:
    body = manifest("lacking", {"index.html": b"page"})
    del body[missing]
    problem = refused(announce(api, shop, body), 422, "invalid-request")
    assert missing in problem["errors"][0]["where"]


def test_tags_that_repeat_are_one(api: Api, shop: str) -> None:
    version = api.publish(shop, "tags", {"index.html": b"tagged"}, branch=None, tags=["v1", "v1"])
    assert api.ok("GET", f"/v1/apps/{shop}/versions/tag:v1")["id"] == version["id"]


def test_a_publish_of_20_000_files_works_and_again_sends_nothing(api: Api, shop: str) -> None:
    distinct = 1_100  # More than a page of uploads has.
    files = {f"{number % 100}/{number}.html": b"<p>%d</p>" % (number % distinct) for number in range(20_000)}
    begun = api.ok("POST", f"/v1/apps/{shop}/versions", manifest("20,000", files, branch=None))
    assert begun["missing_files"] == distinct
    assert 0 < len(begun["uploads"]["items"]) <= 1_000, "a page of objects asks for each content once"
    assert api.send(shop, begun, files) == distinct
    version = api.ok("POST", f"/v1/apps/{shop}/versions/{begun['version']['id']}/finalize", {})["version"]
    assert (version["state"], version["files"]) == ("ready", 20_000)
    again = api.ok("POST", f"/v1/apps/{shop}/versions", manifest("20,000 once more", files, branch=None))
    assert (again["missing_files"], again["uploads"]) == (0, {"items": [], "next_cursor": None})
    shown = {"Host": f"{version['id']}--{shop}.localhost"}
    assert api.session.get(f"{api.url}/99/19999.html", headers=shown, timeout=20).content == b"<p>199</p>"
