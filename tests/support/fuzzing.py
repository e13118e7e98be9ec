"""What a fuzzer of the API is told: how to make calls, and what every answer is held to."""

from __future__ import annotations

from typing import Any

import hypothesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance, status_code_conformance]


def settings(examples: int, **more: Any) -> hypothesis.settings:
    """Return settings for so many calls, the same each time."""
    return hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
        **more,
    )
