"""The reconciler as a Lambda function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pullprod_control_plane.application import tokens
from pullprod_control_plane.bootstrap import ControlPlane
from pullprod_control_plane.domain.versions import State
from pullprod_control_plane.entrypoints.aws.reconciler import Reconciler
from pullprod_control_plane.ports import Answer, Verifier
from tests.support.world import World, opened, page


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with opened(tmp_path) as made:
        yield made


def reconciler(world: World, pauses: list[float] | None = None) -> Reconciler:
    def none() -> Verifier:
        raise AssertionError("nobody shows a token")

    waited: list[float] = [] if pauses is None else pauses
    return Reconciler(ControlPlane(world.ports, world.addresses, none), "reconciler", waited.append)


def metrics(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def test_the_first_admin_token_is_made_once(world: World) -> None:
    handler = reconciler(world)
    token = handler({"command": "first-admin"}, None)["token"]
    assert tokens.authenticate(world.ports, token).role.value == "admin"
    again = handler({"command": "first-admin"}, None)
    assert "token" not in again
    assert "was made before" in again["error"]


def test_a_command_that_does_not_exist_does_nothing(world: World) -> None:
    assert "first-admin" in reconciler(world)({"command": "drop"}, None)["error"]


@pytest.mark.parametrize("event", [None, {}, {"source": "aws.events", "detail-type": "Scheduled Event"}])
def test_a_schedule_and_a_wake_up_make_a_round(
    world: World, event: dict[str, Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    reconciler(world)(event, None)
    [metric] = metrics(capsys.readouterr().out)
    [described] = metric["_aws"]["CloudWatchMetrics"]
    assert (described["Namespace"], described["Dimensions"]) == ("pullprod", [["FunctionName"]])
    assert (metric["FunctionName"], metric["ReconcilerLag"]) == ("reconciler", 0.0)


def test_drift_is_looked_for_once_an_hour_or_when_asked_to(world: World) -> None:
    world.configure()
    [version] = world.line("a")
    world.point("production", version.id)
    handler = reconciler(world)
    handler({}, None)
    world.edge.remove(["production--shop"])
    world.clock.go_on(minutes=1)
    assert handler({}, None)["repaired"] == 0
    assert handler({"command": "compare"}, None)["repaired"] == 1
    assert world.shown("production") == version.id
    world.edge.remove(["production--shop"])
    world.clock.go_on(minutes=61)
    assert handler({}, None)["repaired"] == 1


class NotYet:
    """A probe whose address answers from a certain question on."""

    def __init__(self, version: str, after: int) -> None:
        self.version = version
        self.left = after

    def get(self, _host: str, _path: str, _share: str | None = None) -> Answer:
        self.left -= 1
        return Answer(200, self.version) if self.left < 0 else Answer(0)


def test_what_only_needs_time_is_finished_by_rounds_that_follow_soon(world: World) -> None:
    world.configure()
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    waiting = world.with_ports(probe=NotYet(begun.version.id, 2))
    assert waiting.finalize(begun.version.id).state is State.PREPARING
    pauses: list[float] = []
    world.clock.go_on(minutes=1)
    reconciler(waiting, pauses)({}, None)
    assert world.version(begun.version.id).state is State.READY
    assert pauses == [1.0]


def test_an_invocation_ends_before_the_next_one_by_schedule_whatever_waits(world: World) -> None:
    world.configure()
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    waiting = world.with_ports(probe=NotYet(begun.version.id, 1_000))
    waiting.finalize(begun.version.id)
    pauses: list[float] = []
    reconciler(waiting, pauses)({}, None)
    assert sum(pauses) < 60


class Broken:
    """A ledger that nobody reaches."""

    def __getattr__(self, name: str) -> Any:
        raise OSError(name)


def test_a_part_that_fails_is_an_error_and_no_lag_is_told_that_was_not_measured(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(world, ports=replace(world.ports, edge=Broken()))
    with pytest.raises(RuntimeError, match="drift"):
        reconciler(broken)({}, None)
    assert [metric["ReconcilerLag"] for metric in metrics(capsys.readouterr().out)] == [0.0]


def test_a_ledger_that_is_not_reached_measures_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    broken = replace(world, ports=replace(world.ports, ledger=Broken()))
    with pytest.raises(OSError, match="read"):
        reconciler(broken)({}, None)
    assert metrics(capsys.readouterr().out) == []
