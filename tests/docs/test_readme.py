"""The commands of the README, run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.emulators import free_port

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS: list[str] = re.findall(r"```console\n(.*?)```", README, re.DOTALL)


def block(first_word: str) -> str:
    return next(text for text in BLOCKS if text.startswith(first_word))


class Reader:
    """Somebody who types what the README says, with another port and the token that `serve` printed."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.token = ""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        name = {f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self.environ = {"PATH": path, "HOME": str(directory), "LC_ALL": "C.UTF-8", **name}

    def type(self, text: str) -> str:
        adapted = text.replace("8787", str(self.port)).replace("pp_…", self.token)
        done = subprocess.run(
            ["bash", "-euc", f"{self.exports()}{adapted}"],
            cwd=self.directory,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def exports(self) -> str:
        line = next(line for line in block("export").splitlines() if line.startswith("export"))
        return line.replace("8787", str(self.port)).replace("pp_…", self.token) + "\n"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    typist = Reader(tmp_path, free_port())
    serve = block("python3 -m venv").splitlines()[1].replace("8787", str(typist.port))
    assert serve.startswith("pullprod serve ")
    server = subprocess.Popen(
        ["bash", "-c", f"exec {serve}"], cwd=tmp_path, env=typist.environ, stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("pullprod listens on ")
        typist.token = server.stdout.readline().split()[-1]
        yield typist
        server.terminate()


def test_every_command_by_hand_works_in_the_order_in_which_it_is_told(reader: Reader) -> None:
    reader.type(block("git init"))
    reader.directory /= "shop"
    status = reader.type(block("export"))
    history = reader.type(block("git switch"))
    answer = reader.type(block("curl"))
    link = reader.type(block("pullprod previews"))

    assert "production shows" in status
    assert [line.split()[2] for line in history.splitlines() if re.match(r"\d+  ", line)] == [
        "rollback",
        "point",
        "point",
    ]
    assert '"generation":4' in answer
    assert re.search(r"^http://[0-9a-f-]{21}--shop\.localhost:\d+/\?pullprod-share=\d+\.[\w-]{43}$", link, re.MULTILINE)


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    make = shutil.which("make")
    assert make is not None
    for target in re.findall(r"`?make (\w+)`?", README):
        if target != "site":
            subprocess.run([make, "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_the_table_of_exit_codes_lists_those_that_errors_have() -> None:
    from pullprod import errors  # noqa: PLC0415

    listed = {int(code) for code in re.findall(r"^\| (\d) \|", README, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = {kind.exit_code for kind in kinds if issubclass(kind, errors.PullprodError)}

    assert listed == raised | {0}


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)h][^)]*)\)", README))
def test_links_of_the_readme_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
