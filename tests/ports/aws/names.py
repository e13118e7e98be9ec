"""Names on AWS, plugged, each with a hosted zone that a test can lay records into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pullprod_control_plane.adapters.aws.cloudfront_domains import CloudFrontDomains
from pullprod_control_plane.adapters.aws.route53_names import Route53Names
from pullprod_control_plane.ports import Names
from tests.support.strict_names import OURS, StrictNames


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
