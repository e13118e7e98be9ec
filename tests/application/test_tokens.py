from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pullprod_control_plane.application import keys, reading, tokens
from pullprod_control_plane.domain.errors import (
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    StorageFull,
    Unauthenticated,
)
from pullprod_control_plane.domain.roles import Role
from tests.support.domain import GUESSED_TOKEN
from tests.support.tapped import counted, once, tap
from tests.support.world import World, receipt

WANTED = tokens.Wanted("ci", Role.PUBLISHER, ("shop",), ("next",), 30)


def made(world: World, wanted: tokens.Wanted = WANTED) -> tuple[str, str]:
    """Return a new token's id and the token."""
    token, secret = tokens.create(world.ports, wanted)
    assert secret is not None
    return token.id, secret


@pytest.mark.parametrize("role", Role)
def test_a_token_is_recognised_as_what_it_was_made(world: World, role: Role) -> None:
    token_id, secret = made(world, replace(WANTED, role=role))
    found = tokens.authenticate(world.ports, secret)
    assert (found.id, found.name, found.role) == (token_id, "ci", role)
    assert (found.apps, found.pointers) == (("shop",), ("next",))


def test_the_ledger_does_not_know_the_token_itself(world: World) -> None:
    _, secret = made(world)
    rows = world.ledger._database.rows("SELECT partition || sort || body FROM items")
    assert secret not in json.dumps(rows)
    assert secret[3:] not in json.dumps(rows)


def test_a_token_ends_at_its_time(world: World) -> None:
    _, secret = made(world)
    world.clock.go_on(days=30, seconds=-1)
    assert tokens.authenticate(world.ports, secret).name == "ci"
    world.clock.go_on(seconds=1)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(world.ports, secret)


def test_a_token_without_a_time_does_not_end(world: World) -> None:
    _, secret = made(world, replace(WANTED, expires_in_days=None))
    world.clock.go_on(days=10_000)
    assert tokens.authenticate(world.ports, secret).expires_at is None


def test_a_revoked_token_is_worthless_at_once(world: World) -> None:
    token_id, secret = made(world)
    revoked = tokens.revoke(world.ports, token_id)
    assert revoked.revoked_at
    with pytest.raises(Unauthenticated):
        tokens.authenticate(world.ports, secret)
    world.clock.go_on(days=1)
    assert tokens.revoke(world.ports, token_id) == revoked


def test_revoking_one_token_leaves_the_others(world: World) -> None:
    token_id, _ = made(world)
    other_id, other = made(world)
    tokens.revoke(world.ports, token_id)
    assert tokens.authenticate(world.ports, other).id == other_id


@pytest.mark.parametrize("secret", [None, "", "pp_", GUESSED_TOKEN, GUESSED_TOKEN[:-1], "Bearer x", "pp_" + "ä" * 43])
def test_what_is_no_token_is_not_recognised(world: World, secret: str | None) -> None:
    made(world)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(world.ports, secret)


def test_the_first_admin_token_is_made_once(world: World) -> None:
    secret = tokens.first_admin(world.ports)
    assert tokens.authenticate(world.ports, secret).role is Role.ADMIN
    assert tokens.first_admin(world.ports) is None
    assert len(tokens.listed(world.ports, 10, None).items) == 1


def test_an_owner_without_a_token_gets_another(world: World) -> None:
    tokens.first_admin(world.ports)
    assert tokens.authenticate(world.ports, tokens.another_admin(world.ports)).role is Role.ADMIN


def test_of_two_that_start_at_once_one_gets_the_first_admin_token(world: World) -> None:
    got: list[str | None] = []
    racing = tap(
        world.ports,
        before=once(lambda name, _: name == "ledger.commit", lambda: got.append(tokens.first_admin(world.ports))),
    )
    got.append(tokens.first_admin(racing))
    assert [secret is not None for secret in got] == [True, False]


def test_the_first_admin_token_does_not_come_back_when_it_is_revoked(world: World) -> None:
    tokens.first_admin(world.ports)
    [token] = tokens.listed(world.ports, 10, None).items
    tokens.revoke(world.ports, token.id)
    assert tokens.first_admin(world.ports) is None


def test_a_repeated_request_makes_one_token_and_shows_it_once(world: World) -> None:
    token, secret = tokens.create(world.ports, WANTED, receipt())
    assert secret is not None
    assert tokens.create(world.ports, WANTED, receipt()) == (token, None)
    assert len(tokens.listed(world.ports, 10, None).items) == 1


def test_a_request_that_is_repeated_while_it_runs_makes_one_token(world: World) -> None:
    racing = tap(
        world.ports,
        before=once(lambda name, _: name == "ledger.commit", lambda: tokens.create(world.ports, WANTED, receipt())),
    )
    assert tokens.create(racing, WANTED, receipt())[1] is None
    assert len(tokens.listed(world.ports, 10, None).items) == 1


def test_one_key_for_two_requests_is_a_conflict(world: World) -> None:
    tokens.create(world.ports, WANTED, receipt())
    with pytest.raises(IdempotencyConflict):
        tokens.create(world.ports, WANTED, receipt(fingerprint="other"))


