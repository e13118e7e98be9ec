"""Functions: programs of a version that answer requests, and the rules that they obey."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .errors import InvalidRequest, PayloadTooLarge
from .json import Json
from .names import check_function

# A route record has room for about this much beside the segments' digests; the edge's adapter says when it has not.
MAX_FUNCTIONS = 4
MAX_ROUTES = 8
MAX_ROUTE = 100
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ZIP_BYTES = 50 * 1024**2
MAX_UNZIPPED_BYTES = 250 * 1024**2
MAX_UNZIPPED_PATHS = 40_000  # Files and directories. Lambda's page names no limit; the client packs no more.
MAX_HANDLER = 128
MEMORY_MB = range(128, 10_240 + 1)
TIMEOUT_S = range(1, 900 + 1)
RUNTIMES = (
    *("python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "python3.15"),
    *("nodejs20.x", "nodejs22.x", "nodejs24.x", "nodejs26.x"),
)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HANDLER = re.compile(rf"[!-~]{{1,{MAX_HANDLER}}}")
# Names that mean the same before and after percent-encoding, so that every reader of a path agrees about a route.
_ROUTE = re.compile(r"(?:/[A-Za-z0-9._~-]+)+(?:/\*)?|/\*?")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a version: its zip's SHA-256 and size in bytes, how it runs, and the paths that it answers.

    A route is an exact path (`/login`), or a folder with `/*` that stands for itself and all below it: `/api/*` has
    `/api`, `/api/` and `/api/items`. Of the routes that fit a path the longest counts.
    """

    name: str
    sha256: str
    size: int
    handler: str
    runtime: str
    routes: tuple[str, ...]
    memory_mb: int = 512
    timeout_s: int = 15

    @property
    def zip(self) -> str:
        """Return the name under which the zip is stored."""
        return f"{self.name}.zip"

    @property
    def configuration(self) -> list[Json]:
        """Return what, together with the zip, makes the program: all that is baked in when it is published."""
        return [self.handler, self.runtime, self.memory_mb, self.timeout_s]


def content(functions: Iterable[Function]) -> list[Json]:
    """Return functions as a manifest's content lists them, in order of their name."""
    ordered = sorted(functions, key=lambda function: function.name)
    return [[f.name, f.sha256, f.size, *f.configuration, list(f.routes)] for f in ordered]


def check(functions: Sequence[Function]) -> None:
    """Raise InvalidRequest or PayloadTooLarge for the first thing that no version may have."""
    if len(functions) > MAX_FUNCTIONS:
        raise PayloadTooLarge(
            f"{len(functions):,} functions are more than the {MAX_FUNCTIONS} that a version may have.",
            where="functions",
            limit=MAX_FUNCTIONS,
        )
    for function in functions:
        _check_one(function)
    if len({function.name for function in functions}) < len(functions):
        raise InvalidRequest("Two functions have one name.", where="functions")
    _check_routes([route for function in functions for route in function.routes])


def _check_one(function: Function) -> None:
    check_function(function.name)
    if not _SHA256.fullmatch(function.sha256):
        raise _bad(function, "has a SHA-256 that is not 64 lower-case hex digits")
    if not 0 < function.size <= MAX_ZIP_BYTES:
        raise _bad(function, f"has a zip of {function.size:,} bytes; 1 to {MAX_ZIP_BYTES:,} are possible")
    if not _HANDLER.fullmatch(function.handler):
        raise _bad(function, f"needs a handler like 'app.handler', of 1 to {MAX_HANDLER} characters without spaces")
    if function.runtime not in RUNTIMES:
        raise _bad(function, f"has an unknown runtime; known are {', '.join(RUNTIMES)}")
    if function.memory_mb not in MEMORY_MB:
        raise _bad(function, f"may have {MEMORY_MB[0]} to {MEMORY_MB[-1]:,} MB of memory")
    if function.timeout_s not in TIMEOUT_S:
        raise _bad(function, f"may take {TIMEOUT_S[0]} to {TIMEOUT_S[-1]} seconds")
    if not function.routes:
        raise _bad(function, "has no routes, so nothing would reach it")


def _check_routes(routes: Sequence[str]) -> None:
    for route in routes:
        if len(route) > MAX_ROUTE or not _ROUTE.fullmatch(route) or {".", ".."} & set(route.split("/")):
            raise InvalidRequest(
                f"{route[:MAX_ROUTE]!r} is no route: write '/login' for one path or '/api/*' for it and all below, "
                f"in at most {MAX_ROUTE} of a-z, A-Z, 0-9, '.', '_', '~', '-' and '/'.",
                where="functions.routes",
            )
    if doubled := [route for at, route in enumerate(routes) if route in routes[:at]]:
        raise InvalidRequest(f"The route {doubled[0]!r} is listed twice.", where="functions.routes")
    if len(routes) > MAX_ROUTES:
        raise PayloadTooLarge(
            f"{len(routes)} routes are more than the {MAX_ROUTES} that a version may have.",
            where="functions.routes",
            limit=MAX_ROUTES,
        )


def _bad(function: Function, what: str) -> InvalidRequest:
    return InvalidRequest(f"The function {function.name} {what}.", where="functions", function=function.name)
