"""Commands that move pointers, or say what moving them would do."""

from __future__ import annotations

from typing import Any

import click

from ..paths import part
from . import REFERENCES
from .common import Context, connected
from .looking import tell_commits, tell_files
from .output import clean, note, print_json, result, warn

_force = click.option(
    "--force",
    multiple=True,
    metavar="GUARD",
    help="Override this guard (lineage, health, or hold); the reason must say why.",
)
_timeout = click.option(
    "--timeout", default=60, show_default=True, type=click.IntRange(0), help="Seconds to wait until it shows."
)


def _path(context: Context, pointer: str) -> str:
    return f"/v1/apps/{context.app}/pointers/{part(pointer)}"


@click.command("plan", epilog=REFERENCES)
@click.argument("pointer")
@click.argument("reference")
@connected
def plan_command(context: Context, pointer: str, reference: str) -> None:
    """Tell what pointing POINTER at REFERENCE would do; nothing is changed."""
    plan = context.api.call("POST", f"{_path(context, pointer)}/plan", {"version": reference})
    if context.as_json:
        print_json(plan)
        return
    result(f"{pointer}: {plan['pointer']['version'] or 'nothing'} → {plan['version']['id']}")
    for guard in plan["guards"]:
        if guard["outcome"] != "off":
            result(f"  {guard['outcome']:<6} {guard['name']}: {clean(guard['detail'])}")
    tell_commits(plan["commits"])
    tell_files(plan["files"])
    result("It would be done." if plan["allowed"] else "It would be refused.")


@click.command("point", epilog=REFERENCES)
@click.argument("pointer")
@click.argument("reference")
@click.option("--reason", required=True, help="Why. It is kept in the history.")
@click.option("--if-generation", type=click.IntRange(0), help="Only if the pointer is still at this generation.")
@_force
@_timeout
@connected
def point_command(
    context: Context,
    pointer: str,
    reference: str,
    reason: str,
    if_generation: int | None,
    force: tuple[str, ...],
    timeout: int,
) -> None:
    """Point POINTER at REFERENCE: viewers see that version."""
    body = {"version": reference, "reason": reason, "force": list(force)}
    headers = {} if if_generation is None else {"If-Match": f'"{if_generation}"'}
    _finish(context, pointer, context.api.call("PUT", _path(context, pointer), body, headers), timeout)


@click.command("rollback", epilog=REFERENCES)
@click.argument("pointer")
@click.option("--reason", required=True, help="Why. It is kept in the history.")
@click.option("--to", "reference", metavar="REFERENCE", help="A version other than the previously shown one.")
@_force
@_timeout
@connected
def rollback_command(
    context: Context, pointer: str, reason: str, reference: str | None, force: tuple[str, ...], timeout: int
) -> None:
    """Show the version again that POINTER showed before. A pointer that follows a branch is then held."""
    body = {"reason": reason, "to": reference, "force": list(force)}
    answer = context.api.call("POST", f"{_path(context, pointer)}/rollback", body)
    _finish(context, pointer, answer, timeout)


def _finish(context: Context, pointer: str, answer: dict[str, Any], timeout: int) -> None:
    """Wait until the swap is shown, then tell. A newer swap may have taken its place meanwhile."""
    from ..swaps import wait_until_shown  # noqa: PLC0415

    swap = answer["swap"]
    shown = wait_until_shown(context.api, _path(context, pointer), answer, timeout)
    if context.as_json:
        print_json({"pointer": shown, "swap": swap})
        return
    result(
        f"{pointer} shows {shown['version']} (generation {shown['generation']}; before: {swap['from'] or 'nothing'})"
    )
    if shown["hold"]:
        note(f"It is held now ({clean(shown['hold']['reason'])}). Release it with: pullprod unhold {pointer}")
    if shown["url"]:
        note(shown["url"])


@click.command("hold")
@click.argument("pointer")
@click.option("--reason", required=True, help="Why. Whoever is refused reads it.")
@click.option("--until", metavar="TIME", help="When it ends by itself, like 2026-12-01T09:00:00Z.")
@connected
def hold_command(context: Context, pointer: str, reason: str, until: str | None) -> None:
    """Hold POINTER: nobody moves it until it is released or the hold ends."""
    held = context.api.call("PUT", f"{_path(context, pointer)}/hold", {"reason": reason, "until": until})
    if context.as_json:
        print_json(held)
        return
    if held["version"] is None:
        warn(f"{pointer} shows nothing yet. Is it the pointer that is meant? `pullprod pointers` lists all.")
    end = f"until {held['hold']['until']}" if held["hold"]["until"] else "until it is released"
    result(f"{pointer} is held {end}.")


@click.command("unhold")
@click.argument("pointer")
@connected
def unhold_command(context: Context, pointer: str) -> None:
    """Release POINTER: whoever holds it may, and an admin."""
    released = context.api.call("DELETE", f"{_path(context, pointer)}/hold")
    if context.as_json:
        print_json(released)
        return
    result(f"{pointer} is free to move.")
