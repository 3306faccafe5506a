"""An iteration launched by one call: captured as a CUDA graph, then replayed.

Where a capture fails, launches go on one by one; ``GPUTSNE_CUDA_GRAPHS=0`` never tries.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from gputsne.backends.cuda.numbers import Numbers

__all__ = ["Replay"]

log = logging.getLogger("gputsne")
DEFAULT_STREAMS = (0, 1, 2)  # of CUDA itself, of the process, of the thread: none can be captured


class Replay:
    """Iterations that are the same but for the numbers in their arrays.

    Parameters
    ----------
    xp : module
        CuPy.
    numbers : Numbers
        What the kernels of a graph read anew at every replay.

    Attributes
    ----------
    captured, replayed : int
        How often.
    failed : str
        Why there are no graphs any more.
    """

    def __init__(self, xp: Any, numbers: Numbers) -> None:
        self.xp, self._in_memory = xp, numbers
        self.captured = self.replayed = 0
        self.failed = ""
        # Of its own: what a graph writes to must never be lent to anybody else.
        self._arena = xp.cuda.MemoryPool()
        self._epoch: Hashable = None
        self._numbers: Hashable = None
        self._kept: dict[Hashable, Any] = {}

    def run(
        self, epoch: Hashable, numbers: Hashable, turn: Hashable, work: Callable[[], None]
    ) -> None:
        """Do ``work``.

        Parameters
        ----------
        epoch : hashable
            Equal as long as only ``turn`` decides what is launched, on which arrays.
        numbers : hashable
            Equal as long as the numbers are that the kernels read from the device's memory; where
            they change, ``work`` writes them, and the graphs stay.
        turn : hashable
            Which of the iterations that take turns.
        work : callable
            Launches, allocates, and waits for nothing.
        """
        if self.failed:
            work()
            return
        with self.xp.cuda.using_allocator(self._arena.malloc):
            if epoch != self._epoch or numbers != self._numbers:
                # What makes plans, fills the arena or writes numbers can't be captured.
                self._numbers = None
                work()
                if epoch != self._epoch:
                    self._epoch, self._kept = epoch, {}
                self._numbers = numbers
            elif turn in self._kept or self._capture(turn, work):
                self._kept[turn].launch()
                self.replayed += 1
            else:
                work()

    def forget(self) -> None:
        """Drop all graphs: an array that they know has been replaced."""
        self._epoch, self._numbers, self._kept = None, None, {}

    def _capture(self, turn: Hashable, work: Callable[[], None]) -> bool:
        """Keep the graph of what ``work`` launches; nothing runs. Tell whether it worked."""
        try:
            self._kept[turn] = self._recorded(work)
        except Exception as error:  # CuPy's, CUDA's and ours: all mean the same here
            self.failed = f"{type(error).__name__}: {error}"
            log.warning("no CUDA graphs, launches go one by one: %s", self.failed)
        return not self.failed

    def _recorded(self, work: Callable[[], None]) -> Any:
        stream = self.xp.cuda.get_current_stream()
        stream.begin_capture()
        self._in_memory.frozen = True
        try:
            work()
        finally:
            self._in_memory.frozen = False
            graph = stream.end_capture()
        self.captured += 1
        return graph

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Work on a stream that can be captured: the caller's, or one of our own."""
        callers = self.xp.cuda.get_current_stream()
        if callers.ptr not in DEFAULT_STREAMS:
            yield
            return
        callers.synchronize()  # what was asked for there is there
        own = self.xp.cuda.Stream(non_blocking=True)
        try:
            with own:
                yield
        except BaseException:
            with suppress(Exception):  # a GPU that has failed refuses this as well
                own.synchronize()  # what the fit has so far is read on other streams
            raise
        own.synchronize()

    def held(self) -> int:
        """Return the bytes that graphs write to."""
        return int(self._arena.total_bytes())

    def release(self) -> None:
        """Give back the memory."""
        self.forget()
        self._arena.free_all_blocks()
