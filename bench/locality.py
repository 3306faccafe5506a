"""What threads of a GPU share: sectors, nodes and bank conflicts, counted on a real fit, not timed.

A GPU moves sectors of 32 bytes, and a warp's access to shared memory takes a pass per word of the
busiest bank. The figures say how many of them the kernels of csrc/kernels (gpu_patch.hpp,
gpu_rows.hpp) ask for, on the GPU's meshes, where points lie along the curve and are put in order as
often as the engine does it. It also counts how often the map's extent is read, and how often the
device is told of another mesh. gputsne/planning/costs.py models an iteration with the means.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
BLOCK, WARP = 256, 32  # threads
# Of gpu_patch.hpp: nodes that shared memory holds, and points per block of a deposit.
CHARGES, POTENTIALS = 6144, 3072
PATCH_POINTS, MANY_POINTS = (256, 512), 200_000
# Of gpu_rows.hpp: warps that a launch should have, rows per warp.
WARPS_WANTED, ROWS_MOST, ROWS_LEAST = 3 * 132 * 32, 32, 4
SECTOR, BANKS = 32, 32  # bytes; banks of shared memory, a word of 4 bytes each
CACHED = 0.6  # share of 10^7 points that an L2 cache of 50 MB holds


class Patch(NamedTuple):
    """The box of nodes that a block's stencils touch."""

    low: np.ndarray  # (2,) its first node
    shape: np.ndarray  # (2,) nodes per axis

    @property
    def pitch(self) -> int:
        """Length of a row in shared memory, odd."""
        return int(self.shape[1]) | 1

    @property
    def nodes(self) -> int:
        """Words in shared memory."""
        return int(self.shape[0]) * self.pitch


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-k", type=int, default=90, help="neighbours of each [90]")
    parser.add_argument("--points", type=int, nargs="+", default=SIZES, help="sizes of the fits")
    asked = parser.parse_args()
    X, _, name = data(asked)
    sizes = [followed(X, n, asked) for n in ((len(X),) if asked.quick else asked.points)]
    finish("locality", asked, {"data": name, "sizes": sizes})


