"""Runs that have begun: a note in the store until the run is stored, and whether its process lives.

A process that is killed outright (kill -9, out of memory) can't tell; its note stays and does.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gputsne.base.errors import Damaged
from gputsne.runs.naming import check_id
from gputsne.runs.sealing import seal, unseal
from gputsne.runs.storage import Storage

__all__ = ["Attempt", "Attempts"]

FOLDER: Final = "started"
EXPECTED: Final = "expected"  # what a run that has begun is expected to cost
KILLED, RUNNING, UNKNOWN = "killed", "running", "unfinished"


@dataclass(frozen=True)
class Attempt:
    """A run that has begun and is not stored.

    Attributes
    ----------
    id : str
        Of the run.
    state : str
        "running" or "killed" where its process is one of this machine; else "unfinished", as nobody
        here can tell.
    host : str
        The machine.
    pid : int
        Its process.
    run : dict
        What was known of it when it began: ``input``, ``parameters``, ``tags``, ``started``; and
        ``spending``, with what it was expected to cost once its input was read.
    """

    id: str
    state: str
    host: str
    pid: int
    run: Mapping[str, Any]


class Attempts:
    """The notes of one store.

    Parameters
    ----------
    storage : Storage
        Where it lies.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def begin(self, run: Mapping[str, Any]) -> None:
        """Note that a run has begun in this process."""
        note = {
            "id": check_id(run.get("id")),
            "host": platform.node(),
            "pid": os.getpid(),
            "born": _birth(os.getpid()),
            "run": dict(run),
        }
        self.storage.add(f"{FOLDER}/{note['id']}.json", seal(note))

    def expect(self, id: str, spending: Mapping[str, Any]) -> None:
        """Note what a run that has begun is expected to cost."""
        note = {"id": check_id(id), "spending": dict(spending)}
        self.storage.add(f"{EXPECTED}/{id}.json", seal(note))

    def end(self, id: str) -> None:
        """Take the notes of a run away, where there are some."""
        self.storage.remove(f"{FOLDER}/{id}.json")
        self.storage.remove(f"{EXPECTED}/{id}.json")

    def all(self) -> tuple[Attempt, ...]:
        """Return the runs that have begun and not ended, oldest first."""
        found = []
        told = {entry.name for entry in self.storage.entries(EXPECTED)}
        for entry in self.storage.entries(FOLDER):
            name = f"{FOLDER}/{entry.name}"
            with suppress(FileNotFoundError, Damaged):  # ended since
                note, _ = unseal(self.storage.read(name), name)
                if entry.name in told:
                    place = f"{EXPECTED}/{entry.name}"
                    more, _ = unseal(self.storage.read(place), place)
                    note["run"]["spending"] = more["spending"]
                found.append(_attempt(note))
        return tuple(found)


def _attempt(note: Mapping[str, Any]) -> Attempt:
    state = UNKNOWN
    if note["host"] == platform.node() and note["born"] is not None:
        state = RUNNING if _birth(note["pid"]) == note["born"] else KILLED
    return Attempt(note["id"], state, note["host"], note["pid"], note["run"])


def _birth(pid: int) -> str | None:
    """Return what tells a process from a later one of its number: boot and tick of its start.

    None where there is no such process, or no /proc.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name, in brackets, may hold anything
    return None if state == "Z" else f"{boot}/{rest[18]}"  # field 22, proc(5)
