"""edge/segments.json: the edge and the control plane agree in which segment a path is, and whether a patch has it."""

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import pytest

from pullprod_control_plane.domain import segments
from tests.edge.runners import EDGE, Case, Outcome, in_njs, in_quickjs, stored

VECTORS = [(path, slot) for path, slot in json.loads((EDGE / "segments.json").read_text(encoding="utf-8"))["vectors"]]
RECORD = {"a": "shop", "v": "aaaaaaaaaaaa-00000001", "g": 1, "s": "".join(f"{n:08d}" for n in range(64)), "c": "o"}
# From the FNV authors' own test suite, as full 32-bit values.
PUBLISHED = {"a": 0xE40C292C, "b": 0xE70C2DE5, "foobar": 0xBF9CF968}
# As many slots as a patch has at most, few of them those of vectors.
OTHERS = list(range(0, segments.SLOTS, 128))


def case_for(path: str, patched: Iterable[int] = ()) -> Case:
    uri = "/" + quote(path, safe="/")
    request = {
        "method": "GET",
        "uri": uri,
        "querystring": {},
        "cookies": {},
        "headers": {"host": {"value": "w.example"}},
    }
    record = {**RECORD, "d": segments.write_patch("99999999", patched)}
    return {"records": stored({"w.example": record if patched else RECORD}), "request": request}


def segment_in(outcome: Outcome) -> int:
    return int(outcome["uri"].split("/")[3])


@pytest.mark.parametrize(("path", "slot"), VECTORS)
def test_the_control_plane_finds_slot_and_segment(path: str, slot: int) -> None:
    assert (segments.slot_of(path), segments.segment_of(path)) == (slot, slot % 64)


def expected(path: str, slot: int) -> dict[str, tuple[Case, int]]:
    """Return requests for a path, and the segment that is asked: of a patch that has it, one without, and none."""
    others = [other for other in OTHERS if other != slot]
    return {
        "no patch": (case_for(path), slot % 64),
        "patch of others": (case_for(path, others), slot % 64),
        "patch": (case_for(path, [*others[:40], slot]), 99_999_999),
    }


@pytest.mark.parametrize(("path", "slot"), VECTORS)
def test_quickjs_finds_the_segment(path: str, slot: int) -> None:
    for case, number in expected(path, slot).values():
        assert segment_in(in_quickjs(case)) == number


def test_njs_finds_the_segments(tmp_path: Path) -> None:
    asked = [entry for path, slot in VECTORS for entry in expected(path, slot).values()]
    outcomes = in_njs([case for case, _ in asked], tmp_path)
    assert [segment_in(outcome) for outcome in outcomes] == [number for _, number in asked]


def test_the_vectors_are_fnv_1a() -> None:
    known = dict(VECTORS)
    for text, value in PUBLISHED.items():
        assert value % segments.SLOTS == known[text]


def test_the_vectors_reach_every_length_of_utf_8() -> None:
    lengths = {len(character.encode()) for path, _ in VECTORS for character in path}
    assert lengths == {1, 2, 3, 4}
    assert max(len(path.encode()) for path, _ in VECTORS) == 900
