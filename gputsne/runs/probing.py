"""Whether a store can be written, read, listed and rolled back, tried on notes of its own."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Final

from gputsne.base.errors import Damaged
from gputsne.runs.naming import entry_name
from gputsne.runs.storage import Storage

__all__ = ["probe"]

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
