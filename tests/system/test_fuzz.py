"""A fuzzer with the token of each role, one call at a time and in chains of calls that follow from one another.

`make fuzz` does it with ten times as many calls.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis.stateful import run_state_machine_as_test

from tests.support.api import client
from tests.support.fuzzing import CHECKS, settings
from tests.support.server import Server

CALLS = int(os.environ.get("PULLPROD_FUZZ_CALLS", "1000"))
ROLES = ("viewer", "publisher", "releaser", "admin")
MOST = 10  # Calls of a chain. Many end earlier, when nothing follows from an answer.
_TOO_MANY = 429


@dataclass
class Fuzzed:
    """A server, whose token of which role is used, and what there is to find; `statuses` counts the answers."""

    server: Server
    role: str
    token: str
    known: dict[str, str]
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        return sum(self.statuses.values())

    def call(self, case: Any) -> Any:
        """Send a case; one that comes too soon is sent again when it is taken."""
        others = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
        case.headers = {**others, "Authorization": f"Bearer {self.token}"}
        while (answer := case.call(base_url=self.server.url, timeout=60)).status_code == _TOO_MANY:
            time.sleep(int(answer.headers["retry-after"][0]))
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        return answer

    def check(self, case: Any) -> None:
        case.validate_response(self.call(case), checks=CHECKS)

    def ledger(self) -> dict[tuple[str, str], str]:
        """Return all that is recorded, but for when the reconciler was at work and a token was used last."""
        with closing(sqlite3.connect(self.server.data / "ledger.sqlite3")) as connection:
            rows = connection.execute("SELECT partition, sort, body FROM items").fetchall()
        return {(partition, sort): body for partition, sort, body in rows if partition not in {"reconciler", "tokens"}}

    def files(self) -> set[Path]:
        return set((self.server.data / "store").rglob("*"))


@pytest.fixture(params=ROLES)
def fuzzed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fuzzed]:
    server = Server(tmp_path / "data").start()
    try:
        with client(server.url, server.token) as api:
            api.app("shop", follow={"next": "main"})
            api.app("other")
            version = api.publish("shop", "fuzzed", {"index.html": b"page", "about.html": b"about"})["id"]
            assert api.point("shop", "production", version).status_code == 200
            api.ok("PUT", "/v1/apps/shop/previews", {"access": "link"})
            made, spare = (api.ok("POST", "/v1/tokens", {"name": "fuzzer", "role": request.param}) for _ in range(2))
        known = {"app": "shop", "name": "next", "ref": version, "version": version, "token_id": spare["id"]}
        yield Fuzzed(server, request.param, made["token"], known)
        assert "Traceback" not in server.log.read_text(), server.log.read_text()
    finally:
        server.stop()


def each_call(fuzzed: Fuzzed, schema: Any, wanted: int) -> None:
    """Try every call with what it takes, with what it does not, and about what exists."""
    operations = [result.ok() for result in schema.get_all_operations()]
    examples = settings(max(1, wanted // (3 * len(operations))))
    for operation in operations:
        known = {name: value for name, value in fuzzed.known.items() if f"{{{name}}}" in operation.path}
        kinds = [
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE, path_parameters=known or None),
        ]
        for kind in kinds:
            examples(hypothesis.given(case=kind)(fuzzed.check))()


def chains(fuzzed: Fuzzed, schema: Any, wanted: int) -> None:
    """Make calls with what earlier calls answered, as the description tells which goes into which."""

    class Chain(schema.as_state_machine()):  # type: ignore[misc] # It is made of the description.
        def before_call(self, case: Any) -> None:
            """Let it be about what exists; the fuzzer's own token must not be what an admin revokes."""
            there = {"main", "next", "production", fuzzed.known["version"]}
            for name, value in (case.path_parameters or {}).items():
                if value not in there:
                    case.path_parameters[name] = fuzzed.known[name]
            if isinstance(case.body, dict) and "version" in case.body:
                case.body["version"] = "branch:main"

        def call(self, case: Any, **_: Any) -> Any:
            return fuzzed.call(case)

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(Chain, settings=settings(max(1, 2 * wanted // MOST), stateful_step_count=MOST))


def test_no_role_gets_an_answer_that_is_not_described_and_a_viewer_changes_nothing(
    fuzzed: Fuzzed,
) -> None:
    schema = schemathesis.openapi.from_url(f"{fuzzed.server.url}/v1/openapi.json")
    before, files = fuzzed.ledger(), fuzzed.files()
    each_call(fuzzed, schema, CALLS // len(ROLES) // 2)
    chains(fuzzed, schema, CALLS // len(ROLES) - fuzzed.calls)
    print(f"\n{fuzzed.calls:,} calls by a {fuzzed.role}: {dict(sorted(fuzzed.statuses.items()))}")  # noqa: T201 - a figure to report.
    assert fuzzed.calls >= CALLS // len(ROLES)
    if fuzzed.role == "viewer":
        assert (fuzzed.ledger(), fuzzed.files()) == (before, files)
    if fuzzed.role == "admin":
        assert fuzzed.ledger() != before
