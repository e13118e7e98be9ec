from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from pullprod_control_plane.application import ahead
from pullprod_control_plane.application.ahead import Needs, Scan
from pullprod_control_plane.ports import Key, Lost, Ports, Put
from tests.support.tapped import Calls, counted
from tests.support.world import World

A, B = Key("p", "a"), Key("p", "b")


@pytest.fixture
def watched(world: World) -> tuple[Ports, Calls]:
    world.ledger.commit([Put(A, {"is": "old"}, 0)])
    return counted(world.ports)


def test_what_was_read_ahead_is_not_asked_for_again(watched: tuple[Ports, Calls]) -> None:
    ports, calls = watched
    near = ahead.read(ports, Needs([A, B], Scan("p", newest_first=True, limit=2)))
    calls.clear()
    [found, absent] = near.ledger.read([A, B])
    assert (found and found.body, absent) == ({"is": "old"}, None)
    assert near.ledger.scan("p", newest_first=True, limit=2) == [found]
    assert calls == []


def test_anything_else_is_asked_for(watched: tuple[Ports, Calls]) -> None:
    ports, calls = watched
    near = ahead.read(ports, Needs([A], Scan("p")))
    calls.clear()
    near.ledger.read([A, B])
    assert calls.pop() == ("ledger.read", ([B],))
    near.ledger.scan("p", limit=2)
    near.ledger.scan("p", after="a")
    assert [name for name, _ in calls] == ["ledger.scan"] * 2


def test_after_a_commit_everything_is_asked_for_anew(watched: tuple[Ports, Calls]) -> None:
    ports, _ = watched
    near = ahead.read(ports, Needs([A], Scan("p")))
    near.ledger.commit([Put(A, {"is": "new"}, 1)])
    [found] = near.ledger.read([A])
    assert (found and found.body, near.ledger.scan("p")) == ({"is": "new"}, [found])


def test_after_a_lost_commit_too(watched: tuple[Ports, Calls]) -> None:
    ports, _ = watched
    near = ahead.read(ahead.read(ports, Needs([A])), Needs([A, B]))
    ports.ledger.commit([Put(A, {"is": "another's"}, 1)])
    with pytest.raises(Lost):
        near.ledger.commit([Put(A, {"is": "mine"}, 1)])
    [found] = near.ledger.read([A])
    assert found
    assert found.body == {"is": "another's"}


def test_two_calls_are_made_at_the_same_time() -> None:
    meet = threading.Barrier(2, timeout=30)
    assert set(ahead.together(meet.wait, meet.wait)) == {0, 1}


def test_a_call_s_error_is_raised_whichever_fails() -> None:
    def fail() -> None:
        raise OSError("away")

    for calls in ((fail, int), (int, fail)):
        with pytest.raises(OSError, match="away"):
            ahead.together(*calls)


def test_ports_that_read_ahead_are_the_same_otherwise(world: World) -> None:
    near = ahead.read(world.ports, Needs())
    assert replace(near, ledger=world.ports.ledger) == world.ports
