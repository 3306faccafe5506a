"""Work: computations in a few threads, with a bound on how many wait and a deadline for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from gputsne.base import deadline
from gputsne.base.errors import DeadlineExceeded, Refused
from gputsne.base.forks import Lock
from gputsne.serve.measures import Measures

__all__ = ["Work"]

RETRY: Final = 5.0  # seconds
T = TypeVar("T")


class Work:
    """Threads that compute.

    Parameters
    ----------
    workers : int
        How many.
    waiting : int
        How many computations may wait for one.
    measures : Measures
        Told of each.
    """

    def __init__(self, workers: int, waiting: int, measures: Measures) -> None:
        self.most = workers + waiting
        self.measures = measures
        self._pool = ThreadPoolExecutor(workers, "gputsne-work")
        self._held = 0
        self._lock = Lock()
        measures["concurrency"].set(workers)

    @property
    def busy(self) -> bool:
        """Whether anything is under way or waits."""
        return self._held > 0

    def begin(self, name: str, function: Callable[[], T], seconds: float | None) -> Future[T]:
        """Let a function run in one of the threads.

        Parameters
        ----------
        name : str
            Of the computation, in the metrics.
        function : callable
            Of no arguments.
        seconds : float or None
            From now until it has to be done, waiting included; it sees that as
            ``gputsne.base.deadline``.

        Returns
        -------
        Future

        Raises
        ------
        Refused
            503: too many wait already.
        """
        began = time.monotonic()
        with self._lock.held():
            if self._held >= self.most:
                raise Refused(503, "too many computations wait already", retry_after=RETRY)
            self._held += 1
        self.measures["waiting"].set(self._held)

        def run() -> T:
            left = None if seconds is None else began + seconds - time.monotonic()
            with deadline.limit(left):
                deadline.check("before it began")
                return function()

        def ended(future: Future[T]) -> None:
            with self._lock.held():
                self._held -= 1
            self.measures["waiting"].set(self._held)
            self.measures["work"].labels(name).observe(time.monotonic() - began)

        future = self._pool.submit(run)
        future.add_done_callback(ended)
        return future

    async def run(self, name: str, function: Callable[[], T], seconds: float) -> T:
        """Let a function run and wait for it, up to its deadline.

        Parameters
        ----------
        name, function, seconds
            As of `begin`.

        Returns
        -------
        object
            What the function returns.

        Raises
        ------
        Refused
            503: too many wait already. 504: the deadline has passed.
        """
        future = self.begin(name, function, seconds)
        try:
            return await finished(future, seconds)
        except (TimeoutError, DeadlineExceeded) as error:
            future.cancel()
            raise Refused(504, f"it took longer than the {seconds:g} s allowed here") from error

    def close(self) -> None:
        """Take nothing more; what waits is dropped, what runs goes on."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def finished(future: Future[T], seconds: float) -> T:
    """Wait for a future so long, and leave it running where that is too short.

    Parameters
    ----------
    future : Future
        Of a thread.
    seconds : float
        To wait.

    Returns
    -------
    object
        Its result.

    Raises
    ------
    TimeoutError
        It isn't done.
    """
    waiting = asyncio.wrap_future(future)
    done, _ = await asyncio.wait([waiting], timeout=seconds)
    if not done:
        waiting.add_done_callback(_looked_at)
        raise TimeoutError
    return waiting.result()


def _looked_at(future: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for any more, or asyncio would complain."""
    if not future.cancelled():
        future.exception()
