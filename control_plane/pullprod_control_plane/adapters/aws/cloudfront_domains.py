"""Which CloudFront distribution answers for a host name.

CloudFront goes by the requested name alone, not by the record that led to it, so a name moves between distributions by
its association (`UpdateDomainAssociation`), not by DNS:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/alternate-domain-names-move-options.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from ...domain.errors import Busy, HostRefused
from ...ports import HERE
from . import faults
from .faults import code_of

if TYPE_CHECKING:
    from mypy_boto3_acm import ACMClient
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_cloudfront.type_defs import DistributionConfigTypeDef, DomainConflictTypeDef

T = TypeVar("T")
_ATTEMPTS = 5
_STALE = frozenset({"PreconditionFailed", "InvalidIfMatchVersion"})


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution as it stands: its version for If-Match, its own domain, and the names that it lists."""

    id: str
    etag: str
    account: str
    domain: str
    deployed: bool
    aliases: frozenset[str]
    certificate: str | None

    @property
    def names(self) -> frozenset[str]:
        """Return what it answers for without further ado: the names that it lists, and its own domain."""
        return self.aliases | {self.domain}


class CloudFrontDomains:
    """The names of one distribution."""

    def __init__(self, distribution: str, cloudfront: CloudFrontClient, acm: ACMClient) -> None:
        """`distribution` is an id; `acm` is of us-east-1, where the certificates of distributions are."""
        self._id = distribution
        self._cloudfront = cloudfront
        self._acm = acm

    def distribution(self) -> Distribution:
        """Return this edge's distribution."""
        return self._read(self._id)

    def check(self, hosts: Sequence[str]) -> None:
        """Raise HostRefused unless this distribution can come to answer for every one of `hosts`."""
        for host in hosts:
            with _told(host):
                ours = self.distribution()
                if host not in ours.names:
                    self._require_certificate(ours, host)
                    _require_movable(self.holder(ours, host), host)

    def holder(self, ours: Distribution, host: str) -> str | None:
        """Return HERE, the id of the account's distribution that lists `host`, who else has it, or None for nobody.

        Also None if the certificate does not cover the name: then CloudFront does not tell.
        """
        if host in ours.names:
            return HERE
        with _told(host):
            if self._uncovered(ours, host):
                return None
            conflict = next((found for found in self._conflicts(host) if not _is(found["ResourceId"], ours.id)), None)
        if conflict is None:
            return HERE if any(_covers(alias, host) for alias in ours.aliases) else None
        return self._own(host) or _foreign(conflict)

    def give(self, host: str, holder: str | None) -> None:
        """Let HERE, another distribution of the account, or None answer for a name.

        Raises:
            HostRefused: it cannot be taken from whoever has it, or the certificate does not cover it.
        """
        with _told(host):
            _compare_and_swap(lambda: self._give(host, holder))

    def _give(self, host: str, holder: str | None) -> None:
        ours = self.distribution()
        if holder == HERE:
            self._take(ours, host)
        elif host in ours.aliases:
            target = self._read(holder) if holder and self._exists(holder) else None
            if target is None:
                self._set_aliases(ours, ours.aliases - {host})
            else:
                self._move(host, target)

    def _take(self, ours: Distribution, host: str) -> None:
        self._require_certificate(ours, host)
        holder = self.holder(ours, host)
        if holder is None:
            self._set_aliases(ours, ours.aliases | {host})
        elif holder != HERE:
            _require_movable(holder, host)
            self._move(host, ours)

    def _move(self, host: str, target: Distribution) -> None:
        # Unverified: that within one account the source may stay enabled, as the developer guide says and the API's
        # own description does not (docs/aws-unverified.md). If not, CloudFront answers IllegalUpdate.
        self._cloudfront.update_domain_association(
            Domain=host, TargetResource={"DistributionId": target.id}, IfMatch=target.etag
        )

    def _set_aliases(self, ours: Distribution, aliases: frozenset[str]) -> None:
        """Write the whole configuration back with other names; If-Match lets no other change be lost."""
        found = self._cloudfront.get_distribution_config(Id=ours.id)
        config: DistributionConfigTypeDef = {**found["DistributionConfig"], "Aliases": {"Quantity": 0}}
        if aliases:
            config["Aliases"] = {"Quantity": len(aliases), "Items": sorted(aliases)}
        self._cloudfront.update_distribution(Id=ours.id, IfMatch=ours.etag, DistributionConfig=config)

    def _read(self, distribution: str) -> Distribution:
        found = self._cloudfront.get_distribution(Id=distribution)
        config = found["Distribution"]["DistributionConfig"]
        return Distribution(
            id=found["Distribution"]["Id"],
            etag=found["ETag"],
            account=found["Distribution"]["ARN"].split(":")[4],
            domain=found["Distribution"]["DomainName"],
            deployed=found["Distribution"]["Status"] == "Deployed",
            aliases=frozenset(config.get("Aliases", {}).get("Items", ())),
            certificate=config.get("ViewerCertificate", {}).get("ACMCertificateArn"),
        )

    def _exists(self, distribution: str) -> bool:
        try:
            self._cloudfront.get_distribution(Id=distribution)
        except ClientError as fault:
            if code_of(fault) == "NoSuchDistribution":
                return False
            raise
        return True

    def _conflicts(self, host: str) -> list[DomainConflictTypeDef]:
        """Return who else lists exactly this name. A wildcard elsewhere is no obstacle: the longer name wins."""
        asked: dict[str, Any] = {"Domain": host, "DomainControlValidationResource": {"DistributionId": self._id}}
        found: list[DomainConflictTypeDef] = []
        while True:
            page = self._cloudfront.list_domain_conflicts(**asked)
            found += [conflict for conflict in page.get("DomainConflicts", ()) if conflict["Domain"] == host]
            if not page.get("NextMarker"):
                return found
            asked["Marker"] = page["NextMarker"]

    def _own(self, host: str) -> str | None:
        """Return the id of the account's distribution that lists a name; conflicts tell ids with stars only."""
        for page in self._cloudfront.get_paginator("list_distributions").paginate():
            for listed in page["DistributionList"].get("Items", ()):
                if host in listed["Aliases"].get("Items", ()):
                    return listed["Id"]
        return None

    def _require_certificate(self, ours: Distribution, host: str) -> None:
        if why := self._uncovered(ours, host):
            detail = f"{why}, so it cannot answer for {host}. Deploy the stack with a certificate that covers the name."
            raise HostRefused(detail, host=host)

    def _uncovered(self, ours: Distribution, host: str) -> str | None:
        """Return why the distribution's certificate does not cover a name, None if it does."""
        if ours.certificate is None:
            return f"The distribution {ours.id} has no certificate of yours"
        found = self._acm.describe_certificate(CertificateArn=ours.certificate)["Certificate"]
        names = {found.get("DomainName", ""), *found.get("SubjectAlternativeNames", ())}
        if found.get("Status") == "ISSUED" and any(_covers(name, host) for name in names):
            return None
        listed = ", ".join(sorted(names))
        return f"The certificate of the distribution {ours.id} is {found.get('Status')} for {listed}"


