"""Numbers that captured kernels read from the device: what changes while shapes and arrays stay.

A graph keeps the arguments that its kernels were launched with. So where a mesh lies and how far a
step goes is written to memory that stays, and a graph that was captured on one mesh goes on with
the next of that shape. Outside of ``Replay`` kernels get the same numbers as arguments.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import numpy as np

from gputsne.backends.cuda.device import Gpu
from gputsne.base.types import Array

__all__ = ["Numbers"]


class Numbers:
    """One place for the step, and one for each mesh of an iteration.

    Parameters
    ----------
    gpu : Gpu

    Attributes
    ----------
    frozen : bool
        Whether launches are captured: what is written then would be written at every replay.
    """

    MESHES = 2  # of a pair
    STEP = MESHES

    def __init__(self, gpu: Gpu) -> None:
        self.gpu, self.frozen = gpu, False
        self._size = int(gpu.module.numbers_size())
        self._on = False
        self._mesh = -1  # place of the mesh in use
        self.forget()

    def forget(self) -> None:
        """Drop the places, and what was written there."""
        self._places: Array | None = None
        self._written: dict[int, Hashable] = {}

    def begin(self) -> None:
        """Make the places anew, on the current GPU."""
        self._places = self.gpu.xp.zeros((self.MESHES + 1) * self._size, np.uint8)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Work on an iteration whose kernels read numbers from the device."""
        self._on, self._mesh = True, -1
        try:
            yield
        finally:
            self._on = False

    def next_mesh(self) -> None:
        """Go on to the next mesh of the iteration."""
        self._mesh += 1

    def mesh(self, numbers: Hashable) -> tuple[int, bool]:
        """Return where the mesh in use has its numbers, 0 for nowhere; whether to write them."""
        return self._place(self._mesh, numbers)

    def step(self, numbers: Hashable) -> tuple[int, bool]:
        """Return the same of the step."""
        return self._place(self.STEP, numbers)

    def _place(self, place: int, numbers: Hashable) -> tuple[int, bool]:
        if not self._on or (place != self.STEP and not 0 <= place < self.MESHES):
            return 0, False
        changed = self._written.get(place) != numbers
        if changed and self.frozen:
            raise RuntimeError("numbers that were not written before their kernels were captured")
        self._written[place] = numbers
        return self.gpu.at(self._places) + place * self._size, changed
