"""The GPU as the stages see it: arrays of CuPy, their addresses, a stream, and ``gputsne._cuda``.

CuPy owns memory; the kernels get addresses. One ``Gpu`` is shared by all stages of one backend.
CuPy allocates, copies and takes views, and computes nothing: see arrays.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.backends.cuda.presence import OWNER, kernels, lost_in_fork
from gputsne.base.errors import BackendUnavailable
from gputsne.base.types import Array

__all__ = ["Gpu"]

STAGED = 1 << 22  # bytes that CuPy may copy through page-locked memory, which it never gives back


class Gpu:
    """Memory, addresses, and the checks of ids that every stage makes.

    Parameters
    ----------
    xp, module : module or None
        Array library and kernels; None for CuPy and ``gputsne._cuda``.

    Attributes
    ----------
    sum_scratch : int
        Numbers of the result's type that the scratch of a sum holds.
    number : int or None
        Of the GPU that the arrays lie on.
    most : int
        Most bytes that CuPy's pool was seen to hold.
    """

    def __init__(self, xp: Any = None, module: Any = None) -> None:
        self.check_process()
        OWNER.note()
        self.xp: Any = xp if xp is not None else _cupy()
        self.module: Any = module if module is not None else kernels()
        self.sum_scratch = int(self.module.sum_scratch())
        self.number: int | None = None  # of the GPU that the process works on now
        self.most = 0

    @staticmethod
    def check_process() -> None:
        """Refuse to go on in a process that was forked after a GPU was used.

        Raises
        ------
        BackendUnavailable
            With the reason and the remedy.
        """
        if lost := lost_in_fork():
            raise BackendUnavailable(f"device='cuda': {lost}, or use device='cpu'")

    @property
    def stream(self) -> int:
        """The caller's current stream."""
        return int(self.xp.cuda.get_current_stream().ptr)

    def at(self, a: Any) -> int:
        """Return the address of an array."""
        return int(a.data.ptr)

    def empty(self, shape: Any, dtype: Any) -> Array:
        """Return an array that holds anything."""
        out: Array = self.xp.empty(shape, dtype)
        return out

    def put(self, a: Any, dtype: Any) -> Array:
        """Return the array on the device, C order; itself where it is that already."""
        out: Array
        if type(a) is np.ndarray and a.nbytes > STAGED:
            out = self.empty(a.shape, dtype)
            out.set(np.ascontiguousarray(a, dtype=dtype))  # type: ignore[attr-defined]
        else:
            out = self.xp.asarray(a, dtype=dtype, order="C")
        return out

    def fill(self, out: Array, value: Any) -> Array:
        """Set every element of an array of 4 or 8 bytes each to ``value``; return the array."""
        size = out.dtype.itemsize
        bits = int(np.array([value], out.dtype).view(f"u{size}")[0])
        self.module.fill(self.at(out), out.size, size, bits, self.stream)
        return out

    def host(self, a: Any) -> Array:
        """Return a copy in main memory; waits for the device."""
        out: Array = a.get()
        return out

    def wait(self) -> None:
        """Wait until the arrays are filled that the current stream was asked to fill.

        Another thread, or the caller after a failure, may read them on another stream, which does
        not wait for this one.
        """
        self.xp.cuda.get_current_stream().synchronize()

    def first_bad(self, judge: Callable[[int], None]) -> int:
        """Return what ``judge`` wrote at the address that it was given; waits for the device."""
        found = self.fill(self.empty((1,), np.int64), -1)
        judge(self.at(found))
        return int(found[0])

    def check_points(self, name: str, ids: Array, n: int) -> None:
        """Refuse ids on the device that are none of ``n`` points; waits for it."""
        bad = self.first_bad(
            lambda bad: self.module.check_points(self.at(ids), ids.size, n, bad, self.stream)
        )
        if bad >= 0:
            where = tuple(int(at) for at in np.unravel_index(bad, ids.shape))
            raise ValueError(
                f"{name}[{', '.join(map(str, where))}]={int(ids[where])} is no point of n={n}; "
                f"pass ids in [0, {n})"
            )

    def memory(self, number: int | None) -> tuple[int, int]:
        """Return the bytes that this process may still take on the GPU ``number``, and its all."""
        free, total = self.xp.cuda.Device(number).mem_info
        return int(free) + int(self.xp.get_default_memory_pool().free_bytes()), int(total)

    def peak(self, others: int = 0) -> int:
        """Return the most bytes that CuPy's pool has held; ``others`` are of other pools, now.

        A pool keeps what it was given until ``tidy``, which therefore looks here first.
        """
        held = int(self.xp.get_default_memory_pool().total_bytes()) + others
        self.most = max(self.most, held)
        return self.most

    def tidy(self) -> None:
        """Give free blocks back to the driver."""
        self.peak()
        self.xp.get_default_memory_pool().free_all_blocks()
        self.xp.get_default_pinned_memory_pool().free_all_blocks()


def _cupy() -> Any:
    import cupy

    return cupy
