"""Places that run functions, as the tests of the port need them."""

from __future__ import annotations

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
        """Return status and body that an origin answers."""
        ...
