from __future__ import annotations

import json

import pytest

from pullprod_control_plane.domain import locks, routes
from pullprod_control_plane.domain.errors import InvalidRequest
from pullprod_control_plane.domain.locks import Access, Lock
from pullprod_control_plane.domain.routes import MAX_RECORD

SECRET = "s" * 43


def test_a_signature_is_hmac_sha256_in_base64url() -> None:
    """The second test case of RFC 4231."""
    assert locks.sign("Jefe", "what do ya want for nothing?") == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM"


def test_a_token_says_when_it_ends_and_is_signed_for_its_preview() -> None:
    assert locks.token(SECRET, "main--shop", 7) == f"7.{locks.sign(SECRET, 'main--shop.7')}"
    assert locks.token(SECRET, "main--shop", 7) != locks.token(SECRET, "next--shop", 7)


def test_a_login_is_what_browsers_send_for_name_and_password() -> None:
    assert locks.login(SECRET, "shop", "correct horse") == locks.sign(SECRET, "Basic c2hvcDpjb3JyZWN0IGhvcnNl")


@pytest.mark.parametrize("password", ["x" * 12, "x" * 128, "with spaces & : signs ~"])
def test_a_password_may_have_every_sign_of_a_keyboard(password: str) -> None:
    assert locks.check_password(password) == password


@pytest.mark.parametrize("password", ["x" * 11, "x" * 129, "tab\tulators are out", "\u00fcmlauts are out"])
def test_other_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidRequest):
        locks.check_password(password)


def test_a_lock_s_record_has_what_opens_it_and_fits() -> None:
    lock = Lock("a" * 30, Access.PASSWORD, 10**15 - 1, SECRET, locks.login(SECRET, "a", "x" * 128))
    route = routes.for_lock(lock)
    assert json.loads(route.record).keys() == {"a", "n", "g", "k", "p"}
    assert (route.owner, route.fence, route.locks) == (f"{'a' * 30}/:lock", 10**15 - 1, True)
    assert len(route.record) <= MAX_RECORD


def test_no_host_can_be_the_key_of_a_lock() -> None:
    """The edge asks for hosts in small letters."""
    key = routes.for_lock(Lock("shop")).key
    assert key != key.lower()
