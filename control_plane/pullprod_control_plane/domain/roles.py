"""Who may do what: roles, the calls that each may make, and what a token is limited to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .errors import Forbidden


class Role(str, Enum):
    """What a token is for; each role may do what the one before may."""

    VIEWER = "viewer"
    PUBLISHER = "publisher"
    RELEASER = "releaser"
    ADMIN = "admin"


class Call(Enum):
    """What is asked of the control plane."""

    LOOK = "look"
    PUBLISH = "publish"
    SHARE = "share a preview"
    MOVE = "move a pointer"
    HOLD = "hold a pointer"
    OVERRIDE_HOLD = "override a hold"
    REVOKE = "revoke a version"
    PRUNE = "prune"
    CONFIGURE = "configure an app"
    TOKENS = "manage tokens"


LEAST_ROLE: Mapping[Call, Role] = {
    Call.LOOK: Role.VIEWER,
    Call.PUBLISH: Role.PUBLISHER,
    Call.SHARE: Role.PUBLISHER,
    Call.MOVE: Role.RELEASER,
    Call.HOLD: Role.RELEASER,
    Call.OVERRIDE_HOLD: Role.ADMIN,
    Call.REVOKE: Role.ADMIN,
    Call.PRUNE: Role.ADMIN,
    Call.CONFIGURE: Role.ADMIN,
    Call.TOKENS: Role.ADMIN,
}
_OF_ALL_POINTERS = frozenset({Call.REVOKE, Call.PRUNE, Call.CONFIGURE, Call.TOKENS})
RECONCILER = "system:reconciler"  # Who acts where nobody asked.
_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Token:
    """What is recorded of a token; never the token itself. Empty `apps` or `pointers` mean all of them.

    A workflow run's token keeps the claims that its grant rests on, and tells which run it is; an API token has none.
    `last_used_at` is right to the hour. `replaced_by` is the id of the token that took its place.
    """

    id: str
    name: str
    role: Role
    apps: tuple[str, ...]
    pointers: tuple[str, ...]
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    last_used_at: str | None = None
    replaced_by: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict)

    @property
    def principal(self) -> str:
        """Return the name under which what the token does is recorded."""
        return f"{'workflow' if self.claims else 'token'}:{self.name}"

    @property
    def caller(self) -> Caller:
        """Return who acts by this token."""
        return Caller(self.principal, self.pointers)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who does something, and which pointers that may move; empty `pointers` mean all of them."""

    principal: str
    pointers: tuple[str, ...] = ()

    def may_move(self, pointer: str) -> bool:
        """Tell whether what the caller does may move this pointer."""
        return not self.pointers or pointer in self.pointers


def covers(role: Role, call: Call) -> bool:
    """Tell whether a role may make a call."""
    return _RANK[role] >= _RANK[LEAST_ROLE[call]]


def require(token: Token, call: Call, app: str | None = None, pointer: str | None = None) -> None:
    """Raise Forbidden unless `token` covers `call` on this app and pointer; None means that none is concerned.

    A token that is limited to some apps, or to some pointers, may not make calls that concern all of them.
    """
    if not covers(token.role, call):
        raise Forbidden(
            f"The token {token.name!r} is a {token.role.value}; the least role to {call.value} is "
            f"{LEAST_ROLE[call].value}.",
            role=token.role.value,
            needed=LEAST_ROLE[call].value,
        )
    if token.apps and app not in token.apps:
        raise Forbidden(f"The token {token.name!r} is for {', '.join(token.apps)} only.", apps=list(token.apps))
    beyond = call in _OF_ALL_POINTERS or (pointer is not None and pointer not in token.pointers)
    if token.pointers and beyond and call is not Call.LOOK:
        raise Forbidden(
            f"The token {token.name!r} may move {', '.join(token.pointers)} only.", pointers=list(token.pointers)
        )
