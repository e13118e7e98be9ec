"""Commands for who may see previews."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from ..errors import UsageError
from .common import Context, connected
from .output import clean, note, print_json, result

_UNITS_S = {"m": 60, "h": 3_600, "d": 86_400}
_MEANING = {
    "public": "everybody",
    "link": "who has a link (`pullprod share`)",
    "password": "who has a link (`pullprod share`), or the password",
}


@click.command("previews")
@click.argument("access", required=False, type=click.Choice(list(_MEANING)))
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input; else one is made.")
@connected
def previews_command(context: Context, access: str | None, password_stdin: bool) -> None:  # noqa: FBT001 - click's.
    """Tell or, with ACCESS, say who may see the app's previews; custom hosts are always open.

    Said again, it ends all links and the password from before.
    """
    if password_stdin and access != "password":
        raise UsageError("--password-stdin goes with `previews password` only.")
    path = f"/v1/apps/{context.app}/previews"
    given = {"password": sys.stdin.readline().rstrip("\r\n")} if password_stdin else {}
    previews = context.api.call("PUT", path, {"access": access, **given}) if access else context.api.get(path)
    if context.as_json:
        print_json(previews)
        return
    result(f"Previews may be seen by {_MEANING[previews['access']]}.")
    _tell_password(previews, asked=access is not None, given=password_stdin)


def _tell_password(previews: dict[str, Any], *, asked: bool, given: bool) -> None:
    if previews["user"] is None:
        return
    result(f"user name: {clean(previews['user'])}")
    if previews["password"] and not given:
        result(f"password: {previews['password']}")
        note("It is not shown again.")
    elif asked and not given:
        note("The password was in an answer that got lost. Run the command again for a new one.")


@click.command("share")
@click.argument("reference")
@click.option("--for", "period", default="7d", show_default=True, metavar="TIME", help="How long: 30m, 12h, 7d.")
@connected
def share_command(context: Context, reference: str, period: str) -> None:
    """Print a link that opens the preview of what REFERENCE names, for a while.

    pointer:x is the pointer's own address, which shows another version once the pointer moves.
    """
    wanted = {"version": reference, "seconds": _seconds(period)}
    shared = context.api.call("POST", f"/v1/apps/{context.app}/shares", wanted)
    if context.as_json:
        print_json(shared)
        return
    note(f"Whoever has this link may look until {shared['expires_at']}:")
    result(shared["url"])


def _seconds(period: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", period)
    if not found:
        raise UsageError(f"{period} is no time: give minutes, hours or days, like 30m, 12h or 7d.")
    return int(found[1]) * _UNITS_S[found[2]]
