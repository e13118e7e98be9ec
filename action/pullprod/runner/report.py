"""What a step leaves on GitHub: a comment, a deployment, a commit status. What fails here warns, and fails no step."""

from __future__ import annotations

from ..errors import PullprodError
from . import workflow
from .commands import Step
from .github import GitHub
from .outcome import Outcome

_MOVES = frozenset({"point", "rollback"})


def to_github(step: Step, outcome: Outcome) -> None:
    """Write what the inputs ask for; nothing without a github-token."""
    environ = step.run.environ
    token, repository = step.inputs.github_token, environ.get("GITHUB_REPOSITORY")
    if not token or not repository:
        return
    workflow.mask(token)
    github = GitHub(environ.get("GITHUB_API_URL") or "https://api.github.com", repository, token)
    for act in (_comment, _deployment, _status):
        try:
            act(step, outcome, github)
        except PullprodError as fault:
            workflow.warning(f"{fault} The {step.inputs.command} itself is done.")


def _comment(step: Step, outcome: Outcome, github: GitHub) -> None:
    number = (step.run.pull_request or {}).get("number")
    if step.inputs.comment and step.inputs.command == "publish" and isinstance(number, int):
        github.comment(number, step.app, outcome.summary)


def _deployment(step: Step, outcome: Outcome, github: GitHub) -> None:
    address = outcome.outputs.get("pointer-url") or outcome.outputs.get("url")
    if step.inputs.github_deployment and outcome.sha and address and step.inputs.command in {"publish", *_MOVES}:
        environment = step.inputs.pointer if step.inputs.command in _MOVES else "preview"
        github.deployment(outcome.sha, environment, address)


def _status(step: Step, outcome: Outcome, github: GitHub) -> None:
    """Say on a commit that it is production now, and on the one before that it was."""
    if step.inputs.command not in _MOVES or step.inputs.pointer != "production" or not outcome.sha:
        return
    address = outcome.outputs.get("pointer-url", "")
    github.status(outcome.sha, "success", f"is production, generation {outcome.outputs['generation']}", address)
    before = outcome.result["swap"]["from"]
    if before and before != outcome.result["swap"]["to"]:
        commit = str(step.api.get(f"{step.app_path}/versions/{before}")["commit"])
        if commit != outcome.sha:
            github.status(commit, "success", "was production", address)
