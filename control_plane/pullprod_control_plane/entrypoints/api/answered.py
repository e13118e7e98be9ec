"""What the API answers. `docs/openapi.json` is made from these models and those of `taken`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...domain.apps import DriftSetting
from ...domain.hosts import Dns
from ...domain.locks import Access
from .taken import FileTaken, FunctionTaken, GuardsTaken, HealthTaken, RetentionTaken, RuleTaken, SiteTaken


class Answered(BaseModel):
    """Base of everything that is answered."""

    # Most processes answer few kinds of calls: a model is built when it is first used.
    model_config = ConfigDict(frozen=True, populate_by_name=True, defer_build=True)


class Health(Answered):
    """The control plane answers."""

    status: Literal["ok"]
    version: str


class Former(Answered):
    """What answered for a host name, null for nothing, and its DNS records, before it came; it gets them back."""

    holder: str | None
    records: list[dict[str, Any]]


class Name(Answered):
    """The name of a custom host.

    `dns` tells whether DNS leads its viewers here: `pending`, `insync`, or `unmanaged`; `record` is then the record
    to create where the name's DNS is kept, null if it needs none. `problem` is what stands in the way.
    """

    host: str
    pointer: str | None
    dns: Dns
    record: str | None
    former: Former | None
    problem: str | None


class App(Answered):
    """An app."""

    name: str
    hosts: dict[str, list[str]]
    follow: dict[str, str]
    main: str
    guards: GuardsTaken
    retention: RetentionTaken
    drift: DriftSetting
    trust: list[RuleTaken]
    created_at: str
    updated_at: str
    names: list[Name]


class Previews(Answered):
    """Who may see an app's previews: everybody (`public`), who has a link, who has a link or the password.

    The user name for the password is `user`. `password` itself is shown once, in the answer that sets it.
    """

    access: Access
    user: str | None
    password: str | None
    changed_at: str | None
    changed_by: str | None


class Share(Answered):
    """An address that opens one preview until it expires."""

    url: str
    expires_at: str


class Version(Answered):
    """A version; `pointers` are those that show it."""

    id: str
    app: str
    commit: str
    branch: str | None
    message: str
    author: str
    committed_at: str
    published_at: str | None
    published_by: str
    state: str
    files: int
    bytes: int
    functions: list[str]
    dirty: bool
    tags: list[str]
    url: str | None
    pointers: list[str]
    revoked: str | None


class UploadUrl(Answered):
    """Leave to send one content: `method` to `url` with exactly these headers; `path` is one file that has it."""

    path: str
    size: int
    sha256: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]


class Uploads(Answered):
    """A page of uploads."""

    items: list[UploadUrl]
    next_cursor: str | None


class Stayed(Answered):
    """A pointer that does not follow its branch: the guard that refuses (`token`: the caller's limits), and why."""

    pointer: str
    guard: str
    detail: str


class Begun(Answered):
    """An announced version, and what is missing of it; `stayed` are pointers that do not follow to it."""

    version: Version
    uploads: Uploads
    missing_files: int
    missing_bytes: int
    stayed: list[Stayed]


class Manifest(Answered):
    """What is in a version."""

    version: Version
    ancestors: list[str]
    site: SiteTaken
    health: HealthTaken
    files: list[FileTaken]
    functions: list[FunctionTaken]


class Hold(Answered):
    """Why a pointer must not move."""

    reason: str
    owner: str
    since: str
    until: str | None


class EndedHold(Answered):
    """A hold that is over; `automatic` if its time had come."""

    reason: str
    owner: str
    since: str
    ended_at: str
    ended_by: str
    automatic: bool


class Pointer(Answered):
    """A pointer; generation 0 points nowhere yet. Its ETag is the generation."""

    name: str
    version: str | None
    generation: int
    state: str
    previous: str | None
    follows: str | None
    hosts: list[str]
    url: str | None
    hold: Hold | None
    last_hold: EndedHold | None
    moved_at: str | None
    moved_by: str | None
    reason: str | None


class Swap(Answered):
    """The record of one move of one pointer; `to` is null where it was retired and shows nothing since."""

    pointer: str
    generation: int
    from_version: Annotated[str | None, Field(alias="from")]
    to_version: Annotated[str | None, Field(alias="to")]
    kind: str
    by: str
    at: str
    reason: str
    forced: list[str]
    previous_hash: str
    hash: str


class Swapped(Answered):
    """The pointer after a swap, and its record."""

    pointer: Pointer
    swap: Swap


class Finalized(Answered):
    """A version, ready or with 202 `preparing`; its branch's pointer if any; and the pointers that do not follow."""

    version: Version
    pointer: Pointer | None
    stayed: list[Stayed]


class PrunedVersion(Answered):
    """A version that goes."""

    id: str
    branch: str | None
    published_at: str | None


class PrunedPointer(Answered):
    """A branch's pointer that is retired, what it showed, and since when the branch is idle."""

    name: str
    branch: str | None
    version: str | None
    idle_since: str


class Pruned(Answered):
    """What a prune removed, or would remove; while it is `pending`, the reconciler removes more."""

    dry_run: bool
    pointers: list[PrunedPointer]
    versions: list[PrunedVersion]
    objects: int
    bytes: int
    kept: int
    pending: bool


class Finding(Answered):
    """Something that is not as it should be."""

    code: str
    subject: str
    detail: str


class Unmerged(Answered):
    """A version that users see and the main branch does not have."""

    pointer: str
    version: str
    commit: str


class Audit(Answered):
    """The report of an audit."""

    ok: bool
    findings: list[Finding]
    checked: dict[str, int]
    live_not_on_main: list[Unmerged]


class Mismatch(Answered):
    """A claim that keeps a rule from admitting a run: what it wants, and what the token says, null for nothing."""

    claim: str
    expected: str
    found: str | None


class Judged(Answered):
    """A rule of an app's trust policy, and what keeps it from admitting a run; nothing if it does."""

    rule: RuleTaken
    admits: bool
    mismatches: list[Mismatch]


class Explained(Answered):
    """What an app makes of a workflow run.

    `role` and `pointers` are what its token may do. If it gets none, `reason` says why, `claim` which claim it is
    about if it is about one, and `would_admit` is a rule that lets it publish, null if none can.
    """

    admitted: bool
    role: str | None
    pointers: list[str]
    reason: str | None
    claim: str | None
    rules: list[Judged]
    would_admit: RuleTaken | None


class Token(Answered):
    """A token's record. `last_used_at` is right to the hour; `replaced_by` is the id of the token in its place."""

    id: str
    name: str
    role: str
    apps: list[str]
    pointers: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    replaced_by: str | None


class NewToken(Token):
    """A token's record with the token itself, which is shown this once (null when a request is repeated)."""

    token: str | None


class Apps(Answered):
    """A page of apps."""

    items: list[App]
    next_cursor: str | None


class Versions(Answered):
    """A page of versions, newest first."""

    items: list[Version]
    next_cursor: str | None


class Pointers(Answered):
    """A page of pointers, by name."""

    items: list[Pointer]
    next_cursor: str | None


class History(Answered):
    """A page of swaps, newest first."""

    items: list[Swap]
    next_cursor: str | None


class Tokens(Answered):
    """A page of tokens."""

    items: list[Token]
    next_cursor: str | None


class Problem(BaseModel):
    """RFC 9457. `code` is stable; further members are facts for programs."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
