"""Commands that look and change nothing."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import Any

import click

from ..config import PRODUCTION
from ..errors import NotFoundError
from ..paths import part
from . import REFERENCES
from .common import Context, connected
from .output import clean, note, print_json, result, table

_WIDTH = 60


def _moment(time: str) -> str:
    """Return a time of the API without the fraction of its second."""
    return f"{time[:19]}Z"


def _first_line(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


@click.command("versions")
@click.option("--branch", help="Only those published from this branch.")
@click.option("--commit", metavar="PREFIX", help="Only those of this commit.")
@click.option("--state", help="Only those in this state.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@connected
def versions_command(context: Context, branch: str | None, commit: str | None, state: str | None, limit: int) -> None:
    """List versions, newest first."""
    path = f"/v1/apps/{context.app}/versions"
    items = list(context.api.items(path, limit, branch=branch, commit=commit, state=state))
    if context.as_json:
        print_json({"items": items, "next_cursor": None})
        return
    table(
        (v["id"], v["state"], ",".join(v["pointers"]) or "-", v["branch"] or "-", _first_line(v["message"]))
        for v in items
    )


@click.command("show", epilog=REFERENCES)
@click.argument("reference")
@connected
def show_command(context: Context, reference: str) -> None:
    """Show the version that REFERENCE names."""
    version = context.api.get(f"/v1/apps/{context.app}/versions/{part(reference)}")
    if context.as_json:
        print_json(version)
        return
    fields = (
        "id",
        "state",
        "commit",
        "branch",
        "author",
        "committed_at",
        "published_at",
        "published_by",
        "files",
        "bytes",
    )
    table((name, version[name]) for name in (*fields, "url"))
    if version["functions"]:
        table([("functions", ", ".join(version["functions"]))])
    table([("shown by", ", ".join(version["pointers"]) or "-"), ("message", _first_line(version["message"]))])


@click.command("pointers")
@connected
def pointers_command(context: Context) -> None:
    """List pointers."""
    items = list(context.api.items(f"/v1/apps/{context.app}/pointers"))
    if context.as_json:
        print_json({"items": items, "next_cursor": None})
        return
    table((p["name"], p["version"] or "-", p["generation"], _note(p), p["url"]) for p in items)


def _note(pointer: dict[str, Any]) -> str:
    if pointer["hold"]:
        return _held(pointer["hold"])
    return f"follows {pointer['follows']}" if pointer["follows"] else pointer["state"]


@click.command("status")
@connected
def status_command(context: Context) -> None:
    """Tell what is live, since when and by whom, and whether something newer waits."""
    api = context.api
    app = api.get(f"/v1/apps/{context.app}")
    pointers = {p["name"]: p for p in api.items(f"/v1/apps/{context.app}/pointers")}
    newest = _newest(context, app["main"])
    named = {PRODUCTION, *app["hosts"], *app["follow"]}
    if context.as_json:
        print_json({"app": app, "pointers": [pointers[n] for n in sorted(named) if n in pointers], "newest": newest})
        return
    for name in sorted(named & pointers.keys()):
        _tell(pointers[name])
        _tell_functions(context, pointers[name]["version"])
        if newest and newest["id"] != pointers[name]["version"]:
            result(f"  newest of {clean(app['main'])}: {newest['id']} {clean(_first_line(newest['message']))}")


def _newest(context: Context, branch: str) -> dict[str, Any] | None:
    try:
        newest = context.api.get(f"/v1/apps/{context.app}/versions/{part(f'branch:{branch}')}")
    except NotFoundError:
        return None
    return newest if newest["state"] == "ready" else None


def _tell(pointer: dict[str, Any]) -> None:
    if pointer["version"] is None:
        result(f"{pointer['name']} shows nothing yet.")
    else:
        result(f"{pointer['name']} shows {pointer['version']} (generation {pointer['generation']}, {pointer['state']})")
        result(f"  since {_moment(pointer['moved_at'])} by {clean(pointer['moved_by'])}: {clean(pointer['reason'])}")
    if pointer["hold"]:
        result(f"  {clean(_held(pointer['hold']))}")


def _held(hold: dict[str, Any]) -> str:
    until = f" until {_moment(hold['until'])}" if hold["until"] else ""
    return f"held by {hold['owner']}{until}: {hold['reason']}"


def _tell_functions(context: Context, version: str | None) -> None:
    functions = context.api.get(f"/v1/apps/{context.app}/versions/{part(version)}")["functions"] if version else []
    if functions:
        result(f"  with the functions {', '.join(clean(name) for name in functions)}")


def tell_commits(commits: dict[str, Any]) -> None:
    """Print commits gained and lost."""
    for sign, name in (("+", "gained"), ("-", "lost")):
        for commit in commits[name][:20]:
            result(f"  {sign} {commit['commit'][:12]} {clean(_first_line(commit['message'] or ''))}".rstrip())
        if len(commits[name]) > 20:  # noqa: PLR2004 - a screenful.
            result(f"  {sign} … {commits[f'{name}_count'] - 20} more")
    if not commits["complete"]:
        result("  (the two histories do not meet in what was recorded)")


def tell_files(files: dict[str, Any]) -> None:
    """Print how many files differ, and some of them."""
    result(f"files: {files['added_count']} added, {files['changed_count']} changed, {files['removed_count']} removed")
    for sign, name in (("+", "added"), ("~", "changed"), ("-", "removed")):
        for path in files[name][:10]:
            result(f"  {sign} {clean(path)}")


@click.command("diff", epilog=REFERENCES)
@click.argument("first")
@click.argument("second")
@connected
def diff_command(context: Context, first: str, second: str) -> None:
    """Tell which commits and files differ between FIRST and SECOND, two REFERENCEs."""
    diff = context.api.get(f"/v1/apps/{context.app}/diff", **{"from": first, "to": second})
    if context.as_json:
        print_json(diff)
        return
    result(f"{diff['from']['id']} → {diff['to']['id']}")
    tell_commits(diff["commits"])
    tell_files(diff["files"])


@click.command("history")
@click.argument("pointer")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@connected
def history_command(context: Context, pointer: str, limit: int) -> None:
    """List POINTER's swaps, newest first."""
    items = list(context.api.items(f"/v1/apps/{context.app}/pointers/{part(pointer)}/history", limit))
    if context.as_json:
        print_json({"items": items, "next_cursor": None})
        return
    table((s["generation"], _moment(s["at"]), s["kind"], s["to"], s["by"], _why(s)) for s in items)


def _why(swap: dict[str, Any]) -> str:
    forced = f" (forced {', '.join(swap['forced'])})" if swap["forced"] else ""
    return f"{swap['reason']}{forced}"


@click.command("open", epilog=REFERENCES)
@click.argument("reference")
@connected
def open_command(context: Context, reference: str) -> None:
    """Print the address of what REFERENCE names, and open it in a browser if a person is there."""
    kind, _, name = reference.partition(":")
    path = f"pointers/{part(name)}" if kind == "pointer" and name else f"versions/{part(reference)}"
    found = context.api.get(f"/v1/apps/{context.app}/{path}")
    if context.as_json:
        print_json(found)
        return
    if not found["url"]:
        raise NotFoundError(f"{clean(reference)} has no address, since this control plane has no preview domain.")
    result(found["url"])
    if sys.stdout.isatty() and not os.environ.get("CI") and not _opened(found["url"]):
        note("No browser could be started.")


def _opened(url: str) -> bool:
    """Open a page, and nothing else that a server might name and this machine knows how to start."""
    return url.startswith(("https://", "http://")) and webbrowser.open(url)
