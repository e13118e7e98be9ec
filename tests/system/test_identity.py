"""Workflow runs at the real server, with an issuer on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest

from tests.support.api import Api, Json, client, manifest
from tests.support.oidc import Issuer, issuer
from tests.support.refusals import refused
from tests.support.server import Server

RULE = {"repository": "acme/shop", "repository_id": "74", "repository_owner_id": "65", "role": "publisher"}
RELEASE = {**RULE, "role": "releaser", "pointers": ["production"], "environment": "production"}


@dataclass
class Trusting:
    """A server that trusts an issuer; `api` calls it as an admin."""

    server: Server
    issuer: Issuer
    api: Api

    @property
    def audience(self) -> str:
        return f"http://localhost:{self.server.port}"

    def exchange(self, proof: str, app: str = "shop") -> Json:
        with client(self.server.url, proof) as run:
            return run.ok("POST", "/v1/token", {"app": app})


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusting]:
    with ExitStack() as stack:
        made = stack.enter_context(issuer())
        data: Path = tmp_path_factory.mktemp("trusting") / "data"
        server = Server(data, options=("--issuer", made.url)).start()
        stack.callback(server.stop)
        api = stack.enter_context(client(server.url, server.token))
        api.ok("PUT", "/v1/apps/shop", {"trust": [RULE, RELEASE]})
        yield Trusting(server, made, api)


def test_a_push_publishes_with_the_identity_of_its_run(trusting: Trusting) -> None:
    made = trusting.exchange(trusting.issuer.token(trusting.audience))
    assert (made["role"], made["apps"], made["pointers"]) == ("publisher", ["shop"], [])
    with client(trusting.server.url, made["token"]) as run:
        version = run.publish("shop", "pushed", {"index.html": b"pushed"})
        assert version["published_by"].startswith("workflow:acme/shop run 9876543210.2")
        refused(
            run.call("PUT", "/v1/apps/shop/pointers/production", {"version": version["id"], "reason": "x"}),
            403,
            "forbidden",
        )
        refused(run.call("GET", "/v1/apps"), 403, "forbidden")


def test_production_moves_from_its_environment_only(trusting: Trusting) -> None:
    made = trusting.exchange(trusting.issuer.token(trusting.audience, environment="production"))
    assert (made["role"], made["pointers"]) == ("releaser", ["production"])
    version = trusting.api.publish("shop", "released", {"index.html": b"released"})
    with client(trusting.server.url, made["token"]) as run:
        done = run.ok("PUT", "/v1/apps/shop/pointers/production", {"version": version["id"], "reason": "x"})
        assert done["swap"]["by"].startswith("workflow:acme/shop run")
        refused(
            run.call("PUT", "/v1/apps/shop/pointers/next", {"version": version["id"], "reason": "x"}), 403, "forbidden"
        )


def test_a_protected_pointer_moves_from_its_branches_and_environment_together_only(trusting: Trusting) -> None:
    anywhere = {**RULE, "role": "releaser", "pointers": ["next"]}
    protected = {**RELEASE, "refs": ["refs/heads/main", "refs/heads/release-*"]}
    trusting.api.ok("PUT", "/v1/apps/guarded", {"trust": [anywhere, protected]})
    version = trusting.api.publish("guarded", "guarded", {"index.html": b"guarded"})["id"]
    moved = {}
    for ref in ("refs/heads/main", "refs/heads/release-1", "refs/heads/feature/release-1"):
        for environment in ("production", "staging", None):
            proof = trusting.issuer.token(trusting.audience, ref=ref, environment=environment)
            with client(trusting.server.url, trusting.exchange(proof, "guarded")["token"]) as run:
                assert run.point("guarded", "next", version).status_code == 200
                moved[ref, environment] = run.point("guarded", "production", version).status_code
    assert {run for run, status in moved.items() if status == 200} == {
        ("refs/heads/main", "production"),
        ("refs/heads/release-1", "production"),
    }
    assert set(moved.values()) == {200, 403}


def test_a_run_of_another_branch_cannot_move_what_follows_main_by_calling_itself_main(trusting: Trusting) -> None:
    trusting.api.ok("PUT", "/v1/apps/followed", {"trust": [RULE], "follow": {"production": "main"}})
    proof = trusting.issuer.token(trusting.audience, ref="refs/heads/feature")
    with client(trusting.server.url, trusting.exchange(proof, "followed")["token"]) as run:
        announced = manifest("x", {"index.html": b"x"})
        problem = refused(run.call("POST", "/v1/apps/followed/versions", announced), 403, "forbidden")
        assert "refs/heads/feature" in problem["detail"]
        assert run.publish("followed", "x", {"index.html": b"x"}, branch="feature")["state"] == "ready"
    assert trusting.api.ok("GET", "/v1/apps/followed/pointers/production")["generation"] == 0


def test_the_ids_of_a_rule_are_those_of_one_github(tmp_path: Path) -> None:
    with issuer() as ours, issuer() as another:
        server = Server(tmp_path / "data", options=("--issuer", ours.url, "--issuer", another.url)).start()
        try:
            with client(server.url, server.token) as api:
                told = api.ok("PUT", "/v1/apps/shop", {"trust": [RULE]})["trust"]
                assert [rule["issuer"] for rule in told] == [ours.url]
                trusting = Trusting(server, ours, api)
                assert trusting.exchange(ours.token(trusting.audience))["role"] == "publisher"
                with client(server.url, another.token(trusting.audience)) as stranger:
                    problem = refused(stranger.call("POST", "/v1/token", {"app": "shop"}), 403, "forbidden")
                assert problem["claim"] == "iss"
                api.ok("PUT", "/v1/apps/shop", {"trust": [problem["would_admit"]]})
                assert trusting.exchange(another.token(trusting.audience))["role"] == "publisher"
        finally:
            server.stop()


def test_of_many_exchanges_of_one_proof_at_once_one_gets_a_token(trusting: Trusting) -> None:
    proof = trusting.issuer.token(trusting.audience)

    def attempt(_: int) -> int:
        with client(trusting.server.url, proof) as run:
            return run.call("POST", "/v1/token", {"app": "shop"}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(attempt, range(8))) == [201, *[401] * 7]


def test_a_refusal_says_which_claim_and_what_would_admit_it(trusting: Trusting) -> None:
    proof = trusting.issuer.token(trusting.audience, ref="refs/tags/v1")
    with client(trusting.server.url, proof) as run:
        problem = run.call("POST", "/v1/token", {"app": "shop"}).json()
    assert (problem["code"], problem["claim"]) == ("forbidden", "ref")
    assert problem["would_admit"]["refs"] == ["refs/tags/v1"]


def test_a_policy_explains_tokens_and_claims_alike(trusting: Trusting) -> None:
    tagged = trusting.issuer.token(trusting.audience, ref="refs/tags/v1")
    claims = jwt.decode(tagged, options={"verify_signature": False})
    of_token = trusting.api.ok("POST", "/v1/apps/shop/trust/explain", {"token": tagged})
    assert of_token == trusting.api.ok("POST", "/v1/apps/shop/trust/explain", {"claims": claims})
    assert (of_token["admitted"], of_token["claim"]) == (False, "ref")
    assert [[m["claim"] for m in judged["mismatches"]] for judged in of_token["rules"]] == [
        ["ref"],
        ["ref", "environment"],
    ]
    would = {**of_token["would_admit"], "role": "viewer"}
    trusting.api.ok("PUT", "/v1/apps/told", {"trust": [would]})
    assert trusting.exchange(tagged, "told")["role"] == "viewer"


def test_a_policy_explains_why_a_token_is_not_genuine(trusting: Trusting) -> None:
    explained = trusting.api.ok(
        "POST", "/v1/apps/shop/trust/explain", {"token": trusting.issuer.token("https://elsewhere.example.com")}
    )
    assert (explained["admitted"], explained["claim"], explained["rules"]) == (False, "aud", [])
    assert trusting.audience in explained["reason"]


@pytest.mark.parametrize("body", [{}, {"token": "x", "claims": {}}, {"claims": {"ref": ["x"]}}, {"token": ""}])
def test_a_question_that_cannot_be_meant_is_not_explained(trusting: Trusting, body: Json) -> None:
    refused(trusting.api.call("POST", "/v1/apps/shop/trust/explain", body), 422, "invalid-request")


def test_an_identity_token_opens_no_other_call_and_a_stranger_none_at_all(trusting: Trusting) -> None:
    proof = trusting.issuer.token(trusting.audience)
    with client(trusting.server.url, proof) as run:
        refused(run.call("GET", "/v1/apps/shop"), 401, "unauthenticated")
        refused(run.call("POST", "/v1/apps/shop/versions", manifest("x", {"index.html": b"x"})), 401, "unauthenticated")
    for wrong in (trusting.issuer.token("https://github.com/acme"), trusting.server.token, "", "x.y.z"):
        with client(trusting.server.url, wrong) as run:
            refused(run.call("POST", "/v1/token", {"app": "shop"}), 401, "unauthenticated")


def test_a_token_ends_with_its_policy_on_the_next_request(trusting: Trusting) -> None:
    trusting.api.ok("PUT", "/v1/apps/brief", {"trust": [RULE]})
    made = trusting.exchange(trusting.issuer.token(trusting.audience), "brief")
    with client(trusting.server.url, made["token"]) as run:
        assert run.call("GET", "/v1/apps/brief").status_code == 200
        trusting.api.ok("PUT", "/v1/apps/brief", {})
        refused(run.call("GET", "/v1/apps/brief"), 401, "unauthenticated")
