"""A server to measure, a repository to publish from, and medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.emulators import free_port

PULLPROD = [sys.executable, "-m", "pullprod"]


@contextmanager
def serving(data: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Run a server; yield its port and the environment for commands."""
    port = free_port()
    command = [*PULLPROD, "serve", "--data", str(data), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    server.stdout.readline()
    token = server.stdout.readline().split()[-1]
    environ = {
        **os.environ,
        "PULLPROD_URL": f"http://localhost:{port}",
        "PULLPROD_TOKEN": token,
        "PULLPROD_APP": "bench",
    }
    try:
        yield port, environ
    finally:
        server.terminate()
        server.wait()


def pullprod(environ: dict[str, str], where: Path, *arguments: str) -> dict[str, Any]:
    """Run a command in a directory and return the JSON that it prints."""
    done = subprocess.run(
        [*PULLPROD, *arguments, "--json"], env=environ, cwd=where, check=True, capture_output=True, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def repository(place: Path) -> None:
    """Make a repository whose site is built, so ignored."""
    place.mkdir(parents=True)
    git(place, "init", "-q", "-b", "main")
    (place / ".gitignore").write_text("/dist/\n")
    git(place, "add", ".")
    commit(place)


def commit(place: Path) -> None:
    git(
        place,
        "-c",
        "user.name=Bench",
        "-c",
        "user.email=bench@example.com",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "push",
    )


def git(place: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(place), *arguments], check=True, capture_output=True)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(values: list[float]) -> float:
    return statistics.median(values)
