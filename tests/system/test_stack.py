"""The stack of template.yaml: what an update leaves alone, and that its roles may do what is needed and no more."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pullprod_control_plane.adapters.aws.lambda_worker import LambdaWorker
from scripts import emulators
from scripts.stack import Stack
from tests.support import stack as stacks
from tests.support.api import Api, Json, client, file_entry, manifest, wait_until
from tests.support.zips import python

# They share a stack, which takes as long to deploy as all of them.
pytestmark = pytest.mark.xdist_group("stack")

SOURCE = "def handler(event, context):\n    return {'statusCode': 200, 'body': '%s'}\n"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return stacks.package(tmp_path_factory.mktemp("lambda"))


@pytest.fixture(scope="module")
def stack(code: bytes) -> Iterator[Stack]:
    with emulators.running(emulators.MINISTACK, AUTH="true") as url:
        made = Stack(url)
        stacks.deploy(made, stacks.TEMPLATE, code, "first")
        yield made


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[Api]:
    token = stack.invoke_reconciler({"command": "first-admin"})["token"]
    with client(stack.api_url, token) as caller:
        yield caller


def publish(api: Api, app: str, name: str) -> Json:
    """Publish a version of a page, a style that never changes, and a function."""
    files = {"index.html": f"<h1>{name}</h1>".encode(), "style.css": b"p{}", "api.zip": python(SOURCE % name)}
    packed = file_entry("api.zip", files["api.zip"])
    runs = {"name": "api", "handler": "app.handler", "runtime": "python3.13", "routes": ["/api/*"]}
    function = {**runs, "sha256": packed["sha256"], "size": packed["size"]}
    pages = {path: body for path, body in files.items() if path != "api.zip"}
    begun = api.ok("POST", f"/v1/apps/{app}/versions", manifest(name, pages, functions=[function]))
    api.send(app, begun, files)
    where = f"/v1/apps/{app}/versions/{begun['version']['id']}"
    wait_until(lambda: api.ok("POST", f"{where}/finalize", {})["version"]["state"] == "ready")
    return api.ok("GET", where)


def work(api: Api, app: str) -> str:
    """Do the main job, by the API alone; return the version that production shows in the end."""
    api.app(app, guards={"lineage": {"production": "off"}})
    first, second = publish(api, app, "one"), publish(api, app, "two")
    for version in (first, second, first):
        answer = api.point(app, "production", version["id"])
        assert answer.status_code == 200, answer.text
    api.ok("DELETE", f"/v1/apps/{app}/versions/{second['id']}", {"reason": "a test"})
    assert api.ok("GET", f"/v1/apps/{app}/audit")["findings"] == []
    return str(first["id"])


def standing(stack: Stack, app: str) -> dict[str, Any]:
    """Return what the control plane owns: records, aliases and URLs of functions, and the ledger's items."""
    routes = stack.client("cloudfront-keyvaluestore").list_keys(KvsARN=stack.routes, MaxResults=50)
    lambdas, name = stack.client("lambda"), f"pullprod_app-{app}--api"
    aliases = lambdas.list_aliases(FunctionName=name)["Aliases"]
    programs = [{"FunctionName": name, "Qualifier": a["Name"]} for a in aliases if a["Name"].startswith("code_")]
    return {
        "records": {item["Key"]: item["Value"] for item in routes["Items"]},
        "aliases": {alias["Name"]: (alias["FunctionVersion"], alias["RevisionId"]) for alias in aliases},
        "urls": [lambdas.get_function_url_config(**program)["FunctionUrl"] for program in programs],
        "history": [item for item in ledger(stack) if item["PK"]["S"].startswith(f"history#{app}#")],
    }


def ledger(stack: Stack) -> list[dict[str, Any]]:
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.part("Ledger"))
    return [item for page in pages for item in page["Items"]]


def shown(stack: Stack, app: str) -> tuple[bytes | object, bytes | object]:
    """Return what viewers of production get: the page, and what its function answers."""
    viewer, host = stack.viewer(), f"production--{app}.example.com"
    return viewer.get(host).body, viewer.get(host, "/api/x").body


def test_a_stack_update_leaves_aliases_routes_and_production_untouched(stack: Stack, api: Api, code: bytes) -> None:
    version = work(api, "updated")
    before, seen = standing(stack, "updated"), shown(stack, "updated")
    assert seen == (b"<h1>one</h1>", b"one")
    revision = stack.client("lambda").get_function_configuration(FunctionName=stack.part("ApiFunction"))["CodeSha256"]

    changed = stacks.TEMPLATE.replace("MemorySize: 1769", "MemorySize: 1536")
    changed = changed.replace("// Tells the viewer which version answered", "// Says which version answered")
    stacks.deploy(stack, changed, stacks.with_another_file(code), "second", LogDays="60")

    function = stack.client("lambda").get_function_configuration(FunctionName=stack.part("ApiFunction"))
    assert (function["MemorySize"], function["CodeSha256"] != revision) == (1536, True), "the update was made"
    assert (standing(stack, "updated"), shown(stack, "updated")) == (before, seen)
    assert api.ok("GET", "/v1/apps/updated/pointers/production")["version"] == version
    assert api.ok("GET", "/v1/apps/updated/audit")["findings"] == []


