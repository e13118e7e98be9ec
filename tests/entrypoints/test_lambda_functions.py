"""The functions that template.yaml names, imported as Lambda does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.entrypoints.test_settings import NEEDED

ROOT = Path(__file__).resolve().parents[2]
HANDLERS = re.findall(r"Handler: (pullprod_control_plane\.\S+)", (ROOT / "template.yaml").read_text())
ENVIRON = {**NEEDED, "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}

LOAD = """
import importlib, json, sys
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
answer = handler(json.loads(sys.argv[2]), None) if sys.argv[2] else None
print(json.dumps([sorted({"boto3", "awscrt", "jwt", "uvicorn", "sqlite3"} & set(sys.modules)), answer]))
"""
HEALTH = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/v1/health",
    "rawQueryString": "",
    "headers": {"host": "api.example.com"},
    "requestContext": {"http": {"method": "GET", "path": "/v1/health"}, "stage": "$default"},
    "isBase64Encoded": False,
}


def load(handler: str, event: object = None) -> tuple[list[str], dict[str, object]]:
    sent = json.dumps(event) if event else ""
    done = subprocess.run([sys.executable, "-c", LOAD, handler, sent], env=ENVIRON, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    loaded, answer = json.loads(done.stdout)
    return loaded, answer


def test_the_template_names_three_functions() -> None:
    assert [handler.split(".")[-2] for handler in HANDLERS] == ["lambda_api", "lambda_reconciler", "lambda_not_found"]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_starts_without_what_only_calls_need(handler: str) -> None:
    assert load(handler)[0] == []


def test_the_api_answers_without_asking_any_service() -> None:
    loaded, answer = load(HANDLERS[0], HEALTH)
    assert (loaded, answer["statusCode"]) == ([], 200)
