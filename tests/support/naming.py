"""A world whose host names are on AWS, over services as strict as their documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pullprod_control_plane.application import naming
from pullprod_control_plane.domain.hosts import Claim
from tests.ports.aws.names import plugged
from tests.support.strict_names import CLOUDFRONT_ZONE, OLD, OURS, Record, StrictNames
from tests.support.world import World, opened

WWW = "www.example.com"
BALANCER = {
    "HostedZoneId": "Z32O12XQLNTSW2",
    "DNSName": "lb.amazonaws.com.",
    "EvaluateTargetHealth": True,
}
MAIL = {"Name": f"{WWW}.", "Type": "TXT", "TTL": 300, "ResourceRecords": [{"Value": '"v=spf1 -all"'}]}


@dataclass
class Scene:
    """A world whose names are on AWS, with production showing a version."""

    world: World
    strict: StrictNames

    def settle(self, rounds: int = 8) -> None:
        """Let the reconciler do its rounds, and the world do what was asked of it in between."""
        for _ in range(rounds):
            self.world.reconcile()
            self.strict.go_on()

    def claim(self) -> Claim | None:
        kept = naming._kept(self.world.ports, WWW)
        return kept.record if kept else None

    def dns(self) -> str:
        claim = self.claim()
        assert claim
        return claim.dns.value

    def leading(self) -> list[Record]:
        return [record for record in self.strict.route53.sets if record["Type"] != "TXT"]

    def leads_here(self) -> bool:
        ours = self.strict.cloudfront.dists[OURS]
        return self.leading() == [alias(kind, ours.domain) for kind in ("A", "AAAA")]

    def aliases(self, dist: str = OURS) -> list[str]:
        return self.strict.cloudfront.dists[dist].aliases


def alias(kind: str, domain: str) -> Record:
    target = {"HostedZoneId": CLOUDFRONT_ZONE, "DNSName": f"{domain}.", "EvaluateTargetHealth": False}
    return {"Name": f"{WWW}.", "Type": kind, "AliasTarget": target}


@contextmanager
def scene_in(directory: Path, zone: str | None = "Z1") -> Iterator[Scene]:
    with opened(directory) as created:
        strict = StrictNames()
        world = replace(created, ports=replace(created.ports, names=plugged(strict, zone)))
        world.configure()
        world.point("production", world.line("a")[0].id)
        yield Scene(world, strict)


FORMER: dict[str, list[Record]] = {
    "nothing": [],
    "a load balancer": [{"Name": f"{WWW}.", "Type": "A", "AliasTarget": BALANCER}],
    "another host": [
        {"Name": f"{WWW}.", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "shop.hosting.test"}]}
    ],
    "weighted servers": [
        {
            "Name": f"{WWW}.",
            "Type": "A",
            "SetIdentifier": name,
            "Weight": 1,
            "TTL": 60,
            "ResourceRecords": [{"Value": f"192.0.2.{number}"}],
        }
        for number, name in enumerate("abc")
    ],
    "another distribution": [alias(kind, f"d{OLD.lower()}.cloudfront.net") for kind in ("A", "AAAA")],
}


def lay(scene: Scene, former: str) -> None:
    """Let the name lead elsewhere."""
    scene.strict.route53.sets = [dict(record) for record in FORMER[former]]
    if former == "another distribution":
        scene.aliases(OLD).append(WWW)
    if former != "another host":
        scene.strict.route53.sets.append(dict(MAIL))


def leads_as_before(scene: Scene, former: str) -> bool:
    right = sorted(map(_text, scene.leading())) == sorted(map(_text, FORMER[former]))
    back = (WWW in scene.aliases(OLD)) == (former == "another distribution")
    return right and back and WWW not in scene.aliases(OURS)


def _text(record: Record) -> str:
    return json.dumps(record, sort_keys=True)
