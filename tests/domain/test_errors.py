"""The tree of errors: complete, with codes that are unique and stable."""

from __future__ import annotations

import importlib
import inspect
import re
from pkgutil import iter_modules

import pytest

from pullprod_control_plane import domain
from pullprod_control_plane.domain import errors
from pullprod_control_plane.domain.errors import PullprodError

CLASSES: list[type[PullprodError]] = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, PullprodError) and found is not PullprodError
]
TREE = dict(re.findall(r"^[├└]── (\w+) +([a-z-]+)", errors.__doc__ or "", re.MULTILINE))


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    assert {found.__name__: found.code for found in CLASSES} == TREE


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_stands_below_the_base_with_a_code_and_a_title(error: type[PullprodError]) -> None:
    assert error.__bases__ == (PullprodError,)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
    assert error.title
    assert not error.title.endswith(".")


def test_no_two_errors_share_a_code() -> None:
    assert len({error.code for error in CLASSES}) == len(CLASSES)


def test_no_other_module_of_the_domain_makes_errors_of_its_own() -> None:
    modules = [importlib.import_module(f"{domain.__name__}.{found.name}") for found in iter_modules(domain.__path__)]
    classes = {found for module in modules for _, found in inspect.getmembers(module, inspect.isclass)}
    assert {found for found in classes if issubclass(found, Exception)} == {PullprodError, *CLASSES}


def test_an_error_carries_its_sentence_and_its_facts() -> None:
    error = errors.NotFound("There is no app 'x'.", app="x")
    assert str(error) == error.detail == "There is no app 'x'."
    assert error.facts == {"app": "x"}
