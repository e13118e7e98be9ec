"""Lambda functions where it is hard: killed, overtaken, throttled or kept waiting between any two calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import botocore.session
import pytest

from pullprod_control_plane.adapters.aws.lambda_functions import LambdaFunctions
from pullprod_control_plane.adapters.aws.lambda_worker import LambdaWorker
from pullprod_control_plane.domain.errors import Busy, FunctionRefused, NotFound, StorageFull
from pullprod_control_plane.domain.functions import RUNTIMES
from pullprod_control_plane.ports import Alias
from tests.ports.aws.lambda_functions import DISTRIBUTION, Strict, publish
from tests.support.strict_lambda import fault
from tests.support.tapped import Killed, Tapped
from tests.support.zips import says

PRODUCTION = Alias("shop", "api", "production")
ONE, TWO = says("one"), says("two")


@pytest.fixture
def aws() -> Strict:
    return Strict()


def tapped(aws: Strict, before: Callable[[int, str], None], after: Callable[[int, str], None]) -> LambdaFunctions:
    """Return the adapter over the same Lambda, each of whose calls is told with its number, from 0.

    A call that is refused is told before it only.
    """
    made: list[str] = []

    def begin(name: str, _: object) -> None:
        made.append(name)
        before(len(made) - 1, name)

    return aws.over(Tapped(aws.lambdas, "lambda", begin, lambda name, _: after(len(made) - 1, name)))


def _nothing(_number: int, _name: str) -> None:
    """Let the call be."""


def calls_of(act: Callable[[Strict, LambdaFunctions], object]) -> list[str]:
    names: list[str] = []
    aws = Strict()
    act(aws, tapped(aws, lambda _, name: names.append(name), _nothing))
    return names


def publish_second(aws: Strict, functions: LambdaFunctions) -> str:
    """Publish a program where another one is there already, which takes every kind of step but the first creation."""
    aws.publish(aws.program(ONE))
    return publish(functions, aws.program(TWO))


def publish_first(aws: Strict, functions: LambdaFunctions) -> str:
    return publish(functions, aws.program(ONE))


def move(aws: Strict, functions: LambdaFunctions) -> None:
    for number, body in enumerate((ONE, TWO), 1):
        aws.publish(aws.program(body))
        functions.point(PRODUCTION, aws.program(body).digest, number)


def remove(aws: Strict, functions: LambdaFunctions) -> None:
    one = aws.program(ONE)
    if not aws.lambdas.made:
        aws.publish(one)
        aws.publish(aws.program(TWO))
    functions.remove("shop", "api", one.digest)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("act", [publish_first, publish_second, move, remove])
def test_killed_at_any_call_it_is_finished_by_doing_it_again(
    act: Callable[[Strict, LambdaFunctions], object], after: bool
) -> None:
    calls = calls_of(act)
    assert len(calls) > 3
    for number, name in enumerate(calls):
        aws = Strict()

        def die(at: int, _: str, number: int = number) -> None:
            if at == number:
                raise Killed

        with suppress(Killed):
            act(aws, tapped(aws, _nothing, die) if after else tapped(aws, die, _nothing))
        act(aws, aws.functions)
        assert standing(aws) == whole(act), f"killed at call {number}, {name}"


def standing(aws: Strict) -> dict[str, Any]:
    """Return what there is of the function: versions by digest, aliases with what they show, URLs, permissions."""
    [made] = aws.lambdas.made.values()
    digests = {number: state["Description"] for number, (state, _) in made.versions.items()}
    return {
        "versions": sorted(digests.values()),
        "aliases": {name: digests[alias["FunctionVersion"]] for name, alias in made.aliases.items()},
        "urls": sorted(made.urls),
        "permissions": {alias: len(made.policies[alias]) for alias in made.urls},
    }


def whole(act: Callable[[Strict, LambdaFunctions], object]) -> dict[str, Any]:
    aws = Strict()
    act(aws, aws.functions)
    return standing(aws)


@pytest.mark.parametrize(
    "code", ["ResourceConflictException", "PreconditionFailedException", "TooManyRequestsException"]
)
@pytest.mark.parametrize("act", [publish_first, publish_second, move])
def test_refused_for_the_moment_at_any_call_it_is_tried_again(
    act: Callable[[Strict, LambdaFunctions], object], code: str
) -> None:
    calls = calls_of(act)
    for number in range(len(calls)):
        aws = Strict()

        def refuse(at: int, _: str, number: int = number) -> None:
            if at == number:
                raise fault(code)

        act(aws, tapped(aws, refuse, _nothing))
        assert standing(aws) == whole(act)


def test_a_program_that_is_there_costs_two_calls(aws: Strict) -> None:
    program = aws.program(ONE)
    aws.publish(program)
    names: list[str] = []
    tapped(aws, lambda _, name: names.append(name), _nothing).publish(program)
    assert names == ["lambda.get_function_url_config", "lambda.get_function_configuration"]


def test_nothing_waits_inside_a_call(aws: Strict) -> None:
    aws.lambdas.slow = 3
    program = aws.program(ONE)
    hosts = [aws.functions.publish(program) for _ in range(10)]
    assert hosts[0] is None
    assert hosts[-1] is not None


def test_two_who_publish_at_once_get_an_origin_each_of_their_own_program(aws: Strict) -> None:
    programs = [aws.program(ONE), aws.program(TWO), aws.program(ONE, memory_mb=1_024)]
    hosts: dict[str, str] = {}
    for _ in range(60):
        for program in programs:
            if host := aws.functions.publish(program):
                hosts[program.digest] = host
    assert [aws.call(hosts[program.digest])[1] for program in programs] == [b"one", b"two", b"one"]
    assert standing(aws)["versions"] == sorted(program.digest for program in programs)


def test_what_somebody_left_unpublished_is_taken_over_after_a_while(aws: Strict) -> None:
    aws.functions.publish(aws.program(ONE))
    other = aws.program(TWO)
    assert [aws.functions.publish(other) for _ in range(20)] == [None] * 20
    aws.clock.moment += timedelta(seconds=61)
    assert aws.call(aws.publish(other)) == (200, b"two")


def test_an_update_that_failed_is_told_with_its_reason_and_the_next_program_goes_on(aws: Strict) -> None:
    program = aws.program(ONE)
    aws.functions.publish(program)
    [made] = aws.lambdas.made.values()
    made.latest |= {"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "The key is gone."}
    with pytest.raises(FunctionRefused, match=r"function api: The key is gone\."):
        aws.functions.publish(program)
    made.latest |= {"LastUpdateStatus": "Failed"}
    assert aws.call(aws.publish(aws.program(TWO))) == (200, b"two")


def test_a_version_that_cannot_start_is_told_with_its_reason(aws: Strict) -> None:
    program = aws.program(ONE)
    aws.publish(program)
    [made] = aws.lambdas.made.values()
    made.versions["1"][0].update(State="Failed", StateReason="No room.")
    with pytest.raises(FunctionRefused, match="No room"):
        aws.functions.publish(program)


def test_a_function_that_slept_is_published_to_and_a_version_that_sleeps_is_there(aws: Strict) -> None:
    aws.publish(aws.program(ONE))
    [made] = aws.lambdas.made.values()
    made.latest["State"] = made.versions["1"][0]["State"] = "Inactive"
    assert aws.functions.publish(aws.program(ONE)) is not None
    assert aws.call(aws.publish(aws.program(TWO))) == (200, b"two")


def test_no_room_for_code_says_so(aws: Strict) -> None:
    def refuse(_: int, name: str) -> None:
        if name == "lambda.create_function":
            raise fault("CodeStorageExceededException")

    with pytest.raises(StorageFull, match="Prune"):
        tapped(aws, refuse, _nothing).publish(aws.program(ONE))


def test_only_the_distribution_may_call_and_only_through_the_url(aws: Strict) -> None:
    aws.publish(aws.program(ONE))
    [made] = aws.lambdas.made.values()
    [policy] = made.policies.values()
    caller = {"Principal": "cloudfront.amazonaws.com", "SourceArn": DISTRIBUTION}
    allowed = [
        {key: given[key] for key in given if key not in {"StatementId", "FunctionName"}} for given in policy.values()
    ]
    qualified = {"Qualifier": f"code_{aws.program(ONE).digest}", **caller}
    assert allowed == [
        {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "AWS_IAM", **qualified},
        {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True, **qualified},
    ]


def test_an_alias_that_others_move_meanwhile_is_looked_at_again(aws: Strict) -> None:
    move(aws, aws.functions)
    one, two = aws.program(ONE).digest, aws.program(TWO).digest

    def overtake(_: int, name: str) -> None:
        if name == "lambda.update_alias" and aws.functions.pointed(PRODUCTION) == two:
            aws.functions.point(PRODUCTION, one, 9)

    tapped(aws, overtake, _nothing).point(PRODUCTION, one, 3)
    assert aws.functions.pointed(PRODUCTION) == one
    [made] = aws.lambdas.made.values()
    assert made.aliases["production"]["Description"] == "generation 9"


def test_an_alias_that_others_always_move_first_makes_busy(aws: Strict) -> None:
    move(aws, aws.functions)

    def refuse(_: int, name: str) -> None:
        if name == "lambda.update_alias":
            raise fault("PreconditionFailedException")

    with pytest.raises(Busy):
        tapped(aws, refuse, _nothing).point(PRODUCTION, aws.program(ONE).digest, 3)


def test_weights_that_somebody_gave_an_alias_are_drift_and_are_cleared(aws: Strict) -> None:
    move(aws, aws.functions)
    [made] = aws.lambdas.made.values()
    made.aliases["production"]["RoutingConfig"] = {"AdditionalVersionWeights": {"1": 0.5}}
    two = aws.program(TWO).digest
    assert aws.functions.pointed(PRODUCTION) is None
    aws.functions.point(PRODUCTION, two, 2)
    assert aws.functions.pointed(PRODUCTION) == two


def test_an_alias_shows_only_what_is_published(aws: Strict) -> None:
    aws.publish(aws.program(ONE))
    with pytest.raises(NotFound):
        aws.functions.point(PRODUCTION, "AAAAAAAA", 1)


@pytest.mark.parametrize("app", ["a", "a" * 30])
def test_names_are_names_of_lambda_functions_and_no_two_share_one(aws: Strict, app: str) -> None:
    names = {aws.functions._name(app, name) for name in ("b", "b" * 20, "c-" + "b" * 18)}
    assert len(names) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names)
    assert all(name.startswith(f"{aws.place.prefix}-") for name in names)


def test_lambda_knows_every_runtime_that_we_take() -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    known: Any = model.shape_for("Runtime")
    assert set(RUNTIMES) <= set(known.enum)


def test_the_worker_is_woken_without_waiting_for_it() -> None:
    woken: list[dict[str, str]] = []

    class Client:
        def invoke(self, **given: str) -> None:
            woken.append(given)

    LambdaWorker(Client(), "reconciler").wake()  # type: ignore[arg-type] # All that it calls.
    assert woken == [{"FunctionName": "reconciler", "InvocationType": "Event"}]


def test_a_worker_that_cannot_be_woken_fails_nobody() -> None:
    class Client:
        def invoke(self, **_: str) -> None:
            raise fault("TooManyRequestsException")

    LambdaWorker(Client(), "reconciler").wake()  # type: ignore[arg-type] # As above.
