"""Names in a store: ids, refs, files, and entries that sort by time; a hostile one is refused.

Every name that reaches the storage has passed through here, so none leads out of the store.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

__all__ = [
    "RUN_FILE", "check_file", "check_id", "check_ref", "entry_name", "is_id", "moment_of_id",
    "since_of",
]  # fmt: skip

RUN_FILE: Final = "run.json"
_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_WORD: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,99}(?<!\.)")
_ID_TIME: Final = "%Y%m%dT%H%M%SZ"
_ENTRY_TIME: Final = "%Y%m%dT%H%M%S.%fZ"  # sorts as text, to the microsecond
_AGE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SAFE: Final = "letters, digits, '_', '-' and single '.' within, up to 100 characters"


def is_id(name: object) -> bool:
    """Tell whether a name is one of a run: its start, on a day that there is, and eight digits."""
    if not isinstance(name, str) or _ID.fullmatch(name) is None:
        return False
    try:
        moment_of_id(name)
    except ValueError:
        return False
    return True


def check_id(name: Any) -> str:
    """Return a run's id; ValueError for what is none."""
    if not is_id(name):
        raise ValueError(
            f"id={name!r} is no run's id, such as 20261127T063518Z-3f2a9c1b; see gputsne runs ls"
        )
    return str(name)


def check_ref(name: Any) -> str:
    """Return a ref's name; ValueError for one that could leave the store, or looks like an id."""
    if not isinstance(name, str) or _WORD.fullmatch(name) is None:
        raise ValueError(f"ref={name!r} is no name of a ref: {_SAFE}")
    if is_id(name):
        raise ValueError(f"ref={name!r} looks like the id of a run; give the ref another name")
    return name


def is_ref(name: str) -> bool:
    """Tell whether a name can be a ref's; a file browser leaves folders of other names."""
    return _WORD.fullmatch(name) is not None and not is_id(name)


def check_word(name: Any, what: str) -> str:
    """Return the name of a profile or the like; ValueError for one that could leave the store."""
    if not isinstance(name, str) or _WORD.fullmatch(name) is None:
        raise ValueError(f"{what}={name!r} is no name that a store can hold: {_SAFE}")
    return name


def check_file(name: Any) -> str:
    """Return a file's name; ValueError for a path, a hidden name, or the record's own."""
    if not isinstance(name, str) or _WORD.fullmatch(name) is None:
        raise ValueError(f"files: {name!r} is no name of a stored file: {_SAFE}")
    if name.lower() == RUN_FILE:
        raise ValueError(f"files: {name!r} is written by the store itself; give it another name")
    return name


def entry_name(there: Iterable[str], prefix: str = "") -> str:
    """Return a name that sorts after those there are, whatever this machine's clock says.

    Parameters
    ----------
    there : iterable of str
        Names of entries that are there.
    prefix : str
        Put before the time; only names with it count.

    Returns
    -------
    str
        Prefix, UTC time to the microsecond, eight digits at random: two writers never take one.

    Examples
    --------
    >>> entry_name(["29991231T235959.000000Z-00000000.json"])[:23]
    '29991231T235959.000001Z'
    """
    now = datetime.now(UTC)
    for name in there:
        moment = moment_of_entry(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if moment is not None and moment >= now:
            now = moment + timedelta(microseconds=1)
    return f"{prefix}{now:{_ENTRY_TIME}}-{secrets.token_hex(4)}.json"


def moment_of_entry(name: str) -> datetime | None:
    """Return when an entry was written, by its name; None for a name that is none."""
    try:
        return datetime.strptime(name.partition("-")[0], _ENTRY_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def moment_of_id(name: str) -> datetime:
    """Return when a run began, by its id; ValueError where no calendar has the day."""
    return datetime.strptime(name.partition("-")[0], _ID_TIME).replace(tzinfo=UTC)


def since_of(when: Any, name: str = "since") -> datetime:
    """Return a moment in UTC from a datetime, a timedelta ago, "30d" ago, or a date "2026-11-27".

    Parameters
    ----------
    when : datetime, timedelta or str
        Text has a number and one of s, m, h, d, w, or is a date or time of ISO 8601 (UTC where it
        names no zone).
    name : str
        What the argument is called in messages.

    Returns
    -------
    datetime

    Raises
    ------
    ValueError
        It is none of these.
    """
    if isinstance(when, datetime):
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    try:
        if isinstance(when, str):
            if found := _AGE.fullmatch(when.strip()):
                when = timedelta(**{_UNITS[found[2]]: float(found[1])})
            else:
                return since_of(datetime.fromisoformat(when.strip()))
        if isinstance(when, timedelta):
            return datetime.now(UTC) - when
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{name}={when!r} is neither an age such as 30d or 12h nor a date 2026-11-27")
