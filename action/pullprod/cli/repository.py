"""Commands that work in the user's own repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click

from ..errors import PullprodError, UsageError
from ..paths import part
from . import REFERENCES
from .common import Context, connected
from .output import note, print_json, result, warn

Version: TypeAlias = dict[str, Any]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SKIP = 125
_SHELL_FAILURES = 126  # Exit codes from here on mean that the command itself could not run.


def _get(context: Context, kind: str, name: str) -> dict[str, Any]:
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
        warn("this version was published with uncommitted changes; its commit is not all of it.")
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


@click.command("bisect", epilog=REFERENCES)
@click.argument("pointer", required=False)
@click.option("--good", metavar="REFERENCE", help="A version that is well.")
@click.option("--bad", metavar="REFERENCE", help="A later version that is not.")
@click.option(
    "--run",
    "command",
    required=True,
    metavar="COMMAND",
    help="Looks at $PULLPROD_VERSION_URL: exits 0 if it is well, 125 if that cannot be told, 1 to 124 if it is bad.",
)
@connected
def bisect_command(context: Context, pointer: str | None, good: str | None, bad: str | None, command: str) -> None:
    """Find the first bad version between a good and a bad one, by asking the versions that are all still there.

    Of the two that POINTER moved between last, the older counts as good and the newer as bad; --good and --bad say
    otherwise.
    """
    between = _between(context, *_ends(context, pointer, good, bad))
    found = _first_bad(between, lambda version: _try(command, version))
    if len(found) > 1:
        names = [version["id"] for version in found]
        detail = f"Only versions that were skipped are left. The first bad one could be any of: {', '.join(names)}."
        raise PullprodError(detail, {"code": "only-skipped-left", "detail": detail, "versions": names})
    if context.as_json:
        print_json(found[0])
        return
    result(f"{found[0]['id']} is the first bad version: {found[0]['url']}")


def _ends(context: Context, pointer: str | None, good: str | None, bad: str | None) -> tuple[Version, Version]:
    """Return the good and the bad version to search between."""
    swap = _last_swap(context, pointer) if pointer and not (good and bad) else {}
    first, second = good or swap.get("from"), bad or swap.get("to")
    if not first or not second:
        raise UsageError("Between which versions? Give --good and --bad, or a POINTER that has moved.")
    ends = _get(context, "versions", first), _get(context, "versions", second)
    # A rollback went from the newer to the older.
    return ends if good or bad or ends[0]["published_at"] <= ends[1]["published_at"] else ends[::-1]


def _last_swap(context: Context, pointer: str) -> dict[str, Any]:
    return next(context.api.items(f"/v1/apps/{context.app}/pointers/{part(pointer)}/history", 1), {})


def _first_bad(between: Sequence[Version], well: Callable[[Version], bool | None]) -> Sequence[Version]:
    """Return the first bad of the versions, of which the first is good and the last is bad.

    `well` tells None of a version that has to be skipped. If only such versions are left, they are returned with the
    bad one after them.
    """
    low, high = 0, len(between) - 1
    skipped: set[int] = set()
    while left := [at for at in range(low + 1, high) if at not in skipped]:
        middle = min(left, key=lambda at: abs(2 * at - low - high))
        verdict = well(between[middle])
        if verdict is None:
            skipped.add(middle)
        else:
            low, high = (middle, high) if verdict else (low, middle)
    return between[low + 1 : high + 1]


def _between(context: Context, good: Version, bad: Version) -> list[Version]:
    """Return the ready versions from good to bad, oldest first, of the branch that bad is on."""
    for version in (good, bad):
        if version["state"] != "ready":
            raise UsageError(f"{version['id']} is {version['state']}; only ready versions can be tried.")
    newer: list[Version] = []
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


def _try(command: str, version: Version) -> bool | None:
    """Tell whether a version is well by the exit code of the user's command, as git bisect reads it.

    Returns None if the command cannot tell. Source: https://git-scm.com/docs/git-bisect#_bisect_run
    """
    note(f"trying {version['id']}")
    environ = {**os.environ, "PULLPROD_VERSION_URL": version["url"], "PULLPROD_VERSION": version["id"]}
    environ.pop("PULLPROD_TOKEN", None)
    # Standard output is for the result, so what the command prints goes to standard error.
    done = subprocess.run(command, shell=True, env=environ, stdout=sys.stderr, check=False)  # noqa: S602 - the user's own command.
    code = done.returncode
    if code < 0 or code >= _SHELL_FAILURES:
        raise PullprodError(f"The command could not be run (exit {code}).")
    return None if code == _SKIP else code == 0
