"""Lambda functions: over a double that is as strict as the documentation, and over MiniStack, which runs them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pullprod_control_plane.adapters.aws.lambda_functions import LambdaFunctions, Place
from pullprod_control_plane.adapters.local.system_clock import SystemClock
from pullprod_control_plane.ports import Program
from scripts.emulators import ACCESS_KEY, SECRET_KEY
from tests.ports.local.plugs import SetClock, set_clock
from tests.ports.running import Reply
from tests.support import aws
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


@dataclass
class OnMiniStack:
    """The adapter over MiniStack, which runs the functions, and takes only signed requests at their URLs."""

    url: str
    zips: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._files = aws.client("s3", self.url)
        bucket = f"functions-{secrets.token_hex(4)}"
        self._files.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
        self._bucket = bucket
        self.functions = LambdaFunctions(aws.client("lambda", self.url), place(bucket), SystemClock())

    def program(self, body: bytes, **facts: Any) -> Program:
        made = a_program(body, **{"runtime": "python3.12", **facts})
        self._files.put_object(Bucket=self._bucket, Key=made.key, Body=body)
        return made

    def publish(self, program: Program) -> str:
        return publish(self.functions, program, lambda: time.sleep(0.05))

    def call(self, host: str) -> tuple[int, bytes]:
        reply = self.send(host, "/api/x", {})
        return reply.status, reply.body

    def send(self, host: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        method = "GET" if body is None else "POST"
        request = AWSRequest(method, f"https://{host}{target}", {**headers, "host": host}, body)
        SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "lambda", aws.REGION).add_auth(request)
        sent = dict(request.headers.items())
        answer = requests.request(method, self.url + target, headers=sent, data=body, timeout=30)
        return Reply(answer.status_code, answer.raw.headers.getlist("set-cookie"), answer.content)


@contextmanager
def on_ministack(_: Path, url: str) -> Iterator[OnMiniStack]:
    yield OnMiniStack(url)
