"""How often a caller may call: by token once it is known to be good, by address until then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pullprod_control_plane.entrypoints.api import intake, limits
from pullprod_control_plane.entrypoints.api.limits import Caller, Limits, Rate

APPS = "/v1/apps/shop"
GOOD = limits.caller("192.0.2.1", "Bearer good")
GUESS = limits.caller("192.0.2.1", "Bearer guess")
NOBODY = limits.caller("192.0.2.1", "")
ELSEWHERE = limits.caller("192.0.2.2", "")


class SetClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def limited(clock: SetClock) -> Limits:
    return Limits(token=Rate(5, 2), address=Rate(3, 0.1), clock=clock)


def admitted(limited: Limits, caller: Caller, times: int = 100) -> int:
    """Call until refused; return how often that was possible."""
    for number in range(times):
        try:
            limited.admit(caller)
        except intake.Refused:
            return number
    return times


def test_an_address_may_call_so_often_at_once_and_so_often_in_the_long_run(limited: Limits, clock: SetClock) -> None:
    assert admitted(limited, NOBODY) == 3
    clock.now += 20
    assert admitted(limited, NOBODY) == 2
    clock.now += 10_000
    assert admitted(limited, NOBODY) == 3


def test_a_refusal_says_in_how_many_seconds_the_next_call_is_taken(limited: Limits, clock: SetClock) -> None:
    admitted(limited, NOBODY)
    with pytest.raises(intake.Refused) as refused:
        limited.admit(NOBODY)
    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "10")
    assert json.loads(refused.value.body)["code"] == "rate-limited"
    clock.now += 10
    limited.admit(NOBODY)


def test_addresses_do_not_share_their_calls(limited: Limits) -> None:
    admitted(limited, NOBODY)
    assert admitted(limited, ELSEWHERE) == 3


def test_guessed_tokens_count_together_by_their_address(limited: Limits) -> None:
    guesses = [limits.caller("192.0.2.1", f"Bearer {number}") for number in range(10)]
    assert sum(admitted(limited, guess, times=1) for guess in guesses) == 3


def test_a_good_token_is_not_slowed_down_by_who_guesses_from_its_address(limited: Limits) -> None:
    limited.admit(GOOD)
    limited.learn(GOOD, APPS, 200)
    admitted(limited, GUESS)
    assert admitted(limited, GOOD) == 5


def test_a_token_that_turned_bad_counts_by_its_address_again(limited: Limits) -> None:
    limited.learn(GOOD, APPS, 200)
    admitted(limited, GUESS)
    limited.learn(GOOD, APPS, 401)
    assert admitted(limited, GOOD) == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/health", 200),
        ("/v1/openapi.json", 200),
        ("/v1/token", 201),
        ("/v1/nothing", 404),
        (APPS, 404),
        (APPS, 403),
    ],
)
def test_what_needs_no_token_or_fails_proves_none(limited: Limits, path: str, status: int) -> None:
    limited.learn(GUESS, path, status)
    assert admitted(limited, GUESS) == 3


def test_what_is_remembered_is_bounded(clock: SetClock) -> None:
    limited = Limits(clock=clock)
    for number in range(30_000):
        caller = limits.caller(f"2001:db8::{number:x}", f"Bearer {number}")
        limited.admit(caller)
        limited.learn(caller, APPS, 200)
        limited.admit(caller)
    kept: list[Any] = [limited._good, limited._tokens._kept, limited._addresses._kept]
    assert [len(one) for one in kept] == [10_000] * 3


def test_no_token_is_remembered_as_it_is() -> None:
    assert "good" not in repr(GOOD)
