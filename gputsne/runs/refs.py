"""Refs of a store: names of runs, moved by writing one entry more; the history is never lost.

Entries sort by their names. Writers that promote at one moment both leave an entry, and the one
that sorts last is in force, for every reader the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gputsne.base.errors import BadInput, Damaged
from gputsne.base.messages import warn_user
from gputsne.runs.naming import check_ref, entry_name, is_id, is_ref
from gputsne.runs.sealing import seal, unseal
from gputsne.runs.storage import Storage

__all__ = ["RefEntry", "Refs", "stack_of"]

FOLDER: Final = "refs"
READERS: Final = 8  # files read at once: a bucket answers in some 20 ms, whatever the size
SCHEMA: Final = "gputsne.ref/1"


@dataclass(frozen=True)
class RefEntry:
    """One move of a ref.

    Attributes
    ----------
    ref, id : str
        The name, and the run that it stands for from then on.
    action : str
        "promote" or "rollback".
    previous : str or None
        The run that it stood for before.
    at : str
        When, in UTC.
    reason : str or None
        As given.
    forced : bool
        Whether something spoke against it.
    against : tuple of str
        What did.
    """

    ref: str
    id: str
    action: str
    previous: str | None
    at: str
    reason: str | None = None
    forced: bool = False
    against: tuple[str, ...] = ()


def stack_of(history: Sequence[RefEntry]) -> list[str]:
    """Return the runs that rollbacks would come to, the current one last.

    Parameters
    ----------
    history : sequence of RefEntry
        All entries of a ref, oldest first.

    Returns
    -------
    list of str
        A rollback takes away what was promoted after the run that it went back to.
    """
    stack: list[str] = []
    for entry in history:
        if entry.action == "rollback" and entry.id in stack:
            while stack[-1] != entry.id:
                stack.pop()
        elif not stack or stack[-1] != entry.id:
            stack.append(entry.id)
    return stack


class Refs:
    """The refs of a store.

    Parameters
    ----------
    storage : Storage
        Where the store lies.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def names(self) -> list[str]:
        """Return the names of refs that were ever set."""
        found = self.storage.entries(FOLDER)
        return [e.name for e in found if e.kind == "folder" and is_ref(e.name)]

    def files(self, ref: str) -> list[str]:
        """Return the names of a ref's entries, oldest first."""
        found = self.storage.entries(f"{FOLDER}/{check_ref(ref)}")
        return [e.name for e in found if e.kind == "file" and e.name.endswith(".json")]

    def read(self, ref: str, file: str) -> RefEntry:
        """Return one entry; Damaged where it is none."""
        name = f"{FOLDER}/{ref}/{file}"
        facts, _ = unseal(self.storage.read(name), name)
        return _entry_of(facts, ref, name)

    def current(self, ref: str) -> RefEntry | None:
        """Return the entry in force; None where the ref was never set."""
        for file in reversed(self.files(ref)):
            if (entry := _warned(self._try(ref, file))) is not None:
                return entry
        return None

    def history(self, ref: str) -> tuple[RefEntry, ...]:
        """Return every entry, oldest first."""
        files = self.files(ref)
        with ThreadPoolExecutor(READERS) as readers:
            found = list(readers.map(lambda file: self._try(ref, file), files))
        return tuple(entry for entry in map(_warned, found) if entry is not None)

    def add(
        self,
        ref: str,
        to: str,
        action: str,
        previous: str | None,
        *,
        reason: str | None,
        against: Sequence[str] = (),
    ) -> RefEntry:
        """Write an entry, which is in force from then on."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entry = RefEntry(ref, to, action, previous, at, reason, bool(against), tuple(against))
        name = entry_name(self.files(ref))
        self.storage.add(f"{FOLDER}/{ref}/{name}", seal({"schema": SCHEMA, **asdict(entry)}))
        return entry

    def _try(self, ref: str, file: str) -> RefEntry | Damaged:
        try:
            return self.read(ref, file)
        except Damaged as error:
            return error


def _warned(found: RefEntry | Damaged) -> RefEntry | None:
    """Return an entry; of one that is damaged, warn."""
    if isinstance(found, Damaged):
        warn_user(f"{found}; it is passed over, see gputsne runs verify")
        return None
    return found


def _entry_of(facts: Mapping[str, Any], ref: str, name: str) -> RefEntry:
    """Return an entry from its facts; one that names another ref, or no run, is damaged."""
    held = {k: v for k, v in facts.items() if k in RefEntry.__dataclass_fields__}
    if facts.get("schema") != SCHEMA:
        raise BadInput(f"{name} has the schema {facts.get('schema')!r}, not {SCHEMA}")
    if held.get("ref") != ref or not is_id(held.get("id")):
        raise Damaged(f"{name} is no entry of the ref {ref!r}")
    return RefEntry(**{**held, "against": tuple(held.get("against", ()))})
