"""Domain objects as tests need them: what a test does not name is ordinary."""

from __future__ import annotations

import hashlib
from typing import Any

from pullprod_control_plane.domain import credentials
from pullprod_control_plane.domain.apps import App
from pullprod_control_plane.domain.functions import Function
from pullprod_control_plane.domain.json import canonical
from pullprod_control_plane.domain.manifests import Commit, File, Manifest
from pullprod_control_plane.domain.pointers import Pointer
from pullprod_control_plane.domain.routes import Route
from pullprod_control_plane.domain.segments import COUNT, of_functions
from pullprod_control_plane.domain.swaps import Move, SwapKind
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.ports import Program

# Well formed, and known to nobody.
GUESSED_TOKEN = credentials.written(credentials.Prefix.API, bytes(credentials.RANDOM_BYTES))
NOW = "2026-06-01T12:00:00.000000Z"
BEFORE = "2026-05-31T12:00:00.000000Z"
LATER = "2026-06-02T12:00:00.000000Z"


def sha(name: str | int) -> str:
    """Return a commit's SHA for a name, the same each time."""
    return hashlib.sha1(str(name).encode(), usedforsecurity=False).hexdigest()


def version_id(name: str | int) -> str:
    return f"{sha(name)[:12]}-{sha(name)[:8]}"


def a_file(path: str = "index.html", body: bytes = b"hello", kind: str = "text/html") -> File:
    return File(path, len(body), hashlib.sha256(body).hexdigest(), kind)


def a_function(name: str = "api", **facts: Any) -> Function:
    return Function(**{"name": name, **_FUNCTION, **facts})


def a_program(body: bytes = b"zip", app: str = "shop", **facts: Any) -> Program:
    """Return the program that a zip makes, under the digest that its segment has."""
    function = a_function(**{"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), **facts})
    [segment] = of_functions([function])
    return Program(app, segment.digest, function)


def a_commit(name: str | int = "a", **facts: Any) -> Commit:
    return Commit(**{**_COMMIT, "sha": sha(name), **facts})


def a_manifest(*files: File, commit: Commit | None = None, **facts: Any) -> Manifest:
    return Manifest(commit or a_commit(), files or (a_file(),), **facts)


def a_version(name: str | int = "a", **facts: Any) -> Version:
    return Version(**{**_VERSION, "id": version_id(name), "commit": sha(name), **facts})


def a_route(key: str, generation: int, pointer: str | None = "next", **facts: Any) -> Route:
    """Return a route of a pointer, or without one of a version; its record has the facts that order writes."""
    named = {"n": pointer} if pointer else {}
    return Route(key, canonical({"a": "shop", "v": version_id("a"), "g": generation, **named, **facts}).decode())


def a_gone_route(key: str) -> Route:
    return Route(key, canonical({"a": "shop", "v": version_id("a"), "gone": 1}).decode())


def an_app(**facts: Any) -> App:
    return App(**{"name": "shop", "created_at": NOW, "updated_at": NOW, **facts})


def a_pointer(name: str = "production", **facts: Any) -> Pointer:
    return Pointer("shop", name, **facts)


def a_move(to: str | None, kind: SwapKind = SwapKind.POINT, **facts: Any) -> Move:
    return Move(**{"to": to, "kind": kind, "by": "token:ann", "at": NOW, "reason": "launch", **facts})


_COMMIT = {"branch": "main", "message": "Add a page", "author": "Ann", "committed_at": BEFORE}
_FUNCTION = {
    "sha256": "f" * 64,
    "size": 1_000,
    "handler": "app.handler",
    "runtime": "python3.13",
    "routes": ("/api/*",),
}
_VERSION = {
    "app": "shop",
    **_COMMIT,
    "begun_at": BEFORE,
    "published_by": "token:ann",
    "state": State.READY,
    "files": 1,
    "bytes": 5,
    "segments": "".join(f"{number:08d}" for number in range(COUNT)),
    "digest": "d" * 64,
}
