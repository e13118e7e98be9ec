"""Each call of AWS fails, before it takes effect or after, one at a time; then the reconciler runs, and all is well.

A run without a fault lists the calls, so no step is left to luck. Whoever asked may ask again, as clients do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from pullprod_control_plane.adapters.aws import dynamodb_ledger
from pullprod_control_plane.application import audit, contents, holds, keys, look, naming, prune, reading, revoke
from pullprod_control_plane.domain import routes
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.errors import PullprodError
from pullprod_control_plane.domain.names import PRODUCTION
from pullprod_control_plane.domain.pointers import PointerState
from pullprod_control_plane.domain.swaps import broken_links
from pullprod_control_plane.domain.times import stamp
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.ports import Ports
from tests.support.aws_stack import AwsWorld, Remembered, Stack, running
from tests.support.domain import sha
from tests.support.faults import AFTER, BEFORE, Fault, Kind
from tests.support.tapped import Killed, tap
from tests.support.world import ANN, APP, page, program, receipt
from tests.support.zips import says

HOSTS = ("www.example.com", "example.com")
COMING = "shop.example.com"
SETTINGS: dict[str, Any] = {
    "hosts": {PRODUCTION: HOSTS},
    "lineage": {},
    "follow": {"next": "main"},
    "retention": Retention(1, 1, 1),
}
ROUNDS = 10
READS = ("Get", "BatchGet", "Query", "Describe", "List", "get_", "list_", "describe_")


def publish(world: AwsWorld, commit: str, **facts: Any) -> Version:
    """Publish a version with a function."""
    return world.finalize(sent(world, commit, **facts).id)


def sent(world: AwsWorld, commit: str, **facts: Any) -> Version:
    """Begin a version with a function, and send all its bytes."""
    zipped, files = says(commit), page(commit)
    begun = world.begin(files, commit, functions=(program(zipped),), **facts)
    world.send(begun, {**files, "api.zip": zipped})
    return begun.version


def publish_new(world: AwsWorld) -> object:
    return publish(world, "new", ancestors=("two", "one"))


def swap(world: AwsWorld) -> object:
    return world.point(PRODUCTION, "branch:feature", receipt=receipt("swap")).swap


def rollback(world: AwsWorld) -> object:
    return world.rollback(PRODUCTION, receipt=receipt("rollback")).swap


def prune_app(world: AwsWorld) -> object:
    return prune.run(world.ports, APP)


def withdraw(world: AwsWorld) -> object:
    return revoke.revoke(world.ports, APP, sha("loose"), ANN, "leaked", receipt("withdraw")).state


def reconcile(world: AwsWorld) -> object:
    return world.reconcile()


def let_a_name_come(world: AwsWorld) -> object:
    """Do what the reconciler does with a host's name, until the edge answers for it and DNS leads there."""
    for _ in range(3):
        naming.settle(world.ports, COMING)
        world.stack.names.go_on()
    return None


Operation = Callable[[AwsWorld], object]
OPERATIONS: list[Operation] = [publish_new, swap, rollback, prune_app, withdraw, let_a_name_come, reconcile]
PARTS: dict[Operation, int] = {reconcile: 3}  # So that those who run tests at the same time share the longest.


@pytest.fixture(scope="module")
def stack(dynamodb_local: str, ministack: str) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch, running(dynamodb_local, ministack) as started:
        # What fails once fails for good: patience is tested elsewhere.
        patch.setattr(dynamodb_ledger, "_PATIENCE_S", 0.0)
        yield started


@pytest.fixture(scope="module")
def warm(stack: Stack) -> Remembered:
    """Return an app with something of everything: hosts, a branch that is followed, versions that nobody needs."""
    world = stack.world()
    world.configure(**SETTINGS)
    for commit, ancestors in (("one", ()), ("two", ("one",))):
        world.point(PRODUCTION, publish(world, commit, ancestors=ancestors).id)
    for commit in ("loose", "looser"):
        publish(world, commit, branch=None)
    # The newest is one that a pointer shows: so what a prune takes is the same before and after another one is ready.
    publish(world, "feature", branch="feature", ancestors=("one",))
    world.clock.go_on(days=400)
    settle(world)
    return stack.remember()


