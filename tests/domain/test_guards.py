from __future__ import annotations

from typing import Any

import pytest

from pullprod_control_plane.domain.errors import GuardRefused, InvalidRequest, PointerHeld, VersionNotReady
from pullprod_control_plane.domain.guards import OVERRIDABLE, Outcome, Proposal, check_force, enforce, evaluate
from pullprod_control_plane.domain.lineage import Difference
from pullprod_control_plane.domain.pointers import Hold
from pullprod_control_plane.domain.swaps import SwapKind
from pullprod_control_plane.domain.versions import State
from tests.support.domain import BEFORE, LATER, NOW, a_pointer, a_version, an_app, sha

SHOWED = a_pointer(trail=(a_version().id,))
HELD = a_pointer(hold=Hold("launch day", "token:bob", BEFORE))
KEEPS = Difference(("b",), (), complete=True)
LOSES = Difference(("b",), tuple(sha(n) for n in range(7)), complete=True)
UNRELATED = Difference(("b",), ("a",), complete=False)


def a_proposal(**facts: Any) -> Proposal:
    ordinary = {"app": an_app(), "pointer": a_pointer(), "version": a_version(), "commits": KEEPS}
    return Proposal(**{**ordinary, "kind": SwapKind.POINT, "now": NOW, **facts})


def outcome(guard: str, **facts: Any) -> Outcome:
    return {verdict.guard: verdict.outcome for verdict in evaluate(a_proposal(**facts))}[guard]


def test_guards_are_listed_in_one_order() -> None:
    listed = [verdict.guard for verdict in evaluate(a_proposal())]
    assert listed == ["ready", "hold", "lineage", "health", "compatibility", "approval"]


@pytest.mark.parametrize("state", State)
def test_only_a_ready_version_passes(state: State) -> None:
    expected = Outcome.PASS if state is State.READY else Outcome.REFUSE
    assert outcome("ready", version=a_version(state=state)) is expected


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        (None, Outcome.PASS),
        (Hold("why", "who", BEFORE), Outcome.REFUSE),
        (Hold("why", "who", BEFORE, LATER), Outcome.REFUSE),
        (Hold("why", "who", BEFORE, NOW), Outcome.PASS),
        (Hold("why", "who", BEFORE, BEFORE), Outcome.PASS),
    ],
)
def test_a_hold_refuses_until_it_expires(hold: Hold | None, expected: Outcome) -> None:
    assert outcome("hold", pointer=a_pointer(hold=hold)) is expected


@pytest.mark.parametrize(
    ("facts", "expected", "why"),
    [
        ({}, Outcome.PASS, "nothing is lost"),
        ({"commits": LOSES}, Outcome.REFUSE, "users would lose commits"),
        ({"commits": UNRELATED}, Outcome.REFUSE, "nothing connects the two"),
        ({"commits": LOSES, "kind": SwapKind.ROLLBACK, "pointer": SHOWED}, Outcome.OFF, "a rollback loses commits"),
        ({"commits": LOSES, "kind": SwapKind.POINT, "pointer": SHOWED}, Outcome.REFUSE, "it is no rollback"),
        ({"commits": LOSES, "kind": SwapKind.ROLLBACK}, Outcome.REFUSE, "there is nothing to go back to"),
        ({"commits": UNRELATED, "kind": SwapKind.ROLLBACK}, Outcome.REFUSE, "it was never shown"),
        ({"commits": KEEPS, "kind": SwapKind.ROLLBACK}, Outcome.PASS, "never shown, and loses nothing"),
        ({"commits": LOSES, "pointer": a_pointer("next")}, Outcome.OFF, "only production is guarded by default"),
        ({"commits": LOSES, "app": an_app(lineage={"production": "off"})}, Outcome.OFF, "it was switched off"),
        ({"commits": LOSES, "app": an_app(lineage={})}, Outcome.OFF, "it is not configured"),
        (
            {"commits": LOSES, "pointer": a_pointer("next"), "app": an_app(lineage={"next": "refuse"})},
            Outcome.REFUSE,
            "it was switched on for this pointer",
        ),
    ],
)
def test_lineage_refuses_where_it_is_on_and_users_would_lose(
    facts: dict[str, Any], expected: Outcome, why: str
) -> None:
    assert outcome("lineage", **facts) is expected, why


