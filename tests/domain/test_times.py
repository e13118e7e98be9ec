from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.errors import InvalidRequest
from pullprod_control_plane.domain.times import parse, stamp

MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=st.just(timezone.utc))  # noqa: DTZ001 - bounds.


@given(MOMENTS)
def test_a_stamp_reads_back_as_the_same_moment(moment: datetime) -> None:
    assert parse(stamp(moment), "at") == moment


@given(MOMENTS, MOMENTS)
def test_the_order_of_stamps_is_the_order_of_moments(one: datetime, other: datetime) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)


@pytest.mark.parametrize(
    ("text", "stamped"),
    [
        ("2026-11-24T05:25:52Z", "2026-11-24T05:25:52.000000Z"),
        ("2026-11-24T05:25:52.500+00:00", "2026-11-24T05:25:52.500000Z"),
        ("2026-11-24T05:25:52+02:00", "2026-11-24T03:25:52.000000Z"),
        ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000000Z"),
        ("0999-01-01T00:00:00Z", "0999-01-01T00:00:00.000000Z"),
    ],
)
def test_every_zone_becomes_utc(text: str, stamped: str) -> None:
    assert stamp(parse(text, "at")) == stamped


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026-11-24T05:25:52", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-11-24", "x" * 999],
)
def test_what_is_no_time_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no time") as refused:
        parse(text, "until")
    assert refused.value.facts["where"] == "until"
