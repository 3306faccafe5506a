"""Threads, cores and memory of this process: what it was granted, and settings its runs share.

Affinity masks, quotas and limits of every control group on the process's path count (versions 1
and 2), and so do OpenMP's variables and the limits of ``ulimit``. What is set for the whole process
(threads of BLAS, a threshold of FAISS's) is counted: the last run to end puts back what the first
one found. A process that was forked after threads were used computes with one thread, because
OpenMP's threads do not exist in it and waiting for them would never end.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

__all__ = [
    "allowed",
    "available_memory",
    "faiss_without_blas",
    "limit",
    "resolve_n_jobs",
    "single_if_forked",
]

# Threads that are started where the user asks for more than there are cores: some want to see that
# results do not depend on it. OpenMP's runtime ends the process when it can't start a thread.
MORE_THAN_CORES = 64
POOLS = 4  # sets of threads that one run may keep: FAISS's, its BLAS's, scikit-learn's and ours
DIRECT = 2**31 - 1  # rows of a query from which FAISS takes BLAS: never
# Addresses that ``ulimit -v`` counts though nothing is written there: libraries that a fit loads,
# and a thread's stack and heap as Linux and glibc reserve them. A fit of 20,000 rows with two
# threads took 0.75 GB of addresses for 0.13 GB that it wrote.
LIBRARY_ADDRESSES, THREAD_ADDRESSES = 200_000_000, 72 << 20
UNLIMITED = 1 << 60  # version 1 writes a number near 2**63 for no limit
_ROOT = Path("/")

_lock = threading.Lock()
_threads_used = False  # a run of this process has used more than one thread
_run_before = False  # such a run has ended: libraries are loaded and threads have their stacks
_forked = False  # this process was forked from such a one


# Threads


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Turn the user's ``n_jobs`` into a number of threads.

    Parameters
    ----------
    n_jobs : int or None
        ``None`` means every core this process may use: its affinity mask, cut by the CPU quotas of
        its control groups, rounded up, and no more than ``OMP_NUM_THREADS`` or the caller's
        ``threadpool_limits`` allow. ``-1`` means every such core whatever these two say, ``-2`` all
        but one, as joblib has it. A positive number is taken as it is, within what ``allowed``
        says.

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
        asked = [_granted(), _openmp_variable("OMP_NUM_THREADS"), _limit_of_caller()]
        return allowed(min(number for number in asked if number is not None))
    if isinstance(n_jobs, bool) or not hasattr(n_jobs, "__index__"):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError(
            f"n_jobs={n_jobs} is no number of threads: give 1 or more, None or -1 for all, -2 for "
            "all but one"
        )
    return allowed(int(n_jobs) if n_jobs > 0 else max(1, _granted() + 1 + int(n_jobs)))


def allowed(n: int) -> int:
    """Return how many of ``n`` threads may be started here and now.

    Parameters
    ----------
    n : int
        Threads that are wanted.

    Returns
    -------
    int
        1 in a process that was forked after threads were used; else ``n``, at most 64 or the number
        of cores, ``OMP_THREAD_LIMIT``, and what the control group's limit of tasks leaves.
    """
    if single_if_forked(n) == 1 or os.environ.get("OMP_MAX_ACTIVE_LEVELS", "").strip() == "0":
        return 1
    most = [n, max(MORE_THAN_CORES, _granted())]
    ceiling = _openmp_variable("OMP_THREAD_LIMIT")
    if ceiling is not None:
        most.append(ceiling)
    if n > 1 and (tasks := _tasks_left()) is not None:
        most.append(1 + tasks // POOLS)
    return max(1, min(most))


def single_if_forked(n: int) -> int:
    """Return ``n``, or 1 in a process that was forked after threads were used."""
    return 1 if _forked else n


def _granted() -> int:
    """Count the cores of the affinity mask, cut by the CPU quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:  # macOS and Windows have no affinity mask to ask for
        cores = os.cpu_count() or 1
    quota = _cpu_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _openmp_variable(name: str) -> int | None:
    """Return the number in an environment variable of OpenMP's, the first of a list; else None."""
    first = os.environ.get(name, "").split(",")[0].strip()
    return int(first) if first.isdigit() and int(first) > 0 else None


def _limit_of_caller() -> int | None:
    """Return what the caller's ``threadpool_limits`` allow this thread, None where nothing says.

    OpenMP keeps the limit for each thread; without OpenMP that of BLAS is taken, as it was before
    the first run that goes on now.
    """
    libraries = _libraries()
    openmp = [int(lib.num_threads) for lib in libraries if lib.user_api == "openmp"]
    if openmp:
        return max(1, min(openmp))
    with _lock:
        blas = [_blas.before.get(lib.filepath, lib.num_threads) for lib in libraries]
    return max(1, min(blas)) if blas else None