def test_a_lineage_refusal_counts_the_lost_commits_and_names_five() -> None:
    detail = evaluate(a_proposal(commits=LOSES))[2].detail
    assert "7 commit(s)" in detail
    assert [sha(n)[:12] in detail for n in range(7)] == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    ("health", "unhealthy", "expected"),
    [
        ((), None, Outcome.OFF),
        (("/",), None, Outcome.PASS),
        (("/",), "/ answers 500", Outcome.REFUSE),
    ],
)
def test_health_refuses_what_answers_badly(health: tuple[str, ...], unhealthy: str | None, expected: Outcome) -> None:
    assert outcome("health", version=a_version(health=health), unhealthy=unhealthy) is expected


@pytest.mark.parametrize("guard", ["compatibility", "approval"])
def test_what_is_not_configured_is_off(guard: str) -> None:
    assert outcome(guard) is Outcome.OFF


def test_every_refusal_that_force_may_override_says_so() -> None:
    refusing = a_proposal(pointer=HELD, commits=LOSES, version=a_version(health=("/",)), unhealthy="no answer")
    overridable = {verdict.guard for verdict in evaluate(refusing) if verdict.overridable}
    assert overridable == OVERRIDABLE == {"hold", "lineage", "health"}


@pytest.mark.parametrize(
    ("force", "expected"),
    [((), ()), (["lineage"], ("lineage",)), (["lineage", "hold", "lineage"], ("hold", "lineage"))],
)
def test_force_names_each_guard_once(force: list[str], expected: tuple[str, ...]) -> None:
    assert check_force(force) == expected


@pytest.mark.parametrize("name", ["ready", "approval", "compatibility", "", "Hold", "all"])
def test_force_names_no_guard_that_stands_always(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be forced"):
        check_force([name])


@pytest.mark.parametrize(
    ("facts", "force", "error"),
    [
        ({"version": a_version(state=State.REVOKED)}, ["hold", "lineage", "health"], VersionNotReady),
        ({"version": a_version(state=State.UPLOADING), "pointer": HELD}, [], VersionNotReady),
        ({"pointer": HELD}, [], PointerHeld),
        ({"pointer": HELD}, ["lineage"], PointerHeld),
        ({"pointer": HELD, "commits": LOSES}, ["hold"], GuardRefused),
        ({"commits": LOSES}, ["health"], GuardRefused),
        ({"version": a_version(health=("/",)), "unhealthy": "/ answers 500"}, [], GuardRefused),
    ],
)
def test_the_first_refusal_that_is_not_forced_is_raised(
    facts: dict[str, Any], force: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        enforce(a_proposal(**facts), force)


def test_a_refusal_tells_all_verdicts_and_what_would_be_lost() -> None:
    with pytest.raises(GuardRefused) as refused:
        enforce(a_proposal(commits=LOSES), [])
    assert refused.value.facts["guard"] == "lineage"
    assert refused.value.facts["lost"] == list(LOSES.lost)
    guards: Any = refused.value.facts["guards"]
    assert [verdict["outcome"] for verdict in guards] == [
        "pass", "pass", "refuse", "off", "off", "off",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "force", "overridden"),
    [
        ({}, [], ()),
        ({}, ["hold", "lineage", "health"], ()),
        ({"pointer": HELD}, ["hold"], ("hold",)),
        ({"pointer": HELD, "commits": LOSES}, ["lineage", "hold"], ("hold", "lineage")),
    ],
)
def test_only_what_refused_is_recorded_as_overridden(
    facts: dict[str, Any], force: list[str], overridden: tuple[str, ...]
) -> None:
    assert enforce(a_proposal(**facts), force) == overridden
