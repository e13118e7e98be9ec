"""A stack of template.yaml in MiniStack, with what its user and its viewers need of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

from scripts import emulators, viewer

NAME = "pullprod"
REGION = "eu-west-1"
ROOT_KEY = "test"  # MiniStack's own name of the account's owner, key and secret alike.
# What MiniStack cannot evaluate: it does not know these keys of conditions, nor what these actions are done to.
_UNKNOWN_KEYS = {
    "lambda:FunctionUrlAuthType",
    "lambda:Principal",
    "route53:ChangeResourceRecordSetsRecordTypes",
}
_UNKNOWN_RESOURCE = re.compile(
    r"cloudfront-keyvaluestore:|cloudfront:(ListDomainConflicts|UpdateDomainAssociation)$"
    r"|lambda:CreateFunction$|route53:GetChange$"
)


def environment(url: str) -> dict[str, str]:
    """Return what points AWS's tools at MiniStack, as its owner; nothing else does."""
    keys = {"AWS_ACCESS_KEY_ID": ROOT_KEY, "AWS_SECRET_ACCESS_KEY": ROOT_KEY}
    return {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": REGION, **keys}


@dataclass(frozen=True)
class Stack:
    """A stack that is deployed into the MiniStack at `url`."""

    url: str
    name: str = NAME

    def client(self, service: str, region: str = REGION) -> Any:
        """Return a client of a service, as the account's owner."""
        made = boto3.client(
            service,  # type: ignore[call-overload] # It has an overload for each name.
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=ROOT_KEY,
            aws_secret_access_key=ROOT_KEY,
            config=Config(s3={"addressing_style": "path"}, read_timeout=120, retries={"total_max_attempts": 1}),
        )
        made.meta.events.register("before-call.cloudfront-keyvaluestore", emulators.without_account)
        return made

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Return the stack's outputs."""
        [described] = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    def part(self, logical: str) -> str:
        """Return the physical id of what the template calls `logical`."""
        found = self.client("cloudformation").describe_stack_resource(StackName=self.name, LogicalResourceId=logical)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    @property
    def api_url(self) -> str:
        """Return where MiniStack serves the HTTP API, whose own name leads nowhere here."""
        api = urlsplit(self.outputs["Url"]).netloc.partition(".")[0]
        return f"{self.url}/_aws/execute-api/{api}/$default"

    def invoke_reconciler(self, event: Mapping[str, str]) -> dict[str, Any]:
        """Invoke the reconciler and return what it answers; SystemExit if it fails."""
        answer = self.client("lambda").invoke(
            FunctionName=self.part("ReconcilerFunction"), Payload=json.dumps(event).encode()
        )
        found: dict[str, Any] = json.load(answer["Payload"])
        if answer.get("FunctionError"):
            raise SystemExit(f"The reconciler failed: {found}")
        return found

    def log(self, group: str) -> str:
        """Return what a function printed into the log group that the template calls `group`."""
        events = self.client("logs").filter_log_events(logGroupName=self.part(group))["events"]
        printed = [event["message"].rstrip() for event in events]
        return "\n".join(text for text in printed if not text.startswith(("START ", "END ", "REPORT ")))

    def viewer(self) -> viewer.Viewer:
        """Return a viewer of the stack's hosts."""
        urls = self.client("lambda").get_function_url_config(FunctionName=self.part("NotFoundFunction"))
        origins = viewer.Origins(
            client=self.client,
            url=self.url,
            routes=self.routes,
            bucket=self.part("Bucket"),
            not_found=urlsplit(urls["FunctionUrl"]).netloc,
        )
        return viewer.Viewer(origins, Credentials(ROOT_KEY, ROOT_KEY), REGION)

    @property
    def routes(self) -> str:
        """Return the ARN of the key-value store."""
        stores = self.client("cloudfront").list_key_value_stores()["KeyValueStoreList"]["Items"]
        return next(str(store["ARN"]) for store in stores if store["Name"] == f"{self.name}-routes")

    def let_policies_be_evaluated(self) -> None:
        """Widen what policies narrow by means that MiniStack does not know (see above), or has not: encryption."""
        s3, bucket = self.client("s3"), self.part("Bucket")
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        policy["Statement"] = [part for part in policy["Statement"] if part["Sid"] != "OnlyEncryptedConnections"]
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        document = self.policy()
        widened = [each for statement in document["Statement"] for each in _evaluable(statement)]
        self.set_policy({**document, "Statement": widened})

    def policy(self) -> dict[str, Any]:
        """Return what the control plane may do, as it stands."""
        iam, arn = self.client("iam"), self.part("ControlPlanePolicy")
        standing = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found: dict[str, Any] = iam.get_policy_version(PolicyArn=arn, VersionId=standing)["PolicyVersion"]["Document"]
        return found

    def set_policy(self, document: Mapping[str, Any]) -> None:
        """Let the control plane do what `document` says, and nothing else; a policy has room for a few versions."""
        iam, arn = self.client("iam"), self.part("ControlPlanePolicy")
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
        for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])


def _evaluable(statement: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    known = dict(statement)
    if any(_UNKNOWN_KEYS & keys.keys() for keys in statement.get("Condition", {}).values()):
        del known["Condition"]
    yield known
    actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
    if unknown := [action for action in actions if _UNKNOWN_RESOURCE.match(action)]:
        yield {"Effect": statement["Effect"], "Action": unknown, "Resource": "*"}
