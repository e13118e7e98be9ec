"""Swaps a second, from the answer to the page, and whether ten thousand versions make any of it slower."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

import requests
from running import commit, median, pullprod, repository, serving

SWAPS = 100


def report(place: Path) -> None:
    """Measure and print."""
    shop = place / "shop"
    repository(shop)
    (shop / "dist").mkdir()
    with serving(place / "data") as (port, environ):
        pullprod(environ, shop, "app", "create", "bench")
        versions = [_publish(environ, shop, text) for text in ("one", "two")]
        swap, seen = [], []
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {environ['PULLPROD_TOKEN']}"
        for number in range(SWAPS):
            version = versions[number % 2]
            body = {"version": version, "reason": "measured", "force": ["lineage"]}
            started = time.perf_counter()
            answer = session.put(f"http://127.0.0.1:{port}/v1/apps/bench/pointers/production", json=body)
            answered = time.perf_counter()
            answer.raise_for_status()
            _until_shown(port, version)
            swap.append(answered - started)
            seen.append(time.perf_counter() - answered)
    print("## Swapping\n\n| what | median | worst |\n|---|---|---|")
    print(f"| a swap, from request to answer | {median(swap) * 1e3:.1f} ms | {max(swap) * 1e3:.1f} ms |")
    print(f"| from the answer to the new page, one request | {median(seen) * 1e3:.2f} ms | {max(seen) * 1e3:.2f} ms |")
    print(f"\n{1 / median(swap):.0f} swaps a second, one after the other, each durable (two commits with fsync).\n")


def _publish(environ: dict[str, str], shop: Path, text: str) -> str:
    (shop / "dist" / "index.html").write_text(text)
    commit(shop)
    version: str = pullprod(environ, shop, "publish", "dist")["version"]["id"]
    return version


def _until_shown(port: int, version: str) -> None:
    """The first request after the answer has to show it; the loop only counts if it does not."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/", headers={"Host": "production--bench.localhost"})
        response = connection.getresponse()
        response.read()
        connection.close()
        if response.headers["x-pullprod-version"] == version:
            return
