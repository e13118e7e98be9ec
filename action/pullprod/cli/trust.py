"""Which workflow runs an app trusts, and why it does not trust another."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..errors import LostRaceError, NotFoundError, UsageError
from .common import Context, connected
from .output import note, print_json, result, table, warn

Rule = dict[str, Any]

ROLES = {
    "viewer": "looks",
    "publisher": "also publishes",
    "releaser": "also moves and holds pointers",
    "admin": "does everything",
}

# What the API answers of an app and does not take. Everything else goes back as it came, known here or not.
ANSWERED_ONLY = frozenset({"name", "created_at", "updated_at", "names"})
_ATTEMPTS = 5
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_TOKEN_STARTS = "eyJ"  # noqa: S105 - it is none. `{"` in base64url, as every JSON Web Token does.
_LONGEST_PATH = 1_000


@click.group("trust")
def trust_command() -> None:
    """Say which workflow runs an app trusts: add, list and remove rules, explain what they make of a run."""


@trust_command.command("add")
@click.argument("repository", metavar="OWNER/NAME")
@click.option(
    "--role",
    type=click.Choice(list(ROLES)),
    default="publisher",
    show_default=True,
    help="What its runs may do.",
)
@click.option("--pointer", "pointers", multiple=True, help="A pointer that a releaser may move (repeatable).")
@click.option("--event", "events", multiple=True, help="Only this event (repeatable); by default those without risk.")
@click.option("--ref", "refs", multiple=True, help="Only refs like refs/heads/release-* (repeatable); any branch else.")
@click.option("--environment", help="Only jobs of this GitHub environment.")
@click.option("--workflow", help="Only this workflow: release.yml, or OWNER/NAME/.github/workflows/release.yml.")
@click.option("--issuer", help="The GitHub that the ids are of, as its OIDC tokens name it; the server's first else.")
@click.option("--repository-id", help="The repository's id; asked of GitHub, with GITHUB_TOKEN, if left out.")
@click.option("--owner-id", help="The owner's id; likewise.")
@connected
def _add(context: Context, repository: str, repository_id: str | None, owner_id: str | None, **given: Any) -> None:
    """Trust the runs of a repository that fit all that is given here."""
    rule = _rule(repository, *_ids(repository, repository_id, owner_id), given)
    added = _changed(context, lambda rules: [*rules, rule])[-1]
    if _any_branch_moves(added):
        warn(f"Whoever may push a branch becomes a {added['role']}: add --environment, or --ref refs/heads/main.")
    if context.as_json:
        print_json(added)
        return
    note("This rule was added:")
    table(_facts(added))


def _any_branch_moves(rule: Rule) -> bool:
    strong = rule["role"] in {"releaser", "admin"}
    return strong and not rule["environment"] and any("*" in ref for ref in rule["refs"])


def _rule(repository: str, repository_id: str, owner_id: str, given: dict[str, Any]) -> Rule:
    workflow = given.pop("workflow")
    if workflow and "/" not in workflow:
        workflow = f"{repository}/.github/workflows/{workflow}"
    limits = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value}
    ids = {"repository": repository, "repository_id": repository_id, "repository_owner_id": owner_id}
    return {**ids, **limits, "workflow": workflow}


def _ids(repository: str, repository_id: str | None, owner_id: str | None) -> tuple[str, str]:
    from ..repository_ids import look_up  # noqa: PLC0415

    if not _REPOSITORY.fullmatch(repository):
        raise UsageError(f"{repository} is no repository of GitHub: it is named OWNER/NAME.")
    if repository_id and owner_id:
        return repository_id, owner_id
    if repository_id or owner_id:
        raise UsageError("Give both --repository-id and --owner-id, or neither.")
    return look_up(repository, os.environ)


@trust_command.command("list")
@connected
def _list(context: Context) -> None:
    """List the rules, by the numbers that `remove` takes."""
    rules = context.api.get(f"/v1/apps/{context.app}")["trust"]
    if context.as_json:
        print_json({"items": rules, "next_cursor": None})
        return
    for number, rule in enumerate(rules, 1):
        table([(f"rule {number}", rule["repository"]), *_facts(rule)[1:]])
    if not rules:
        note("This app trusts no workflow: `pullprod app trust add OWNER/NAME`.")


def _facts(rule: Rule) -> list[tuple[str, str]]:
    ids = f"repository {rule['repository_id']}, owner {rule['repository_owner_id']}"
    lists = [(name, ", ".join(rule[name])) for name in ("pointers", "events", "refs")]
    texts = [(name, rule[name]) for name in ("environment", "workflow", "issuer")]
    told = [("ids", ids), ("role", rule["role"]), *lists, *texts]
    return [("repository", rule["repository"]), *((name, value) for name, value in told if value)]


@trust_command.command("remove")
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--number", type=click.IntRange(1), help="Which of its rules, by the number that `list` shows.")
@connected
def _remove(context: Context, repository: str, number: int | None) -> None:
    """Trust a repository's runs no more: from the next request on their tokens are worthless, too."""
    rules = _changed(context, lambda rules: _without(rules, repository, number))
    if context.as_json:
        print_json({"items": rules, "next_cursor": None})
        return
    result(f"The rule for {repository} is removed; {len(rules)} left.")


