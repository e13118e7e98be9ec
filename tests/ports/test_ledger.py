from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pullprod_control_plane.domain.json import Json
from pullprod_control_plane.ports import MAX_CHANGES, Change, Check, Delete, Key, Ledger, Lost, Put

A, B, C = Key("p", "a"), Key("p", "b"), Key("q", "a")
BODY: dict[str, Json] = {
    "text": "né\x00\n€😀",
    "n": 7,
    "no": None,
    "yes": True,
    "list": [1, ["x"], {}],
    "map": {"z": 1, "a": {"b": []}},
}


def sorts(ledger: Ledger, partition: str = "p", **how: Any) -> list[str]:
    return [item.key.sort for item in ledger.scan(partition, **how)]


def fill(ledger: Ledger, *names: str, partition: str = "p") -> None:
    ledger.commit([Put(Key(partition, name), {"name": name}, 0) for name in names])


def test_an_item_that_was_never_written_reads_as_none(ledger: Ledger) -> None:
    assert ledger.read([A, C]) == [None, None]
    assert ledger.read([]) == []


def test_what_is_too_long_for_a_key_is_not_there(ledger: Ledger) -> None:
    fill(ledger, "a", "b")
    long = "b" * 5_000
    assert ledger.read([Key("p", long), Key(long, "a"), A]) == [None, None, *ledger.read([A])]
    assert (sorts(ledger, long), sorts(ledger, prefix=long)) == ([], [])
    assert (sorts(ledger, after=long), sorts(ledger, after="a" + long)) == ([], ["b"])
    assert sorts(ledger, after="c" + long, newest_first=True) == ["b", "a"]


def test_a_body_reads_as_it_was_written(ledger: Ledger) -> None:
    ledger.commit([Put(A, BODY, 0)])
    (item,) = ledger.read([A])
    assert item is not None
    assert (item.key, item.revision, item.body) == (A, 1, BODY)


def test_items_read_in_the_order_asked_for_and_across_partitions(ledger: Ledger) -> None:
    ledger.commit([Put(A, {"is": "A"}, 0), Put(C, {"is": "C"}, 0)])
    assert [item and item.body["is"] for item in ledger.read([C, B, A, C])] == ["C", None, "A", "C"]


def test_each_write_counts_the_revision_on(ledger: Ledger) -> None:
    for expected in range(3):
        ledger.commit([Put(A, {"n": expected}, expected)])
    (item,) = ledger.read([A])
    assert item is not None
    assert (item.revision, item.body) == (3, {"n": 2})


@pytest.mark.parametrize("expected", [0, 1, 3])
@pytest.mark.parametrize("kind", ["put", "delete", "check"])
def test_another_revision_than_expected_loses_and_changes_nothing(ledger: Ledger, kind: str, expected: int) -> None:
    ledger.commit([Put(A, {"n": 1}, 0)])
    ledger.commit([Put(A, {"n": 2}, 1)])
    changes: dict[str, Change] = {
        "put": Put(A, {}, expected),
        "delete": Delete(A, expected),
        "check": Check(A, expected),
    }
    with pytest.raises(Lost) as lost:
        ledger.commit([Put(B, {}, 0), changes[kind], Put(C, {}, 0)])
    assert lost.value.key == A
    assert lost.value.found == ledger.read([A])[0]
    (item, *others) = ledger.read([A, B, C])
    assert item is not None
    assert (item.revision, item.body, others) == (2, {"n": 2}, [None, None])


def test_lost_names_the_first_that_differed(ledger: Ledger) -> None:
    with pytest.raises(Lost) as lost:
        ledger.commit([Put(A, {}, 0), Check(C, 1), Put(B, {}, 5)])
    assert (lost.value.key, lost.value.found) == (C, None)


def test_an_item_that_is_absent_is_at_revision_zero(ledger: Ledger) -> None:
    ledger.commit([Check(A, 0), Delete(B, 0)])
    assert ledger.read([A, B]) == [None, None]


def test_a_check_leaves_the_item_as_it_is(ledger: Ledger) -> None:
    fill(ledger, "a")
    before = ledger.read([A])
    ledger.commit([Check(A, 1), Put(B, {}, 0)])
    assert ledger.read([A]) == before


