"""Every output is set, whatever is asked for and whatever comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from pullprod.api import Api
from pullprod.runner.inputs import COMMANDS
from pullprod.runner.outcome import NAMES
from tests.support.client import commit, git, write
from tests.support.oidc import Issuer
from tests.support.runner import Done, Job
from tests.support.server import Server

NEEDED = {
    "point": {"version": "branch:main", "reason": "launch"},
    "plan": {"version": "branch:main"},
    "rollback": {"reason": "too warm"},
    "hold": {"reason": "until Monday"},
}
# What each command's success says beyond its state; the counts are 0, the rest empty.
POINTER = {"version", "url", "pointer-url", "generation", "previous"}
SUCCESS = {
    "publish": ("ready", POINTER),
    "point": ("applied", POINTER),
    "rollback": ("applied", POINTER - {"previous"}),  # It is back at the first.
    "hold": ("applied", POINTER),
    "unhold": ("applied", POINTER),
    "plan": ("applied", POINTER),
    "status": ("applied", POINTER),
    "prune": ("pruned", set()),
    "audit": ("ok", set()),
}


def run(job: Job, command: str, **more: str) -> Done:
    done = job.run(command=command, **{**NEEDED.get(command, {}), **more})
    assert tuple(done.outputs) == NAMES
    assert done.outputs["changed"] in {"true", "false"}
    assert done.outputs["uploaded-files"].isdigit()
    assert done.outputs["uploaded-bytes"].isdigit()
    assert isinstance(done.result, dict)
    return done


@pytest.fixture
def live(job: Job, server: Server) -> Job:
    """Return a job of an admin, with two versions published and production pointed at both in turn."""
    job.environ["PULLPROD_TOKEN"] = server.token
    for text in ("one", "two"):
        write(job.workspace / "dist", {"index.html": f"<h1>{text} {job.workspace}</h1>"})
        commit(job.workspace, text)
        assert job.run().code == 0
        assert run(job, "point").code == 0
    return job


@pytest.mark.parametrize("command", COMMANDS)
def test_every_output_is_set_by_a_command_that_succeeds(live: Job, command: str) -> None:
    done = run(live, command)
    state, known = SUCCESS[command]
    assert (done.code, done.outputs["state"], done.told("error")) == (0, state, [])
    empty = {name for name in POINTER if not done.outputs[name]}
    assert empty == POINTER - known
    assert done.summary
    assert done.lines


def refused_token(job: Job) -> None:
    job.environ["PULLPROD_TOKEN"] = "pp_wrong"


def unknown_app(job: Job) -> None:
    job.inputs["app"] = "nowhere"


def no_server(job: Job) -> None:
    job.inputs["url"] = "http://127.0.0.1:9"


def typo(job: Job) -> None:
    job.inputs["comment"] = "nevr"


def broken_configuration(job: Job) -> None:
    (job.workspace / "pullprod.toml").write_text("app = ")


@pytest.mark.parametrize("spoil", [refused_token, unknown_app, no_server, typo, broken_configuration])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_output_is_set_by_a_command_that_fails(
    job: Job, server: Server, monkeypatch: pytest.MonkeyPatch, command: str, spoil: Callable[[Job], None]
) -> None:
    monkeypatch.setattr("pullprod.api.time.sleep", lambda _: None)
    job.environ["PULLPROD_TOKEN"] = server.token
    spoil(job)
    done = run(job, command)
    assert done.error.count("\n") == 0
    assert done.result["code"]
    assert done.result["detail"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_output_is_set_by_a_command_that_is_skipped(job: Job, command: str) -> None:
    job.environ = {"GITHUB_ACTOR": "dependabot[bot]"}
    done = run(job, command)
    assert (done.code, done.outputs["state"]) == (0, "skipped")


@pytest.mark.parametrize("command", ["point", "rollback"])
def test_every_output_is_set_by_a_swap_that_is_held(live: Job, command: str) -> None:
    assert run(live, "hold").code == 0
    done = run(live, command)
    assert "until Monday" in done.error
    assert done.result["code"] == "pointer-held"


@pytest.mark.parametrize("command", ["point", "rollback"])
def test_a_swap_that_is_not_live_in_time_fails_and_tells_where_the_pointer_stands(
    live: Job, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    call = Api.call

    def late(self: Any, method: str, path: str, *more: Any) -> dict[str, Any]:
        answer = call(self, method, path, *more)
        return {**answer, "pointer": {**answer["pointer"], "state": "applying"}} if "swap" in answer else answer

    monkeypatch.setattr(Api, "call", late)
    monkeypatch.setattr("pullprod.runner.commands.LIVE_WITHIN_S", 0)
    done = run(live, command)
    assert done.error.startswith("Generation 3 of production is decided, but not shown after 0 s.")
    assert (done.outputs["generation"], done.outputs["state"]) == ("3", "failed")
    assert done.outputs["version"] == done.result["swap"]["to"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_output_is_set_by_what_nobody_foresaw(
    job: Job, server: Server, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    job.environ["PULLPROD_TOKEN"] = server.token

    def fails(*_: object) -> None:
        raise ZeroDivisionError("pp_secret")

    monkeypatch.setattr("pullprod.runner.publish.MaskingApi.call", fails)
    done = run(job, command)
    assert "ZeroDivisionError" in done.error
    assert "pp_secret" not in done.log


def test_a_cancelled_job_has_outputs(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pullprod.runner.publish.publish_site", interrupted)
    assert "Interrupted" in run(job, "publish").error


def test_an_audit_that_finds_very_much_shows_the_beginning(live: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = {"code": "lost-file", "subject": "x" * 100, "detail": "y" * 300, "repaired": False}
    report = {"ok": False, "checked": {"files": 5_000}, "findings": [finding] * 5_000, "live_not_on_main": []}
    monkeypatch.setattr("pullprod.api.Api.get", lambda *_, **__: report)
    done = run(live, "audit")
    assert len(done.told("warning")) == 10
    assert "and 4,900 more" in done.summary
    assert done.result["truncated"]


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_a_runner_whose_files_cannot_be_written_is_one_error(job: Job, name: str) -> None:
    job.environ[name] = "/nonexistent/file"
    done = job.run()
    assert done.code == 1
    (error,) = done.told("error")
    assert "is ready" in error
    assert error.endswith("/nonexistent/file: No such file or directory.")


def test_a_run_without_the_runners_files_still_says_what_it_did(job: Job) -> None:
    job.environ |= {"GITHUB_OUTPUT": "", "GITHUB_STEP_SUMMARY": "", "GITHUB_EVENT_PATH": "/nonexistent/event.json"}
    done = job.run()
    assert (done.code, done.outputs, done.summary) == (0, {}, "")
    assert "is ready: " in done.lines[-1]


def test_a_run_again_has_the_outputs_of_the_first(job: Job) -> None:
    first, again = run(job, "publish").outputs, run(job, "publish").outputs
    assert (first["changed"], first["uploaded-files"]) == ("true", "2")
    assert (again["changed"], again["uploaded-files"], again["uploaded-bytes"]) == ("false", "0", "0")
    same = ("version", "url", "pointer-url", "state", "generation", "previous")
    assert {name: first[name] for name in same} == {name: again[name] for name in same}


def test_an_audit_that_finds_something_fails_and_says_what(live: Job, server: Server) -> None:
    digest = hashlib.sha256((live.workspace / "dist" / "index.html").read_bytes()).hexdigest()
    next(server.data.rglob(f"*{digest}*")).unlink()
    done = run(live, "audit")
    assert (done.code, done.outputs["state"]) == (1, "drifted")
    assert done.told("warning")
    assert done.result["findings"]


def test_an_audit_tells_what_is_live_and_not_on_main(live: Job) -> None:
    git(live.workspace, "switch", "-q", "-c", "summer")
    commit(live.workspace, "three")
    assert run(live, "publish").code == 0
    assert run(live, "point", version="branch:summer").code == 0
    done = run(live, "audit")
    told = f"production shows {run(live, 'status').outputs['version']}, not on main."
    assert (done.code, done.lines[0]) == (0, told)
    assert "not on main" in done.summary


def test_a_prune_that_leaves_the_rest_to_the_reconciler_says_so(live: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned = {"dry_run": False, "pointers": [], "versions": [], "objects": 9, "bytes": 9, "kept": 1, "pending": True}
    monkeypatch.setattr("pullprod.api.Api.call", lambda *_, **__: pruned)
    assert "There is more: the reconciler removes it, within minutes." in run(live, "prune").summary


def test_a_publisher_may_not_point(job: Job, identities: Issuer) -> None:
    assert run(job, "publish").code == 0
    assert run(job, "point").result["code"] == "forbidden"
    identities.claims["environment"] = "production"
    assert run(job, "point").outputs["state"] == "applied"
