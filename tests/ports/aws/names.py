"""Names on AWS, plugged, each with a hosted zone that a test can lay records into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from pullprod_control_plane.adapters.aws.cloudfront_domains import CloudFrontDomains
from pullprod_control_plane.adapters.aws.route53_names import Route53Names
from pullprod_control_plane.ports import Names
from tests.support.aws import client
from tests.support.strict_names import OURS, StrictNames, distribution_config


@dataclass(frozen=True)
class Managed:
    """Names with their zone: `put` creates records by other means, `go_on` lets every change spread."""

    names: Names
    put: Callable[[list[dict[str, Any]]], None]
    go_on: Callable[[], None]


def strict_route53_names(_: pytest.FixtureRequest) -> Managed:
    strict = StrictNames()
    return Managed(plugged(strict), strict.route53.sets.extend, strict.go_on)


def plugged(strict: StrictNames, zone: str | None = "Z1") -> Route53Names:
    """Return the adapter over the strict double."""
    cloudfront, acm, route53 = strict.clients()
    return Route53Names(CloudFrontDomains(OURS, cloudfront, acm), zone, route53)


def ministack_route53_names(request: pytest.FixtureRequest) -> Managed:
    """A zone, a certificate and a distribution of their own for each test, since names stand once in the world."""
    url = request.getfixturevalue("ministack")
    cloudfront, acm, route53 = (client(service, url) for service in ("cloudfront", "acm", "route53"))
    _free_names(cloudfront)
    zone = route53.create_hosted_zone(Name="example.com", CallerReference=uuid4().hex)["HostedZone"]["Id"]
    certificate = acm.request_certificate(DomainName="example.com", SubjectAlternativeNames=["*.example.com"])
    config = {
        **distribution_config(uuid4().hex),
        "ViewerCertificate": {"ACMCertificateArn": certificate["CertificateArn"], "SSLSupportMethod": "sni-only"},
    }
    distribution = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]

    def put(records: list[dict[str, Any]]) -> None:
        changes = [{"Action": "CREATE", "ResourceRecordSet": record} for record in records]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    names = Route53Names(CloudFrontDomains(distribution, cloudfront, acm), zone, route53)
    return Managed(names, put, lambda: None)


def _free_names(cloudfront: Any) -> None:
    """Take the names of earlier tests from their distributions."""
    for listed in cloudfront.list_distributions()["DistributionList"].get("Items", ()):
        if listed["Aliases"]["Quantity"]:
            found = cloudfront.get_distribution_config(Id=listed["Id"])
            config = {**found["DistributionConfig"], "Aliases": {"Quantity": 0}}
            cloudfront.update_distribution(Id=listed["Id"], IfMatch=found["ETag"], DistributionConfig=config)
