"""Functions as processes of this machine, with a store that is a dictionary."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pullprod_control_plane.adapters.local.edge_functions import FunctionCall, FunctionReply
from pullprod_control_plane.adapters.local.function_pool import FunctionPool
from pullprod_control_plane.adapters.local.process_functions import ProcessFunctions
from pullprod_control_plane.ports import Program
from tests.ports.running import Reply
from tests.support.domain import a_program


@dataclass
class Machine:
    """Functions on this machine, with zips that a test puts into the store."""

    root: Path
    pool: FunctionPool = field(default_factory=lambda: FunctionPool(patience_s=2))
    store: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.functions = ProcessFunctions(self.root, self.store.get, self.pool)

    def program(self, body: bytes, **facts: Any) -> Program:
        made = a_program(body, **facts)
        self.store[made.key] = body
        return made

    def publish(self, program: Program) -> str:
        return self.functions.publish(program)

    def run(self, body: bytes, **facts: Any) -> str:
        return self.publish(self.program(body, **facts))

    def ask(self, host: str, path: str = "/api/x", **facts: Any) -> FunctionReply:
        asked = {"method": "GET", "query": "", "headers": {}, "body": b"", **facts}
        return asyncio.run(self.functions(FunctionCall(host, path=path, **asked)))

    def call(self, host: str) -> tuple[int, bytes]:
        reply = self.ask(host)
        return reply.status, reply.body

    def send(self, host: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        path, _, query = target.partition("?")
        method = "GET" if body is None else "POST"
        reply = self.ask(host, path, method=method, query=query, headers=dict(headers), body=body or b"")
        return Reply(reply.status, [value for name, value in reply.headers if name == "set-cookie"], reply.body)

    def log(self) -> str:
        return "".join(path.read_text() for path in (self.root / "logs").iterdir())


@contextmanager
def running(directory: Path) -> Iterator[Machine]:
    machine = Machine(directory)
    with closing(machine.functions):
        yield machine
