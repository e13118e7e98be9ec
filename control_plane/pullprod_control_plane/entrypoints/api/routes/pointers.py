"""Pointers: look, plan, swap, roll back, hold."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from ....application import holds, look, reading, swap
from ....application.swap import Done, Order
from ....domain.pointers import Pointer, PointerState
from ....domain.roles import Call, covers
from .. import access, answered, compared, present, taken
from .answers import READS, SWAPS, answer, ok
from .parameters import AppName, Cursor, IfMatch, Limit, PointerName

router = Router()  # type: ignore[no-untyped-call] # Powertools leaves it unannotated.


@router.get("/v1/apps/<app>/pointers", tags=["pointers"], operation_id="listPointers", responses=READS)
def list_pointers(app: AppName, limit: Limit = 100, cursor: Cursor = None) -> Response[answered.Pointers]:
    """List pointers, by name. Those of idle branches that prune retired are left out, so a page may be short."""
    control = access.control(router)
    page = look.pointers(control.ports, app, limit, cursor)
    return ok(answered.Pointers(items=[present.pointer(control, p) for p in page.items], next_cursor=page.next_cursor))


@router.get("/v1/apps/<app>/pointers/<name>", tags=["pointers"], operation_id="getPointer", responses=READS)
def get_pointer(app: AppName, name: PointerName) -> Response[answered.Pointer]:
    """Read a pointer; the ETag is its generation."""
    control = access.control(router)
    reading.find_app(control.ports, app)
    return _answer(reading.find_pointer(control.ports, app, name).record)


def _answer(pointer: Pointer) -> Response[answered.Pointer]:
    return ok(present.pointer(access.control(router), pointer), {"ETag": f'"{pointer.generation}"'})


@router.post("/v1/apps/<app>/pointers/<name>/plan", tags=["pointers"], operation_id="plan", responses=READS)
def plan_swap(app: AppName, name: PointerName, body: Annotated[taken.VersionTaken, Body()]) -> Response[compared.Plan]:
    """Tell what a swap would do; nothing is changed."""
    control = access.control(router)
    return ok(present.plan(control, swap.plan(control.ports, control.addresses, app, name, body.version)))


@router.put("/v1/apps/<app>/pointers/<name>", tags=["pointers"], operation_id="point", responses=SWAPS)
def point(
    app: AppName,
    name: PointerName,
    body: Annotated[taken.SwapTaken, Body()],
    if_match: IfMatch = None,
) -> Response[answered.Swapped]:
    """Point at a version. With If-Match it is a compare-and-swap; without, it takes whatever is current."""
    del if_match  # Described here, read by `access`, which must see it as it was sent.
    order = _order(app, name, body.reason, body.force)
    control = access.control(router)
    return _swapped(swap.point(control.ports, control.addresses, order, body.version))


@router.post("/v1/apps/<app>/pointers/<name>/rollback", tags=["pointers"], operation_id="rollback", responses=SWAPS)
def rollback(
    app: AppName,
    name: PointerName,
    body: Annotated[taken.RollbackTaken, Body()],
    if_match: IfMatch = None,
) -> Response[answered.Swapped]:
    """Show the previously shown version again, or the one named; a pointer that follows a branch is then held."""
    del if_match  # As above.
    order = _order(app, name, body.reason, body.force)
    control = access.control(router)
    return _swapped(swap.rollback(control.ports, control.addresses, order, body.to))


def _order(app: str, name: str, reason: str, force: list[str]) -> Order:
    if "hold" in force:
        access.require(router, Call.OVERRIDE_HOLD, app, name)
    token = access.caller(router)
    return Order(
        app=app,
        pointer=name,
        by=token.principal,
        reason=reason,
        expected=access.expected(router),
        force=tuple(force),
        receipt=access.receipt(router),
    )


def _swapped(done: Done) -> Response[answered.Swapped]:
    """202 while this very swap is decided but not shown yet."""
    pointer = done.pointer
    waiting = pointer.state is PointerState.APPLYING and pointer.generation == done.swap.generation
    body = present.swapped(access.control(router), done)
    return answer(202 if waiting else 200, body, {"ETag": f'"{pointer.generation}"'})


@router.put("/v1/apps/<app>/pointers/<name>/hold", tags=["pointers"], operation_id="hold", responses=READS)
def hold(app: AppName, name: PointerName, body: Annotated[taken.HoldTaken, Body()]) -> Response[answered.Pointer]:
    """Hold a pointer: no path moves it until the hold is released or ends."""
    token = access.caller(router)
    access.once(router)
    ports, anybodys = access.control(router).ports, covers(token.role, Call.OVERRIDE_HOLD)
    return _answer(holds.hold(ports, app, name, token.principal, body.reason, body.until, anybodys=anybodys))


@router.delete("/v1/apps/<app>/pointers/<name>/hold", tags=["pointers"], operation_id="unhold", responses=READS)
def unhold(app: AppName, name: PointerName) -> Response[answered.Pointer]:
    """Release a pointer: whoever holds it may, and an admin."""
    token = access.caller(router)
    access.once(router)
    ports, anybodys = access.control(router).ports, covers(token.role, Call.OVERRIDE_HOLD)
    return _answer(holds.release(ports, app, name, token.principal, anybodys=anybodys))


@router.get("/v1/apps/<app>/pointers/<name>/history", tags=["pointers"], operation_id="history", responses=READS)
def get_history(
    app: AppName, name: PointerName, limit: Limit = 50, cursor: Cursor = None
) -> Response[answered.History]:
    """List a pointer's swaps, newest first."""
    page = look.history(access.control(router).ports, app, name, limit, cursor)
    return ok(answered.History(items=[present.swap(s) for s in page.items], next_cursor=page.next_cursor))
