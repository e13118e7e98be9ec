"""Lambda functions: over a double that is as strict as the documentation, and over MiniStack, which runs them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pullprod_control_plane.adapters.aws.lambda_functions import LambdaFunctions, Place
from pullprod_control_plane.ports import Program
from tests.ports.local.plugs import SetClock, set_clock
from tests.support.domain import a_program
from tests.support.strict_lambda import StrictLambda

DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/E1"
_PATIENCE = 200


def place(bucket: str = "files") -> Place:
    prefix = f"t{secrets.token_hex(4)}"
    return Place(prefix, bucket, "arn:aws:iam::123456789012:role/functions", DISTRIBUTION, "/pullprod/functions")


def publish(functions: LambdaFunctions, program: Program, wait: Callable[[], object] = lambda: None) -> str:
    """Ask until it is there."""
    for _ in range(_PATIENCE):
        if host := functions.publish(program):
            return host
        wait()
    raise AssertionError("it does not come to an end")


@dataclass
class Strict:
    """The adapter over the double."""

    slow: int = 1
    zips: dict[str, bytes] = field(default_factory=dict)
    clock: SetClock = field(default_factory=set_clock)

    def __post_init__(self) -> None:
        self.lambdas = StrictLambda(self.zips, self.clock, self.slow)
        self.place = place()
        self.functions = self.over(self.lambdas)

    def over(self, client: Any) -> LambdaFunctions:
        return LambdaFunctions(client, self.place, self.clock, pause=lambda _: None)

    def program(self, body: bytes, **facts: Any) -> Program:
        made = a_program(body, **facts)
        self.zips[made.key] = body
        return made

    def publish(self, program: Program) -> str:
        return publish(self.functions, program)

    def call(self, host: str) -> tuple[int, bytes]:
        return self.lambdas.invoke(host)


@contextmanager
def strict(_: Path) -> Iterator[Strict]:
    yield Strict()