_cached: tuple[int, list[Any]] = (0, [])


def _libraries() -> list[Any]:
    """Return threadpoolctl's handles of the loaded libraries; a scan takes some milliseconds."""
    global _cached
    loaded = len(sys.modules)
    if _cached[0] != loaded:
        from threadpoolctl import ThreadpoolController

        # In a thread of its own: the scan calls back through ctypes, which swallows exceptions, and
        # so it would a Ctrl-C, which only ever comes to the main thread.
        with ThreadPoolExecutor(1) as elsewhere:
            found = elsewhere.submit(ThreadpoolController).result()
        _cached = (len(sys.modules), list(found.lib_controllers))
    return _cached[1]


class _BlasLimit:
    """The number of BLAS threads while runs go on: the least that any of them asks for."""

    def __init__(self) -> None:
        self.asked: dict[object, int] = {}  # run -> threads
        self.before: dict[str, int] = {}  # file of the library -> threads
        # What any run has set: one that began before a library was loaded doesn't know of it, and
        # may be the last to end.
        self.libraries: dict[str, Any] = {}

    def enter(self, run: object, n: int, libraries: list[Any]) -> None:
        self.asked[run] = n
        self._set(libraries)

    def leave(self, run: object, libraries: list[Any]) -> None:
        self.asked.pop(run, None)  # a fork has forgotten it
        self._set(libraries)

    def _set(self, libraries: list[Any]) -> None:
        self.libraries |= {lib.filepath: lib for lib in libraries if lib.user_api == "blas"}
        for library in self.libraries.values():
            # What a fork took from a run that will never end here is put back by the next one.
            before = self.before.setdefault(library.filepath, library.num_threads)
            library.set_num_threads(min([before, *self.asked.values()]))
        if not self.asked:
            self.before.clear()
            self.libraries.clear()


_blas = _BlasLimit()


@contextmanager
def limit(n: int) -> Iterator[None]:
    """Cap BLAS and OpenMP, FAISS's too, at ``n`` threads inside the block.

    Only libraries that are loaded when the block begins are capped, so import FAISS before it.
    OpenMP's number belongs to the thread that runs the block, and comes back after it. BLAS' number
    is one for the process: the least that any block asks for, and what it was when the last ends.

    Parameters
    ----------
    n : int
        Number of threads, at least 1.
    """
    global _threads_used, _run_before
    n = allowed(n)
    libraries = _libraries()
    openmp = [library for library in libraries if library.user_api == "openmp"]
    before = [(library.num_threads, _dynamic(library)) for library in openmp]
    run = object()
    with _lock:
        _threads_used = _threads_used or n > 1
        _blas.enter(run, n, libraries)
    try:
        for library in openmp:
            library.set_num_threads(n)
            # A team smaller than asked for would leave BLAS waiting for the others for ever.
            _set_dynamic(library, False)
        yield
    finally:
        with _lock:
            _blas.leave(run, libraries)
            _run_before = _run_before or n > 1
        for library, (number, dynamic) in zip(openmp, before, strict=True):
            library.set_num_threads(number)
            _set_dynamic(library, dynamic)


def _dynamic(library: Any) -> bool:
    get = getattr(library.dynlib, "omp_get_dynamic", None)
    return bool(get()) if get is not None else False


def _set_dynamic(library: Any, value: bool) -> None:
    set_ = getattr(library.dynlib, "omp_set_dynamic", None)
    if set_ is not None:
        set_(int(value))


class _Shared:
    """One setting of the whole process that several threads need at the same value at once."""

    def __init__(self) -> None:
        self.users: set[object] = set()
        self.before = 0

    @contextmanager
    def held(
        self, get: Callable[[], int], put: Callable[[int], None], value: int
    ) -> Iterator[None]:
        """Keep the setting at ``value`` until the last user leaves."""
        user = object()
        with _lock:
            if not self.users:
                self.before = get()
                put(value)
            self.users.add(user)
        try:
            yield
        finally:
            with _lock:
                self.users.discard(user)
                if not self.users:
                    put(self.before)


_faiss_threshold = _Shared()


@contextmanager
def faiss_without_blas(faiss: Any) -> Iterator[None]:
    """Keep FAISS off BLAS, whose distances cancel and depend on the shape of the batch.

    Parameters
    ----------
    faiss : module
        FAISS; its threshold is one number for the process.
    """
    name = "distance_compute_blas_threshold"
    with _faiss_threshold.held(
        partial(getattr, faiss.cvar, name), partial(setattr, faiss.cvar, name), DIRECT
    ):
        yield


# Forks


