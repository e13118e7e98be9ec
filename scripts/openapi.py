"""Prints the API's description as it is committed in docs/openapi.json."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import HttpResolverLocal

from pullprod_control_plane.bootstrap import ControlPlane
from pullprod_control_plane.entrypoints.api import app


def document() -> str:
    """Return the description, indented and with sorted keys, so that changes read well."""
    resolver = app.create(HttpResolverLocal(enable_validation=True), _nothing())
    return json.dumps(json.loads(app.openapi(resolver)), indent=1, sort_keys=True)


def _nothing() -> ControlPlane:
    """No call is made, so no port is needed."""
    none: Any = None
    return ControlPlane(ports=none, addresses=none, verifier=none)


if __name__ == "__main__":
    print(document())
