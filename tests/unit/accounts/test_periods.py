"""Weeks, months and quarters in UTC, held against the calendar of the standard library."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gputsne.accounts.periods import EVERY, period_of, periods

MOMENTS = st.datetimes(
    min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)
)


@given(MOMENTS, st.sampled_from(EVERY))
def test_a_moment_lies_in_its_period_and_periods_leave_no_gap(moment, every):
    found = period_of(moment, every)
    assert moment in found
    assert found.start.timetz() == datetime(2026, 1, 1, tzinfo=UTC).timetz()
    assert period_of(found.end, every).start == found.end
    assert period_of(found.end - timedelta(microseconds=1), every) == found


@given(MOMENTS)
def test_names_are_those_of_the_calendar(moment):
    year, week, _ = moment.date().isocalendar()
    assert period_of(moment, "week").name == f"{year}-W{week:02}"
    assert period_of(moment, "week").start.date() == date.fromisocalendar(year, week, 1)
    assert period_of(moment, "month").name == moment.strftime("%Y-%m")
    assert period_of(moment, "quarter").name == f"{moment.year}-Q{(moment.month + 2) // 3}"


def test_the_zone_of_a_moment_does_not_matter():
    there = datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert period_of(there, "month").name == "2026-11"


def test_periods_from_one_moment_to_another():
    first, last = datetime(2025, 11, 30, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    names = [period.name for period in periods("month", first, last)]
    assert names == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert periods("month", last, first) == ()
    with pytest.raises(ValueError, match="every='year' must be one of 'week', 'month', 'quarter'"):
        period_of(first, "year")


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("moment", [datetime.min, datetime.max])
def test_a_moment_at_an_end_of_the_calendar_is_refused_by_name(moment, every):
    with pytest.raises(ValueError, match=f"moment={moment.year:04}-.*within the years 2 to 9998"):
        period_of(moment.replace(tzinfo=UTC), every)
