"""How host names come and go, over the adapter for AWS and services as strict as their documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from pullprod_control_plane.application import apps, keys, naming, reading
from pullprod_control_plane.domain.errors import HostRefused, NameTaken
from pullprod_control_plane.domain.hosts import Claim, Dns
from tests.ports.aws.names import plugged
from tests.support.naming import FORMER, MAIL, WWW, Scene, lay, leads_as_before, scene_in
from tests.support.strict_names import FOREIGN, OLD, OURS
from tests.support.tapped import Killed, counted, killed_at, once, tap
from tests.support.world import APP

HOSTS = {"production": (WWW,)}
CHANGING = frozenset({"ledger.commit", "edge.show", "edge.remove", "names.give", "names.replace"})


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with scene_in(tmp_path) as made:
        yield made


def test_the_distributions_own_host_can_be_a_pointers_without_any_change_to_the_distribution(scene: Scene) -> None:
    ours = scene.strict.cloudfront.dists[OURS]
    ours.certificate = None
    scene.world.configure(hosts={"production": (ours.domain,)})
    scene.settle()
    kept = naming._kept(scene.world.ports, ours.domain)
    assert kept
    assert (kept.record.dns, kept.record.advice, kept.record.problem) == (Dns.UNMANAGED, None, None)
    assert (ours.aliases, ours.etag) == ([], 1)
    scene.world.configure()
    scene.settle()
    assert naming._kept(scene.world.ports, ours.domain) is None
    assert (ours.aliases, ours.etag) == ([], 1)


@pytest.mark.parametrize("former", FORMER)
def test_a_name_comes_from_wherever_it_led_and_goes_back_there(scene: Scene, former: str) -> None:
    lay(scene, former)
    scene.world.configure(hosts=HOSTS)
    assert scene.dns() == "pending"
    scene.settle()
    assert scene.dns() == "insync"
    assert scene.leads_here()
    assert (scene.aliases(OURS), scene.aliases(OLD)) == ([WWW], [])
    scene.world.configure()
    scene.settle()
    assert scene.claim() is None
    assert leads_as_before(scene, former)
    assert scene.world.route(WWW) is None
    assert list(reading.everything(scene.world.ledger, keys.PENDING)) == []
    assert (MAIL in scene.strict.route53.sets) == (former != "another host")


def test_dns_waits_until_the_whole_edge_answers_for_the_name(scene: Scene) -> None:
    lay(scene, "a load balancer")
    scene.world.configure(hosts=HOSTS)
    for _ in range(3):
        scene.world.reconcile()
        assert scene.aliases(OURS) == [WWW]
        assert scene.leading() == FORMER["a load balancer"]
    scene.strict.cloudfront.deploy()
    scene.world.reconcile()
    assert scene.leads_here()
    assert scene.dns() == "pending"
    scene.world.reconcile()
    assert scene.dns() == "pending"
    scene.strict.route53.spread()
    scene.world.reconcile()
    assert scene.dns() == "insync"


def test_a_name_that_goes_is_answered_until_resolvers_have_forgotten_where_it_led(scene: Scene) -> None:
    scene.world.configure(hosts=HOSTS)
    scene.settle()
    scene.world.configure()
    assert scene.leading() == []
    for _ in range(2):
        scene.world.reconcile()
        assert scene.aliases(OURS) == [WWW]
        assert scene.world.route(WWW)
    scene.strict.go_on()
    scene.world.reconcile()
    assert scene.world.route(WWW)
    scene.settle(3)
    assert scene.aliases(OURS) == []
    assert scene.world.route(WWW) is None
    assert scene.claim() is None


def test_a_name_that_is_being_let_go_is_not_free_for_others_yet(scene: Scene) -> None:
    scene.world.configure(hosts=HOSTS)
    scene.settle()
    scene.world.configure()
    with pytest.raises(NameTaken, match="can take minutes"):
        scene.world.configure("blog", hosts=HOSTS)
    scene.settle()
    scene.world.configure("blog", hosts=HOSTS)


def test_a_name_that_comes_back_while_it_goes_still_knows_what_it_came_from(scene: Scene) -> None:
    lay(scene, "a load balancer")
    scene.world.configure(hosts=HOSTS)
    scene.settle()
    scene.world.configure()
    assert scene.leading() == FORMER["a load balancer"]
    scene.world.configure(hosts={"next": (WWW,)})
    scene.settle()
    assert scene.dns() == "insync"
    assert scene.leads_here()
    scene.world.configure()
    scene.settle()
    assert leads_as_before(scene, "a load balancer")


def test_moving_a_name_between_pointers_touches_neither_dns_nor_distribution(scene: Scene) -> None:
    scene.world.configure(hosts=HOSTS)
    scene.settle()
    before = (scene.strict.cloudfront.dists[OURS].etag, len(scene.strict.route53.changes))
    scene.world.configure(hosts={"next": (WWW,)})
    scene.settle()
    assert scene.dns() == "insync"
    assert (scene.strict.cloudfront.dists[OURS].etag, len(scene.strict.route53.changes)) == before


def test_a_record_that_changed_meanwhile_is_not_overwritten_but_looked_at_again(scene: Scene) -> None:
    lay(scene, "a load balancer")
    names = scene.world.ports.names
    other = {**FORMER["another host"][0], "ResourceRecords": [{"Value": "elsewhere.test"}]}

    def change() -> None:
        scene.strict.route53.sets = [other]

    slow = tap(scene.world.ports, before=once(lambda name, _: name == "names.replace", change)).names
    scene.world.configure(hosts=HOSTS)
    scene.strict.go_on()
    replace(scene.world, ports=replace(scene.world.ports, names=slow)).reconcile()
    scene.settle()
    assert scene.leads_here()
    claim = scene.claim()
    assert claim
    assert claim.former
    assert claim.former.records == (other,), "what is given back is what was really taken"
    assert names is scene.world.ports.names


@pytest.mark.parametrize("names", [["example.com"], ["*.shop.example.com"], ["*.com"]])
def test_a_certificate_that_does_not_cover_the_name_is_refused_before_anything_changes(
    scene: Scene, names: list[str]
) -> None:
    scene.strict.acm.names = names
    with pytest.raises(HostRefused, match=r"certificate of the distribution .* www\.example\.com"):
        scene.world.configure(hosts=HOSTS)
    assert reading.find_app(scene.world.ports, APP).hosts == {}
    assert scene.claim() is None


def test_a_distribution_without_a_certificate_is_refused_before_anything_changes(scene: Scene) -> None:
    scene.strict.cloudfront.dists[OURS].certificate = None
    with pytest.raises(HostRefused, match="has no certificate of yours"):
        scene.world.configure(hosts=HOSTS)
    assert scene.claim() is None


def test_a_name_on_a_distribution_of_another_account_is_refused_and_the_error_says_whose_it_is(scene: Scene) -> None:
    scene.aliases(FOREIGN).append(WWW)
    with pytest.raises(HostRefused, match=r"distribution \*+ODYELSE of account \*+654321\."):
        scene.world.configure(hosts=HOSTS)
    assert scene.claim() is None
    assert scene.aliases(FOREIGN) == [WWW]


def test_a_name_that_another_account_took_meanwhile_waits_and_tells_why(scene: Scene) -> None:
    def take() -> None:
        scene.aliases(FOREIGN).append(WWW)

    racing = tap(scene.world.ports, after=once(lambda name, _: name == "names.check", take))
    replace(scene.world, ports=racing).configure(hosts=HOSTS)
    claim = scene.claim()
    assert claim
    assert claim.problem
    assert "Remove it there" in claim.problem
    scene.aliases(FOREIGN).clear()
    scene.settle(4)
    assert scene.dns() == "insync"
    assert cast("Claim", scene.claim()).problem is None


def test_a_wildcard_of_this_distribution_needs_no_name_of_its_own(scene: Scene) -> None:
    scene.aliases(OURS).append("*.example.com")
    scene.world.configure(hosts=HOSTS)
    scene.settle()
    assert scene.dns() == "insync"
    assert scene.aliases(OURS) == ["*.example.com"]
    scene.world.configure()
    scene.settle()
    assert scene.claim() is None
    assert scene.aliases(OURS) == ["*.example.com"]


def test_a_wildcard_elsewhere_is_no_obstacle(scene: Scene) -> None:
    scene.aliases(FOREIGN).append("*.example.com")
    scene.world.configure(hosts=HOSTS)
    scene.settle()
    assert scene.dns() == "insync"
    assert scene.aliases(OURS) == [WWW]


def test_without_a_hosted_zone_the_owner_is_told_which_record_to_create(tmp_path: Path) -> None:
    with scene_in(tmp_path, zone=None) as scene:
        scene.world.configure(hosts=HOSTS)
        scene.settle(2)
        claim = scene.claim()
        assert claim
        assert claim.dns is Dns.UNMANAGED
        assert claim.advice
        assert claim.advice.startswith(f"{WWW} CNAME {scene.strict.cloudfront.dists[OURS].domain}")
        assert scene.aliases(OURS) == [WWW]
        assert scene.strict.route53.changes == {}
        scene.world.configure()
        assert (scene.claim(), scene.aliases(OURS)) == (None, [])


def test_a_name_outside_the_hosted_zone_is_unmanaged(scene: Scene) -> None:
    scene.strict.acm.names.append("www.example.org")
    scene.world.configure(hosts={"production": ("www.example.org",)})
    scene.settle(2)
    [claim] = naming.of_app(scene.world.ports, reading.find_app(scene.world.ports, APP))
    assert claim.dns is Dns.UNMANAGED


def test_a_change_that_route_53_has_forgotten_is_made_again(scene: Scene) -> None:
    scene.world.configure(hosts=HOSTS)
    scene.strict.cloudfront.deploy()
    scene.world.reconcile()
    scene.strict.route53.changes.clear()
    scene.world.reconcile()
    assert len(scene.strict.route53.changes) == 1
    scene.settle(2)
    assert scene.dns() == "insync"
    assert scene.leads_here()


@pytest.mark.parametrize("code", ["Throttling", "PriorRequestNotComplete"])
def test_a_service_that_is_busy_is_asked_again(scene: Scene, code: str) -> None:
    scene.strict.route53.busy = [code] * 3
    scene.world.configure(hosts=HOSTS)
    scene.settle(12)
    assert scene.dns() == "insync"
    assert cast("Claim", scene.claim()).problem is None


def test_a_name_that_is_taken_away_outside_comes_back(scene: Scene) -> None:
    lay(scene, "a load balancer")
    scene.world.configure(hosts=HOSTS)
    scene.settle()
    scene.strict.cloudfront.dists[OURS].aliases.clear()  # As a stack update that knows nothing of it.
    scene.strict.route53.sets = [dict(FORMER["another host"][0])]
    assert scene.world.findings() == {"name-differs"}
    scene.settle()
    assert scene.leads_here()
    assert scene.aliases(OURS) == [WWW]
    assert scene.dns() == "insync"
    assert scene.world.findings() == set()
    scene.world.configure()
    scene.settle()
    assert leads_as_before(scene, "a load balancer")


def test_a_name_that_goes_astray_is_left_alone_where_the_app_says_so(scene: Scene) -> None:
    scene.world.configure(hosts=HOSTS, drift="report")
    scene.settle()
    scene.strict.route53.sets = [dict(FORMER["another host"][0])]
    report = scene.world.reconcile()
    assert [(app, finding.code, finding.subject) for app, finding in report.drift] == [(APP, "record-differs", WWW)]
    assert scene.leading() == FORMER["another host"]


def test_a_hosted_zone_that_is_configured_later_is_used(scene: Scene) -> None:
    later = scene.world.ports.names
    early = replace(scene.world, ports=replace(scene.world.ports, names=plugged(scene.strict, None)))
    early.configure(hosts=HOSTS)
    scene.strict.go_on()
    early.reconcile()
    assert scene.dns() == "unmanaged"
    assert scene.world.ports.names is later
    scene.settle()
    assert scene.dns() == "insync"
    assert scene.leads_here()


def test_what_cannot_be_given_back_tells_why_and_waits_for_its_owner(scene: Scene) -> None:
    lay(scene, "another distribution")
    scene.world.configure(hosts=HOSTS)
    scene.settle()
    del scene.strict.cloudfront.dists[OLD]
    scene.world.configure()
    scene.settle(3)
    claim = scene.claim()
    assert claim
    assert claim.problem
    assert "does not list the name" in claim.problem
    scene.strict.route53.sets.clear()  # Its owner takes the records away by hand.
    scene.settle(70)
    assert scene.claim() is None


@pytest.mark.parametrize("former", ["nothing", "a load balancer", "another distribution"])
def test_a_name_that_comes_and_goes_survives_the_end_of_the_process_after_every_call(
    tmp_path: Path, former: str
) -> None:
    with scene_in(tmp_path / "scene") as scene:
        lay(scene, former)
        ports, calls = counted(scene.world.ports)
        come_and_go(replace(scene, world=replace(scene.world, ports=ports)))
    changing = [number for number, (name, _) in enumerate(calls) if name in CHANGING]
    assert len(changing) > 20
    for number in changing:
        with scene_in(tmp_path / str(number)) as scene:
            lay(scene, former)
            dying = replace(scene, world=replace(scene.world, ports=killed_at(scene.world.ports, number, after=True)))
            with pytest.raises(Killed):
                come_and_go(dying)
            finish(scene)
            when = f"killed after call {number}, {calls[number][0]}"
            assert scene.claim() is None, when
            assert leads_as_before(scene, former), when
            assert list(reading.everything(scene.world.ledger, keys.PENDING)) == [], when
            assert list(reading.everything(scene.world.ledger, keys.HOSTS)) == [], when
            assert scene.world.findings() == set(), when


def come_and_go(scene: Scene) -> None:
    scene.world.configure(hosts=HOSTS)
    scene.settle(4)
    scene.world.configure()
    scene.settle(5)


def finish(scene: Scene) -> None:
    """Let the reconciler finish what it finds, then let the name go if it is here."""
    scene.settle(6)
    app = reading.find_app(scene.world.ports, APP)
    if app.hosts:
        assert scene.dns() == "insync"
        assert scene.leads_here()
        apps.configure(scene.world.ports, APP, apps.Wanted({}, {}, "main", {}, app.retention))
    scene.settle(6)