def test_tokens_are_listed_page_by_page(world: World) -> None:
    ids = {made(world)[0] for _ in range(5)}
    found, cursor = [], None
    while True:
        page = tokens.listed(world.ports, 2, cursor)
        found += [token.id for token in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert (set(found), len(found)) == (ids, 5)


@pytest.mark.parametrize(
    "wanted",
    [
        replace(WANTED, name=""),
        replace(WANTED, name="n" * 64),
        replace(WANTED, name="a\nb"),
        replace(WANTED, name=" a"),
        replace(WANTED, expires_in_days=0),
        replace(WANTED, expires_in_days=367),
        replace(WANTED, apps=("Shop",)),
        replace(WANTED, pointers=("a--b",)),
    ],
    ids=repr,
)
def test_a_token_that_cannot_be_meant_is_refused(world: World, wanted: tokens.Wanted) -> None:
    with pytest.raises(InvalidRequest):
        tokens.create(world.ports, wanted)
    assert list(reading.everything(world.ledger, keys.TOKENS)) == []


def test_what_does_not_exist_cannot_be_revoked(world: World) -> None:
    with pytest.raises(NotFound):
        tokens.revoke(world.ports, "nothing")


def test_a_token_in_the_place_of_another_is_for_the_same_and_lasts_as_long_from_now(world: World) -> None:
    old_id, old = made(world)
    world.clock.go_on(days=20)
    new, secret = tokens.rotate(world.ports, old_id, 24)
    before = tokens.authenticate(world.ports, old)
    assert secret is not None
    assert tokens.authenticate(world.ports, secret) == new
    assert (new.name, new.role, new.apps, new.pointers) == (before.name, before.role, before.apps, before.pointers)
    world.clock.go_on(days=30, seconds=-1)
    assert tokens.authenticate(world.ports, secret).id == new.id
    world.clock.go_on(seconds=1)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(world.ports, secret)


@pytest.mark.parametrize("hours", [0, 1, 168])
def test_a_replaced_token_ends_after_its_grace(world: World, hours: int) -> None:
    old_id, old = made(world)
    new, _ = tokens.rotate(world.ports, old_id, hours)
    if hours:
        world.clock.go_on(hours=hours, seconds=-1)
        assert tokens.authenticate(world.ports, old).replaced_by == new.id
        world.clock.go_on(seconds=1)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(world.ports, old)


def test_a_grace_lengthens_no_life(world: World) -> None:
    old_id, old = made(world)
    world.clock.go_on(days=30, hours=-1)
    tokens.rotate(world.ports, old_id, 24)
    world.clock.go_on(hours=1)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(world.ports, old)


def test_what_takes_the_place_of_a_token_that_does_not_end_does_not_end(world: World) -> None:
    old_id, _ = made(world, replace(WANTED, expires_in_days=None))
    assert tokens.rotate(world.ports, old_id, 0)[0].expires_at is None


def test_a_token_that_has_ended_or_was_replaced_is_not_replaced(world: World) -> None:
    replaced, revoked, expired = (made(world)[0] for _ in range(3))
    tokens.rotate(world.ports, replaced, 24)
    tokens.revoke(world.ports, revoked)
    for token_id in (replaced, revoked):
        with pytest.raises(InvalidRequest):
            tokens.rotate(world.ports, token_id, 24)
    world.clock.go_on(days=31)
    with pytest.raises(InvalidRequest):
        tokens.rotate(world.ports, expired, 24)


@pytest.mark.parametrize("hours", [-1, 169])
def test_a_grace_is_bounded(world: World, hours: int) -> None:
    token_id, _ = made(world)
    with pytest.raises(InvalidRequest):
        tokens.rotate(world.ports, token_id, hours)


def test_of_two_that_replace_a_token_at_once_one_does(world: World) -> None:
    token_id, _ = made(world)
    racing = tap(
        world.ports,
        before=once(lambda name, _: name == "ledger.commit", lambda: tokens.rotate(world.ports, token_id, 24)),
    )
    with pytest.raises(InvalidRequest):
        tokens.rotate(racing, token_id, 24)
    assert len(tokens.listed(world.ports, 10, None).items) == 2


def test_a_replacement_that_is_asked_for_twice_happens_once(world: World) -> None:
    token_id, _ = made(world)
    new, secret = tokens.rotate(world.ports, token_id, 24, receipt())
    assert secret is not None
    assert tokens.rotate(world.ports, token_id, 24, receipt()) == (new, None)
    assert len(tokens.listed(world.ports, 10, None).items) == 2


def test_a_use_is_recorded_at_most_once_an_hour(world: World) -> None:
    _, secret = made(world)
    ports, calls = counted(world.ports)

    def use() -> str | None:
        tokens.note_use(ports, tokens.authenticate(world.ports, secret))
        return tokens.authenticate(world.ports, secret).last_used_at

    first = use()
    assert first == reading.now(world.ports)
    world.clock.go_on(minutes=59)
    assert use() == first
    assert len([name for name, _ in calls if name == "ledger.commit"]) == 1
    world.clock.go_on(minutes=1)
    assert use() == reading.now(world.ports)


def test_a_use_does_not_undo_a_revocation_that_was_faster(world: World) -> None:
    token_id, secret = made(world)
    used = tokens.authenticate(world.ports, secret)
    racing = tap(
        world.ports, before=once(lambda name, _: name == "ledger.commit", lambda: tokens.revoke(world.ports, token_id))
    )
    tokens.note_use(racing, used)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(world.ports, secret)


def test_a_use_that_cannot_be_recorded_fails_nobody(world: World) -> None:
    def full(name: str, _: object) -> None:
        if name == "ledger.commit":
            raise StorageFull("no room")

    _, secret = made(world)
    tokens.note_use(tap(world.ports, before=full), tokens.authenticate(world.ports, secret))
    assert tokens.authenticate(world.ports, secret).last_used_at is None
