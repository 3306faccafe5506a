"""From neighbours to P on the GPU: perplexity, symmetric CSR, and P held for the iteration.

In the order of csrc/kernels/symmetrize.hpp; kernels: csrc/cuda/graph.cu. P stays on the device
until somebody reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gputsne.backends.checks import check_form
from gputsne.backends.cuda import arrays
from gputsne.backends.cuda.device import Gpu
from gputsne.backends.cuda.edges import Edges, cut
from gputsne.backends.cuda.held import HeldAffinities
from gputsne.base.types import Affinities, Array, FloatArray, IntArray

__all__ = ["AffinityStage"]

MERGE_NUMBERS = 1 << 26  # uint64 of scratch per block of rows: 0.5 GB
LONG_ROW = 4096  # edges of the transpose that one thread sorts; longer rows are sorted by all
POINT_AT = 32  # bit at which a packed edge keeps its point
HALF_TOP = 2.0**15  # what the largest weight becomes in 2 bytes; they end at 2**16


class AffinityStage:
    """conditional, joint, hold and mass of ``Ops``."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """See ``Ops``; p stays on the device."""
        gpu = self.gpu
        given = gpu.put(distances, np.float32)
        wanted = gpu.put(np.asarray(perplexities, np.float64), np.float64)
        n, k = given.shape
        p, missed = gpu.empty((n, k), np.float32), gpu.xp.zeros((n,), np.uint8)
        gpu.module.conditional(
            gpu.at(given), n, k, gpu.at(wanted), len(wanted), gpu.at(p), gpu.at(missed),
            gpu.stream,
        )  # fmt: skip
        return p, arrays.total(gpu, missed)

    def joint(self, indices: IntArray, p: FloatArray, unreached: int) -> HeldAffinities:
        """See ``Ops``; of arrays in main memory or on the device, where P stays."""
        gpu = self.gpu
        ids, weights = gpu.put(indices, np.int32), gpu.put(p, np.float32)
        if ids.ndim != 2 or ids.shape != weights.shape:
            raise ValueError(f"indices has shape {ids.shape}, p {weights.shape}: pass (n, k) twice")
        n, k = ids.shape
        edges, stream = gpu.module.Directed(gpu.at(ids), gpu.at(weights), n, k), gpu.stream
        # 1. Transpose: count, scan, fill in any order, sort.
        start = gpu.xp.zeros((n + 1,), np.int64)
        first_bad = gpu.fill(gpu.empty((1,), np.int64), -1)
        gpu.module.count_incoming(edges, gpu.at(start), gpu.at(first_bad), stream)
        if (row := int(first_bad[0])) >= 0:
            raise ValueError(
                f"indices[{row}] or p[{row}] can't be: pass ids of other points in [0, {n}) and "
                "finite weights of 0 or more"
            )
        arrays.scan(gpu, start)
        total = int(start[-1])
        cursor = arrays.copied(gpu, start, np.int64)
        transpose, scratch = (gpu.empty((total,), np.uint64) for _ in range(2))
        gpu.module.fill_incoming(edges, gpu.at(cursor), gpu.at(transpose), stream)
        gpu.module.sort_rows(gpu.at(start), n, LONG_ROW, gpu.at(transpose), gpu.at(scratch), stream)
        _, begins, ends = arrays.long_rows(gpu, start, LONG_ROW)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            arrays.sort(gpu, transpose[begin:end], POINT_AT, n.bit_length())
        del cursor, scratch
        # 2. Union, row by row.
        indptr = gpu.xp.zeros((n + 1,), np.int64)
        back = (gpu.at(start), gpu.at(transpose))
        gpu.module.row_sizes(edges, *back, gpu.at(indptr), stream)
        bad = gpu.first_bad(
            lambda bad: gpu.module.check_not_negative(gpu.at(indptr), n, bad, stream)
        )
        if bad >= 0:
            twice = -1 - int(indptr[bad])
            raise ValueError(f"indices[{twice}] lists a point twice; pass each neighbour once")
        arrays.scan(gpu, indptr)
        nnz = int(indptr[-1])
        columns, data = gpu.empty((nnz,), np.int32), gpu.empty((nnz,), np.float32)
        rows = max(1, min(n, MERGE_NUMBERS // (2 * k + 1)))
        scratch = gpu.empty((rows * (2 * k + 1),), np.uint64)
        for begin in range(0, n, rows):
            gpu.module.merge_rows(
                edges, *back, gpu.at(indptr), gpu.at(columns), gpu.at(data), begin,
                min(n, begin + rows), gpu.at(scratch), stream,
            )  # fmt: skip
        del transpose, scratch, start
        gpu.wait()
        gpu.tidy()  # n k numbers, of no use to the small arrays of an iteration
        return HeldAffinities(indptr, columns, data, gpu.number, gpu.host, unreached)

    def hold(self, P: Affinities, half: bool) -> Edges:
        """Return P on the device, in 2-byte floats if ``half``.

        What ``joint`` left there is taken, all else checked.
        """
        gpu = self.gpu
        if isinstance(P, Edges):  # as every call of an iteration finds it
            return P
        there = P.there_on(gpu.number) if isinstance(P, HeldAffinities) else None
        if there:
            indptr, indices, data = (there[name] for name in ("indptr", "indices", "data"))
        else:
            indptr, indices, data = self._checked(P)
        hubs = cut(gpu, indptr)
        if not half or not P.nnz:
            return Edges(indptr, indices, data, P.unreached, hubs=hubs)
        top = arrays.largest(gpu, data)
        scale = 2.0 ** float(np.ceil(np.log2(top / HALF_TOP))) if top > 0 else 1.0
        halves = gpu.empty(data.shape, np.float16)
        gpu.module.to_half(gpu.at(data), P.nnz, 1.0 / scale, gpu.at(halves), gpu.stream)
        return Edges(indptr, indices, halves, P.unreached, scale, hubs)

    def _checked(self, P: Affinities) -> tuple[Array, Array, Array]:
        """Return copies of P's arrays on the device, which nobody else can write to."""
        gpu = self.gpu
        check_form(P)
        n, nnz = P.n, P.nnz
        indptr, indices, data = (
            arrays.copied(gpu, a, dtype)
            for a, dtype in ((P.indptr, np.int64), (P.indices, np.int32), (P.data, np.float32))
        )
        bad = gpu.first_bad(
            lambda bad: gpu.module.check_offsets(gpu.at(indptr), n, nnz, bad, gpu.stream)
        )
        if bad >= 0:
            raise ValueError(
                f"P.indptr[{bad}]={int(indptr[bad])}; offsets begin at 0, never fall and end at "
                f"the {nnz} edges that P.indices has"
            )
        gpu.check_points("P.indices", indices, n)
        return indptr, indices, data

    def mass(self, P: Edges) -> float:
        """See ``Ops``; waits for the device."""
        return P.scale * arrays.mass(self.gpu, P.data)
