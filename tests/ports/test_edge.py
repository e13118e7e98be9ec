from __future__ import annotations

from pullprod_control_plane.domain.routes import GONE, Route
from pullprod_control_plane.ports import Edge


def test_records_read_in_the_order_asked_for(edge: Edge) -> None:
    edge.show([Route("a", '{"v":"1"}', "shop/next", 1), Route("b", '{"v":"é"}', "shop/next", 1)])
    assert edge.records(["b", "none", "a"]) == ['{"v":"é"}', None, '{"v":"1"}']
    assert edge.records([]) == []


def test_a_higher_fence_replaces_a_lower(edge: Edge) -> None:
    edge.show([Route("a", "old", "shop/next", 1)])
    edge.show([Route("a", "new", "shop/next", 2)])
    assert edge.records(["a"]) == ["new"]


def test_a_lower_fence_never_replaces_a_higher_of_the_same_owner(edge: Edge) -> None:
    edge.show([Route("a", "new", "shop/next", 10)])
    edge.show([Route("a", "old", "shop/next", 9), Route("b", "other", "shop/next", 9)])
    assert edge.records(["a", "b"]) == ["new", "other"]


def test_the_same_fence_is_written_again(edge: Edge) -> None:
    edge.show([Route("a", "first", "shop/next", 3)])
    edge.show([Route("a", "repaired", "shop/next", 3)])
    assert edge.records(["a"]) == ["repaired"]


def test_another_owner_replaces_whatever_the_fence(edge: Edge) -> None:
    edge.show([Route("a", "old", "shop/next", 10)])
    edge.show([Route("a", "new", "shop/production", 1)])
    edge.show([Route("a", "newer", "shop/production", 2)])
    assert edge.records(["a"]) == ["newer"]


def test_a_withdrawn_version_stays_withdrawn(edge: Edge) -> None:
    edge.show([Route("v--shop", "gone", "v", GONE)])
    edge.show([Route("v--shop", "back", "v", 0)])
    assert edge.records(["v--shop"]) == ["gone"]


def test_a_removed_record_is_gone_and_its_fence_with_it(edge: Edge) -> None:
    edge.show([Route("a", "old", "shop/next", 10), Route("b", "kept", "shop/next", 10)])
    edge.remove(["a", "never there"])
    assert edge.records(["a", "b"]) == [None, "kept"]
    edge.show([Route("a", "new", "shop/next", 1)])
    assert edge.records(["a"]) == ["new"]


def test_a_record_of_the_full_length_is_kept(edge: Edge) -> None:
    edge.show([Route("a", "x" * 1_024, "shop/next", 1)])
    assert edge.records(["a"]) == ["x" * 1_024]
