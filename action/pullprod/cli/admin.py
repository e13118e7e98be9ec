"""Commands for those who look after an app."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from ..paths import part
from . import REFERENCES
from .common import Context, connected
from .output import clean, note, print_json, result, table
from .trust import ROLES, trust_command

_ROLES_HELP = "; ".join(f"{role}: {does}" for role, does in ROLES.items())


@click.command("revoke", epilog=REFERENCES)
@click.argument("reference")
@click.option("--reason", required=True, help="Why. It is kept with the version.")
@connected
def revoke_command(context: Context, reference: str, reason: str) -> None:
    """Withdraw a version: its address answers 410, and nothing can be pointed at it again."""
    path = f"/v1/apps/{context.app}/versions/{part(reference)}"
    version = context.api.call("DELETE", path, {"reason": reason})
    if context.as_json:
        print_json(version)
        return
    result(f"{version['id']} is withdrawn.")


@click.command("prune")
@click.option("--run", "really", is_flag=True, help="Really remove; without it, only tell.")
@connected
def prune_command(context: Context, really: bool) -> None:  # noqa: FBT001 - click passes flags by name.
    """Retire pointers of idle branches; remove versions past their retention, and the files that only they used."""
    pruned = context.api.call("POST", f"/v1/apps/{context.app}/prune", {"dry_run": not really})
    if context.as_json:
        print_json(pruned)
        return
    for pointer in pruned["pointers"]:
        branch, since = clean(pointer["branch"] or "-"), pointer["idle_since"][:10]
        result(f"{clean(pointer['name'])}  pointer of {branch}, idle since {since}")
    for version in pruned["versions"]:
        result(f"{version['id']}  {clean(version['branch'] or '-')}")
    verb = "removed" if really else "would be removed (add --run)"
    what = f"{len(pruned['pointers'])} pointer(s), {len(pruned['versions'])} version(s)"
    result(f"{what}, {pruned['objects']:,} objects, {pruned['bytes']:,} bytes {verb}.")
    if pruned.get("pending"):
        note("There is more: the reconciler removes it, within minutes.")


@click.command("audit")
@connected
def audit_command(context: Context) -> None:
    """Check the chain of swaps, the routes and the files that are shown; exits 1 if something is wrong."""
    report = context.api.get(f"/v1/apps/{context.app}/audit")
    if context.as_json:
        print_json(report)
    else:
        table((f["code"], f["subject"], f["detail"]) for f in report["findings"])
        for live in report["live_not_on_main"]:
            result(f"{clean(live['pointer'])} shows {live['version']}, which is not on the main branch.")
        checked = ", ".join(f"{count:,} {what}" for what, count in report["checked"].items())
        result(f"{'All is well' if report['ok'] else 'Something is wrong'}: {checked} checked.")
    if not report["ok"]:
        raise click.exceptions.Exit(1)


@click.group("token")
def token_command() -> None:
    """Make, list, rotate and revoke API tokens."""


@token_command.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(list(ROLES)), required=True, help=_ROLES_HELP)
@click.option("--for-app", "apps", multiple=True, help="Limit it to this app (repeatable).")
@click.option("--pointer", "pointers", multiple=True, help="Limit it to this pointer (repeatable).")
@click.option("--days", default=90, show_default=True, type=click.IntRange(0, 366), help="0: it never expires.")
@connected
def _token_create(
    context: Context, name: str, role: str, apps: tuple[str, ...], pointers: tuple[str, ...], days: int
) -> None:
    """Make a token and print it. It is shown this once."""
    limits = {"apps": list(apps), "pointers": list(pointers), "expires_in_days": days or None}
    made = context.api.call("POST", "/v1/tokens", {"name": name, "role": role, **limits})
    if context.as_json:
        print_json(made)
        return
    _show_token(made)


def _show_token(made: dict[str, Any]) -> None:
    note(f"{made['name']} ({made['role']}), id {made['id']}, expires {made['expires_at'] or 'never'}:")
    result(made["token"] or "-")


@token_command.command("list")
@connected
def _token_list(context: Context) -> None:
    """List tokens, never the tokens themselves."""
    items = list(context.api.items("/v1/tokens"))
    if context.as_json:
        print_json({"items": items, "next_cursor": None})
        return
    rows = ((t["id"], t["name"], t["role"], t["expires_at"], t["last_used_at"], _fate(t)) for t in items)
    table([("id", "name", "role", "expires", "last used", ""), *rows])


def _fate(token: dict[str, Any]) -> str:
    return "revoked" if token["revoked_at"] else f"replaced by {token['replaced_by']}" if token["replaced_by"] else ""


@token_command.command("rotate")
@click.argument("token_id")
@click.option(
    "--grace", default=24, show_default=True, type=click.IntRange(0, 168), help="Hours for which the old one goes on."
)
@connected
def _token_rotate(context: Context, token_id: str, grace: int) -> None:
    """Make a token in the place of the one with this id, and print it. It is shown this once."""
    made = context.api.call("POST", f"/v1/tokens/{part(token_id)}/rotate", {"grace_hours": grace})
    if context.as_json:
        print_json(made)
        return
    _show_token(made)


@token_command.command("revoke")
@click.argument("token_id")
@connected
def _token_revoke(context: Context, token_id: str) -> None:
    """Make the token with this id worthless from the next request on."""
    revoked = context.api.call("DELETE", f"/v1/tokens/{part(token_id)}")
    if context.as_json:
        print_json(revoked)
        return
    result(f"{clean(revoked['name'])} is revoked.")


@click.group("app")
def app_command() -> None:
    """Create, list, show and configure apps; say which workflows they trust."""


app_command.add_command(trust_command)


@app_command.command("create")
@click.argument("name")
@connected
def _app_create(context: Context, name: str) -> None:
    """Create an app with every default; one that exists stays as it is."""
    from ..errors import NotFoundError  # noqa: PLC0415

    path = f"/v1/apps/{part(name)}"
    try:
        app, verb = context.api.get(path), "exists already"
    except NotFoundError:
        app, verb = context.api.call("PUT", path, {}), "is created"
    if context.as_json:
        print_json(app)
        return
    result(f"{app['name']} {verb}.")


@app_command.command("list")
@connected
def _app_list(context: Context) -> None:
    """List apps."""
    items = list(context.api.items("/v1/apps"))
    if context.as_json:
        print_json({"items": items, "next_cursor": None})
        return
    table((app["name"], app["created_at"]) for app in items)


@app_command.command("show")
@click.argument("name", required=False)
@connected
def _app_show(context: Context, name: str | None) -> None:
    """Show an app's configuration."""
    print_json(context.api.get(f"/v1/apps/{part(name) if name else context.app}"))


