"""The inputs of the Action, as `action.yml` hands them over: `PULLPROD_INPUT_…`, empty where they are not given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..config import PRODUCTION, checked_address
from ..errors import UsageError

COMMANDS = ("publish", "point", "rollback", "hold", "unhold", "plan", "prune", "audit", "status")
_PREFIX = "PULLPROD_INPUT_"
_MAX_STATUS = 255  # GitHub takes no more: https://github.com/runatlantis/atlantis/issues/2506
_MOVES = frozenset({"point", "plan"})
_REASONED = frozenset({"point", "rollback", "hold"})


@dataclass(frozen=True)
class Inputs:
    """What the workflow asks for. None where nothing was given and there is no default."""

    command: str
    url: str
    app: str | None
    path: Path | None
    config: Path | None
    pointer: str
    version: str | None
    reason: str | None
    follow: str | None
    comment: bool
    github_deployment: bool
    github_token: str | None
    status: str | None
    fail_untrusted: bool


def read(environ: Mapping[str, str]) -> Inputs:
    """Return the inputs.

    Raises:
        UsageError: one of them cannot be meant, or is missing for the command.
    """
    given = {
        name.removeprefix(_PREFIX).lower().replace("_", "-"): value.strip()
        for name, value in environ.items()
        if name.startswith(_PREFIX)
    }
    command = _one_of(given, "command", COMMANDS)
    inputs = Inputs(
        command=command,
        url=checked_address(_required(given, "url", "the control plane's address, like https://pullprod.example.com")),
        app=given.get("app") or None,
        path=Path(given["path"]) if given.get("path") else None,
        config=Path(given["config"]) if given.get("config") else None,
        pointer=given.get("pointer") or PRODUCTION,
        version=given.get("version") or None,
        reason=given.get("reason") or None,
        follow=given.get("follow") or None,
        comment=_one_of(given, "comment", ("auto", "never")) == "auto",
        github_deployment=_one_of(given, "github-deployment", ("false", "true")) == "true",
        github_token=given.get("github-token") or None,
        status=given.get("status") or None,
        fail_untrusted=_one_of(given, "on-untrusted", ("skip", "fail")) == "fail",
    )
    _check(inputs)
    return inputs


def _one_of(given: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """Return a choice, the first of those allowed if none was given."""
    value = given.get(name) or allowed[0]
    if value not in allowed:
        raise UsageError(f"The input {name} is {value[:80]!r}; expected is one of {', '.join(allowed)}.")
    return value


def _required(given: Mapping[str, str], name: str, what: str) -> str:
    if not given.get(name):
        raise UsageError(f"The input {name} is missing: give {what}.")
    return given[name]


def _check(inputs: Inputs) -> None:
    if inputs.command in _MOVES and not inputs.version:
        raise UsageError(f"The command {inputs.command} needs the input version: an id, a commit, branch:x or tag:x.")
    if inputs.command in _REASONED and not inputs.reason:
        raise UsageError(f"The command {inputs.command} needs the input reason: say why; history keeps it.")
    if inputs.status and (len(inputs.status) > _MAX_STATUS or not inputs.status.isprintable()):
        raise UsageError(f"The input status names a commit status: give one line of at most {_MAX_STATUS} characters.")
    if inputs.follow and inputs.command != "publish":
        raise UsageError(f"The input follow goes with the command publish, not with {inputs.command}.")
