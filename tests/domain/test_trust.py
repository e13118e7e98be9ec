from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pullprod_control_plane.domain import trust
from pullprod_control_plane.domain.errors import Forbidden, InvalidRequest
from pullprod_control_plane.domain.roles import Role
from pullprod_control_plane.domain.trust import Rule, Use
from tests.support.oidc import CLAIMS

PUBLISH = Rule("acme/shop", "74", "65", Role.PUBLISHER)
RELEASE = replace(
    PUBLISH,
    role=Role.RELEASER,
    pointers=("production",),
    environment="production",
    workflow="acme/shop/.github/workflows/release.yml",
)


def _claims(**changed: Any) -> dict[str, str]:
    return {name: str(value) for name, value in {**CLAIMS, **changed}.items() if value is not None}


def test_every_claim_of_a_recorded_token_is_required_compared_or_ignored_on_purpose() -> None:
    assert set(CLAIMS) <= set(trust.CLAIMS)
    compared = {name for name, use in trust.CLAIMS.items() if use is Use.COMPARED}
    everything = replace(RELEASE, environment="e", workflow="o/r/w.yml")
    assert {mismatch.claim for mismatch in trust.mismatches(everything, {})} == compared


def test_a_run_of_the_trusted_repository_is_granted_what_the_rule_says() -> None:
    assert trust.grant([PUBLISH], _claims()) == trust.Grant(Role.PUBLISHER, ())
    released = _claims(environment="production", job_workflow_ref=f"{RELEASE.workflow}@refs/heads/main")
    assert trust.grant([PUBLISH, RELEASE], released) == trust.Grant(Role.RELEASER, ("production",))
    assert trust.grant([RELEASE, PUBLISH], _claims()) == trust.Grant(Role.PUBLISHER, ())


def test_pointers_of_rules_with_the_same_role_add_up_and_those_of_weaker_ones_do_not() -> None:
    other = replace(RELEASE, environment=None, workflow=None, pointers=("next", "production"))
    weaker = replace(PUBLISH, pointers=("beta",))
    released = _claims(environment="production", job_workflow_ref=RELEASE.workflow)
    assert trust.grant([weaker, RELEASE, other], released).pointers == ("production", "next")


def test_old_and_new_subjects_make_no_difference() -> None:
    for sub in ("repo:acme/shop:ref:refs/heads/main", "repo:acme@65/shop@74:ref:refs/heads/main", "anything"):
        assert trust.grant([PUBLISH], _claims(sub=sub)).role is Role.PUBLISHER


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        ("iss", "https://github.example.com/_services/token"),  # There, somebody else's repository has our id.
        ("iss", None),
        ("repository_id", "740"),  # A foreign repository with our name, or ours recreated by somebody else.
        ("repository_id", None),
        ("repository_id", ""),
        ("repository_owner_id", "66"),  # Transferred to another owner.
        ("event_name", "release"),
        ("event_name", "Push"),
        ("ref", "refs/tags/v1"),
        ("ref", "refs/pull/7/merge"),
        ("ref", "x/refs/heads/main"),
        ("environment", None),
        ("environment", "Production"),
        ("environment", "production2"),
        ("job_workflow_ref", "acme/shop/.github/workflows/other.yml@refs/heads/main"),
        ("job_workflow_ref", "evil/shop/.github/workflows/release.yml@refs/heads/main"),
        ("job_workflow_ref", None),
    ],
)
def test_a_claim_that_differs_refuses_and_is_named(claim: str, found: str | None) -> None:
    good = {"environment": "production", "job_workflow_ref": f"{RELEASE.workflow}@refs/heads/main"}
    with pytest.raises(Forbidden) as refused:
        trust.grant([RELEASE], _claims(**{**good, claim: found}))
    assert refused.value.facts["claim"] == claim
    assert refused.value.facts["mismatches"] == [
        {"claim": claim, "expected": _expected(claim), "found": found},
    ]


def _expected(claim: str) -> str:
    return next(m.expected for m in trust.mismatches(RELEASE, {}) if m.claim == claim)


@pytest.mark.parametrize("event", sorted(trust.REFUSED_EVENTS))
def test_events_that_run_what_strangers_send_are_never_trusted(event: str) -> None:
    with pytest.raises(InvalidRequest, match=event):
        trust.check_rules([replace(PUBLISH, events=("push", event))])
    with pytest.raises(Forbidden, match=event):
        trust.grant([replace(PUBLISH, events=(event,))], _claims(event_name=event))


@pytest.mark.parametrize("pattern", ["*" + "*a" * 100 + "*b", "a*" * 100 + "ab"])
def test_a_pattern_of_many_stars_is_compared_in_one_pass(pattern: str) -> None:
    rule = replace(PUBLISH, refs=(pattern,))
    assert trust.mismatches(rule, _claims(ref="a" * 2_000))
    assert not trust.mismatches(rule, _claims(ref="a" * 2_000 + "b"))


