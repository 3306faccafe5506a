"""Places for category names on a map: where a category is by itself, and densest.

A category that lies in several islands can have a name at each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gputsne.base.types import Array, FloatArray

__all__ = ["island_spots", "purest_spots"]

AROUND = 50  # nearest points that say whose a place is
TRIED = 200  # points of a category that are tried as its place
POINTS = 200_000  # of more than this, a sample stands for the map
OWN = 0.5  # least share of the points around that must be of the category
CLOSE = 0.9  # places this near to the best share compete by their density
CELLS = 48  # along each side of the map, of the grid on which islands are told apart
ISLAND = 0.2  # least share of a category's points that makes an island worth a name
FEWEST = 10  # points of an island: of fewer, neighbours agree by chance
ISLANDS = 3  # names of one category at most


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
        # Without the point itself, which is always of its own category; a lone one has a place.
        share = (codes[near] == code)[:, 1:].mean(axis=1) if k > 1 else np.ones(len(tried))
        if share.max() < OWN:
            continue
        good = np.flatnonzero(share >= CLOSE * share.max())
        best = good[np.argmin(distance[good, -1])]
        around = near[best][codes[near[best]] == code]
        x, y = Y[around].astype(np.float64).mean(axis=0)
        spots[code] = (float(x), float(y))
    return spots


def island_spots(
    Y: FloatArray, codes: Array, categories: Sequence[int]
) -> list[tuple[int, tuple[float, float]]]:
    """Return the places for names, one for each large island of a category.

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
    list of (int, (float, float))
        Category and map position. An island is what hangs together on a grid of 48 by 48 cells and
        holds a fifth of the category's points at least, and ten; of the three largest, each has
        the place that :func:`purest_spots` finds among its points.
    """
    found = []
    parts = np.full(len(Y), -1, dtype=np.int64)
    names: list[int] = []
    for code in categories:
        for rows in _islands(Y, np.flatnonzero(codes == code)):
            parts[rows] = len(names)
            names.append(code)
    spots = purest_spots(Y, parts, range(len(names)))
    for part, at in spots.items():
        found.append((names[part], at))
    return found


def _islands(Y: FloatArray, own: Array) -> list[Array]:
    """Return the rows of a category's largest islands; all its rows where it has but one."""
    from scipy import ndimage

    low, span = Y.min(axis=0), np.maximum(np.ptp(Y, axis=0).max(), 1e-12)
    cell = np.clip(((Y[own] - low) / span * CELLS).astype(np.int64), 0, CELLS - 1)
    counts = np.zeros((CELLS, CELLS), dtype=np.int64)
    np.add.at(counts, (cell[:, 0], cell[:, 1]), 1)
    held = counts > 0.02 * counts.max()  # a lone point is no bridge
    labels, _ = ndimage.label(held, structure=np.ones((3, 3)))
    island = labels[cell[:, 0], cell[:, 1]]
    sizes = np.bincount(island)
    sizes[0] = 0
    largest = np.argsort(-sizes, kind="stable")[:ISLANDS]
    several = [i for i in largest.tolist() if sizes[i] >= max(FEWEST, ISLAND * len(own))]
    return [own[island == i] for i in several] if len(several) > 1 else [own]
