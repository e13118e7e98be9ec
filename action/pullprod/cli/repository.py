"""Commands that work in the user's own repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import PullprodError, UsageError
from .common import Context, connected
from .output import note, print_json, result

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHELL_FAILURES = 126  # Exit codes from here on mean that the command itself could not run.


def _get(context: Context, kind: str, name: str) -> dict[str, Any]:
    from ..api import part  # noqa: PLC0415

    return context.api.get(f"/v1/apps/{context.app}/{kind}/{part(name)}")


@click.command("checkout")
@click.argument("pointer")
@click.option("-b", "branch", metavar="NAME", help="Make a branch there.")
@connected
def checkout_command(context: Context, pointer: str, branch: str | None) -> None:
    """Put the work tree at exactly the commit that POINTER shows, to change what is live."""
    from .. import git  # noqa: PLC0415

    here = Path.cwd()
    if not git.is_work_tree(here):
        raise UsageError("This is no git work tree. Go to a clone of the app's repository.")
    if git.is_dirty(here):
        raise UsageError("There are uncommitted changes here. Commit or stash them first.")
    shown = _get(context, "pointers", pointer)
    if shown["version"] is None:
        raise PullprodError(f"{pointer} shows nothing yet.")
    version = _get(context, "versions", shown["version"])
    if version["dirty"]:
        note("warning: this version was published with uncommitted changes; its commit is not all of it.")
    _fetch(here, version["commit"])
    where = ["-b", branch] if branch else ["--detach"]
    git.run(here, "checkout", "-q", *where, version["commit"], "--")
    if context.as_json:
        print_json(version)
        return
    result(f"{version['commit']} is what {pointer} shows ({version['id']}).")


def _fetch(here: Path, commit: str) -> None:
    from .. import git  # noqa: PLC0415

    # What a server says must not become an option of git.
    if not _COMMIT.fullmatch(commit):
        raise PullprodError("The version names no commit.")

    def known() -> bool:
        return bool(git.run(here, "rev-parse", "--verify", "-q", f"{commit}^{{commit}}", check=False).strip())

    for arguments in (("fetch", "-q", "origin", commit), ("fetch", "-q", "--all", "--tags")):
        if known():
            return
        git.run(here, *arguments, check=False)
    if not known():
        raise PullprodError(f"The commit {commit} is in no repository that this clone knows. Was it pushed?")


@click.command("bisect")
@click.argument("pointer", required=False)
@click.option("--good", metavar="REFERENCE", help="A version that is well; without it, what POINTER showed before.")
@click.option("--bad", metavar="REFERENCE", help="A later version that is not; without it, what POINTER shows.")
@click.option("--run", "command", required=True, metavar="COMMAND", help="Exits 0 if PULLPROD_VERSION_URL is well.")
@connected
def bisect_command(context: Context, pointer: str | None, good: str | None, bad: str | None, command: str) -> None:
    """Find the first bad version between a good and a bad one, by asking the versions that are all still there."""
    if pointer and not (good and bad):
        shown = _get(context, "pointers", pointer)
        good, bad = good or shown["previous"], bad or shown["version"]
    if not good or not bad:
        raise UsageError("Between which versions? Give --good and --bad, or a POINTER that has moved.")
    between = _between(context, _get(context, "versions", good), _get(context, "versions", bad))
    low, high = 0, len(between) - 1
    while high - low > 1:
        middle = (low + high) // 2
        well = _try(command, between[middle])
        low, high = (middle, high) if well else (low, middle)
    if context.as_json:
        print_json(between[high])
        return
    result(f"{between[high]['id']} is the first bad version: {between[high]['url'] or 'it has no address'}")


def _between(context: Context, good: dict[str, Any], bad: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the ready versions from good to bad, oldest first, of the branch that bad is on."""
    for version in (good, bad):
        if version["state"] != "ready":
            raise UsageError(f"{version['id']} is {version['state']}; only ready versions can be tried.")
    newer: list[dict[str, Any]] = []
    found = False
    for version in context.api.items(f"/v1/apps/{context.app}/versions", branch=bad["branch"], state="ready"):
        found = found or version["id"] == bad["id"]
        if version["published_at"] <= good["published_at"]:
            break
        if found:
            newer.append(version)
    if not newer:
        raise UsageError(f"{bad['id']} is not a later ready version than {good['id']}.")
    return [good, *reversed(newer)]


def _try(command: str, version: dict[str, Any]) -> bool:
    note(f"trying {version['id']}")
    environ = {**os.environ, "PULLPROD_VERSION_URL": version["url"] or "", "PULLPROD_VERSION": version["id"]}
    environ.pop("PULLPROD_TOKEN", None)
    # Standard output is for the result, so what the command prints goes to standard error.
    done = subprocess.run(command, shell=True, env=environ, stdout=sys.stderr, check=False)  # noqa: S602 - the user's own command.
    code = done.returncode
    if code < 0 or code >= _SHELL_FAILURES:
        raise PullprodError(f"The command could not be run (exit {code}).")
    return code == 0
