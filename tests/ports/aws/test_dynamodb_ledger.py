from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from pullprod_control_plane.adapters.aws import dynamodb_ledger as module
from pullprod_control_plane.adapters.aws.dynamodb_ledger import DynamoDBLedger
from pullprod_control_plane.domain.errors import Busy, PayloadTooLarge
from pullprod_control_plane.ports import Change, Check, Delete, Key, Lost, Put
from tests.ports.aws.dynamodb import client, dynamodb_ledger, table
from tests.support.racing import processes

A, B = Key("p", "a"), Key("p", "b")
WRITERS = 32


@pytest.fixture
def ledger(dynamodb_local: str, tmp_path: Path) -> Iterator[DynamoDBLedger]:
    with dynamodb_ledger(tmp_path, dynamodb_local) as plugged:
        yield plugged


class Faulty:
    """A client of which each call meets the next of `faults`: before it is made, or after it took effect."""

    def __init__(self, behind: Any, *faults: tuple[str, Exception]) -> None:
        self._behind = behind
        self._faults = list(faults)
        self.tokens: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**given: Any) -> Any:
            when, fault = self._faults.pop(0) if self._faults else ("", None)
            if "ClientRequestToken" in given:
                self.tokens.append(given["ClientRequestToken"])
            if when == "before" and fault:
                raise fault
            answer = getattr(self._behind, name)(**given)
            if when == "after" and fault:
                raise fault
            return answer

        return call


def faulty(ledger: DynamoDBLedger, *faults: tuple[str, Exception]) -> tuple[DynamoDBLedger, Faulty]:
    behind = Faulty(ledger._client, *faults)
    return DynamoDBLedger(behind, ledger._table), behind


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "injected"}}, "TransactWriteItems")


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    response: Any = {"Error": {"Code": "TransactionCanceledException", "Message": "x"}, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")


def no_answer() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="http://localhost")


def revision(ledger: DynamoDBLedger, key: Key = A) -> int:
    (item,) = ledger.read([key])
    return item.revision if item else 0


AGAIN = {
    "a conflict": cancelled("None", "TransactionConflict"),
    "a throttled item": cancelled("ThrottlingError", "None"),
    "throughput": cancelled("ProvisionedThroughputExceeded", "TransactionConflict"),
    "throttling": error("ThrottlingException"),
    "a failure of theirs": error("InternalServerError"),
    "in progress": error("TransactionInProgressException"),
    "no answer": no_answer(),
}


@pytest.mark.parametrize("fault", AGAIN.values(), ids=AGAIN)
def test_what_others_or_the_table_kept_from_happening_is_tried_again_under_the_same_token(
    ledger: DynamoDBLedger, fault: Exception
) -> None:
    watched, behind = faulty(ledger, ("before", fault), ("before", fault))
    watched.commit([Put(A, {}, 0), Put(B, {}, 0)])
    assert (revision(ledger), revision(ledger, B)) == (1, 1)
    assert len(behind.tokens) == 3
    assert len(set(behind.tokens)) == 1


def test_a_commit_whose_answer_was_lost_happened_once_and_is_no_loss(ledger: DynamoDBLedger) -> None:
    for expected in range(3):
        watched, behind = faulty(ledger, ("after", no_answer()), ("after", no_answer()))
        watched.commit([Put(A, {"n": expected}, expected), Check(B, 0)])
        assert len(set(behind.tokens)) == 1
        assert revision(ledger) == expected + 1


def test_a_condition_that_does_not_hold_is_never_tried_again(ledger: DynamoDBLedger) -> None:
    ledger.commit([Put(A, {"who": "winner"}, 0)])
    watched, behind = faulty(ledger)
    with pytest.raises(Lost) as lost:
        watched.commit([Put(B, {}, 0), Put(A, {}, 0)])
    assert len(behind.tokens) == 1
    assert lost.value.found is not None
    assert (lost.value.found.key, lost.value.found.revision, lost.value.found.body) == (A, 1, {"who": "winner"})


def test_a_lost_condition_counts_more_than_a_conflict_beside_it(ledger: DynamoDBLedger) -> None:
    watched, _ = faulty(ledger, ("before", cancelled("TransactionConflict", "ConditionalCheckFailed")))
    with pytest.raises(Lost) as lost:
        watched.commit([Put(A, {}, 0), Check(B, 7)])
    assert (lost.value.key, lost.value.found) == (B, None)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"])
def test_a_fault_that_stays_is_not_tried_again(ledger: DynamoDBLedger, code: str) -> None:
    watched, behind = faulty(ledger, ("before", error(code)))
    with pytest.raises(ClientError):
        watched.commit([Put(A, {}, 0)])
    assert len(behind.tokens) == 1
    with pytest.raises(ClientError):
        faulty(ledger, ("before", error(code)))[0].read([A])