@pytest.fixture(scope="module")
def interrupted(stack: Stack, warm: Remembered) -> Remembered:
    """Return the app with something of everything left undone, or undone by others."""
    stack.bring_back(warm)
    world = stack.world()
    world.reconcile()
    end = stamp(world.clock.now() + timedelta(minutes=2))
    holds.hold(world.ports, APP, "next", ANN, "a freeze", end, anybodys=True)
    kill(world, "edge.show", lambda cut: cut.point(PRODUCTION, "branch:feature"))
    new = sent(world, "new", ancestors=("two", "one"))
    kill(world, "functions.publish", lambda cut: cut.finalize(new.id))
    kill(world, "edge.remove", prune_app)
    stack.routes.items["www.example.com"] = stack.routes.items[f"feature--{APP}"]
    del stack.routes.items[f"main--{APP}"]
    [made] = stack.lambdas.made.values()
    made.aliases["main"]["FunctionVersion"] = made.aliases["feature"]["FunctionVersion"]
    world.clock.go_on(minutes=3)
    return stack.remember()


@pytest.fixture(scope="module")
def renamed(stack: Stack, warm: Remembered) -> Remembered:
    """Return the app with a host that was asked for, and nothing done about it yet."""
    stack.bring_back(warm)
    hosts = {PRODUCTION: (*HOSTS, COMING)}
    kill(stack.world(), "names.give", lambda cut: cut.configure(**{**SETTINGS, "hosts": hosts}))
    return stack.remember()


def kill(world: AwsWorld, call: str, act: Callable[[AwsWorld], object]) -> None:
    """Act, and die before the first such call of a port."""

    def die(name: str, _args: object) -> None:
        if name == call:
            raise Killed

    with pytest.raises(Killed):
        act(replace(world, ports=tap(world.ports, before=die)))


@dataclass
class Case:
    """One operation, tried again and again from the same state."""

    stack: Stack
    before: Remembered
    operation: Operation

    def undisturbed(self) -> tuple[list[str], dict[str, Any]]:
        """Return the calls of the operation when nothing happens to it, and what is stored afterwards."""
        self.stack.bring_back(self.before)
        world = self.stack.world()
        with self.stack.faults.watching() as calls:
            self.operation(world)
            listed = list(calls)
        settle(world)
        return listed, facts(self.stack.looked_at(), self.stack)

    def struck(self, fault: Fault, whole: dict[str, Any]) -> None:
        self.stack.bring_back(self.before)
        accepted = None
        with self.stack.faults.watching(fault), suppress(PullprodError):
            accepted = self.operation(self.stack.world())
        assert self.stack.faults.struck
        check_safe(self.stack.looked_at())
        settle(self.stack.world())
        ports = self.stack.looked_at()
        check_safe(ports)
        check_settled(ports)
        if self.operation is not reconcile:
            again = self.operation(self.stack.world())
            if accepted is not None and self.operation in {swap, rollback, withdraw}:
                assert again == accepted
            ports = self.stack.looked_at()
        if pending(ports):
            settle(self.stack.world())
            ports = self.stack.looked_at()
        check_settled(ports)
        assert facts(ports, self.stack) == whole


def settle(world: AwsWorld) -> None:
    """Let the reconciler do its rounds until nothing is pending."""
    for _ in range(ROUNDS):
        world.stack.names.go_on()
        if not world.reconcile().pending:
            return
    raise AssertionError(world.reconcile())


def check_safe(ports: Ports) -> None:
    """Nothing is so, not for a moment, that must never be: what is not ready or not whole is shown, a chain breaks."""
    edge: Any = ports.edge
    for key, record in edge.items.items():
        shown = json.loads(record)
        version = reading.find_version(ports, APP, shown["v"]).record
        if "gone" in shown:
            assert version.state is State.REVOKED
        elif "n" in shown:
            assert version.state is State.READY, key
            assert ports.store.missing(contents.objects(version, contents.files(ports, version))) == []
        else:
            assert version.state in {State.PREPARING, State.READY, State.RETIRING, State.REVOKED}, key
    for pointer in reading.pointers(ports, APP):
        history = look.history(ports, APP, pointer.name, 1_000, None).items[::-1]
        assert broken_links(history) == []
        assert [swap.generation for swap in history] == list(range(1, pointer.generation + 1))


def check_settled(ports: Ports) -> None:
    """The ledger and what is shown agree."""
    assert audit.audit(ports, APP).findings == []
    for pointer in reading.pointers(ports, APP):
        if pointer.version:
            assert pointer.state is PointerState.APPLIED
            version = reading.find_version(ports, APP, pointer.version).record
            for route in routes.for_pointer(pointer, version):
                assert ports.edge.records([route.key]) == [route.record]