@pytest.mark.parametrize(
    ("pattern", "fits", "differ"),
    [
        ("*", ["", "refs/heads/x", "a\nb"], []),
        ("a", ["a"], ["", "aa", "b"]),
        ("a*a", ["aa", "aba"], ["a", "ab", "ba"]),
        ("*ab*b*", ["abb", "xabxbx"], ["ab", "bab", "bba"]),
        ("a*bc*c", ["abcc", "abcbcc"], ["abc", "abxc"]),
    ],
)
def test_a_star_stands_for_any_characters_or_none(pattern: str, fits: list[str], differ: list[str]) -> None:
    rule = replace(PUBLISH, refs=(pattern,))
    assert [ref for ref in [*fits, *differ] if not trust.mismatches(rule, _claims(ref=ref))] == fits


def test_a_pattern_is_no_regular_expression_and_fits_as_a_whole() -> None:
    rule = replace(PUBLISH, refs=("refs/heads/release-*.x",))
    assert trust.mismatches(rule, _claims(ref="refs/heads/release-1/2.x")) == []
    for ref in (
        "refs/heads/release-1yx",
        "refs/heads/release-1.x.y",
        "refs/heads/release.x",
        "xrefs/heads/release-1.x",
    ):
        assert [m.claim for m in trust.mismatches(rule, _claims(ref=ref))] == ["ref"]


def test_an_app_without_rules_trusts_nobody_and_says_what_would_admit() -> None:
    with pytest.raises(Forbidden, match="No rule names") as refused:
        trust.grant([], _claims())
    would: Any = refused.value.facts["would_admit"]
    assert (would["repository_id"], would["refs"]) == ("74", ["refs/heads/main"])


def test_the_rule_that_would_admit_a_run_admits_just_that_kind_of_run() -> None:
    rule = trust.admitting_rule(_claims(environment="beta"))
    assert rule is not None
    assert trust.mismatches(rule, _claims(environment="beta")) == []
    for changed in ({"ref": "refs/heads/other"}, {"event_name": "schedule"}, {"environment": "production"}):
        assert trust.mismatches(rule, _claims(**{"environment": "beta", **changed}))


@pytest.mark.parametrize("changed", [{"event_name": "workflow_run"}, {"repository_id": None}, {"ref": None}])
def test_no_rule_would_admit_what_cannot_be_trusted(changed: dict[str, str | None]) -> None:
    assert trust.admitting_rule(_claims(**changed)) is None


def test_the_nearest_rule_is_the_one_that_is_told_about() -> None:
    far = replace(PUBLISH, repository_id="1", repository_owner_id="2", events=("schedule",))
    with pytest.raises(Forbidden) as refused:
        trust.grant([far, PUBLISH], _claims(ref="refs/tags/v1"))
    assert refused.value.facts["claim"] == "ref"


@pytest.mark.parametrize(
    "wrong",
    [
        {"repository_id": "acme"},
        {"repository_owner_id": ""},
        {"repository_id": "0"},
        {"repository": "shop"},
        {"events": ()},
        {"refs": ()},
        {"refs": ("",)},
        {"refs": ("x",) * 21},
        {"issuer": ""},
        {"issuer": "token.actions.githubusercontent.com"},
        {"issuer": "https://github.example.com/a b"},
        {"workflow": "release.yml"},
        {"workflow": "acme/shop/*"},
        {"pointers": ("no--good",)},
        {"role": Role.RELEASER},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        trust.check_rules([replace(PUBLISH, **wrong)])
    assert refused.value.facts["where"] in {"trust", "pointer"}
    trust.check_rules([PUBLISH, RELEASE])


def test_rules_are_bounded_in_number() -> None:
    with pytest.raises(InvalidRequest):
        trust.check_rules([PUBLISH] * (trust.MAX_RULES + 1))


@pytest.mark.parametrize(
    ("ref", "branch", "may"),
    [
        ("refs/heads/main", "main", True),
        ("refs/heads/feature", "main", False),
        ("refs/heads/feature/main", "main", False),
        ("refs/pull/7/merge", "main", False),
        ("refs/tags/main", "main", False),
        ("main", "main", False),
        (None, "main", False),
        ("refs/heads/feature", "feature", True),
        ("refs/pull/7/merge", "feature", True),
        ("refs/heads/feature", None, True),
    ],
)
def test_a_branch_that_pointers_follow_is_published_from_itself_only(
    ref: str | None, branch: str | None, may: bool
) -> None:
    if may:
        trust.check_branch(_claims(ref=ref), branch, {"main", "release"})
        return
    with pytest.raises(Forbidden) as refused:
        trust.check_branch(_claims(ref=ref), branch, {"main", "release"})
    assert refused.value.facts["claim"] == "ref"
