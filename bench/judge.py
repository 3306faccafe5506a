"""Measures of a map, whoever made it: the same float64 functions for all.

The Kullback-Leibler divergence here is the definition: all n (n - 1) pairs, no mesh, no tree; only
for maps too large for it there is one whose Z is the engine's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

BLOCK = 32  # rows of the pair table: 18 MB of float64 at 70,000 points


def normaliser(Y: np.ndarray, threads: int = 1) -> float:
    """Return Z = sum over i != j of 1 / (1 + |y_i - y_j|^2); Y (n, c).

    Blocks are added in their order, so the threads don't change a bit of it.
    """
    Y = np.asarray(Y, dtype=np.float64)
    Y = Y - Y.mean(axis=0)

    def block(begin: int) -> float:  # each pair once: the columns from the block's first on
        rows, others = Y[begin : begin + BLOCK], Y[begin:]
        base = np.ones((len(rows), len(others)))
        for axis in range(Y.shape[1]):
            apart = np.subtract.outer(rows[:, axis], others[:, axis])
            base += np.square(apart, out=apart)
        K = np.reciprocal(base, out=base)
        inside = K[:, : len(rows)]
        # the block with itself counts both ways
        return float(2.0 * K.sum() - inside.sum() - len(rows))

    with ThreadPoolExecutor(threads) as pool:
        return float(sum(pool.map(block, range(0, len(Y), BLOCK))))


def divergence(P, Y: np.ndarray, threads: int = 1) -> float:
    """Return KL(P || Q) in float64; P scipy sparse, its sum divided out, Y (n, c)."""
    return attraction(P, Y) + float(np.log(normaliser(Y, threads)))


def divergence_by_mesh(P, Y: np.ndarray, threads: int = 1) -> float:
    """Return KL(P || Q) with the engine's Z, which is within 1e-3 of the definition's."""
    import gputsne

    start = np.ascontiguousarray(Y, dtype=np.float32)
    model = gputsne.TSNE(affinity="precomputed", init=start, max_iter=0, n_jobs=threads)
    return float(model.fit(P).kl_divergence_)


def attraction(P, Y: np.ndarray) -> float:
    """Return the divergence without log Z: sum of p (log p + log(1 + |y_i - y_j|^2))."""
    Y = np.asarray(Y, dtype=np.float64)
    edges = P.tocoo()
    p = edges.data.astype(np.float64)
    p /= p.sum()
    some = p > 0
    p, i, j = p[some], edges.row[some], edges.col[some]
    r2 = sum(np.square(y[i] - y[j]) for y in Y.T)
    return float((p * (np.log(p) + np.log1p(r2))).sum())


def diameter(Y: np.ndarray) -> float:
    """Return the largest distance of two points of a 2-D map."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    Y = np.asarray(Y, dtype=np.float64)
    return float(pdist(Y[ConvexHull(Y).vertices]).max())
