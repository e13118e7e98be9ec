"""How many answers of AWS a swap waits for, one after the other, until viewers see it: counted for a whole request."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pullprod_control_plane.application import exchange, keys, records, tokens
from pullprod_control_plane.bootstrap import ControlPlane
from pullprod_control_plane.domain.names import PRODUCTION
from pullprod_control_plane.domain.roles import Role
from pullprod_control_plane.domain.trust import Rule
from pullprod_control_plane.domain.versions import Version
from pullprod_control_plane.entrypoints.aws.http_api import HttpApi
from pullprod_control_plane.ports import Put, Verifier
from tests.support.aws_world import on_aws
from tests.support.domain import sha
from tests.support.http_api import event
from tests.support.kvs import StrictStore
from tests.support.oidc import CLAIMS
from tests.support.world import APP, World, page

WAITS_FOR_AT_MOST_S = 30
# Token, app, pointer and receipt; versions and their lines; the commit; the edge's write.
FOUR = ["BatchGetItem", "BatchGetItem", "TransactWriteItems", "update"]
# What is asked beside these, and each time is not answered here before that many batches are.
BESIDE = {"Query": 1, "describe": 2}


@dataclass
class Line:
    """The calls of a request. Those that may be made beside others are held until the others have gone on."""

    begun: list[str] = field(default_factory=list)
    _answered: Counter[str] = field(default_factory=Counter)
    _more: threading.Condition = field(default_factory=threading.Condition)

    def ask(self, name: str) -> None:
        with self._more:
            self.begun.append(name)
            batches = BESIDE.get(name, 0)
            gone_on = self._more.wait_for(lambda: self._answered["BatchGetItem"] >= batches, WAITS_FOR_AT_MOST_S)
            assert gone_on, f"the request waits for {name} where it might go on"

    def answer(self, name: str) -> None:
        with self._more:
            self._answered[name] += 1
            self._more.notify_all()

    def in_sequence(self) -> list[str]:
        """Return what was waited for until viewers see the swap."""
        assert self.begun.count("update") == 1
        before = self.begun[: self.begun.index("update") + 1]
        return [name for name in before if name not in BESIDE]


@dataclass
class Watched:
    """A control plane on AWS behind its HTTP API."""

    world: World
    table: Any
    store: StrictStore
    versions: list[Version]
    token: str = ""

    def send(self, method: str, path: str, body: Mapping[str, Any], **headers: str) -> tuple[dict[str, Any], Line]:
        """Return the answer to a request, and its calls. The edge knows nothing yet, as in a process just begun."""
        line = Line()
        edge: Any = self.world.ports.edge
        edge._view = None
        sent = {"authorization": f"Bearer {self.token}", "content-type": "application/json", **headers}
        api = HttpApi(ControlPlane(self.world.ports, self.world.addresses, _verifier))
        request = event(method, f"/v1/apps/{APP}/pointers/{path}", sent, json.dumps(body).encode())
        with self._watching(line):
            answer = api(request, None)
        assert answer["statusCode"] == 200, answer["body"]
        return json.loads(answer["body"]), line

    def _watching(self, line: Line) -> Any:
        return _Watching(self.table.meta.events, self.store, line)


@dataclass
class _Watching:
    events: Any
    store: StrictStore
    line: Line

    def __enter__(self) -> None:
        self.events.register("before-send.dynamodb", self._ask)
        self.events.register("after-call.dynamodb", self._answer)
        self.store.before = self.line.ask

    def __exit__(self, *_: object) -> None:
        self.events.unregister("before-send.dynamodb", self._ask)
        self.events.unregister("after-call.dynamodb", self._answer)
        self.store.before = lambda _: None

    def _ask(self, event_name: str, **_: Any) -> None:
        self.line.ask(event_name.rpartition(".")[2])

    def _answer(self, event_name: str, **_: Any) -> None:
        self.line.answer(event_name.rpartition(".")[2])


def _verifier() -> Verifier:
    raise AssertionError("no call here shows an identity token")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, dynamodb_local: str) -> Iterator[Watched]:
    with on_aws(Path(tmp_path_factory.mktemp("aws")), dynamodb_local) as (world, table, store):
        versions = [
            *world.line("a", "b", "c"),
            world.publish(page("d"), "d", ancestors=("c", "b", "a"), branch="fix", tags=("v1",)),
        ]
        for version in versions[:3]:
            world.point(PRODUCTION, version.id)
        world.point("next", versions[3].id)
        token = tokens.first_admin(world.ports)
        yield Watched(world, table, store, versions, token or "")


def back(watched: Watched) -> None:
    """Let production show the third version, which it has shown after the second."""
    for version in watched.versions[1:3]:
        watched.world.point(PRODUCTION, version.id, force=("lineage",))


def many_more(watched: Watched) -> None:
    """Add 300 versions to the ledger, in the branch as well."""
    third = watched.versions[2]
    for part in range(6):
        added = [replace(third, id=f"{sha(number)[:12]}-{0:08}") for number in range(50 * part, 50 * part + 50)]
        puts = [Put(keys.of_version(APP, version.id), records.encode(version), 0) for version in added]
        watched.world.ledger.commit(puts)


NAMES = ["id", "commit", "branch", "tag", "pointer"]


def named(watched: Watched, kind: str) -> str:
    version = watched.versions[3]
    return {
        "id": version.id,
        "commit": version.commit[:7],
        "branch": "branch:fix",
        "tag": "tag:v1",
        "pointer": "pointer:next",
    }[kind]


@pytest.mark.parametrize("kind", NAMES)
def test_a_swap_waits_for_four_calls_however_its_version_is_named(watched: Watched, kind: str) -> None:
    back(watched)
    generation = watched.world.pointer(PRODUCTION).generation
    headers = {"if-match": f'"{generation}"', "idempotency-key": f"swap {kind}"}
    answer, line = watched.send("PUT", PRODUCTION, {"version": named(watched, kind), "reason": "go"}, **headers)
    assert answer["pointer"]["version"] == watched.versions[3].id
    assert line.in_sequence() == FOUR
    assert watched.world.shown(PRODUCTION) == watched.versions[3].id


def test_a_swap_that_is_forced_to_lose_commits_waits_for_four_calls(watched: Watched) -> None:
    back(watched)
    body = {"version": watched.versions[0].id, "reason": "broken", "force": ["lineage"]}
    answer, line = watched.send("PUT", PRODUCTION, body)
    assert answer["swap"]["forced"] == ["lineage"]
    assert line.in_sequence() == FOUR


def test_a_rollback_waits_for_four_calls(watched: Watched) -> None:
    back(watched)
    answer, line = watched.send("POST", f"{PRODUCTION}/rollback", {"reason": "broken"})
    assert answer["pointer"]["version"] == watched.versions[1].id
    assert line.in_sequence() == FOUR


def test_a_workflow_run_s_swap_waits_for_four_calls(watched: Watched) -> None:
    back(watched)
    rule = Rule("acme/shop", "74", "65", Role.RELEASER, pointers=(PRODUCTION,))
    watched.world.configure(trust=(rule,), lineage={PRODUCTION: "refuse"})

    class Genuine:
        def verify(self, token: str) -> Mapping[str, str]:
            del token
            return CLAIMS

    _, secret = exchange.exchange(watched.world.ports, Genuine(), APP, "proof")
    _, line = replace(watched, token=secret).send("PUT", PRODUCTION, {"version": "branch:fix", "reason": "go"})
    assert line.in_sequence() == FOUR


def test_after_a_swap_is_seen_one_more_call_ends_it(watched: Watched) -> None:
    back(watched)
    _, line = watched.send("PUT", PRODUCTION, {"version": watched.versions[3].id, "reason": "go"})
    assert Counter(line.begun) == {"BatchGetItem": 2, "describe": 1, "TransactWriteItems": 2, "update": 1}
    assert line.begun[-1] == "TransactWriteItems"


def test_300_more_versions_and_hosts_cost_a_swap_nothing(watched: Watched) -> None:
    watched.world.configure(hosts={PRODUCTION: ("www.example.com", "example.com")})
    many_more(watched)
    back(watched)
    _, line = watched.send("PUT", PRODUCTION, {"version": "branch:fix", "reason": "go"})
    assert line.in_sequence() == FOUR
    assert watched.world.route("www.example.com") == {
        name: fact for name, fact in (watched.world.route(f"{PRODUCTION}--{APP}") or {}).items() if name != "x"
    }
