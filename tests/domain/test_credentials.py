from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.credentials import RANDOM_BYTES, Prefix, prefix_of, written

SECURITY = (Path(__file__).parents[2] / "SECURITY.md").read_text()
SCANNED = re.compile(next(iter(re.findall(r"tokens look like `([^`]+)`", SECURITY))))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TOKEN = written(Prefix.API, bytes(range(RANDOM_BYTES)))


@pytest.mark.parametrize("prefix", Prefix)
@given(random=st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES))
def test_what_is_written_is_known_for_what_it_is(prefix: Prefix, random: bytes) -> None:
    assert prefix_of(written(prefix, random)) is prefix


@given(random=st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES))
def test_a_scanner_finds_tokens_by_the_pattern_that_it_is_told(random: bytes) -> None:
    for prefix in Prefix:
        token = written(prefix, random)
        assert SCANNED.findall(f'TOKEN="{token}"') == [token]


@given(at=st.integers(min_value=3, max_value=len(TOKEN) - 1), letter=st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_told_without_a_look_up(at: int, letter: str) -> None:
    typed = TOKEN[:at] + letter + TOKEN[at + 1 :]
    assert (prefix_of(typed) is Prefix.API) == (typed == TOKEN)


@given(at=st.integers(min_value=3, max_value=len(TOKEN) - 2))
def test_two_letters_that_changed_places_are_told(at: int) -> None:
    typed = TOKEN[:at] + TOKEN[at + 1] + TOKEN[at] + TOKEN[at + 2 :]
    assert (prefix_of(typed) is Prefix.API) == (typed == TOKEN)


@pytest.mark.parametrize(
    "text",
    ["", "pp_", "ppr_", TOKEN[:-1], TOKEN + "A", " " + TOKEN, TOKEN + "\n", TOKEN.replace("pp_", "ppr_"), "é" * 52],
)
def test_what_is_no_token_is_none(text: str) -> None:
    assert prefix_of(text) is None
