"""Memory: how many bytes this process may still take, and what it has freed given back."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

from gputsne.base import cgroups, threads

__all__ = ["available_memory", "give_back"]

# Addresses that ``ulimit -v`` counts though nothing is written there: libraries that a fit loads,
# and a thread's stack and heap as Linux and glibc reserve them. A fit of 20,000 rows with two
# threads took 0.75 GB of addresses for 0.13 GB that it wrote.
LIBRARY_ADDRESSES, THREAD_ADDRESSES = 200_000_000, 72 << 20


def available_memory() -> int | None:
    """Return the bytes this process may still take; None if nothing says.

    The least of: what the machine has free, what each control group on the process's path leaves
    (its file cache counts as free), and what ``ulimit -v`` and ``ulimit -d`` leave.
    """
    found = [*_of_the_machine(), *cgroups.memory_left(), *_of_the_rlimits()]
    return max(0, min(found)) if found else None


def give_back() -> None:
    """Give memory that was freed back to the system, as far as the C library keeps it.

    glibc keeps freed blocks of up to 32 MB for later ones, of which FAISS's lists are made, and
    counts them to the process for as long as anything lies behind them. Elsewhere nothing happens.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # no glibc; Windows refuses None
        return
    trim(0)


def _of_the_machine() -> Iterator[int]:
    for line in cgroups.lines(cgroups.ROOT / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])


def _of_the_rlimits() -> Iterator[int]:
    try:
        import resource
    except ImportError:  # Windows
        return
    status = dict(
        line.partition(":")[::2] for line in cgroups.lines(cgroups.ROOT / "proc/self/status")
    )
    for kind, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = resource.getrlimit(kind)[0]
        if most != resource.RLIM_INFINITY and 0 <= most < cgroups.UNLIMITED:
            left = most - 1024 * int(status.get(field, "0 kB").split()[0])
            if kind == resource.RLIMIT_AS and not threads.run_before():  # later they are in VmSize
                more = threads.POOLS * (threads.resolve_n_jobs(None) - 1)
                left -= LIBRARY_ADDRESSES + more * THREAD_ADDRESSES
            yield left
