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


def entries(
    bench: Bench, indptr: np.ndarray, indices: np.ndarray, data: np.ndarray,
    scale: float = 1.0, piece: int = 0, group: int = 0,
) -> Any:  # fmt: skip
    """Return P as the kernels are told of it."""
    return bench.call(
        "Edges",
        indptr=bench.put(indptr),
        indices=bench.put(indices),
        data=bench.put(data),
        half=data.dtype == np.float16,
        scale=scale,
        hubs=cut(bench, indptr, piece),
        group=group,
    )


def keys(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return a box as the kernels keep it: (2 c,) numbers that ascend with it on either side."""
    bits = np.concatenate([low, high]).astype(np.float32).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    ascending[: len(low)] = ~ascending[: len(low)]
    return ascending


def attract_and_step(
    bench: Bench, c: int, half: bool, leaving: bool = False, piece: int = 0, group: int = 0,
    written: bool = False,
) -> Outputs:  # fmt: skip
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
    extent, now = bench.put(np.zeros(2 * c, np.uint32)), 0
    reach = 5.0 if leaving else 1e3
    held, on = entries(bench, indptr, indices, stored, scale, piece, group), bench.put(Y)

    def step(factor: float = 1.0, reach: float = reach, write: bool = False) -> None:
        told = bench.call(
            "StepInto",
            **dict(zip(("Y_next", "velocity", "gains"), into, strict=True)),
            grad=bench.put(grad),
            Z=bench.put(np.array([Z])),
            dof=dof,
            exaggeration=factor * exaggeration,
            momentum=factor * momentum,
            learning_rate=factor * rate,
            max_step=factor * longest,
            min_gain=factor * 0.01,
            low=[-reach] * c,
            high=[reach] * c,
            escaped=escaped,
            extent=extent,
            now=now,
            write=write,
        )
        bench.call("attract_and_step", on, n, c, held, told, 0)

    if written:  # what a first step has written the second reads, whatever it is told itself
        now = bench.empty((bench.call("numbers_size"),), np.uint8)
        step(write=True)
        into[1:] = [bench.put(velocity), bench.put(gains)]
        step(factor=2.0, reach=1.0)
    else:
        step()
    pull = oracle.attraction(P, Y, dof)
    slope = 2 * (dof + 1) / dof * exaggeration * pull + 2 / Z * grad.astype(np.float64)
    want = oracle.step(Y, slope, velocity, gains, rate, momentum, longest)
    got = [bench.get(handle) for handle in into]
    # sums of 130 terms, and lengths of up to 3 under approximate division and root (2 ulp each)
    for a, b in zip(got, want, strict=True):
        near(a, b, atol=200 * EPS)
    assert bench.get(escaped)[0] == int(leaving)
    near(bench.get(extent), keys(got[0].min(axis=0), got[0].max(axis=0)))  # exact
    return {"Y_next": got[0], "velocity": got[1], "gains": got[2]}


def divergence(bench: Bench, c: int, half: bool, piece: int, group: int = 0) -> Outputs:
    Y, indptr, indices, data, P = edges(c)
    n, out = len(Y), bench.empty((1,), np.float64)
    scratch, scale = bench.empty((bench.call("sum_scratch"),), np.float64), 1.0
    if half:
        scale = 2.0**-20
        data = (data / np.float32(scale)).astype(np.float16)
        P[np.repeat(np.arange(n), np.diff(indptr)), indices] = data.astype(np.float64) * scale
    held = entries(bench, indptr, indices, data, scale, piece, group)
    rows = bench.empty((n,), np.float32)
    bench.call("divergence", bench.put(Y), n, c, held, 1.5, rows, scratch, out, 0)
    near(bench.get(out), [oracle.divergence(P, Y, 1.5)], rtol=20 * EPS)  # float32 rows
    return {"out": bench.get(out), "rows": bench.get(rows)}


def step_beyond(bench: Bench) -> Outputs:
    """A point that is not a number, or infinite, is seen in the extent and leaves the mesh."""
    Y = np.zeros((40, 2), np.float32)
    Y[3], Y[35, 0], Y[39, 1] = np.nan, -np.inf, 7.0
    into = {name: bench.put(np.zeros((40, 2), np.float32)) for name in ("velocity", "grad")}
    into |= {name: bench.put(np.ones((40, 2), np.float32)) for name in ("gains", "Y_next")}
    extent, escaped = bench.put(np.zeros(4, np.uint32)), bench.put(np.zeros(1, np.int32))
    names = ["dof", "exaggeration", "momentum", "learning_rate", "max_step", "min_gain"]
    told = bench.call(
        "StepInto", **into, **dict.fromkeys(names, 1.0), Z=bench.put(np.ones(1)),
        low=[-9.0] * 2, high=[9.0] * 2, escaped=escaped, extent=extent,
    )  # fmt: skip
    none = np.empty(0, np.float32)
    held = entries(bench, np.zeros(41, np.int64), none.astype(np.int32), none)
    bench.call("attract_and_step", bench.put(Y), 40, 2, held, told, 0)
    assert bench.get(escaped)[0] == 1
    assert (bench.get(extent) == 2**32 - 1).all()  # on both axes
    return {"extent": bench.get(extent), "Y_next": bench.get(into["Y_next"])}


def groups(bench: Bench, c: int) -> Outputs:
    """A row's sum does not depend on which warp takes it, nor on what else that warp takes."""
    seen: list[Outputs] = []
    for group in (0, 1, 5, 8, 32):
        step = attract_and_step(bench, c, half=False, piece=PIECE, group=group)
        seen.append(step | divergence(bench, c, half=False, piece=PIECE, group=group))
        for name, values in seen[0].items():
            assert values.tobytes() == seen[-1][name].tobytes(), f"{name} at {group} rows per warp"
    return seen[0]


def to_half(bench: Bench) -> Outputs:
    values = np.concatenate([10.0 ** np.arange(-9, 4.7, 0.1), [0, 6e-8, 2.0**-14, 65503, 2.0**-24]])
    values = values.astype(np.float32)
    out = bench.empty(values.shape, np.float16)
    bench.call("to_half", bench.put(values), len(values), 1.0, out, 0)
    assert np.array_equal(bench.get(out), values.astype(np.float16))  # numpy rounds to nearest even
    return {"half": bench.get(out)}


CASES: dict[str, Callable[[Bench], Outputs]] = {"to_half": to_half, "step_beyond": step_beyond}
for _c in (1, 2, 3):
    for _half in (False, True):
        _name = f"{_c}-{'half' if _half else 'float'}"
        for _piece in (0, PIECE):
            _end = "-pieces" if _piece else ""
            CASES[f"attract_and_step-{_name}{_end}"] = partial(
                attract_and_step, c=_c, half=_half, piece=_piece
            )
            CASES[f"divergence-{_name}{_end}"] = partial(divergence, c=_c, half=_half, piece=_piece)
for _c in (2, 3):
    CASES[f"groups-{_c}"] = partial(groups, c=_c)
for _c in (1, 2, 3):
    CASES[f"attract_and_step-{_c}-written"] = partial(
        attract_and_step, c=_c, half=False, written=True
    )
CASES["attract_and_step-leaving"] = partial(attract_and_step, c=2, half=False, leaving=True)