def test_records_of_swaps_are_written_once(stack: Stack, api: Api) -> None:
    """So they can be where no role may update or delete: MiniStack does not know the condition that says so."""
    work(api, "history")
    records = standing(stack, "history")["history"]
    assert len(records) >= 3
    assert {item["revision"]["N"] for item in records} == {"1"}


def restored(stack: Stack, items: list[dict[str, Any]]) -> str:
    """Make a table of what the ledger had at some time, as a restore from a point in time does; return its name."""
    dynamodb, name = stack.client("dynamodb"), "pullprod-restored"
    described = dynamodb.describe_table(TableName=stack.part("Ledger"))["Table"]
    shape = {key: described[key] for key in ("KeySchema", "AttributeDefinitions")}
    dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **shape)
    for item in items:
        dynamodb.put_item(TableName=name, Item=item)
    return name


def test_a_ledger_restored_from_the_past_is_shown_again_as_the_manual_says(stack: Stack, api: Api, code: bytes) -> None:
    api.app("past", guards={"lineage": {"production": "off"}})
    first, second = publish(api, "past", "one"), publish(api, "past", "two")
    api.point("past", "production", first["id"])
    then = ledger(stack)
    for version in (second, first, second):
        api.point("past", "production", version["id"])
    assert shown(stack, "past") == (b"<h1>two</h1>", b"two")

    stacks.deploy(stack, stacks.TEMPLATE, code, "restored", RestoredTable=restored(stack, then))
    assert api.ok("GET", "/v1/apps/past/pointers/production")["version"] == first["id"]
    found = {(f["code"], f["subject"]) for f in api.ok("GET", "/v1/apps/past/audit")["findings"]}
    assert found == {("route-differs", "production--past"), ("alias-differs", "api:production")}
    routes = stack.client("cloudfront-keyvaluestore")
    etag = routes.describe_key_value_store(KvsARN=stack.routes)["ETag"]
    routes.delete_key(KvsARN=stack.routes, Key="production--past", IfMatch=etag)
    stack.client("lambda").delete_alias(FunctionName="pullprod_app-past--api", Name="production")
    stack.invoke_reconciler({"command": "compare"})

    assert shown(stack, "past") == (b"<h1>one</h1>", b"one")
    assert api.ok("GET", "/v1/apps/past/audit")["findings"] == []
    stacks.deploy(stack, stacks.TEMPLATE, code, "back")


def test_what_has_no_address_is_told_so_and_not_opened(api: Api) -> None:
    api.app("nowhere")
    version = publish(api, "nowhere", "one")["id"]
    environ = {**os.environ, "PULLPROD_URL": api.url, "PULLPROD_TOKEN": api.token, "PULLPROD_APP": "nowhere"}
    command = [sys.executable, "-m", "pullprod", "open", version]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "has no address" in done.stderr


@contextmanager
def without(stack: Stack, action: str) -> Iterator[None]:
    """Take an action out of the control plane's policy for a while."""
    document = stack.policy()
    written = json.dumps(document)
    assert f'"{action}"' in written
    stack.set_policy(json.loads(written.replace(f'"{action}"', '"none:None"')))
    try:
        yield
    finally:
        stack.set_policy(document)


@pytest.mark.parametrize(
    "action",
    [
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:PutObject",
        "s3:ListBucket",
        "cloudfront-keyvaluestore:UpdateKeys",
        "lambda:CreateFunction",
        "lambda:CreateFunctionUrlConfig",
        "lambda:PublishVersion",
    ],
)
def test_a_permission_that_is_missing_from_the_template_fails_the_main_job(stack: Stack, api: Api, action: str) -> None:
    app = f"without-{secrets.token_hex(4)}"
    with without(stack, action), pytest.raises(AssertionError):
        work(api, app)
    assert f"is not authorized to perform: {action}" in stack.log("ApiLog")


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("ApiRole", "lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:000000000000:function:{ApiFunction}"),
        ("ReconcilerRole", "lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:000000000000:function:{ApiFunction}"),
        ("ApiRole", "iam:PassRole", "arn:aws:iam::000000000000:role/{ReconcilerRole}"),
        ("ApiRole", "dynamodb:Scan", "arn:aws:dynamodb:eu-west-1:000000000000:table/{Ledger}"),
        ("ApiRole", "dynamodb:DeleteTable", "arn:aws:dynamodb:eu-west-1:000000000000:table/{Ledger}"),
        ("ApiRole", "s3:PutObject", "arn:aws:s3:::{Bucket}/shop/x"),
        ("ApiRole", "cloudfront:UpdateDistribution", "arn:aws:cloudfront::000000000000:distribution/{Distribution}"),
        ("FunctionsRole", "s3:GetObject", "arn:aws:s3:::{Bucket}/shop/s/abcdefgh/index.html"),
        ("NotFoundRole", "s3:GetObject", "arn:aws:s3:::{Bucket}/shop/m/version/manifest.json"),
    ],
)
def test_a_role_may_not_do_what_its_function_never_does(stack: Stack, role: str, action: str, resource: str) -> None:
    names = {part: stack.part(part) for part in ("ApiFunction", "ReconcilerRole", "Ledger", "Bucket", "Distribution")}
    assert decision(stack, role, action, resource.format(**names)) == "implicitDeny"