def test_an_item_comes_back_after_its_removal_at_revision_one(ledger: Ledger) -> None:
    fill(ledger, "a")
    ledger.commit([Delete(A, 1)])
    assert ledger.read([A]) == [None]
    assert sorts(ledger) == []
    ledger.commit([Put(A, {"again": True}, 0)])
    (item,) = ledger.read([A])
    assert item is not None
    assert (item.revision, item.body) == (1, {"again": True})


def test_a_commit_takes_a_hundred_changes_and_no_more(ledger: Ledger) -> None:
    changes = [Put(Key("p", f"{n:03d}"), {}, 0) for n in range(MAX_CHANGES + 1)]
    with pytest.raises(ValueError, match="100"):
        ledger.commit(changes)
    assert sorts(ledger) == []
    ledger.commit(changes[:-1])
    assert len(sorts(ledger)) == 100


def test_two_changes_of_one_key_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="key"):
        ledger.commit([Put(A, {}, 0), Check(A, 0)])
    assert ledger.read([A]) == [None]


def test_a_scan_stays_in_its_partition_and_in_byte_order(ledger: Ledger) -> None:
    names = ["", "#", "0", "Z", "a", "a0", "b", "é", "\uffff", "😀"]
    fill(ledger, *reversed(names[1:]))
    fill(ledger, "a", "x", partition="p#")
    assert sorts(ledger) == names[1:]
    assert sorts(ledger, newest_first=True) == names[:0:-1]
    assert sorts(ledger, "nobody") == []


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_prefix_is_taken_literally(ledger: Ledger, newest_first: bool) -> None:
    fill(ledger, "a%", "a%b", "a_", "axb", "A%", "a", "a%😀", "b", "a\U0010ffff", "a\U0010ffff\U0010ffff", "a\x00")
    assert sorted(sorts(ledger, prefix="a%", newest_first=newest_first)) == ["a%", "a%b", "a%😀"]
    assert sorts(ledger, prefix="a_", newest_first=newest_first) == ["a_"]
    assert len(sorts(ledger, prefix="a\U0010ffff", newest_first=newest_first)) == 2
    assert len(sorts(ledger, prefix="a", newest_first=newest_first)) == 9


def test_after_excludes_itself_in_the_direction_of_reading(ledger: Ledger) -> None:
    fill(ledger, "v#1", "v#2", "v#2\x00", "v#3", "w#1")
    assert sorts(ledger, prefix="v#", after="v#2") == ["v#2\x00", "v#3"]
    assert sorts(ledger, prefix="v#", after="v#2", newest_first=True) == ["v#1"]
    assert sorts(ledger, prefix="v#", after="v#15") == ["v#2", "v#2\x00", "v#3"]
    assert sorts(ledger, prefix="v#", after="a") == ["v#1", "v#2", "v#2\x00", "v#3"]
    assert sorts(ledger, prefix="v#", after="z", newest_first=True) == ["v#3", "v#2\x00", "v#2", "v#1"]
    assert sorts(ledger, prefix="v#", after="z") == []
    assert sorts(ledger, prefix="v#", after="a", newest_first=True) == []


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_together_are_the_whole(ledger: Ledger, newest_first: bool) -> None:
    names = [f"n#{number:03d}" for number in range(23)]
    fill(ledger, *names, "m", "o")
    found: list[str] = []
    while page := sorts(ledger, prefix="n#", limit=5, after=found[-1] if found else None, newest_first=newest_first):
        assert len(page) <= 5
        found += page
    assert found == (names[::-1] if newest_first else names)


def test_threads_that_try_again_lose_no_increment(ledger: Ledger) -> None:
    ledger.commit([Put(A, {"n": 0}, 0)])

    def increment(_: int) -> None:
        while True:
            (item,) = ledger.read([A])
            assert item is not None
            try:
                return ledger.commit([Put(A, {"n": item.revision}, item.revision)])
            except Lost:
                continue

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(increment, range(80)))
    (item,) = ledger.read([A])
    assert item is not None
    assert (item.revision, item.body) == (81, {"n": 80})
