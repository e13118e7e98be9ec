from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain import segments
from pullprod_control_plane.domain.manifests import File
from pullprod_control_plane.domain.segments import (
    COUNT,
    IMMUTABLE,
    MAX_PATCHED,
    REVALIDATE,
    SLOTS,
    Segment,
    cache_class,
    segment_of,
    slot_of,
    split,
)
from tests.support.domain import a_file

VECTORS = json.loads((Path(__file__).parents[2] / "edge" / "segments.json").read_text(encoding="utf-8"))["vectors"]
PATHS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
FILES = st.lists(PATHS, unique=True, max_size=40).map(lambda paths: [a_file(path) for path in paths])


@pytest.mark.parametrize(("path", "slot"), VECTORS)
def test_a_path_has_the_slot_and_the_segment_that_the_edge_looks_in(path: str, slot: int) -> None:
    assert (slot_of(path), segment_of(path)) == (slot, slot % COUNT)


@given(FILES)
def test_every_file_is_in_exactly_the_segment_of_its_path(files: list[File]) -> None:
    parts = split(files)
    assert [part.number for part in parts] == list(range(COUNT))
    assert all(segment_of(file.path) == part.number for part in parts for file in part.files)
    assert sorted((f for part in parts for f in part.files), key=lambda f: f.path) == sorted(
        files, key=lambda f: f.path
    )


@given(FILES, st.randoms())
def test_the_order_of_files_does_not_matter(files: list[File], random: Random) -> None:
    shuffled = list(files)
    random.shuffle(shuffled)
    assert split(shuffled) == split(files)


@given(FILES)
def test_digests_join_into_what_a_route_carries_and_come_apart_again(files: list[File]) -> None:
    digests = tuple(part.digest for part in split(files))
    joined = segments.join(digests)
    assert len(joined) == 512
    assert segments.unjoin(joined) == digests


SLOT_SETS = st.sets(st.integers(0, SLOTS - 1), max_size=MAX_PATCHED)


@given(SLOT_SETS)
def test_a_patch_is_read_as_it_was_written(slots: set[int]) -> None:
    written = segments.write_patch("abcd_-19", slots)
    assert segments.read_patch(written) == ("abcd_-19" if slots else "", frozenset(slots))
    assert len(json.dumps(written)) == (8 + 3 * len(slots) if slots else 0) + 2, "nothing in it is escaped"


@given(SLOT_SETS, st.integers(0, SLOTS - 1))
def test_a_slot_is_found_in_a_patch_only_if_it_is_there(slots: set[int], sought: int) -> None:
    """As the edge looks: anywhere after the digest."""
    there = segments.write_patch("", {sought}) in segments.write_patch("", slots)
    assert there == (sought in slots)


@given(FILES, FILES, SLOT_SETS)
def test_with_its_patch_a_version_has_its_own_files_and_none_of_the_others(
    files: list[File], others: list[File], slots: set[int]
) -> None:
    """Whatever the other version's patch, `slots`, replaced in its segments."""
    parts = split(others)
    patch, of = segments.patch(files, others, slots)
    digests = [f"{number:08}" for number in range(COUNT)]
    place = segments.places(segments.join(digests), segments.write_patch("p" * 8, of))
    stored = {(digests[part.number], file.path): file for part in parts for file in part.files}
    stored = {at: file for at, file in stored.items() if slot_of(file.path) not in slots}  # Unknown what is there.
    stored |= {("p" * 8, file.path): file for file in patch.files}
    for path in {file.path for file in (*files, *others)}:
        assert stored.get((place(path), path)) == next((file for file in files if file.path == path), None)


@given(FILES.filter(bool), st.integers(0))
def test_a_change_of_one_file_changes_one_digest(files: list[File], which: int) -> None:
    changed = files[which % len(files)]
    others = [replace(changed, sha256="0" * 64) if file is changed else file for file in files]
    before, after = split(files), split(others)
    differing = [one.number for one, other in zip(before, after, strict=True) if one.digest != other.digest]
    assert differing == [segment_of(changed.path)]