def facts(ports: Ports, stack: Stack) -> dict[str, Any]:
    """Return everything that is stored, but for times."""
    begun = {entry.key.sort for entry in reading.everything(ports.ledger, keys.begun(APP))}
    left = {keys.manifest_object(APP, version, at) for at, _, version in (note.partition("#") for note in begun)}
    segments = reading.everything(ports.ledger, keys.contents(APP), keys.SEGMENT)
    return {
        "pointers": [(p.name, p.version, p.generation, p.trail, p.functions) for p in reading.pointers(ports, APP)],
        "versions": sorted((v.id, v.state.value) for v in reading.versions(ports, APP)),
        "segments": sorted((s.key.sort, str(s.body["state"])) for s in segments),
        "history": [
            (swap.generation, swap.to_version, swap.kind)
            for pointer in reading.pointers(ports, APP)
            for swap in look.history(ports, APP, pointer.name, 1_000, None).items
        ],
        "objects": sorted(_timeless(key) for key in stack.objects() if key not in left),
        "routes": {key: _undated(record) for key, record in stack.routes.items.items()},
        "functions": {name: _function(made) for name, made in stack.lambdas.made.items()},
        "names": {dist.id: dist.aliases for dist in stack.names.cloudfront.dists.values()},
        "records": sorted((record["Name"], record["Type"]) for record in stack.names.route53.sets),
        "pending": pending(ports),
    }


def pending(ports: Ports) -> list[str]:
    return [note.key.sort for note in reading.everything(ports.ledger, keys.PENDING)]


def _timeless(key: str) -> str:
    return key.rpartition("/")[0] if "/m/" in key else key


def _undated(record: str) -> dict[str, Any]:
    """Leave out when a version was begun, and where its function is called: both differ from run to run."""
    shown = json.loads(record)
    return {name: fact for name, fact in shown.items() if name not in {"t", "i"}}


def _function(made: Any) -> tuple[Any, ...]:
    programs = {number: state["Description"] for number, (state, _) in made.versions.items()}
    aliases = {name: programs[alias["FunctionVersion"]] for name, alias in made.aliases.items()}
    return sorted(programs.values()), aliases, sorted(made.urls)


def faults(calls: list[str]) -> Iterator[Fault]:
    """Let each call fail before it takes effect, and each that has one after it too; the ways to do so take turns."""
    for number, call in enumerate(calls):
        yield Fault(call, BEFORE[number % len(BEFORE)])
        if changes_something(call):
            yield Fault(call, AFTER[number % len(AFTER)])
            yield Fault(call, Kind.TWICE)


def changes_something(call: str) -> bool:
    return not call.partition(".")[2].startswith(READS)


@pytest.mark.parametrize(
    ("operation", "part"), [(operation, part) for operation in OPERATIONS for part in range(PARTS.get(operation, 1))]
)
def test_whichever_call_fails_nothing_accepted_is_lost_and_repeating_finishes_it(
    stack: Stack,
    warm: Remembered,
    interrupted: Remembered,
    renamed: Remembered,
    operation: Operation,
    part: int,
    record_property: Callable[[str, object], None],
) -> None:
    before: dict[Operation, Remembered] = {reconcile: interrupted, let_a_name_come: renamed}
    case = Case(stack, before.get(operation, warm), operation)
    calls, whole = case.undisturbed()
    listed = list(faults(calls))[part :: PARTS.get(operation, 1)]
    for fault in listed:
        try:
            case.struck(fault, whole)
        except BaseException as failed:
            failed.add_note(f"{operation.__name__}: {fault.call}, {fault.kind.value}")
            raise
    record_property(f"{operation.__name__}: faults of {len(calls)} calls of AWS", len(listed))


def test_a_reconciler_that_another_overtakes_at_any_step_does_no_harm(
    stack: Stack, interrupted: Remembered, record_property: Callable[[str, object], None]
) -> None:
    calls, whole = Case(stack, interrupted, reconcile).undisturbed()
    steps = [call for call in calls if changes_something(call)]
    for step in steps:
        stack.bring_back(interrupted)
        with stack.faults.watching(before={step: lambda: stack.world().reconcile()}):
            stack.world().reconcile()
        assert stack.faults.struck
        settle(stack.world())
        ports = stack.looked_at()
        check_safe(ports)
        check_settled(ports)
        assert facts(ports, stack) == whole, step
    record_property("reconcile: steps at which another did a whole round", len(steps))
