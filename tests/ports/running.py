"""Places that run functions, as the tests of the port need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pullprod_control_plane.ports import Functions, Program


class Running(Protocol):
    """A place that runs functions, with a store that tests put zips into, and callers that reach an origin."""

    functions: Functions

    def program(self, body: bytes, **facts: object) -> Program:
        """Store a zip and return the program that it makes."""
        ...

    def publish(self, program: Program) -> str:
        """Publish a program, however often that has to be asked for, and return its origin's host."""
        ...

    def call(self, host: str) -> tuple[int, bytes]:
        """Return status and body that an origin answers to a GET of `/api/x`."""
        ...


class Answering(Running, Protocol):
    """A place that really runs functions, and answers any request."""

    def send(self, host: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send a GET, or a POST if there is a body, to path and query of an origin."""
        ...


@dataclass(frozen=True)
class Reply:
    """An answer: status, cookies as they were set, body."""

    status: int
    cookies: list[str]
    body: bytes
