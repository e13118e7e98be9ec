"""Runs the CloudFront Functions in `edge/` as they stand, so that the routing rules exist once."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import quickjs

import pullprod_control_plane

from .edge_crypto import CRYPTO

Event: TypeAlias = dict[str, Any]

# Far more than a call needs (under 1 ms and 1 MB), far less than would hurt the server.
_SECONDS = 1.0
_MEMORY = 32 * 1024**2
_STACK = 256 * 1024

_IMPORTS = re.compile(r"^import (?:cf from 'cloudfront'|crypto from 'crypto');", re.MULTILINE)

# The engine cannot call into Python while a time limit is set. So kvs.get() leaves its key in `wanted`, and its
# promise is settled from outside between two jobs. The helpers that choose an origin leave their parameters in
# `origin`. The rest of the `cloudfront` module is not used.
_BRIDGE = """
'use strict';
const bridge = (function () {
    const handlers = new Map();
    let wanted = [];
    let outcome = null;
    let origin = null;

    function get(key, options) {
        return new Promise((resolve, reject) => wanted.push({ key: String(key), options, resolve, reject }));
    }

    function eventOf(text) {
        const event = JSON.parse(text);
        const raw = event.request.rawQueryString;
        event.request.rawQueryString = () => raw;
        return event;
    }

    return {
        cf: {
            kvs: () => ({ get, exists: (key) => get(key).then(() => true, () => false) }),
            updateRequestOrigin: (parameters) => { origin = { updateRequestOrigin: parameters }; },
            createRequestOriginGroup: (parameters) => { origin = { createRequestOriginGroup: parameters }; },
        },
        define: (name, handler) => { handlers.set(name, handler); },
        start: (name, text) => {
            wanted = [];
            outcome = null;
            origin = null;
            Promise.resolve(handlers.get(name)(eventOf(text))).then(
                (value) => { outcome = JSON.stringify({ value: value === undefined ? null : value, origin: origin }); },
                (error) => { outcome = JSON.stringify({ error: String(error || 'no memory is left for an error') }); });
        },
        state: () => outcome || (wanted.length > 0 ? JSON.stringify({ wants: wanted[0].key }) : null),
        give: (quoted) => {
            const waiting = wanted.shift();
            const json = waiting.options && waiting.options.format === 'json';
            try {
                const text = JSON.parse(quoted);
                if (text === null) {
                    throw new Error('KeyNotFound');
                }
                waiting.resolve(json ? JSON.parse(text) : text);
            } catch (error) {
                waiting.reject(error);
            }
        },
    };
}());
globalThis.bridge = bridge;
"""


class EdgeFunctionError(RuntimeError):
    """A function threw, ran too long, took too much memory or never answered: CloudFront would answer 503."""


def edge_directory() -> Path:
    """Return the directory of the functions: inside the package in a wheel, `edge/` of the repository in a checkout."""
    package = Path(pullprod_control_plane.__file__).parent
    installed = package / "edge"
    return installed if installed.is_dir() else package.parents[1] / "edge"


class EdgeRuntime:
    """Both functions in one engine. `get` reads the text of a key of the key-value store, None if it is not there.

    Not thread-safe: every call must come from the thread that made the object. Reads of one key within one call
    give one answer, as they do on CloudFront.
    """

    def __init__(self, get: Callable[[str], str | None]) -> None:
        self._get = get
        self._thread = threading.get_ident()
        self._context = quickjs.Context()
        self._context.set_memory_limit(_MEMORY)
        self._context.set_max_stack_size(_STACK)
        self._context.set_time_limit(_SECONDS)
        self._context.eval(CRYPTO)
        self._context.eval(_BRIDGE)
        self._start = self._context.eval("bridge.start")
        self._state = self._context.eval("bridge.state")
        self._give = self._context.eval("bridge.give")
        for name in ("viewer_request", "viewer_response"):
            self._define(name, (edge_directory() / f"{name}.js").read_text(encoding="utf-8"))

    def request(self, event: Event) -> Event:
        """Return what viewer_request.js makes of `event`: a request to pass on, or a response with a `statusCode`.

        `rawQueryString` of the event's request is what its method of that name answers. The `origin` of a request to
        pass on has the parameters of the helper that was called last, under the name of the helper.
        """
        return self._call("viewer_request", event)

    def response(self, event: Event) -> Event:
        """Return the response that viewer_response.js makes of `event`."""
        return self._call("viewer_response", event)

    def _define(self, name: str, source: str) -> None:
        """A function's file is a module. It becomes a scope of its own here, on unchanged lines, in strict mode."""
        body = _IMPORTS.sub("", source)
        scope = f"(function (cf, crypto) {{ 'use strict'; {body}\nreturn handler; }})(bridge.cf, edgeCrypto)"
        self._context.eval(f"bridge.define({name!r}, {scope});")

    def _call(self, name: str, event: Event) -> Event:
        if threading.get_ident() != self._thread:
            raise RuntimeError("An EdgeRuntime works only in the thread that made it: make it where it is called.")
        try:
            outcome = self._run(name, json.dumps(event))
        except quickjs.JSException as error:
            raise EdgeFunctionError(f"{name}.js was stopped: {error}") from error
        if not isinstance(outcome.get("value"), dict):
            raise EdgeFunctionError(f"{name}.js failed: {outcome.get('error', 'it returned no object')}")
        return {**outcome["value"], "origin": outcome["origin"]} if outcome.get("origin") else dict(outcome["value"])

    def _run(self, name: str, event: str) -> dict[str, Any]:
        snapshot: dict[str, str | None] = {}
        self._start(name, event)
        while True:
            while self._context.execute_pending_job():
                pass
            state = json.loads(self._state() or "{}")
            if "wants" not in state:
                return dict(state) or {"error": "it waits for something that never comes"}
            key = state["wants"]
            if key not in snapshot:
                snapshot[key] = self._get(key)
            self._give(json.dumps(snapshot[key]))
