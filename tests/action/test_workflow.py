"""What a step tells the runner, whatever users wrote in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pullprod.errors import PullprodError
from pullprod.runner import workflow
from pullprod.runner.outcome import Outcome
from tests.support.runner import Command, command, read_outputs

HOSTILE = [
    "::error::gotcha",
    "  ::set-output name=url::https://evil.example",
    "\t\u3000::add-mask::e",
    "x\n::stop-commands::x",
    "x\r::warning::x",
    "x\u2028::debug::x",
    "##[error]gotcha",
    "a word, then ##[set-env name=PATH]/tmp",
    "####[group]x",
    "%0A::error::x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_the_log_is_one_line_and_no_command(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    workflow.line(text)
    shown = capsys.readouterr().out
    assert shown.endswith("\n")
    assert len(shown.splitlines()) == 1
    assert command(shown) is None


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("tell", [workflow.notice, workflow.warning, workflow.error])
def test_an_annotation_says_just_what_it_was_given(text: str, tell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tell(text)
    (shown,) = capsys.readouterr().out.rstrip("\n").split("\n")
    assert command(shown) == Command(tell.__name__, {"title": "pullprod"}, text)


def test_bytes_that_are_no_text_can_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    workflow.error("a \udcff reason")
    assert capsys.readouterr().out == "::error title=pullprod::a \\udcff reason\n"


def test_nothing_is_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    workflow.mask("")
    assert capsys.readouterr().out == ""


def test_a_group_ends_though_what_is_in_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PullprodError), workflow.group("things"):
        raise PullprodError("no")
    shown = [command(line) for line in capsys.readouterr().out.splitlines()]
    assert [found.name for found in shown if found] == ["group", "endgroup"]


def test_outputs_hold_any_text_and_only_those_that_were_written(tmp_path: Path) -> None:
    values = {"version": "a\nurl=https://evil.example\nurl<<EOF\nevil\nEOF", "url": "", "result": '{"a":"b"}'}
    with mock.patch.dict(os.environ, {"GITHUB_OUTPUT": str(tmp_path / "output")}):
        workflow.write_outputs(values)
    assert read_outputs((tmp_path / "output").read_text()) == values


def test_of_a_summary_that_the_runner_would_drop_the_beginning_is_kept(tmp_path: Path) -> None:
    with mock.patch.dict(os.environ, {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}):
        workflow.write_summary("one\n" + "| \U0001f600 |\n" * 300_000)
    kept = (tmp_path / "summary").read_bytes()
    lines = kept.decode().split("\n")
    assert 200_000 < len(kept) <= 1024 * 1024
    assert (lines[0], lines[-1]) == ("one", "| \U0001f600 |")


def test_a_result_too_long_for_the_environment_of_a_later_step_has_the_beginning_of_its_lists() -> None:
    findings = [{"code": "lost", "detail": "x" * 100}] * 2_000
    result = json.loads(Outcome({}, "", result={"ok": False, "findings": findings}).all_outputs()["result"])
    assert result == {"ok": False, "findings": findings[:100], "truncated": True}
