"""What a step tells the runner: log lines, annotations, masks, outputs and the summary.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .markdown import beginning

_MAX_SUMMARY = 1024 * 1024 // 4  # Characters, of up to 4 bytes; the runner drops a step's summary of more than 1 MiB.


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _command(name: str, text: str, **properties: str) -> None:
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    _print(f"::{name} {given}::{_data(text)}" if given else f"::{name}::{_data(text)}")


def _print(line: str) -> None:
    # Bytes that are no UTF-8, as a variable may have them, cannot be printed as they are.
    sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def line(text: str) -> None:
    """Print a line of the log. Whatever users wrote in it, it is no workflow command and no further line.

    The runner takes `::` for a command after any leading space, and `##[` wherever it stands in a line:
    https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    """
    shown = "".join(char if char.isprintable() else " " for char in text).replace("##[", "## [")
    _print(f"· {shown}" if shown.lstrip().startswith("::") else shown)


def notice(text: str) -> None:
    """Show a sentence at the top of the run."""
    _command("notice", text, title="pullprod")


def warning(text: str) -> None:
    """Show a sentence as a warning at the top of the run."""
    _command("warning", text, title="pullprod")


def error(text: str) -> None:
    """Show a sentence as the error of the step."""
    _command("error", text, title="pullprod")


def mask(secret: str) -> None:
    """Keep a secret out of every line that is printed from now on."""
    if secret:
        _command("add-mask", secret)


@contextmanager
def group(title: str) -> Iterator[None]:
    """Fold what is printed meanwhile under a title."""
    _command("group", title)
    try:
        yield
    finally:
        _command("endgroup", "")


def write_outputs(values: Mapping[str, str]) -> None:
    """Hand outputs to the steps that follow; outside of a runner, do nothing."""
    file = os.environ.get("GITHUB_OUTPUT")
    if not file:
        return
    mark = f"pullprod_{secrets.token_hex(16)}"  # It ends a value, so nobody may know it beforehand.
    text = "".join(f"{name}<<{mark}\n{value}\n{mark}\n" for name, value in values.items())
    with Path(file).open("a", encoding="utf-8") as output:
        output.write(text)


def write_summary(markdown: str) -> None:
    """Add Markdown, or the beginning of very much, to the summary of the job; outside of a runner, do nothing."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(beginning(markdown, _MAX_SUMMARY))
