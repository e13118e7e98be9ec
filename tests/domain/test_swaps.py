from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.pointers import MAX_RECENT, MAX_TRAIL, Pointer, PointerState
from pullprod_control_plane.domain.swaps import Swap, SwapKind, broken_links, digest, move
from tests.support.domain import LATER, a_move, a_pointer

VERSIONS = st.sampled_from([f"v{n}" for n in range(8)])
KINDS = st.sampled_from(SwapKind)
MOVES = st.lists(st.tuples(VERSIONS, KINDS), min_size=1, max_size=40)


def played(moves: list[tuple[str, SwapKind]]) -> tuple[list[Pointer], list[Swap]]:
    """Return the pointer after each of a series of moves, and their records."""
    pointers, swaps = [a_pointer()], []
    for to, kind in moves:
        pointer, swap = move(pointers[-1], a_move(to, kind))
        pointers.append(pointer)
        swaps.append(swap)
    return pointers, swaps


def pointed(*versions: str) -> Pointer:
    return played([(version, SwapKind.POINT) for version in versions])[0][-1]


def rolled_back(pointer: Pointer) -> Pointer:
    return move(pointer, a_move(pointer.trail[0], SwapKind.ROLLBACK))[0]


@given(MOVES)
def test_a_chain_of_swaps_is_whole(moves: list[tuple[str, SwapKind]]) -> None:
    pointers, swaps = played(moves)
    assert broken_links(swaps) == []
    assert [swap.generation for swap in swaps] == list(range(1, len(moves) + 1))
    assert pointers[-1].last_hash == swaps[-1].hash
    assert all(after.from_version == before.to_version for before, after in pairwise(swaps))


def altered(swap: Swap, field: str) -> Any:
    value = getattr(swap, field)
    if field == "kind":
        return next(kind for kind in SwapKind if kind is not value)
    if isinstance(value, tuple):
        return (*value, "hold")
    return value + 1 if isinstance(value, int) else f"{value or ''}x"


@pytest.mark.parametrize("field", [field.name for field in fields(Swap)])
@given(moves=MOVES, at=st.integers(0))
def test_any_altered_field_of_any_record_breaks_the_chain(
    field: str, moves: list[tuple[str, SwapKind]], at: int
) -> None:
    swaps = played(moves)[1]
    at %= len(swaps)
    forged = replace(swaps[at], **{field: altered(swaps[at], field)})
    assert broken_links([*swaps[:at], forged, *swaps[at + 1 :]])


@given(MOVES, st.integers(0))
def test_a_forger_who_hashes_anew_must_forge_all_that_follows_and_the_pointer(
    moves: list[tuple[str, SwapKind]], at: int
) -> None:
    pointers, swaps = played(moves)
    at %= len(swaps)
    forged = replace(swaps[at], by="token:eve")
    forged = replace(forged, hash=digest(forged))
    chain = [*swaps[:at], forged, *swaps[at + 1 :]]
    assert broken_links(chain) or chain[-1].hash != pointers[-1].last_hash


@given(MOVES.filter(lambda moves: len(moves) > 1), st.integers(0))
def test_a_removed_record_breaks_the_chain_unless_it_was_the_last(moves: list[tuple[str, SwapKind]], at: int) -> None:
    swaps = played(moves)[1]
    at %= len(swaps) - 1
    assert broken_links([*swaps[:at], *swaps[at + 1 :]])


@given(MOVES)
def test_what_a_pointer_remembers_is_bounded_and_in_order(moves: list[tuple[str, SwapKind]]) -> None:
    for pointer in played(moves)[0]:
        shown = [version for version, _ in pointer.recent]
        generations = [generation for _, generation in pointer.recent]
        assert len(pointer.trail) <= MAX_TRAIL
        assert len(shown) == len(set(shown)) <= MAX_RECENT
        assert pointer.version not in shown
        assert generations == sorted(set(generations), reverse=True)
        assert all(generation < pointer.generation for generation in generations)


@given(MOVES)
def test_every_recent_version_carries_the_last_generation_at_which_it_was_shown(
    moves: list[tuple[str, SwapKind]],
) -> None:
    pointer = played(moves)[0][-1]
    last = {to: generation for generation, (to, _) in enumerate(moves, start=1)}
    assert all(generation == last[version] for version, generation in pointer.recent)


def test_a_moved_pointer_says_who_moved_it_where_when_and_why() -> None:
    held = a_pointer(hosts=("www.example.com",), follows="main")
    pointer, swap = move(held, a_move("v1", at=LATER, by="token:bob", reason="go", forced=("lineage",)))
    assert (pointer.version, pointer.generation, pointer.state) == ("v1", 1, PointerState.APPLYING)
    assert (pointer.moved_at, pointer.moved_by, pointer.reason) == (LATER, "token:bob", "go")
    assert (pointer.hosts, pointer.follows) == (held.hosts, "main")
    assert (swap.from_version, swap.to_version, swap.forced) == (None, "v1", ("lineage",))
    assert (swap.by, swap.at, swap.reason, swap.previous_hash) == ("token:bob", LATER, "go", "")


def test_pointing_adds_what_was_shown_to_the_trail() -> None:
    assert pointed("v1", "v2", "v3").trail == ("v2", "v1")


def test_pointing_at_what_is_shown_adds_nothing() -> None:
    assert pointed("v1", "v2", "v2").trail == ("v1",)


def test_a_version_stands_in_the_trail_once_where_it_was_shown_last() -> None:
    assert pointed("v1", "v2", "v1", "v3").trail == ("v1", "v2")


def test_rolling_back_walks_the_trail_instead_of_a_circle() -> None:
    pointer = pointed("v1", "v2", "v3")
    shown = []
    while pointer.trail:
        pointer = rolled_back(pointer)
        shown.append(pointer.version)
    assert shown == ["v2", "v1"]


def test_rolling_back_to_a_version_further_down_skips_those_between() -> None:
    pointer = move(pointed("v1", "v2", "v3", "v4"), a_move("v2", SwapKind.ROLLBACK))[0]
    assert (pointer.version, pointer.trail) == ("v2", ("v1",))


def test_rolling_back_to_what_was_never_shown_can_itself_be_rolled_back() -> None:
    pointer = move(pointed("v1", "v2"), a_move("v9", SwapKind.ROLLBACK))[0]
    assert pointer.trail == ("v2", "v1")


def test_after_a_rollback_pages_of_the_version_before_it_keep_their_files() -> None:
    pointer = rolled_back(pointed("v1", "v2"))
    assert pointer.recent == (("v2", 2),)


def test_a_pointer_that_is_retired_shows_and_remembers_nothing_and_its_generations_go_on() -> None:
    pointer, swap = move(pointed("v1", "v2", "v3"), a_move(None, SwapKind.RETIRE))
    assert (swap.generation, swap.from_version, swap.to_version) == (4, "v3", None)
    assert (pointer.retired, pointer.version, pointer.trail, pointer.recent) == (True, None, (), ())
    back, again = move(pointer, a_move("v4"))
    assert (back.retired, back.generation, back.trail, back.recent) == (False, 5, (), ())
    assert (again.from_version, again.previous_hash) == (None, swap.hash)


def test_a_pointer_that_never_showed_anything_is_not_retired() -> None:
    assert not Pointer("shop", "x").retired
