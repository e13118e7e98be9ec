"""What the API takes, strictly. `docs/openapi.json` is made from these models and those of `answered`."""

from __future__ import annotations

from re import escape
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ...application.apps import MAX_HOSTS
from ...application.tokens import MAX_DAYS, MAX_GRACE_HOURS
from ...domain import manifests
from ...domain.apps import DriftSetting
from ...domain.functions import (
    MAX_FUNCTIONS,
    MAX_HANDLER,
    MAX_ROUTE,
    MAX_ROUTES,
    MAX_ZIP_BYTES,
    MEMORY_MB,
    RUNTIMES,
    TIMEOUT_S,
)
from ...domain.locks import LONGEST_PASSWORD, LONGEST_S, SHORTEST_S
from ...domain.names import MAX_FUNCTION, MAX_HOST
from ...domain.reasons import MAX_REASON
from ...domain.trust import DEFAULT_EVENTS, DEFAULT_REFS, MAX_PATTERNS, MAX_RULES

# References come percent-encoded in paths, since branch names have slashes.
Reference = Annotated[str, StringConstraints(min_length=1, max_length=800), AfterValidator(unquote)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=63)]
Host = Annotated[str, StringConstraints(min_length=1, max_length=MAX_HOST)]
Guard = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Text = Annotated[str, StringConstraints(max_length=1_000)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=MAX_REASON, pattern=r"\S")]
Claim = Annotated[str, StringConstraints(max_length=2_000)] | Annotated[int, Field(ge=0, le=1 << 40)]
Cursor = Annotated[str, StringConstraints(max_length=2_000)]
Ref = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Route = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ROUTE)]
Runtime = Annotated[str, StringConstraints(pattern=f"^({'|'.join(map(escape, RUNTIMES))})$")]


class Taken(BaseModel):
    """Base of everything that is taken: an unknown field is an error, not a shrug."""

    # As in answered.py, built when it is first used.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class FileTaken(Taken):
    """One file of a manifest; `size` in bytes, `sha256` as 64 hex digits."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=manifests.MAX_PATH_BYTES)]
    size: Annotated[int, Field(ge=0, le=manifests.MAX_FILE_BYTES)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    type: Annotated[str, StringConstraints(min_length=3, max_length=200)]


class FunctionTaken(Taken):
    """One function of a manifest; `sha256` and `size` in bytes are its zip's, `routes` are `/exact` or `/prefix/*`."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_FUNCTION)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=1, le=MAX_ZIP_BYTES)]
    handler: Annotated[str, StringConstraints(min_length=1, max_length=MAX_HANDLER)]
    runtime: Runtime
    routes: Annotated[list[Route], Field(min_length=1, max_length=MAX_ROUTES)]
    memory_mb: Annotated[int, Field(ge=MEMORY_MB[0], le=MEMORY_MB[-1])] = 512
    timeout_s: Annotated[int, Field(ge=TIMEOUT_S[0], le=TIMEOUT_S[-1])] = 15


class SiteTaken(Taken):
    """How paths turn into files."""

    clean_urls: Literal["directory", "html", "off"] = "directory"
    spa: bool = False


class HealthTaken(Taken):
    """Paths that must answer 200 to 399 before the version may be pointed at."""

    paths: Annotated[list[Annotated[str, StringConstraints(max_length=300)]], Field(max_length=10)] = []


class ManifestTaken(Taken):
    """A version as a client announces it. `ancestors` are newest first, without the commit itself."""

    commit: Sha
    branch: Ref | None = None
    message: Text = ""
    author: Text = ""
    committed_at: Annotated[str, StringConstraints(max_length=40)]
    ancestors: Annotated[list[Sha], Field(max_length=manifests.MAX_ANCESTORS)] = []
    tags: Annotated[list[Ref], Field(max_length=manifests.MAX_TAGS)] = []
    dirty: bool = False
    site: SiteTaken = SiteTaken()
    health: HealthTaken = HealthTaken()
    files: Annotated[list[FileTaken], Field(json_schema_extra={"maxItems": manifests.MAX_FILES})]
    functions: Annotated[list[FunctionTaken], Field(max_length=MAX_FUNCTIONS)] = []


class RetentionTaken(Taken):
    """What prune keeps beside everything that is shown.

    The pointer of a branch to which nothing was published for `idle_branch_days` is retired, until the next publish.
    """

    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    keep_newest: Annotated[int, Field(ge=1, le=100_000)] = 20
    keep_per_branch: Annotated[int, Field(ge=1, le=1_000)] = 3
    idle_branch_days: Annotated[int, Field(ge=1, le=36_500)] = 180


