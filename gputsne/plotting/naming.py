"""Places for category names on a map: where a category is by itself, and densest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gputsne.base.types import Array, FloatArray

__all__ = ["purest_spots"]

AROUND = 50  # nearest points that say whose a place is
TRIED = 200  # points of a category that are tried as its place
POINTS = 200_000  # of more than this, a sample stands for the map
OWN = 0.5  # least share of the points around that must be of the category
CLOSE = 0.9  # places this near to the best share compete by their density


def purest_spots(
    Y: FloatArray, codes: Array, categories: Sequence[int]
) -> dict[int, tuple[float, float]]:
    """Return the places for names; a category that is nowhere by itself gets none.

    Parameters
    ----------
    Y : array, shape (n, 2), float32
        The map.
    codes : array, shape (n,), int
        Each point's category, -1 for none.
    categories : sequence of int
        Those to be named, in the order in which they are.

    Returns
    -------
    dict of int to (float, float)
        Category to map position: of its points (at most 200 are tried), those whose 50 nearest
        points are most often of the same category, and among those nearly as good the one whose
        neighbours are nearest. At least half of them must be of the category.
    """
    from scipy.spatial import cKDTree

    if len(Y) > POINTS:
        rows = np.random.default_rng(0).choice(len(Y), POINTS, replace=False)
        Y, codes = Y[rows], codes[rows]
    tree = cKDTree(Y)
    spots = {}
    for code in categories:
        own = np.flatnonzero(codes == code)
        if not len(own):
            continue
        k = min(AROUND, len(own))
        tried = own[np.linspace(0, len(own) - 1, min(len(own), TRIED)).astype(np.int64)]
        distance, near = tree.query(Y[tried], k=[*range(1, k + 1)])
        share = (codes[near] == code).mean(axis=1)
        if share.max() < OWN:
            continue
        good = np.flatnonzero(share >= CLOSE * share.max())
        best = good[np.argmin(distance[good, -1])]
        around = near[best][codes[near[best]] == code]
        x, y = Y[around].astype(np.float64).mean(axis=0)
        spots[code] = (float(x), float(y))
    return spots
