from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.errors import InvalidRequest, PayloadTooLarge
from pullprod_control_plane.domain.manifests import (
    MAX_ANCESTORS,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_PATH_BYTES,
    MAX_TAGS,
    File,
    Manifest,
    Site,
    check,
    check_path,
)
from pullprod_control_plane.domain.names import is_version_id
from tests.support.domain import a_commit, a_file, a_manifest, sha

NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), min_size=1, max_size=20)
PATHS = (
    st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=4)
    .map("/".join)
    .map(lambda path: unicodedata.normalize("NFC", path))
    .filter(lambda path: not {".", ".."} & set(path.split("/")))
)


@given(PATHS)
def test_ordinary_paths_pass(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize(
    "path",
    ["a", "index.html", ".well-known/x", "a b/c+d%20.txt", "...", "a/..b", "é.html", "x" * MAX_PATH_BYTES, "C:", "~"],
)
def test_unusual_paths_pass(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("", id="nothing"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("a/", id="a directory"),
        pytest.param("a//b", id="an empty name"),
        pytest.param("..", id="up"),
        pytest.param("a/../b", id="up from within"),
        pytest.param("./a", id="here"),
        pytest.param("a/.", id="here at the end"),
        pytest.param("a\\b", id="a backslash"),
        pytest.param("a\0b", id="a zero byte"),
        pytest.param("a\nb", id="a line end"),
        pytest.param("a\x7fb", id="delete"),
        pytest.param("a\x85b", id="a control character of Latin-1"),
        pytest.param("a\u2028b", id="a line separator"),
        pytest.param("a\u2029b", id="a paragraph separator"),
        pytest.param("a\ud800b", id="half a surrogate pair"),
        pytest.param("e\u0301.html", id="not in form C"),
        pytest.param("x" * (MAX_PATH_BYTES + 1), id="too long"),
        pytest.param("é" * (MAX_PATH_BYTES // 2 + 1), id="too long in bytes"),
    ],
)
def test_paths_that_some_part_cannot_carry_are_refused_by_name(path: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_path(path)
    assert refused.value.facts == {"where": "files", "path": ascii(path[:120])}


@given(PATHS, st.sampled_from(["\0", "\n", "\\", "\x1b", "\u2028"]), st.integers(0))
def test_one_bad_character_anywhere_is_found(path: str, character: str, at: int) -> None:
    where = at % (len(path) + 1)
    with pytest.raises(InvalidRequest):
        check_path(path[:where] + character + path[where:])


@given(st.text())
def test_a_path_that_passes_stays_below_its_directory(path: str) -> None:
    try:
        check_path(path)
    except InvalidRequest:
        return
    assert not path.startswith("/")
    assert not {"", ".", ".."} & set(path.split("/"))
    assert path.encode().decode() == path == unicodedata.normalize("NFC", path)


GOOD = a_file()


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        pytest.param(Manifest(a_commit(), ()), "no files", id="no files"),
        pytest.param(a_manifest(GOOD, GOOD), "listed twice", id="a file twice"),
        pytest.param(a_manifest(a_file("a"), a_file("a/b")), "which is a file", id="a file in a file"),
        pytest.param(a_manifest(a_file("a/b/c/d"), a_file("a/b")), "which is a file", id="deep in a file"),
        pytest.param(a_manifest(a_file("../a")), "must be relative", id="a bad path"),
        pytest.param(a_manifest(replace(GOOD, sha256="A" * 64)), "SHA-256", id="a digest in capitals"),
        pytest.param(a_manifest(replace(GOOD, sha256="a" * 63)), "SHA-256", id="a short digest"),
        pytest.param(a_manifest(replace(GOOD, size=-1)), "between 0 and", id="less than nothing"),
        pytest.param(a_manifest(replace(GOOD, size=MAX_FILE_BYTES + 1)), "between 0 and", id="more than one PUT"),
        pytest.param(a_manifest(replace(GOOD, type="html")), "content type", id="no type"),
        pytest.param(a_manifest(replace(GOOD, type="text/html\r\nX: y")), "content type", id="a header smuggled in"),
        pytest.param(a_manifest(commit=a_commit(sha="a" * 39)), "40 lower-case hex", id="a short commit"),
        pytest.param(a_manifest(commit=a_commit(sha="A" * 40)), "40 lower-case hex", id="a commit in capitals"),
        pytest.param(a_manifest(commit=a_commit(ancestors=("x",))), "40 lower-case hex", id="a bad ancestor"),
        pytest.param(a_manifest(site=Site("none")), "clean_urls is one of", id="an unknown setting"),
        pytest.param(a_manifest(health=("health",)), "not a health path", id="a relative health path"),
        pytest.param(a_manifest(health=("/a b",)), "not a health path", id="a space in a health path"),
        pytest.param(a_manifest(health=("/a\r\nHost: x",)), "not a health path", id="a line end in a health path"),
    ],
)
def test_what_cannot_be_published_is_refused(manifest: Manifest, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        check(manifest)


@pytest.mark.parametrize(
    ("manifest", "limit"),
    [
        (a_manifest(*[a_file(str(number)) for number in range(MAX_FILES + 1)]), MAX_FILES),
        (a_manifest(commit=a_commit(ancestors=(sha("b"),) * (MAX_ANCESTORS + 1))), MAX_ANCESTORS),
        (a_manifest(commit=a_commit(tags=("v1",) * (MAX_TAGS + 1))), MAX_TAGS),
    ],
    ids=["files", "ancestors", "tags"],
)
def test_more_than_a_limit_is_refused_with_the_limit(manifest: Manifest, limit: int) -> None:
    with pytest.raises(PayloadTooLarge) as refused:
        check(manifest)
    assert refused.value.facts["limit"] == limit


def test_what_lies_just_within_every_limit_passes() -> None:
    files = [replace(a_file(f"{number}/x"), size=MAX_FILE_BYTES) for number in range(MAX_FILES)]
    check(a_manifest(*files, commit=a_commit(ancestors=(sha("b"),) * MAX_ANCESTORS, tags=("v1",) * MAX_TAGS)))


def test_a_name_that_begins_like_a_file_does_not_lie_in_it() -> None:
    check(a_manifest(a_file("a"), a_file("a.txt"), a_file("ab/c"), a_file("a-b/c")))


def test_an_id_is_made_of_the_commit_and_the_content() -> None:
    manifest = a_manifest()
    assert is_version_id(manifest.version_id())
    assert manifest.version_id() == f"{sha('a')[:12]}-{manifest.digest()[:8]}"


@pytest.mark.parametrize(
    "facts",
    [
        {"branch": "other"},
        {"branch": None},
        {"message": "Other"},
        {"author": "Bob"},
        {"ancestors": (sha("b"),)},
        {"tags": ("v1",)},
        {"committed_at": "2020-01-01T00:00:00Z"},
        {"dirty": True},
    ],
    ids=str,
)
def test_where_a_commit_was_published_from_does_not_change_its_id(facts: dict[str, Any]) -> None:
    assert a_manifest(commit=a_commit(**facts)).version_id() == a_manifest().version_id()


@pytest.mark.parametrize(
    "other",
    [
        a_manifest(a_file(body=b"hullo")),
        a_manifest(a_file("other.html")),
        a_manifest(a_file(kind="text/plain")),
        a_manifest(a_file(), a_file("b")),
        a_manifest(commit=a_commit("b")),
        a_manifest(site=Site(spa=True)),
        a_manifest(site=Site("html")),
        a_manifest(health=("/",)),
    ],
)
def test_whatever_viewers_get_changes_the_id(other: Manifest) -> None:
    assert other.version_id() != a_manifest().version_id()


@given(st.permutations([a_file(path) for path in ("a", "b/c", "b-c", "Z", "é")]))
def test_the_order_of_files_does_not_change_the_id(files: list[File]) -> None:
    assert a_manifest(*files).digest() == a_manifest(*sorted(files, key=lambda file: file.path)).digest()
