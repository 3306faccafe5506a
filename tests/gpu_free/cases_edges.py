"""The kernels that read P compute what their formulas say.

Cases as in cases_iteration.py; rows whole, and cut into pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import oracle
from gpu_free.cases_iteration import EPS, Bench, Outputs, near, points

PIECE = 32  # gputsne cuts at 1024; rows of these cases have up to 130 edges


def edges(c: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return Y, CSR and dense P; degrees on both sides of a warp's strides, none and a hub."""
    rng, n = np.random.default_rng(2), 131
    degree = rng.integers(1, 90, n)
    degree[:7] = [0, 1, 31, 32, 33, 64, n - 1]
    indptr = np.concatenate([[0], np.cumsum(degree)])
    others = [rng.permutation(np.delete(np.arange(n), i))[: degree[i]] for i in range(n)]
    indices = np.concatenate(others).astype(np.int32)
    data = rng.uniform(0.1, 1, indptr[-1]).astype(np.float32) / np.float32(indptr[-1])
    P = np.zeros((n, n))
    P[np.repeat(np.arange(n), degree), indices] = data
    return points(c, n), indptr, indices, data, P


def cut(bench: Bench, indptr: np.ndarray, piece: int) -> list[Any]:
    """Return what the kernels are told of rows longer than ``piece``, in its multiples or not."""
    if not piece:
        return []
    degree = np.diff(indptr)
    row = np.flatnonzero(degree > piece)
    pieces = -(-degree[row] // piece)
    assert set(pieces) > {2, 3}
    first = np.concatenate([[0], np.cumsum(pieces)])
    sums = bench.empty((int(first[-1]), 3), np.float32)
    arrays = [bench.put(a.astype(np.int32)) for a in (row, first)]
    sizes = len(row), int(first[-1]), piece
    return [*map(bench.at, arrays), *sizes, bench.at(sums)]


def attract_and_step(
    bench: Bench, c: int, half: bool, leaving: bool = False, piece: int = 0, written: bool = False
) -> Outputs:
    Y, indptr, indices, data, P = edges(c)
    n, rng, scale = len(Y), np.random.default_rng(4), 1.0
    stored = data
    if half:
        scale = 1.0 / indptr[-1]
        stored = (data / np.float32(scale)).astype(np.float16)
        P[np.repeat(np.arange(n), np.diff(indptr)), indices] = stored.astype(np.float64) * scale
    grad, velocity = (rng.normal(size=(n, c)).astype(np.float32) for _ in range(2))
    gains = rng.uniform(0.5, 2, (n, c)).astype(np.float32)
    dof, Z, rate, momentum, longest, exaggeration = 1.5, 40.0, 300.0, 0.5, 3.0, 12.0
    into = [bench.empty((n, c), np.float32), bench.put(velocity), bench.put(gains)]
    escaped = bench.put(np.zeros(1, np.int32))
    params = (dof, exaggeration, momentum, rate, longest, 0.01)
    box = ([-5.0] * c, [5.0] * c) if leaving else ([-1e3] * c, [1e3] * c)
    graph = [bench.put(a) for a in (indptr, indices, stored)]
    args = [
        half,
        scale,
        cut(bench, indptr, piece),
        bench.put(grad),
        *into,
        bench.put(np.array([Z])),
    ]
    told: list[Any] = [*params, *box, escaped, 0, False, 0]
    on = bench.put(Y)
    if written:  # what a first step has written the second reads, whatever it is told itself
        now = bench.empty((bench.call("numbers_size"),), np.uint8)
        told[-3:-1] = now, True
        bench.call("attract_and_step", on, n, c, *graph, *args, *told)
        into[1:] = [bench.put(velocity), bench.put(gains)]
        args[4:7] = into
        wrong = (dof, *(2 * x for x in params[1:]), [-1.0] * c, [1.0] * c)
        told = [*wrong, escaped, now, False, 0]
    bench.call("attract_and_step", on, n, c, *graph, *args, *told)
    pull = oracle.attraction(P, Y, dof)
    slope = 2 * (dof + 1) / dof * exaggeration * pull + 2 / Z * grad.astype(np.float64)
    want = oracle.step(Y, slope, velocity, gains, rate, momentum, longest)
    got = [bench.get(handle) for handle in into]
    # sums of 130 terms, and lengths of up to 3 under approximate division and root (2 ulp each)
    for a, b in zip(got, want, strict=True):
        near(a, b, atol=200 * EPS)
    assert bench.get(escaped)[0] == int(leaving)
    return {"Y_next": got[0], "velocity": got[1], "gains": got[2]}


def divergence(bench: Bench, c: int, half: bool, piece: int) -> Outputs:
    Y, indptr, indices, data, P = edges(c)
    n, out = len(Y), bench.empty((1,), np.float64)
    scratch, scale = bench.empty((bench.call("sum_scratch"),), np.float64), 1.0
    if half:
        scale = 2.0**-20
        data = (data / np.float32(scale)).astype(np.float16)
        P[np.repeat(np.arange(n), np.diff(indptr)), indices] = data.astype(np.float64) * scale
    graph = [bench.put(a) for a in (indptr, indices, data)]
    rows = bench.empty((n,), np.float32)
    told = (*graph, half, scale, cut(bench, indptr, piece))
    bench.call("divergence", bench.put(Y), n, c, *told, 1.5, rows, scratch, out, 0)
    near(bench.get(out), [oracle.divergence(P, Y, 1.5)], rtol=20 * EPS)  # float32 rows
    return {"out": bench.get(out)}


def to_half(bench: Bench) -> Outputs:
    values = np.concatenate([10.0 ** np.arange(-9, 4.7, 0.1), [0, 6e-8, 2.0**-14, 65503, 2.0**-24]])
    values = values.astype(np.float32)
    out = bench.empty(values.shape, np.float16)
    bench.call("to_half", bench.put(values), len(values), 1.0, out, 0)
    assert np.array_equal(bench.get(out), values.astype(np.float16))  # numpy rounds to nearest even
    return {"half": bench.get(out)}


CASES: dict[str, Callable[[Bench], Outputs]] = {"to_half": to_half}
for _c in (1, 2, 3):
    for _half in (False, True):
        _name = f"{_c}-{'half' if _half else 'float'}"
        for _piece in (0, PIECE):
            _end = "-pieces" if _piece else ""
            CASES[f"attract_and_step-{_name}{_end}"] = partial(
                attract_and_step, c=_c, half=_half, piece=_piece
            )
            CASES[f"divergence-{_name}{_end}"] = partial(divergence, c=_c, half=_half, piece=_piece)
for _c in (1, 2, 3):
    CASES[f"attract_and_step-{_c}-written"] = partial(
        attract_and_step, c=_c, half=False, written=True
    )
CASES["attract_and_step-leaving"] = partial(attract_and_step, c=2, half=False, leaving=True)
