"""`pullprod publish`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from ..config import app_name, site_directory
from ..errors import UsageError
from .common import Context, connected
from .output import clean, note, on_terminal, print_json, result, warn


def _named(context: click.Context, parameter: click.Parameter, given: str | None) -> Path | None:
    """An empty name is a variable that was never set; as a path it would be this very directory."""
    del context, parameter
    if given == "":
        raise UsageError("DIRECTORY is empty. Name the directory that the build wrote, or `.` for this one.")
    return None if given is None else Path(given)


@click.command("publish")
@click.argument("directory", required=False, type=click.Path(), callback=_named)
@click.option("--branch", help="The branch, where git does not tell (a detached checkout).")
@connected
def publish_command(context: Context, directory: Path | None, branch: str | None) -> None:
    """Package DIRECTORY, or what pullprod.toml names, and make it a version of this commit. Nothing goes live.

    Hidden files and what .pullprodignore lists (patterns as in .gitignore) stay out; a pattern like !.name brings one
    in.
    """
    from ..publish import checked_out, publish_site  # noqa: PLC0415

    app = app_name(context.project, context.given_app)
    site = site_directory(context.project, directory)
    commit = checked_out(context.project, site, branch)
    if commit.dirty:
        warn("there are uncommitted changes; the version is recorded as dirty.")
    if not commit.branch:
        warn("git is on no branch here, so no pointer follows this version. --branch tells which it is of.")
    with _progress() as progress:
        done = publish_site(context.api, app, context.project, site, commit, progress)
    if context.as_json:
        sent = {"uploaded_files": done.uploaded_files, "uploaded_bytes": done.uploaded_bytes}
        print_json({"version": done.version, **sent, "state": done.version["state"], "stayed": done.stayed})
        return
    version = done.version
    note(f"{version['id']}: {_contents(version)}, {done.uploaded_files:,} sent ({done.uploaded_bytes:,} bytes)")
    if done.pointer:
        other = "" if done.pointer["version"] == version["id"] else ", not this version"
        note(f"{clean(done.pointer['name'])} shows {done.pointer['version']}{other}")
    for kept in done.stayed:
        warn(f"{clean(kept['pointer'])} does not follow ({kept['guard']}): {clean(kept['detail'])}")
    note(f"To show it to users: pullprod point production {version['id']} --reason …")
    result(version["url"] or version["id"])


def _contents(version: dict[str, Any]) -> str:
    functions = ", ".join(clean(name) for name in version["functions"])
    files = "1 file" if version["files"] == 1 else f"{version['files']:,} files"
    return files + (f" and {functions}" if functions else "")


class _Silent:
    """Draws nothing."""

    def hashed(self, size: int) -> None:
        """Ignore."""

    def expect(self, files: int, size: int) -> None:
        """Ignore."""

    def sent(self, size: int) -> None:
        """Ignore."""

    def waits(self) -> None:
        """Say once what is waited for."""
        note("Everything has arrived; the version is being prepared.")


def _progress() -> AbstractContextManager[Any]:
    if not on_terminal():
        return nullcontext(_Silent())
    from .progress import Bars  # noqa: PLC0415 - rich is loaded only to draw.

    return Bars()
