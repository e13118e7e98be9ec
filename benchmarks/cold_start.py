"""How long a cold start of the API's Lambda takes before it can answer, beside the least that one can be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from running import median

ROUNDS = 9
_OPENAPI = Path(__file__).resolve().parent.parent / "docs/openapi.json"
_METHODS = {"get", "put", "post", "delete"}
_NAMES = ("URL", "TABLE", "BUCKET", "ROUTES", "DISTRIBUTION", "DISTRIBUTION_HOST")
_ENVIRON = {f"PULLPROD_{name}": "x" for name in (*_NAMES, "FUNCTIONS", "FUNCTIONS_ROLE", "FUNCTIONS_LOG")}

_OURS = "from pullprod_control_plane.entrypoints.aws.lambda_api import handler"
_HELLO = """
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
app = APIGatewayHttpResolver(enable_validation={validation})
for number in range({routes}):
    app.get(f"/hello/{{number}}")(lambda: {{"message": "hello world"}})
handler = app.resolve
"""


def routes() -> int:
    """Return how many routes the API has."""
    described = json.loads(_OPENAPI.read_text())
    return sum(len(_METHODS & path.keys()) for path in described["paths"].values())


def constructed(source: str) -> float:
    """Return the milliseconds of processor time in which a new interpreter imports and constructs a handler."""
    timed = f"import time\nstarted = time.process_time()\n{source}\nprint((time.process_time() - started) * 1000)"
    environ = {**os.environ, **_ENVIRON}
    done = subprocess.run([sys.executable, "-c", timed], env=environ, check=True, capture_output=True, text=True)
    return float(done.stdout)


def report() -> None:
    """Measure in turns, and print Markdown."""
    count = routes()
    handlers = {
        "the API's handler": _OURS,
        "Powertools, hello world, validation": _HELLO.format(validation=True, routes=count),
        "Powertools, hello world": _HELLO.format(validation=False, routes=count),
    }
    for source in handlers.values():
        constructed(source)  # Compiles what is not compiled yet.
    measured: dict[str, list[float]] = {name: [] for name in handlers}
    for _ in range(ROUNDS):
        for name, source in handlers.items():
            measured[name].append(constructed(source))
    ours = median(measured["the API's handler"])
    print(f"## Cold start: import and construct, {count} routes each, processor time, medians of {ROUNDS}\n")
    print("| handler | median | ours / it |\n|---|---|---|")
    for name, values in measured.items():
        print(f"| {name} | {median(values):.0f} ms | {ours / median(values):.2f} |")
    print("\nNo boto3 among it: clients are built when they are first used.\n", flush=True)
