"""Every workflow in examples/, run as it stands, against a control plane with the trust rules of docs/action.md."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.api import Api, Json, client
from tests.support.client import Shell, commit, git, repository, write
from tests.support.domain import sha
from tests.support.github import github
from tests.support.oidc import issuer
from tests.support.server import Server, running
from tests.support.workflows import PULL_REQUEST, ROOT, Run, Runner

EXAMPLES = ROOT / "examples"
BUILD = "site:\n\tmkdir -p dist\n\tcp index.html dist\n"
DOCS = (ROOT / "docs" / "action.md").read_text()
TRUSTS = re.findall(r"^ *pullprod (app trust add .+)$", DOCS, re.MULTILINE)


@dataclass
class Shop:
    """The repository `acme/shop` with its examples, its control plane and its runner."""

    path: Path
    server: Server
    api: Api
    runner: Runner

    def runs(self, example: str, event: str, payload: Json | None = None) -> Run:
        return self.runner.run(EXAMPLES / example, event, payload)

    def push(self, text: str) -> str:
        """Commit a page with this text, and return the commit."""
        write(self.path, {"index.html": text, "pullprod.toml": 'app = "shop"\n[site]\ndirectory = "dist"\n'})
        write(self.path, {"Makefile": BUILD})
        return commit(self.path, text)

    def published(self, text: str, *before: str) -> str:
        """Return the id of a version with a page of this text; its commit and those before are named like theirs."""
        ancestors = [sha(name) for name in reversed(before)]
        return str(self.api.publish("shop", text, {"index.html": text.encode()}, ancestors=ancestors)["id"])

    def to_prune(self) -> int:
        """Return how many stored objects a prune would remove."""
        return int(self.api.ok("POST", "/v1/apps/shop/prune", {"dry_run": True})["objects"])

    def lose_files(self, *digests: str) -> None:
        """Let stored files of these contents disappear, or all of them, as a broken disk might."""
        for blob in (self.server.data / "store" / "blobs").rglob("*"):
            if blob.is_file() and (not digests or blob.stem in digests):
                blob.unlink()

    def production(self) -> Json:
        return self.api.ok("GET", "/v1/apps/shop/pointers/production")


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Return the rules that the commands of docs/action.md make; which server's tokens they are of is left out."""
    place = tmp_path_factory.mktemp("rules")
    with github() as hub, running(place / "data") as server, client(server.url, server.token) as api:
        hub.public = True
        environ = {"PULLPROD_URL": server.url, "PULLPROD_TOKEN": server.token, "PULLPROD_APP": api.app("shop")}
        for command in TRUSTS:
            Shell(place, {**environ, "GITHUB_API_URL": hub.url}).run(*shlex.split(command))
        made: list[Json] = api.ok("GET", "/v1/apps/shop")["trust"]
    return [{name: value for name, value in rule.items() if name != "issuer"} for rule in made]


@pytest.fixture
def shop(tmp_path: Path, rules: list[Json]) -> Iterator[Shop]:
    with ExitStack() as stack:
        issues, hub = stack.enter_context(issuer()), stack.enter_context(github())
        server = Server(tmp_path / "data", options=("--issuer", issues.url)).start()
        stack.callback(server.stop)
        api = stack.enter_context(client(server.url, server.token))
        for app in ("shop", "handbook"):
            api.app(app, trust=rules)
        path = repository(tmp_path / "shop")
        runner = Runner(path, tmp_path / "runner", f"http://localhost:{server.port}", issues, hub)
        yield Shop(path, server, api, runner)


