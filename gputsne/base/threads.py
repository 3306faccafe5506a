"""Threads: how many this process was granted, and settings of whole libraries its runs share.

Affinity masks, quotas and limits of every control group on the process's path count, and so do
OpenMP's variables and a caller's ``threadpool_limits``. What is set for the whole process (threads
of BLAS, a threshold of FAISS's) is counted: the last run to end puts back what the first one found.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from gputsne.base import cgroups, forks

__all__ = [
    "POOLS",
    "allowed",
    "cores",
    "faiss_without_blas",
    "in_force",
    "in_order",
    "limit",
    "resolve_n_jobs",
    "run_before",
]

# Threads that are started where the user asks for more than there are cores: some want to see that
# results do not depend on it. OpenMP's runtime ends the process when it can't start a thread.
MORE_THAN_CORES = 64
POOLS = 4  # sets of threads that one run may keep: FAISS's, its BLAS's, scikit-learn's and ours
DIRECT = 2**31 - 1  # rows of a query from which FAISS takes BLAS: never

T = TypeVar("T")
R = TypeVar("R")

_lock = forks.Lock()
_run_before = False  # a run of more than one thread has ended


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
        asked = [cores(), _openmp_variable("OMP_NUM_THREADS"), _limit_of_caller()]
        return allowed(min(number for number in asked if number is not None))
    if isinstance(n_jobs, bool) or not hasattr(n_jobs, "__index__"):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError(
            f"n_jobs={n_jobs} is no number of threads: give 1 or more, None or -1 for all, -2 for "
            "all but one"
        )
    return allowed(int(n_jobs) if n_jobs > 0 else max(1, cores() + 1 + int(n_jobs)))


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
    if forks.single_if_forked(n) == 1 or os.environ.get("OMP_MAX_ACTIVE_LEVELS", "").strip() == "0":
        return 1
    most = [n, max(MORE_THAN_CORES, cores())]
    ceiling = _openmp_variable("OMP_THREAD_LIMIT")
    if ceiling is not None:
        most.append(ceiling)
    if n > 1 and (tasks := cgroups.tasks_left()) is not None:
        most.append(1 + tasks // POOLS)
    return max(1, min(most))


def cores() -> int:
    """Return how many cores this process was granted, whatever variables and limits say.

    Returns
    -------
    int
        Those of the affinity mask, cut by the CPU quota.
    """
    if hasattr(os, "sched_getaffinity"):
        masked = len(os.sched_getaffinity(0))
    else:  # macOS and Windows have no affinity mask to ask for
        masked = os.cpu_count() or 1
    quota = cgroups.cpu_quota()
    return masked if quota is None else max(1, min(masked, math.ceil(quota)))


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
    with _lock.held():
        blas = [_blas.before.get(lib.filepath, lib.num_threads) for lib in libraries]
    return max(1, min(blas)) if blas else None


def in_force() -> int:
    """Return how many threads ``limit`` allows the thread that asks, inside its block."""
    return forks.single_if_forked(_limit_of_caller() or 1)


def in_order(work: Callable[[T], R], items: Iterable[T], n: int) -> Iterator[R]:
    """Do independent work by ``n`` Python threads, for what leaves the interpreter's lock.

    Parameters
    ----------
    work : callable
        Called with each item, in the context of the caller.
    items : iterable
        Read at once.
    n : int
        Threads, at least 1; 1 starts none.

    Yields
    ------
    object
        What each call returned, in the order of the items: sums don't depend on ``n``.
    """
    todo = list(items)
    n = min(n, len(todo))
    if n <= 1:
        yield from map(work, todo)
        return
    with ThreadPoolExecutor(n) as pool:
        waiting: deque[Future[R]] = deque()
        for item in todo:
            waiting.append(pool.submit(copy_context().run, work, item))
            if len(waiting) > n:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_cached: tuple[int, list[Any]] = (0, [])


def _limited() -> bool:
    """Tell whether this process has a limit of its memory (ulimit -v, -d)."""
    try:
        import resource
    except ImportError:  # Windows has none
        return False
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return any(limit != resource.RLIM_INFINITY for limit in limits)


def _libraries() -> list[Any]:
    """Return threadpoolctl's handles of the loaded libraries; a scan takes some milliseconds."""
    global _cached
    loaded = len(sys.modules)
    if _cached[0] != loaded:
        from threadpoolctl import ThreadpoolController

        found: list[Any] = []
        failed: list[BaseException] = []

        def scan() -> None:
            try:
                found.append(ThreadpoolController().lib_controllers)
            except SystemError:  # what ctypes makes of a callback that memory gave out under
                failed.append(MemoryError("no memory is left to look for loaded libraries"))
            except BaseException as error:
                failed.append(error)

        # In a thread of its own: the scan calls back through ctypes, which swallows exceptions, and
        # so it would a Ctrl-C, which only ever comes to the main thread. It is joined, not asked
        # for a result: a thread that memory gives out under ends without one.
        if _limited():  # a thread that can't begin for want of memory is waited for without end
            scan()
        else:
            elsewhere = threading.Thread(target=scan)
            elsewhere.start()
            elsewhere.join()
        if not found:
            raise (failed or [MemoryError("no memory is left to look for loaded libraries")])[0]
        _cached = (len(sys.modules), list(found[0]))
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
    global _run_before
    n = allowed(n)
    libraries = _libraries()
    openmp = [library for library in libraries if library.user_api == "openmp"]
    before = [(library.num_threads, _dynamic(library)) for library in openmp]
    run = object()
    if n > 1:
        forks.note_threads()
    with _lock.held():
        _blas.enter(run, n, libraries)
    try:
        for library in openmp:
            library.set_num_threads(n)
            # A team smaller than asked for would leave BLAS waiting for the others for ever.
            _set_dynamic(library, False)
        yield
    finally:
        with _lock.held():
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
        with _lock.held():
            if not self.users:
                self.before = get()
                put(value)
            self.users.add(user)
        try:
            yield
        finally:
            with _lock.held():
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


def run_before() -> bool:
    """Tell whether a run of several threads has ended: libraries are loaded by then."""
    return _run_before


def _after_fork() -> None:
    """Take back in a forked process what threads of its parent would have put back."""
    faiss: Any = sys.modules.get("faiss")
    _blas.asked.clear()
    if _faiss_threshold.users:  # the threads that were to put it back do not exist here
        _faiss_threshold.users.clear()
        faiss.cvar.distance_compute_blas_threshold = _faiss_threshold.before
    if forks.single_if_forked(2) == 1 and faiss is not None:
        faiss.omp_set_num_threads(1)


forks.in_child(_after_fork)
