"""What the key-value store's adapter does beyond the port, on a double that enforces every documented limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullprod_control_plane.adapters.aws import cloudfront_edge
from pullprod_control_plane.adapters.aws.cloudfront_edge import CloudFrontEdge
from pullprod_control_plane.domain.errors import Busy, PayloadTooLarge, StorageFull
from pullprod_control_plane.domain.eviction import size
from pullprod_control_plane.domain.routes import GONE, Route, standing
from tests.support.domain import a_gone_route, a_route
from tests.support.kvs import ARN, LIMIT, Refused, StrictStore, a_client

PAD = 900


@pytest.fixture(scope="module")
def client() -> Any:
    """Making a boto3 client takes longer than most tests, so they share one."""
    return a_client()


@pytest.fixture
def store(client: Any) -> Iterator[StrictStore]:
    store = StrictStore()
    with store.answering(client):
        yield store


@pytest.fixture
def edge(client: Any) -> CloudFrontEdge:
    return CloudFrontEdge(client, ARN)


@pytest.fixture
def other(client: Any) -> CloudFrontEdge:
    """Another process's adapter of the same store."""
    return CloudFrontEdge(client, ARN)


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudfront_edge, "_LONGEST_PAUSE_S", 0.0)


def once(operation: str, act: Callable[[], object]) -> Callable[[str], None]:
    """Return what acts before the first call of an operation."""
    done: list[bool] = []

    def before(name: str) -> None:
        if name == operation and not done:
            done.append(True)
            act()

    return before


def hosts(generation: int, count: int = 26) -> list[Route]:
    return [a_route(f"host-{number}.example.com", generation) for number in range(count)]


def a_version_route(number: int, **facts: Any) -> Route:
    """Return the route of a version's own address, of a thousand bytes, begun in minute `number`."""
    version = f"{number:012x}-00000000"
    facts = {"a": "shop", "v": version, "g": 0, "x": 1, "t": number, "s": "x" * PAD, **facts}
    return Route(f"{version}--shop", json.dumps(facts, separators=(",", ":")))


def fill(store: StrictStore, used: int) -> list[str]:
    """Put routes of versions into the store until `used` bytes are; return their keys, oldest first."""
    keys = []
    number = 0
    taken = store.used
    while taken < used:
        route = a_version_route(number)
        store.items[route.key] = route.record
        keys.append(route.key)
        taken += len(route.key) + len(route.record)
        number += 1
    return keys


def test_the_first_write_looks_before_it_writes(store: StrictStore, edge: CloudFrontEdge) -> None:
    edge.show(hosts(1))
    assert store.calls[0] == "describe"
    assert store.counts() == {"describe": 1, "get": 26, "update": 1}


def test_who_is_alone_in_writing_needs_one_call(store: StrictStore, edge: CloudFrontEdge) -> None:
    edge.show(hosts(1))
    store.calls.clear()
    edge.show(hosts(2))
    edge.remove([route.key for route in hosts(2)])
    assert store.calls == ["update", "update"]
    assert store.items == {}


def test_who_has_a_mark_from_before_needs_one_call(
    store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge
) -> None:
    other.show(hosts(1))
    mark = edge.mark()
    store.calls.clear()
    edge.show(hosts(2), mark)
    assert store.calls == ["update"]


def test_a_full_store_makes_room_for_what_is_shown_on_a_mark(store: StrictStore, edge: CloudFrontEdge) -> None:
    fill(store, LIMIT - 1_200)
    edge.show(hosts(1, 5), edge.mark())
    assert {route.key for route in hosts(1, 5)} <= store.items.keys()


def test_who_has_read_what_is_to_be_shown_needs_one_call(
    store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge
) -> None:
    other.show(hosts(1))
    edge.records([route.key for route in hosts(1)])
    store.calls.clear()
    edge.show(hosts(2))
    assert store.calls == ["update"]


def test_reading_again_asks_for_nothing_that_cannot_have_changed(
    store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge
) -> None:
    edge.show(hosts(1))
    store.calls.clear()
    assert edge.records(["host-1.example.com"]) == [hosts(1)[1].record]
    assert store.calls == ["describe"]
    other.show([a_route("elsewhere", 1)])
    store.calls.clear()
    assert edge.records(["host-1.example.com"]) == [hosts(1)[1].record]
    assert store.calls == ["describe", "get"]


@pytest.mark.usefixtures("store")
def test_what_is_remembered_is_bounded(edge: CloudFrontEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudfront_edge, "_REMEMBERED", 10)
    for number in range(50):
        edge.records([f"none-{number}"])
    assert edge._view is not None
    assert len(edge._view.records) <= 11


