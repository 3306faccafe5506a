"""How many threads may a stage use? As many as the caller says, else what the process was granted.

Affinity masks and cgroup quotas count: a container with two cores of 64 gets two threads.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["limit", "resolve_n_jobs"]

_PROC = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Turn the user's ``n_jobs`` into a number of threads.

    Parameters
    ----------
    n_jobs : int or None
        ``None`` and ``-1`` mean every core this process may use: its affinity mask, cut by the
        CPU quota of its cgroup (v1 or v2), rounded up. Further negative numbers leave cores free,
        as joblib has it: ``-2`` all but one. A positive number is taken as it is.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        For 0.
    TypeError
        For anything that is not an integer.

    Examples
    --------
    >>> resolve_n_jobs(3)
    3
    """
    if n_jobs is None:
        return _granted()
    if isinstance(n_jobs, bool) or not hasattr(n_jobs, "__index__"):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError(
            f"n_jobs={n_jobs} is no number of threads: give 1 or more, None or -1 for all, -2 for "
            "all but one"
        )
    return int(n_jobs) if n_jobs > 0 else max(1, _granted() + 1 + int(n_jobs))


def _granted() -> int:
    """Count the cores of the affinity mask, cut by the CPU quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:  # macOS and Windows have no affinity mask to ask for
        cores = os.cpu_count() or 1
    quota = _cgroup_quota(_PROC, _CGROUPS)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _cgroup_quota(proc: Path, root: Path) -> float | None:
    """Return the tightest CPU quota, in cores, of this process's cgroup and its parents.

    ``proc`` lists the memberships (``/proc/self/cgroup``), ``root`` is where the hierarchies are
    mounted. Inside a container the listed path often does not exist below ``root``; then the
    parents that do exist, ``root`` among them, are asked.
    """
    try:
        memberships = proc.read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for line in memberships:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:  # the one hierarchy of version 2
            mounts, read = [root, root / "unified"], _quota_v2
        elif "cpu" in controllers.split(","):
            mounts, read = [root / controllers, root / "cpu"], _quota_v1
        else:
            continue
        for mount in mounts:
            group = mount / path.lstrip("/")
            for folder in (group, *group.parents):
                if folder == mount or mount in folder.parents:
                    quotas.append(read(folder))
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()[:2]
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
        return quota / period if quota > 0 and period > 0 else None
    except (OSError, ValueError):
        return None


@contextmanager
def limit(n: int) -> Iterator[None]:
    """Cap BLAS, OpenMP and FAISS at ``n`` threads inside the block, and put them back after it.

    Only libraries that are loaded when the block begins are capped, so import FAISS before it.

    Parameters
    ----------
    n : int
        Number of threads, at least 1.
    """
    from threadpoolctl import threadpool_limits

    faiss = sys.modules.get("faiss")
    before = faiss.omp_get_max_threads() if faiss is not None else 0
    with threadpool_limits(limits=n):
        if faiss is not None:
            faiss.omp_set_num_threads(n)
        try:
            yield
        finally:
            if faiss is not None:
                faiss.omp_set_num_threads(before)
