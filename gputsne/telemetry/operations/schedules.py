"""Schedules of cron as Kubernetes reads them: fields within their ranges, days that come."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_schedule"]

DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Minute, hour, day of the month, month, day of the week: least and most, and names.
FIELDS: Final[tuple[tuple[int, int, dict[str, int]], ...]] = (
    (0, 59, {}), (0, 23, {}), (1, 31, {}), (1, 12, {name: i + 1 for i, name in enumerate(MONTHS)}),
    (0, 6, {name: i for i, name in enumerate(DAYS)}),
)  # fmt: skip
PART: Final = re.compile(r"(\*|([a-z]{3}|\d{1,2})(-([a-z]{3}|\d{1,2}))?)(/(\d{1,2}))?", re.ASCII)


MOST_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # of January and so on


def is_schedule(text: str) -> bool:
    """Tell whether a text is a schedule.

    Parameters
    ----------
    text : str
        Five fields with a space between them.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_schedule("*/15 1-5 * jan,feb mon-fri"), is_schedule("60 1 * * *")
    (True, False)
    >>> is_schedule("0 1 29 2 *"), is_schedule("0 1 31 2,4 *")
    (True, False)
    """
    fields = text.lower().split(" ")
    if len(fields) != len(FIELDS):
        return False
    found = [_values(*pair) for pair in zip(fields, FIELDS, strict=True)]
    if not all(found):
        return False
    # Where a day of the week is given, too, either of the two will do.
    _, _, days, months, _ = found
    return not fields[4].startswith("*") or any(
        min(days) <= MOST_DAYS[month - 1] for month in months
    )


def _values(text: str, field: tuple[int, int, dict[str, int]]) -> set[int]:
    """Return the values that a field names; none where it is no field."""
    least, most, names = field
    values: set[int] = set()
    for part in text.split(","):
        found = PART.fullmatch(part)
        if found is None or (found[6] is not None and int(found[6]) < 1):
            return set()
        ends = [names.get(end, int(end) if end.isdigit() else -1)
                for end in (found[2], found[4]) if end is not None]  # fmt: skip
        if not all(least <= end <= most for end in ends) or ends != sorted(ends):
            return set()
        first, step = ends[0] if ends else least, int(found[6] or 1)
        # One value with a step goes on to the end of the range.
        last = first if len(ends) == 1 and found[6] is None else (ends[1:] or [most])[0]
        values.update(range(first, last + 1, step))
    return values
