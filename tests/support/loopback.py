"""Nothing that a test does leaves this machine: another address is an error, in every thread."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

_SENDS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_RESOLVES = {"socket.getaddrinfo", "socket.gethostbyname"}


class LeftTheMachine(RuntimeError):
    """A test tried to reach another machine."""


def guard() -> None:
    """From now on, and for good, refuse names and addresses that are not this machine's own."""
    sys.addaudithook(_look)


def _look(event: str, args: tuple[Any, ...]) -> None:
    if event in _SENDS:
        address = args[1]
        if isinstance(address, tuple) and not _is_here(str(address[0])):
            raise LeftTheMachine(f"Tests reach loopback only, not {address[0]}.")
    elif event in _RESOLVES and args[0] is not None and not _is_here(_text(args[0])):
        raise LeftTheMachine(f"Tests resolve names of this machine only, not {_text(args[0])}.")


def _text(host: str | bytes) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host


def _is_here(host: str) -> bool:
    if host in {"", "localhost"} or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
