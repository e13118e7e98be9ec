"""The Action of a checkout, run by act as `uses: ./`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.action.conftest import url
from tests.support.api import Api
from tests.support.client import commit, repository, write
from tests.support.github import GitHub
from tests.support.oidc import Issuer
from tests.support.runner import ROOT
from tests.support.server import Server
from tests.support.workflows import Runner, built

WORKFLOW = """
on: push
permissions: {contents: read, id-token: write, statuses: write}
jobs:
  publish:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - run: |
          mkdir -p dist
          cp index.html 'dist/::error::x ##[error]y <b>`@octocat`.html'
          echo "PYTHONPATH=$GITHUB_WORKSPACE" >> "$GITHUB_ENV"
          echo "PYTHONSTARTUP=$GITHUB_WORKSPACE/json.py" >> "$GITHUB_ENV"
      - uses: ./
        id: publish
        with: {url: "https://pullprod.example.com", app: APP, path: dist}
      - if: always()
        run: printf '%s\\n' "told $STATE $VERSION $FILES"
        env:
          STATE: ${{ steps.publish.outputs.state }}
          VERSION: ${{ steps.publish.outputs.version }}
          FILES: ${{ steps.publish.outputs.uploaded-files }}
"""
TRAP = "raise SystemExit('the checkout ran')\n"
EVIL = "::error::gotcha\n\n::set-env name=PATH::/tmp\n##[error]gotcha\n</code><script>alert(1)</script> @octocat"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a repository with the Action in it, and files named like the modules that it needs."""
    place = repository(tmp_path / "shop")
    modules = ["requests", "json", "pullprod", "sitecustomize", "usercustomize", "urllib3", "__main__"]
    write(place, {f"{where}{name}.py": TRAP for where in ("", "action/") for name in modules})
    write(place, {"index.html": "one", ".netrc": "default login mallory password stolen\n"})
    shutil.copy(ROOT / "action.yml", place)
    (place / "action" / "pullprod.pyz").write_bytes(built())
    commit(place, EVIL)
    return place


def test_a_later_step_gets_the_outputs_of_one_that_failed(
    shop: Path, tmp_path: Path, server: Server, identities: Issuer, hub: GitHub
) -> None:
    workflow = tmp_path / "publish.yml"
    workflow.write_text(WORKFLOW.replace("APP", "unknown"))
    run = Runner(shop, tmp_path / "runner", url(server), identities, hub).run(workflow, "push")

    assert not run.ok
    assert "told failed  0" in run.log
    assert "The app unknown does not trust acme/shop" in run.log


def test_a_hostile_checkout_changes_nothing(
    shop: Path, tmp_path: Path, server: Server, identities: Issuer, hub: GitHub, admin: Api, app: str
) -> None:
    workflow = tmp_path / "publish.yml"
    workflow.write_text(WORKFLOW.replace("APP", app))
    runner = Runner(shop, tmp_path / "runner", url(server), identities, hub)

    run = runner.run(workflow, "push")

    assert run.ok, run.log
    (version,) = admin.items(f"/v1/apps/{app}/versions")
    assert f"told ready {version['id']} 1" in run.log
    assert version["message"] == EVIL
    (path,) = [file["path"] for file in admin.ok("GET", f"/v1/apps/{app}/versions/{version['id']}/manifest")["files"]]
    assert path == "::error::x ##[error]y <b>`@octocat`.html"
    assert "❗" not in run.log  # How act shows an error that a step tells.
    assert "the checkout ran" not in run.log
