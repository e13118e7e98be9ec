from __future__ import annotations

from typing import Any

import pytest

from pullprod_control_plane.domain.hosts import Records
from pullprod_control_plane.ports import HERE, Names, RecordsDiffer
from tests.ports.aws.names import Managed

WWW, SHOP = "www.example.com", "shop.example.com"


def record(host: str, kind: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"Name": f"{host}.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": v} for v in values], **more}


def records(names: Names, host: str) -> Records:
    (lead,) = names.look([host])
    assert lead.records is not None
    return lead.records


def wanted(names: Names, host: str) -> Records:
    (lead,) = names.look([host])
    assert lead.wanted is not None
    return lead.wanted


def test_the_edge_answers_for_a_name_that_it_was_given(names: Names) -> None:
    names.check([WWW, SHOP])
    for _ in range(2):
        names.give(WWW, HERE)
    assert names.look([WWW])[0].holder == HERE


def test_names_are_looked_at_in_the_order_asked_for(names: Names) -> None:
    assert names.look([]) == []
    names.give(WWW, HERE)
    assert [len(names.look(hosts)) for hosts in ([WWW, SHOP], [SHOP])] == [2, 1]
    assert names.look([SHOP, WWW])[1] == names.look([WWW])[0]


def test_checking_changes_nothing(names: Names) -> None:
    before = names.look([WWW])
    names.check([WWW])
    names.check([])
    assert names.look([WWW]) == before


def test_a_change_that_is_not_known_tells_so(names: Names) -> None:
    assert names.in_sync("/change/C0000000UNKNOWN") is None


def test_who_manages_dns_returns_records_and_who_does_not_says_what_to_create(names: Names) -> None:
    (lead,) = names.look([WWW])
    assert (lead.records is None) == (lead.wanted is None)
    assert lead.records is not None or (lead.advice and WWW in lead.advice)


def test_a_name_is_let_go_and_taken_again(managed: Managed) -> None:
    for _ in range(2):
        managed.names.give(WWW, HERE)
        managed.go_on()
        assert managed.names.look([WWW])[0].spread
        for _ in range(2):
            managed.names.give(WWW, None)
        assert managed.names.look([WWW])[0].holder is None


def test_other_names_stay_when_one_goes(managed: Managed) -> None:
    managed.names.give(WWW, HERE)
    managed.names.give(SHOP, HERE)
    managed.names.give(WWW, None)
    assert [lead.holder for lead in managed.names.look([WWW, SHOP])] == [None, HERE]


def test_a_name_without_records_gets_a_pair_that_leads_here(managed: Managed) -> None:
    managed.names.give(WWW, HERE)
    pair = wanted(managed.names, WWW)
    managed.names.replace(WWW, (), pair)
    assert [(entry["Type"], entry["AliasTarget"]["EvaluateTargetHealth"]) for entry in _any(pair)] == [
        ("A", False),
        ("AAAA", False),
    ]
    assert records(managed.names, WWW) == wanted(managed.names, WWW)


def _any(entries: Records) -> list[Any]:
    return list(entries)


FORMER = {
    "an address": [record(WWW, "A", "192.0.2.1")],
    "two families": [record(WWW, "A", "192.0.2.1", "192.0.2.2"), record(WWW, "AAAA", "2001:db8::1")],
    "another name": [record(WWW, "CNAME", "shop.hosting.test")],
    "weights": [record(WWW, "A", f"192.0.2.{n}", SetIdentifier=f"server-{n}", Weight=n) for n in range(1, 6)],
}


@pytest.mark.parametrize("former", FORMER)
def test_records_are_replaced_and_put_back_as_they_were(managed: Managed, former: str) -> None:
    managed.put(FORMER[former])
    managed.put([record(SHOP, "A", "192.0.2.9"), record("example.com", "A", "192.0.2.8")])
    managed.names.give(WWW, HERE)
    found = records(managed.names, WWW)
    assert sorted(str(entry["SetIdentifier"]) if "SetIdentifier" in entry else "" for entry in found) == sorted(
        str(entry.get("SetIdentifier", "")) for entry in FORMER[former]
    )
    managed.names.replace(WWW, found, wanted(managed.names, WWW))
    assert records(managed.names, WWW) == wanted(managed.names, WWW)
    managed.names.replace(WWW, wanted(managed.names, WWW), found)
    assert records(managed.names, WWW) == found
    assert [len(records(managed.names, host)) for host in (SHOP, "example.com")] == [1, 1]


@pytest.mark.parametrize(
    "stale",
    [
        [record(WWW, "A", "192.0.2.7")],
        [record(WWW, "A", "192.0.2.1", TTL=61)],
        [record(WWW, "A", "192.0.2.1"), record(WWW, "AAAA", "2001:db8::1")],
        [],
    ],
)
def test_records_that_are_not_exactly_the_expected_are_left_alone(
    managed: Managed, stale: list[dict[str, Any]]
) -> None:
    managed.put([record(WWW, "A", "192.0.2.1")])
    managed.names.give(WWW, HERE)
    with pytest.raises(RecordsDiffer):
        managed.names.replace(WWW, tuple(stale), wanted(managed.names, WWW))
    assert [entry["Type"] for entry in records(managed.names, WWW)] == ["A"]
    assert records(managed.names, WWW) != wanted(managed.names, WWW)


def test_of_two_replacements_of_the_same_records_one_is_made(managed: Managed) -> None:
    managed.put([record(WWW, "A", "192.0.2.1")])
    managed.names.give(WWW, HERE)
    old, new = records(managed.names, WWW), wanted(managed.names, WWW)
    managed.names.replace(WWW, old, new)
    with pytest.raises(RecordsDiffer):
        managed.names.replace(WWW, old, new)
    assert records(managed.names, WWW) == wanted(managed.names, WWW)


def test_replacing_records_by_themselves_is_a_change_that_can_be_waited_for(managed: Managed) -> None:
    managed.names.give(WWW, HERE)
    managed.names.replace(WWW, (), wanted(managed.names, WWW))
    here = records(managed.names, WWW)
    change = managed.names.replace(WWW, here, here)
    assert records(managed.names, WWW) == here
    assert managed.names.in_sync(change) is False
    managed.go_on()
    assert managed.names.in_sync(change) is True


def test_records_of_other_kinds_are_nobodys_business(managed: Managed) -> None:
    managed.put([record(WWW, "TXT", '"v=spf1 -all"'), record(WWW, "MX", "10 mail.example.com.")])
    managed.names.give(WWW, HERE)
    assert records(managed.names, WWW) == ()
    managed.names.replace(WWW, (), wanted(managed.names, WWW))
    managed.names.replace(WWW, wanted(managed.names, WWW), ())
    assert records(managed.names, WWW) == ()
