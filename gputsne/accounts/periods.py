"""Periods of the calendar in UTC: weeks of ISO 8601, months and quarters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["EVERY", "Period", "month_of", "period_of", "periods"]

EVERY: Final = ("week", "month", "quarter")
QUARTER: Final = 3  # months
# A datetime has the years 1 to 9999: periods beside one of these fit.
FIRST_YEAR: Final = datetime.min.year + 1
LAST_YEAR: Final = datetime.max.year - 1


@dataclass(frozen=True, order=True)
class Period:
    """A time from its start up to, and without, its end.

    Attributes
    ----------
    start, end : datetime
        In UTC.
    name : str
        "2026-W48", "2026-11" or "2026-Q4".
    """

    start: datetime
    end: datetime
    name: str

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def period_of(moment: datetime, every: str) -> Period:
    """Return the period that a moment lies in.

    Parameters
    ----------
    moment : datetime
        With a time zone.
    every : {"week", "month", "quarter"}
        Kind of period. Weeks begin on Monday, and belong to the year that their Thursday lies in.

    Returns
    -------
    Period

    Raises
    ------
    ValueError
        For another kind, and for a moment whose period, or the one beside it, no datetime can hold.

    Examples
    --------
    >>> period_of(datetime(2027, 1, 1, tzinfo=UTC), "week").name
    '2026-W53'
    """
    if every not in EVERY:
        raise ValueError(f"every={every!r} must be one of {', '.join(map(repr, EVERY))}")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(
            f"moment={moment.isoformat()} must lie within the years {FIRST_YEAR} to {LAST_YEAR}, "
            "so that there are periods before and after"
        )
    now = moment.astimezone(UTC)
    day = datetime(now.year, now.month, now.day, tzinfo=UTC)
    if every == "week":
        year, week, weekday = now.isocalendar()
        start = day - timedelta(days=weekday - 1)
        return Period(start, start + timedelta(days=7), f"{year:04}-W{week:02}")
    if every == "month":
        start = day.replace(day=1)
        return Period(start, _later(start, 1), f"{now:%Y-%m}")
    quarter = (now.month - 1) // QUARTER
    start = day.replace(month=quarter * QUARTER + 1, day=1)
    return Period(start, _later(start, QUARTER), f"{now:%Y}-Q{quarter + 1}")


def _later(start: datetime, months: int) -> datetime:
    """Return the first day of a month that is so many months later."""
    total = start.month - 1 + months
    return start.replace(year=start.year + total // 12, month=total % 12 + 1)


def month_of(moment: datetime) -> Period:
    """Return the month that a moment lies in."""
    return period_of(moment, "month")


def periods(every: str, first: datetime, last: datetime) -> tuple[Period, ...]:
    """Return the periods from that of one moment to that of another.

    Parameters
    ----------
    every : {"week", "month", "quarter"}
        Kind of period.
    first, last : datetime
        With time zones.

    Returns
    -------
    tuple of Period
        Oldest first; none where the last moment lies before the first one's period.
    """
    found = [period_of(first, every)]
    while found[-1].end <= last:
        found.append(period_of(found[-1].end, every))
    return tuple(found) if found[0].start <= last else ()
