"""Versions: publish, look, compare, withdraw."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from ....application import contents, diff, exchange, follow, lineages, look, publish, reading, references, revoke
from ....application.follow import Stayed
from ....domain import times
from ....domain.functions import Function
from ....domain.manifests import Commit, File, Manifest, Site
from ....domain.roles import Token
from ....domain.versions import State, Version
from .. import access, answered, compared, present, taken
from .answers import CREATES, FINISHES, READS, answer, created, ok
from .parameters import AppName, Cursor, Limit, VersionId, VersionRef

router = Router()  # type: ignore[no-untyped-call] # Powertools leaves it unannotated.
States = Literal["uploading", "preparing", "ready", "retiring", "retired", "revoked"]


@router.post("/v1/apps/<app>/versions", tags=["versions"], operation_id="beginVersion", responses=CREATES)
def begin(app: AppName, body: Annotated[taken.ManifestTaken, Body()]) -> Response[answered.Begun]:
    """Announce a version; the answer tells what to upload. The same manifest again continues where it stopped."""
    token, control = access.caller(router), access.control(router)
    exchange.require_branch(control.ports, token, app, body.branch)
    access.once(router)
    begun = publish.begin(control.ports, control.addresses, app, token.caller, _manifest(body))
    answer = present.begun(control, begun, _stayed(begun.version, body.branch, token))
    return created(answer) if begun.created else ok(answer)


def _stayed(version: Version, branch: str | None, token: Token) -> list[Stayed]:
    if version.state is not State.READY:
        return []
    control = access.control(router)
    app = reading.find_app(control.ports, version.app)
    return follow.stayed(control.ports, control.addresses, app, version, branch, token.caller)


def _manifest(body: taken.ManifestTaken) -> Manifest:
    commit = Commit(
        sha=body.commit,
        branch=body.branch,
        message=body.message,
        author=body.author,
        committed_at=times.stamp(times.parse(body.committed_at, "committed_at")),
        ancestors=tuple(body.ancestors),
        tags=tuple(dict.fromkeys(body.tags)),
        dirty=body.dirty,
    )
    files = tuple(File(file.path, file.size, file.sha256, file.type) for file in body.files)
    site = Site(body.site.clean_urls, body.site.spa)
    return Manifest(commit, files, site, tuple(body.health.paths), tuple(_function(f) for f in body.functions))


def _function(taken_function: taken.FunctionTaken) -> Function:
    return Function(**{**taken_function.model_dump(), "routes": tuple(taken_function.routes)})


@router.post(
    "/v1/apps/<app>/versions/<version>/uploads", tags=["versions"], operation_id="listUploads", responses=READS
)
def list_uploads(
    app: AppName, version: VersionId, body: Annotated[taken.PageTaken, Body()]
) -> Response[answered.Uploads]:
    """Return the next page of uploads, or plan afresh what is still missing."""
    return ok(present.uploads(publish.uploads(access.control(router).ports, app, version, body.cursor)))


@router.post(
    "/v1/apps/<app>/versions/<version>/finalize", tags=["versions"], operation_id="finalizeVersion", responses=FINISHES
)
def finalize(
    app: AppName, version: VersionId, body: Annotated[taken.EmptyTaken, Body()]
) -> Response[answered.Finalized]:
    """Verify that everything has arrived, make the version ready, and let its branch's pointers follow.

    202 while the version is `preparing`: it becomes ready by itself. Repeat the call to see when.
    """
    del body  # It only has to be empty.
    token = access.caller(router)
    control = access.control(router)
    reached = publish.finalize(control.ports, control.addresses, app, version, token.caller)
    control = access.read_ahead(router, follow.needs(app, reached.branch))
    pointer = follow.pointer_of(control.ports, reading.find_app(control.ports, app), reached.branch)
    shown = present.pointer(control, pointer) if pointer else None
    stayed = present.stayed(_stayed(reached, reached.branch, token))
    finished = answered.Finalized(version=present.version(control, reached), pointer=shown, stayed=stayed)
    return ok(finished) if reached.state is State.READY else answer(202, finished)


@router.get("/v1/apps/<app>/versions", tags=["versions"], operation_id="listVersions", responses=READS)
def list_versions(
    app: AppName,
    branch: Annotated[str | None, Query(max_length=255)] = None,
    commit: Annotated[str | None, Query(max_length=40)] = None,
    state: Annotated[States | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response[answered.Versions]:
    """List versions, newest first."""
    control = access.control(router)
    wanted = look.Filter(branch, commit, State(state) if state else None)
    return ok(present.versions(control, app, look.versions(control.ports, app, wanted, limit, cursor)))


def _resolved(app: str, reference: str) -> Version:
    ports = access.control(router).ports
    reading.find_app(ports, app)
    return references.resolve(ports, app, reference)


@router.get("/v1/apps/<app>/versions/<ref>", tags=["versions"], operation_id="getVersion", responses=READS)
def get_version(app: AppName, ref: VersionRef) -> Response[answered.Version]:
    """Read a version."""
    control = access.control(router)
    return ok(present.version(control, look.version(control.ports, app, ref)))


@router.get("/v1/apps/<app>/versions/<ref>/manifest", tags=["versions"], operation_id="getManifest", responses=READS)
def get_manifest(app: AppName, ref: VersionRef) -> Response[answered.Manifest]:
    """Read what is in a version."""
    control = access.control(router)
    version = _resolved(app, ref)
    files = [
        taken.FileTaken(path=file.path, size=file.size, sha256=file.sha256, type=file.type)
        for file in contents.files(control.ports, version)
    ]
    return ok(
        answered.Manifest(
            version=present.version(control, version),
            ancestors=list(lineages.line_of(control.ports, version).ancestors),
            site=taken.SiteTaken.model_validate({"clean_urls": version.site.clean_urls, "spa": version.site.spa}),
            health=taken.HealthTaken(paths=list(version.health)),
            files=files,
            functions=[taken.FunctionTaken.model_validate(asdict(f), strict=False) for f in version.functions],
        )
    )


@router.delete("/v1/apps/<app>/versions/<ref>", tags=["versions"], operation_id="revokeVersion", responses=READS)
def revoke_version(
    app: AppName, ref: VersionRef, body: Annotated[taken.ReasonTaken, Body()]
) -> Response[answered.Version]:
    """Withdraw a version: its address answers 410, nothing can be pointed at it, its record stays."""
    token = access.caller(router)
    control = access.control(router)
    receipt = access.receipt(router)
    revoked = revoke.revoke(control.ports, app, ref, token.principal, body.reason, receipt)
    return ok(present.version(control, revoked))


@router.get("/v1/apps/<app>/diff", tags=["versions"], operation_id="diff", responses=READS)
def get_diff(
    app: AppName,
    from_: Annotated[str, Query(alias="from", min_length=1, max_length=300)],
    to: Annotated[str, Query(min_length=1, max_length=300)],
) -> Response[compared.Diff]:
    """Tell which commits and files differ between two references."""
    control = access.control(router)
    reading.find_app(control.ports, app)
    between = diff.between(control.ports, app, from_, to)
    return ok(
        compared.Diff(
            from_version=present.version(control, between.first),
            to_version=present.version(control, between.second),
            commits=present.commits(control, app, between.commits),
            files=present.files(between.files),
        )
    )
