"""Names of custom hosts: that the edge answers for them, and that DNS leads there.

A name comes in this order: the edge answers for it, everywhere; then DNS leads to it, everywhere. It goes in the
reverse order, and what it led to before gets it back; another distribution answers again before DNS leads there.
Each step is derived from how things stand and from the claim in the ledger, so any step may be repeated, by a request
or by the reconciler, which waits for what takes minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from ..domain import hosts
from ..domain.apps import App
from ..domain.errors import PullprodError
from ..domain.hosts import Claim, Dns, Former
from ..domain.json import Json
from ..domain.times import parse
from ..ports import HERE, Change, Delete, Item, Lead, Lost, Ports, Put, RecordsDiffer
from . import keys, notes, reading, records, routing
from .findings import Finding
from .reading import Kept

_log = logging.getLogger(__name__)
_STEPS = 12
_LET_GO_AT_ONCE = 30  # Two changes each, and up to 25 that come: a transaction has room for 100.
# Resolvers keep an alias to CloudFront for 60 seconds after it is gone: until then viewers still come here.
_CACHED = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Astray:
    """A settled name that does not lead where it should."""

    claim: Claim
    finding: Finding


def of_app(ports: Ports, app: App) -> list[Claim]:
    """Return the claims on an app's hosts, by host."""
    listed = sorted(host for listed in app.hosts.values() for host in listed)
    items = ports.ledger.read([keys.of_host(host) for host in listed])
    return [records.claim(item.body) for item in items if item]


def begin(ports: Ports, app: App, note: Item) -> list[str]:
    """Note that names have to be seen to, in the commit that ends, or shortens, the note about an app's hosts.

    Returns:
        The hosts concerned; the others come next, as long as that note is there.

    Raises:
        Lost: the app was configured again meanwhile.
    """
    listed = cast("list[str]", note.body["leaving"])
    leaving, later = listed[:_LET_GO_AT_ONCE], listed[_LET_GO_AT_ONCE:]
    done = Put(note.key, {**note.body, "leaving": later}, note.revision) if later else Delete(note.key, note.revision)
    going = [item for item in ports.ledger.read([keys.of_host(host) for host in leaving]) if item]
    let_go = [_put(hosts.let_go(records.claim(item.body)), item.revision) for item in going]
    coming = [] if later else [claim.host for claim in of_app(ports, app) if claim.dns is Dns.PENDING]
    moving = [item.key.sort for item in going] + coming
    ports.ledger.commit([done, *let_go, *_notes(ports, app.name, moving)])
    return moving


def _notes(ports: Ports, app: str, moving: Sequence[str]) -> list[Change]:
    where = [keys.of_pending_name(host) for host in moving]
    now, known = reading.now(ports), ports.ledger.read(where)
    body: dict[str, Json] = {"kind": "name", "app": app, "at": now}
    return [
        Put(key, {**body, "host": host}, item.revision if item else 0)
        for key, host, item in zip(where, moving, known, strict=True)
    ]


def try_to_settle(ports: Ports, host: str) -> None:
    """See to a name as far as that goes now. What was decided stays decided: the reconciler does what is left."""
    try:
        settle(ports, host)
    except Exception:  # noqa: BLE001 - see above; the reconciler meets the same error and reports it again.
        _log.exception("the name %s is not settled yet", host)


def settle(ports: Ports, host: str) -> None:
    """Take every step that a name needs and that can be taken now. Repeatable.

    Raises:
        PullprodError: something stands in the way; the claim tells what.
    """
    for _ in range(_STEPS):
        kept = _kept(ports, host)
        if kept is None:
            notes.remove(ports, keys.of_pending_name(host))
            return
        with suppress(Lost, RecordsDiffer):  # Somebody was faster: look again.
            if _step(ports, kept):
                return


def _step(ports: Ports, kept: Kept[Claim]) -> bool:
    """Take one step; return True when there is none to take now."""
    try:
        (lead,) = ports.names.look([kept.record.host])
        return _leave(ports, kept, lead) if kept.record.pointer is None else _come(ports, kept, lead)
    except PullprodError as refused:
        if kept.record.problem != refused.detail:
            _keep(ports, kept, problem=refused.detail)
        raise


def _come(ports: Ports, kept: Kept[Claim], lead: Lead) -> bool:
    claim = kept.record
    if claim.change is None and claim.former != _before(claim, lead):
        return _keep(ports, kept, former=_before(claim, lead))
    if lead.holder != HERE:
        ports.names.give(claim.host, HERE)
        return False
    return _point(ports, kept, lead) if lead.spread else True


