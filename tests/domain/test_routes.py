from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain import routes
from pullprod_control_plane.domain.errors import PayloadTooLarge
from pullprod_control_plane.domain.functions import Function
from pullprod_control_plane.domain.manifests import Site
from pullprod_control_plane.domain.names import MAX_APP, MAX_POINTER
from pullprod_control_plane.domain.pointers import MAX_RECENT, Pointer
from pullprod_control_plane.domain.routes import GONE, MAX_RECORD, for_pointer, for_version
from pullprod_control_plane.domain.versions import State
from tests.support.domain import a_function, a_gone_route, a_pointer, a_route, a_version, version_id

VERSION = a_version()
LONGEST = a_version(app="a" * MAX_APP, site=Site("directory", spa=True))
RECENT = tuple((version_id(n), 10**14 + n) for n in range(MAX_RECENT))


@given(st.integers(1, 10**15 - 1), st.lists(st.sampled_from(RECENT), max_size=30), st.booleans())
def test_no_record_is_ever_longer_than_the_edge_keeps(
    generation: int,
    recent: list[tuple[str, int]],
    spa: bool,
) -> None:
    version = a_version(app="a" * MAX_APP, site=Site("directory", spa=spa))
    hosts = ("w" * 63 + ".example",)
    pointer = Pointer("a" * MAX_APP, "p" * MAX_POINTER, generation, version.id, recent=tuple(recent), hosts=hosts)
    for route in for_pointer(pointer, version):
        assert len(route.record.encode()) <= MAX_RECORD
        kept = json.loads(route.record).get("r", [])
        assert kept == [list(entry) for entry in recent[: len(kept)]], "the newest are kept"


def test_the_longest_names_leave_room_for_all_that_a_pointer_remembers() -> None:
    pointer = Pointer(LONGEST.app, "p" * MAX_POINTER, 10**14, LONGEST.id, recent=RECENT)
    assert len(json.loads(for_pointer(pointer, LONGEST)[0].record)["r"]) == MAX_RECENT


def test_what_cannot_fit_is_refused_rather_than_cut() -> None:
    with pytest.raises(PayloadTooLarge, match="1024"):
        for_version(a_version(segments="x" * MAX_RECORD))


def test_a_pointer_has_one_route_a_host_and_only_custom_hosts_are_indexed() -> None:
    pointer = a_pointer(generation=3, version=VERSION.id, hosts=("www.example.com", "example.com"))
    found = {route.key: json.loads(route.record) for route in for_pointer(pointer, VERSION)}
    assert set(found) == {"production--shop", "www.example.com", "example.com"}
    assert {key for key, record in found.items() if "x" in record} == {"production--shop"}


def test_the_routes_of_a_pointer_say_the_same_of_what_they_show() -> None:
    pointer = a_pointer(generation=3, version=VERSION.id, hosts=("www.example.com",), recent=(("old", 2),))
    preview, custom = (json.loads(route.record) for route in for_pointer(pointer, VERSION))
    assert {key: preview[key] for key in custom} == custom
    assert (custom["v"], custom["g"], custom["s"]) == (VERSION.id, 3, VERSION.segments)
    assert custom["r"] == [["old", 2]]


def of(*functions: Function) -> dict[str, Any]:
    """Return what the record of a version with these functions says of them."""
    origins = {function.name: f"id-of-{function.name}.lambda-url.eu-west-1.on.aws" for function in functions}
    record = json.loads(for_version(a_version(functions=functions, origins=origins)).record)
    return {key: record[key] for key in ("f", "i", "o") if key in record}


def test_a_record_names_the_origin_of_each_route_once() -> None:
    api, shop = a_function("api", routes=("/api/*", "/login")), a_function("shop", routes=("/basket",))
    assert of(api, shop) == {
        "f": [["/basket", 1], ["/login", 0], ["/api/*", 0]],
        "i": ["id-of-api", "id-of-shop"],
        "o": ".lambda-url.eu-west-1.on.aws",
    }


def test_a_record_without_functions_says_nothing_of_them() -> None:
    assert of() == {}


def test_the_most_specific_route_comes_first() -> None:
    ordered = ["/api/admin/*", "/api/admi", "/api", "/api/*", "/*"]
    assert [route for route, _ in of(a_function(routes=tuple(reversed(ordered))))["f"]] == ordered
    assert of(a_function("b", routes=("/*", "/")))["f"] == [["/", 0], ["/*", 0]]


@given(st.permutations(["/a/*", "/a", "/a/b", "/a/b/*", "/b/*", "/*", "/"]))
def test_the_order_of_routes_is_theirs_and_not_the_manifest_s(listed: list[str]) -> None:
    assert of(a_function(routes=tuple(listed))) == of(a_function(routes=tuple(sorted(listed))))


def test_pointers_and_versions_say_the_same_of_functions() -> None:
    version = a_version(functions=(a_function(),), origins={"api": "one.example"})
    pointed, own = (
        json.loads(r.record) for r in (*for_pointer(a_pointer(generation=2), version), for_version(version))
    )
    assert all(pointed[key] == own[key] for key in ("f", "i", "o"))


