"""The Action's entry point: inputs, identity, one command, and what people and later steps see of it."""

from __future__ import annotations

import os
from pathlib import Path

from ..config import Project, load_project
from ..errors import UsageError, as_problem
from . import report, workflow
from .commands import COMMANDS, Step
from .identity import Run, UntrustedError, connect, read_run
from .inputs import Inputs, read
from .outcome import Outcome, failed, skipped
from .publish import MaskingApi, publish

_SECRETS = ("PULLPROD_TOKEN", "PULLPROD_INPUT_GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def main() -> int:
    """Run the step and return its exit code. Every output is set, whatever happens."""
    environ = dict(os.environ)
    for name in _SECRETS:
        workflow.mask(environ.get(name, "").strip())
    try:
        outcome = _act(read(environ), read_run(environ))
    except BaseException as fault:  # noqa: BLE001 - nobody is shown a traceback, and a cancelled job has outputs, too.
        outcome = failed(as_problem(fault))
    return _tell(outcome)


def _act(inputs: Inputs, run: Run) -> Outcome:
    project = load_project(Path(run.environ.get("GITHUB_WORKSPACE") or Path.cwd()), inputs.config)
    app = _app(inputs, project)
    try:
        api = MaskingApi(lambda: connect(run, inputs.url, app))
    except UntrustedError as untrusted:
        if inputs.fail_untrusted:
            raise
        workflow.notice(str(untrusted))
        return skipped(str(untrusted))
    step = Step(inputs, project, app, api, run)
    outcome = publish(step) if inputs.command == "publish" else COMMANDS[inputs.command](step)
    report.to_github(step, outcome)
    return outcome


def _app(inputs: Inputs, project: Project) -> str:
    found = inputs.app or project.app
    if not found:
        raise UsageError('Which app? Give the input app, or write app = "…" into pullprod.toml.')
    return found


def _tell(outcome: Outcome) -> int:
    try:
        workflow.write_outputs(outcome.all_outputs())
        workflow.write_summary(outcome.summary)
    except OSError as fault:
        workflow.error(f"{outcome.headline} But the runner's files cannot be written: {as_problem(fault)['detail']}")
        return 1
    if outcome.failed:
        workflow.error(outcome.headline)
    else:
        workflow.line(outcome.headline)
    return int(outcome.failed)
