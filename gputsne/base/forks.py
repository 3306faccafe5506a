"""Forks: what a forked process has lost, its parent's threads and GPU, and what it does about it.

A process that was forked after threads were used computes with one thread, because OpenMP's threads
do not exist in it and waiting for them would never end.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Lock", "Owner", "in_child", "note_threads", "single_if_forked"]

_threads_used = False  # a run of this process has used more than one thread
_forked = False  # this process was forked from such a one


def in_child(put_right: Callable[[], Any]) -> None:
    """Call ``put_right`` in every process forked from this one, in the order of these requests."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=put_right)


def note_threads() -> None:
    """Remember that a run of this process uses more than one thread."""
    global _threads_used
    _threads_used = True


def single_if_forked(n: int) -> int:
    """Return ``n``, or 1 in a process that was forked after threads were used."""
    return 1 if _forked else n


class Owner:
    """The one process that a thing is of use in, as a GPU's context is: the first that had it."""

    def __init__(self) -> None:
        self._pid: int | None = None

    def note(self) -> None:
        """Remember this process, unless there is an owner already."""
        self._pid = self._pid or os.getpid()

    @property
    def elsewhere(self) -> bool:
        """Whether the owner is another process: one that this was forked from."""
        return self._pid is not None and self._pid != os.getpid()


class Lock:
    """A lock that its holder may take again, and that nobody else holds in a forked process.

    A fork copies a lock as it is. Where another thread holds it, that thread doesn't exist in the
    child, and whoever waits for the lock there waits for ever; so every lock of this package is one
    of these. What it guards must be put in place in one assignment, since a child may find it at
    any stage.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock inside the block."""
        with self._lock:  # read once: a child that began the block leaves the lock it has taken
            yield

    def _renew(self) -> None:
        self._lock = threading.RLock()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _after_fork() -> None:
    global _forked
    _forked = _forked or _threads_used
    for lock in list(_locks):
        lock._renew()


in_child(_after_fork)
