"""What most commands share: where to call, which app, and how to print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..config import Project, app_name, connection, load_project
from ..paths import part
from .output import warn

if TYPE_CHECKING:
    from ..api import Api

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Context:
    """Where and how a command runs."""

    project: Project
    url: str | None
    given_app: str | None
    as_json: bool

    @property
    def api(self) -> Api:
        """Return the API to call; the HTTP library is loaded only now."""
        from ..api import Api  # noqa: PLC0415

        found = connection(self.project, self.url)
        if found.withheld:
            warn(f"{found.url} is named by the project, not by you beside your token: do so, or set PULLPROD_TOKEN.")
        return Api(found)

    @property
    def app(self) -> str:
        """Return the app that is meant, as part of a path."""
        return part(app_name(self.project, self.given_app))


def connected(function: Command) -> Command:
    """Give a command --url, --app, --config and --json, and a Context as its first argument."""

    def command(*, url: str | None, app: str | None, config: Path | None, as_json: bool, **arguments: Any) -> Any:
        project = load_project(Path.cwd(), config)
        return function(Context(project, url, app, as_json), **arguments)

    options = (
        click.option("--url", metavar="URL", help="The control plane's address (PULLPROD_URL)."),
        click.option("--app", metavar="NAME", help="The app (PULLPROD_APP, or pullprod.toml)."),
        click.option(
            "--config", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="pullprod.toml to read."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    )
    wrapped: Any = update_wrapper(command, function)
    for option in reversed(options):
        wrapped = option(wrapped)
    result: Command = wrapped
    return result
