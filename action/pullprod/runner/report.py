"""What a step leaves on GitHub: a comment, a deployment, a commit status. What fails here warns, and fails no step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import PRODUCTION
from ..errors import as_problem
from ..paths import part
from . import workflow
from .commands import Step
from .github import GitHub, MissingPermissionError
from .outcome import Outcome

_MOVES = frozenset({"point", "rollback"})
_MAX_SWAPS = 10_000  # What moved production longer ago is not looked for.
_ABBREVIATED = 12  # So many digits of its commit begin a version's id.


def to_github(step: Step, outcome: Outcome) -> None:
    """Write what the inputs ask for; nothing without a github-token."""
    environ = step.run.environ
    token, repository = step.inputs.github_token, environ.get("GITHUB_REPOSITORY")
    if not token or not repository:
        return
    github = GitHub(environ.get("GITHUB_API_URL") or "https://api.github.com", repository, token)
    for act in (_comment, _deployment, _status):
        try:
            act(step, outcome, github)
        except Exception as fault:  # noqa: BLE001 - whatever GitHub answers, what is done stays done.
            workflow.warning(f"{as_problem(fault)['detail']} The {step.inputs.command} itself is done.")


def _comment(step: Step, outcome: Outcome, github: GitHub) -> None:
    number = (step.run.pull_request or {}).get("number")
    if step.inputs.comment and step.inputs.command == "publish" and isinstance(number, int):
        github.comment(number, step.app, outcome.summary)


def _deployment(step: Step, outcome: Outcome, github: GitHub) -> None:
    address = outcome.outputs.get("url")
    if step.inputs.github_deployment and outcome.sha and address and step.inputs.command in {"publish", *_MOVES}:
        environment = step.inputs.pointer if step.inputs.command in _MOVES else "preview"
        github.deployment(_on_github(step, outcome.sha), environment, address)


def _status(step: Step, outcome: Outcome, github: GitHub) -> None:
    """Say on the commit, and on the one that production showed before, where it stands. Not asked for: not said."""
    name, moves = step.inputs.status, step.inputs.command in _MOVES and step.inputs.pointer == PRODUCTION
    if not name or not outcome.sha or not (moves or step.inputs.command == "publish"):
        return
    commits = [outcome.sha]
    if before := _shown_before(outcome.result):
        commits.append(str(step.api.get(f"{step.app_path}/versions/{part(before)}")["commit"]))
    try:
        for commit in dict.fromkeys(commits):
            state, description, url = _standing(step, commit)
            github.status(_on_github(step, commit), name, state, description, url)
    except MissingPermissionError:
        workflow.line("no commit status: the job has no `statuses: write`")


def _shown_before(result: Mapping[str, Any]) -> str | None:
    """Return the version that production showed before the swap, or before it followed to what was published."""
    if "swap" in result:
        return result["swap"]["from"] or None
    pointer = result["pointer"] or {}
    return pointer["previous"] if pointer.get("name") == PRODUCTION else None


def _standing(step: Step, commit: str) -> tuple[str, str, str]:
    """Return state, description and address of a commit's status: whether it is, was or never was production."""
    path, start = f"{step.app_path}/pointers/{PRODUCTION}", commit[:_ABBREVIATED]
    pointer = step.api.get(path)
    address = str(pointer["url"] or "")
    if str(pointer["version"] or "").startswith(start):
        return "success", f"is production, generation {pointer['generation']}", address
    if any(str(swap["to"]).startswith(start) for swap in step.api.items(f"{path}/history", _MAX_SWAPS)):
        return "success", "was production", address
    return "pending", "was never production", address


def _on_github(step: Step, commit: str) -> str:
    """Return the commit that people see: for a pull request its head, not the merge that GitHub made up to test it."""
    head = ((step.run.pull_request or {}).get("head") or {}).get("sha")
    return str(head) if head and commit == step.run.environ.get("GITHUB_SHA") else commit