@pytest.mark.parametrize("code", ["ConflictException", "ValidationException"])
def test_a_write_that_is_overtaken_looks_again(
    store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge, code: str
) -> None:
    edge.show([a_route("a", 1)])
    other.show([a_route("b", 1)])
    store.stale = code
    store.calls.clear()
    edge.show([a_route("a", 2)])
    assert store.calls == ["update", "describe", "get", "update"]
    assert standing(store.items["a"]) == ("shop/next", 2)


def test_a_write_that_is_overtaken_by_a_newer_generation_leaves_it(
    store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge
) -> None:
    store.before = once("update", lambda: other.show([a_route("a", 9)]))
    edge.show([a_route("a", 5), a_route("b", 5)])
    assert [standing(store.items[key])[1] for key in "ab"] == [9, 5]


def test_a_remembered_record_that_would_stop_a_write_is_read_again(
    store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge
) -> None:
    edge.show([a_route("a", 9)])
    other.remove(["a"])
    edge.show([a_route("a", 1)])
    assert standing(store.items["a"])[1] == 1


def test_a_remembered_absence_is_looked_at_again(
    store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge
) -> None:
    assert edge.records(["a"]) == [None]
    other.show([a_route("a", 1)])
    edge.remove(["a"])
    assert store.items == {}


