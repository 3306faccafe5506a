"""What it gains to keep points in memory along a curve through the map: time of one step.

Maps are drawn: clusters of a thousand points, rows in random order, each with its neighbours in
the map; so the edges are as local as in a finished map. csrc/kernels/relabel.hpp cites this.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from bench.common import device, finish, log, options
from gputsne.backends import choose
from gputsne.base.types import Affinities, StepParams

SIZES = (50_000, 100_000, 200_000, 500_000, 1_000_000)
NEIGHBOURS = 30
REPEATS = 5  # the quickest is kept: what else runs on the machine only adds time


def main(name: str, argv: list[str]) -> None:
    asked = options(__doc__.splitlines()[0]).parse_args(argv)
    ops = choose(device(asked), asked.threads).ops
    found = []
    for n in (3000,) if asked.quick else SIZES:
        found.append(measured(ops, n, asked.threads))
        log(str(found[-1]))
    finish("relabel", asked, {"neighbours": NEIGHBOURS, "steps": found})


def measured(ops: Any, n: int, threads: int) -> dict[str, Any]:
    """Return the milliseconds of attraction and step in random order and along the curve."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(0)
    centres = rng.uniform(0, n**0.5 / 2, size=(max(n // 1000, 1), 2))
    Y = centres[rng.integers(len(centres), size=n)] + rng.normal(0, 4, size=(n, 2))
    Y = Y.astype(np.float32)
    _, near = cKDTree(Y).query(Y, NEIGHBOURS + 1, workers=threads)
    p = np.full((n, NEIGHBOURS), 1 / NEIGHBOURS, np.float32)
    P = Affinities(*ops.symmetrize(np.ascontiguousarray(near[:, 1:], dtype=np.int32), p))
    before = step_ms(ops, P, Y)
    began = time.perf_counter()
    order = np.argsort(ops.curve(Y, ops.extent(Y)), kind="stable").astype(np.int32)
    P, Y = ops.reorder(P, order), Y[order]
    once = 1e3 * (time.perf_counter() - began)
    after = step_ms(ops, P, Y)
    return {"n": n, "edges": P.nnz, "random_ms": before, "curve_ms": after, "reorder_ms": once}


def step_ms(ops: Any, P: Affinities, Y: np.ndarray) -> float:
    """Return the shortest time of attract_and_step; the state is kept small, it doesn't matter."""
    Y_next, velocity, gains = np.empty_like(Y), np.zeros_like(Y), np.ones_like(Y)
    params = StepParams(exaggeration=1.0, momentum=0.8, learning_rate=1e-3)
    best = float("inf")
    for _ in range(REPEATS):
        began = time.perf_counter()
        ops.attract_and_step(P, Y, Y_next, velocity, gains, np.zeros_like(Y), 1.0, 1.0, params)
        best = min(best, time.perf_counter() - began)
    return 1e3 * best
