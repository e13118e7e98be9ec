from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.lineage import Difference, Line, Order, difference, extend, order
from pullprod_control_plane.domain.manifests import MAX_ANCESTORS

# Random histories: commit n has parents among the commits before it; a line lists ancestors newest first.
GRAPHS = st.lists(st.sets(st.integers(0, 30), max_size=2), min_size=1, max_size=30).map(
    lambda parents: [{p % n for p in chosen} if n else set() for n, chosen in enumerate(parents)]
)


def ancestors(graph: list[set[int]], commit: int) -> set[int]:
    found: set[int] = set()
    waiting = list(graph[commit])
    while waiting:
        found.add(parent := waiting.pop())
        waiting += graph[parent] - found
    return found


def line(graph: list[set[int]], commit: int) -> Line:
    return Line(str(commit), tuple(str(a) for a in sorted(ancestors(graph, commit), reverse=True)))


def linear(newest: int, limit: int = MAX_ANCESTORS) -> Line:
    """Return the line of commit `newest` of a history without branches, as a publish records it."""
    return Line(str(newest), tuple(str(n) for n in range(newest - 1, max(-1, newest - 1 - limit), -1)))


@given(GRAPHS, st.integers(0), st.integers(0))
def test_order_is_that_of_the_graph(graph: list[set[int]], one: int, other: int) -> None:
    one, other = one % len(graph), other % len(graph)
    expected = (
        Order.SAME
        if one == other
        else Order.NEWER
        if other in ancestors(graph, one)
        else Order.OLDER
        if one in ancestors(graph, other)
        else Order.APART
    )
    assert order(line(graph, one), line(graph, other)) is expected


@given(GRAPHS, st.integers(0), st.integers(0))
def test_order_turns_round_when_its_sides_do(graph: list[set[int]], one: int, other: int) -> None:
    turned = {Order.NEWER: Order.OLDER, Order.OLDER: Order.NEWER}
    first, second = line(graph, one % len(graph)), line(graph, other % len(graph))
    found = order(first, second)
    assert order(second, first) is turned.get(found, found)


@given(GRAPHS, st.integers(0), st.integers(0))
def test_difference_is_that_of_the_sets(graph: list[set[int]], live: int, candidate: int) -> None:
    before, after = line(graph, live % len(graph)), line(graph, candidate % len(graph))
    found = difference(before, after)
    assert set(found.gained) == set(after.commits()) - set(before.commits())
    assert set(found.lost) == set(before.commits()) - set(after.commits())
    assert found.complete == bool(set(before.commits()) & set(after.commits()))
    assert list(found.lost) == sorted(found.lost, key=before.commits().index)


@given(GRAPHS, st.integers(0), st.integers(0))
def test_what_one_direction_gains_the_other_loses(graph: list[set[int]], one: int, other: int) -> None:
    first, second = line(graph, one % len(graph)), line(graph, other % len(graph))
    there, back = difference(first, second), difference(second, first)
    assert (there.gained, there.lost, there.complete) == (back.lost, back.gained, back.complete)


def test_the_first_version_gains_all_and_loses_nothing() -> None:
    assert difference(None, Line("b", ("a",))) == Difference(("b", "a"), (), complete=True)


def test_unrelated_lines_are_not_complete() -> None:
    assert difference(Line("a"), Line("b")) == Difference(("b",), ("a",), complete=False)


@pytest.mark.parametrize(("live", "candidate"), [(5_000, 5_001), (5_000, 5_700), (5_000, 6_000)])
def test_a_descendant_loses_nothing_of_a_history_longer_than_a_line(live: int, candidate: int) -> None:
    found = difference(linear(live), linear(candidate))
    assert found.lost == ()
    assert found.gained == tuple(str(n) for n in range(candidate, live, -1))
    assert found.complete


def test_an_ancestor_gains_nothing_of_a_history_longer_than_a_line() -> None:
    found = difference(linear(5_300), linear(5_000))
    assert found.gained == ()
    assert found.lost == tuple(str(n) for n in range(5_300, 5_000, -1))


@pytest.mark.parametrize("fork", [5_000, 4_700])
def test_two_branches_of_a_long_history_differ_by_what_came_after_the_fork_only(fork: int) -> None:
    live = Line("x2", ("x1", *linear(5_000).commits())[:MAX_ANCESTORS])
    candidate = Line("y3", ("y2", "y1", *linear(fork).commits())[:MAX_ANCESTORS])
    found = difference(live, candidate)
    assert found.gained == ("y3", "y2", "y1")
    assert found.lost == ("x2", "x1", *(str(n) for n in range(5_000, fork, -1)))


@given(st.lists(st.integers(0, 50).map(str)), st.lists(st.integers(0, 50).map(str)), st.integers(0, 60))
def test_an_extended_line_begins_as_it_was_and_has_nothing_twice(own: list[str], more: list[str], limit: int) -> None:
    short = Line("c", tuple(dict.fromkeys(own)))
    longer = extend(short, [*more, "c"], limit)
    assert longer.commit == "c"
    assert len(longer.ancestors) == len(set(longer.ancestors)) <= limit
    assert longer.ancestors[: len(short.ancestors)] == short.ancestors[:limit]
    assert "c" not in longer.ancestors
    assert set(longer.ancestors) <= {*own, *more}
