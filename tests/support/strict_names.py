"""Route 53, CloudFront and ACM as strict as their documentation, where the emulators are not.

What each refuses has its source in botocore's service models and in the developer guides that the adapters name.
"""
# ruff: noqa: N803 - arguments are named as boto3 has them.

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape
from botocore.validate import ParamValidator

ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"
OURS, OLD, FOREIGN = "E1PULLPRODOURS", "E2OLDSITEIDS", "E3SOMEBODYELSE"
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/names"
MAX_ALIASES = 100
MAX_RECORDS = 1_000

Record = dict[str, Any]


def refused(operation: str, code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or code}}, operation)


@dataclass
class Dist:
    id: str
    account: str = ACCOUNT
    aliases: list[str] = field(default_factory=list)
    certificate: str | None = CERTIFICATE
    enabled: bool = True
    deployed: bool = True
    etag: int = 1

    @property
    def domain(self) -> str:
        return f"d{self.id.lower()}.cloudfront.net"

    def changed(self) -> None:
        self.etag += 1
        self.deployed = False


class StrictCloudFront:
    """Distributions with If-Match, names that stand once in the world, certificates that must cover them."""

    def __init__(self, acm: StrictAcm) -> None:
        self._acm = acm
        self.dists = {d: Dist(d, OTHER_ACCOUNT if d == FOREIGN else ACCOUNT) for d in (OURS, OLD, FOREIGN)}

    def deploy(self) -> None:
        """Let every change reach every edge location."""
        for dist in self.dists.values():
            dist.deployed = True

    def get_distribution(self, Id: str) -> dict[str, Any]:
        dist = self._dist("GetDistribution", Id)
        described = {
            "Id": dist.id,
            "ARN": f"arn:aws:cloudfront::{dist.account}:distribution/{dist.id}",
            "Status": "Deployed" if dist.deployed else "InProgress",
            "DomainName": dist.domain,
            "DistributionConfig": _config(dist),
        }
        return {"ETag": f"E{dist.etag}", "Distribution": described}

    def get_distribution_config(self, Id: str) -> dict[str, Any]:
        dist = self._dist("GetDistributionConfig", Id)
        return {"ETag": f"E{dist.etag}", "DistributionConfig": _config(dist)}

    def update_distribution(self, Id: str, IfMatch: str, DistributionConfig: dict[str, Any]) -> dict[str, Any]:
        dist = self._dist("UpdateDistribution", Id)
        self._match("UpdateDistribution", dist, IfMatch)
        given = DistributionConfig["Aliases"]
        aliases = list(given.get("Items", ()))
        assert given["Quantity"] == len(aliases)
        assert {**DistributionConfig, "Aliases": 0} == {**_config(dist), "Aliases": 0}, "nothing else may change"
        if len(aliases) > MAX_ALIASES:
            raise refused("UpdateDistribution", "TooManyDistributionCNAMEs")
        for alias in aliases:
            self._require_covered("UpdateDistribution", dist, alias)
            if any(alias in other.aliases for other in self.dists.values() if other is not dist):
                raise refused("UpdateDistribution", "CNAMEAlreadyExists", "associated with a different resource")
        dist.aliases = aliases
        dist.changed()
        return {"ETag": f"E{dist.etag}"}

    def update_domain_association(self, Domain: str, TargetResource: dict[str, str], IfMatch: str) -> dict[str, Any]:
        operation = "UpdateDomainAssociation"
        target = self._dist(operation, TargetResource["DistributionId"])
        self._match(operation, target, IfMatch)
        self._require_covered(operation, target, Domain)
        source = next((dist for dist in self.dists.values() if Domain in dist.aliases), None)
        if source is None:
            raise refused(operation, "EntityNotFound")
        if source.account != target.account and source.enabled:
            raise refused(operation, "IllegalUpdate", "the source is enabled")
        source.aliases.remove(Domain)
        source.changed()
        target.aliases.append(Domain)
        target.changed()
        return {"Domain": Domain, "ResourceId": target.id, "ETag": f"E{target.etag}"}

    def list_domain_conflicts(
        self,
        Domain: str,
        DomainControlValidationResource: dict[str, str],
        Marker: str = "0",
    ) -> dict[str, Any]:
        ours = self._dist("ListDomainConflicts", DomainControlValidationResource["DistributionId"])
        self._require_covered("ListDomainConflicts", ours, Domain)
        wildcard = "*." + Domain.partition(".")[2]
        found = [
            {
                "Domain": alias,
                "ResourceType": "distribution",
                "ResourceId": "*" * (len(dist.id) - 7) + dist.id[-7:],
                "AccountId": "*" * 6 + dist.account[-6:],
            }
            for dist in self.dists.values()
            for alias in dist.aliases
            if alias in {Domain, wildcard}
        ]
        page = found[int(Marker) : int(Marker) + 1]
        more = {"NextMarker": str(int(Marker) + 1)} if int(Marker) + 1 < len(found) else {}
        return {"DomainConflicts": page, **more}

    def get_paginator(self, operation: str) -> StrictCloudFront:
        assert operation == "list_distributions"
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        for dist in self.dists.values():
            if dist.account == ACCOUNT:
                yield {"DistributionList": {"Items": [{"Id": dist.id, "Aliases": _aliases(dist)}]}}

    def _dist(self, operation: str, name: str) -> Dist:
        if name not in self.dists:
            raise refused(operation, "NoSuchDistribution")
        if self.dists[name].account != ACCOUNT:
            raise refused(operation, "AccessDenied")
        return self.dists[name]

    def _match(self, operation: str, dist: Dist, etag: str) -> None:
        if etag != f"E{dist.etag}":
            raise refused(operation, "PreconditionFailed")

    def _require_covered(self, operation: str, dist: Dist, name: str) -> None:
        if dist.certificate is None or not any(_covers(n, name) for n in self._acm.names):
            raise refused(operation, "InvalidViewerCertificate")