def _require_movable(holder: str | None, host: str) -> None:
    """Raise HostRefused for a holder that is no distribution of this account."""
    if holder is not None and holder != HERE and " " in holder:
        detail = f"{host} belongs to the {holder}. Remove it there, then configure it here again."
        raise HostRefused(detail, host=host, holder=holder)


def _covers(pattern: str, host: str) -> bool:
    """Tell whether a name, or a wildcard for one label, covers `host`."""
    return pattern == host or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])


def _is(masked: str, full: str) -> bool:
    """Compare an id of which CloudFront may show the last characters only, behind stars."""
    shown = masked.lstrip("*")
    return bool(shown) and full.endswith(shown)


def _foreign(conflict: DomainConflictTypeDef) -> str:
    kind = conflict["ResourceType"].replace("-", " ")
    return f"CloudFront {kind} {conflict['ResourceId']} of account {conflict['AccountId']}"


def _compare_and_swap(act: Callable[[], T]) -> T:
    """Do it again, from reading on, as often as somebody else changes the distribution meanwhile."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return act()
        except ClientError as fault:
            if code_of(fault) not in _STALE or attempt == _ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def _told(host: str) -> Iterator[None]:
    """Turn CloudFront's refusals into the application's."""
    try:
        yield
    except ClientError as fault:
        code, message = code_of(fault), fault.response["Error"].get("Message", "")
        if code in _STALE | faults.TOO_MANY:
            raise Busy(f"CloudFront is changed by others at the moment; {host} waits. Try again.") from fault
        raise HostRefused(f"CloudFront refuses {host} ({code}): {message}", host=host, reason=code) from fault