def decision(stack: Stack, role: str, action: str, resource: str) -> str:
    """Return what IAM decides for a role that the template calls `role`."""
    [result] = stack.client("iam").simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::000000000000:role/{stack.part(role)}",
        ActionNames=[action],
        ResourceArns=[resource],
    )["EvaluationResults"]
    return str(result["EvalDecision"])


def test_a_wake_up_makes_a_round_of_the_reconciler_and_the_api_may_give_it(stack: Stack) -> None:
    function = stack.part("ReconcilerFunction")
    before = stack.log("ReconcilerLog").count('"ReconcilerLag"')
    LambdaWorker(stack.client("lambda"), function).wake()
    wait_until(lambda: stack.log("ReconcilerLog").count('"ReconcilerLag"') > before)
    arn = f"arn:aws:lambda:eu-west-1:000000000000:function:{function}"
    assert decision(stack, "ApiRole", "lambda:InvokeFunction", arn) == "allowed"


@pytest.fixture(scope="module")
def full(stack: Stack, code: bytes) -> Stack:
    """A stack beside the other one, with every parameter: a domain with its zone, hosts, another distribution."""
    made, domain = Stack(stack.url, "full"), "preview.example.com"
    zone = made.client("route53").create_hosted_zone(Name="example.com", CallerReference="full")["HostedZone"]["Id"]
    certificate = made.client("acm", "us-east-1").request_certificate(
        DomainName=f"*.{domain}", SubjectAlternativeNames=["www.example.com", "shop.example.com"]
    )["CertificateArn"]
    stacks.deploy(
        made,
        stacks.TEMPLATE,
        code,
        "full",
        PreviewDomain=domain,
        HostedZoneId=zone.rpartition("/")[2],
        CertificateArn=certificate,
        Hosts="www.example.com",
        OtherDistributions=f"arn:aws:cloudfront::000000000000:distribution/{stack.part('Distribution')}",
        AlarmTopicArn="arn:aws:sns:eu-west-1:000000000000:alarms",
        LogDays="7",
    )
    return made


def addresses(stack: Stack) -> dict[tuple[str, str], str]:
    """Return the aliases of the zone, by name and type."""
    route53 = stack.client("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {(r["Name"], r["Type"]): r["AliasTarget"]["DNSName"] for r in records if "AliasTarget" in r}


def listed(stack: Stack) -> set[str]:
    """Return the names that the distribution lists."""
    found = stack.client("cloudfront").get_distribution(Id=stack.part("Distribution"))["Distribution"]
    return set(found["DistributionConfig"]["Aliases"]["Items"])


def test_with_a_domain_and_a_zone_hosts_of_apps_come_and_go(full: Stack) -> None:
    preview, host = "*.preview.example.com", f"{full.outputs['Host']}."
    aliases = {(f"{preview}.", "A"): host, (f"{preview}.", "AAAA"): host}
    assert (listed(full), addresses(full)) == ({preview, "www.example.com"}, aliases)
    with client(full.api_url, full.invoke_reconciler({"command": "first-admin"})["token"]) as api:
        api.app("shop", hosts={"production": ["shop.example.com"]})
        pointer = api.ok("GET", "/v1/apps/shop/pointers/production")
        assert pointer["url"] == "https://production--shop.preview.example.com"
        wait_until(lambda: rounds(full, lambda: ("shop.example.com.", "AAAA") in addresses(full)))
        assert listed(full) == {preview, "www.example.com", "shop.example.com"}
        [name] = api.ok("GET", "/v1/apps/shop")["names"]
        assert (name["host"], name["problem"]) == ("shop.example.com", None)
        api.ok("PUT", "/v1/apps/shop", {})
        wait_until(lambda: rounds(full, lambda: ("shop.example.com.", "AAAA") not in addresses(full)))


def rounds(stack: Stack, true: Callable[[], bool]) -> bool:
    """Do a round of the reconciler, and tell whether it is so now."""
    stack.invoke_reconciler({})
    return true()
