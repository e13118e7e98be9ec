"""Many processes that want the same thing at the same moment."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.api import Api
from tests.support.racing import Call, Outcome, Publish, race

RACERS = 32
PUBLISHERS = 8
OFF = {"lineage": {"production": "off"}}


@pytest.fixture
def versions(api: Api, app: str) -> list[str]:
    """Return one version for each racer, of an app whose production shows none of them."""
    api.app(app, guards=OFF)
    pages = [{"index.html": b"<h1>%d</h1>" % n} for n in range(RACERS)]
    published = [api.publish(app, f"{app} {n}", page, branch=None)["id"] for n, page in enumerate(pages)]
    first = api.publish(app, f"{app} first", {"index.html": b"<h1>first</h1>"}, branch=None)
    assert api.point(app, "production", first["id"]).status_code == 200
    return published


def swaps(app: str, versions: list[str], headers: dict[str, str]) -> list[Call]:
    path = f"/v1/apps/{app}/pointers/production"
    return [
        Call("PUT", path, {"version": version, "reason": f"racer {number}"}, headers)
        for number, version in enumerate(versions)
    ]


def test_of_32_swaps_that_saw_the_same_generation_one_wins_and_the_others_learn_who(
    api: Api, app: str, versions: list[str]
) -> None:
    outcomes = race(api, swaps(app, versions, {"If-Match": '"1"'}))
    won = [outcome for outcome in outcomes if outcome.status == 200]
    lost = [outcome for outcome in outcomes if outcome.status == 412]
    assert (len(won), len(lost)) == (1, RACERS - 1)
    swap = won[0].body["swap"]
    assert swap["generation"] == 2
    for outcome in lost:
        told = outcome.body
        assert (told["code"], told["expected"], told["actual"]) == ("stale-pointer", 1, 2)
        assert (told["version"], told["moved_by"], told["reason"]) == (swap["to"], swap["by"], swap["reason"])
        assert told["moved_at"] == swap["at"]
    assert api.ok("GET", f"/v1/apps/{app}/pointers/production")["version"] == swap["to"]
    assert api.settled(app)["ok"]


def test_32_swaps_without_a_condition_are_32_generations_without_a_gap(api: Api, app: str, versions: list[str]) -> None:
    outcomes = race(api, swaps(app, versions, {}))
    assert {outcome.status for outcome in outcomes} <= {200, 202}
    answered = {outcome.body["swap"]["generation"]: outcome.body["swap"] for outcome in outcomes}
    assert sorted(answered) == list(range(2, RACERS + 2))
    history = api.items(f"/v1/apps/{app}/pointers/production/history")
    assert [swap["generation"] for swap in history] == list(range(RACERS + 1, 0, -1))
    assert history[:-1] == [answered[generation] for generation in sorted(answered, reverse=True)]
    assert {swap["to"] for swap in history[:-1]} == set(versions)
    for newer, older in pairwise(history):
        assert (newer["from"], newer["previous_hash"]) == (older["to"], older["hash"])
    report = api.settled(app)
    assert (report["ok"], report["checked"]["swaps"]) == (True, RACERS + 1)
    assert api.ok("GET", f"/v1/apps/{app}/pointers/production")["version"] == history[0]["to"]


def test_what_viewers_see_after_the_race_is_the_last_swap(api: Api, app: str, versions: list[str]) -> None:
    race(api, swaps(app, versions, {}))
    api.settled(app)
    last = api.items(f"/v1/apps/{app}/pointers/production/history")[0]
    host = {"Host": f"production--{app}.localhost"}
    shown = api.session.get(f"{api.url}/.well-known/pullprod", headers=host, timeout=20).json()
    assert (shown["version"], shown["generation"]) == (last["to"], last["generation"])


def test_the_same_commit_published_by_8_processes_is_one_version(api: Api, app: str) -> None:
    files = {f"page-{n}.html": b"<p>%d</p>" % n for n in range(20)}
    outcomes = race(api, [Publish(app, "the same", files)] * PUBLISHERS)
    assert {outcome.body["state"] for outcome in outcomes} == {"ready"}
    assert len({outcome.body["id"] for outcome in outcomes}) == 1
    listed = api.items(f"/v1/apps/{app}/versions")
    assert [(version["id"], version["state"]) for version in listed] == [(outcomes[0].body["id"], "ready")]
    assert [swap["kind"] for swap in api.items(f"/v1/apps/{app}/pointers/main/history")] == ["follow"]
    assert api.settled(app)["ok"]


def test_8_commits_published_at_once_over_shared_files_are_all_whole(api: Api, app: str) -> None:
    shared = {f"shared-{n}.html": b"<p>%d</p>" % n for n in range(20)}
    racers = [Publish(app, f"own {n}", {**shared, "index.html": b"<h1>%d</h1>" % n}) for n in range(PUBLISHERS)]
    outcomes = race(api, racers)
    assert {outcome.body["state"] for outcome in outcomes} == {"ready"}
    assert len(api.items(f"/v1/apps/{app}/versions")) == PUBLISHERS
    assert api.settled(app)["ok"]
    for number, outcome in enumerate(outcomes):
        host = {"Host": f"{outcome.body['id']}--{app}.localhost"}
        page = api.session.get(f"{api.url}/", headers=host, timeout=20)
        assert page.status_code == 200, number
        assert api.session.get(f"{api.url}/shared-7.html", headers=host, timeout=20).content == b"<p>7</p>"


def test_8_swaps_under_one_idempotency_key_are_one_swap(api: Api, app: str, versions: list[str]) -> None:
    same = swaps(app, [versions[0]] * PUBLISHERS, {"Idempotency-Key": f"release of {app}"})
    outcomes = race(api, [Call(same[0].method, same[0].path, same[0].json, same[0].headers)] * PUBLISHERS)
    assert {outcome.status for outcome in outcomes} <= {200, 202}
    assert _distinct(outcomes) == [2]
    assert len(api.items(f"/v1/apps/{app}/pointers/production/history")) == 2
    assert api.settled(app)["ok"]


def _distinct(outcomes: list[Outcome]) -> list[int]:
    return sorted({outcome.body["swap"]["generation"] for outcome in outcomes})