@pytest.mark.parametrize(
    "other",
    [
        Segment(0, (a_file("b"),)),
        Segment(0, (a_file("a", b"x"),)),
        Segment(0, (a_file("a", kind="text/plain"),)),
        Segment(0, (a_file("a"), a_file("b"))),
        Segment(0, (a_file("a"),), salt=1),
        Segment(0, ()),
    ],
)
def test_path_bytes_type_and_salt_all_tell_in_the_digest(other: Segment) -> None:
    assert other.digest != Segment(0, (a_file("a"),)).digest


def test_a_digest_is_eight_characters_that_need_no_encoding_in_a_url() -> None:
    segment = Segment(0, (a_file("a"),))
    assert len(segment.digest) == 8
    assert set(segment.digest) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(segment.sha256) == 64


def test_every_salt_gives_another_name() -> None:
    names = {Segment(0, (a_file("a"),), salt=salt).digest for salt in range(100)}
    assert len(names) == 100


@pytest.mark.parametrize(
    ("path", "kind", "expected", "why"),
    [
        ("assets/app.3f9c2a1b.js", "text/javascript", IMMUTABLE, "hex after a dot"),
        ("assets/app-3f9c2a1b7d4e.css", "text/css", IMMUTABLE, "hex after a hyphen"),
        ("assets/index-BX3k9_aZ.js", "text/javascript", IMMUTABLE, "mixed letters and digits, as Vite writes them"),
        ("a_0123456789abcdef0123456789abcdef.png", "image/png", IMMUTABLE, "a whole MD5"),
        ("app.js", "text/javascript", REVALIDATE, "no fingerprint"),
        ("app.min.js", "text/javascript", REVALIDATE, "a word"),
        ("jquery-3.7.1.js", "text/javascript", REVALIDATE, "a release number"),
        ("my-document.pdf", "application/pdf", REVALIDATE, "eight letters without a digit"),
        ("3f9c2a1b/app.js", "text/javascript", REVALIDATE, "the directory's name is not the file's"),
        ("page.3f9c2a1b.html", "text/html; charset=utf-8", REVALIDATE, "a page follows its pointer, whatever its name"),
        ("report-20260101.pdf", "application/pdf", REVALIDATE, "a date"),
        ("ticket_0123456789.pdf", "application/pdf", REVALIDATE, "a number"),
        ("photo-IMG_1234.jpg", "image/jpeg", REVALIDATE, "a camera's name"),
        ("report-sept2026.pdf", "application/pdf", REVALIDATE, "a month"),
        ("minutes_1-mar-26.pdf", "application/pdf", REVALIDATE, "a day"),
        ("song.deadbeef.mp3", "audio/mpeg", REVALIDATE, "a word of hex digits"),
        ("chunk-3ZQ7XK2P.js", "text/javascript", IMMUTABLE, "capitals and digits, as esbuild writes them"),
        ("a-b_3f9c2a1b7d4e.min.css", "text/css", IMMUTABLE, "hex after several names"),
        ("app.3f9c2a1", "text/javascript", REVALIDATE, "seven digits"),
    ],
)
def test_only_fingerprinted_names_are_kept_for_ever(path: str, kind: str, expected: str, why: str) -> None:
    assert cache_class(path, kind) == expected, why


def test_a_prefix_is_that_of_its_segment_s_keys_and_of_no_others() -> None:
    assert segments.object_key("shop", "abcdefgh", "a/b").startswith(segments.prefix("shop", "abcdefgh"))
    assert not segments.object_key("shop", "abcdefgi", "a/b").startswith(segments.prefix("shop", "abcdefgh"))
    assert not segments.object_key("shop-2", "abcdefgh", "a/b").startswith(segments.prefix("shop", "abcdefgh"))
