"""Whatever happens to a pointer, a viewer sees one version in one page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.racing import processes
from tests.support.readers import Read, keep_reading
from tests.support.server import Server

SWAPS = 200
READERS = 4


def site(version: str) -> dict[str, bytes]:
    """Return pages and assets that name their version, and paths that do not."""
    text = f"version {version}"
    return {
        "index.html": f'<script src="/app.js"></script><link rel="stylesheet" href="/style.css">{text}'.encode(),
        "app.js": f"// {text}".encode(),
        "style.css": f"/* {text} */".encode(),
        "data.json": f'["{text}"]'.encode(),
        "logo.svg": f"<svg><!-- {text} --></svg>".encode(),
    }


def test_while_production_moves_to_and_fro_no_page_mixes_two_versions(
    server: Server, api: Api, app: str, record_property: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    api.app(app, guards={"lineage": {"production": "off"}})
    ids = [api.publish(app, f"{app} {name}", site(name), branch=None)["id"] for name in ("red", "blue")]
    assert api.point(app, "production", ids[0]).status_code == 200
    reads = _while_reading(server, f"production--{app}.localhost", lambda: _swap(api, app, ids))
    pages, overtaken = sum(read.pages for read in reads), sum(read.overtaken for read in reads)
    record_property("pages", pages)
    with capfd.disabled():
        print(f"\n{pages} pages read during {SWAPS} swaps, {overtaken} of them overtaken by one")  # noqa: T201 - a figure to report.
    assert [fault for read in reads for fault in read.faults] == []
    assert all(read.shown == {"red", "blue"} for read in reads)
    assert pages >= SWAPS
    assert overtaken >= 10
    assert api.ok("GET", f"/v1/apps/{app}/pointers/production")["generation"] == SWAPS + 1
    assert api.settled(app)["ok"]


def _swap(api: Api, app: str, ids: list[str]) -> None:
    for number in range(SWAPS):
        answer = api.point(app, "production", ids[(number + 1) % 2], headers={"If-Match": f'"{number + 1}"'})
        assert answer.status_code == 200, answer.text


def _while_reading(server: Server, host: str, act: Any) -> list[Read]:
    context = processes()
    ready, over, results = context.Barrier(READERS + 1), context.Event(), context.Queue()
    readers = [
        context.Process(
            target=keep_reading, args=(server.port, host, number % 2 == 0, ready, over, results), daemon=True
        )
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    try:
        ready.wait(60)
        act()
    finally:
        over.set()
        found = [results.get(timeout=60) for _ in readers]
        for reader in readers:
            reader.join(60)
            reader.close()
        results.close()
        results.join_thread()
    return found
