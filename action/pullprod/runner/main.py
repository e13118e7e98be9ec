"""The Action's entry point: inputs, identity, one command, and what people and later steps see of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..config import Project, app_name, load_project
from ..errors import PullprodError
from . import report, workflow
from .commands import COMMANDS, Step
from .identity import Run, UntrustedError, connect, read_run
from .inputs import Inputs, read
from .outcome import Outcome, failed, skipped
from .publish import MaskingApi, publish


def main() -> int:
    """Run the step and return its exit code. Every output is set, whatever happens."""
    environ = dict(os.environ)
    run = read_run(environ)
    inputs: Inputs | None = None
    try:
        inputs = read(environ)
        outcome = _act(inputs, run, environ)
    except UntrustedError as untrusted:
        outcome = _untrusted(inputs, untrusted)
    except PullprodError as fault:
        outcome = failed(str(fault), fault.problem)
    except OSError as fault:
        detail = f"{fault.filename or 'The system'}: {fault.strerror or fault}."
        outcome = failed(detail, {"code": "system", "detail": detail})
    except Exception as fault:  # noqa: BLE001 - only its kind: the message of what nobody foresaw may hold a secret.
        detail = f"Something unforeseen happened ({type(fault).__name__}). Is url a control plane of this version?"
        outcome = failed(detail, {"code": "unforeseen", "detail": detail})
    return _tell(outcome)


def _act(inputs: Inputs, run: Run, environ: Mapping[str, str]) -> Outcome:
    project = load_project(Path(environ.get("GITHUB_WORKSPACE") or Path.cwd()), inputs.config)
    app = app_name(project, inputs.app, {})
    step = _step(inputs, project, app, run)
    outcome = publish(step) if inputs.command == "publish" else COMMANDS[inputs.command](step)
    report.to_github(step, outcome)
    return outcome


def _step(inputs: Inputs, project: Project, app: str, run: Run) -> Step:
    return Step(inputs, project, app, MaskingApi(connect(run, inputs.url.rstrip("/"), app)), run)


def _untrusted(inputs: Inputs | None, untrusted: UntrustedError) -> Outcome:
    if inputs is None or inputs.fail_untrusted:
        return failed(str(untrusted), untrusted.problem)
    workflow.notice(str(untrusted))
    return skipped(str(untrusted))


def _tell(outcome: Outcome) -> int:
    workflow.write_outputs(outcome.all_outputs())
    if outcome.summary:
        workflow.write_summary(outcome.summary)
    if outcome.failed:
        workflow.error(outcome.headline)
    else:
        workflow.line(outcome.headline)
    return int(outcome.failed)
