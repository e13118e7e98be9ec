"""Domain objects as the API's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from ...application import look, naming, reading, references
from ...application.diff import Files
from ...application.exchange import Explained
from ...application.follow import Stayed
from ...application.prune import Pruned
from ...application.publish import Begun
from ...application.reading import Page
from ...application.swap import Done, Plan
from ...domain import segments
from ...domain.apps import App
from ...domain.hosts import Claim
from ...domain.lineage import Difference
from ...domain.locks import Lock
from ...domain.pointers import Pointer
from ...domain.retention import Idle
from ...domain.roles import Token
from ...domain.swaps import Swap
from ...domain.trust import Mismatch, Rule
from ...domain.versions import Version
from ...ports import Upload
from . import answered, compared, taken

if TYPE_CHECKING:
    from ...bootstrap import ControlPlane

_LISTED = 1_000
_NAMED_COMMITS = 100


def app(control: ControlPlane, record: App) -> answered.App:
    """Return an app, with how the names of its hosts stand."""
    return answered.App(
        name=record.name,
        hosts={pointer: list(hosts) for pointer, hosts in record.hosts.items()},
        follow=dict(record.follow),
        main=record.main,
        guards=taken.GuardsTaken.model_validate({"lineage": dict(record.lineage)}),
        retention=taken.RetentionTaken(**asdict(record.retention)),
        drift=record.drift,
        trust=[_rule(rule) for rule in record.trust],
        created_at=record.created_at,
        updated_at=record.updated_at,
        names=[_name(claim) for claim in naming.of_app(control.ports, record)],
    )


def previews(lock: Lock, password: str | None = None) -> answered.Previews:
    """Return who may see an app's previews."""
    return answered.Previews(
        access=lock.access,
        user=lock.app if lock.login else None,
        password=password,
        changed_at=lock.changed_at,
        changed_by=lock.changed_by,
    )


def _name(claim: Claim) -> answered.Name:
    former = claim.former
    gave_way = former is not None and (former.holder is not None or former.records)
    return answered.Name(
        host=claim.host,
        pointer=claim.pointer,
        dns=claim.dns,
        record=claim.advice,
        former=answered.Former.model_validate(asdict(former)) if former and gave_way else None,
        problem=claim.problem,
    )


def _rule(rule: Rule) -> taken.RuleTaken:
    lists = {name: list(getattr(rule, name)) for name in ("pointers", "events", "refs")}
    return taken.RuleTaken.model_validate({**asdict(rule), **lists, "role": rule.role.value})


def version(control: ControlPlane, record: Version, shown: Mapping[str, list[str]] | None = None) -> answered.Version:
    """Return a version; `shown` is who shows what, read anew unless a list of versions shares it."""
    showing = look.shown_by(control.ports, record.app) if shown is None else shown
    return answered.Version(
        id=record.id,
        app=record.app,
        commit=record.commit,
        branch=record.branch,
        message=record.message,
        author=record.author,
        committed_at=record.committed_at,
        published_at=record.published_at,
        published_by=record.published_by,
        state=record.state.value,
        files=record.files,
        bytes=record.bytes,
        functions=[function.name for function in record.functions],
        dirty=record.dirty,
        tags=list(record.tags),
        url=control.addresses.url(record.id, record.app),
        pointers=showing.get(record.id, []),
        revoked=record.revoked,
    )


def versions(control: ControlPlane, app_name: str, page: Page[Version]) -> answered.Versions:
    """Return a page of versions."""
    shown = look.shown_by(control.ports, app_name)
    return answered.Versions(items=[version(control, v, shown) for v in page.items], next_cursor=page.next_cursor)


def pointer(control: ControlPlane, record: Pointer) -> answered.Pointer:
    """Return a pointer; a hold that has ended is none."""
    hold = record.hold
    standing = hold if hold and hold.active(reading.now(control.ports)) else None
    return answered.Pointer(
        name=record.name,
        version=record.version,
        generation=record.generation,
        state=record.state.value,
        previous=record.previous,
        follows=record.follows,
        hosts=list(record.hosts),
        url=_url(control, record),
        hold=_hold(standing.reason, standing.owner, standing.since, standing.until) if standing else None,
        last_hold=answered.EndedHold(**asdict(record.last_hold)) if record.last_hold else None,
        moved_at=record.moved_at,
        moved_by=record.moved_by,
        reason=record.reason,
    )


def _url(control: ControlPlane, record: Pointer) -> str | None:
    """Return where a pointer is looked at: its preview, else the first of its hosts."""
    preview = control.addresses.url(record.name, record.app)
    return preview or (f"{control.addresses.scheme}://{record.hosts[0]}" if record.hosts else None)


def _hold(reason: str, owner: str, since: str, until: str | None) -> answered.Hold:
    return answered.Hold(reason=reason, owner=owner, since=since, until=until)


def swap(record: Swap) -> answered.Swap:
    """Return the record of a swap."""
    return answered.Swap(
        pointer=record.pointer,
        generation=record.generation,
        from_version=record.from_version,
        to_version=record.to_version,
        kind=record.kind.value,
        by=record.by,
        at=record.at,
        reason=record.reason,
        forced=list(record.forced),
        previous_hash=record.previous_hash,
        hash=record.hash,
    )


def swapped(control: ControlPlane, done: Done) -> answered.Swapped:
    """Return what a swap did."""
    return answered.Swapped(pointer=pointer(control, done.pointer), swap=swap(done.swap))


