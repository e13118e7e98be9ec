"""Who may see previews: what the ledger keeps, what the edge is told, and what a link opens."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pullprod_control_plane.application import audit, keys, previews, reading
from pullprod_control_plane.domain import locks
from pullprod_control_plane.domain.errors import IdempotencyConflict, InvalidRequest, NotFound, NothingToShare
from pullprod_control_plane.domain.locks import Access, Lock
from pullprod_control_plane.domain.names import Addresses
from tests.support.world import ANN, APP, World, page, receipt

LOCK = f"LOCK:{APP}"


@pytest.fixture
def shop(world: World) -> World:
    world.publish(page("one"), "one")
    return world


def lock(world: World, access: Access = Access.LINK, **more: Any) -> tuple[Lock, str | None]:
    return previews.set_access(world.ports, APP, access, more.pop("password", None), ANN, **more)


def link(world: World, reference: str, seconds: int = 3_600) -> tuple[str, str]:
    """Return the host of a link, and its token."""
    made = previews.share(world.ports, world.addresses, APP, reference, seconds)
    address = urlsplit(made.url)
    return str(address.hostname), parse_qs(address.query)["pullprod-share"][0]


def opens(world: World, host: str, token: str) -> bool:
    """Tell whether a token opens a host by what the edge has been told, as edge/viewer_request.js decides."""
    facts = world.route(LOCK)
    assert facts
    ends, _, signature = token.partition(".")
    return locks.sign(facts["k"], f"{host.partition('.')[0]}.{ends}") == signature


def test_previews_are_public_until_they_are_locked(shop: World) -> None:
    assert previews.lock_of(shop.ports, APP) == Lock(APP)
    assert shop.route(LOCK) is None
    with pytest.raises(NothingToShare):
        link(shop, "branch:main")


def test_a_lock_is_one_record_whatever_the_number_of_versions(shop: World) -> None:
    shop.publish(page("two"), "two")
    before = {name: shop.route(f"{name}--{APP}") for name in ("main", reading.versions(shop.ports, APP)[0].id)}
    lock(shop)
    assert {name: shop.route(f"{name}--{APP}") for name in before} == before
    assert shop.route(LOCK) == {"a": APP, "n": ":lock", "g": 1, "k": previews.lock_of(shop.ports, APP).secret}


def test_a_link_opens_the_version_that_it_names_and_nothing_else(shop: World) -> None:
    two = shop.publish(page("two"), "two")
    lock(shop)
    host, token = link(shop, "branch:main")
    assert host == f"{two.id}--{APP}.localhost"
    assert opens(shop, host, token)
    assert not opens(shop, f"main--{APP}.localhost", token)


def test_a_link_to_a_pointer_opens_the_pointer_s_own_address(shop: World) -> None:
    lock(shop)
    host, token = link(shop, "pointer:main")
    assert host == f"main--{APP}.localhost"
    assert opens(shop, host, token)


def test_a_link_says_until_when_it_opens(shop: World) -> None:
    lock(shop)
    made = previews.share(shop.ports, shop.addresses, APP, "branch:main", 3_600)
    assert made.expires_at == "2026-06-01T13:00:01.000000Z"
    assert f"pullprod-share={int(shop.clock.now().timestamp()) + 3_600}." in made.url


def test_locking_again_ends_all_links_and_the_password(shop: World) -> None:
    _, password = lock(shop, Access.PASSWORD)
    before = shop.route(LOCK)
    host, token = link(shop, "branch:main")
    _, renewed = lock(shop, Access.PASSWORD, password=password)
    assert not opens(shop, host, token)
    assert (renewed, shop.route(LOCK)["p"] == before["p"]) == (password, False)  # type: ignore[index] # Both are there.


def test_a_password_is_made_well_and_kept_nowhere(shop: World) -> None:
    made, password = lock(shop, Access.PASSWORD)
    assert password
    assert re.fullmatch(r"[\w-]{22}", password)
    item = reading.one(shop.ledger, keys.of_lock(APP))
    assert item
    assert password not in json.dumps([dict(item.body), shop.route(LOCK)])
    assert made.secret
    assert made.login == locks.login(made.secret, APP, password)


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 129, "no umlauts: äöü", "no\nlines at all"])
def test_a_password_that_is_short_or_cannot_be_typed_everywhere_is_refused(shop: World, password: str) -> None:
    with pytest.raises(InvalidRequest):
        lock(shop, Access.PASSWORD, password=password)
    assert previews.lock_of(shop.ports, APP) == Lock(APP)


@pytest.mark.parametrize("access", [Access.PUBLIC, Access.LINK])
def test_a_password_that_would_open_nothing_is_refused(shop: World, access: Access) -> None:
    with pytest.raises(InvalidRequest):
        lock(shop, access, password="a good password")


def test_previews_that_are_public_again_have_no_secret_left(shop: World) -> None:
    lock(shop)
    lock(shop, Access.PUBLIC)
    assert shop.route(LOCK) == {"a": APP, "n": ":lock", "g": 2}


def test_a_repeat_changes_nothing_and_does_not_show_the_password_again(shop: World) -> None:
    made, password = lock(shop, Access.PASSWORD, receipt=receipt())
    assert password
    assert lock(shop, Access.PASSWORD, receipt=receipt()) == (made, None)
    with pytest.raises(IdempotencyConflict):
        lock(shop, Access.LINK, receipt=receipt(fingerprint="other"))


def test_what_a_crash_left_unsaid_the_reconciler_says(shop: World) -> None:
    class Unreachable(Exception):
        pass

    class Down:
        def show(self, _: object) -> None:
            raise Unreachable

    with pytest.raises(Unreachable):
        lock(shop.with_ports(edge=Down()))
    assert shop.route(LOCK) is None
    assert shop.reconcile().finished == 1
    assert shop.route(LOCK)["g"] == 1  # type: ignore[index] # It is there.
    assert not shop.findings()


def test_a_lock_that_somebody_took_away_is_found_without_telling_the_secret_and_put_back(shop: World) -> None:
    lock(shop)
    whole = shop.route(LOCK)
    shop.edge.remove([LOCK])
    assert shop.findings() == {"route-differs"}
    assert shop.reconcile().repaired == 1
    assert shop.route(LOCK) == whole


def test_an_audit_tells_no_secret(shop: World) -> None:
    made, _ = lock(shop)
    lock(shop.with_ports(edge=_Mute(shop.edge)), Access.PASSWORD)
    (finding,) = audit.audit(shop.ports, APP).findings
    assert made.secret
    assert made.secret not in finding.detail


class _Mute:
    """An edge that does not hear."""

    def __init__(self, edge: Any) -> None:
        self.records = edge.records

    def show(self, _: object) -> None:
        pass


def test_a_locked_version_passes_its_own_health_check(shop: World) -> None:
    asked: list[str | None] = []

    class Probe:
        def get(self, host: str, path: str, share: str | None = None) -> Any:
            asked.append(share)
            return shop.ports.probe.get(host, path, share)

    lock(shop)
    two = shop.with_ports(probe=Probe()).publish(page("two"), "two")
    assert [token and opens(shop, f"{two.id}--{APP}", token) for token in asked] == [True]


def test_where_there_are_no_previews_there_is_nothing_to_share(shop: World) -> None:
    lock(shop)
    with pytest.raises(NothingToShare):
        previews.share(shop.ports, Addresses("https", None), APP, "branch:main", 60)


@pytest.mark.parametrize("reference", ["branch:none", "pointer:none", "fffffff"])
def test_what_does_not_exist_cannot_be_shared(shop: World, reference: str) -> None:
    lock(shop)
    with pytest.raises(NotFound):
        link(shop, reference)


def test_an_app_that_does_not_exist_has_no_previews(world: World) -> None:
    with pytest.raises(NotFound):
        previews.lock_of(world.ports, "nobody")
    with pytest.raises(NotFound):
        previews.set_access(world.ports, "nobody", Access.LINK, None, ANN)
    with pytest.raises(NotFound):
        previews.share(world.ports, world.addresses, "nobody", "branch:main", 60)
