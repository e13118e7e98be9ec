"""What commands print: the result on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from ..errors import PullprodError

_INTERRUPTED = 130


def clean(text: object) -> str:
    """Return user text without characters that could steer a terminal."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} else char for char in str(text))


def result(text: str) -> None:
    """Print a line of the result."""
    click.echo(text)


def note(text: str) -> None:
    """Tell something that is not the result."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    """Tell something that should not be missed."""
    note(f"warning: {text}")


def print_json(value: Any) -> None:
    """Print a result for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(rows: Iterable[Sequence[object]]) -> None:
    """Print rows as columns, the last of which may be as long as it likes."""
    texts = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in texts) for at in range(len(texts[0]))] if texts else []
    for row in texts:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        result("  ".join(cells).rstrip())


def on_terminal() -> bool:
    """Tell whether a person looks at standard error, so that progress may be drawn."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def report(command: Callable[[], object], *, as_json: bool) -> int:
    """Run a command and return its exit code; whatever it raises is told in one sentence, never as a traceback."""
    try:
        command()
    except PullprodError as fault:
        return _fail(str(fault), fault.exit_code, fault.problem if as_json else None)
    except click.exceptions.Exit as wanted:
        return wanted.exit_code
    except click.ClickException as fault:
        return _fail(fault.format_message(), fault.exit_code, None)
    except (click.Abort, KeyboardInterrupt):
        return _fail("Interrupted. What has arrived is kept.", _INTERRUPTED, None)
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as fault:
        return _fail(f"{fault.filename or 'The system'}: {fault.strerror or fault}.", 1, None)
    return 0


def _fail(message: str, exit_code: int, problem: dict[str, Any] | None) -> int:
    if problem is not None:
        note(json.dumps(problem, ensure_ascii=False))
    else:
        note(f"error: {clean(message)}")
    return exit_code
