from __future__ import annotations

from dataclasses import replace

import pytest

from pullprod_control_plane.application import apps, keys, naming, reading, reconcile
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.errors import InvalidRequest, NameTaken, NotFound, PayloadTooLarge, StaleApp
from tests.support.tapped import Killed, counted, killed_at, once, tap
from tests.support.world import APP, World

HOSTS = {"production": ("www.example.com",)}


def shows(world: World, host: str) -> str | None:
    """Return the version that a host shows."""
    route = world.route(host)
    return route["v"] if route else None


def test_an_app_is_created_once_and_configured_after(world: World) -> None:
    wanted = apps.Wanted({}, {"next": "main"}, "main", {}, Retention())
    created, new = apps.configure(world.ports, "blog", wanted)
    world.clock.go_on(seconds=1)
    changed, again = apps.configure(world.ports, "blog", replace(wanted, follow={}))
    assert (new, again) == (True, False)
    assert changed.created_at == created.created_at < changed.updated_at
    assert reading.find_app(world.ports, "blog") == changed


def test_production_exists_from_the_start(world: World) -> None:
    assert world.pointers() == {"production": None}
    assert world.pointer("production").generation == 0


def test_apps_are_listed_by_name_page_by_page(world: World) -> None:
    for name in ("zoo", "blog"):
        world.configure(name)
    first = apps.listed(world.ports, 2, None)
    second = apps.listed(world.ports, 2, first.next_cursor)
    assert [app.name for app in (*first.items, *second.items)] == ["blog", "shop", "zoo"]
    assert second.next_cursor is None


def test_a_new_host_shows_its_pointer_at_once(world: World) -> None:
    [version] = world.line("a")
    world.point("production", version.id)
    world.configure(hosts=HOSTS)
    assert shows(world, "www.example.com") == version.id
    assert world.findings() == set()


def test_a_host_moves_between_pointers(world: World) -> None:
    first, second = world.line("a", "b")
    world.point("production", first.id)
    world.point("next", second.id)
    world.configure(hosts=HOSTS)
    world.configure(hosts={"next": ("www.example.com",)})
    assert shows(world, "www.example.com") == second.id
    assert (world.pointer("production").hosts, world.pointer("next").hosts) == ((), ("www.example.com",))
    assert world.findings() == set()


def test_a_host_moves_to_a_pointer_of_a_lower_generation(world: World) -> None:
    first, second = world.line("a", "b")
    for version in (first, second, first, second):
        world.point("demo", version.id)
    world.configure(hosts={"demo": ("www.example.com",)})
    world.point("production", first.id)
    world.configure(hosts=HOSTS)
    assert shows(world, "www.example.com") == first.id


def test_a_removed_host_shows_nothing_and_is_free_for_others(world: World) -> None:
    world.point("production", world.line("a")[0].id)
    world.configure(hosts=HOSTS)
    world.configure()
    assert world.route("www.example.com") is None
    world.configure("blog", hosts=HOSTS)
    assert reading.find_app(world.ports, "blog").hosts == HOSTS


def test_a_host_of_another_app_is_taken(world: World) -> None:
    world.configure("blog", hosts=HOSTS)
    before = reading.find_app(world.ports, APP)
    with pytest.raises(NameTaken, match=r"www\.example\.com") as refused:
        world.configure(hosts=HOSTS)
    assert refused.value.facts["host"] == "www.example.com"
    assert reading.find_app(world.ports, APP) == before


def test_of_two_apps_that_want_a_host_at_once_one_gets_it(world: World) -> None:
    racing = tap(
        world.ports,
        before=once(lambda name, _: name == "ledger.commit", lambda: world.configure("blog", hosts=HOSTS)),
    )
    with pytest.raises(NameTaken):
        replace(world, ports=racing).configure(hosts=HOSTS)
    assert reading.find_app(world.ports, "blog").hosts == HOSTS


def test_two_configurations_at_once_end_as_one_of_them(world: World) -> None:
    world.point("production", world.line("a")[0].id)
    racing = tap(
        world.ports, before=once(lambda name, _: name == "ledger.commit", lambda: world.configure(hosts=HOSTS))
    )
    replace(world, ports=racing).configure(hosts={"production": ("example.com",)})
    assert reading.find_app(world.ports, APP).hosts == {"production": ("example.com",)}
    assert (shows(world, "www.example.com"), shows(world, "example.com")) == (None, world.shown("production"))
    assert world.findings() == set()


