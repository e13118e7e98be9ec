from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest

from pullprod_control_plane.adapters.local import loopback_probe
from pullprod_control_plane.adapters.local.loopback_probe import LoopbackProbe
from pullprod_control_plane.adapters.local.system_clock import SystemClock
from pullprod_control_plane.ports import Answer
from tests.ports.local import plugs


async def _echo(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - what ASGI hands over.
    """Say in the version header which host, path and query were asked for."""
    host = dict(scope["headers"])[b"host"]
    asked = host + b" " + scope["raw_path"] + b"?" + scope["query_string"]
    moved = scope["path"] == "/moved"
    headers = [] if scope["path"] == "/plain" else [(b"x-pullprod-version", asked), (b"location", b"/elsewhere")]
    await send({"type": "http.response.start", "status": 302 if moved else 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * 100_000})


def test_the_server_is_asked_under_the_host_and_path_given() -> None:
    with plugs.serving(_echo) as port:
        probe = LoopbackProbe(port)
        host = f"next--shop.localhost:{port}"
        assert probe.get(host, "/") == Answer(200, f"{host} /?")
        assert probe.get(host, "/é b%20c?q=1&r=é") == Answer(200, f"{host} /%C3%A9%20b%20c?q=1&r=%C3%A9")
        assert probe.get(host, "/plain") == Answer(200, None)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with plugs.serving(_echo) as port:
        assert LoopbackProbe(lambda: port).get("h", "/moved") == Answer(302, "h /moved?")


@pytest.mark.parametrize("path", ["//evil.example.com/", "/\\evil.example.com", "/@evil.example.com", "/:80@evil"])
def test_a_path_cannot_name_another_address(path: str) -> None:
    with plugs.serving(_echo) as port:
        assert LoopbackProbe(port).get("h", path) == Answer(200, f"h {path.replace(chr(92), '%5C')}?")


def test_where_nobody_listens_nothing_comes_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert LoopbackProbe(port).get("h", "/") == Answer(0)


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback_probe, "_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert LoopbackProbe(listener.getsockname()[1]).get("h", "/") == Answer(0)


def test_the_clock_tells_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
