"""What viewers get where the bucket has no such file."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import pytest

from pullprod_control_plane.entrypoints.aws.not_found import MAX_BYTES, NotFound

VERSION = "3f9c2a1b7d4e-9b1c22aa"
STORED = {
    "shop/s/abcd_-12/404.html": b"<h1>Not here</h1>",
    "shop/s/abcd_-12/index.html": b"<h1>App</h1>",
    "shop/s/huge1234/404.html": b"x" * (MAX_BYTES + 1),
    "shop/m/secret.json": b"{}",
}


class NoSuchKey(Exception):
    pass


class Bucket:
    """A client of S3 as far as one object is read."""

    class exceptions:  # noqa: N801 - boto3's name.
        NoSuchKey = NoSuchKey

    def get_object(self, **asked: str) -> dict[str, Any]:
        assert asked["Bucket"] == "bucket"
        body = STORED.get(asked["Key"])
        if body is None:
            raise NoSuchKey
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "ContentType": "text/html; charset=utf-8"}


def ask(fallback: str | None, **headers: str) -> dict[str, Any]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if fallback is not None:
        sent["x-pullprod-not-found"] = fallback
    return NotFound(Bucket(), "bucket")({"headers": sent}, None)


def test_a_version_says_not_found_in_its_own_words() -> None:
    answer = ask("404 /shop/s/abcd_-12/404.html")

    assert (answer["statusCode"], base64.b64decode(answer["body"])) == (404, b"<h1>Not here</h1>")
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    assert answer["headers"]["cache-control"] == "no-store"


def test_a_single_page_application_answers_for_all_its_addresses() -> None:
    answer = ask("200 /shop/s/abcd_-12/index.html", x_pullprod_route=f"{VERSION}.7", x_pullprod_flags="dp")

    assert (answer["statusCode"], base64.b64decode(answer["body"])) == (200, b"<h1>App</h1>")
    assert answer["cookies"] == [], "viewer_response.js is run for a 200, and pins it"


@pytest.mark.parametrize(
    "fallback",
    [
        None,
        "",
        "404",
        "404 /shop/s/ABCDEFGH/404.html",
        "404 /shop/s/huge1234/404.html",
        "200 /shop/s/abcd_-12/404.html",
        "404 /shop/s/abcd_-12/index.html",
        "302 /shop/s/abcd_-12/404.html",
        "404 /shop/m/secret.json",
        "404 /shop/s/abcd_-12/../../m/secret.json",
        "404 /shop/s/abcd_-12/404.html\n",
    ],
)
def test_what_names_no_page_that_can_be_served_is_a_plain_404(fallback: str | None) -> None:
    answer = ask(fallback)

    assert (answer["statusCode"], base64.b64decode(answer["body"])) == (404, b"Nothing is here.\n")
    assert answer["headers"]["cache-control"] == "no-store"


def test_it_says_which_version_answered_and_keeps_search_engines_out() -> None:
    answer = ask("404 /shop/s/abcd_-12/404.html", x_pullprod_route=f"{VERSION}.0", x_pullprod_flags="dn")

    assert answer["headers"]["x-pullprod-version"] == VERSION
    assert answer["headers"]["x-robots-tag"] == "noindex"
    assert answer["headers"]["x-content-type-options"] == "nosniff"
    assert answer["cookies"] == []


def test_a_page_that_is_not_there_is_pinned_as_any_other() -> None:
    fresh = ask(None, x_pullprod_route=f"{VERSION}.7", x_pullprod_flags="dp")["cookies"]
    kept = ask(None, x_pullprod_route=f"{VERSION}.7.1700000000", x_pullprod_flags="dp")["cookies"]

    assert re.fullmatch(rf"pullprod={VERSION}\.7\.\d{{10}}; Path=/; HttpOnly; SameSite=Lax", fresh[0])
    assert kept == [f"pullprod={VERSION}.7.1700000000; Path=/; HttpOnly; SameSite=Lax"]
    signed = f"{VERSION}.7.1700000000.{'s' * 43}"
    assert ask(None, x_pullprod_route=signed, x_pullprod_flags="dp")["cookies"][0].startswith(f"pullprod={signed};")


@pytest.mark.parametrize("route", ["x", f"{VERSION}.7; Domain=evil.example", f"{VERSION}.7\r\nx: y"])
def test_a_route_that_is_none_marks_nothing(route: str) -> None:
    answer = ask(None, x_pullprod_route=route, x_pullprod_flags="dp")

    assert "x-pullprod-version" not in answer["headers"]
    assert answer["cookies"] == []
