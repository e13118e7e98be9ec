"""What the API answers to who compares: differences between versions, and what a swap would do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .answered import Answered, Pointer, Version


class CommitLine(Answered):
    """A commit; message and version are known if it was published."""

    commit: str
    message: str | None
    version: str | None


class Commits(Answered):
    """Commits gained and lost, newest first; `complete` is false if the histories do not meet in what is recorded."""

    gained: list[CommitLine]
    lost: list[CommitLine]
    complete: bool
    gained_count: int
    lost_count: int


class Files(Answered):
    """Paths added, changed and removed; lists end at 1,000, counts do not."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    added_count: int
    changed_count: int
    removed_count: int


class Diff(Answered):
    """What differs between two versions."""

    from_version: Annotated[Version, Field(alias="from")]
    to_version: Annotated[Version, Field(alias="to")]
    commits: Commits
    files: Files


class Guard(Answered):
    """What a guard says; `overridable` tells whether `force` may name it."""

    name: str
    outcome: Literal["pass", "refuse", "off"]
    detail: str
    overridable: bool


class Target(Answered):
    """Something in the world that a swap would change."""

    kind: Literal["edge-route"]
    name: str


class Plan(Answered):
    """What a swap would do."""

    pointer: Pointer
    version: Version
    allowed: bool
    guards: list[Guard]
    commits: Commits
    files: Files
    hosts: list[str]
    targets: list[Target]