def followed(X: np.ndarray, n: int, asked: Any) -> dict[str, Any]:
    """Return the counts over a fit of n points, and their means."""
    X = gputsne.datasets.enlarge(X, n=n).X if n > len(X) else X[:n]
    k = min(asked.k, n // 8)
    ops = backends.choose("auto" if asked.quick else "cpu", asked.threads).ops
    ops.relabel_from, ops.epoch, ops.few_meshes = 0, GPU_EPOCH, True
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
    """Return what blocks drawn at random ask for, per point or per edge."""
    n, mesh = len(engine.Y), engine.field.mesh
    assert mesh is not None
    cell = np.floor((engine.Y - np.array(engine.field.center)) / mesh.h).astype(np.int64)
    cell += np.array(mesh.shape) // 2 - (mesh.order // 2 - 1)
    points = PATCH_POINTS[n >= MANY_POINTS]
    sent = np.sum([deposited(s, mesh) for s in slabs(cell, points)], axis=0)
    read = np.sum([gathered(s, mesh) for s in slabs(cell, BLOCK)], axis=0)
    rows = BLOCK // WARP * rows_per_warp(n)
    edges = np.sum([edge_sectors(engine, b * rows, rows) for b in blocks(n, rows)], axis=0)
    return {
        "deposit": float(sent[1] / sent[0]),
        "deposit_nodes": float(sent[2] / sent[0]),
        "deposit_passes": float(sent[3] / sent[0]),
        "deposit_direct": float(sent[4] / sent[0]),
        "gather": float(read[1] / read[0]),
        "gather_passes": float(read[2] / read[0]),
        "gather_direct": float(read[3] / read[0]),
        "edge": float(edges[1] / edges[0]),
        "edge_far": float(edges[2] / edges[0]),
        "pair": float(engine.field.pair),
    }


def blocks(n: int, size: int) -> np.ndarray:
    """Return the numbers of the blocks that are looked at, of ``size`` points or rows each."""
    return np.random.default_rng(0).permutation(max(1, n // size))[:SLABS]


def slabs(cell: np.ndarray, size: int) -> list[np.ndarray]:
    """Return the first nodes of the stencils of each block's points."""
    return [cell[b * size : (b + 1) * size] for b in blocks(len(cell), size)]


def patch_of(cell: np.ndarray, order: int) -> Patch:
    """Return the box of a block's points."""
    low = cell.min(axis=0)
    return Patch(low, cell.max(axis=0) - low + order)


def stencil(cell: np.ndarray, order: int, row: int, length: int) -> np.ndarray:
    """Return the addresses, in numbers, of one row of each point's stencil."""
    return ((cell[:, 0] + row) * length + cell[:, 1])[:, None] + np.arange(order)


def deposited(cell: np.ndarray, mesh: Any) -> tuple[int, int, int, int, int]:
    """Return points; sectors and nodes sent to the mesh, passes in shared memory, points beside it.

    ``order`` lanes take a point, and such a group of lanes consecutive points, one after the other.
    """
    order, pitch = mesh.order, mesh.shape[1]
    patch = patch_of(cell, order)
    groups = BLOCK // order
    run = -(-len(cell) // groups)
    group, turn = np.divmod(np.arange(len(cell)), run)
    thread = group[:, None] * order + np.arange(order)
    instruction = turn[:, None] * BLOCK + thread // WARP  # of one row of stencils
    if patch.nodes > CHARGES:
        at = [stencil(cell, order, row, pitch) for row in range(order)]
        sectors = sum(distinct(instruction, a * 8 // SECTOR) for a in at)
        return len(cell), sectors, order * order * len(cell), 0, len(cell)
    local = cell - patch.low
    at = [stencil(local, order, row, patch.pitch) for row in range(order)]
    passes = sum(busiest(instruction, a % BANKS) for a in at)
    held = np.unique(np.concatenate(at))  # threads send what is not 0, side by side
    row, column = np.divmod(held, patch.pitch)
    address = (row + patch.low[0]) * pitch + column + patch.low[1]
    return len(cell), distinct(held // WARP, address * 8 // SECTOR), len(held), passes, 0


def gathered(cell: np.ndarray, mesh: Any) -> tuple[int, int, int, int]:
    """Return points, sectors of the potential read, passes in shared memory, points beside it."""
    order, length = mesh.order, mesh.fft_shape[1]
    patch = patch_of(cell, order)
    if patch.nodes > POTENTIALS:  # each sector once: L1 has it
        at = np.concatenate([stencil(cell, order, row, length) for row in range(order)])
        return len(cell), distinct(0, at * 4 // SECTOR), 0, len(cell)
    row, column = np.divmod(np.arange(patch.nodes), patch.pitch)
    address = (row + patch.low[0]) * length + column + patch.low[1]
    sectors = distinct(np.arange(patch.nodes) // WARP, address * 4 // SECTOR)
    warp = np.arange(len(cell)) // WARP
    passes = 0
    for j in range(order):
        at = stencil(cell - patch.low, order, j, patch.pitch)
        for k in range(order):  # who reads the same word does so in one pass
            words = np.unique((warp << 32) + at[:, k])
            passes += busiest(words >> 32, (words & 0xFFFFFFFF) % BANKS)
    return len(cell), sectors, passes, 0


def busiest(group: np.ndarray, bank: np.ndarray) -> int:
    """Return the sum over groups of how often the group's busiest bank is asked for."""
    keys, counts = np.unique(group * BANKS + bank, return_counts=True)
    begins = np.flatnonzero(np.diff(keys // BANKS, prepend=-1))
    return int(np.maximum.reduceat(counts, begins).sum())


def rows_per_warp(n: int) -> int:
    """Return the rows of P that a warp does one after the other (gpu_rows.hpp)."""
    rows = ROWS_MOST
    while rows > ROWS_LEAST and n // rows < WARPS_WANTED:
        rows //= 2
    return rows


def edge_sectors(engine: Engine, first: int, rows: int) -> tuple[int, int, int]:
    """Return edges of a block's rows, sectors of Y that they read, each once, and edges afar."""
    n = len(engine.Y)
    indptr = np.asarray(engine.P.indptr[first : min(n, first + rows) + 1])
    other = engine.P.indices[indptr[0] : indptr[-1]].astype(np.int64)
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    afar = np.abs(other - (first + row)) > CACHED / 2 * n
    return len(other), distinct(0, other * 8 // SECTOR), int(afar.sum())


def distinct(group: Any, at: np.ndarray) -> int:
    """Return how many different (group, at) there are."""
    return len(np.unique((np.asarray(group, dtype=np.int64) << 32) + at))


if __name__ == "__main__":
    main()