def _config(dist: Dist) -> dict[str, Any]:
    certificate = (
        {"ACMCertificateArn": dist.certificate} if dist.certificate else {"CloudFrontDefaultCertificate": True}
    )
    return {
        **distribution_config(dist.id),
        "Aliases": _aliases(dist),
        "ViewerCertificate": certificate,
        "Enabled": dist.enabled,
    }


def distribution_config(reference: str) -> dict[str, Any]:
    """Return what every distribution has to say."""
    origin = {
        "Id": "site",
        "DomainName": "b.s3.eu-west-1.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    return {
        "CallerReference": reference,
        "Comment": "",
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "site",
            "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        },
        "Enabled": True,
    }


def _aliases(dist: Dist) -> dict[str, Any]:
    return {"Quantity": len(dist.aliases), **({"Items": list(dist.aliases)} if dist.aliases else {})}


def _covers(pattern: str, name: str) -> bool:
    return pattern == name or (pattern.startswith("*.") and name.split(".", 1)[1] == pattern[2:])


class StrictAcm:
    """One certificate."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.status = "ISSUED"

    def describe_certificate(self, CertificateArn: str) -> dict[str, Any]:
        assert CertificateArn == CERTIFICATE
        described = {"DomainName": self.names[0], "SubjectAlternativeNames": self.names, "Status": self.status}
        return {"Certificate": described}


class StrictRoute53:
    """One hosted zone whose batches are made wholly or not at all, and whose changes spread when told to."""

    def __init__(
        self, cloudfront: StrictCloudFront, zone: str = "Z1", name: str = "example.com", page: int = 2
    ) -> None:
        self._cloudfront = cloudfront
        self._zone = zone
        self._name = name
        self._page = page
        self._numbers = count(1)
        self.sets: list[Record] = []
        self.changes: dict[str, str] = {}
        self.busy: list[str] = []

    def spread(self) -> None:
        """Let every server know every change."""
        self.changes = dict.fromkeys(self.changes, "INSYNC")

    def get_hosted_zone(self, Id: str) -> dict[str, Any]:
        self._require_zone("GetHostedZone", Id)
        return {"HostedZone": {"Id": f"/hostedzone/{Id}", "Name": f"{self._name}."}}

    def get_change(self, Id: str) -> dict[str, Any]:
        if Id not in self.changes:
            raise refused("GetChange", "NoSuchChange")
        return {"ChangeInfo": {"Id": Id, "Status": self.changes[Id]}}

    def list_resource_record_sets(
        self,
        HostedZoneId: str,
        StartRecordName: str,
        StartRecordType: str,
        StartRecordIdentifier: str = "",
    ) -> dict[str, Any]:
        self._require_zone("ListResourceRecordSets", HostedZoneId)
        start = (_reversed(StartRecordName), StartRecordType, StartRecordIdentifier)
        listed = sorted(self.sets, key=_order)
        rest = [record for record in listed if _order(record) >= start]
        answer: dict[str, Any] = {"ResourceRecordSets": copy.deepcopy(rest[: self._page]), "IsTruncated": False}
        if len(rest) > self._page:
            following = rest[self._page]
            answer |= {
                "IsTruncated": True,
                "NextRecordName": following["Name"],
                "NextRecordType": following["Type"],
            }
            if "SetIdentifier" in following:
                answer["NextRecordIdentifier"] = following["SetIdentifier"]
        return answer

    def change_resource_record_sets(self, HostedZoneId: str, ChangeBatch: dict[str, Any]) -> dict[str, Any]:
        operation = "ChangeResourceRecordSets"
        self._require_zone(operation, HostedZoneId)
        if self.busy:
            raise refused(operation, self.busy.pop())
        changes = ChangeBatch["Changes"]
        weight = sum(max(1, len(c["ResourceRecordSet"].get("ResourceRecords", ()))) for c in changes)
        if not 0 < weight <= MAX_RECORDS:
            raise refused(operation, "InvalidChangeBatch", "number of records limit exceeded")
        sets = copy.deepcopy(self.sets)
        for change in changes:
            assert change["Action"] in {"CREATE", "DELETE"}, "an UPSERT overwrites what others have changed"
            self._apply(sets, change["Action"], _stored(change["ResourceRecordSet"]))
        self.sets = sets
        name = f"/change/C{next(self._numbers)}"
        self.changes[name] = "PENDING"
        return {"ChangeInfo": {"Id": name, "Status": "PENDING"}}

    def _apply(self, sets: list[Record], action: str, record: Record) -> None:
        operation = "ChangeResourceRecordSets"
        if action == "DELETE":
            if record not in sets:
                raise refused(operation, "InvalidChangeBatch", "not found, or the values do not match")
            sets.remove(record)
            return
        same_name = [other for other in sets if other["Name"] == record["Name"]]
        if any(_order(other) == _order(record) for other in same_name):
            raise refused(operation, "InvalidChangeBatch", "it already exists")
        if any("CNAME" in {other["Type"], record["Type"]} and other["Type"] != record["Type"] for other in same_name):
            raise refused(operation, "InvalidChangeBatch", "conflicts with a CNAME")
        if "AliasTarget" in record:
            self._require_target(operation, record)
        sets.append(record)

    def _require_target(self, operation: str, record: Record) -> None:
        target = record["AliasTarget"]
        if "TTL" in record or "ResourceRecords" in record:
            raise refused(operation, "InvalidInput", "an alias has neither TTL nor records")
        if target["HostedZoneId"] != CLOUDFRONT_ZONE:
            return
        dist = next((d for d in self._cloudfront.dists.values() if f"{d.domain}." == target["DNSName"]), None)
        if target["EvaluateTargetHealth"] or dist is None or not self._lists(dist, record["Name"].rstrip(".")):
            raise refused(operation, "InvalidChangeBatch", "the distribution does not list the name")

    def _lists(self, dist: Dist, name: str) -> bool:
        return any(_covers(alias, name) for alias in dist.aliases)

    def _require_zone(self, operation: str, zone: str) -> None:
        if zone != self._zone:
            raise refused(operation, "NoSuchHostedZone")


def _stored(record: Record) -> Record:
    """Return a record set as Route 53 lists it: absolute names."""
    stored: Record = {**copy.deepcopy(record), "Name": _absolute(record["Name"])}
    if "AliasTarget" in stored:
        stored["AliasTarget"]["DNSName"] = _absolute(stored["AliasTarget"]["DNSName"])
    return stored


def _absolute(name: str) -> str:
    return name.rstrip(".").lower() + "."


def _reversed(name: str) -> list[str]:
    return name.rstrip(".").split(".")[::-1]


def _order(record: Record) -> tuple[Sequence[str], str, str]:
    return (_reversed(record["Name"]), record["Type"], record.get("SetIdentifier", ""))


@cache
def _taken(service: str) -> dict[str, Shape]:
    """Return what each method of a client takes."""
    model = botocore.session.get_session().get_service_model(service)
    shapes = {xform_name(name): model.operation_model(name).input_shape for name in model.operation_names}
    return {name: shape for name, shape in shapes.items() if shape}


class Checked:
    """A service whose arguments must be those of its model, as boto3 checks them before it sends anything."""

    def __init__(self, service: str, double: object) -> None:
        self._service = service
        self._double = double

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._double, name)
        if name == "get_paginator":
            return method

        def checked(**given: Any) -> Any:
            found = ParamValidator().validate(given, _taken(self._service)[name])
            assert not found.has_errors(), found.generate_report()
            return method(**given)

        return checked


@dataclass
class StrictNames:
    """The three services, and the world around one pullprod distribution."""

    acm: StrictAcm = field(default_factory=lambda: StrictAcm("example.com", "*.example.com"))
    cloudfront: StrictCloudFront = field(init=False)
    route53: StrictRoute53 = field(init=False)

    def __post_init__(self) -> None:
        self.cloudfront = StrictCloudFront(self.acm)
        self.route53 = StrictRoute53(self.cloudfront)

    def clients(self) -> tuple[Any, Any, Any]:
        """Return clients of CloudFront, ACM and Route 53, which take what boto3's would."""
        return Checked("cloudfront", self.cloudfront), Checked("acm", self.acm), Checked("route53", self.route53)

    def go_on(self) -> None:
        """Let time pass: every change reaches every place."""
        self.cloudfront.deploy()
        self.route53.spread()
