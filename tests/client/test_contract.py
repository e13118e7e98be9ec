"""The client keeps to docs/openapi.json: every call that its commands make, and every answer that they get."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests

from pullprod.cli import root
from pullprod.cli.trust import ANSWERED_ONLY
from pullprod.errors import PullprodError
from tests.support.server import Server

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = json.loads((ROOT / "docs" / "openapi.json").read_text())

COMMANDS = (
    "point production branch:main --reason launch",
    "plan production branch:main",
    "hold production --reason freeze",
    "unhold production",
    "rollback main --reason back",
    "versions",
    "show branch:main",
    "pointers",
    "open pointer:production",
    "status",
    "history production",
    "diff pointer:main pointer:production",
    "previews link",
    "previews",
    "share pointer:production",
    "prune",
    "prune --run",
    "audit",
    "app list",
    "token create ci --role viewer",
    "token rotate CREATED",
    "token list",
    "app trust add acme/shop --repository-id 74 --owner-id 65",
    "app trust explain claims.json",
    "app trust list",
    "app trust remove acme/shop",
    "revoke pointer:main --reason leaked",
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[requests.Response]:
    """Collect what the client really sends and gets."""
    seen: list[requests.Response] = []
    send = requests.Session.send

    def listening(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        seen.append(send(session, request, **options))
        assert seen[-1].content is not None  # Read here, it can be looked at again.
        return seen[-1]

    monkeypatch.setattr(requests.Session, "send", listening)
    return seen


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    server = Server(tmp_path / "data").start()
    for name, value in {"URL": server.url, "TOKEN": server.token, "APP": "shop"}.items():
        monkeypatch.setenv(f"PULLPROD_{name}", value)
    repository = tmp_path / "shop"
    (repository / "dist").mkdir(parents=True)
    monkeypatch.chdir(repository)
    git("init", "-q", "-b", "main")
    yield repository
    server.stop()


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments], check=True)


def publish(shop: Path, text: str) -> None:
    (shop / "dist" / "index.html").write_text(text)
    git("add", "-A")
    git("commit", "-q", "-m", text)
    run("publish", "dist")


def run(*arguments: str) -> None:
    root.main([*arguments, "--json"], standalone_mode=False)


def operation(method: str, path: str) -> dict[str, Any]:
    for template, operations in DESCRIPTION["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    raise AssertionError(f"the description has no {method} {path}")


def conforms(body: str | bytes, content: dict[str, Any]) -> None:
    schema = next(iter(content.values()))["schema"]
    jsonschema_rs.validate({**schema, "components": DESCRIPTION["components"]}, json.loads(body))


def test_calls_and_answers_of_the_commands_are_those_of_the_description(
    shop: Path, calls: list[requests.Response]
) -> None:
    run("app", "create", "shop")
    publish(shop, "one")
    publish(shop, "two")
    (shop / "claims.json").write_text('{"repository_id": "74"}')
    for command in COMMANDS:
        try:
            created = next((c.json()["id"] for c in reversed(calls) if c.url.endswith("/v1/tokens")), "")
            run(*command.replace("CREATED", created).split())
        except PullprodError as refused:  # A refusal has a description too, and is checked below.
            assert "revoke" in command, refused

    asked = set()
    for call in calls:
        path = re.sub(r"\?.*", "", call.request.path_url)
        described = operation(call.request.method or "", path)
        asked.add(described["operationId"])
        if call.request.body:
            conforms(call.request.body, described["requestBody"]["content"])
        conforms(call.content, described["responses"][str(call.status_code)]["content"])
    described_ids = {o["operationId"] for operations in DESCRIPTION["paths"].values() for o in operations.values()}
    assert described_ids - asked <= {"health", "getManifest", "listUploads", "revokeToken", "exchangeToken"}


def test_all_that_is_answered_of_an_app_is_taken_but_what_the_client_leaves_out() -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    assert schemas["App"]["properties"].keys() - schemas["AppTaken"]["properties"].keys() == ANSWERED_ONLY
