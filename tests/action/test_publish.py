"""Publishing from a workflow, and what people see of it and of the swaps that follow."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options

from pullprod.api import Api as ClientApi
from pullprod.errors import PullprodError
from tests.action.conftest import PUBLISHER
from tests.support.api import Api
from tests.support.client import commit, git, write
from tests.support.github import GitHub, Token
from tests.support.oidc import Issuer
from tests.support.runner import Done, Job

EVIL = "::error::x ##[error]y <script>alert(1)</script> [l](https://evil.example) @octocat `a` | b"


def pull_request(job: Job, number: int = 7, **head: str) -> None:
    """Make the job one of a pull request of the repository itself."""
    repo = {"id": 74}
    job.event = {"pull_request": {"number": number, "head": {"repo": repo, **head}, "base": {"repo": repo}}}


def release(job: Job, identities: Issuer, reference: str = "branch:main", **more: str) -> Done:
    identities.claims["environment"] = "production"
    inputs = {"version": reference, "reason": "launch", "github_token": "ghs_all", "command": "point", **more}
    done = job.run(**inputs)
    del identities.claims["environment"]
    return done


def head(job: Job) -> str:
    return git(job.workspace, "rev-parse", "HEAD")


def changed(job: Job, text: str) -> str:
    write(job.workspace / "dist", {"index.html": f"<h1>{text} {job.workspace}</h1>"})
    return commit(job.workspace, text)


def test_a_push_becomes_a_version_with_the_identity_of_its_run(job: Job, admin: Api, app: str) -> None:
    done = job.run()

    assert done.code == 0, done.log
    version = admin.ok("GET", f"/v1/apps/{app}/versions/{done.outputs['version']}")
    assert version["published_by"].startswith("workflow:acme/shop run")
    assert version["commit"] == head(job)
    assert done.lines[-1] == f"{version['id']} is ready: {version['url']}"
    assert done.outputs["pointer-url"] == admin.ok("GET", f"/v1/apps/{app}/pointers/main")["url"]


def test_an_older_push_that_comes_late_is_shown_by_no_pointer(job: Job) -> None:
    changed(job, "two")
    newer = job.run()
    git(job.workspace, "checkout", "-q", "-B", "main", "HEAD~1")
    older = job.run()
    assert (older.code, older.outputs["changed"]) == (0, "true")
    assert newer.outputs["pointer-url"]
    assert (older.outputs["pointer-url"], older.outputs["generation"]) == ("", "")


def test_only_what_changed_is_sent_and_the_summary_says_what_that_saved(job: Job) -> None:
    job.run()
    changed(job, "two")
    done = job.run()
    sent = len((job.workspace / "dist" / "index.html").read_bytes())
    assert (done.outputs["uploaded-files"], done.outputs["uploaded-bytes"]) == ("1", str(sent))
    assert f"1 files, {sent} bytes; 8 bytes were there already" in done.summary


def test_the_summary_tells_how_to_point_production_at_it_and_what_users_would_gain_and_lose(
    job: Job, identities: Issuer, app: str
) -> None:
    job.run()
    assert release(job, identities).code == 0
    git(job.workspace, "checkout", "-q", "-b", "other", "HEAD~1")
    write(job.workspace, {"pullprod.toml": f'app = "{app}"\n[site]\ndirectory = "dist"\n# again\n'})
    changed(job, "a <b>new</b> title")
    done = job.run()
    gained, lost = done.summary.split("**Lost against production**")
    assert "**Gained since production**" in gained
    assert "new" in gained
    assert "<b>new" not in gained
    assert "configured" in lost
    assert "Files: 0 added, 1 changed, 0 removed." in done.summary
    assert "pullprod point production" in done.summary.replace("&#45;", "-")


def test_a_first_publish_says_that_production_shows_nothing(job: Job) -> None:
    assert "Production shows nothing yet." in job.run().summary


def test_a_publish_that_production_follows_to_says_what_users_gained(job: Job, identities: Issuer) -> None:
    identities.claims["environment"] = "production"
    assert "Production showed nothing before." in job.run(follow="production").summary
    changed(job, "a new title")
    summary = job.run(follow="production").summary
    assert "a new title" in summary.split("**Gained since production**")[1]
    assert "Files: 0 added, 1 changed, 0 removed." in summary
    assert summary.endswith("Production shows it.\n")


def test_what_differs_from_production_may_be_unknown_and_the_publish_succeeds(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = ClientApi.get

    def gets(self: Any, path: str, **query: Any) -> Any:
        if path.endswith("/diff"):
            raise PullprodError("It is busy.")
        return get(self, path, **query)

    monkeypatch.setattr(ClientApi, "get", gets)
    done = job.run()
    assert (done.code, done.told("warning")) == (0, ["What differs from production could not be told: It is busy."])


def test_uncommitted_changes_are_told(job: Job) -> None:
    write(job.workspace, {"new": "x"})
    assert "there are uncommitted changes; the version is recorded as dirty" in job.run().lines


@pytest.mark.parametrize("how", ["message", "branch", "file"])
def test_what_users_named_as_they_liked_is_shown_and_does_nothing(
    job: Job, hub: GitHub, identities: Issuer, how: str
) -> None:
    pull_request(job)
    job.run()
    release(job, identities)
    if how == "branch":
        git(job.workspace, "checkout", "-q", "-b", "x-`a`-<b>-@octocat-%0A-$(id)")
    if how == "file":
        write(job.workspace / "dist", {"::error::<b>|`@octocat`.html": "x"})
    commit(job.workspace, EVIL if how == "message" else "harmless")
    done = job.run(github_token="ghs_all")
    assert done.code == 0, done.log
    assert {found.name for found in done.commands} <= {"add-mask", "group", "endgroup"}, done.log
    (comment,) = hub.comments[7]
    assert comment["body"].partition("\n")[2] == done.summary
    shown = github_flavored_markdown_to_html(done.summary, options=Options.CMARK_OPT_UNSAFE)
    tags = {"h3", "table", "thead", "tbody", "tr", "th", "td", "code", "p", "strong", "ul", "li", "a"}
    assert set(re.findall(r"</?(\w+)", shown)) <= tags
    assert set(re.findall(r'href="([^"]*)"', shown)) == {done.outputs["url"], done.outputs["pointer-url"]}
    assert "@octocat" not in html.unescape(shown)


def test_a_file_that_cannot_be_published_is_named_in_the_error_and_nothing_else_happens(job: Job) -> None:
    write(job.workspace / "dist", {"::error::x\n::add-mask::y": "x"})
    done = job.run()
    assert "cannot be published" in done.error
    assert {found.name for found in done.commands} <= {"add-mask", "group", "endgroup", "error"}
    assert "y" not in done.told("add-mask")


def test_a_pull_request_has_one_comment_which_is_the_summary(job: Job, hub: GitHub) -> None:
    pull_request(job)
    job.run(github_token="ghs_all")
    changed(job, "two")
    done = job.run(github_token="ghs_all")
    (comment,) = hub.comments[7]
    assert comment["body"].partition("\n")[2] == done.summary


def test_no_comment_is_made_where_none_is_wanted_or_possible(job: Job, hub: GitHub) -> None:
    job.run(github_token="ghs_all")
    pull_request(job)
    job.run(github_token="ghs_all", comment="never")
    job.run(github_token="")
    assert hub.comments == {}


@pytest.mark.parametrize("fault", ["permission", "outage", "token", "address"])
def test_a_failure_to_comment_warns_and_the_publish_succeeds(job: Job, hub: GitHub, fault: str) -> None:
    pull_request(job)
    if fault == "permission":
        hub.tokens["ghs_all"] = Token({"contents": "read"})
    if fault == "outage":
        hub.outage = 503
    if fault == "address":
        job.environ["GITHUB_API_URL"] = "http://127.0.0.1:9"
    done = job.run(github_token="ghs_other" if fault == "token" else "ghs_all")
    assert (done.code, done.outputs["state"]) == (0, "ready")
    assert done.told("warning")
    assert all(text.endswith("The publish itself is done.") for text in done.told("warning"))
    assert hub.comments == {}


def test_without_statuses_write_there_is_no_status_and_no_warning(job: Job, hub: GitHub) -> None:
    hub.tokens["ghs_all"] = Token({"contents": "read"})
    done = job.run(github_token="ghs_all")
    assert done.told("warning") == []
    assert hub.statuses == {}


def test_a_commit_says_whether_it_is_was_or_never_was_production(job: Job, hub: GitHub, identities: Issuer) -> None:
    def said(sha: str) -> tuple[str, str]:
        return hub.statuses[sha][-1]["state"], hub.statuses[sha][-1]["description"]

    first = head(job)
    job.run(github_token="ghs_all")
    assert said(first) == ("pending", "was never production")
    release(job, identities)
    assert said(first) == ("success", "is production, generation 1")
    second = changed(job, "two")
    job.run(github_token="ghs_all")
    assert said(second) == ("pending", "was never production")
    release(job, identities)
    assert said(second) == ("success", "is production, generation 2")
    assert said(first) == ("success", "was production")
    release(job, identities, reference="", command="rollback")
    assert said(first) == ("success", "is production, generation 3")
    assert said(second) == ("success", "was production")
    job.run(github_token="ghs_all")
    assert said(second) == ("success", "was production")


def test_a_commit_that_github_does_not_know_any_more_keeps_no_other_from_its_status(
    job: Job, hub: GitHub, identities: Issuer
) -> None:
    job.run()
    release(job, identities)
    hub.unknown_commits.add(head(job))
    second = changed(job, "two")
    job.run()
    done = release(job, identities)
    assert [status["state"] for status in hub.statuses[second]] == ["success"]
    assert done.told("warning") == ["GitHub does not take it. The point itself is done."]


def test_a_commit_that_production_follows_away_from_says_so(job: Job, hub: GitHub, identities: Issuer) -> None:
    identities.claims["environment"] = "production"
    first = head(job)
    job.run(github_token="ghs_all", follow="production")
    second = changed(job, "two")
    job.run(github_token="ghs_all", follow="production")
    said = [hub.statuses[sha][-1]["description"] for sha in (first, second)]
    assert said == ["was production", "is production, generation 2"]


def test_each_app_has_a_status_of_the_name_that_it_is_given(
    job: Job, hub: GitHub, identities: Issuer, admin: Api
) -> None:
    other = admin.app(f"{job.workspace.name}-handbook", trust=[PUBLISHER])
    job.run(github_token="ghs_all")
    job.run(github_token="ghs_all", app=other, status="pullprod/production/handbook")
    release(job, identities)
    said = {status["context"]: status["state"] for status in hub.statuses[head(job)]}
    assert said == {"pullprod/production": "success", "pullprod/production/handbook": "pending"}


@pytest.mark.parametrize("command", ["publish", "point"])
def test_no_status_is_set_where_none_is_named(job: Job, hub: GitHub, identities: Issuer, command: str) -> None:
    job.run()
    assert release(job, identities, command=command, status="").code == 0
    assert hub.statuses == {}


def test_another_pointer_than_production_changes_no_status(job: Job, hub: GitHub, identities: Issuer) -> None:
    job.run()
    assert release(job, identities, pointer="next").code == 0
    assert hub.statuses == {}


def test_for_a_pull_request_the_status_is_on_its_head_not_on_the_merge(job: Job, hub: GitHub) -> None:
    pull_request(job, sha="b" * 40)
    job.environ["GITHUB_SHA"] = head(job)
    job.run(github_token="ghs_all", github_deployment="true")
    assert list(hub.statuses) == ["b" * 40]
    assert [made["ref"] for made in hub.deployments] == ["b" * 40]


def test_a_deployment_is_recorded_when_asked_for_and_earlier_ones_stay(
    job: Job, hub: GitHub, identities: Issuer
) -> None:
    first = job.run(github_token="ghs_all", github_deployment="true")
    changed(job, "two")
    second = job.run(github_token="ghs_all", github_deployment="true")
    pointed = release(job, identities, github_deployment="true")
    job.run(github_token="ghs_all")
    assert [(made["environment"], made["statuses"][-1]["environment_url"]) for made in hub.active_deployments()] == [
        ("preview", first.outputs["url"]),
        ("preview", second.outputs["url"]),
        ("production", pointed.outputs["pointer-url"]),
    ]


def test_follow_points_another_pointer_at_the_new_version(job: Job, identities: Issuer) -> None:
    identities.claims["environment"] = "production"
    done = job.run(follow="next")
    assert done.result["pointer"]["name"] == "next"
    assert done.result["pointer"]["version"] == done.outputs["version"]
    assert (done.outputs["generation"], done.outputs["pointer-url"]) == ("1", done.result["pointer"]["url"])


def test_a_hold_on_the_pointer_to_follow_warns_and_the_publish_succeeds(
    job: Job, admin: Api, app: str, identities: Issuer
) -> None:
    identities.claims["environment"] = "production"
    job.run(follow="next")
    admin.ok("PUT", f"/v1/apps/{app}/pointers/next/hold", {"reason": "until Monday"})
    changed(job, "two")
    done = job.run(follow="next")
    assert (done.code, done.outputs["state"]) == (0, "ready")
    (warning,) = done.told("warning")
    assert warning.startswith("next does not follow: ")
    assert "until Monday" in warning


def test_a_pointer_that_this_run_may_not_move_warns_and_the_publish_succeeds(job: Job) -> None:
    done = job.run(follow="next")
    assert (done.code, done.outputs["state"]) == (0, "ready")
    (warning,) = done.told("warning")
    assert warning.startswith("next does not follow: ")


def test_a_pointer_that_does_not_follow_its_branch_is_told_with_the_reason(job: Job, admin: Api, app: str) -> None:
    job.run()
    admin.ok("PUT", f"/v1/apps/{app}/pointers/main/hold", {"reason": "until Monday"})
    changed(job, "two")
    (warning,) = job.run().told("warning")
    assert warning.startswith("main does not follow (hold): ")


def test_a_plan_says_what_would_be_refused_and_why(job: Job, identities: Issuer, app: str) -> None:
    job.run()
    release(job, identities)
    git(job.workspace, "checkout", "-q", "-b", "other", "HEAD~1")
    write(job.workspace, {"pullprod.toml": f'app = "{app}"\n[site]\ndirectory = "dist"\n# again\n'})
    changed(job, "two")
    job.run()
    done: Any = job.run(command="plan", version="branch:other")
    assert (done.code, done.result["allowed"], done.outputs["changed"]) == (0, False, "false")
    assert "would be refused" in done.lines[-1]
    assert "lineage" in done.summary
    assert "**Commits lost**" in done.summary
    assert "Files: 0 added, 1 changed, 0 removed." in done.summary
