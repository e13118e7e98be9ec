"""Versions: immutable packages of one commit, and the states that they go through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .errors import VersionNotReady
from .functions import Function
from .manifests import Site
from .segments import read_patch, unjoin


class State(str, Enum):
    """uploading → preparing → ready → retiring → retired; any of the first four → revoked."""

    UPLOADING = "uploading"
    PREPARING = "preparing"
    READY = "ready"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Version:
    """What is recorded of a version.

    Times are ISO 8601 in UTC; `segments` is the joined string of 64 digests, `patch` the version's patch, or empty;
    `digest` is the SHA-256 of the manifest's content; `revoked` tells who withdrew the version and why. `zips` are the
    digests of the segments that hold the functions' zips, in the order of `functions`; `origins` are the hosts at which
    functions are called, by function, once they are published.
    """

    id: str
    app: str
    commit: str
    branch: str | None
    message: str
    author: str
    committed_at: str
    begun_at: str
    published_by: str
    state: State
    files: int
    bytes: int
    segments: str
    digest: str
    published_at: str | None = None
    site: Site = field(default_factory=Site)
    health: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dirty: bool = False
    revoked: str | None = None
    functions: tuple[Function, ...] = ()
    zips: tuple[str, ...] = ()
    patch: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def function_names(self) -> tuple[str, ...]:
        """Return the names of the version's functions."""
        return tuple(function.name for function in self.functions)

    @property
    def digests(self) -> tuple[str, ...]:
        """Return the digests of every segment that the version is stored in, zips included."""
        patch, _ = read_patch(self.patch)
        return (*unjoin(self.segments), *([patch] if patch else []), *self.zips)


_ADVICE = {
    State.UPLOADING: "Publish it again: what has arrived is kept.",
    State.PREPARING: "It will be ready in a moment: try again.",
    State.RETIRING: "It is being pruned. Publish its commit again when that is done.",
    State.RETIRED: "It was pruned. Publish its commit again.",
    State.REVOKED: "It was withdrawn and cannot come back. Point at another version.",
}


def require_ready(version: Version) -> None:
    """Raise VersionNotReady unless `version` can be pointed at."""
    if version.state is not State.READY:
        raise VersionNotReady(
            f"Version {version.id} is {version.state.value}. {_ADVICE[version.state]}",
            version=version.id,
            state=version.state.value,
        )
