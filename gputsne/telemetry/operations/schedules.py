"""Schedules of cron as Kubernetes reads them: five fields, each within its range."""

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
    """
    fields = text.lower().split(" ")
    return len(fields) == len(FIELDS) and all(map(_is_field, fields, FIELDS))


def _is_field(text: str, field: tuple[int, int, dict[str, int]]) -> bool:
    least, most, names = field
    for part in text.split(","):
        found = PART.fullmatch(part)
        if found is None or (found[6] is not None and int(found[6]) < 1):
            return False
        ends = [names.get(end, int(end) if end.isdigit() else -1)
                for end in (found[2], found[4]) if end is not None]  # fmt: skip
        if not all(least <= end <= most for end in ends) or ends != sorted(ends):
            return False
    return True
