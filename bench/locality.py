"""The memory that neighbouring threads of a GPU share: counted on a real fit, not timed.

A GPU moves sectors of 32 bytes. The figures say how many of them the layout of csrc/kernels asks
for, where points lie along the curve and are put in order as often as the engine does it. It also
counts how often the map's extent is read, and how often the device is told of another mesh.
gputsne/planning/costs.py models an iteration with the means.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import data, finish, log, options

import gputsne
from gputsne import affinities, backends, initial
from gputsne.engine.field import Field
from gputsne.engine.iteration import Engine
from gputsne.engine.optimize import initial_state, separate_coincident
from gputsne.engine.schedule import Schedule

SIZES = (60_000, 1_000_000)
GPU_EPOCH = 25  # CudaOps.epoch
EVERY = 50  # iterations between two counts
SLABS = 400  # blocks of threads that are looked at, drawn at random
BLOCK, WARP, ROWS = 256, 32, 8  # threads of a block and a warp; rows of P that a block has
SECTOR = 32  # bytes
RUN = 8  # points that one thread would do in turn, adding up those of one cell in registers
CACHED = 0.6  # share of 10^7 points that an L2 cache of 50 MB holds


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-k", type=int, default=90, help="neighbours of each [90]")
    asked = parser.parse_args()
    X, _, name = data(asked)
    sizes = [followed(X, n, asked) for n in ((len(X),) if asked.quick else SIZES)]
    finish("locality", asked, {"data": name, "sizes": sizes})


def followed(X: np.ndarray, n: int, asked: Any) -> dict[str, Any]:
    """Return the counts over a fit of n points, and their means."""
    X = gputsne.datasets.enlarge(X, n=n).X if n > len(X) else X[:n]
    k = min(asked.k, n // 8)
    ops = backends.choose("auto" if asked.quick else "cpu", asked.threads).ops
    ops.relabel_from, ops.epoch = 0, GPU_EPOCH
    P = joint(X, k, ops, asked.threads)
    start = initial_state(separate_coincident(initial.initial(X, None)))
    engine = Engine(P, start, Field(ops, method="mesh"))
    schedule, seen, versions, looks = Schedule(n), [], set(), 0
    for iteration in range(2 * EVERY if asked.quick else 750):
        engine.step(schedule(iteration))
        looks += engine.field._evaluations == 1
        versions.add(engine.field.version)
        if iteration % EVERY == EVERY - 1:
            seen.append({"iteration": iteration + 1, **count(engine)})
            log(str(seen[-1]))
            engine.recentre()
    means = {key: float(np.mean([row[key] for row in seen])) for key in seen[0]}
    del means["iteration"]
    edges = P.nnz / (n * k)
    epochs = {"iterations": iteration + 1, "looks": looks, "meshes": len(versions)}
    facts = {"n": n, "k": k, "edges_per_neighbour": edges, "epochs": epochs}
    return {**facts, "mean": means, "counts": seen}


def joint(X: np.ndarray, k: int, ops: Any, threads: int) -> Any:
    """Return P of the rows."""
    graph = gputsne.knn(X, k, n_jobs=threads, random_state=0)
    return affinities.joint(graph, ops, perplexity=k / 3)


def count(engine: Engine) -> dict[str, float]:
    """Return sectors by point or edge, of blocks drawn at random."""
    n, mesh = len(engine.Y), engine.field.mesh
    assert mesh is not None
    cell = np.floor((engine.Y - np.array(engine.field.center)) / mesh.h).astype(np.int64)
    cell += np.array(mesh.shape) // 2 - (mesh.order // 2 - 1)
    blocks = np.random.default_rng(0).permutation(max(1, n // BLOCK))[:SLABS]
    slabs = [cell[b * BLOCK : (b + 1) * BLOCK] for b in blocks]
    points = sum(map(len, slabs))
    edges = [edge_sectors(engine, b * BLOCK) for b in blocks]
    total, by_warp, by_block, far = np.sum(edges, axis=0)
    return {
        "deposit": sum(deposited(s, mesh, 1) for s in slabs) / points,
        "deposit_in_runs": sum(deposited(s, mesh, RUN) for s in slabs) / points,
        "gather": sum(gathered(s, mesh) for s in slabs) / points,
        "edge_by_warp": by_warp / total,
        "edge_by_block": by_block / total,
        "edge_far": far / total,
    }


def stencil(cell: np.ndarray, mesh: Any, row: int, length: int) -> np.ndarray:
    """Return the addresses, in numbers, of one row of each point's stencil."""
    return ((cell[:, 0] + row) * length + cell[:, 1])[:, None] + np.arange(mesh.order)


def deposited(cell: np.ndarray, mesh: Any, run: int) -> int:
    """Return sectors of charges that the warps of one block send, by one instruction each.

    Threads: ``order`` lanes per point, or a run of points whose charges are sent once per cell.
    """
    cell = cell[: len(cell) // run * run].reshape(-1, run, 2)
    last = np.ones(cell.shape[:2], bool)
    last[:, :-1] = (cell[:, 1:] != cell[:, :-1]).any(axis=2)
    sent = 0
    for turn in range(run):
        owners = np.flatnonzero(last[:, turn])
        thread = owners[:, None] * mesh.order + np.arange(mesh.order)
        for row in range(mesh.order):
            at = stencil(cell[owners, turn], mesh, row, mesh.shape[1]) * 8 // SECTOR
            sent += distinct(thread // WARP, at)
    return sent


def gathered(cell: np.ndarray, mesh: Any) -> int:
    """Return sectors of the potential that one block reads, each once: L1 has it."""
    rows = [stencil(cell, mesh, j, mesh.fft_shape[1]) * 4 // SECTOR for j in range(mesh.order)]
    return distinct(0, np.concatenate(rows))


def edge_sectors(engine: Engine, first: int) -> tuple[int, int, int, int]:
    """Return edges of 256 rows, sectors of Y by load of a warp and by block, and edges afar."""
    n = len(engine.Y)
    indptr = np.asarray(engine.P.indptr[first : min(n, first + BLOCK) + 1])
    other = engine.P.indices[indptr[0] : indptr[-1]].astype(np.int64)
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    turn = (np.arange(len(other)) - (indptr[:-1] - indptr[0])[row]) // WARP
    at = other * 8 // SECTOR
    afar = np.abs(other - (first + row)) > CACHED / 2 * n
    return len(other), distinct(row * n + turn, at), distinct(row // ROWS, at), int(afar.sum())


def distinct(group: Any, at: np.ndarray) -> int:
    """Return how many different (group, at) there are."""
    return len(np.unique((np.asarray(group, dtype=np.int64) << 32) + at))


if __name__ == "__main__":
    main()