def test_the_six_lines_of_the_readme_publish_a_new_repository(shop: Shop, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    workflow = tmp_path / "publish.yml"
    workflow.write_text(readme.split("```yaml\n")[1].split("```")[0])
    write(shop.path, {"index.html": "one", "Makefile": BUILD})
    made = commit(shop.path, "one")

    assert shop.runner.run(workflow, "push").ok

    assert len(workflow.read_text().splitlines()) == 6
    (version,) = shop.api.items("/v1/apps/shop/versions")
    assert (version["commit"], version["files"]) == (made, 1)


def test_every_push_is_published_and_nothing_goes_live(shop: Shop) -> None:
    made = shop.push("one")

    assert shop.runs("publish.yml", "push").ok

    (version,) = shop.api.items("/v1/apps/shop/versions")
    assert (version["commit"], version["branch"], version["state"]) == (made, "main", "ready")
    assert shop.production()["version"] is None


def pull_request(head: str, repository_id: int = 74) -> Json:
    head_of = {"sha": head, "ref": "feature/summer", "repo": {"id": repository_id}}
    base = {"ref": "main", "repo": {"id": 74}}
    return {"number": PULL_REQUEST, "pull_request": {"number": PULL_REQUEST, "head": head_of, "base": base}}


def test_a_pull_request_has_one_comment_with_the_address_of_its_newest_version(shop: Shop) -> None:
    git(shop.path, "switch", "-q", "-c", "feature/summer")
    heads: list[str] = []
    for text in ("one", "two"):
        heads.append(shop.push(text))
        assert shop.runs("pull-request.yml", "pull_request", pull_request(heads[-1])).ok

    (version,) = shop.api.items(f"/v1/apps/shop/versions?commit={heads[-1]}")
    (comment,) = shop.runner.github.comments[PULL_REQUEST]
    assert version["branch"] == "feature/summer"
    assert version["url"] in comment["body"]


def test_a_pull_request_from_a_fork_is_skipped_and_stays_green(shop: Shop) -> None:
    run = shop.runs("pull-request.yml", "pull_request", pull_request(shop.push("theirs"), repository_id=99))

    assert run.ok
    assert "from a fork" in run.log
    assert shop.api.items("/v1/apps/shop/versions") == []


@pytest.mark.parametrize("example", ["point.yml", "point-from-elsewhere.yml"])
def test_production_is_pointed_at_a_version_and_its_commit_says_so(shop: Shop, example: str) -> None:
    version = shop.published("one")
    wanted = {"version": "branch:main", "reason": "launch `$(id)` day"}

    if example == "point.yml":
        assert shop.runs(example, "workflow_dispatch", {"inputs": wanted}).ok
    else:
        assert shop.runs(example, "repository_dispatch", {"action": "point-production", "client_payload": wanted}).ok

    production = shop.production()
    assert (production["version"], production["reason"]) == (version, "launch `$(id)` day")
    (status,) = shop.runner.github.statuses[sha("one")]
    assert (status["context"], status["state"]) == ("pullprod/production", "success")


@pytest.mark.parametrize("back_to", ["the one before", "an older one"])
def test_production_is_rolled_back(shop: Shop, back_to: str) -> None:
    versions = [shop.published("one"), shop.published("two", "one"), shop.published("three", "one", "two")]
    for version in versions:
        assert shop.api.point("shop", "production", version).ok
    named = versions[0] if back_to == "an older one" else ""

    assert shop.runs("roll-back.yml", "workflow_dispatch", {"inputs": {"reason": "too warm", "version": named}}).ok

    assert shop.production()["version"] == (named or versions[1])


def test_a_pull_request_may_be_merged_once_its_newest_commit_was_production(shop: Shop) -> None:
    head = shop.push("summer")
    wanted = {"version": head, "reason": "try it on real users"}

    assert shop.runs("merge-gate.yml", "pull_request", pull_request(head)).ok
    (before,) = shop.runner.github.statuses[head]
    assert shop.runs("point.yml", "workflow_dispatch", {"inputs": wanted}).ok
    after = shop.runner.github.statuses[head][-1]

    assert (before["context"], before["state"]) == ("pullprod/production", "pending")
    assert (after["context"], after["state"]) == ("pullprod/production", "success")


def test_a_prune_removes_what_nothing_needs_any_more(shop: Shop) -> None:
    revoked, _ = shop.published("one"), shop.published("two", "one")
    shop.api.ok("DELETE", f"/v1/apps/shop/versions/{revoked}", {"reason": "published by mistake"})
    assert shop.to_prune() > 0

    assert shop.runs("prune.yml", "schedule").ok

    assert shop.to_prune() == 0


def test_an_audit_that_finds_something_has_one_issue_open_about_it(shop: Shop) -> None:
    version = shop.published("one")
    assert shop.runs("audit.yml", "schedule").ok
    assert shop.runner.github.issues == {}
    shop.lose_files()

    assert not shop.runs("audit.yml", "schedule").ok
    assert not shop.runs("audit.yml", "schedule").ok

    (issue,) = shop.runner.github.issues.values()
    assert version in issue["body"]


def test_an_audit_that_finds_more_than_an_issue_holds_tells_the_beginning(shop: Shop) -> None:
    files = {f"{'/'.join(['x' * 80] * 9)}/{number}.html": str(number).encode() for number in range(120)}
    shop.api.publish("shop", "one", files)
    shop.lose_files(*(hashlib.sha256(content).hexdigest() for content in files.values()))

    assert not shop.runs("audit.yml", "schedule").ok

    (issue,) = shop.runner.github.issues.values()
    assert 50_000 < len(issue["body"]) <= 65_536


def both(shop: Shop) -> str:
    """Commit a page for each of two apps, and return the commit."""
    for app in ("shop", "handbook"):
        write(shop.path / app, {"index.html": app, "pullprod.toml": f'app = "{app}"\n[site]\ndirectory = "dist"\n'})
        write(shop.path / app, {"Makefile": BUILD})
    return commit(shop.path, "both")


def test_two_apps_of_one_repository_are_published_each_with_its_own_configuration(shop: Shop) -> None:
    both(shop)

    assert shop.runs("monorepo.yml", "push").ok

    digests = [shop.api.items(f"/v1/apps/{app}/versions")[0]["id"] for app in ("shop", "handbook")]
    assert digests[0] != digests[1]


def test_of_two_apps_each_has_a_status_that_says_whether_its_production_showed_the_commit(
    shop: Shop, tmp_path: Path
) -> None:
    def states() -> dict[str, str]:
        return {status["context"]: status["state"] for status in shop.runner.github.statuses[head]}

    head, point = both(shop), tmp_path / "point.yml"
    question, answer = DOCS.split("```yaml\n")[1:3]
    text = (EXAMPLES / "point.yml").read_text().replace("    inputs:\n", f"    inputs:\n{question.split('```')[0]}")
    point.write_text(text.replace("          app: shop\n", answer.split("```")[0]))
    inputs = {"version": "branch:main", "reason": "launch", "app": "handbook"}

    assert shop.runs("monorepo.yml", "push").ok
    before = states()
    assert shop.runner.run(point, "workflow_dispatch", {"inputs": inputs}).ok

    names = ("pullprod/production/shop", "pullprod/production/handbook")
    assert before == dict.fromkeys(names, "pending")
    assert states() == dict(zip(names, ("pending", "success"), strict=True))


def test_every_example_is_run_here() -> None:
    tests = Path(__file__).read_text()

    assert [path.name for path in EXAMPLES.iterdir() if f'"{path.name}"' not in tests] == []
