from __future__ import annotations

from typing import Any

import pytest

from pullprod_control_plane.domain.apps import Retention, check
from pullprod_control_plane.domain.errors import InvalidRequest
from tests.support.domain import an_app


def test_a_new_app_guards_production_and_nothing_else() -> None:
    assert an_app().lineage == {"production": "refuse"}
    assert an_app().named_pointers() == {"production"}


def test_every_pointer_of_the_configuration_is_named_by_it() -> None:
    app = an_app(hosts={"live": ("www.example.com",)}, follow={"next": "main"}, lineage={"beta": "off"})
    assert app.named_pointers() == {"production", "live", "next", "beta"}


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"hosts": {"production": ("www.example.com", "example.com"), "next": ("next.example.com",)}},
        {"follow": {"next": "main", "beta": "release/2026"}},
        {"follow": {"next": "b" * 255}},
        {"lineage": {}},
        {"lineage": {"production": "off", "next": "refuse"}},
        {"retention": Retention(1, 1, 1)},
    ],
)
def test_what_can_be_meant_passes(facts: dict[str, Any]) -> None:
    check(an_app(**facts))


@pytest.mark.parametrize(
    ("facts", "where"),
    [
        pytest.param({"hosts": {"Live": ()}}, "pointer", id="a pointer that cannot be one"),
        pytest.param({"follow": {"a--b": "main"}}, "pointer", id="a follower that cannot be one"),
        pytest.param({"lineage": {"": "off"}}, "pointer", id="a guarded pointer that cannot be one"),
        pytest.param({"hosts": {"production": ("localhost",)}}, "hosts", id="a host of one label"),
        pytest.param({"hosts": {"production": ("a.example", "a.example")}}, "hosts", id="a host twice"),
        pytest.param({"hosts": {"a": ("a.example",), "b": ("a.example",)}}, "hosts", id="a host of two pointers"),
        pytest.param({"main": ""}, "follow", id="no main branch"),
        pytest.param({"follow": {"next": ""}}, "follow", id="no followed branch"),
        pytest.param({"follow": {"next": "b" * 256}}, "follow", id="a long branch"),
        pytest.param({"lineage": {"production": "warn"}}, "guards.lineage", id="an unknown setting"),
        pytest.param({"retention": Retention(keep_days=0)}, "retention", id="no days"),
        pytest.param({"retention": Retention(keep_newest=0)}, "retention", id="no newest"),
        pytest.param({"retention": Retention(keep_per_branch=0)}, "retention", id="none per branch"),
        pytest.param({"retention": Retention(idle_branch_days=0)}, "retention", id="idle at once"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(facts: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(an_app(**facts))
    assert refused.value.facts["where"] == where
