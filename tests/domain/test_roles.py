from __future__ import annotations

import pytest

from pullprod_control_plane.domain.errors import Forbidden
from pullprod_control_plane.domain.roles import LEAST_ROLE, Call, Role, Token, require
from tests.support.domain import NOW

ALL = (Role.VIEWER, Role.PUBLISHER, Role.RELEASER, Role.ADMIN)
# Each call with the roles that may make it, written out; a new call must be added here.
MAY = {
    Call.LOOK: ALL,
    Call.PUBLISH: ALL[1:],
    Call.SHARE: ALL[1:],
    Call.MOVE: ALL[2:],
    Call.HOLD: ALL[2:],
    Call.OVERRIDE_HOLD: ALL[3:],
    Call.REVOKE: ALL[3:],
    Call.PRUNE: ALL[3:],
    Call.CONFIGURE: ALL[3:],
    Call.TOKENS: ALL[3:],
}


def a_token(role: Role, apps: tuple[str, ...] = (), pointers: tuple[str, ...] = ()) -> Token:
    return Token("t1", "ann", role, apps, pointers, NOW)


def allowed(token: Token, call: Call, app: str | None = "shop", pointer: str | None = None) -> bool:
    try:
        require(token, call, app, pointer)
    except Forbidden:
        return False
    return True


def test_the_table_knows_every_call() -> None:
    assert set(LEAST_ROLE) == set(MAY) == set(Call)
    assert tuple(Role) == ALL


@pytest.mark.parametrize("role", ALL)
@pytest.mark.parametrize("call", Call)
def test_a_role_makes_its_calls_and_no_others(call: Call, role: Role) -> None:
    assert allowed(a_token(role), call) == (role in MAY[call])


def test_a_refusal_names_the_role_that_it_takes() -> None:
    with pytest.raises(Forbidden, match="the least role to prune is admin") as refused:
        require(a_token(Role.VIEWER), Call.PRUNE, "shop")
    assert refused.value.facts == {"role": "viewer", "needed": "admin"}


@pytest.mark.parametrize(
    ("app", "may", "why"),
    [
        ("shop", True, "one of its apps"),
        ("blog", True, "the other of its apps"),
        ("bank", False, "an app that it is not for"),
        (None, False, "a call that concerns all apps"),
    ],
)
@pytest.mark.parametrize("call", Call)
def test_a_token_for_some_apps_reaches_no_others(call: Call, app: str | None, may: bool, why: str) -> None:
    assert allowed(a_token(Role.ADMIN, apps=("shop", "blog")), call, app) == may, why


@pytest.mark.parametrize(
    ("call", "pointer", "may", "why"),
    [
        (Call.MOVE, "next", True, "its pointer"),
        (Call.MOVE, "production", False, "another pointer"),
        (Call.HOLD, "production", False, "holding another pointer"),
        (Call.OVERRIDE_HOLD, "production", False, "overriding a hold of another pointer"),
        (Call.LOOK, "production", True, "looking does no harm"),
        (Call.PUBLISH, None, True, "no pointer is concerned"),
    ],
)
def test_a_token_for_some_pointers_moves_no_others(call: Call, pointer: str | None, may: bool, why: str) -> None:
    assert allowed(a_token(Role.ADMIN, pointers=("next",)), call, "shop", pointer) == may, why


def test_what_a_token_does_is_recorded_under_its_name() -> None:
    assert a_token(Role.VIEWER).principal == "token:ann"
