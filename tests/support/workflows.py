"""Workflows run by act on this machine, with what GitHub would give them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.build_pyz import build
from tests.support.client import git
from tests.support.github import REPOSITORY, GitHub, Token
from tests.support.oidc import Issuer

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
_CHECKOUT = ROOT / "tests" / "support" / "checkout"
CONTROL_PLANE = "https://pullprod.example.com"
PULL_REQUEST = 7
_TOKEN = "ghs_made_up"
_QUEUE = re.compile(r"^ *queue: max\n", re.MULTILINE)  # act does not know it; the schema in `make lint` does.
_USES_CHECKOUT = re.compile(r"actions/checkout@\w+")


@dataclass(frozen=True)
class Run:
    """How a run ended, and its log."""

    ok: bool
    log: str


@dataclass
class Runner:
    """A runner for the workflows of `acme/shop`, of which `repository` is a clone.

    A job may do what its `permissions` say: without `id-token: write` it cannot get an identity, and its token for
    GitHub's API has just these permissions. Its identity names the event and the environment. A pull request from a
    fork gets neither, whatever they say.
    """

    repository: Path
    home: Path
    url: str
    issuer: Issuer
    github: GitHub

    def __post_init__(self) -> None:
        git(self.repository, "remote", "add", "origin", f"https://github.com/{REPOSITORY}")
        self.released = self.home / "released"  # Only what the Action consists of: act copies it for every job.
        (self.released / "action").mkdir(parents=True)
        shutil.copy(ROOT / "action.yml", self.released)
        (self.released / "action" / "pullprod.pyz").write_bytes(built())

    def run(self, workflow: Path, event: str, payload: Mapping[str, Any] | None = None) -> Run:
        """Run a workflow as `event` with its payload would; CONTROL_PLANE in it is the one at `url`."""
        text = _QUEUE.sub("", workflow.read_text()).replace(CONTROL_PLANE, self.url)
        read = yaml.safe_load(text)
        (job,) = read["jobs"].values()
        files = {self.home / workflow.name: text, self.home / "event.json": json.dumps(payload or {})}
        for path, content in files.items():
            path.write_text(content)
        permissions = {} if _from_fork(payload or {}) else job.get("permissions", read["permissions"])
        identity = self._identity(job, workflow.name, event) if permissions.get("id-token") == "write" else {}
        self.github.tokens = {_TOKEN: Token(permissions)}
        environ = {"GITHUB_API_URL": self.github.url, "CHECKOUT_FROM": str(self.repository), **identity}
        done = subprocess.run(
            [*self._command(text, workflow.name, event), *(f"--env={name}={value}" for name, value in environ.items())],
            cwd=self.repository,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "GITHUB_TOKEN": _TOKEN},
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done.returncode == 0, done.stdout + done.stderr)

    def _identity(self, job: Json, name: str, event: str) -> Mapping[str, str]:
        branch = git(self.repository, "branch", "--show-current")
        ref = f"refs/pull/{PULL_REQUEST}/merge" if event == "pull_request" else f"refs/heads/{branch}"
        self.issuer.claims = {
            "event_name": event,
            "ref": ref,
            "environment": job.get("environment", {}).get("name"),
            "job_workflow_ref": f"{REPOSITORY}/.github/workflows/{name}@{ref}",
        }
        return self.issuer.environ

    def _command(self, text: str, name: str, event: str) -> list[str]:
        stand_ins = {"org/pullprod@v1": self.released, **dict.fromkeys(_USES_CHECKOUT.findall(text), _CHECKOUT)}
        act = str(Path(sys.executable).with_name("act"))
        options = [
            *("--workflows", str(self.home / name)),
            *("--eventpath", str(self.home / "event.json")),
            *("--platform", "ubuntu-latest=-self-hosted"),
            *("--secret", "GITHUB_TOKEN"),
            "--no-skip-checkout",
            "--no-cache-server",
        ]
        return [act, event, *options, *(f"--local-repository={action}={path}" for action, path in stand_ins.items())]


@cache
def built() -> bytes:
    """Return the client as the Action runs it, built once a process."""
    return build()


def _from_fork(payload: Mapping[str, Any]) -> bool:
    request = payload.get("pull_request")
    return request is not None and request["head"]["repo"]["id"] != request["base"]["repo"]["id"]
