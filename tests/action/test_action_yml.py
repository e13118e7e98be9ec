"""What action.yml promises to workflows and to the marketplace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pullprod.runner.outcome import NAMES
from tests.support.runner import ACTION, ROOT, Job

(STEP,) = ACTION["runs"]["steps"]


def test_the_marketplace_finds_name_description_and_branding() -> None:
    assert {"name", "description", "author", "branding"} <= ACTION.keys()
    assert ACTION["branding"].keys() == {"icon", "color"}
    assert len(ACTION["description"]) <= 125  # https://github.com/marketplace cuts it off there.


def test_it_is_one_step_that_uses_no_other_action_and_no_expression_in_its_script() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert "uses" not in STEP
    assert "${{" not in STEP["run"]


def test_every_input_is_described_and_handed_over() -> None:
    assert all(facts["description"] for facts in ACTION["inputs"].values())
    assert sorted(STEP["env"].values()) == sorted(f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"])


def test_every_output_is_described_and_comes_from_the_step() -> None:
    assert tuple(ACTION["outputs"]) == NAMES
    for name, facts in ACTION["outputs"].items():
        assert facts["description"]
        assert facts["value"] == f"${{{{ steps.{STEP['id']}.outputs.{name} }}}}"


def script(job: Job, path: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the script of action.yml as the runner does, with `path` as the only place where programs are."""
    environ = {**job.environment(inputs), "PATH": str(path), "GITHUB_ACTION_PATH": str(ROOT)}
    command = ["/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", STEP["run"]]
    return subprocess.run(command, env=environ, cwd=job.workspace, capture_output=True, text=True, check=False)


def old_python(directory: Path, name: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text("#!/bin/sh\necho Python\nexit 1\n")  # As the one on Windows that leads to a shop.
    (directory / name).chmod(0o755)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path, tmp_path / "temp", {"url": "https://pullprod.example.com"})


@pytest.mark.parametrize("found", [[], ["python3"], ["python3", "python"]])
def test_without_a_new_enough_python_there_is_one_error_with_the_fix_and_every_output(
    job: Job, tmp_path: Path, found: list[str]
) -> None:
    (tmp_path / "bin").mkdir()
    for name in found:
        old_python(tmp_path / "bin", name)
    ran = script(job, tmp_path / "bin")
    done = job.done(ran.returncode, ran.stdout)
    assert "setup-python" in done.error
    assert (done.lines, ran.stderr) == ([], "")
    assert tuple(done.outputs) == NAMES
    assert done.result["code"] == "no-python"


def test_a_python_that_is_named_and_will_not_do_is_not_replaced_by_another(job: Job, tmp_path: Path) -> None:
    old_python(tmp_path / "bin", "python2")
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    ran = script(job, tmp_path / "bin", python="python2")
    assert "the input python names none" in job.done(ran.returncode, ran.stdout).error
