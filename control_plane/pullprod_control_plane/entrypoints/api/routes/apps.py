"""Apps: list, read, create or configure, prune, audit."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from ....application import apps, audit, prune, reading
from ....domain.apps import Retention
from ....domain.roles import Call, Role
from ....domain.trust import Rule
from .. import access, answered, present, taken
from .answers import CONFIGURES, READS, created, ok
from .parameters import AppIfMatch, AppName, Cursor, Limit

router = Router()  # type: ignore[no-untyped-call] # Powertools leaves it unannotated.


@router.get("/v1/apps", tags=["apps"], operation_id="listApps", responses=READS)
def list_apps(limit: Limit = 100, cursor: Cursor = None) -> Response[answered.Apps]:
    """List apps, by name."""
    control = access.control(router)
    page = apps.listed(control.ports, limit, cursor)
    return ok(answered.Apps(items=[present.app(control, app) for app in page.items], next_cursor=page.next_cursor))


@router.get("/v1/apps/<app>", tags=["apps"], operation_id="getApp", responses=READS)
def get_app(app: AppName) -> Response[answered.App]:
    """Read an app's configuration; the ETag is its revision."""
    control = access.control(router)
    kept = reading.kept_app(control.ports, app)
    return ok(present.app(control, kept.record), {"ETag": f'"{kept.revision}"'})


@router.put("/v1/apps/<app>", tags=["apps"], operation_id="putApp", responses=CONFIGURES)
def put_app(
    app: AppName, body: Annotated[taken.AppTaken, Body()], if_match: AppIfMatch = None
) -> Response[answered.App]:
    """Create an app, or give it this configuration; `{}` takes every default. With If-Match, only as you read it."""
    del if_match  # Described here, read by `access`, which must see it as it was sent.
    access.once(router)
    wanted = apps.Wanted(
        hosts={pointer: tuple(hosts) for pointer, hosts in body.hosts.items()},
        follow=body.follow,
        main=body.main,
        lineage=body.guards.lineage,
        retention=Retention(**body.retention.model_dump()),
        drift=body.drift,
        trust=tuple(_rule(rule, access.control(router).issuer) for rule in body.trust),
    )
    control = access.control(router)
    record, new = apps.configure(control.ports, app, wanted, access.expected(router))
    return created(present.app(control, record)) if new else ok(present.app(control, record))


def _rule(body: taken.RuleTaken, issuer: str) -> Rule:
    lists = {name: tuple(getattr(body, name)) for name in ("pointers", "events", "refs")}
    return Rule(**{**body.model_dump(), **lists, "role": Role(body.role), "issuer": body.issuer or issuer})


@router.post("/v1/apps/<app>/prune", tags=["apps"], operation_id="prune", responses=READS)
def prune_app(app: AppName, body: Annotated[taken.PruneTaken, Body()]) -> Response[answered.Pruned]:
    """Retire pointers of idle branches, remove the versions that retention lets go; or tell which those are."""
    if not body.dry_run:  # Who may only look must not write, not even a receipt.
        access.require(router, Call.PRUNE, app)
        access.once(router)
    ports, by = access.control(router).ports, access.caller(router).principal
    return ok(
        present.pruned(prune.plan(ports, app) if body.dry_run else prune.run(ports, app, by), dry_run=body.dry_run)
    )


@router.get("/v1/apps/<app>/audit", tags=["apps"], operation_id="audit", responses=READS)
def audit_app(app: AppName) -> Response[answered.Audit]:
    """Check the chain of swaps, the routes and the files that are shown."""
    report = audit.audit(access.control(router).ports, app)
    findings = [answered.Finding(code=f.code, subject=f.subject, detail=f.detail) for f in report.findings]
    unmerged = [
        answered.Unmerged(pointer=u.pointer, version=u.version, commit=u.commit) for u in report.live_not_on_main
    ]
    return ok(answered.Audit(ok=not findings, findings=findings, checked=report.checked, live_not_on_main=unmerged))
