from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.errors import PayloadTooLarge
from pullprod_control_plane.domain.manifests import Site
from pullprod_control_plane.domain.names import MAX_APP, MAX_POINTER
from pullprod_control_plane.domain.pointers import MAX_RECENT, Pointer
from pullprod_control_plane.domain.routes import GONE, MAX_RECORD, for_pointer, for_version
from pullprod_control_plane.domain.versions import State
from tests.support.domain import a_pointer, a_version, version_id

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
