"""How do graph, curve and transform run on the GPU? In the order of csrc/kernels/symmetrize.hpp.

Host arrays come in and go out; P stays on the device too, until an engine holds it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import numpy as np

from gputsne.backends.cuda.presence import kernels
from gputsne.backends.protocol import Ops
from gputsne.base.errors import OverMemory
from gputsne.base.types import Affinities, Array, FloatArray, IntArray, Reference

__all__ = ["CudaSetup"]

MERGE_NUMBERS = 1 << 26  # uint64 of scratch a block of rows: 0.5 GB
STAGED = 1 << 22  # bytes that CuPy may copy through page-locked memory, which it never gives back
LONG_ROW = 4096  # edges of the transpose that one thread sorts; CuPy sorts longer rows, one by one


class CudaSetup(Ops):
    """Memory, addresses, and the operations outside of the iteration; see ``CudaOps``."""

    def __init__(self, n_jobs: int, *, xp: Any, fft: Any, module: Any) -> None:
        self.n_jobs = n_jobs
        self.xp: Any = xp if xp is not None else _cupy()
        self.fft: Any = fft if fft is not None else _cupy_fft()
        self._module: Any = module if module is not None else kernels()
        self.device: int | None = int(self.xp.cuda.Device().id)
        self._module.use_device(self.device)
        self._sums = int(self._module.sum_scratch())
        # The host's P (weakly) and the same on the device.
        self._waiting: tuple[Any, Affinities] | None = None
        self._placing: tuple[Any, FloatArray, FloatArray] | None = None

    # Memory

    @property
    def _stream(self) -> int:
        """The caller's current stream."""
        return int(self.xp.cuda.get_current_stream().ptr)

    def _at(self, a: Any) -> int:
        """Return the address of an array."""
        return int(a.data.ptr)

    def _put(self, a: Any, dtype: Any) -> Array:
        """Return the array on the device, C order; itself where it is that already."""
        out: Array
        if type(a) is np.ndarray and a.nbytes > STAGED:
            out = self._empty(a.shape, dtype)
            out.set(np.ascontiguousarray(a, dtype=dtype))  # type: ignore[attr-defined]
        else:
            out = self.xp.asarray(a, dtype=dtype, order="C")
        return out

    def _copied(self, a: Any, dtype: Any) -> Array:
        """Return a copy on the device that nobody else knows."""
        if type(a) is np.ndarray:
            return self._put(a, dtype)
        out: Array = self.xp.array(a, dtype=dtype, order="C")
        return out

    def _first_bad(self, judge: Callable[[int], None]) -> int:
        """Return what ``judge`` wrote at the address that it was given; waits for the device."""
        found = self.xp.full((1,), -1, np.int64)
        judge(self._at(found))
        return int(found[0])

    def _check_points(self, name: str, ids: Array, n: int) -> None:
        """Refuse ids on the device that are none of ``n`` points; waits for it."""
        bad = self._first_bad(
            lambda bad: self._module.check_points(self._at(ids), ids.size, n, bad, self._stream)
        )
        if bad >= 0:
            where = tuple(int(at) for at in np.unravel_index(bad, ids.shape))
            raise ValueError(
                f"{name}[{', '.join(map(str, where))}]={int(ids[where])} is no point of n={n}; "
                f"pass ids in [0, {n})"
            )

    def _empty(self, shape: Any, dtype: Any) -> Array:
        out: Array = self.xp.empty(shape, dtype)
        return out

    def host(self, a: Any) -> Array:
        """Return a copy in main memory; waits for the device."""
        out: Array = a.get()
        return out

    def memory(self) -> tuple[int, int]:
        """Return the bytes that this process may still take on the device, and the device's all."""
        free, total = self.xp.cuda.Device(self.device).mem_info
        return int(free) + int(self.xp.get_default_memory_pool().free_bytes()), int(total)

    @contextmanager
    def guard(self, device: int | None = None) -> Iterator[None]:
        """Work on the GPU ``device``; what fails there leaves memory free for the next attempt."""
        self.device = self.device if device is None else device
        try:
            with self.xp.cuda.Device(self.device), self._stream_of_own():
                self._module.use_device(self.device)
                self._settle()
                yield
        except (self.xp.cuda.memory.OutOfMemoryError, self._module.CudaError) as error:
            self.release()
            if not isinstance(error, MemoryError) and "MemoryAllocation" not in str(error):
                raise
            raise OverMemory(
                f"the GPU's memory ran out ({error}), {self.memory()[0] / 1e9:.2f} GB are free; "
                "lower perplexity or n_neighbors, use affinity='uniform', or device='cpu'"
            ) from error
        except BaseException:
            with suppress(Exception):  # a GPU that has failed refuses this as well
                self.release()
            raise

    def _settle(self) -> None:
        """Make what is kept anew if the GPU is not the one that it lies on."""

    def _stream_of_own(self) -> AbstractContextManager[None]:
        """Return where to work if the caller's stream won't do."""
        return nullcontext()

    def release(self) -> None:
        """Give back what is kept between calls."""
        self._waiting = self._placing = None
        self._tidy()

    def _tidy(self) -> None:
        """Give free blocks back to the driver."""
        self.xp.get_default_memory_pool().free_all_blocks()
        self.xp.get_default_pinned_memory_pool().free_all_blocks()

    # Graph

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """See ``Ops``; p stays on the device."""
        given = self._put(distances, np.float32)
        wanted = self._put(np.asarray(perplexities, np.float64), np.float64)
        n, k = given.shape
        p, missed = self._empty((n, k), np.float32), self.xp.zeros((n,), np.uint8)
        self._module.conditional(
            self._at(given), n, k, self._at(wanted), len(wanted), self._at(p), self._at(missed),
            self._stream,
        )  # fmt: skip
        return p, int(missed.sum())

    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Array, IntArray, FloatArray]:
        """See ``Ops``; the device keeps a copy until ``hold`` asks for it."""
        ids, weights = self._put(indices, np.int32), self._put(p, np.float32)
        if ids.ndim != 2 or ids.shape != weights.shape:
            raise ValueError(f"indices has shape {ids.shape}, p {weights.shape}: pass (n, k) twice")
        n, k = ids.shape
        edges, stream = (self._at(ids), self._at(weights), n, k), self._stream
        # 1. Transpose: count, scan, fill in any order, sort.
        start = self.xp.zeros((n + 1,), np.int64)
        first_bad = self.xp.full((1,), -1, np.int64)
        self._module.count_incoming(*edges, self._at(start), self._at(first_bad), stream)
        if (row := int(first_bad[0])) >= 0:
            raise ValueError(
                f"indices[{row}] or p[{row}] can't be: pass ids of other points in [0, {n}) and "
                "finite weights of 0 or more"
            )
        self._scan(start)
        total = int(start[-1])
        cursor = start[:-1].copy()
        transpose, scratch = (self._empty((total,), np.uint64) for _ in range(2))
        self._module.fill_incoming(*edges, self._at(cursor), self._at(transpose), stream)
        self._module.sort_rows(
            self._at(start), n, LONG_ROW, self._at(transpose), self._at(scratch), stream
        )
        bounds = [self.xp.flatnonzero(start[1:] - start[:-1] > LONG_ROW) + at for at in (0, 1)]
        for begin, end in zip(*(self.host(start[rows]) for rows in bounds), strict=True):
            transpose[int(begin) : int(end)].sort()
        del cursor, scratch
        # 2. Union, row by row.
        indptr = self.xp.zeros((n + 1,), np.int64)
        back = (self._at(start), self._at(transpose))
        self._module.row_sizes(*edges, *back, self._at(indptr), stream)
        if n and (worst := int(indptr[:-1].min())) < 0:
            raise ValueError(f"indices[{-1 - worst}] lists a point twice; pass each neighbour once")
        self._scan(indptr)
        nnz = int(indptr[-1])
        columns, data = self._empty((nnz,), np.int32), self._empty((nnz,), np.float32)
        rows = max(1, min(n, MERGE_NUMBERS // (2 * k + 1)))
        scratch = self._empty((rows * (2 * k + 1),), np.uint64)
        for begin in range(0, n, rows):
            self._module.merge_rows(
                *edges, *back, self._at(indptr), self._at(columns), self._at(data), begin,
                min(n, begin + rows), self._at(scratch), stream,
            )  # fmt: skip
        del transpose, scratch, start
        self._tidy()  # n k numbers, of no use to the small arrays of an iteration
        here = Affinities(indptr, columns, data)
        out = self.host(indptr), self.host(columns), self.host(data)
        self._waiting = (weakref.ref(out[2]), here)
        return out

    def _scan(self, values: Array) -> None:
        """Sum up in place: each value becomes the sum of those before it."""
        if len(values) > 1:
            values[1:] = self.xp.cumsum(values[:-1])
        values[:1] = 0

    # Neighbours: gputsne/neighbors/search/tiles.py

    def select_append(
        self, squared: Array, ids: Array, limit: Array, count: Array, keys: Array
    ) -> None:
        """Append what of ``squared`` (m, t) is below ``limit`` (m,) to the lists (m, room)."""
        squared = self._put(squared, np.float32)
        self._module.select_append(
            self._at(squared), *squared.shape, self._at(ids), self._at(limit), self._at(count),
            self._at(keys), keys.shape[1], self._stream,
        )  # fmt: skip

    def select_sort(self, count: Array, keys: Array, scratch: Array, k: int, limit: Array) -> None:
        """Keep the k least of each list, ascending; ``limit`` becomes the last of them."""
        self._module.select_sort(
            self._at(count), self._at(keys), self._at(scratch), *keys.shape, k, self._at(limit),
            self._stream,
        )  # fmt: skip

    # Order

    def curve(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
        """See ``Ops``; on the device."""
        n, c = Y.shape
        Y = self._put(Y, np.float32)
        codes = self._empty((n,), np.uint32)
        low, high = [a for a, _ in box], [b for _, b in box]
        self._module.curve(self._at(Y), n, c, low, high, self._at(codes), self._stream)
        return codes

    # Transform

    def place(
        self, reference: Reference, indices: IntArray, p: FloatArray, exaggeration: float,
        max_iter: int,
    ) -> FloatArray:  # fmt: skip
        """See ``Ops``; the fitted map stays on the device between blocks."""
        if self._placing is None or self._placing[0]() is not reference:
            Y, field = (self._put(a, np.float32) for a in (reference.Y, reference.potential))
            self._placing = (weakref.ref(reference), Y, field)
        _, Y, field = self._placing
        n, c = Y.shape
        ids, weights = self._put(indices, np.int32), self._put(p, np.float32)
        self._check_points("indices", ids, n)
        out = self._empty((len(ids), c), np.float32)
        self._module.place(
            self._at(Y),
            n,
            c,
            reference.dof,
            self._at(field) if field.size else 0,
            list(reference.center),
            1.0 / reference.h,
            reference.order,
            list(reference.potential.shape),
            reference.offset,
            reference.rounding_floor,
            list(reference.low),
            list(reference.high),
            self._at(ids),
            self._at(weights),
            *ids.shape,
            exaggeration,
            max_iter,
            self._at(out),
            self._stream,
        )
        return self.host(out)


def _cupy() -> Any:
    import cupy

    return cupy


def _cupy_fft() -> Any:
    import cupyx.scipy.fft

    return cupyx.scipy.fft
