from __future__ import annotations

from itertools import permutations

import pytest

from pullprod_control_plane.application import diff, references, revoke
from pullprod_control_plane.domain.errors import AmbiguousReference, InvalidRequest, NotFound
from tests.support.world import APP, BOB, World, page


def resolved(world: World, text: str) -> str:
    return references.resolve(world.ports, APP, text).id


def shas(*endings: str) -> list[str]:
    return ["3f9c2a1b7d4e" + ending.ljust(28, "0") for ending in endings]


def test_every_kind_of_reference_finds_its_version(world: World) -> None:
    first = world.publish(page("a"), "a", branch="main", tags=("v1", "stable"))
    second = world.publish(page("b"), "b", branch="release/2", ancestors="a", tags=("v2",))
    world.point("production", first.id)
    for text in (first.id, first.id.upper(), first.commit, first.commit[:7], first.commit[:12], first.commit[:20]):
        assert resolved(world, text) == first.id
    assert resolved(world, "branch:main") == resolved(world, "pointer:production") == first.id
    assert resolved(world, "tag:v1") == resolved(world, "tag:stable") == first.id
    assert resolved(world, "branch:release/2") == resolved(world, "tag:v2") == second.id


@pytest.mark.parametrize(
    "text", ["0000000", "000000000000-00000000", "branch:nope", "pointer:nope", "pointer:production", "tag:nope"]
)
def test_what_names_nothing_is_not_found(world: World, text: str) -> None:
    world.line("a")
    with pytest.raises(NotFound):
        resolved(world, text)


def test_what_is_no_reference_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest):
        resolved(world, "main")


def test_a_prefix_of_several_commits_is_ambiguous(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = shas("1", "2")
    monkeypatch.setattr("tests.support.world.sha", lambda name: name)
    ids = [world.publish(page(sha), sha, branch=None).id for sha in (one, other)]
    with pytest.raises(AmbiguousReference) as refused:
        resolved(world, one[:12])
    assert refused.value.facts["candidates"] == sorted(ids)
    assert [resolved(world, one[:13]), resolved(world, other)] == ids


def test_of_several_versions_of_a_commit_the_newest_ready_one_is_meant(world: World) -> None:
    world.publish(page("one"), "a")
    second = world.publish(page("two"), "a")
    unfinished = world.begin(page("three"), "a").version
    assert resolved(world, second.commit) == resolved(world, "branch:main") == second.id
    revoke.revoke(world.ports, APP, unfinished.id, BOB, "never mind")
    assert resolved(world, second.commit) == second.id


def test_a_commit_of_which_nothing_is_ready_still_names_its_version(world: World) -> None:
    begun = world.begin(page("a"), "a")
    assert resolved(world, begun.version.commit) == resolved(world, "branch:main") == begun.version.id


def test_a_branch_means_its_newest_ready_version_not_its_pointer_s(world: World) -> None:
    first, second = world.line("a", "b")
    world.rollback("main")
    assert resolved(world, "branch:main") == second.id
    assert resolved(world, "pointer:main") == first.id


@pytest.mark.parametrize("begun", list(permutations("abc")))
@pytest.mark.parametrize("ended", list(permutations("abc")))
def test_a_branch_means_its_newest_commit_in_whatever_order_its_builds_begin_and_end(
    world: World, begun: tuple[str, ...], ended: tuple[str, ...]
) -> None:
    older = {"a": "", "b": "a", "c": "ba"}
    builds = {name: world.begin(page(name), name, ancestors=older[name]) for name in begun}
    for at, name in enumerate(ended, start=1):
        world.send(builds[name], page(name))
        world.finalize(builds[name].version.id)
        newest = builds[max(ended[:at])].version
        assert (resolved(world, "branch:main"), world.shown("main")) == (newest.id, newest.id)
    for name in begun:
        world.publish(page(name), name, branch="other", ancestors=older[name])
    assert resolved(world, "branch:other") == builds["c"].version.id


def test_once_the_newest_commit_of_a_branch_is_gone_the_one_before_is_meant(world: World) -> None:
    first, second = world.begin(page("b"), "b", ancestors="a"), world.begin(page("a"), "a")
    for build, name in ((first, "b"), (second, "a")):
        world.send(build, page(name))
        world.finalize(build.version.id)
    world.point("main", second.version.id, force=("lineage",))
    revoke.revoke(world.ports, APP, first.version.id, BOB, "leaks")
    assert resolved(world, "branch:main") == second.version.id


def test_a_difference_turns_round_when_its_sides_do(world: World) -> None:
    first = world.publish({"a": b"1", "b": b"1", "c": b"1"}, "a")
    last = world.publish({"b": b"2", "c": b"1", "d": b"1"}, "b", ancestors="a")
    there = diff.between(world.ports, APP, first.id, last.id)
    back = diff.between(world.ports, APP, last.id, first.id)
    assert (there.files.added, there.files.changed, there.files.removed) == (["d"], ["b"], ["a"])
    assert (back.files.added, back.files.changed, back.files.removed) == (["a"], ["b"], ["d"])
    assert there.commits.gained == back.commits.lost == (last.commit,)
    assert there.commits.lost == back.commits.gained == ()