@given(
    app=st.text("a", min_size=1, max_size=MAX_APP),
    routed=st.lists(st.lists(st.text("/ab", min_size=1, max_size=100), min_size=1, max_size=8), max_size=4),
    recent=st.lists(st.sampled_from(RECENT), max_size=5),
    spa=st.booleans(),
)
def test_what_is_accepted_when_it_is_announced_fits_for_every_pointer(
    app: str, routed: list[list[str]], recent: list[tuple[str, int]], spa: bool
) -> None:
    functions = tuple(a_function(f"f{number}", routes=tuple(listed)) for number, listed in enumerate(routed))
    site = Site("directory", spa=spa)
    try:
        routes.check(app, site, functions)
    except PayloadTooLarge as refused:
        assert "too long for the edge" in refused.detail
        return
    origins = {function.name: f"{'i' * 32}.lambda-url.ap-southeast-1.on.aws" for function in functions}
    version = a_version(app=app, site=site, functions=functions, origins=origins)
    pointer = Pointer(app, "p" * MAX_POINTER, 10**15 - 1, version.id, recent=tuple(recent), hosts=("www.example.com",))
    for route in (*for_pointer(pointer, version), for_version(version)):
        assert len(route.record.encode()) <= MAX_RECORD


def test_recently_shown_versions_go_before_a_route_does() -> None:
    functions = tuple(a_function(f"f{n}", routes=("/" + "x" * 40,)) for n in range(3))
    origins = {function.name: "i" * 32 + ".lambda-url.eu-west-1.on.aws" for function in functions}
    pointer = a_pointer(generation=10**14, recent=RECENT)
    record = json.loads(for_pointer(pointer, a_version(functions=functions, origins=origins))[0].record)
    assert len(record["f"]) == 3
    assert 0 < len(record["r"]) < MAX_RECENT
    assert record["r"] == [list(entry) for entry in RECENT[: len(record["r"])]]


def test_functions_with_many_short_routes_fit() -> None:
    functions = [a_function(f"f{n}", routes=(f"/api/{n}/*", f"/hook-{n}")) for n in range(4)]
    routes.check("a" * MAX_APP, Site("directory", spa=True), functions)


def test_functions_that_could_never_fit_are_told_by_how_much() -> None:
    functions = [a_function(routes=tuple(f"/{'x' * 90}/{n}" for n in range(8)))]
    with pytest.raises(PayloadTooLarge, match=r"[0-9]+ bytes too long for the edge") as refused:
        routes.check("shop", Site(), functions)
    assert refused.value.facts["where"] == "functions.routes"


def test_a_version_s_own_record_tells_when_it_was_begun() -> None:
    record = json.loads(for_version(a_version(begun_at="2026-05-31T12:00:59.000000Z")).record)
    assert record["t"] * 60 == datetime(2026, 5, 31, 12, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (a_route("a", 7, "production").record, ("shop/production", 7)),
        (a_route("a", 0, None).record, (version_id("a"), 0)),
        (a_gone_route("a").record, (version_id("a"), GONE)),
        ("", ("", -1)),
        ("[]", ("", -1)),
        ("{}", ("", -1)),
        ('{"n":"next","a":"shop","g":"many"}', ("", -1)),
    ],
)
def test_a_record_tells_whose_it_is_and_what_orders_it(record: str, expected: tuple[str, int]) -> None:
    assert routes.standing(record) == expected


@pytest.mark.parametrize(
    ("found", "stays"),
    [
        (None, False),
        ("broken", False),
        (a_route("a", 6).record, False),
        (a_route("a", 7).record, False),
        (a_route("a", 8).record, True),
        (a_route("a", 8, "production").record, False),
        (a_gone_route("a").record, False),
    ],
)
def test_only_a_newer_record_of_the_same_owner_stays(found: str | None, stays: bool) -> None:
    assert routes.outranked(a_route("a", 7), found) is stays


def test_a_withdrawn_version_is_not_shown_again() -> None:
    assert routes.outranked(for_version(VERSION), for_version(a_version(state=State.REVOKED)).record)


def test_writes_of_a_pointer_are_ordered_by_generation() -> None:
    for route in for_pointer(a_pointer(generation=3, hosts=("www.example.com",)), VERSION):
        assert (route.owner, route.fence) == ("shop/production", 3)


def test_a_version_s_own_address_shows_it_unindexed_and_without_a_past() -> None:
    route = for_version(VERSION)
    record = json.loads(route.record)
    assert route.key == f"{VERSION.id}--shop"
    assert (record["v"], record["g"], record["x"]) == (VERSION.id, 0, 1)
    assert "r" not in record


def test_a_revoked_version_is_gone_for_good() -> None:
    route, before = for_version(a_version(state=State.REVOKED)), for_version(VERSION)
    assert json.loads(route.record) == {"a": "shop", "v": VERSION.id, "gone": 1}
    assert route.owner == before.owner
    assert route.fence == GONE > before.fence


@pytest.mark.parametrize(
    ("site", "facts"),
    [
        (Site("directory"), {"c": "d"}),
        (Site("html"), {"c": "h"}),
        (Site("off"), {"c": "o"}),
        (Site("directory", spa=True), {"c": "d", "p": 1}),
    ],
)
def test_a_record_carries_how_paths_turn_into_files(site: Site, facts: dict[str, object]) -> None:
    record = json.loads(for_version(a_version(site=site)).record)
    assert {key: record[key] for key in ("c", "p") if key in record} == facts
