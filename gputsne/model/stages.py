"""A fit while it is made: its backend, its clock and what its stages have left so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from gputsne.backends import Ops
from gputsne.base import threads
from gputsne.model.about import About
from gputsne.model.parameters import Parameters
from gputsne.model.progress import StageTimer
from gputsne.model.records import Fit, Prepared
from gputsne.planning.ways import IN_MEMORY, Way

__all__ = ["Stages"]


@dataclass
class Stages:
    """A fit while it is made: where it runs, and what it has so far.

    Attributes
    ----------
    params : Parameters
        Of the fit.
    ops : Ops
        The backend.
    timer : StageTimer
        Times the stages.
    fit : Fit
        As far as it came.
    others : int
        Bytes of everything but the mesh, as planned.
    way : Way
        What of it lies on disk, as planned.
    about : About or None
        What the record will say besides; None for a search, of which nothing is told.
    """

    params: Parameters
    ops: Ops
    timer: StageTimer
    fit: Fit
    others: int = 0
    way: Way = IN_MEMORY
    about: About | None = None

    def update(self, **parts: Any) -> None:
        """Take over what a stage has made."""
        self.fit = replace(self.fit, **parts)

    @contextmanager
    def at_work(self, device: int | None = None) -> Iterator[None]:
        """Work on the device with the threads there are, timed; take note of the memory it took."""
        with self.ops.guard(device), threads.limit(self.ops.n_jobs), self.timer.run():
            try:
                yield
            finally:
                if self.about is not None:
                    self.about.told["peak_device_bytes"] = self.ops.peak_memory()

    def so_far(self) -> Fit:
        """Return the fit with the times of its stages."""
        return replace(self.fit, timings=dict(self.timer.timings))

    def prepared(self, **parts: Any) -> Prepared:
        """Take over what was made of X, and return all of it."""
        self.update(prepared=replace(self.fit.prepared, **parts))
        return self.fit.prepared
