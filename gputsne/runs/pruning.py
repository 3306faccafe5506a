"""Removing runs that nobody points to, while others promote: marks and pins instead of locks.

Who prunes writes a mark for a run, then looks at refs and pins; who promotes writes a pin, then
looks at marks. In a store that shows every write at once, one of the two sees the other: a run with
a pin is not removed, one with a mark is not promoted. Each takes away its own marks and pins alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gputsne.base.errors import PromotionRefused
from gputsne.runs.naming import RUN_FILE, is_id, moment_of_id
from gputsne.runs.refs import READERS, Refs, stack_of
from gputsne.runs.storage import Storage

__all__ = ["Pruned", "pinned", "prune"]

PINS: Final = "pins"
MARKS: Final = "marks"
# A pin, a mark or an unfinished write this old is of a process that was killed: promoting and
# marking take seconds, and a run's files are written within hours.
DEAD: Final = timedelta(days=1)
BATCH: Final = 100  # runs marked at once: refs are read once for all of them


@dataclass(frozen=True)
class Pruned:
    """What `Store.prune` removed, or would remove.

    Attributes
    ----------
    removed : tuple of str
        Ids of runs.
    kept : dict of str to str
        Ids of runs that are old enough, and why each was kept.
    leftovers : tuple of str
        What killed writers had left.
    dry_run : bool
        Whether nothing was removed.
    """

    removed: tuple[str, ...]
    kept: Mapping[str, str]
    leftovers: tuple[str, ...]
    dry_run: bool


@contextmanager
def pinned(storage: Storage, id: str) -> Iterator[None]:
    """Keep a run from being pruned while it is promoted.

    Parameters
    ----------
    storage : Storage
        Where the store lies.
    id : str
        The run.

    Raises
    ------
    PromotionRefused
        It is being pruned.
    """
    pin = _put(storage, PINS, id)
    try:
        if since := _held(storage, MARKS, id):
            raise PromotionRefused(
                f"{id} is being pruned since {min(since):%Y-%m-%d %H:%M} UTC: promote another run, "
                "or this one later where it is kept after all"
            )
        yield
    finally:
        storage.remove(pin)


def prune(
    storage: Storage, refs: Refs, runs: str, *, before: datetime, keep: int, history: int, dry: bool
) -> Pruned:
    """Remove runs from before a moment; see `gputsne.Store.prune`."""
    ids = [e.name for e in storage.entries(runs) if e.kind == "folder" and is_id(e.name)]
    with ThreadPoolExecutor(READERS) as readers:
        held = readers.map(lambda id: storage.entries(f"{runs}/{id}"), ids)
        whole = [
            id
            for id, files in zip(ids, held, strict=True)
            if any(f.name == RUN_FILE for f in files)
        ]
    newest = dict.fromkeys(whole[len(whole) - keep :] if keep else (), f"among the newest {keep}")
    safe = newest | _protected(storage, refs, history)
    old = [id for id in whole if moment_of_id(id) < before]
    kept = {id: safe[id] for id in old if id in safe}
    asked = [id for id in old if id not in safe]
    removed = list(asked) if dry else []
    for start in range(0, 0 if dry else len(asked), BATCH):
        batch = asked[start : start + BATCH]
        marks = [_put(storage, MARKS, id) for id in batch]
        try:
            now_safe = _protected(storage, refs, history)
            kept |= {id: now_safe[id] for id in batch if id in now_safe}
            for id in batch:
                if id not in now_safe:
                    storage.remove_folder(f"{runs}/{id}", RUN_FILE)
                    storage.remove_folder(f"checks/{id}")
                    removed.append(id)
        finally:
            for mark in marks:
                storage.remove(mark)
    left = _sweep(storage, runs, set(ids) - set(whole), dry)
    return Pruned(tuple(removed), kept, left, dry)


def _protected(storage: Storage, refs: Refs, history: int) -> dict[str, str]:
    """Return the runs that stay, with the reason: what refs stand for, stood for, or soon will."""
    found: dict[str, str] = {}
    for ref in refs.names():
        entries = refs.history(ref)
        stack = stack_of(entries)
        recent = {entry.id for entry in entries[-history:]} | set(stack[-history:])
        found |= {id: f"in the history of {ref}" for id in recent}
    found |= {id: f"what {ref} stands for" for ref, id in _current(refs).items()}
    for entry in storage.entries(PINS):
        if not _is_dead(entry.modified):
            found[entry.name.partition(".")[0]] = "being promoted"
    return found


def _current(refs: Refs) -> dict[str, str]:
    held = {ref: refs.current(ref) for ref in refs.names()}
    return {ref: entry.id for ref, entry in held.items() if entry is not None}


def _sweep(storage: Storage, runs: str, headless: set[str], dry: bool) -> tuple[str, ...]:
    """Remove what killed writers left: unfinished files, runs without a record, marks and pins."""
    found = []
    for name in storage.leftovers(datetime.now(UTC) - DEAD):
        found.append(f"tmp/{name}")
        if not dry:
            storage.remove_leftover(name)
    for folder in (PINS, MARKS):
        for entry in storage.entries(folder):
            if entry.kind == "file" and _is_dead(entry.modified):
                found.append(f"{folder}/{entry.name}")
                if not dry:
                    storage.remove(f"{folder}/{entry.name}")
    for id in sorted(headless):
        files = storage.entries(f"{runs}/{id}")
        if files and all(_is_dead(entry.modified) for entry in files):
            found.append(f"{runs}/{id}")
            if not dry:
                storage.remove_folder(f"{runs}/{id}", RUN_FILE)
    return tuple(found)


def _put(storage: Storage, folder: str, id: str) -> str:
    name = f"{folder}/{id}.{secrets.token_hex(8)}"
    storage.add(name, datetime.now(UTC).isoformat().encode("ascii"))
    return name


def _held(storage: Storage, folder: str, id: str) -> list[datetime]:
    """Return since when others hold a run, by marks or pins of processes that may still live."""
    return [
        entry.modified or datetime.now(UTC)
        for entry in storage.entries(folder)
        if entry.name.partition(".")[0] == id and not _is_dead(entry.modified)
    ]


def _is_dead(modified: datetime | None) -> bool:
    return modified is not None and modified < datetime.now(UTC) - DEAD