def uploads(page: Page[Upload]) -> answered.Uploads:
    """Return a page of uploads."""
    return answered.Uploads(items=[_upload(upload) for upload in page.items], next_cursor=page.next_cursor)


def _upload(upload: Upload) -> answered.UploadUrl:
    return answered.UploadUrl(
        path=segments.path_in(upload.object.key),
        size=upload.object.size,
        sha256=upload.object.sha256,
        method="PUT",
        url=upload.url,
        headers=dict(upload.headers),
    )


def stayed(records: Sequence[Stayed]) -> list[answered.Stayed]:
    """Return the pointers that did not follow."""
    return [answered.Stayed(pointer=r.pointer, guard=r.guard, detail=r.detail) for r in records]


def begun(control: ControlPlane, record: Begun, not_followed: Sequence[Stayed]) -> answered.Begun:
    """Return an announced version."""
    return answered.Begun(
        version=version(control, record.version, {} if record.created else None),
        uploads=uploads(record.uploads),
        missing_files=len(record.missing),
        missing_bytes=sum(obj.size for obj in record.missing),
        stayed=stayed(not_followed),
    )


def commits(control: ControlPlane, app_name: str, difference: Difference) -> compared.Commits:
    """Return commits gained and lost, with what is known of the newest of them."""
    return compared.Commits(
        gained=_lines(control, app_name, difference.gained),
        lost=_lines(control, app_name, difference.lost),
        complete=difference.complete,
        gained_count=len(difference.gained),
        lost_count=len(difference.lost),
    )


def _lines(control: ControlPlane, app_name: str, shas: Sequence[str]) -> list[compared.CommitLine]:
    known = [_line(control, app_name, sha) for sha in islice(shas, _NAMED_COMMITS)]
    return known + [compared.CommitLine(commit=sha, message=None, version=None) for sha in shas[_NAMED_COMMITS:]]


def _line(control: ControlPlane, app_name: str, sha: str) -> compared.CommitLine:
    published = references.versions_of(control.ports, app_name, sha)
    newest = max(published, key=lambda v: v.begun_at, default=None)
    if newest is None:
        return compared.CommitLine(commit=sha, message=None, version=None)
    return compared.CommitLine(commit=sha, message=newest.message.partition("\n")[0], version=newest.id)


def pruned(record: Pruned, *, dry_run: bool) -> answered.Pruned:
    """Return what a prune removed, or would remove."""
    return answered.Pruned(
        dry_run=dry_run,
        pointers=[_idle(idle) for idle in record.pointers],
        versions=[
            answered.PrunedVersion(id=v.id, branch=v.branch, published_at=v.published_at) for v in record.versions
        ],
        objects=record.objects,
        bytes=record.bytes,
        kept=record.kept,
        pending=record.pending,
    )


def _idle(record: Idle) -> answered.PrunedPointer:
    pointer = record.pointer
    return answered.PrunedPointer(
        name=pointer.name, branch=pointer.follows, version=pointer.version, idle_since=record.since
    )


def files(record: Files) -> compared.Files:
    """Return which files differ."""
    return compared.Files(
        added=record.added[:_LISTED],
        changed=record.changed[:_LISTED],
        removed=record.removed[:_LISTED],
        added_count=len(record.added),
        changed_count=len(record.changed),
        removed_count=len(record.removed),
    )


def plan(control: ControlPlane, record: Plan) -> compared.Plan:
    """Return what a swap would do."""
    proposal = record.proposal
    shown = pointer(control, proposal.pointer)
    preview = control.addresses.host(shown.name, proposal.app.name)
    hosts = [*([preview] if preview else []), *shown.hosts]
    return compared.Plan(
        pointer=shown,
        version=version(control, proposal.version),
        allowed=record.allowed,
        guards=[
            compared.Guard(name=v.guard, outcome=v.outcome.value, detail=v.detail, overridable=v.overridable)
            for v in record.verdicts
        ],
        commits=commits(control, proposal.app.name, proposal.commits),
        files=files(record.files),
        hosts=hosts,
        targets=[compared.Target(kind="edge-route", name=host) for host in hosts],
    )


def explained(record: Explained) -> answered.Explained:
    """Return what an app makes of a workflow run."""
    refusal, granted, would_admit = record.refusal, record.granted, record.would_admit
    claim = refusal.facts.get("claim") if refusal else None
    return answered.Explained(
        admitted=granted is not None,
        role=granted.role.value if granted else None,
        pointers=list(granted.pointers) if granted else [],
        reason=refusal.detail if refusal else None,
        claim=str(claim) if claim else None,
        rules=[_judged(rule, mismatches) for rule, mismatches in record.judged],
        would_admit=_rule(would_admit) if would_admit else None,
    )


def _judged(rule: Rule, mismatches: Sequence[Mismatch]) -> answered.Judged:
    found = [answered.Mismatch(claim=m.claim, expected=m.expected, found=m.found) for m in mismatches]
    return answered.Judged(rule=_rule(rule), admits=not found, mismatches=found)


def token(record: Token) -> answered.Token:
    """Return a token's record."""
    return answered.Token(
        id=record.id,
        name=record.name,
        role=record.role.value,
        apps=list(record.apps),
        pointers=list(record.pointers),
        created_at=record.created_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
        last_used_at=record.last_used_at,
        replaced_by=record.replaced_by,
    )


def new_token(record: Token, secret: str | None) -> answered.NewToken:
    """Return a token's record with the token."""
    return answered.NewToken(**token(record).model_dump(), token=secret)