class GuardsTaken(Taken):
    """Guards by pointer."""

    lineage: Annotated[dict[Name, Literal["refuse", "off"]], Field(max_length=100)] = {"production": "refuse"}


class RuleTaken(Taken):
    """A kind of workflow run that is trusted. In `refs`, `*` stands for any characters; null fits anything.

    A repository is known by its ids, as `gh api repos/OWNER/NAME` tells them; its name is for people. `issuer` is the
    GitHub that these ids are of; null means the control plane's first.
    """

    repository: Annotated[str, StringConstraints(max_length=140)]
    repository_id: Annotated[str, StringConstraints(max_length=19)]
    repository_owner_id: Annotated[str, StringConstraints(max_length=19)]
    role: Literal["viewer", "publisher", "releaser", "admin"] = "publisher"
    pointers: Annotated[list[Name], Field(max_length=100)] = []
    events: Annotated[list[Ref], Field(max_length=MAX_PATTERNS)] = list(DEFAULT_EVENTS)
    refs: Annotated[list[Ref], Field(max_length=MAX_PATTERNS)] = list(DEFAULT_REFS)
    environment: Ref | None = None
    workflow: Annotated[str, StringConstraints(max_length=600)] | None = None
    issuer: Annotated[str, StringConstraints(max_length=300)] | None = None


class AppTaken(Taken):
    """An app's configuration; `{}` takes every default. `hosts` are by pointer, `follow` maps pointers to branches."""

    hosts: Annotated[dict[Name, Annotated[list[Host], Field(max_length=MAX_HOSTS)]], Field(max_length=100)] = {}
    follow: Annotated[dict[Name, Ref], Field(max_length=100)] = {}
    main: Ref = "main"
    guards: GuardsTaken = GuardsTaken()
    retention: RetentionTaken = RetentionTaken()
    drift: DriftSetting = "repair"
    trust: Annotated[list[RuleTaken], Field(max_length=MAX_RULES)] = []


class PreviewsTaken(Taken):
    """Who may see an app's previews; without a password for `password`, one is made."""

    access: Literal["public", "link", "password"]
    password: Annotated[str, StringConstraints(max_length=LONGEST_PASSWORD)] | None = None


class ShareTaken(Taken):
    """What a link opens (`pointer:x` a pointer's own address, else a version's), and for how many seconds."""

    version: Ref
    seconds: Annotated[int, Field(ge=SHORTEST_S, le=LONGEST_S)] = 7 * 24 * 60 * 60


class PageTaken(Taken):
    """Which page of uploads; null plans afresh what is still missing."""

    cursor: Cursor | None = None


class EmptyTaken(Taken):
    """Nothing to say."""


class VersionTaken(Taken):
    """The version that a plan is about, by any reference."""

    version: Ref


class SwapTaken(Taken):
    """A swap: which version, why, and which guards to override."""

    version: Ref
    reason: Reason
    force: Annotated[list[Guard], Field(max_length=10)] = []


class RollbackTaken(Taken):
    """A rollback: why, and to which version if not to the previously shown one."""

    reason: Reason
    to: Ref | None = None
    force: Annotated[list[Guard], Field(max_length=10)] = []


class HoldTaken(Taken):
    """A hold: why, and until when (ISO 8601) if it shall end by itself."""

    reason: Reason
    until: Annotated[str, StringConstraints(max_length=40)] | None = None


class ReasonTaken(Taken):
    """Why."""

    reason: Reason


class PruneTaken(Taken):
    """Whether only to tell what would go."""

    dry_run: bool = True


class ExchangeTaken(Taken):
    """For which app a workflow run wants a token."""

    app: Name


class ExplainTaken(Taken):
    """What is to be explained: an identity token, or the claims of one as its payload lists them. One of both."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=16_384)] | None = None
    claims: Annotated[dict[Name, Claim], Field(max_length=100)] | None = None


class RotateTaken(Taken):
    """For how many more hours the old token is good; 0 ends it at once."""

    grace_hours: Annotated[int, Field(ge=0, le=MAX_GRACE_HOURS)] = 24


class TokenTaken(Taken):
    """A token to make; empty lists mean all, null days that it never expires."""

    name: Name
    role: Literal["viewer", "publisher", "releaser", "admin"]
    apps: Annotated[list[Name], Field(max_length=100)] = []
    pointers: Annotated[list[Name], Field(max_length=100)] = []
    expires_in_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = 90
