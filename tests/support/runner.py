"""A job on a GitHub runner: the environment of a step, what the runner takes for a command, and what the step leaves.

Source of the rules: https://github.com/actions/runner, ActionCommand.cs, ActionCommandManager.cs, FileCommandManager.cs
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
# What a runner does at a command's word, and what steps of untrusted text would like it to do.
COMMANDS = frozenset(
    [
        *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice"),
        *("remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning"),
    ]
)


@dataclass(frozen=True)
class Command:
    """A workflow command as the runner reads it."""

    name: str
    properties: Mapping[str, str]
    data: str


def command(line: str) -> Command | None:
    """Return the command that the runner takes a line for, or None."""
    return _newer(line) or _older(line)


def _newer(line: str) -> Command | None:
    """`::name key=value,…::data` after any white space."""
    text = line.lstrip()
    end = text.find("::", 2)
    if not text.startswith("::") or end < 0:
        return None
    name, _, properties = text[2:end].partition(" ")
    return _known(name, properties.split(","), text[end + 2 :], {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","})


def _older(line: str) -> Command | None:
    """`##[name key=value;…]data`, wherever it begins in the line."""
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, properties = line[start + 3 : end].partition(" ")
    return _known(name, properties.split(";"), line[end + 1 :], {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]"})


def _known(name: str, properties: list[str], data: str, escapes: Mapping[str, str]) -> Command | None:
    if name not in COMMANDS:
        return None
    pairs = (pair.partition("=")[::2] for pair in properties if "=" in pair)
    return Command(name, {key: _plain(value, escapes) for key, value in pairs}, _plain(data, escapes))


def _plain(text: str, escapes: Mapping[str, str]) -> str:
    for escaped, char in {**escapes, "%25": "%"}.items():
        text = text.replace(escaped, char)
    return text


def read_outputs(text: str) -> dict[str, str]:
    """Return what a step wrote to GITHUB_OUTPUT, as the runner reads it."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        name, _, mark = line.partition("<<")
        if mark:
            found[name] = "\n".join(iter(lines.__next__, mark))
        elif "=" in line:
            found[line.partition("=")[0]] = line.partition("=")[2]
    return found


@dataclass(frozen=True)
class Done:
    """What a step left."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str

    @property
    def commands(self) -> list[Command]:
        return [found for line in self.log.split("\n") if (found := command(line))]

    def told(self, name: str) -> list[str]:
        """Return what the commands of that name said."""
        return [found.data for found in self.commands if found.name == name]

    @property
    def error(self) -> str:
        """Return the one error of a step that failed."""
        (only,) = self.told("error")
        assert self.code == 1
        assert self.outputs["state"] == "failed"
        return only

    @property
    def lines(self) -> list[str]:
        """Return the lines of the log that are no commands."""
        return [line for line in self.log.split("\n") if line and not command(line)]

    @property
    def result(self) -> Any:
        return json.loads(self.outputs["result"])


@dataclass
class Job:
    """A job with a checkout; `inputs` and `environ` are what its steps are given beside what every step is."""

    workspace: Path
    temp: Path
    inputs: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    event: dict[str, Any] = field(default_factory=dict)

    def environment(self, inputs: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a step with these inputs, each of which is named with underscores."""
        self.temp.mkdir(parents=True, exist_ok=True)
        files = {name: self.temp / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        (self.temp / "event.json").write_text(json.dumps(self.event))
        defaults = {name: str(facts.get("default", "")) for name, facts in ACTION["inputs"].items()}
        own = {name.replace("_", "-"): value for name, value in {**self.inputs, **inputs}.items()}
        given = {**defaults, "github-token": "", **own}
        assert given.keys() == defaults.keys(), "an input that the action does not have"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.temp),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_EVENT_PATH": str(self.temp / "event.json"),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKSPACE": str(self.workspace),
            **{name: str(file) for name, file in files.items()},
            **{_variable(name): value for name, value in given.items()},
            **self.environ,
        }

    def run(self, **inputs: str) -> Done:
        """Run the step in this process."""
        from pullprod.runner.main import main  # noqa: PLC0415

        environ, said = self.environment(inputs), io.StringIO()
        with mock.patch.dict(os.environ, environ, clear=True), chdir(self.workspace), redirect_stdout(said):
            code = main()
        return self.done(code, said.getvalue())

    def done(self, code: int, log: str) -> Done:
        """Return what a step left that has printed `log`."""
        outputs = read_outputs((self.temp / "github_output").read_text(encoding="utf-8"))
        return Done(code, log, outputs, (self.temp / "github_step_summary").read_text(encoding="utf-8"))


def _variable(name: str) -> str:
    """Return the variable that action.yml hands an input over in."""
    (step,) = ACTION["runs"]["steps"]
    (found,) = [key for key, value in step["env"].items() if value == f"${{{{ inputs.{name} }}}}"]
    return str(found)
