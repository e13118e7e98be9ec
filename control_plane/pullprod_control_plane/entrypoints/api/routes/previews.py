"""Previews: who may see them, and links that open one for a while."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from ....application import previews
from ....domain.locks import Access
from .. import access, answered, present, taken
from .answers import CREATES, READS, created, ok
from .parameters import AppName

router = Router()  # type: ignore[no-untyped-call] # Powertools leaves it unannotated.


@router.get("/v1/apps/<app>/previews", tags=["previews"], operation_id="getPreviews", responses=READS)
def get_previews(app: AppName) -> Response[answered.Previews]:
    """Tell who may see an app's previews."""
    return ok(present.previews(previews.lock_of(access.control(router).ports, app)))


@router.put("/v1/apps/<app>/previews", tags=["previews"], operation_id="putPreviews", responses=READS)
def put_previews(app: AppName, body: Annotated[taken.PreviewsTaken, Body()]) -> Response[answered.Previews]:
    """Say who may see an app's previews. Links and the password from before open nothing from then on.

    A pointer's custom hosts are open to everybody, whatever is said here.
    """
    token = access.caller(router)
    ports, receipt = access.control(router).ports, access.receipt(router)
    wanted = Access(body.access)
    return ok(present.previews(*previews.set_access(ports, app, wanted, body.password, token.principal, receipt)))


@router.post("/v1/apps/<app>/shares", tags=["previews"], operation_id="share", responses=CREATES)
def share(app: AppName, body: Annotated[taken.ShareTaken, Body()]) -> Response[answered.Share]:
    """Make a link that opens one preview for a while. Nothing is recorded of it."""
    control = access.control(router)
    link = previews.share(control.ports, control.addresses, app, body.version, body.seconds)
    return created(answered.Share(url=link.url, expires_at=link.expires_at))