def test_who_read_an_older_configuration_is_told_and_changes_nothing(world: World) -> None:
    world.configure()
    read = reading.kept_app(world.ports, APP).revision
    wanted = apps.Wanted({}, {}, "main", {}, Retention())
    apps.configure(world.ports, APP, replace(wanted, main="first"), read)
    with pytest.raises(StaleApp):
        apps.configure(world.ports, APP, replace(wanted, main="second"), read)
    with pytest.raises(StaleApp):
        apps.configure(world.ports, APP, replace(wanted, main="second"), 0)
    assert reading.find_app(world.ports, APP).main == "first"


def test_of_two_that_read_the_same_configuration_one_changes_it(world: World) -> None:
    world.configure()
    read = reading.kept_app(world.ports, APP).revision
    wanted = apps.Wanted({}, {}, "other", {}, Retention())
    racing = tap(
        world.ports, before=once(lambda name, _: name == "ledger.commit", lambda: world.configure(main="faster"))
    )
    with pytest.raises(StaleApp):
        apps.configure(racing, APP, wanted, read)
    assert reading.find_app(world.ports, APP).main == "faster"


def test_a_configuration_that_was_killed_at_any_step_is_settled_by_the_reconciler(world: World) -> None:
    [version] = world.line("a")
    world.point("production", version.id)
    one, other = "www.example.com", "example.com"
    world.configure(hosts={"production": (one,)})
    ports, calls = counted(world.ports)
    replace(world, ports=ports).configure(hosts={"production": (other,)})
    for number in range(len(calls)):
        with pytest.raises(Killed):
            replace(world, ports=killed_at(world.ports, number, after=True)).configure(hosts={"production": (one,)})
        reconcile.decided(world.ports)
        host, gone = (one, other) if one in world.pointer("production").hosts else (other, one)
        assert (shows(world, host), world.route(gone)) == (version.id, None), f"killed after call {number}"
        assert world.findings() == set()
        assert list(reading.everything(world.ledger, keys.PENDING)) == []
        world.configure(hosts={"production": (other,)})
        world.configure("blog", hosts={"production": (one,)})
        world.configure("blog")


def test_many_interrupted_configurations_are_settled_together(world: World) -> None:
    def kill(name: str, _args: object) -> None:
        if name == "edge.remove":
            raise Killed

    changes = [tuple(f"h{change}-{number}.example.com" for number in range(apps.MAX_HOSTS)) for change in range(6)]
    for hosts in changes:
        with pytest.raises(Killed):
            replace(world, ports=tap(world.ports, before=kill)).configure(hosts={"production": hosts})
    reconcile.decided(world.ports)
    assert list(reading.everything(world.ledger, keys.PENDING)) == []
    assert [item.key.sort for item in reading.everything(world.ledger, keys.HOSTS)] == sorted(changes[-1])


def test_more_hosts_or_pointers_than_one_transaction_takes_are_refused(world: World) -> None:
    with pytest.raises(PayloadTooLarge):
        world.configure(hosts={"production": tuple(f"h{number}.example.com" for number in range(26))})
    with pytest.raises(PayloadTooLarge):
        world.configure(follow={f"p{number}": "main" for number in range(25)})


def test_the_largest_configuration_replaces_another_as_large(world: World) -> None:
    for letter in "ab":
        follow = {f"{letter}{number}": "main" for number in range(24)}
        world.configure(follow=follow, hosts={"production": tuple(f"{name}h.example.com" for name in [*follow, "z"])})
    [version] = world.line("a")
    assert {world.shown(f"b{number}") for number in range(24)} == {version.id}
    assert {world.shown(f"a{number}") for number in range(24)} == {None}


def test_what_cannot_be_meant_changes_nothing(world: World) -> None:
    with pytest.raises(InvalidRequest):
        world.configure("Not-A-Name")
    with pytest.raises(InvalidRequest):
        world.configure("blog", hosts={"production": ("localhost",)})
    with pytest.raises(NotFound):
        reading.find_app(world.ports, "blog")


def test_an_app_tells_which_record_to_create_for_a_host_whose_dns_nobody_manages_here(world: World) -> None:
    app = world.configure(hosts={"production": ("www.example.com", "shop.localhost")})
    claims = naming.of_app(world.ports, app)
    assert [(claim.host, claim.pointer, claim.dns.value, claim.advice) for claim in claims] == [
        ("shop.localhost", "production", "unmanaged", None),
        ("www.example.com", "production", "unmanaged", "www.example.com A 127.0.0.1"),
    ]
