"""Measures of a map, whoever made it: the same float64 functions for all; nothing of the engine.

The Kullback-Leibler divergence here is the definition: all n (n - 1) pairs, no mesh, no tree.
"""

from __future__ import annotations

import numpy as np

BLOCK = 32  # rows of the pair table: 18 MB of float64 at 70,000 points


def normaliser(Y: np.ndarray) -> float:
    """Return Z = sum over i != j of 1 / (1 + |y_i - y_j|^2); Y (n, c)."""
    Y = np.asarray(Y, dtype=np.float64)
    Y = Y - Y.mean(axis=0)
    total = 0.0
    for begin in range(0, len(Y), BLOCK):  # each pair once: the columns from the block's first on
        rows, others = Y[begin : begin + BLOCK], Y[begin:]
        base = np.ones((len(rows), len(others)))
        for axis in range(Y.shape[1]):
            apart = np.subtract.outer(rows[:, axis], others[:, axis])
            base += np.square(apart, out=apart)
        K = np.reciprocal(base, out=base)
        inside = K[:, : len(rows)]
        total += 2.0 * K.sum() - inside.sum() - len(rows)  # the block with itself counts both ways
    return float(total)


def divergence(P, Y: np.ndarray) -> float:
    """Return KL(P || Q) in float64; P scipy sparse, sum 1, Y (n, c)."""
    Y = np.asarray(Y, dtype=np.float64)
    edges = P.tocoo()
    p = edges.data.astype(np.float64)
    p /= p.sum()
    some = p > 0
    p, i, j = p[some], edges.row[some], edges.col[some]
    r2 = sum(np.square(y[i] - y[j]) for y in Y.T)
    return float((p * (np.log(p) + np.log1p(r2))).sum() + np.log(normaliser(Y)))


def diameter(Y: np.ndarray) -> float:
    """Return the largest distance of two points of a 2-D map."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    Y = np.asarray(Y, dtype=np.float64)
    return float(pdist(Y[ConvexHull(Y).vertices]).max())