def test_a_write_whose_answer_was_lost_can_be_repeated(
    store: StrictStore, edge: CloudFrontEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge.show([a_route("a", 1)])
    written = store.write

    def lost(*changes: Any) -> dict[str, Any]:
        written(*changes)
        monkeypatch.setattr(store, "write", written)
        raise Refused("InternalServerException", "the answer is lost")

    monkeypatch.setattr(store, "write", lost)
    with pytest.raises(Busy):
        edge.show([a_route("a", 2)])
    edge.show([a_route("a", 2)])
    assert standing(store.items["a"])[1] == 2


@pytest.mark.usefixtures("without_pauses")
def test_who_is_always_overtaken_is_told_so(store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge) -> None:
    writing: list[bool] = []

    def overtake(operation: str) -> None:
        if operation == "update" and not writing:
            writing.append(True)
            other.show([a_route("b", 1)])
            writing.clear()

    store.before = overtake
    with pytest.raises(Busy, match="Try again"):
        edge.show([a_route("a", 1)])
    assert "a" not in store.items


def test_32_writers_of_different_hosts_all_succeed(store: StrictStore, client: Any) -> None:
    def write(number: int) -> None:
        CloudFrontEdge(client, ARN).show([a_route(f"host-{number}", 1, f"p{number}")])

    with ThreadPoolExecutor(32) as writers:
        list(writers.map(write, range(32)))
    assert set(store.items) == {f"host-{number}" for number in range(32)}


def test_writers_of_one_pointer_never_leave_a_lower_generation(
    store: StrictStore, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    written = store.write

    def watched(*changes: Any) -> dict[str, Any]:
        answer = written(*changes)
        seen.append(standing(store.items["host-0.example.com"])[1])
        assert {standing(record)[1] for record in store.items.values()} == {seen[-1]}, "all hosts, or none"
        return answer

    monkeypatch.setattr(store, "write", watched)

    def write(generation: int) -> None:
        CloudFrontEdge(client, ARN).show(hosts(generation, 3))

    with ThreadPoolExecutor(16) as writers:
        list(writers.map(write, range(1, 17)))
    assert seen == sorted(seen)
    assert seen[-1] == 16


def test_hosts_of_a_pointer_are_written_in_one_step_whatever_else_is_written(
    store: StrictStore, edge: CloudFrontEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [[a_route(f"{pointer}-{n}", 1, f"p{pointer}") for n in range(26)] for pointer in range(4)]
    whole: list[bool] = []
    written = store.write

    def watched(*changes: Any) -> dict[str, Any]:
        answer = written(*changes)
        whole.extend(len({route.key for route in group} & store.items.keys()) in {0, 26} for group in groups)
        return answer

    monkeypatch.setattr(store, "write", watched)
    edge.show([route for group in groups for route in group])
    assert len(store.items) == 104
    assert all(whole)


@pytest.mark.parametrize("route", [a_route("k" * 513, 1), a_route("", 1), a_route("k", 1, s="x" * 1_024)])
def test_what_the_store_would_not_take_is_refused_before_it_is_asked(
    store: StrictStore, edge: CloudFrontEdge, route: Route
) -> None:
    with pytest.raises(PayloadTooLarge, match="does not fit the edge"):
        edge.show([a_route("fine", 1), route])
    assert store.calls == []


def test_the_longest_key_and_record_are_taken(store: StrictStore, edge: CloudFrontEdge) -> None:
    room = 1_024 - len(a_route("k", 1, s="").record)
    edge.show([a_route("k" * 512, 1, s="x" * room)])
    assert len(store.items["k" * 512]) == 1_024


def test_keys_of_any_characters_are_read_and_written(store: StrictStore, edge: CloudFrontEdge) -> None:
    keys = ["a/b c?d#e%f", "xn--bcher-kva.example", "é😀"]
    edge.show([a_route(key, 1) for key in keys])
    edge = CloudFrontEdge(edge._client, ARN)
    assert edge.records(keys) == [store.items[key] for key in keys]


def test_many_records_are_read_page_by_page(store: StrictStore, edge: CloudFrontEdge) -> None:
    keys = fill(store, 200 * 1_000)
    assert edge.records([*keys, "none"]) == [*(store.items[key] for key in keys), None]
    assert store.counts()["get"] == 0
    assert store.counts()["list"] <= len(keys) // 50 + 1


def test_an_error_that_means_nothing_to_us_is_raised(
    store: StrictStore, edge: CloudFrontEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> dict[str, Any]:
        raise Refused("ValidationException", "the store is not ready")

    monkeypatch.setattr(store, "write", refuse)
    with pytest.raises(ClientError, match="not ready"):
        edge.show([a_route("a", 1)])
    assert store.calls.count("update") == 1


def test_a_store_that_is_not_there_is_an_error_and_not_an_empty_one(store: StrictStore, edge: CloudFrontEdge) -> None:
    def refuse(_: str) -> None:
        raise Refused("ResourceNotFoundException", "there is no such store")

    store.before = refuse
    with pytest.raises(ClientError, match="no such store"):
        edge.records(["a"])


def test_a_full_store_makes_room_for_what_is_shown(store: StrictStore, edge: CloudFrontEdge) -> None:
    keys = fill(store, LIMIT - 1_200)
    edge.show(hosts(1, 5))
    assert {route.key for route in hosts(1, 5)} <= store.items.keys()
    left = [key for key in keys if key in store.items]
    assert left == keys[-len(left) :], "the oldest went"
    assert 0.75 * LIMIT < store.used < 0.85 * LIMIT


def test_a_store_full_of_what_is_needed_says_so_and_stays_as_it_is(store: StrictStore, edge: CloudFrontEdge) -> None:
    one = a_route("000000.example.com", 1, s="x" * PAD)
    count = LIMIT // size(one.key, one.record)
    needed = [a_route(f"{number:06d}.example.com", 1, s="x" * PAD) for number in range(count)]
    store.items = {route.key: route.record for route in needed}
    before = dict(store.items)
    with pytest.raises(StorageFull, match="Prune"):
        edge.show([a_route(f"new-{number}", 1, s="x" * PAD) for number in range(50)])
    assert store.items == before


def test_room_is_made_only_when_the_store_is_nearly_full(store: StrictStore, edge: CloudFrontEdge) -> None:
    fill(store, LIMIT * 85 // 100)
    assert edge.crowded()
    assert edge.make_room() == 0
    assert "list" not in store.calls


def test_an_empty_store_is_not_crowded(store: StrictStore, edge: CloudFrontEdge) -> None:
    fill(store, LIMIT * 40 // 100)
    assert not edge.crowded()


def test_making_room_stops_when_somebody_writes(
    store: StrictStore, edge: CloudFrontEdge, other: CloudFrontEdge
) -> None:
    keys = fill(store, LIMIT * 95 // 100)
    store.before = once("update", lambda: other.show([a_route("www.example.com", 1, v=keys[0].removesuffix("--shop"))]))
    assert edge.make_room() == 0
    assert set(keys) < store.items.keys()
    assert edge.make_room() > 100
    assert keys[0] in store.items, "it is shown by now"
    assert keys[1] not in store.items


def test_a_withdrawn_version_keeps_its_record(store: StrictStore, edge: CloudFrontEdge) -> None:
    edge.show([a_gone_route("gone--shop")])
    fill(store, LIMIT * 95 // 100)
    edge.records(["gone--shop"])
    store._version += 1
    edge.records(["gone--shop"])
    assert edge.make_room() > 0
    assert standing(store.items["gone--shop"])[1] == GONE
