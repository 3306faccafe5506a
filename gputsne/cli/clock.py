"""When must a run stop? A deadline that reaches every stage, and leaves the map so far.

Before the optimiser an alarm interrupts as Ctrl-C would; inside it a callback stops the run.
"""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Final

from gputsne.base.types import Progress

GRACE: Final = 2.0  # seconds that the optimiser has to reach its next callback


class Deadline:
    """A context that stops what runs in it after so many seconds; None: never.

    Attributes
    ----------
    passed : bool
        The deadline has cut the work short.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.passed = False
        self._end = float("inf") if seconds is None else time.monotonic() + seconds
        self._armed = False
        self._optimizing = False
        self._before: Any = None

    def __enter__(self) -> Deadline:
        if self.seconds is not None:
            self._armed = True
            self._before = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, max(1e-6, self._end - time.monotonic()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._armed = False  # an alarm that is on its way finds the door closed
        if self.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if not self._armed:
            return
        if self._optimizing:  # the next callback stops the run; if none comes, the next alarm
            self._optimizing = False
            signal.setitimer(signal.ITIMER_REAL, GRACE)
            return
        self.passed = True
        raise KeyboardInterrupt

    def __call__(self, progress: Progress) -> bool:
        """Tell the optimiser, as its callback, whether to stop."""
        late = time.monotonic() >= self._end
        if progress.iteration >= progress.total or late:
            self._armed = False  # what is left to do is to finish
            self.passed = self.passed or progress.iteration < progress.total
        self._optimizing = True
        return late
