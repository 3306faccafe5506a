"""Seconds per stage, and with ``verbose`` a tqdm bar or a line for each stage on stderr.

A stage that never reports how far it is gets one line with its time when it has ended: its bar
would stand at 0 %.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["StageTimer"]


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
        """Time one stage; yields ``report(done, total or KL)``."""
        bar: Any = None

        def report(done: int, more: float = 0) -> None:
            nonlocal bar
            if not self.verbose:
                return
            if bar is None:
                from tqdm import tqdm

                unit = "it" if name == "optimize" else " rows"
                bar = tqdm(total=total or None, desc=name, unit=unit)
                bar.start_t -= time.perf_counter() - begin  # it began with the stage
            if name != "optimize" and more and bar.total != more:
                bar.total = more
            bar.update(done - bar.n)
            if name == "optimize" and more == more:  # not NaN
                bar.set_postfix(KL=f"{more:.4f}", refresh=False)

        begin, self.now = time.perf_counter(), name
        try:
            yield report
            if self.verbose and bar is None:
                print(f"{name}: {time.perf_counter() - begin:.2f} s", file=sys.stderr)
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - begin
            if bar is not None:
                bar.close()
