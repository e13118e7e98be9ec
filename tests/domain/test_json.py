from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.json import Json, canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ([1, [2, None, True]], "[1,[2,null,true]]"),
        ('Straße\n"', '"Straße\\n\\""'),
        ({}, "{}"),
    ],
)
def test_there_is_one_text_of_a_value(value: Json, text: str) -> None:
    assert canonical(value) == text.encode()


@given(VALUES)
def test_it_reads_back_as_the_same_value_and_the_same_bytes(value: Json) -> None:
    read = json.loads(canonical(value))
    assert read == value
    assert canonical(read) == canonical(value)


@given(st.dictionaries(TEXT, st.integers()))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)
