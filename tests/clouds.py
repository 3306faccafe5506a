"""Maps that forces are measured on: clusters, a ring, a finished map, an outlier, tight groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SHAPES = ("clusters", "ring", "finished", "outlier")
# Groups of 30, as t-SNE draws near copies and photos of one person, and their widths in map units:
# far below the mesh's spacing of about 0.4.
GROUPS = {"loose": 0.3, "groups": 0.1, "tight": 0.03, "specks": 0.001, "copies": 0.0}
IN_GROUP = 30
# 3,000 points of openTSNE 1.0.4's map of MNIST (70,000 digits, perplexity 30, 750 iterations).
FINISHED = Path(__file__).parent / "data" / "finished_map.npy"


def cloud(shape, n, c, span, seed=0):
    """Return a map (n, c) float32 whose longest axis is ``span`` map units long."""
    rng = np.random.default_rng(seed)
    if shape in GROUPS:
        return _in_groups(n, c, span, GROUPS[shape], rng)
    Y = globals()[f"_{shape}"](n, c, rng).astype(np.float64)
    Y = Y - (Y.min(axis=0) + Y.max(axis=0)) / 2
    return np.ascontiguousarray(Y * (span / np.ptp(Y, axis=0).max()), dtype=np.float32)


def _clusters(n, c, rng):
    """Ten tight Gaussian clusters, each of its own width."""
    centers, widths = rng.normal(size=(10, c)), 0.05 * rng.uniform(0.3, 1, size=10)
    own = np.arange(n) % 10
    return centers[own] + widths[own, None] * rng.normal(size=(n, c))


def _ring(n, c, rng):
    """Return a circle with 1 % of noise; on a line its shadow, in space a thin disc's edge."""
    angle = rng.uniform(0, 2 * np.pi, n)
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], axis=1)
    return (circle * (1 + 0.01 * rng.normal(size=(n, 1))) + 0.01 * rng.normal(size=(n, 3)))[:, :c]


def _finished(n, c, rng):
    """A finished map; its third axis is the first one of another point."""
    known = np.load(FINISHED).astype(np.float64)
    Y = known[rng.choice(len(known), n, replace=n > len(known))]
    # Repeats fall as far apart as points are; without repeats, only float16's grid dissolves.
    Y = Y + (1.0 if n > len(known) else 0.02) * rng.normal(size=Y.shape)
    return np.concatenate([Y, rng.permutation(Y[:, :1])], axis=1)[:, :c]


def _outlier(n, c, rng):
    """Return one Gaussian and, fifty of its widths away, one point."""
    return np.concatenate([0.02 * rng.normal(size=(n - 1, c)), np.ones((1, c))])


def _in_groups(n, c, span, width, rng):
    """Groups drawn in a cube, ``width`` map units wide whatever the span."""
    centers = rng.uniform(-span / 2, span / 2, size=(-(-n // IN_GROUP), c))
    Y = centers[np.arange(n) // IN_GROUP] + width * rng.normal(size=(n, c))
    return np.ascontiguousarray(Y, dtype=np.float32)
