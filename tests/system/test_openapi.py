"""The API's description: served, bounded, and true under a fuzzer, call by call; test_fuzz.py has roles and chains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis

from tests.support.api import Api, Json, client
from tests.support.fuzzing import CHECKS, settings
from tests.support.server import Server, running

ROOT = Path(__file__).parents[2]
COMMITTED: Json = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS = [
    (method, path) for path, methods in COMMITTED["paths"].items() for method in methods if method != "parameters"
]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server of its own: what a fuzzer leaves behind is nobody else's."""
    with running(tmp_path_factory.mktemp("fuzzed") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def existing(fuzzed: Server) -> dict[str, str]:
    """Return names for the parameters of paths under which there is something to find."""
    with client(fuzzed.url, fuzzed.token) as api:
        api.app("shop")
        version = api.publish("shop", "fuzzed", {"index.html": b"page"})["id"]
        assert api.point("shop", "production", version).status_code == 200
    return {"app": "shop", "name": "production", "ref": version, "version": version}


def test_the_server_serves_the_committed_description(api: Api) -> None:
    assert api.ok("GET", "/v1/openapi.json") == COMMITTED


def _unbounded(where: str, schema: Json) -> Iterator[str]:
    """Yield what of a taken value may be of any size."""
    if "$ref" in schema:
        schema = COMMITTED["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for part in schema.get("anyOf", ()):
        yield from _unbounded(where, part)
    bounds = {"string": {"maxLength", "pattern", "enum", "const"}, "array": {"maxItems"}, "integer": {"maximum"}}
    kind = schema.get("type")
    if kind in bounds and not schema.keys() & bounds[kind]:
        yield where
    for name, part in schema.get("properties", {}).items():
        yield from _unbounded(f"{where}.{name}", part)
    if kind == "array":
        yield from _unbounded(f"{where}[]", schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        if "maxProperties" not in schema:
            yield where
        yield from _unbounded(f"{where}{{}}", schema["additionalProperties"])


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_everything_that_a_call_takes_is_bounded(method: str, path: str) -> None:
    operation = COMMITTED["paths"][path][method]
    taken = {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", ())}
    if "requestBody" in operation:
        taken["body"] = operation["requestBody"]["content"]["application/json"]["schema"]
    assert not [found for name, schema in taken.items() for found in _unbounded(name, schema)]


def test_the_description_says_which_standard_it_follows() -> None:
    assert COMMITTED["openapi"].startswith("3.1.")
    assert len(OPERATIONS) >= 25


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("how", ["valid", "invalid", "about what exists"])
def test_whatever_is_sent_the_answer_is_as_described_and_below_500(
    fuzzed: Server, existing: dict[str, str], method: str, path: str, how: str
) -> None:
    schema = schemathesis.openapi.from_url(f"{fuzzed.url}/v1/openapi.json")
    operation = schema[path][method.upper()]
    mode = schemathesis.GenerationMode.NEGATIVE if how == "invalid" else schemathesis.GenerationMode.POSITIVE
    known = {name: value for name, value in existing.items() if f"{{{name}}}" in path and how == "about what exists"}
    token = {"Authorization": f"Bearer {fuzzed.token}"}

    @settings(25)
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode, path_parameters=known or None))
    def fuzz(case: Any) -> None:
        response = case.call(base_url=fuzzed.url, headers=token, timeout=30)
        case.validate_response(response, checks=CHECKS)

    fuzz()
    with client(fuzzed.url, fuzzed.token) as api:
        assert api.ok("GET", "/v1/health")["status"] == "ok"
        assert api.ok("GET", "/v1/apps")["items"]
