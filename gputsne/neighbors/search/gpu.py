"""Which k points are nearest to each point of X, found on a GPU? By our tiles, FAISS or cuVS.

The choice and its reason go to the log; whatever searched, recall is measured.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from gputsne.base.random import draw_seed
from gputsne.base.types import Array, FloatArray, KNNGraph
from gputsne.neighbors.graph import SAMPLE, knn, numeric_rows
from gputsne.neighbors.metric import NAMES, Geometry
from gputsne.neighbors.search.exact import exact as exact_search
from gputsne.neighbors.search.ivf import without_self
from gputsne.neighbors.search.tiles import ROWS, SPARE, Tiles

__all__ = ["MOST", "on_device", "way"]

log = logging.getLogger("gputsne")
MOST = 2048  # candidates that the selection keeps, and lists that FAISS searches on a GPU
# Points up to which all pairs are compared here: 2.5e11 pairs of 50 columns are 2.5e13 operations
# and 2e12 bytes written and read, some 2 s by an H100's data sheet.
EXACT_POINTS = 500_000
CHECK = 2e9  # multiplications that a CPU spends on checking the tiles' recall
Progress = Callable[[int, int], None] | None


def on_device(
    X: FloatArray, k: int, ops: Any, *, metric: Any = "euclidean", metric_params: Any = None,
    min_recall: float = 0.98, n_jobs: int | None = None, random_state: Any = None,
    progress: Progress = None,
) -> KNNGraph:  # fmt: skip
    """Find neighbours with what this machine's GPU libraries offer, else on the CPU.

    Parameters
    ----------
    X : array, shape (n, d), float32
        Rows.
    k : int
        Neighbours of each.
    ops : Device
        The CUDA backend.
    metric, metric_params, min_recall, n_jobs, random_state, progress
        As in ``knn``.

    Returns
    -------
    KNNGraph
        Its ``source`` says what found it; the log says why.
    """
    how, why = way(X.shape[0], k, metric)
    log.info("neighbours by %s: %s", how, why)
    if how == "cpu":
        return knn(
            X, k, metric=metric, metric_params=metric_params, min_recall=min_recall,
            n_jobs=n_jobs, random_state=random_state, progress=progress,
        )  # fmt: skip
    X = numeric_rows(X)
    geometry = Geometry.of(X, NAMES[metric])
    Z = geometry.database(X)
    seed = draw_seed(random_state)
    Q = Z if metric != "inner_product" else geometry.queries(X)
    tiles = Tiles(Z, ops, seed)
    if how == "tiles":
        ids, squared = _by_tiles(Q, k, tiles, progress)
    elif how == "faiss-gpu":
        ids, squared = _by_faiss(Q, k, tiles, min_recall, seed, progress)
    else:
        ids, squared = _by_cuvs(Q, k, tiles, progress)
    recall = _measured(Q, squared, k, tiles if how != "tiles" else None, Z, seed)
    if recall < min_recall:
        log.warning("%s found %.3f of the neighbours: searching on the CPU", how, recall)
        return knn(
            X, k, metric=metric, min_recall=min_recall, n_jobs=n_jobs, random_state=random_state,
            progress=progress,
        )  # fmt: skip
    return KNNGraph(ids, geometry.distances(squared), recall, f"{how}-device", NAMES[metric])


def way(n: int, k: int, metric: Any) -> tuple[str, str]:
    """Choose a search.

    Parameters
    ----------
    n, k : int
        Points, neighbours each.
    metric : str or callable
        As in ``knn``.

    Returns
    -------
    how : {"tiles", "faiss-gpu", "cuvs", "cpu"}
        What searches.
    why : str
        In words, for the log.
    """
    if not isinstance(metric, str) or metric not in NAMES:
        return "cpu", f"metric={metric!r} is computed by scikit-learn, on the CPU"
    if k + 1 + SPARE > MOST:
        return "cpu", f"k={k} is more than the {MOST - 1 - SPARE} that are kept on the GPU"
    if n <= EXACT_POINTS:
        return "tiles", f"all pairs of {n} points are compared, up to {EXACT_POINTS}"
    import faiss

    if getattr(faiss, "get_num_gpus", lambda: 0)() > 0:
        return "faiss-gpu", f"{n} points, and faiss sees {faiss.get_num_gpus()} GPUs"
    if metric != "inner_product" and find_spec("cuvs") is not None:
        return "cuvs", f"{n} points, faiss is built without GPUs, cuVS is installed"
    return "cpu", (
        f"{n} points are too many for all pairs, faiss is built without GPUs and cuVS is not "
        "installed: pip install cuvs-cu13, or faiss-gpu in place of faiss-cpu"
    )


def _measured(
    Q: FloatArray, squared: Array, k: int, tiles: Tiles | None, Z: FloatArray, seed: int
) -> float:
    """Return the share of true neighbours that were found for some rows.

    The truth is told by the tiles, and theirs by FAISS on the CPU, of fewer rows.
    """
    n, d = Z.shape
    rows = SAMPLE if tiles else int(np.clip(CHECK / (n * d), 16, SAMPLE))
    own = np.sort(np.random.default_rng([seed, 1]).permutation(n)[:rows])
    found = tiles.search(Q[own], k + 1) if tiles else exact_search(Q[own], Z, k + 1)
    farthest = without_self(*found, own)[0][:, -1:]
    # Two kernels round the same distance apart by a few units of 2**-24.
    return float((squared[own] <= farthest * np.float32(1 + 1e-5)).mean())


def _by_tiles(Q: FloatArray, k: int, tiles: Tiles, progress: Progress) -> tuple[Array, Array]:
    return _all(Q, k, tiles.rows, lambda part: tiles.search(Q[part], k + 1), progress)


def _all(
    Q: FloatArray, k: int, rows: int, search: Callable[[slice], tuple[Array, Array]],
    progress: Progress,
) -> tuple[Array, Array]:  # fmt: skip
    """Search block by block, a point never in its own list."""
    n = len(Q)
    ids, squared = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for start in range(0, n, rows):
        part = slice(start, min(n, start + rows))
        found = search(part)
        squared[part], ids[part] = without_self(*found, np.arange(part.start, part.stop))
        if progress is not None:
            progress(part.stop, n)
    return ids, squared


def _by_faiss(
    Q: FloatArray, k: int, tiles: Tiles, min_recall: float, seed: int, progress: Progress
) -> tuple[Array, Array]:
    """Inverted lists of FAISS on its first GPU; ``nprobe`` doubles until the recall will do."""
    import faiss

    Z = tiles.Z
    n, d = Z.shape
    cells = int(4 * n**0.5)
    flat = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, cells)
    index: Any = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), tiles.ops.device or 0, flat)
    index.train(Z[np.sort(np.random.default_rng(seed).permutation(n)[: 64 * cells])])
    index.add(Z)
    own = np.sort(np.random.default_rng([seed, 2]).permutation(n)[:SAMPLE])
    truth = without_self(*tiles.search(Q[own], k + 1), own)[0][:, -1:]
    index.nprobe = max(1, cells // 100)
    most = min(cells, MOST)
    while index.nprobe < most:
        near, found = index.search(Q[own], k + 1)
        near, _ = without_self(near, found, own)
        if (near <= truth * np.float32(1 + 1e-5)).mean() >= min_recall:
            break
        index.nprobe = min(most, 2 * index.nprobe)
    return _all(Q, k, ROWS, lambda part: index.search(Q[part], k + 1), progress)


def _by_cuvs(Q: FloatArray, k: int, tiles: Tiles, progress: Progress) -> tuple[Array, Array]:
    """Find candidates with cuVS' product codes and refine them with true distances."""
    from cuvs.neighbors import all_neighbors, ivf_pq

    params = all_neighbors.AllNeighborsParams(algo="ivf_pq", ivf_pq_params=ivf_pq.IndexParams())
    told = all_neighbors.build(tiles.Z, k + 1 + SPARE, params)
    found = told[0] if isinstance(told, tuple) else told
    found = np.asarray(found.copy_to_host() if hasattr(found, "copy_to_host") else found)
    found = found.astype(np.int32)
    return _all(Q, k, ROWS, lambda part: tiles.nearest(Q[part], found[part], k + 1), progress)