def _without(rules: list[Rule], repository: str, number: int | None) -> list[Rule]:
    own = [at for at, rule in enumerate(rules, 1) if rule["repository"].lower() == repository.lower()]
    if not own or (number and number not in own):
        raise NotFoundError(
            f"No rule{f' {number}' if number else ''} is for {repository}: see `pullprod app trust list`."
        )
    if number is None and len(own) > 1:
        raise UsageError(f"{repository} has the rules {', '.join(map(str, own))}: name one with --number.")
    gone = number or own[0]
    return [rule for at, rule in enumerate(rules, 1) if at != gone]


def _changed(context: Context, change: Callable[[list[Rule]], list[Rule]]) -> list[Rule]:
    """Change the app's rules as they are now, whoever else changes the app meanwhile, and return them."""
    path = f"/v1/apps/{context.app}"
    for attempt in range(_ATTEMPTS):
        app, tag = context.api.read(path)
        body = {name: value for name, value in app.items() if name not in ANSWERED_ONLY}
        body["trust"] = change(app["trust"])
        try:
            rules: list[Rule] = context.api.call("PUT", path, body, {"If-Match": tag})["trust"]
        except LostRaceError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return rules
    raise AssertionError("the last attempt returns or raises")


@trust_command.command("explain")
@click.argument("source", metavar="[FILE]", default="-")
@connected
def _explain(context: Context, source: str) -> None:
    """Tell which rule admits a workflow run, or which claims refuse it, and the rule that would admit it.

    FILE, or standard input, has the identity token of the run, or its claims as a JSON object. A token is not used up.
    Exits 1 if the run is not admitted.
    """
    explained = context.api.call("POST", f"/v1/apps/{context.app}/trust/explain", _question(source))
    if context.as_json:
        print_json(explained)
    else:
        _tell(explained)
    if not explained["admitted"]:
        raise click.exceptions.Exit(1)


def _question(source: str) -> dict[str, Any]:
    if source.startswith(_TOKEN_STARTS) or len(source) > _LONGEST_PATH:
        raise UsageError("A token on the command line can be read by others: give it on standard input, or in a file.")
    if source == "-" and sys.stdin.isatty():
        note("Paste the token or its claims, then press Ctrl-D:")
    text = (sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")).strip()
    if not text.startswith("{"):
        return {"token": text}
    try:
        claims = json.loads(text)
    except ValueError as fault:
        raise UsageError(f"These claims are no JSON: {fault}.") from fault
    return {"claims": {name: value for name, value in claims.items() if type(value) in {str, int}}}


def _tell(explained: dict[str, Any]) -> None:
    pointers = f" of {', '.join(explained['pointers'])}" if explained["pointers"] else ""
    result(f"Admitted as a {explained['role']}{pointers}." if explained["admitted"] else explained["reason"])
    for number, judged in enumerate(explained["rules"], 1):
        name = f"rule {number} ({judged['rule']['repository']}, {judged['rule']['role']})"
        wrong = [f"{m['claim']} is {m['found'] or 'not set'}, not {m['expected']}" for m in judged["mismatches"]]
        result(f"{name}: {'; '.join(wrong) or 'admits it'}")
    if explained["would_admit"]:
        result("This rule would admit it:")
        result(_command(explained["would_admit"]))


def _command(rule: Rule) -> str:
    words = ["pullprod", "app", "trust", "add", rule["repository"]]
    words += ["--repository-id", rule["repository_id"], "--owner-id", rule["repository_owner_id"]]
    words += [word for event in rule["events"] for word in ("--event", event)]
    words += [word for ref in rule["refs"] for word in ("--ref", ref)]
    words += [word for name in ("environment", "issuer") if rule[name] for word in (f"--{name}", rule[name])]
    return "  " + shlex.join(words)
