"""Times the stages of a fit and, if asked, shows them: bars on a terminal, log lines elsewhere.

On a terminal a stage that never reports how far it is gets one line with its time at its end:
its bar would stand at 0 %. Off a terminal the lines go to the logger ``gputsne``, or to standard
error where logging isn't set up for them.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from gputsne.base import deadline, events

__all__ = ["LINE_SECONDS", "LOGGER", "StageTimer"]

LOGGER: Final = logging.getLogger("gputsne")
LINE_SECONDS: Final = 10.0  # between two lines of one stage: six per minute in a batch log
CHECKPOINTS: Final = 5  # times per fit at which the log tells KL, as telemetry's gauges have it


class StageTimer:
    """Times the stages and, when ``verbose``, shows them.

    Parameters
    ----------
    verbose : int
        Above 0: show the stages.
    timings : mapping of str to float
        Seconds of an earlier run of the same model, to which this one's are added.

    Attributes
    ----------
    timings : dict of str to float
        Seconds by stage, in the order they ran.
    now : str
        The stage that runs, or that ran last.
    """

    def __init__(self, verbose: int = 0, timings: Mapping[str, float] | None = None) -> None:
        self.verbose = bool(verbose)
        self.timings: dict[str, float] = dict(timings or {})
        self.now = ""

    @contextmanager
    def run(self) -> Iterator[None]:
        """Time all of a run; a later run of the same model adds to it."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            spent = self.timings.pop("total", 0.0)
            self.timings["total"] = spent + time.perf_counter() - begin

    @contextmanager
    def stage(self, name: str, total: int = 0) -> Iterator[Callable[..., None]]:
        """Time one stage; yields ``report(done, total or KL)``.

        Raises
        ------
        DeadlineExceeded
            Where a deadline has passed, at the start and, before the optimiser, when told.
        """
        deadline.check(f"before stage {name!r}")
        begin, self.now = time.perf_counter(), name
        display: _Display | None = None
        if self.verbose:
            display = (_Bar if _on_terminal() else _Lines)(name, total, begin)

        ended = False
        with events.stage(name) as facts:
            checkpoints = _Checkpoints(name, total, facts) if events.listened() else None

            def report(done: int, more: float = 0) -> None:
                if name != "optimize":  # which looks itself, and closes the map it has
                    deadline.check(f"in stage {name!r}")
                elif checkpoints is not None:
                    checkpoints.show(done, more)
                if display is not None:
                    display.show(done, more)

            try:
                yield report
                ended = True
            finally:
                facts["seconds"] = time.perf_counter() - begin
                self.timings[name] = self.timings.get(name, 0.0) + facts["seconds"]
                if display is not None:
                    display.close(ended)


class _Checkpoints:
    """Tells the log KL at the fifths of the optimiser, and leaves the last for its end."""

    def __init__(self, name: str, total: int, facts: dict[str, Any]) -> None:
        self.name, self.total, self.facts = name, total, facts
        self.passed: int | None = None

    def show(self, done: int, kl: float) -> None:
        self.facts["iteration"], self.facts["iterations"] = done, self.total
        if kl == kl:  # not NaN, as between two measurements
            self.facts["kl_divergence"] = kl
        passed = done * CHECKPOINTS // max(self.total, 1)
        if self.passed is not None and passed > self.passed:
            events.tell("progress", stage=self.name, **self.facts)
        self.passed = passed


class _Display(Protocol):
    def show(self, done: int, more: float) -> None:
        """Show how far the stage is; ``more`` is the KL in the optimiser, else the total."""

    def close(self, ended: bool) -> None:
        """Show the end; ``ended`` is False after an error."""


class _Bar:
    """A bar of tqdm, from the first time the stage reports how far it is."""

    def __init__(self, name: str, total: int, begin: float) -> None:
        self.name, self.total, self.begin = name, total, begin
        self.bar: Any = None

    def show(self, done: int, more: float) -> None:
        if self.bar is None:
            from tqdm import tqdm

            unit = "it" if self.name == "optimize" else " rows"
            self.bar = tqdm(total=self.total or None, desc=self.name, unit=unit)
            self.bar.start_t -= time.perf_counter() - self.begin  # it began with the stage
        if self.name != "optimize" and more and self.bar.total != more:
            self.bar.total = more
        self.bar.update(done - self.bar.n)
        if self.name == "optimize" and more == more:  # not NaN
            self.bar.set_postfix(KL=f"{more:.4f}", refresh=False)

    def close(self, ended: bool) -> None:
        if self.bar is not None:
            self.bar.close()
        elif ended:
            print(f"{self.name}: {time.perf_counter() - self.begin:.2f} s", file=sys.stderr)


class _Lines:
    """A line now and then, and one at the end."""

    def __init__(self, name: str, total: int, begin: float) -> None:
        self.name, self.total, self.begin = name, total, begin
        self.last = begin
        self.done, self.kl = 0, float("nan")

    def show(self, done: int, more: float) -> None:
        self.done = done
        if self.name == "optimize":
            self.kl = self.kl if more != more else more
        elif more:
            self.total = int(more)
        now = time.perf_counter()
        if now - self.last >= LINE_SECONDS and 0 < done < self.total:
            self.last = now
            left = (now - self.begin) * (self.total - done) / done
            _say(f"{self.name}: {self._far()}, about {left:.0f} s left")

    def close(self, ended: bool) -> None:
        far = f"{self._far()}, " if self.done else ""
        if ended:
            _say(f"{self.name}: {far}{time.perf_counter() - self.begin:.2f} s")

    def _far(self) -> str:
        unit = "iterations" if self.name == "optimize" else "rows"
        kl = f", KL {self.kl:.4f}" if self.kl == self.kl else ""
        return f"{self.done:,} of {self.total:,} {unit}{kl}"


def _on_terminal() -> bool:
    """Tell whether a bar can move where standard error goes: a terminal or a notebook."""
    return sys.stderr is not None and (sys.stderr.isatty() or _in_kernel())


def _in_kernel() -> bool:
    """Tell whether this process is a notebook's kernel; trackers import ipykernel without one."""
    application = getattr(sys.modules.get("ipykernel.kernelapp"), "IPKernelApp", None)
    return application is not None and bool(application.initialized())


def _say(text: str) -> None:
    if LOGGER.hasHandlers() and LOGGER.isEnabledFor(logging.INFO):
        LOGGER.info(text)
    elif sys.stderr is not None:  # print would take standard output instead
        print(text, file=sys.stderr)
