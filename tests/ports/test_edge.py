from __future__ import annotations

from pullprod_control_plane.domain import routes
from pullprod_control_plane.domain.locks import Access, Lock
from pullprod_control_plane.domain.routes import MAX_RECORD, Route
from pullprod_control_plane.ports import Edge
from tests.support.domain import a_gone_route, a_route


def records(*routes: Route) -> list[str]:
    return [route.record for route in routes]


def test_records_read_in_the_order_asked_for(edge: Edge) -> None:
    a, b = a_route("a", 1), a_route("b", 1, v="é")
    edge.show([a, b])
    assert edge.records(["b", "none", "a"]) == [b.record, None, a.record]
    assert edge.records([]) == []


def test_a_key_may_be_asked_for_twice(edge: Edge) -> None:
    edge.show([a_route("a", 1)])
    assert edge.records(["a", "a"]) == records(a_route("a", 1), a_route("a", 1))


def test_a_higher_fence_replaces_a_lower(edge: Edge) -> None:
    edge.show([a_route("a", 1)])
    edge.show([a_route("a", 2)])
    assert edge.records(["a"]) == records(a_route("a", 2))


def test_a_lower_fence_never_replaces_a_higher_of_the_same_owner(edge: Edge) -> None:
    edge.show([a_route("a", 10)])
    edge.show([a_route("a", 9), a_route("b", 9)])
    assert edge.records(["a", "b"]) == records(a_route("a", 10), a_route("b", 9))


def test_a_lock_is_kept_by_its_generation(edge: Edge) -> None:
    older, newer = (routes.for_lock(Lock("shop", Access.LINK, generation, "secret")) for generation in (1, 2))
    edge.show([newer])
    edge.show([older])
    assert edge.records(["LOCK:shop"]) == records(newer)


def test_the_same_fence_is_written_again(edge: Edge) -> None:
    edge.show([a_route("a", 3, v="first")])
    edge.show([a_route("a", 3, v="repaired")])
    assert edge.records(["a"]) == records(a_route("a", 3, v="repaired"))


def test_another_owner_replaces_whatever_the_fence(edge: Edge) -> None:
    edge.show([a_route("a", 10, "next")])
    edge.show([a_route("a", 1, "production")])
    edge.show([a_route("a", 2, "production")])
    assert edge.records(["a"]) == records(a_route("a", 2, "production"))


def test_what_nobody_can_read_is_replaced(edge: Edge) -> None:
    edge.show([Route("a", "broken"), Route("b", "[]")])
    edge.show([a_route("a", 1), a_route("b", 1)])
    assert edge.records(["a", "b"]) == records(a_route("a", 1), a_route("b", 1))


def test_a_withdrawn_version_stays_withdrawn(edge: Edge) -> None:
    edge.show([a_gone_route("a")])
    edge.show([a_route("a", 0, None)])
    assert edge.records(["a"]) == records(a_gone_route("a"))


def test_a_removed_record_is_gone_and_its_fence_with_it(edge: Edge) -> None:
    edge.show([a_route("a", 10), a_route("b", 10)])
    edge.remove(["a", "never there"])
    assert edge.records(["a", "b"]) == [None, a_route("b", 10).record]
    edge.show([a_route("a", 1)])
    assert edge.records(["a"]) == records(a_route("a", 1))


def test_removing_and_showing_nothing_is_no_error(edge: Edge) -> None:
    edge.remove([])
    edge.remove(["never there"])
    edge.show([])


def test_a_record_of_the_full_length_is_kept(edge: Edge) -> None:
    room = MAX_RECORD - len(a_route("a", 1, s="").record)
    full = a_route("a", 1, s="x" * room)
    assert len(full.record) == MAX_RECORD
    edge.show([full])
    assert edge.records(["a"]) == [full.record]


def test_a_pointer_s_hosts_and_hundreds_of_versions_are_shown_and_removed(edge: Edge) -> None:
    many = [a_route(f"{number:03d}", 1) for number in range(120)]
    edge.show(many)
    keys = [route.key for route in many]
    assert edge.records(keys) == records(*many)
    edge.remove(keys[1:])
    assert edge.records(keys) == [many[0].record, *[None] * 119]


def test_what_was_decided_after_a_mark_is_shown_whatever_stood_there(edge: Edge) -> None:
    edge.show([a_route("a", 1), a_route("b", 9, "another")])
    mark = edge.mark()
    edge.show([a_route("a", 2), a_route("b", 2)], mark)
    assert edge.records(["a", "b"]) == records(a_route("a", 2), a_route("b", 2))


def test_what_was_shown_since_a_mark_is_not_replaced_by_a_lower_fence(edge: Edge) -> None:
    mark = edge.mark()
    edge.show([a_route("a", 10)])
    edge.show([a_route("a", 9), a_route("b", 9)], mark)
    assert edge.records(["a", "b"]) == records(a_route("a", 10), a_route("b", 9))
