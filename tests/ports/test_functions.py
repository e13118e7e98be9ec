"""What every place that runs functions keeps to."""

from __future__ import annotations

import pytest

from pullprod_control_plane.domain.errors import Busy, FunctionRefused
from pullprod_control_plane.ports import Alias
from tests.ports.running import Running
from tests.support.zips import says

PRODUCTION = Alias("shop", "api", "production")


def test_two_programs_of_one_function_answer_at_origins_of_their_own(running: Running) -> None:
    one, two = (running.publish(running.program(says(text))) for text in ("one", "two"))
    assert running.call(one) == (200, b"one")
    assert running.call(two) == (200, b"two")
    assert running.call(one) == (200, b"one")


def test_a_program_that_is_published_again_keeps_its_origin(running: Running) -> None:
    program = running.program(says("one"))
    host = running.publish(program)
    running.publish(running.program(says("two")))
    assert running.functions.publish(program) == host
    assert running.call(host) == (200, b"one")


def test_functions_of_one_name_in_two_apps_are_two(running: Running) -> None:
    body = says("one")
    hosts = {running.publish(running.program(body, app=app)) for app in ("shop", "blog")}
    assert len(hosts) == 2


def test_an_alias_shows_what_it_was_pointed_at(running: Running) -> None:
    one, two = running.program(says("one")), running.program(says("two"))
    for program in (one, two):
        running.publish(program)
    assert running.functions.pointed(PRODUCTION) is None
    running.functions.point(PRODUCTION, one.digest, 1)
    assert running.functions.pointed(PRODUCTION) == one.digest
    running.functions.point(PRODUCTION, two.digest, 2)
    running.functions.point(PRODUCTION, two.digest, 2)
    assert running.functions.pointed(PRODUCTION) == two.digest


def test_an_alias_never_goes_back_to_a_lower_generation(running: Running) -> None:
    one, two = running.program(says("one")), running.program(says("two"))
    for program in (one, two):
        running.publish(program)
    running.functions.point(PRODUCTION, two.digest, 2)
    running.functions.point(PRODUCTION, one.digest, 1)
    running.functions.point(PRODUCTION, None, 1)
    assert running.functions.pointed(PRODUCTION) == two.digest


def test_an_alias_can_go(running: Running) -> None:
    program = running.program(says("one"))
    running.publish(program)
    running.functions.point(PRODUCTION, program.digest, 1)
    for _ in range(2):
        running.functions.point(PRODUCTION, None, 2)
    assert running.functions.pointed(PRODUCTION) is None


def test_pointers_have_aliases_of_their_own_whatever_they_are_called(running: Running) -> None:
    one, two = running.program(says("one")), running.program(says("two"))
    for program in (one, two):
        running.publish(program)
    names = {"production": one, "next": two, "2026": one, "code": two}
    for name, program in names.items():
        running.functions.point(Alias("shop", "api", name), program.digest, 1)
    shown = {name: running.functions.pointed(Alias("shop", "api", name)) for name in names}
    assert shown == {name: program.digest for name, program in names.items()}


def test_what_an_alias_shows_is_not_removed(running: Running) -> None:
    program = running.program(says("one"))
    host = running.publish(program)
    running.functions.point(PRODUCTION, program.digest, 1)
    with pytest.raises(Busy):
        running.functions.remove("shop", "api", program.digest)
    assert running.call(host) == (200, b"one")


def test_a_removed_program_answers_no_more_and_the_others_do(running: Running) -> None:
    one, two = running.program(says("one")), running.program(says("two"))
    gone, there = running.publish(one), running.publish(two)
    for _ in range(2):
        running.functions.remove("shop", "api", one.digest)
    assert running.call(gone)[0] in {403, 404, 502}
    assert running.call(there) == (200, b"two")


def test_removing_what_never_was_is_no_error(running: Running) -> None:
    running.functions.remove("shop", "nothing", "AAAAAAAA")


def test_a_program_whose_zip_is_none_is_refused(running: Running) -> None:
    with pytest.raises(FunctionRefused):
        running.publish(running.program(b"not a zip"))
