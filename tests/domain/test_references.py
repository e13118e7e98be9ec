from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.errors import InvalidRequest
from pullprod_control_plane.domain.references import Kind, Reference, parse

FULL = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("3f9c2a1b7d4e-9b1c22aa", Kind.VERSION, "3f9c2a1b7d4e-9b1c22aa"),
        ("3F9C2A1B7D4E-9B1C22AA", Kind.VERSION, "3f9c2a1b7d4e-9b1c22aa"),
        ("3f9c2a1", Kind.COMMIT, "3f9c2a1"),
        ("3F9C2A1", Kind.COMMIT, "3f9c2a1"),
        (FULL, Kind.COMMIT, FULL),
        ("branch:main", Kind.BRANCH, "main"),
        ("branch:Feature/X", Kind.BRANCH, "Feature/X"),
        ("branch:a:b", Kind.BRANCH, "a:b"),
        ("pointer:production", Kind.POINTER, "production"),
        ("tag:v1.0", Kind.TAG, "v1.0"),
        ("tag:" + "t" * 255, Kind.TAG, "t" * 255),
    ],
)
def test_each_kind_is_told_from_the_others(text: str, kind: Kind, name: str) -> None:
    assert parse(text) == Reference(kind, name)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("3f9c2a", id="six digits"),
        pytest.param(FULL + "8", id="41 digits"),
        pytest.param("main", id="a branch without its kind"),
        pytest.param("branch:", id="a kind without a name"),
        pytest.param("Branch:main", id="a kind in capitals"),
        pytest.param("version:3f9c2a1", id="a kind that is none"),
        pytest.param("tag:" + "t" * 256, id="a long name"),
        pytest.param("3f9c2a1b7d4e-9b1c22a", id="an id that is too short"),
        pytest.param("3f9c2a1\n", id="a line end"),
        pytest.param("\N{FULLWIDTH DIGIT ONE}234567", id="digits that are not ASCII"),
    ],
)
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no reference"):
        parse(text)


@given(st.text())
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        assert parse(text).name
    except InvalidRequest as refused:
        assert len(refused.detail) < 1_000
