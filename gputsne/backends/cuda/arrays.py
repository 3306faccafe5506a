"""Whole arrays on the GPU: filled, put in another order, added up, sorted, by compiled kernels.

CuPy compiles what it computes while the process runs, some 0.2 s a kernel in a fresh container; so
here it only allocates, copies and takes views. Kernels: csrc/cuda/arrays.cu.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.backends.cuda.device import Gpu
from gputsne.base.types import Array, FloatArray, IntArray

__all__ = [
    "copied", "crop", "largest", "long_rows", "mass", "mean", "order_of", "padded", "recentre",
    "scan", "scatter", "sort", "take", "total",
]  # fmt: skip


def copied(gpu: Gpu, a: Any, dtype: Any) -> Array:
    """Return a copy on the device that nobody else knows, of elements of 4 or 8 bytes."""
    if type(a) is np.ndarray:
        return gpu.put(a, dtype)
    a = gpu.put(a, dtype)
    out = gpu.empty(a.shape, a.dtype)
    words = a.size * a.dtype.itemsize // 4
    gpu.module.take(gpu.at(a), words, 1, 0, 1, gpu.at(out), gpu.stream)
    return out


def take(gpu: Gpu, a: Array, order: IntArray | None = None, step: int = 1) -> Array:
    """Return rows of ``a``, (n,) or (n, c) of 4-byte elements: those of ``order``, or each step-th.

    The caller has checked ``order``.
    """
    a = gpu.put(a, a.dtype)
    n = -(-len(a) // step) if order is None else len(order)
    out = gpu.empty((n, *a.shape[1:]), a.dtype)
    at = 0 if order is None else gpu.at(order)
    gpu.module.take(gpu.at(a), n, _columns(a), at, step, gpu.at(out), gpu.stream)
    return out


def scatter(gpu: Gpu, a: Array, order: IntArray) -> Array:
    """Return an array whose row ``order[i]`` is row i of ``a``; as in ``take``."""
    a = gpu.put(a, a.dtype)
    out = gpu.empty(a.shape, a.dtype)
    gpu.module.scatter(gpu.at(a), len(a), _columns(a), gpu.at(order), gpu.at(out), gpu.stream)
    return out


def _columns(a: Array) -> int:
    return 1 if a.ndim == 1 else int(a.shape[1])


def scan(gpu: Gpu, values: Array) -> None:
    """Sum up int64 in place: each value becomes the sum of those before it."""
    scratch = gpu.empty((gpu.module.scan_scratch(len(values)),), np.int64)
    gpu.module.scan(gpu.at(values), len(values), gpu.at(scratch), gpu.stream)


def sort(gpu: Gpu, words: Array, low: int, bits: int) -> None:
    """Sort uint64 in place by their bits from ``low`` on, equals in their order."""
    n = len(words)
    other = gpu.empty((n,), np.uint64)
    scratch = gpu.empty((gpu.module.sort_scratch(n),), np.int64)
    at = (gpu.at(words), gpu.at(other), n, low, bits, gpu.at(scratch))
    gpu.module.sort(*at, gpu.stream)


def order_of(gpu: Gpu, codes: Array) -> IntArray:
    """Return the places of uint32 codes in ascending order, equals in theirs."""
    n = len(codes)
    words, order = gpu.empty((2, n), np.uint64), gpu.empty((n,), np.int32)
    scratch = gpu.empty((gpu.module.sort_scratch(n),), np.int64)
    at = (gpu.at(codes), n, gpu.at(words), gpu.at(scratch), gpu.at(order))
    gpu.module.order_of(*at, gpu.stream)
    return order


def long_rows(gpu: Gpu, indptr: Array, longest: int) -> tuple[Array, Array, Array]:
    """Return the rows longer than ``longest`` on the device, and begins and ends in main memory.

    Waits for the device.
    """
    n = len(indptr) - 1
    place = gpu.xp.zeros((n + 1,), np.int64)
    scratch = gpu.empty((gpu.module.scan_scratch(n + 1),), np.int64)
    gpu.module.long_rows(gpu.at(indptr), n, longest, gpu.at(place), gpu.at(scratch), gpu.stream)
    found = int(place[-1])
    rows, ends = gpu.empty((found,), np.int32), gpu.empty((2, found), np.int64)
    if found:
        begin = gpu.at(ends)
        end = begin + ends.itemsize * found
        where = (gpu.at(rows), begin, end)
        gpu.module.list_long_rows(gpu.at(indptr), gpu.at(place), n, *where, gpu.stream)
    begins, ends = gpu.host(ends)
    return rows, begins, ends


def total(gpu: Gpu, flags: Array) -> int:
    """Return the sum of uint8; waits for the device."""
    return int(_summed(gpu, "count", np.int64, flags, len(flags)))


def mass(gpu: Gpu, values: Array) -> float:
    """Return the sum of float32 or float16, taken in float64; waits for the device."""
    half = values.dtype.itemsize == 2
    return float(_summed(gpu, "mass", np.float64, values, len(values), half))


def largest(gpu: Gpu, values: Array) -> float:
    """Return the largest float32, minus infinity of none; waits for the device."""
    return float(_summed(gpu, "largest", np.float32, values, values.size))


def _summed(gpu: Gpu, name: str, dtype: Any, values: Array, *how: Any) -> Any:
    scratch, out = gpu.empty((gpu.sum_scratch,), dtype), gpu.empty((1,), dtype)
    at = (gpu.at(values), *how, gpu.at(scratch), gpu.at(out))
    getattr(gpu.module, name)(*at, gpu.stream)
    return gpu.host(out)[0]


def recentre(gpu: Gpu, Y: FloatArray) -> None:
    """Move the mean of the points to the origin."""
    n, c = Y.shape
    scratch = gpu.empty(((gpu.sum_scratch + 1) * c,), np.float64)
    gpu.module.recentre(gpu.at(Y), n, c, gpu.at(scratch), gpu.stream)


def mean(gpu: Gpu, one: Array, two: Array) -> None:
    """Let the first array, float32 or float64, become the mean of both."""
    wide = one.dtype.itemsize == 8
    gpu.module.mean(gpu.at(one), gpu.at(two), one.size, wide, gpu.stream)


def crop(gpu: Gpu, grid: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return the first nodes of every axis, in C order."""
    out = gpu.empty(shape, np.float32)
    _across(gpu, grid, shape, out)
    return out


def padded(gpu: Gpu, grid: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return a larger grid with zeros beyond the nodes of this one."""
    out: FloatArray = gpu.xp.zeros(shape, np.float32)
    _across(gpu, grid, grid.shape, out)
    return out


def _across(gpu: Gpu, grid: FloatArray, shape: tuple[int, ...], out: FloatArray) -> None:
    steps, to = ([step // a.itemsize for step in a.strides] for a in (grid, out))
    gpu.module.crop(gpu.at(grid), steps, list(shape), gpu.at(out), to, gpu.stream)
