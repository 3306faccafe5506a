"""A store tried on notes of its own: whether it can be written and rolled back, and its clock."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from gputsne.base.errors import Damaged
from gputsne.runs.naming import entry_name
from gputsne.runs.storage import Storage

__all__ = ["clock_skew", "probe"]

FOLDER: Final = "tmp"  # where no reader looks, and what stays there is pruned


def probe(storage: Storage) -> str:
    """Return what keeps a store from being used, in one line; "" where nothing does.

    Parameters
    ----------
    storage : Storage
        Where it lies. Two notes are written, the second in force, as moves of a ref are; read,
        listed, the second taken back by a third; and removed.

    Returns
    -------
    str
    """
    folder = f"{FOLDER}/probe-{secrets.token_hex(8)}"
    written: list[str] = []
    try:
        for text in (b"first", b"second", b"first"):
            name = f"{folder}/{entry_name(e.name for e in storage.entries(folder))}"
            storage.add(name, text)
            written.append(name)
            last = f"{folder}/{sorted(e.name for e in storage.entries(folder))[-1]}"
            if last != name or storage.read(last) != text:
                return "what was written last is not what is read"
    except (OSError, Damaged) as error:
        step = "written" if not written else f"used after {len(written)} writes"
        return f"the store can't be {step}: {error}"
    finally:
        for name in written:
            with suppress(OSError):
                storage.remove(name)
        with suppress(OSError):
            storage.remove_folder(folder)
    return ""


def clock_skew(storage: Storage) -> float | None:
    """Return how far the storage's clock is ahead of this machine's, in seconds.

    Parameters
    ----------
    storage : Storage
        Where a note is written, looked at and removed.

    Returns
    -------
    float or None
        Less than 0 where it is behind; 0 within what writing took; None where the storage tells no
        times.

    Raises
    ------
    OSError
        The storage can't be written.
    """
    folder = f"{FOLDER}/clock-{secrets.token_hex(8)}"
    name = entry_name([])
    try:
        before = datetime.now(UTC)
        storage.add(f"{folder}/{name}", b"clock")
        after = datetime.now(UTC)
        found = [entry.modified for entry in storage.entries(folder) if entry.name == name]
    finally:
        with suppress(OSError):
            storage.remove(f"{folder}/{name}")
        with suppress(OSError):
            storage.remove_folder(folder)
    if not found or found[0] is None:
        return None
    if found[0] < before:
        return (found[0] - before).total_seconds()
    return max(0.0, (found[0] - after).total_seconds())