@app_command.command("set")
@click.argument("name")
@click.option("--from", "source", required=True, help="JSON file with the configuration, or - for standard input.")
@connected
def _app_set(context: Context, name: str, source: str) -> None:
    """Give an app the configuration in a JSON file; what is left out takes its default."""
    print_json(context.api.call("PUT", f"/v1/apps/{part(name)}", _json_object(f"@{source}" if source != "-" else "-")))


def _json_object(data: str) -> dict[str, Any]:
    """Return the object that an argument is: JSON itself, @file, or - for standard input."""
    try:
        text = sys.stdin.read() if data == "-" else Path(data[1:]).read_text("utf-8") if data[:1] == "@" else data
        value = json.loads(text)
    except ValueError as fault:
        raise UsageError(f"This is no JSON: {fault}.") from fault
    if not isinstance(value, dict):
        raise UsageError("A JSON object is expected.")
    return value


@click.command("api")
@click.argument("method", type=click.Choice(["GET", "POST", "PUT", "DELETE"], case_sensitive=False))
@click.argument("path")
@click.option("-d", "--data", help="JSON, @file, or - for standard input.")
@connected
def api_command(context: Context, method: str, path: str, data: str | None) -> None:
    """Call the API and print what it answers."""
    if not path.startswith("/v1/"):
        raise UsageError(f"{path} is no path of the API: it starts with /v1/.")
    print_json(context.api.call(method.upper(), path, _json_object(data) if data is not None else None))


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def completion_command(shell: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name.
    """Print the line that makes SHELL complete pullprod's commands."""
    source = f"env _PULLPROD_COMPLETE={shell}_source pullprod"
    line = f"{source} | source" if shell == "fish" else f'eval "$({source})"'
    if as_json:
        print_json({"shell": shell, "line": line})
        return
    result(line)
