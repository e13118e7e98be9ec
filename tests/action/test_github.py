"""What a step leaves on GitHub, against an API stricter than GitHub's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from pullprod.errors import PullprodError
from pullprod.runner.github import GitHub as Client
from pullprod.runner.github import MissingPermissionError
from tests.support.client import faulty, says
from tests.support.github import REPOSITORY, GitHub, Token

SHA = "3f9c2a1b7d4e5f60718293a4b5c6d7e8f9012345"


def client(hub: GitHub, who: str = "ghs_all") -> Client:
    return Client(hub.url, REPOSITORY, who)


def bodies(hub: GitHub) -> list[str]:
    return [comment["body"].partition("\n")[2] for comment in hub.comments[7]]


def test_one_comment_is_kept_up_to_date(hub: GitHub) -> None:
    for text in ("one", "two", "three"):
        client(hub).comment(7, "shop", text)
    assert bodies(hub) == ["three"]


def test_a_comment_that_is_too_long_ends_with_a_whole_line(hub: GitHub) -> None:
    client(hub).comment(7, "shop", "<code>&#64;</code>\n" * 5_000)
    (comment,) = bodies(hub)
    assert 60_000 < len(comment) < 65_536
    assert comment.endswith("\n<code>&#64;</code>")


def test_every_app_has_its_own(hub: GitHub) -> None:
    for app in ("shop", "blog", "shop"):
        client(hub).comment(7, app, app)
    assert bodies(hub) == ["shop", "blog"]


def test_ours_is_found_on_any_page(hub: GitHub) -> None:
    for number in range(150):
        hub.say(7, f"comment {number}")
    client(hub).comment(7, "shop", "one")
    for number in range(150):
        hub.say(7, f"later comment {number}")
    client(hub).comment(7, "shop", "two")
    assert len(hub.comments[7]) == 301
    assert bodies(hub)[150] == "two"


def test_a_stranger_who_copies_our_mark_does_not_get_our_words(hub: GitHub) -> None:
    client(hub).comment(7, "shop", "one")
    stolen = hub.comments[7].pop()["body"]
    hub.say(7, stolen, login="mallory")
    client(hub).comment(7, "shop", "two")
    client(hub).comment(7, "shop", "three")
    assert bodies(hub) == ["one", "three"]


def test_a_comment_made_with_a_members_token_is_found_again(hub: GitHub) -> None:
    client(hub).comment(7, "shop", "one")
    hub.comments[7][0].update(user={"login": "ada", "type": "User"}, author_association="MEMBER")
    client(hub).comment(7, "shop", "two")
    assert bodies(hub) == ["two"]


def test_of_runs_that_comment_at_once_one_comment_is_left(hub: GitHub) -> None:
    together = Barrier(8)

    def run(number: int) -> None:
        together.wait()
        client(hub).comment(7, "shop", str(number))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(run, range(8)))
    assert len(hub.comments[7]) == 1


def test_a_deployment_leaves_the_earlier_ones_active(hub: GitHub) -> None:
    client(hub).deployment(SHA, "preview", "http://one.example")
    client(hub).deployment(SHA, "preview", "http://two.example")
    assert [d["statuses"][-1]["environment_url"] for d in hub.active_deployments()] == [
        "http://one.example",
        "http://two.example",
    ]
    assert [(d["transient_environment"], d["production_environment"]) for d in hub.deployments] == [(True, False)] * 2


def test_production_is_recorded_as_such(hub: GitHub) -> None:
    client(hub).deployment(SHA, "production", "http://one.example")
    (made,) = hub.deployments
    assert (made["transient_environment"], made["production_environment"]) == (False, True)


def test_a_commit_has_the_status_of_that_name(hub: GitHub) -> None:
    client(hub).status(SHA, "shop", "success", "x" * 200, "http://shop.example")
    client(hub).status(SHA, "shop", "pending", "was never production", "")
    first, second = hub.statuses[SHA]
    assert first["context"] == second["context"] == "shop"
    assert len(first["description"]) == 140
    assert "target_url" not in second


@pytest.mark.parametrize(
    ("call", "permission"),
    [
        (lambda c: c.comment(7, "shop", "x"), "pull-requests: write"),
        (lambda c: c.deployment(SHA, "preview", "http://x.example"), "deployments: write"),
        (lambda c: c.status(SHA, "shop", "success", "x", ""), "statuses: write"),
    ],
)
def test_a_missing_permission_is_named(hub: GitHub, call: Callable[[Any], object], permission: str) -> None:
    hub.tokens["ghs_none"] = Token({"contents": "read"})
    with pytest.raises(MissingPermissionError, match=f"add `{permission}`"):
        call(client(hub, "ghs_none"))


def test_a_token_that_is_none_an_unknown_commit_and_an_outage_are_told_apart(hub: GitHub) -> None:
    hub.unknown_commits.add(SHA)
    with pytest.raises(PullprodError, match="github-token is not valid"):
        client(hub, "ghs_wrong").status(SHA, "shop", "success", "x", "")
    with pytest.raises(PullprodError, match="GitHub does not take it"):
        client(hub).status(SHA, "shop", "success", "x", "")
    hub.outage = 502
    with pytest.raises(PullprodError, match="answered 502"):
        client(hub).status(SHA, "shop", "success", "x", "")


def test_a_repository_with_a_new_name_is_not_taken_for_success() -> None:
    moved = says(301, {"message": "Moved Permanently"}, Location="https://api.github.example/repositories/74")
    with faulty(moved) as hub, pytest.raises(PullprodError, match="answered 301"):
        Client(hub.url, REPOSITORY, "ghs_all").comment(7, "shop", "x")


@pytest.mark.parametrize(("status", "header"), [(429, "Retry-After"), (403, "X-RateLimit-Remaining")])
def test_too_many_calls_are_not_taken_for_a_missing_permission(status: int, header: str) -> None:
    refuses = says(status, {"message": "rate limit"}, **{header: "0"})
    with faulty(refuses) as busy, pytest.raises(PullprodError, match="too many calls") as caught:
        Client(busy.url, REPOSITORY, "ghs_all").status(SHA, "shop", "success", "x", "")
    assert not isinstance(caught.value, MissingPermissionError)


def test_no_answer_is_one_sentence() -> None:
    with pytest.raises(PullprodError, match="GitHub's API does not answer"):
        Client("http://127.0.0.1:9", REPOSITORY, "ghs_all").comment(7, "shop", "x")