def _point(ports: Ports, kept: Kept[Claim], lead: Lead) -> bool:
    """Let DNS lead to the edge, which answers for the name everywhere by now."""
    claim = kept.record
    if lead.records is None or lead.wanted is None:
        return _settled(ports, kept, Dns.UNMANAGED, lead.advice)
    if claim.change is None or lead.records != lead.wanted:
        # Also if the records are right already: of a change that a crash made us forget, only a new one can tell.
        return _keep(ports, kept, change=ports.names.replace(claim.host, lead.records, lead.wanted))
    synced = ports.names.in_sync(claim.change)
    if synced is None:
        return _keep(ports, kept, change=None)
    return _settled(ports, kept, Dns.INSYNC, None) if synced else True


def _before(claim: Claim, lead: Lead) -> Former:
    """Return what a name led to before anything of it was taken: what the claim knows, and what is still there."""
    known = claim.former or Former(None, ())
    holder = known.holder if lead.holder == HERE else lead.holder
    return Former(holder, known.records if lead.records == lead.wanted else lead.records or ())


def _leave(ports: Ports, kept: Kept[Claim], lead: Lead) -> bool:
    claim = kept.record
    former = claim.former or Former(None, ())
    if former.holder is not None and lead.holder == HERE:
        # Before the records, since none may lead to a holder that does not answer. Viewers get there all the same.
        ports.names.give(claim.host, former.holder)
        return _keep(ports, kept, former=replace(former, holder=None))
    if lead.records is not None and lead.records == lead.wanted:
        change = ports.names.replace(claim.host, lead.records, former.records)
        return _keep(ports, kept, change=change, left_at=None)
    if lead.records is not None and not _has_left(ports, kept):
        return True
    if lead.holder == HERE:
        ports.names.give(claim.host, None)
    routing.take_down(ports, [claim.host])
    ports.ledger.commit([Delete(keys.of_host(claim.host), kept.revision)])
    return False


def _has_left(ports: Ports, kept: Kept[Claim]) -> bool:
    """Tell whether the records have led elsewhere for so long that no resolver remembers them; note since when."""
    claim = kept.record
    if claim.left_at is not None:
        return abs(ports.clock.now() - parse(claim.left_at, "left_at")) >= _CACHED
    if claim.change is None or ports.names.in_sync(claim.change) is not False:
        _keep(ports, kept, left_at=reading.now(ports))
    return False


def _settled(ports: Ports, kept: Kept[Claim], dns: Dns, advice: str | None) -> bool:
    claim = replace(kept.record, dns=dns, advice=advice, problem=None)
    note = reading.one(ports.ledger, keys.of_pending_name(claim.host))
    ports.ledger.commit([_put(claim, kept.revision), *([Delete(note.key, note.revision)] if note else [])])
    return True


def _keep(ports: Ports, kept: Kept[Claim], **changed: Any) -> bool:
    """Record a step; return False: there may be more to do."""
    ports.ledger.commit([_put(replace(kept.record, **changed), kept.revision)])
    return False


def _kept(ports: Ports, host: str) -> Kept[Claim] | None:
    item = reading.one(ports.ledger, keys.of_host(host))
    return Kept(records.claim(item.body), item.revision) if item else None


def _put(claim: Claim, revision: int) -> Put:
    return Put(keys.of_host(claim.host), records.encode(claim), revision)


def astray(ports: Ports, claims: Iterable[Claim]) -> list[Astray]:
    """Return the settled names among `claims` that do not lead where the ledger says, whoever changed that."""
    settled = [claim for claim in claims if claim.pointer is not None and claim.dns is not Dns.PENDING]
    leads = ports.names.look([claim.host for claim in settled])
    found = [(claim, _finding(claim, lead)) for claim, lead in zip(settled, leads, strict=True)]
    return [Astray(claim, finding) for claim, finding in found if finding]


def _finding(claim: Claim, lead: Lead) -> Finding | None:
    if lead.holder != HERE:
        return Finding("name-differs", claim.host, f"{lead.holder or 'Nothing'} answers for it, instead of this edge.")
    if lead.records is not None and lead.records != lead.wanted:
        return Finding("record-differs", claim.host, "Its DNS records do not lead to this edge.")
    return None


def lead_back(ports: Ports, claim: Claim) -> None:
    """Bring a name that went astray back, by the steps by which it came."""
    kept = _kept(ports, claim.host)
    if kept is None or kept.record != claim:
        return
    pending = _put(replace(claim, dns=Dns.PENDING), kept.revision)
    with suppress(Lost):
        ports.ledger.commit([pending, *_notes(ports, claim.app, [claim.host])])
    settle(ports, claim.host)
