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
REMEDY: Final = "gputsne plan says what a run needs, --memory-limit refuses it in time"
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
    out_of_memory : int or None
        Processes of its machine that the kernel has killed for want of memory since it began; None
        where nobody can tell.
    """

    id: str
    state: str
    host: str
    pid: int
    run: Mapping[str, Any]
    out_of_memory: int | None = None

    @property
    def cause(self) -> str:
        """What most likely ended it, in one line; "" unless it was killed."""
        if self.state != KILLED:
            return ""
        if self.out_of_memory is None:
            return f"killed from outside, most often for want of memory: {REMEDY}"
        if self.out_of_memory:
            many = "process" if self.out_of_memory == 1 else "processes"
            return (
                f"out of memory: since it began the kernel of {self.host} has killed "
                f"{self.out_of_memory} {many} for want of it: {REMEDY}"
            )
        return (
            f"killed from outside (kill -9, a scheduler, a crash), not for want of memory: the "
            f"kernel of {self.host} has killed no process for that since it began"
        )


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
            "out_of_memory": _out_of_memory(),
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
    before, now = note.get("out_of_memory"), _out_of_memory()
    since = None
    if state == KILLED and before is not None and now is not None and _same_boot(note["born"]):
        since = now - before
    return Attempt(note["id"], state, note["host"], note["pid"], note["run"], since)


def _out_of_memory() -> int | None:
    """Return how many processes the kernel has killed for want of memory since it started.

    None where it does not say: ``oom_kill`` of /proc/vmstat, Linux from 4.13 on.
    """
    try:
        text = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return None
    told = [line.split()[1] for line in text.splitlines() if line.startswith("oom_kill ")]
    return int(told[0]) if told else None


def _same_boot(born: str) -> bool:
    now = _birth(os.getpid())
    return now is not None and now.partition("/")[0] == born.partition("/")[0]


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
