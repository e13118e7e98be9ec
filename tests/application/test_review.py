"""What an independent reader found: races between use cases, and callers who got more than they were given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import count

import pytest

from pullprod_control_plane.application import (
    audit,
    follow,
    keys,
    moves,
    naming,
    prune,
    reading,
    reconcile,
    records,
    revoke,
    states,
)
from pullprod_control_plane.domain import segments
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.errors import Forbidden, NothingToRollBackTo, VersionNotReady
from pullprod_control_plane.domain.pointers import PointerState
from pullprod_control_plane.domain.roles import Call, Caller, Role, Token, require
from pullprod_control_plane.domain.versions import State
from pullprod_control_plane.ports import Put
from tests.support.domain import NOW
from tests.support.tapped import Killed, once, tap
from tests.support.world import ANN, APP, BOB, World, page, receipt

WWW = "www.shop.test"


def shown_at(world: World, host: str) -> str | None:
    record = world.route(host)
    return record["v"] if record else None


@pytest.mark.parametrize("call", [Call.CONFIGURE, Call.TOKENS, Call.REVOKE, Call.PRUNE])
def test_an_admin_of_some_pointers_makes_no_call_that_concerns_all_of_them(call: Call) -> None:
    token = Token("1", "next-admin", Role.ADMIN, (), ("next",), NOW)
    with pytest.raises(Forbidden, match="next only"):
        require(token, call, APP)
    require(token, Call.OVERRIDE_HOLD, APP, "next")
    require(token, Call.PUBLISH, APP)
    require(token, Call.LOOK)


def test_a_version_that_was_revoked_a_moment_ago_is_adopted_by_no_branch(world: World) -> None:
    first, _ = world.line("a", "b")
    revoke.revoke(world.ports, APP, first.id, BOB, "leaks")
    with pytest.raises(VersionNotReady):
        follow.adopt(world.ports, world.addresses, reading.find_app(world.ports, APP), first, "fresh", Caller(ANN))
    assert world.shown("fresh") is None


def test_a_revocation_that_is_sent_twice_withdraws_one_version(world: World) -> None:
    first, second, third = world.line("a", "b", "c")
    world.point("main", first.id)
    for _ in range(2):
        revoked = revoke.revoke(world.ports, APP, "branch:main", BOB, "leaks", receipt())
        assert revoked.id == third.id
    assert world.version(second.id).state is State.READY


def test_a_revocation_that_is_killed_at_any_step_leaves_no_pointer_at_a_revoked_version(world: World) -> None:
    first, _ = world.line("a", "b")
    slip = once(lambda name, _: name == "ledger.commit", lambda: world.point("production", first.id))

    def kill(name: str, _args: object) -> None:
        if name == "ledger.commit":
            raise Killed

    with pytest.raises(Killed):
        revoke.revoke(tap(world.ports, before=slip, after=kill), APP, first.id, BOB, "leaks")
    prune.run(world.ports, APP)
    assert world.shown("production") == first.id
    assert world.version(first.id).state is State.READY
    assert world.findings() == set()


def test_two_revocations_and_a_swap_leave_the_shown_version_its_address(world: World) -> None:
    first, _ = world.line("a", "b")
    commits = iter(range(9))

    def before(name: str, _args: object) -> None:
        if name == "ledger.commit" and next(commits) == 0:
            world.point("production", first.id)

    def after(name: str, _args: object) -> None:
        if name == "ledger.commit" and next(commits) == 1:
            with pytest.raises(Exception, match="Point it at another"):
                revoke.revoke(world.ports, APP, first.id, BOB, "leaks")

    with pytest.raises(Exception, match="Point it at another"):
        revoke.revoke(tap(world.ports, before=before, after=after), APP, first.id, BOB, "leaks")
    assert world.findings() == set()
    assert shown_at(world, f"{first.id}--{APP}") == first.id


def test_a_rollback_never_shows_what_is_shown_already(world: World) -> None:
    first, second, _ = world.line("a", "b", "c")
    for version in (first, second, first):
        world.point("demo", version.id)
    revoke.revoke(world.ports, APP, second.id, BOB, "leaks")
    assert world.pointer("demo").previous is None
    with pytest.raises(NothingToRollBackTo):
        world.rollback("demo")


def test_a_host_that_moves_to_a_pointer_which_shows_nothing_shows_nothing(world: World) -> None:
    world.configure(hosts={"main": (WWW,)}, follow={"main": "main"})
    (version,) = world.line("a")
    assert shown_at(world, WWW) == version.id
    world.configure(hosts={"production": (WWW,)}, follow={"main": "main"})
    assert shown_at(world, WWW) is None


@pytest.mark.parametrize(("hosts", "expected"), [({"next": (WWW,)}, 1), ({}, None)])
def test_a_swap_that_is_slower_than_a_move_of_its_host_leaves_the_host_alone(
    world: World, hosts: dict[str, tuple[str, ...]], expected: int | None
) -> None:
    versions = world.line("a", "b")
    world.configure(hosts={"production": (WWW,)})
    world.point("next", versions[1].id)
    change = once(lambda name, _: name == "edge.show", lambda: world.configure(hosts=hosts))
    world.with_ports(edge=tap(world.ports, before=change).edge).point("production", versions[0].id)
    assert shown_at(world, WWW) == (None if expected is None else versions[expected].id)
    assert world.findings() == set()


def test_a_configuration_that_is_slower_than_the_next_one_leaves_hosts_where_that_put_them(world: World) -> None:
    versions = world.line("a", "b")
    world.point("production", versions[0].id)
    world.point("next", versions[1].id)
    change = once(lambda name, _: name == "edge.show", lambda: world.configure(hosts={"next": (WWW,)}))
    world.with_ports(edge=tap(world.ports, before=change).edge).configure(hosts={"production": (WWW,)})
    assert shown_at(world, WWW) == versions[1].id


def test_a_host_that_another_app_has_by_now_is_not_taken_from_it(world: World) -> None:
    (version,) = world.line("a")
    world.point("production", version.id)
    world.configure(hosts={"production": (WWW,)})
    world.configure("other")
    other = world.publish(page("o"), "o", app="other")
    world.point("production", other.id, app="other")

    def take_over() -> None:
        naming.settle(world.ports, WWW)
        world.configure("other", hosts={"production": (WWW,)})

    slow = tap(world.ports, before=once(lambda name, _: name == "edge.remove", take_over))
    world.with_ports(edge=slow.edge).configure(hosts={})
    assert shown_at(world, WWW) == other.id


def test_a_version_that_is_pruned_while_it_is_finalized_keeps_no_address(world: World) -> None:
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    prepared = tap(world.ports, before=lambda name, _: _kill_if(name == "edge.show"))
    with pytest.raises(Killed):
        world.with_ports(edge=prepared.edge).finalize(begun.version.id)
    assert world.version(begun.version.id).state is State.PREPARING
    world.clock.go_on(days=2)
    pruned = once(lambda name, _: name == "edge.show", lambda: prune.run(world.ports, APP))
    with pytest.raises(VersionNotReady):
        world.with_ports(edge=tap(world.ports, before=pruned).edge).finalize(begun.version.id)
    assert world.version(begun.version.id).state is State.RETIRED
    assert world.route(f"{begun.version.id}--{APP}") is None


def _kill_if(now: bool) -> None:
    if now:
        raise Killed


def test_a_repair_that_is_slower_than_a_prune_gives_no_address_back(world: World) -> None:
    world.configure(retention=Retention(1, 1, 1))
    old, _ = (world.publish(page(name), name, branch=None) for name in ("a", "b"))
    world.edge.remove([f"{old.id}--{APP}"])
    world.clock.go_on(days=30)
    pruned = once(lambda name, _: name == "edge.show", lambda: prune.run(world.ports, APP))
    reconcile.one_round(tap(world.ports, before=pruned), world.addresses)
    assert world.version(old.id).state is State.RETIRED
    assert world.route(f"{old.id}--{APP}") is None


def test_a_repair_that_is_slower_than_a_configuration_gives_no_host_back(world: World) -> None:
    (version,) = world.line("a")
    world.point("production", version.id)
    world.configure(hosts={"production": (WWW,)})
    world.edge.remove([WWW])
    change = once(lambda name, _: name == "edge.show", lambda: world.configure(hosts={}))
    reconcile.one_round(tap(world.ports, before=change), world.addresses)
    assert world.route(WWW) is None


def test_an_audit_beside_a_publish_finds_nothing(world: World) -> None:
    world.line("a")
    for number in range(12):
        act = once(partial(_is_call, iter(range(number + 1)), number), partial(_publish_and_point, world, number))
        assert audit.audit(tap(world.ports, before=act), APP).findings == []


def _is_call(count: Iterator[int], number: int, *_: object) -> bool:
    return next(count, None) == number


def _publish_and_point(world: World, number: int) -> None:
    version = world.publish(page(f"v{number}"), f"v{number}", branch=None)
    world.point("demo", version.id)


def test_an_audit_reports_a_manifest_that_is_gone(world: World) -> None:
    (version,) = world.line("a")
    world.store.delete(keys.manifest_object(APP, version.id, version.begun_at))
    assert "manifest-missing" in world.findings()


def test_a_swap_is_applied_though_its_hosts_moved_meanwhile(world: World) -> None:
    versions = world.line("a", "b")
    world.configure(hosts={"production": (WWW,)})
    change = once(lambda name, _: name == "edge.show", lambda: world.configure(hosts={"next": (WWW,)}))
    world.with_ports(edge=tap(world.ports, before=change).edge).point("production", versions[0].id)
    assert world.pointer("production").state is PointerState.APPLIED
    assert moves.show(world.ports, APP, "production", 1).version == versions[0].id
    assert world.route(WWW) is None


@pytest.mark.parametrize("second", range(7, 14))
@pytest.mark.parametrize("first", range(3, 6))
def test_a_segment_that_another_prune_condemned_meanwhile_is_looked_at_again(
    world: World, first: int, second: int
) -> None:
    """Its last user is retired at one scan, and at a later one somebody publishes what it holds."""
    files = {"index.html": b"shared"}
    old = world.publish(files, "a", branch=None)
    digest = segments.split(world.manifest(files, "a").files)[segments.segment_of("index.html")].digest
    published = []

    def retire() -> None:
        kept = reading.find_version(world.ports, APP, old.id)
        gone = records.encode(replace(kept.record, state=State.RETIRED))
        world.ledger.commit([Put(keys.of_version(APP, old.id), gone, kept.revision)])

    def publish_and_condemn() -> None:
        published.append(world.publish(files, "b", branch=None))
        item = reading.one(world.ledger, keys.of_segment(APP, digest))
        if item and item.body["state"] == states.COMPLETE:
            condemned = {**item.body, "state": states.CONDEMNED, "before": states.COMPLETE}
            world.ledger.commit([Put(item.key, condemned, item.revision)])

    scans = count()

    def before(name: str, _args: object) -> None:
        if name == "ledger.scan":
            at = next(scans)
            if at == first:
                retire()
            if at == first + second:
                publish_and_condemn()

    prune.run(tap(world.ports, before=before), APP)
    assert [world.content(version) for version in published] in ([], [files])
