"""The command line. Commands are loaded when they are called, so that `pullprod --help` starts at once."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from io import TextIOWrapper

import click

from .. import __version__
from .output import report

# Which module holds which command, and what it does, so that help needs no import.
COMMANDS: dict[str, tuple[str, str]] = {
    "publish": ("publishing", "Package this commit and make it a version. Nothing goes live."),
    "versions": ("looking", "List versions, newest first."),
    "show": ("looking", "Show a version."),
    "pointers": ("looking", "List pointers."),
    "status": ("looking", "Tell what is live, since when and by whom."),
    "diff": ("looking", "Tell which commits and files differ between two versions."),
    "history": ("looking", "List a pointer's swaps, newest first."),
    "open": ("looking", "Print a version's address, and open it."),
    "share": ("previews", "Print a link that opens a preview for a while."),
    "previews": ("previews", "Tell, or say, who may see previews."),
    "plan": ("pointers", "Tell what a swap would do; nothing is changed."),
    "point": ("pointers", "Point at a version: viewers see it."),
    "rollback": ("pointers", "Show the previously shown version again."),
    "hold": ("pointers", "Hold a pointer: nobody moves it."),
    "unhold": ("pointers", "Release a pointer."),
    "checkout": ("repository", "Get exactly what is live into the work tree."),
    "bisect": ("repository", "Find the first bad version between a good and a bad one."),
    "revoke": ("admin", "Withdraw a version."),
    "prune": ("admin", "Retire idle branches' pointers, remove versions past their retention."),
    "audit": ("admin", "Check history, routes and files."),
    "token": ("admin", "Make, list, rotate and revoke API tokens."),
    "app": ("admin", "Create, list, show and configure apps; say which workflows they trust."),
    "api": ("admin", "Call the API."),
    "completion": ("admin", "Print how to complete commands in your shell."),
}
_GROUP = "pullprod.commands"
REFERENCES = (
    "A REFERENCE names a version: its id, 7 or more digits of its commit, branch:NAME, pointer:NAME or tag:NAME."
)
_EPILOG = f"""{REFERENCES}

\b
To begin:
  pullprod serve                    in a terminal of its own
  pullprod app create shop
  pullprod publish dist
  pullprod point production branch:main --reason launch
  pullprod rollback production --reason "not yet"

Exit codes: 0 done; 1 failed; 2 the command, configuration or directory cannot be meant; 3 not found; 4 not allowed;
5 somebody else was faster; 6 held, or a guard refused; 7 decided, but not live in time.
"""


class _Commands(click.Group):
    """Loads a command when it is called; `serve` comes from the server, if that is installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [*COMMANDS, "serve"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name in COMMANDS:
            command: click.Command = getattr(
                import_module(f".{COMMANDS[cmd_name][0]}", __name__), f"{cmd_name}_command"
            )
            return command
        found = entry_points(group=_GROUP, name=cmd_name)
        if found:
            loaded: click.Command = next(iter(found)).load()
            return loaded
        return _missing_server() if cmd_name == "serve" else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        rows = [(name, help_text) for name, (_, help_text) in COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl([*rows, ("serve", "Serve a control plane and its edge on this machine.")])


def _missing_server() -> click.Command:
    """Completion asks for every command, so the absence is told only when it is run."""

    def refuse(arguments: tuple[str, ...]) -> None:
        del arguments
        raise click.ClickException("The server is not installed: pip install 'pullprod[server]'.")

    anything = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True}
    return click.Command("serve", callback=refuse, params=[anything], context_settings=settings)


@click.group(cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pullprod")
def root() -> None:
    """It's pull from production, not push to production.

    Set PULLPROD_URL and PULLPROD_TOKEN, and PULLPROD_APP or `app` in pullprod.toml.
    """


def main() -> None:
    """Run the command line, and leave with its exit code; whatever fails is told in one sentence."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    exit_code = report(_run, as_json="--json" in sys.argv[1:])
    if exit_code:
        # Threads that still wait for a silent store would keep the process; nothing they hold is worth that.
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(exit_code)


def _run() -> None:
    output = sys.stdout
    try:
        # Commands return nothing: what comes back is the code of an Exit, which click does not hand on.
        if exit_code := root.main(standalone_mode=False, prog_name="pullprod"):
            raise click.exceptions.Exit(exit_code)
    except click.exceptions.NoArgsIsHelpError as bare:
        bare.show()
        raise click.exceptions.Exit(bare.exit_code) from None
    except SystemExit as wanted:
        # This is how completion ends, and how click answers a broken pipe; then it has replaced standard output.
        if sys.stdout is not output:
            raise BrokenPipeError from None
        raise click.exceptions.Exit(wanted.code if isinstance(wanted.code, int) else 1) from None
