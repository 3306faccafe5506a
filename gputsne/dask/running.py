"""Runner: the cluster or the local scheduler that does the work, and what is said when it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from gputsne.base.errors import DependencyMissing, OverMemory
from gputsne.base.extras import pip_install
from gputsne.base.parameter_table import Whole
from gputsne.base.sizes import size_text

__all__ = ["RETRIES", "SHARE", "Job", "Runner", "library", "named"]

log = logging.getLogger("gputsne")

RETRIES: Final = 2  # of a task whose function raised, as when a shard's disk is away for a moment
# Share of a worker's memory limit that one task may take: where dask begins to write to the disk
# (distributed.worker.memory.target).
SHARE: Final = 0.6
# Schedulers of one process, as the configuration of dask names them.
LOCAL: Final = ("threads", "threading", "sync", "synchronous", "single-threaded", "processes")
WARNING: Final = "distributed.admin.large-graph-warning-threshold"


def library() -> Any:
    """Return dask, or raise one sentence that says what brings it.

    Returns
    -------
    module

    Raises
    ------
    DependencyMissing
        Dask is not installed.
    """
    try:
        import dask
    except ImportError as error:
        raise DependencyMissing(f"gputsne.dask needs dask: {pip_install('dask')}") from error
    return dask


class Job(NamedTuple):
    """One task whose result is wanted here.

    Attributes
    ----------
    label : str
        What messages call it: the block of rows that it is about.
    value : Delayed
        The task.
    """

    label: str
    value: Any


@dataclass(frozen=True, eq=False)
class Runner:
    """Where tasks run.

    Attributes
    ----------
    client : Client or None
        Of the cluster; None for the scheduler of this process.
    retries : int
        How often a task that raised is run again.
    progress : callable or None
        ``progress(done, total)``.
    verbose : bool
        Whether the log is told of progress.
    """

    client: Any
    retries: int = RETRIES
    progress: Callable[[int, int], None] | None = None
    verbose: bool = False

    @classmethod
    def of(
        cls, client: Any = None, *, retries: int = RETRIES,
        progress: Callable[[int, int], None] | None = None, verbose: bool = False,
    ) -> Runner:  # fmt: skip
        """Return the runner of a client, of the current client, or of this process.

        Parameters
        ----------
        client : Client or None
            None takes the current client, unless dask's configuration names a scheduler of this
            process.
        retries, progress, verbose
            As the attributes.

        Returns
        -------
        Runner

        Raises
        ------
        TypeError, ValueError
            For what is no client, a closed one, an asynchronous one, and retries below 0.
        """
        dask = library()
        Whole(0).check("retries", retries)
        if progress is not None and not callable(progress):
            raise TypeError(f"progress={progress!r} must be called with (done, total)")
        if client is None and dask.config.get("scheduler", None) not in LOCAL:
            client = _current()
        if client is not None:
            _check(client)
        return cls(client, int(retries), progress, bool(verbose))

    def held(self, value: Any, name: str, token: str) -> Any:
        """Send a value to the cluster once, and return what tasks take in its place.

        The scheduler keeps what it was made of: it outlives every worker.

        Parameters
        ----------
        value : object
            Picklable.
        name : str
            What its key begins with.
        token : str
            The same for an equal value, which is then not sent again.

        Returns
        -------
        Delayed
        """
        dask = library()
        if self.client is None:
            return dask.delayed(value, name=f"{name}-{token}", traverse=False)
        with dask.config.set({WARNING: "1TiB"}):
            future = self.client.submit(_itself, value, key=f"{name}-{token}")
        return dask.delayed(future)

    def kept(self, job: Job) -> Any:
        """Compute something that stays on the cluster, for other tasks.

        Parameters
        ----------
        job : Job
            What is to be computed; made again where the worker that has it is lost.

        Returns
        -------
        Delayed
        """
        dask = library()
        if self.client is None:
            return dask.delayed(self.results([job])[0], traverse=False)
        from distributed import wait

        with dask.config.set({WARNING: "1TiB"}), self.client.as_current():
            future = self.client.compute(job.value, retries=self.retries)
            try:
                wait(future)
            except BaseException:
                future.cancel()
                raise
        if future.status != "finished":
            _fail(job.label, future)
        return dask.delayed(future)

    def results(self, jobs: Sequence[Job]) -> list[Any]:
        """Run tasks and return what they say, in their order.

        Parameters
        ----------
        jobs : sequence of Job
            Independent of each other, or of common tasks.

        Returns
        -------
        list

        Raises
        ------
        RuntimeError
            A task ended every worker that took it; the message names its rows.
        Exception
            Whatever a task raised; which one is a note on it.
        """
        if not jobs:
            return []
        return self._local(jobs) if self.client is None else self._remote(jobs)

    def _local(self, jobs: Sequence[Job]) -> list[Any]:
        from dask.callbacks import Callback

        dask = library()
        wanted, done = {job.value.key for job in jobs}, set()

        def note(key: Any, *_: Any) -> None:
            if key in wanted:
                done.add(key)
                self._told(len(done), len(wanted))

        with Callback(posttask=note):
            return list(dask.compute(*(job.value for job in jobs)))

    def _remote(self, jobs: Sequence[Job]) -> list[Any]:
        """Run tasks on the cluster.

        Dask blames a lost worker's end on every task that waited there. Those that it gives up are
        run again one by one: the innocent come through, and the others are named rightly.
        """
        found: dict[int, Any] = {}
        blamed = self._gathered(list(enumerate(jobs)), found, len(jobs), alone=False)
        for i in blamed:
            self._gathered([(i, jobs[i])], found, len(jobs), alone=True)
        return [found[i] for i in range(len(jobs))]

    def _gathered(
        self, jobs: Sequence[tuple[int, Job]], found: dict[int, Any], total: int, *, alone: bool
    ) -> list[int]:
        """Put what tasks say into ``found``; return those that were on workers that ended."""
        from distributed import as_completed

        blamed = []
        with library().config.set({WARNING: "1TiB"}), self.client.as_current():
            values = [job.value for _, job in jobs]
            futures = self.client.compute(values, retries=self.retries)
            which = {f.key: number for f, (number, _) in zip(futures, jobs, strict=True)}
            labels = dict(jobs)
            try:
                waiting = as_completed(futures, with_results=True, raise_errors=False)
                for future, value in waiting:
                    number = which[future.key]
                    if future.status == "finished":
                        found[number] = value
                        self._told(len(found), total)
                    elif alone or not _killed(future):
                        _fail(labels[number].label, future)
                    else:
                        blamed.append(number)
                    future.release()  # the worker may forget it
            finally:
                self.client.cancel([f for f in futures if which[f.key] not in found])
        return sorted(blamed)

    def _told(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(done, total)
        if self.verbose:
            log.info("%d of %d tasks are done", done, total)

    def room(self) -> float | None:
        """Return the bytes that one task may take on the smallest worker; None where none says."""
        if self.client is None:
            return None
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        rooms = [w["memory_limit"] / w["nthreads"] for w in workers if w["memory_limit"]]
        return SHARE * min(rooms) if rooms else None

    def check(self, label: str, needed: float, remedy: str) -> None:
        """Raise OverMemory where a task would not fit on the smallest worker.

        Parameters
        ----------
        label : str
            What the task is about.
        needed : float
            Bytes that it takes.
        remedy : str
            What the caller can do.
        """
        room = self.room()
        if room is not None and needed > room:
            raise OverMemory(
                f"{label} needs {size_text(needed)} at once, and the smallest worker has "
                f"{size_text(room)} for a task ({SHARE:.0%} of its memory limit, by its threads):"
                f" {remedy}"
            )


def _itself(value: Any) -> Any:
    return value


def _current() -> Any:
    """Return the current client, None where there is none."""
    try:
        from distributed import get_client
    except ImportError:
        return None
    try:
        return get_client()
    except ValueError:
        return None


def _check(client: Any) -> None:
    if not all(hasattr(client, name) for name in ("submit", "compute", "scheduler_info")):
        raise TypeError(
            f"client={client!r} is no dask.distributed.Client: pass one, or leave it out for the "
            "current one"
        )
    if client.asynchronous:
        raise ValueError(
            "client is asynchronous, and the functions of gputsne.dask wait for their results: "
            "make it with Client(..., asynchronous=False), and call from another thread"
        )
    if client.status != "running":
        raise ValueError(
            f"client={client!r} is {client.status}: connect a new one, Client(address)"
        )


def _killed(future: Any) -> bool:
    """Tell whether a task was given up because workers ended that had it."""
    from distributed.scheduler import KilledWorker

    return future.status == "error" and isinstance(future.exception(), KilledWorker)


def _fail(label: str, future: Any) -> None:
    """Raise what ended a task, with the rows that it was about."""
    from distributed import CancelledError

    if future.status == "cancelled":
        raise RuntimeError(
            f"{label} was cancelled, or what it was made of was lost: persist X again and call "
            "once more"
        ) from CancelledError(future.key)
    error = future.exception()
    if _killed(future):
        raise RuntimeError(
            f"{label} ended every worker that took it, {error.allowed_failures + 1} of them: it "
            "takes more memory than a worker has, or its rows crash the process. Make blocks "
            "smaller, give workers more memory, or look at these rows alone"
        ) from error
    error.add_note(f"raised for {label}")
    raise error


@contextmanager
def named(label: str) -> Iterator[None]:
    """Put the block's name before what is wrong with its rows, inside a task.

    Parameters
    ----------
    label : str
        For instance "block 3 of X".
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{label}: {error}") from error
