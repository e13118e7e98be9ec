"""Host names on AWS: CloudFront answers for them, and Route 53 leads to it if there is a hosted zone for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from ...domain.errors import Busy, HostRefused
from ...domain.hosts import Records
from ...domain.json import Json
from ...ports import Lead, RecordsDiffer
from . import faults
from .cloudfront_domains import CloudFrontDomains, Distribution
from .faults import code_of

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_route53.type_defs import ChangeTypeDef

# https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html: the zone of all distributions.
_CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
# What browsers go by. Other records of the name, such as MX and TXT, are nobody's business here; template.yaml says so.
LEADING = frozenset({"A", "AAAA", "CNAME", "HTTPS"})
_MAX_SETS = 50
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets
_MAX_RECORDS = 1_000
_passing = faults.passing("CloudFront or Route 53")
_BUSY = faults.TOO_MANY | {"PriorRequestNotComplete"}


class Route53Names:
    """Names: each as a pair of alias records, A and AAAA, in one public hosted zone; without it DNS is unmanaged.

    Records are replaced in one batch that deletes the old exactly and creates the new, which Route 53 makes wholly or
    not at all: https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html. An UPSERT
    would overwrite what somebody else has changed meanwhile.
    """

    def __init__(self, domains: CloudFrontDomains, zone: str | None, route53: Route53Client) -> None:
        """`zone` is the id of a public hosted zone; names outside it are unmanaged, all of them without it."""
        self._domains = domains
        self._zone = zone
        self._route53 = route53

    @_passing
    def check(self, hosts: Sequence[str]) -> None:
        """Raise HostRefused unless the distribution can come to answer for every one of `hosts`."""
        self._domains.check(hosts)

    @_passing
    def look(self, hosts: Sequence[str]) -> list[Lead]:
        """Return where each of `hosts` leads, in their order."""
        ours = self._domains.distribution() if hosts else None
        return [self._lead(ours, host) for host in hosts if ours]

    @_passing
    def give(self, host: str, holder: str | None) -> None:
        """Let `holder` answer for a name, in the place of whoever does."""
        self._domains.give(host, holder)

    @_passing
    def replace(self, host: str, old: Records, new: Records) -> str:
        """Replace the records of a name that are exactly `old` by `new`, in one batch."""
        changes = [_change("DELETE", record) for record in old] + [_change("CREATE", record) for record in new]
        if sum(_weight(record) for record in (*old, *new)) > _MAX_RECORDS:
            raise HostRefused(f"{host} has more records than can be replaced at once. Change them by hand.", host=host)
        try:
            answer = self._route53.change_resource_record_sets(
                HostedZoneId=self._managed(), ChangeBatch={"Comment": "pullprod", "Changes": changes}
            )
        except ClientError as fault:
            raise self._refusal(host, old, fault) from fault
        return answer["ChangeInfo"]["Id"]

    @_passing
    def in_sync(self, change: str) -> bool | None:
        """Tell whether all of Route 53's servers answer by a change; None if it is not known, as after a failover."""
        try:
            return self._route53.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC"
        except ClientError as fault:
            if code_of(fault) == "NoSuchChange":
                return None
            raise _translated(fault) from fault

    def _lead(self, ours: Distribution, host: str) -> Lead:
        holder = self._domains.holder(ours, host)
        if not self._is_managed(host):
            advice = f"{host} CNAME {ours.domain} (at a zone's top: ALIAS or ANAME)" if host != ours.domain else None
            return Lead(holder, ours.deployed, advice=advice)
        found, wanted = self._records(host), _wanted(host, ours)
        same = sorted(map(_canonical, found)) == sorted(map(_canonical, wanted))
        return Lead(holder, ours.deployed, found, found if same else wanted)

    def _is_managed(self, host: str) -> bool:
        return self._zone is not None and (host == self._zone_name or host.endswith(f".{self._zone_name}"))

    def _managed(self) -> str:
        if self._zone is None:
            raise HostRefused("No hosted zone is configured. Deploy the stack with one, or change DNS by hand.")
        return self._zone

    @cached_property
    def _zone_name(self) -> str:
        try:
            return self._route53.get_hosted_zone(Id=self._managed())["HostedZone"]["Name"].rstrip(".").lower()
        except ClientError as fault:
            raise _translated(fault) from fault

    def _records(self, host: str) -> Records:
        """Return the record sets of a name that lead viewers, as Route 53 keeps them."""
        asked: dict[str, Any] = {"HostedZoneId": self._managed(), "StartRecordName": host, "StartRecordType": "A"}
        found: list[dict[str, Json]] = []
        while len(found) <= _MAX_SETS:
            try:
                page = self._route53.list_resource_record_sets(**asked)
            except ClientError as fault:
                raise _translated(fault) from fault
            of_host = [cast("dict[str, Json]", s) for s in page["ResourceRecordSets"] if _name(s["Name"]) == host]
            found += [record for record in of_host if record["Type"] in LEADING]
            if not page["IsTruncated"] or _name(page["NextRecordName"]) != host:
                return tuple(found)
            asked |= {"StartRecordName": host, "StartRecordType": page["NextRecordType"]}
            if identifier := page.get("NextRecordIdentifier"):
                asked["StartRecordIdentifier"] = identifier
        raise HostRefused(f"{host} has more than {_MAX_SETS} record sets. Reduce them by hand.", host=host)

    def _refusal(self, host: str, old: Records, fault: ClientError) -> Exception:
        """Return what a refused batch means: the records differ, or what was to be created cannot be."""
        if code_of(fault) != "InvalidChangeBatch":
            return _translated(fault)
        if self._records(host) != tuple(old):
            return RecordsDiffer(host)
        return HostRefused(f"Route 53 refuses the records of {host}: {_message(fault)}", host=host)


def _wanted(host: str, ours: Distribution) -> Records:
    target: dict[str, Json] = {
        "HostedZoneId": _CLOUDFRONT_ZONE,
        "DNSName": f"{ours.domain}.",
        "EvaluateTargetHealth": False,
    }
    return tuple({"Name": f"{host}.", "Type": kind, "AliasTarget": target} for kind in ("A", "AAAA"))


def _canonical(record: Any) -> list[Any]:
    """Return a record set so that equal ones compare equal, with or without the dot at a name's end."""
    alias = record.get("AliasTarget") or {}
    rest = {key: value for key, value in record.items() if key not in {"Name", "AliasTarget"}}
    target = [alias.get("HostedZoneId"), _name(alias.get("DNSName", "")), alias.get("EvaluateTargetHealth")]
    return [record["Type"], _name(record["Name"]), str(target), str(sorted(rest.items()))]


def _name(text: str) -> str:
    return text.rstrip(".").lower()


def _change(action: str, record: Any) -> ChangeTypeDef:
    return cast("ChangeTypeDef", {"Action": action, "ResourceRecordSet": record})


def _weight(record: Any) -> int:
    return max(1, len(record.get("ResourceRecords", ())))


def _message(fault: ClientError) -> str:
    return fault.response["Error"].get("Message", "")


def _translated(fault: ClientError) -> Exception:
    code = code_of(fault)
    if code in _BUSY:
        return Busy("Route 53 has too many requests at the moment. Try again.")
    return HostRefused(f"Route 53 refuses ({code}): {_message(fault)}", reason=code)
