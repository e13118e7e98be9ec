from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from pullprod_control_plane.adapters.github.oidc_verifier import OidcVerifier
from pullprod_control_plane.domain.errors import Busy, Unauthenticated
from tests.support.bad_tokens import BAD, HEADER, NOW, claims, good
from tests.support.oidc import AUDIENCE, CLAIMS, ISSUER, assembled, jwk, private_key, times, token

GHES = "https://ghes.example.com/_services/token"


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


class Issuer:
    """Answers with a key set; counts how often it was asked, and where."""

    def __init__(self) -> None:
        self.keys: list[Any] = [jwk("a", private_key("a")), jwk("b", private_key("b"))]
        self.asked: list[str] = []
        self.out = False

    def fetch(self, url: str) -> Any:
        self.asked.append(url)
        if self.out:
            raise OSError("out")
        return {"keys": self.keys}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def verifier(clock: Clock, issuer: Issuer) -> OidcVerifier:
    return OidcVerifier(AUDIENCE, clock, issuer.fetch, [ISSUER, GHES])


def reason(verifier: OidcVerifier, bad: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(bad)
    assert len(bad) < 10 or bad not in refused.value.detail
    return str(refused.value.facts["reason"])


def test_a_genuine_token_gives_its_claims(verifier: OidcVerifier) -> None:
    verified = verifier.verify(good())
    assert verified == {name: str(value) for name, value in claims().items()}


def test_each_issuer_of_the_list_is_asked_at_its_own_fixed_address(verifier: OidcVerifier, issuer: Issuer) -> None:
    verifier.verify(good())
    verifier.verify(good(iss=GHES))
    assert issuer.asked == [f"{ISSUER}/.well-known/jwks", f"{GHES}/.well-known/jwks"]


def test_keys_are_fetched_once_for_many_tokens(verifier: OidcVerifier, issuer: Issuer, clock: Clock) -> None:
    for seconds in range(0, 200, 10):
        clock.moment = NOW + timedelta(seconds=seconds)
        verifier.verify(good())
    assert len(issuer.asked) == 1


def test_a_new_key_is_found_after_the_cool_down_and_unknown_ones_cause_no_storm(
    verifier: OidcVerifier, issuer: Issuer, clock: Clock
) -> None:
    verifier.verify(good())
    issuer.keys = [jwk("c", private_key("c"))]
    rotated = token(claims(), private_key("c"), kid="c")
    for _ in range(50):
        assert reason(verifier, rotated) == "key"
    assert len(issuer.asked) == 1
    clock.moment += timedelta(seconds=31)
    assert verifier.verify(rotated)["repository_id"] == "74"
    assert len(issuer.asked) == 2


def test_keys_are_kept_through_an_outage_which_is_not_asked_about_all_the_time(
    verifier: OidcVerifier, issuer: Issuer, clock: Clock
) -> None:
    verifier.verify(good())
    issuer.out = True
    clock.moment += timedelta(hours=2)
    for _ in range(20):
        assert verifier.verify(token({**CLAIMS, **times(clock.moment)}, private_key("a")))
    assert len(issuer.asked) == 2


def test_an_outage_at_the_start_is_busy_not_a_refusal_and_ends_with_it(
    verifier: OidcVerifier, issuer: Issuer, clock: Clock
) -> None:
    issuer.out = True
    for _ in range(3):
        with pytest.raises(Busy):
            verifier.verify(good())
    assert len(issuer.asked) == 1
    issuer.out = False
    clock.moment += timedelta(seconds=31)
    assert verifier.verify(good())


@pytest.mark.parametrize("answer", [None, [], "keys", {"keys": None}, {"keys": ["a", 7, {}, {"kid": "a"}]}])
def test_a_key_set_that_is_none_is_an_outage(clock: Clock, answer: Any) -> None:
    with pytest.raises(Busy):
        OidcVerifier(AUDIENCE, clock, lambda _: answer, [ISSUER]).verify(good())


def test_a_clock_that_is_half_a_minute_off_is_forgiven(verifier: OidcVerifier, clock: Clock) -> None:
    for seconds in (-29, 5 * 60 + 29):
        clock.moment = NOW + timedelta(seconds=seconds)
        assert verifier.verify(good(nbf=int(NOW.timestamp())))
    clock.moment = NOW + timedelta(seconds=5 * 60 + 31)
    assert reason(verifier, good()) == "expired"
    clock.moment = NOW - timedelta(seconds=31)
    assert reason(verifier, good()) == "not-yet-valid"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused_with_its_own_reason(verifier: OidcVerifier, name: str) -> None:
    expected, made = BAD[name]
    assert reason(verifier, made()) == expected


def test_the_corpus_has_at_least_eighty_bad_tokens() -> None:
    assert len(BAD) >= 80


def test_nothing_in_a_token_says_where_keys_are_fetched(verifier: OidcVerifier, issuer: Issuer) -> None:
    for _, made in BAD.values():
        reason(verifier, made())
    assert set(issuer.asked) <= {f"{ISSUER}/.well-known/jwks"}


@pytest.mark.parametrize(
    "keys",
    [
        [jwk("a", private_key("a")), jwk("a", private_key("x"))],
        [jwk("a", private_key("a"), use="enc")],
        [jwk("a", private_key("a"), alg="RS512")],
        [jwk("a", private_key("short", 1_024))],
        [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}],
        [{**jwk("a", private_key("a")), "n": "AQAB"}],
    ],
    ids=["a name twice", "for encryption", "another algorithm", "too short", "symmetric", "broken"],
)
def test_a_key_that_is_not_fit_verifies_nothing(verifier: OidcVerifier, issuer: Issuer, keys: list[Any]) -> None:
    issuer.keys = [*keys, jwk("b", private_key("b"))]
    assert reason(verifier, good()) == "key"
    assert verifier.verify(token(claims(), private_key("b"), kid="b"))


def test_claims_that_stand_twice_are_read_as_they_were_signed(verifier: OidcVerifier) -> None:
    twice = json.dumps(claims())[:-1] + ', "aud": "https://other.example.com"}'
    assert reason(verifier, assembled(HEADER, twice, b"x" * 256)) == "signature"
