"""What every refusal has in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.support.api import Api, Json


def refused(answer: requests.Response, status: int, code: str) -> Json:
    """Assert that the answer is a problem document with this status and code; return it."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: Json = answer.json()
    check(problem, status, code)
    return problem


def check(problem: Json, status: int, code: str) -> None:
    """Assert that a problem document says all that RFC 9457 and the code table promise."""
    assert (problem["code"], problem["status"]) == (code, status), problem
    assert problem["detail"]
    assert problem["title"]
    assert problem["type"]


@contextmanager
def nothing_changes(api: Api, app: str) -> Iterator[None]:
    """Assert that app, versions and pointers are after the block as they were before."""
    before = api.state(app)
    yield
    assert api.state(app) == before
