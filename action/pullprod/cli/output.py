"""What commands print: the result on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from ..errors import PullprodError, as_problem

_INTERRUPTED = 130
_WITHOUT_IDENTITY = (
    "PULLPROD_TOKEN has no token that this control plane knows, or it has expired or was revoked. "
    "An admin makes one with `pullprod token create`."
)


def clean(text: object) -> str:
    """Return user text without characters that could steer a terminal."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} else char for char in str(text))


def result(text: str) -> None:
    """Print a line of the result, whoever wrote it."""
    click.echo(clean(text))


def note(text: str) -> None:
    """Tell something that is not the result."""
    click.echo(clean(text), err=True)


def warn(text: str) -> None:
    """Tell something that should not be missed."""
    note(f"warning: {text}")


def print_json(value: Any) -> None:
    """Print a result for programs: ASCII, so that any encoding carries it and nothing in it steers a terminal."""
    click.echo(json.dumps(value, indent=2))


def table(rows: Iterable[Sequence[object]]) -> None:
    """Print rows as columns, the last of which may be as long as it likes."""
    texts = [["-" if cell is None else clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in texts) for at in range(len(texts[0]))] if texts else []
    for row in texts:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        result("  ".join(cells).rstrip())


def on_terminal() -> bool:
    """Tell whether a person looks at standard error, so that progress may be drawn."""
    plain = os.environ.get("TERM") == "dumb" or os.environ.get("NO_COLOR") or os.environ.get("CI")
    return sys.stderr.isatty() and not plain


def report(command: Callable[[], object], *, as_json: bool) -> int:
    """Run a command and return its exit code; whatever it raises is told in one sentence, never as a traceback."""
    try:
        command()
    except click.exceptions.Exit as wanted:
        return wanted.exit_code
    except BrokenPipeError:
        return _unread()
    except BaseException as fault:  # noqa: BLE001 - a user is never shown a traceback, whatever happened.
        return _fail(*_told(fault), as_json=as_json)
    return 0


def _told(fault: BaseException) -> tuple[dict[str, Any], int]:
    """Return a fault as a problem, and the exit code that goes with it."""
    if isinstance(fault, click.UsageError) and fault.ctx:
        detail = f"{fault.format_message()} See `{fault.ctx.command_path} --help`."
        return {"code": "usage", "detail": detail}, fault.exit_code
    if isinstance(fault, click.ClickException):
        return {"code": "usage", "detail": fault.format_message()}, fault.exit_code
    if isinstance(fault, (click.Abort, KeyboardInterrupt)):
        return as_problem(KeyboardInterrupt()), _INTERRUPTED
    if isinstance(fault, ModuleNotFoundError):
        detail = f"The library {fault.name} is not installed. `pullprod serve` needs: pip install 'pullprod[server]'."
        return {"code": "not-installed", "detail": detail}, 1
    problem = as_problem(fault)
    if problem["code"] == "unauthenticated":
        problem["detail"] = _WITHOUT_IDENTITY
    return problem, fault.exit_code if isinstance(fault, PullprodError) else 1


def _unread() -> int:
    """Whoever read our output has enough. Python would complain again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _fail(problem: dict[str, Any], exit_code: int, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(problem), err=True)
    else:
        note(f"error: {problem['detail']}")
    return exit_code
