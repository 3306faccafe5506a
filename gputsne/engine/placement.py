"""The placement of new points on a fitted map, each on its own; the map does not move.

A new point minimises its own KL divergence against the fitted points (docs/math.md, "Transform").
"""

from __future__ import annotations

import math

import numpy as np

from gputsne.backends import Ops
from gputsne.base.types import Array, FloatArray, IntArray, Reference
from gputsne.engine import mesh as meshes
from gputsne.engine.field import Field

__all__ = ["EXAGGERATION", "MAX_ITER", "PERPLEXITY", "Reference", "place", "reference"]

PERPLEXITY = 5.0  # openTSNE's default for transform; three times as many neighbours are enough
EXAGGERATION = 1.5  # openTSNE's default for transform: holds a point nearer to its neighbours
MAX_ITER = 50  # evaluations; 30 bring F within 1e-5 of its end on MNIST, and most points stop by 10
NODES = (2**20, 2**22)  # FFT nodes that a field built once may take: small maps, large maps
NODES_PER_POINT = 50
SUM_BELOW = 1500  # points; up to here the 30 or so sums per new point take milliseconds
MARGIN = 0.05  # of the longest span: how far beyond the fitted map a new point may go
ROUNDING = 1e-6  # of the largest potential: error of a float32 transform, several roundings deep
TINY = 1e-30  # keeps the logarithm of a sum finite
BLOCK_ROWS = 1 << 16  # a Ctrl-C waits for one block, a third of a second


def reference(
    Y: FloatArray, ops: Ops, *, dof: float = 1.0, max_nodes: int | None = None
) -> Reference:
    """Return the fitted map and its field on a mesh that reaches beyond it.

    A small map on a wide mesh (few points in three axes) is summed by definition instead.

    Parameters
    ----------
    Y : array, shape (n, c), float32
        Fitted map; copied.
    ops : Ops
        Backend.
    dof : float, default 1
        Degrees of freedom of the map's kernel.
    max_nodes : int, optional
        FFT nodes that memory allows; the spacing widens where they are too few.

    Returns
    -------
    Reference
        For ``place``; the same for every batch.

    Raises
    ------
    ValueError
        If Y is empty or not finite.
    """
    Y = np.array(Y, dtype=np.float32, order="C")
    if Y.ndim != 2 or not len(Y):
        raise ValueError(f"Y has shape {Y.shape}; a fitted map of at least one point is needed")
    if not np.isfinite(Y).all():
        raise ValueError("Y has coordinates that are not finite; fit the map again")
    box = ops.extent(Y)
    longest = max(high - low for low, high in box)
    room = max(MARGIN * longest, min(meshes.width(dof), longest))
    low, high = tuple(low - room for low, _ in box), tuple(high + room for _, high in box)
    center = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    # In a fit the nodes worth their time follow n; this mesh is built once and may be finer.
    affordable = min(max(NODES[0], NODES_PER_POINT * len(Y)), NODES[1])
    as_points = int(affordable / meshes.NODES_PER_POINT)
    span = [b - a for a, b in zip(low, high, strict=True)]
    few = ops.few_meshes
    h, _ = meshes.spacing(span, as_points, dof, max_nodes, few=few)
    if len(Y) <= SUM_BELOW and math.prod(meshes.lengths(span, h, few=few, dof=dof)) > NODES[1]:
        none = np.empty((0,) * len(span), np.float32)
        return Reference(Y, float(dof), none, center, h, meshes.ORDER, 0.0, TINY, low, high)
    # New points may lie beside tight groups, so close pairs count here too. A reference holds one
    # potential: one finer mesh instead of a pair.
    field = Field(ops, dof=dof, max_nodes=max_nodes, pairs=False)
    mesh = field.fit_for_good(Y, box, as_points, room=room)
    potential, largest = ops.inside(field.potential(Y), mesh.shape)
    offset = mesh.offset * len(Y)
    rounding_floor = ROUNDING * (offset + largest)
    return Reference(
        Y,
        float(dof),
        potential,
        field.center,
        mesh.h,
        mesh.order,
        offset,
        rounding_floor,
        low,
        high,
    )


def place(
    reference: Reference,
    indices: IntArray,
    distances: FloatArray,
    ops: Ops,
    *,
    perplexity: float = PERPLEXITY,
    exaggeration: float = EXAGGERATION,
    max_iter: int = MAX_ITER,
) -> FloatArray:
    r"""Return the places of new points on the fitted map.

    .. math:: \min_y \rho \sum_j p_j (\log p_j - \log K(|y - y_j|^2)) + \log \phi(y)

    Parameters
    ----------
    reference : Reference
        Fitted map with its field.
    indices : array, shape (m, k), int32
        Fitted neighbours of every new point, in main memory or on the backend's device.
    distances : array, shape (m, k), float32
        Distances to them, not squared, in any order; where the indices are.
    ops : Ops
        Backend.
    perplexity : float, default 5
        Effective number of fitted neighbours, at least 1. With fewer than that in a row, or as
        many, the row's weights are equal.
    exaggeration : float, default 1.5
        Factor on the attraction, above 0.
    max_iter : int, default 50
        Evaluations of the objective per point after its start; 0 returns the starts.

    Returns
    -------
    array, shape (m, c), float32
        Row i depends on row i of the arguments and the reference alone, to the bit.

    Raises
    ------
    ValueError
        For shapes that don't fit, ids outside the map, distances that are negative or NaN, and
        parameters out of range.

    References
    ----------
    Poličar, Stražar & Zupan (2023), Embedding to reference t-SNE space addresses batch effects in
    single-cell classification. doi:10.1007/s10994-021-06043-1
    """
    _check(reference, indices, distances)
    if not (np.isfinite(perplexity) and perplexity >= 1):
        raise ValueError(f"perplexity={perplexity}: must be finite and at least 1")
    if not (np.isfinite(exaggeration) and exaggeration > 0):
        raise ValueError(f"exaggeration={exaggeration}: must be finite and above 0")
    if max_iter < 0:
        raise ValueError(f"max_iter={max_iter}: must be 0 or more")
    rows = [np.empty((0, reference.Y.shape[1]), np.float32)]
    for begin in range(0, len(indices), BLOCK_ROWS):
        block = slice(begin, begin + BLOCK_ROWS)
        near, ids = distances[block], indices[block]
        if type(ids) is np.ndarray:
            near = np.ascontiguousarray(near, dtype=np.float32)
            ids = np.ascontiguousarray(ids, dtype=np.int32)
        p, _ = ops.conditional(near, [float(perplexity)])
        rows.append(ops.place(reference, ids, p, float(exaggeration), int(max_iter)))
    return np.concatenate(rows)


def _check(reference: Reference, indices: Array, distances: Array) -> None:
    n = len(reference.Y)
    if indices.ndim != 2 or indices.shape[1] == 0:
        raise ValueError(f"indices has shape {indices.shape}; pass (m, k) with k of at least 1")
    if distances.shape != indices.shape:
        raise ValueError(
            f"distances has shape {distances.shape}; it must be that of indices, {indices.shape}"
        )
    if type(indices) is not np.ndarray:
        return  # a device's own lists, whose ids ``Ops.place`` checks there
    for wrong, name, remedy in (
        ((indices < 0) | (indices >= n), "indices", f"pass points of the map, 0 to {n - 1}"),
        (~(distances >= 0), "distances", "pass distances of 0 or more"),
    ):
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            value = {"indices": indices, "distances": distances}[name][i, j]
            raise ValueError(f"{name}[{i}, {j}]={value}; {remedy}")
