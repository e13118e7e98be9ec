from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pullprod.cli import COMMANDS
from tests.support.client import Shell

GROUPS = {
    "token": ["create", "list", "rotate", "revoke"],
    "app": ["create", "list", "show", "set", "trust"],
    "app trust": ["add", "list", "remove", "explain"],
}
EVERY = [[name] for name in [*COMMANDS, "serve"]] + [
    [*group.split(), name] for group, names in GROUPS.items() for name in names
]


@pytest.fixture
def anyone(tmp_path: Path) -> Shell:
    (tmp_path / "here").mkdir()
    return Shell(tmp_path / "here")


def test_help_lists_every_command_once(anyone: Shell) -> None:
    said = anyone.run("--help").stdout
    for name in [*COMMANDS, "serve"]:
        assert sum(line.startswith(f"  {name} ") for line in said.splitlines()) == 1, name


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_has_help(anyone: Shell, words: list[str]) -> None:
    done = anyone.run(*words, "--help")
    assert done.stdout.startswith(f"Usage: pullprod {' '.join(words)}")
    assert done.stderr == ""


@pytest.mark.parametrize("words", [[], ["token"], ["app"], ["app", "trust"]], ids=str)
def test_nothing_to_do_shows_help_as_it_is_laid_out(anyone: Shell, words: list[str]) -> None:
    done = anyone.run(*words, expect=2)
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: pullprod")
    assert done.stderr.count("\n") > 5


def test_the_version_is_told(anyone: Shell) -> None:
    assert anyone.run("--version").stdout == "pullprod, version 0.1.0\n"


@pytest.mark.parametrize("arguments", ["--help", "point --help", "completion bash"])
def test_help_loads_no_heavy_library(arguments: str) -> None:
    program = (
        f"import sys; sys.argv = ['pullprod', *{arguments!r}.split()]\n"
        "from pullprod.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'requests', 'urllib3', 'rich', 'pathspec', 'pydantic'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stderr == "[]\n"


def without(what: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pullprod where something of the server is missing."""
    program = f"import sys, pullprod.cli as cli; sys.argv = ['pullprod', *{arguments!r}]; {what}; cli.main()"
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    "what",
    ["cli.entry_points = lambda **_: ()", "sys.modules['pydantic'] = None", "sys.modules['uvicorn'] = None"],
)
def test_a_missing_server_is_one_clear_error(tmp_path: Path, what: str) -> None:
    done = without(what, "serve", "--data", str(tmp_path / "data"), "--port", "1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "pip install 'pullprod[server]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_completion_works_without_the_server(anyone: Shell) -> None:
    program = (
        "import os, sys, pullprod.cli as cli; sys.argv = ['pullprod']; cli.entry_points = lambda **_: (); cli.main()"
    )
    asked = {**anyone.environ, "_PULLPROD_COMPLETE": "bash_complete", "COMP_WORDS": "pullprod ", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=asked, check=False, capture_output=True, text=True)
    assert {"plain,publish", "plain,serve"} <= set(done.stdout.split())
    assert (done.returncode, done.stderr) == (0, "")