def _after_fork() -> None:
    """Make a forked process one of a single thread if its parent has used more."""
    global _lock, _forked
    _lock = threading.Lock()  # another thread of the parent may have held it
    _groups.cache_clear()
    faiss: Any = sys.modules.get("faiss")
    _blas.asked.clear()
    if _faiss_threshold.users:  # the threads that were to put it back do not exist here
        _faiss_threshold.users.clear()
        faiss.cvar.distance_compute_blas_threshold = _faiss_threshold.before
    _forked = _forked or _threads_used
    if _forked and faiss is not None:
        faiss.omp_set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# Control groups and memory


@lru_cache(maxsize=8)
def _groups(controller: str, root: Path) -> list[tuple[int, Path]]:
    """Return (version, folder) of the control groups that bind this process, parents included.

    Inside a container the path of the membership begins with that of the mount, which is not below
    the folder; a path of another namespace leaves the mount's own group.
    """
    try:
        memberships = (root / "proc/self/cgroup").read_text("utf-8", "replace").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    paths: dict[int, str] = {}
    for line in memberships:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            paths[2] = path
        elif controller in controllers.split(","):
            paths[1] = path
    found = []
    for line in mounts:
        place, _, kind = line.partition(" - ")
        fields, (system, *_, options) = place.split(), [*kind.split(), "", ""][:3]
        version = {"cgroup2": 2, "cgroup": 1}.get(system)
        if version not in paths or len(fields) < 5:
            continue
        if version == 1 and controller not in options.split(","):
            continue
        top, mount = fields[3].rstrip("/"), root / fields[4].lstrip("/")
        path = paths[version]
        inside = path.startswith(top + "/") and ".." not in path.split("/")
        group = mount / path[len(top) :].lstrip("/") if inside else mount
        found += [
            (version, folder)
            for folder in (group, *group.parents)
            if folder == mount or mount in folder.parents
        ]
    return found


def _numbers(file: Path) -> list[int | None]:
    """Return the words of a control group's file as numbers, None for "max"; empty without it."""
    try:
        return [int(word) if word != "max" else None for word in file.read_text("ascii").split()]
    except (OSError, ValueError):
        return []


def _number(file: Path) -> int | None:
    return next(iter(_numbers(file)), None)


def _cpu_quota() -> float | None:
    """Return the tightest CPU quota, in cores; None for none."""
    quotas = []
    for version, folder in _groups("cpu", _ROOT):
        if version == 2:
            quota, period, *_ = [*_numbers(folder / "cpu.max"), None, None]
        else:
            quota, period = (_number(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if quota is not None and period is not None and quota > 0 and period > 0:
            quotas.append(quota / period)
    return min(quotas, default=None)


def _tasks_left() -> int | None:
    """Return how many threads the control groups still allow; None for any number."""
    left = []
    for _, folder in _groups("pids", _ROOT):
        most, now = _number(folder / "pids.max"), _number(folder / "pids.current")
        if most is not None and now is not None:
            left.append(max(0, most - now))
    return min(left, default=None)


def available_memory() -> int | None:
    """Return the bytes this process may still take; None if nothing says.

    The least of: what the machine has free, what each control group on the process's path leaves
    (its file cache counts as free), and what ``ulimit -v`` and ``ulimit -d`` leave.
    """
    found = [*_of_the_machine(), *_of_the_groups(), *_of_the_rlimits()]
    return max(0, min(found)) if found else None


def _of_the_machine() -> Iterator[int]:
    for line in _lines(_ROOT / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])


def _of_the_groups() -> Iterator[int]:
    for version, folder in _groups("memory", _ROOT):
        caps, used = {
            1: (["memory.limit_in_bytes"], "memory.usage_in_bytes"),
            2: (["memory.max", "memory.high"], "memory.current"),
        }[version]
        for cap in (_number(folder / name) for name in caps):
            taken = _number(folder / used)
            if cap is not None and taken is not None and cap < UNLIMITED:
                yield cap - taken + _file_cache(folder)


def _file_cache(group: Path) -> int:
    """Return the bytes of files that were read and lie in the cache: they count as taken."""
    found = dict(line.partition(" ")[::2] for line in _lines(group / "memory.stat"))
    value = found.get("total_inactive_file") or found.get("inactive_file") or "0"
    return int(value)


def _of_the_rlimits() -> Iterator[int]:
    try:
        import resource
    except ImportError:  # Windows
        return
    status = dict(line.partition(":")[::2] for line in _lines(_ROOT / "proc/self/status"))
    for kind, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = resource.getrlimit(kind)[0]
        if most != resource.RLIM_INFINITY and 0 <= most < UNLIMITED:
            left = most - 1024 * int(status.get(field, "0 kB").split()[0])
            if kind == resource.RLIMIT_AS and not _run_before:  # later they are in VmSize
                threads = POOLS * (resolve_n_jobs(None) - 1)
                left -= LIBRARY_ADDRESSES + threads * THREAD_ADDRESSES
            yield left


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
