"""X on the GPU, given or sent: checked, measured and prepared there; only numbers come down.

Kernels: csrc/cuda/prepare.cu. What is learned from the numbers: gputsne/preparation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.backends.cuda import arrays
from gputsne.backends.cuda.device import Gpu
from gputsne.backends.cuda.held import HeldRows
from gputsne.base.arrays import device_array
from gputsne.base.types import Array

__all__ = ["GivenRows", "given_rows", "sent_values"]

KEPT_TYPES = (np.float32, np.float64)


def given_rows(gpu: Gpu, X: Any) -> GivenRows | None:
    """Return X as rows on this GPU; None for what has to be read in main memory.

    Which is all but arrays on this very GPU, of float32 or float64, 2-D, in C order, not empty.
    """
    if type(X) is np.ndarray:
        return None
    if isinstance(X, HeldRows):
        array = X.there_on(gpu.number).get("values")
    else:
        array = device_array(X, gpu.number, gpu.xp)
    if array is None or array.ndim != 2 or 0 in array.shape or array.dtype not in KEPT_TYPES:
        return None
    return GivenRows(gpu, array) if array.flags.c_contiguous else None


def sent_values(gpu: Gpu, values: Any, most: float) -> GivenRows | None:
    """Return a copy on this GPU of dense rows of main memory; None where it can't be.

    Parameters
    ----------
    gpu : Gpu
    values : array, shape (n, d)
        As ``gputsne.base.tables.read`` has them.
    most : float
        Bytes that it may take.
    """
    if not isinstance(values, np.ndarray) or values.size == 0 or values.dtype.kind not in "biuf":
        return None
    dtype = next((t for t in KEPT_TYPES if np.can_cast(values.dtype, t)), np.float64)
    if values.dtype.itemsize > np.dtype(np.float64).itemsize:  # long double may overflow
        return None
    if values.size * np.dtype(dtype).itemsize > most:
        return None
    return GivenRows(gpu, gpu.put(values, dtype))


class GivenRows:
    """Rows on the GPU, which stay the caller's.

    Parameters
    ----------
    gpu : Gpu
    array : array, shape (n, d), float32 or float64
        On the device.
    """

    def __init__(self, gpu: Gpu, array: Any) -> None:
        self.gpu, self.array = gpu, array
        self.shape: tuple[int, int] = tuple(array.shape)
        self.dtype = np.dtype(array.dtype)
        self.wide = self.dtype.itemsize == 8

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, index: Any) -> Array:
        """Return rows in main memory, by a slice; or a number, by its place."""
        if isinstance(index, tuple):
            i, j = index
            number: Array = self[i : i + 1][0, j]
            return number
        begin, end, step = index.indices(len(self))
        if step == 1:
            return self.gpu.host(self.array[begin:end])
        gpu, count = self.gpu, len(range(begin, end, step))
        words = self.shape[1] * self.dtype.itemsize // 4
        out = gpu.empty((count, self.shape[1]), self.dtype)
        first = gpu.at(self.array) + begin * words * 4
        gpu.module.take_rows(first, count, words, 0, step, gpu.at(out), gpu.stream)
        return gpu.host(out)

    def part(self, begin: int, end: int) -> GivenRows:
        """Return some of the rows where they are."""
        return GivenRows(self.gpu, self.array[begin:end])

    def finite(self) -> bool:
        """Tell whether there is neither NaN nor infinity; waits for the device."""
        return self._first_infinite(self.array) < 0

    def _first_infinite(self, a: Any) -> int:
        gpu, wide = self.gpu, a.dtype.itemsize == 8
        judge = gpu.module.check_finite
        return gpu.first_bad(lambda bad: judge(gpu.at(a), wide, a.size, bad, gpu.stream))

    def _rows(self, mean: Array | None, scale: Array | None, factor: float) -> tuple[Any, Any]:
        """Return Rows of csrc/cuda/gram.hpp, and what must live until they were read."""
        gpu = self.gpu
        kept = [
            None if a is None else gpu.put(np.asarray(a, np.float64), np.float64)
            for a in (mean, scale)
        ]
        at = (0 if a is None else gpu.at(a) for a in kept)
        made = gpu.module.Rows(gpu.at(self.array), self.wide, *self.shape, 0, *at, factor)
        return made, kept

    def ranges(self) -> tuple[Array, Array]:
        """Return the lowest and the highest value of each column, (d,) float64 each."""
        return self._columns("column_ranges", 1.0)

    def moments(self, factor: float) -> tuple[Array, Array]:
        """Return the columns' means, and sums of squares about them, times ``factor``."""
        return self._columns("column_moments", factor)

    def _columns(self, name: str, factor: float) -> tuple[Array, Array]:
        gpu = self.gpu
        scratch = gpu.empty((2, gpu.module.column_scratch(*self.shape)), np.float64)
        out = gpu.empty((2, self.shape[1]), np.float64)
        rows, _ = self._rows(None, None, factor)
        getattr(gpu.module, name)(rows, gpu.at(scratch), gpu.at(out), gpu.stream)
        one, two = gpu.host(out)
        return one, two

    # A metric's vectors, of float32

    def take(self, numbers: Array) -> GivenRows:
        """Return some of the rows, on the device."""
        gpu, d = self.gpu, self.shape[1]
        which = gpu.put(numbers, np.int32)
        out = gpu.empty((len(numbers), d), self.dtype)
        words = d * self.dtype.itemsize // 4
        at = (gpu.at(self.array), len(numbers), words, gpu.at(which), 1, gpu.at(out))
        gpu.module.take_rows(*at, gpu.stream)
        return GivenRows(gpu, out)

    def unit_rows(self, *, centred: bool) -> Array:
        """Return unit vectors (n, d + 1), of rows less their own means where ``centred``."""
        gpu, (n, d) = self.gpu, self.shape
        out = gpu.empty((n, d + 1), np.float32)
        gpu.module.unit_rows(gpu.at(self.array), n, d, centred, gpu.at(out), gpu.stream)
        return out

    def bound_rows(self, bound: float) -> Array:
        """Return the rows and the root of what their squared lengths lack of ``bound``."""
        gpu, (n, d) = self.gpu, self.shape
        out = gpu.empty((n, d + 1), np.float32)
        gpu.module.bound_rows(gpu.at(self.array), n, d, bound, gpu.at(out), gpu.stream)
        return out

    def times(self, factor: float) -> Array:
        """Return the rows times a power of two; themselves where that is 1."""
        return self.array if factor == 1.0 else self._prepared(None, None, None, factor)

    def radius(self) -> float:
        """Return how far the farthest row lies from the mean of all."""
        centre = self.moments(1.0)[0]
        centred = self._prepared(centre, None, None, 1.0)
        return float(GivenRows(self.gpu, centred).longest() ** 0.5)

    def longest(self) -> float:
        """Return the largest squared length of a row."""
        gpu, (n, d) = self.gpu, self.shape
        out = gpu.empty((n, 1), np.float64)
        gpu.module.row_lengths(gpu.at(self.array), n, d, gpu.at(out), gpu.stream)
        return float(GivenRows(gpu, out).ranges()[1][0])

    # What a preparation makes of them

    def prepared(
        self, mean: Array | None, scale: Array | None, components: Array | None, factor: float
    ) -> tuple[HeldRows, int]:
        """Return the rows centred, scaled and projected, and the first that is not finite, or -1.

        Parameters
        ----------
        mean, scale : array, shape (d,), float64, or None
            What is subtracted, and what divides.
        components : array, shape (d', d), float64, or None
            Axes.
        factor : float
            Multiplies the outcome.
        """
        out = self._prepared(mean, scale, components, factor)
        bad = self._first_infinite(out)
        rows = HeldRows(out, self.gpu.number, self.gpu.host)
        return rows, bad // out.shape[1] if bad >= 0 else -1

    def _prepared(
        self, mean: Array | None, scale: Array | None, components: Array | None, factor: float
    ) -> Array:
        gpu, (n, d) = self.gpu, self.shape
        rows, _kept = self._rows(mean, scale, factor)
        if components is not None:
            axes = gpu.put(np.ascontiguousarray(components.T), np.float64)
            out = gpu.empty((n, len(components)), np.float32)
            gpu.module.project_rows(rows, gpu.at(axes), len(components), gpu.at(out), gpu.stream)
        elif mean is None and scale is None and factor == 1.0 and not self.wide:
            out = arrays.copied(gpu, self.array, np.float32)  # the caller may change X later
        else:
            out = gpu.empty((n, d), np.float32)
            gpu.module.prepare_rows(rows, gpu.at(out), gpu.stream)
        return out

    def all_equal(self, rows: HeldRows) -> bool:
        """Tell whether every row equals the first; waits for the device."""
        gpu = self.gpu
        there = rows.there_on(gpu.number).get("values")
        if there is None:  # another thread has made room
            there = gpu.put(rows.values, np.float32)
        at, judge = gpu.at(there), gpu.module.check_equal
        return gpu.first_bad(lambda bad: judge(at, *there.shape, bad, gpu.stream)) < 0
