"""`pullprod app trust`: rules with the ids that GitHub tells, and why a run is not admitted."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.client import Shell
from tests.support.github import GitHub, github
from tests.support.oidc import CLAIMS, private_key, token

IDS = ("--repository-id", "74", "--owner-id", "65")


@pytest.fixture
def forge(shell: Shell) -> Iterator[GitHub]:
    with github() as made:
        shell.environ |= {"GITHUB_API_URL": made.url, "GITHUB_TOKEN": "ghs_all"}
        yield made


def rules(shell: Shell) -> list[dict[str, Any]]:
    return list(shell.json("app", "trust", "list")["items"])


def claims(**changed: object) -> str:
    return json.dumps({**CLAIMS, "iat": 1_780_000_000, **changed})


@pytest.mark.usefixtures("forge")
def test_the_ids_are_those_that_github_tells(shell: Shell) -> None:
    shell.run("app", "trust", "add", "acme/shop")
    [rule] = rules(shell)
    assert (rule["repository"], rule["repository_id"], rule["repository_owner_id"]) == ("acme/shop", "74", "65")
    assert (rule["role"], rule["refs"], rule["environment"], rule["workflow"]) == (
        "publisher",
        ["refs/heads/*"],
        None,
        None,
    )


def test_no_token_is_needed_for_a_public_repository(shell: Shell, forge: GitHub) -> None:
    del shell.environ["GITHUB_TOKEN"]
    assert "it is private: set GITHUB_TOKEN" in shell.error("app", "trust", "add", "acme/shop", expect=3)
    forge.public = True
    shell.run("app", "trust", "add", "acme/shop")
    assert len(rules(shell)) == 1


def test_what_github_does_not_tell_is_one_error_and_adds_nothing(shell: Shell, forge: GitHub) -> None:
    assert "the token may not see it" in shell.error("app", "trust", "add", "acme/other", expect=3)
    shell.environ["GITHUB_TOKEN"] = "ghs_made_up"
    assert "not valid" in shell.error("app", "trust", "add", "acme/shop", expect=3)
    forge.outage = 301
    assert "use its present name" in shell.error("app", "trust", "add", "acme/shop", expect=3)
    forge.outage = 502
    assert "502" in shell.error("app", "trust", "add", "acme/shop", expect=3)
    shell.environ["GITHUB_API_URL"] = "http://127.0.0.1:1"
    assert "does not answer" in shell.error("app", "trust", "add", "acme/shop", expect=1)
    assert rules(shell) == []


def test_a_token_of_github_is_not_sent_in_the_clear(shell: Shell) -> None:
    shell.environ |= {"GITHUB_API_URL": "http://github.example.com/api/v3", "GITHUB_TOKEN": "ghs_all"}
    assert "over https" in shell.error("app", "trust", "add", "acme/shop", expect=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["shop"],
        ["acme/shop/x", *IDS],
        ["../shop", *IDS],
        ["acme/shop", "--repository-id", "74"],
        ["acme/shop", *IDS, "--role", "releaser"],
        ["acme/shop", *IDS, "--event", "pull_request_target"],
        ["acme/shop", "--repository-id", "x", "--owner-id", "65"],
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_meant_is_not_added(shell: Shell, arguments: list[str]) -> None:
    shell.error("app", "trust", "add", *arguments, expect=2)
    assert rules(shell) == []


def test_a_rule_has_every_limit_that_was_given(shell: Shell) -> None:
    shell.run(
        *("app", "trust", "add", "acme/shop", *IDS, "--role", "releaser", "--pointer", "production"),
        *("--pointer", "next", "--event", "push", "--event", "workflow_dispatch", "--ref", "refs/heads/release-*"),
        *("--environment", "production", "--workflow", "release.yml"),
    )
    [rule] = rules(shell)
    assert (rule["pointers"], rule["events"]) == (["production", "next"], ["push", "workflow_dispatch"])
    assert (rule["refs"], rule["environment"]) == (["refs/heads/release-*"], "production")
    assert rule["workflow"] == "acme/shop/.github/workflows/release.yml"


@pytest.mark.parametrize(
    ("limits", "warned"),
    [
        (["--role", "releaser", "--pointer", "production"], True),
        (["--role", "admin", "--workflow", "prune.yml"], True),
        (["--role", "admin", "--ref", "refs/heads/main"], False),
        (["--role", "releaser", "--pointer", "production", "--environment", "production"], False),
        (["--role", "publisher"], False),
    ],
    ids=str,
)
def test_who_lets_every_branch_move_production_is_warned(shell: Shell, limits: list[str], warned: bool) -> None:
    said = shell.run("app", "trust", "add", "acme/shop", *IDS, *limits).stderr
    assert ("warning: Whoever may push" in said) == warned


def test_the_rest_of_the_configuration_stays_as_it_is(shell: Shell) -> None:
    app = shell.environ["PULLPROD_APP"]
    body = json.dumps({"follow": {"next": "main"}, "main": "trunk", "retention": {"keep_days": 7}})
    shell.run("app", "set", app, "--from", "-", input=body)
    before = shell.json("app", "show")
    shell.run("app", "trust", "add", "acme/shop", *IDS)
    shell.run("app", "trust", "remove", "acme/shop")
    after = shell.json("app", "show")
    assert {**after, "updated_at": None} == {**before, "updated_at": None}


def test_many_who_add_rules_at_once_all_do(shell: Shell) -> None:
    def add(number: int) -> None:
        shell.run("app", "trust", "add", f"acme/shop-{number}", *IDS)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(add, range(3)))
    assert sorted(rule["repository"] for rule in rules(shell)) == ["acme/shop-0", "acme/shop-1", "acme/shop-2"]


def test_of_several_rules_of_a_repository_one_is_named_to_be_removed(shell: Shell) -> None:
    for name, ref in (("acme/shop", "refs/heads/a"), ("acme/other", "refs/heads/x"), ("acme/shop", "refs/heads/b")):
        shell.run("app", "trust", "add", name, *IDS, "--ref", ref)
    assert "1, 3" in shell.error("app", "trust", "remove", "acme/shop", expect=2)
    shell.error("app", "trust", "remove", "acme/shop", "--number", "2", expect=3)
    shell.run("app", "trust", "remove", "Acme/Shop", "--number", "3")
    assert [rule["refs"] for rule in rules(shell)] == [["refs/heads/a"], ["refs/heads/x"]]
    shell.run("app", "trust", "remove", "acme/shop")
    shell.error("app", "trust", "remove", "acme/shop", expect=3)


def test_a_run_that_is_admitted_is_told_by_which_rule(shell: Shell) -> None:
    shell.run("app", "trust", "add", "acme/other", "--repository-id", "75", "--owner-id", "65")
    shell.run("app", "trust", "add", "acme/shop", *IDS)
    said = shell.run("app", "trust", "explain", input=claims()).stdout.splitlines()
    assert said == [
        "Admitted as a publisher.",
        "rule 1 (acme/other, publisher): repository_id is 74, not 75",
        "rule 2 (acme/shop, publisher): admits it",
    ]


def test_the_rule_that_would_admit_a_run_is_a_command_that_does(shell: Shell) -> None:
    refused = claims(ref="refs/heads/it's; rm -rf", environment="beta")
    said = shell.run("app", "trust", "explain", input=refused, expect=1).stdout
    line = said.splitlines()[-1].strip()
    assert line.startswith("pullprod app trust add acme/shop")
    shell.run(*shlex.split(line)[1:])
    assert shell.run("app", "trust", "explain", input=refused).stdout.startswith("Admitted")


def test_a_token_is_explained_from_a_file_and_never_from_the_command_line(shell: Shell) -> None:
    secret = token({**CLAIMS, "iss": "https://github.example.com"}, private_key())
    (shell.directory.parent / "token").write_text(secret + "\n")
    done = shell.run("app", "trust", "explain", "../token", expect=1)
    assert "was not issued by" in done.stdout
    for typed in (secret, secret[:40]):
        said = shell.error("app", "trust", "explain", typed, expect=2)
        assert typed not in said


@pytest.mark.parametrize(("text", "code"), [("", 2), ("{", 2), ("[]", 1), ('{"ref": ["x"]}', 1)])
def test_what_is_neither_token_nor_claims_is_told(shell: Shell, text: str, code: int) -> None:
    done = shell.run("app", "trust", "explain", input=text, expect=code)
    assert done.stdout + done.stderr
