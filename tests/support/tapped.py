"""Ports that let a test act before or after any call, or end the process there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pullprod_control_plane.ports import Ports

Calls = list[tuple[str, tuple[Any, ...]]]


class Killed(BaseException):
    """The end of the process, as far as the code under test can tell: nothing may catch it."""


class Tapped:
    """A port whose every call is told to `before` and `after`."""

    def __init__(self, port: object, name: str, before: Callable[..., None], after: Callable[..., None]) -> None:
        self._port = port
        self._name = name
        self._before = before
        self._after = after

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call = getattr(self._port, method)

        def tapped(*args: Any, **named: Any) -> Any:
            name = f"{self._name}.{method}"
            self._before(name, args)
            answer = call(*args, **named)
            self._after(name, args)
            return answer

        return tapped


def _nothing(_name: str, _args: tuple[Any, ...]) -> None:
    """Let the call be."""


def tap(ports: Ports, before: Callable[..., None] = _nothing, after: Callable[..., None] = _nothing) -> Ports:
    """Return the ports, each call of those that reach the world told to `before` and `after`."""
    names = ("ledger", "store", "edge", "names", "functions", "probe")
    wrapped: dict[str, Any] = {name: Tapped(getattr(ports, name), name, before, after) for name in names}
    return replace(ports, **wrapped)


def counted(ports: Ports) -> tuple[Ports, Calls]:
    """Return the ports, and the list that their calls are added to."""
    calls: Calls = []
    return tap(ports, before=lambda name, args: calls.append((name, args))), calls


def killed_at(ports: Ports, number: int, *, after: bool) -> Ports:
    """Return ports whose call `number`, from 0, ends the process: before it is made, or after."""
    left = iter(range(number + 1))

    def count(_name: str, _args: tuple[Any, ...]) -> None:
        if next(left, None) == number:
            raise Killed

    return tap(ports, after=count) if after else tap(ports, before=count)


def once(when: Callable[[str, tuple[Any, ...]], bool], act: Callable[[], object]) -> Callable[..., None]:
    """Return a tap that acts at the first call for which `when` is true, and never again."""
    done: list[bool] = []

    def tapped(name: str, args: tuple[Any, ...]) -> None:
        if not done and when(name, args):
            done.append(True)
            act()

    return tapped
