"""edge/segments.json: the edge and the control plane agree in which segment a path is."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from pullprod_control_plane.domain import segments
from tests.edge.runners import EDGE, Case, Outcome, in_njs, in_quickjs, stored

VECTORS = [
    (path, number) for path, number in json.loads((EDGE / "segments.json").read_text(encoding="utf-8"))["vectors"]
]
RECORD = {"a": "shop", "v": "aaaaaaaaaaaa-00000001", "g": 1, "s": "".join(f"{n:08d}" for n in range(64)), "c": "o"}
# From the FNV authors' own test suite, as full 32-bit values.
PUBLISHED = {"a": 0xE40C292C, "b": 0xE70C2DE5, "foobar": 0xBF9CF968}


def case_for(path: str) -> Case:
    uri = "/" + quote(path, safe="/")
    request = {
        "method": "GET",
        "uri": uri,
        "querystring": {},
        "cookies": {},
        "headers": {"host": {"value": "w.example"}},
    }
    return {"records": stored({"w.example": RECORD}), "request": request}


def segment_in(outcome: Outcome) -> int:
    return int(outcome["uri"].split("/")[3])


@pytest.mark.parametrize(("path", "number"), VECTORS)
def test_the_control_plane_finds_the_segment(path: str, number: int) -> None:
    assert segments.segment_of(path) == number


@pytest.mark.parametrize(("path", "number"), VECTORS)
def test_quickjs_finds_the_segment(path: str, number: int) -> None:
    assert segment_in(in_quickjs(case_for(path))) == number


def test_njs_finds_the_segments(tmp_path: Path) -> None:
    outcomes = in_njs([case_for(path) for path, _ in VECTORS], tmp_path)
    assert [segment_in(outcome) for outcome in outcomes] == [number for _, number in VECTORS]


def test_the_vectors_are_fnv_1a() -> None:
    known = dict(VECTORS)
    for text, value in PUBLISHED.items():
        assert value % 64 == (known[text] if text in known else segments.segment_of(text))


def test_the_vectors_reach_every_length_of_utf_8() -> None:
    lengths = {len(character.encode()) for path, _ in VECTORS for character in path}
    assert lengths == {1, 2, 3, 4}
    assert max(len(path.encode()) for path, _ in VECTORS) == 900