def test_patience_has_an_end(ledger: DynamoDBLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    throttled = [("before", error("ThrottlingException"))] * 100
    for act in (
        lambda: faulty(ledger, *throttled)[0].commit([Put(A, {}, 0)]),
        lambda: faulty(ledger, *throttled)[0].read([A]),
        lambda: faulty(ledger, *throttled)[0].scan("p"),
    ):
        with pytest.raises(Busy):
            act()
    assert revision(ledger) == 0


def test_throttled_reads_are_tried_again(ledger: DynamoDBLedger) -> None:
    ledger.commit([Put(A, {}, 0)])
    watched, _ = faulty(ledger, ("before", error("ThrottlingException")), ("before", no_answer()))
    assert [item.key for item in watched.scan("p")] == [A]
    watched, _ = faulty(ledger, ("before", error("ProvisionedThroughputExceededException")))
    assert [item and item.key for item in watched.read([A])] == [A]


def test_what_a_batch_left_over_is_asked_for_again(ledger: DynamoDBLedger) -> None:
    keys = [Key("p", f"{number:03d}") for number in range(101)]
    for start in (0, 50, 100):
        ledger.commit([Put(key, {}, 0) for key in keys[start : start + 50]])

    class Stingy(Faulty):
        def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - as boto3 names it.
            (name, asked), *_ = RequestItems.items()
            first, rest = asked["Keys"][:40], asked["Keys"][40:]
            answer = self._behind.batch_get_item(RequestItems={name: {**asked, "Keys": first}})
            return {**answer, "UnprocessedKeys": {name: {**asked, "Keys": rest}} if rest else {}}

    found = DynamoDBLedger(Stingy(ledger._client), ledger._table).read([*keys, Key("p", "none")])
    assert [item and item.key for item in found] == [*keys, None]


def test_a_scan_goes_on_where_a_page_of_a_megabyte_ends(ledger: DynamoDBLedger) -> None:
    names = [f"{number:02d}" for number in range(12)]
    for name in names:
        ledger.commit([Put(Key("p", name), {"text": "x" * 300_000}, 0)])
    assert [item.key.sort for item in ledger.scan("p")] == names
    assert [item.key.sort for item in ledger.scan("p", newest_first=True, limit=11)] == names[:0:-1]


def test_what_the_table_has_no_room_for_is_refused_before_anything_is_sent(ledger: DynamoDBLedger) -> None:
    watched, behind = faulty(ledger)
    too_large: list[list[Change]] = [
        [Put(A, {"text": "x" * 400_000}, 0)],
        [Put(Key("p", str(number)), {"text": "x" * 350_000}, 0) for number in range(12)],
    ]
    for changes in too_large:
        with pytest.raises(PayloadTooLarge):
            watched.commit(changes)
    assert behind.tokens == []


def test_items_that_stand_are_changed_by_updates_and_new_ones_put_so_that_a_role_can_be_kept_to_adding(
    ledger: DynamoDBLedger,
) -> None:
    sent: list[list[str]] = []

    class Watching(Faulty):
        def transact_write_items(self, **given: Any) -> Any:
            sent.append([next(iter(action)) for action in given["TransactItems"]])
            return self._behind.transact_write_items(**given)

    watched = DynamoDBLedger(Watching(ledger._client), ledger._table)
    watched.commit([Put(A, {}, 0)])
    watched.commit([Put(A, {}, 1), Put(B, {}, 0)])
    watched.commit([Delete(A, 2), Check(B, 1)])
    assert sent == [["Put"], ["Update", "Put"], ["Delete", "ConditionCheck"]]


def test_of_writers_that_expect_the_same_one_wins_and_the_others_learn_who(dynamodb_local: str) -> None:
    name = table(dynamodb_local)
    ledger = DynamoDBLedger(client(dynamodb_local), name)
    for round_ in range(3):
        start = threading.Barrier(WRITERS)

        def attempt(number: int, expected: int = round_, start: threading.Barrier = start) -> Any:
            start.wait()
            try:
                ledger.commit([Put(A, {"by": number}, expected), Put(Key("h", f"{expected}"), {"by": number}, 0)])
            except Lost as lost:
                return lost.found.body["by"] if lost.found else None
            return "won"

        with ThreadPoolExecutor(WRITERS) as threads:
            results = list(threads.map(attempt, range(WRITERS)))
        assert results.count("won") == 1
        assert set(results) == {"won", results.index("won")}
        assert revision(ledger) == round_ + 1


def test_processes_that_try_again_leave_no_gap(dynamodb_local: str) -> None:
    name = table(dynamodb_local)
    context = processes()
    with context.Pool(8) as pool:
        pool.map(_append, [(dynamodb_local, name, number) for number in range(WRITERS)], chunksize=1)
    ledger = DynamoDBLedger(client(dynamodb_local), name)
    history = ledger.scan("h")
    assert revision(ledger) == WRITERS
    assert [item.key.sort for item in history] == [f"{number:03d}" for number in range(WRITERS)]
    assert sorted(int(str(item.body["by"])) for item in history) == list(range(WRITERS))


def _append(job: tuple[str, str, int]) -> None:
    url, name, number = job
    ledger = DynamoDBLedger(client(url), name)
    while True:
        at = revision(ledger)
        try:
            ledger.commit([Put(A, {"by": number}, at), Put(Key("h", f"{at:03d}"), {"by": number}, 0)])
        except Lost:
            continue
        return
