"""The graph in whole arrays: perplexity, symmetric P, and P held for the iteration after checks.

Twin of csrc/kernels/perplexity.hpp, symmetrize.hpp and check.hpp: same formulas and limits, by
whole blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gputsne.backends.checks import check_form
from gputsne.base.types import Affinities, FloatArray, IntArray

__all__ = [
    "Held", "check_joint", "check_points", "conditional", "hold", "inverse_of", "symmetrize",
]  # fmt: skip

F64 = npt.NDArray[np.float64]
ENTROPY_TOLERANCE = 1e-5
SEARCH_TOLERANCE = 1e-6
LAST_EXPONENT = -46.0
FAR_AWAY = 1e150
LOG_PRECISION = 250.0
ENTROPY_STEPS_MAX = 200
BLOCK_ENTRIES = 1 << 18  # float64 temporaries of 2 MB stay in the cache


class Held(Affinities):
    """P whose offsets and columns were checked, in arrays of its own."""


def conditional(
    distances: FloatArray, perplexities: Sequence[float] | F64
) -> tuple[FloatArray, int]:
    """Return p_j|i, the mean over the perplexities, and how many rows missed their entropy.

    Parameters
    ----------
    distances : array, shape (n, k), float32
        Distances to the neighbours, not squared; rows in any order. Not finite: no weight.
    perplexities : sequence of float, shape (q,)
        Effective numbers of neighbours, at least 1.

    Returns
    -------
    p : array, shape (n, k), float32
        Rows sum to 1.
    unreached : int
        Rows whose entropy is more than 1e-5 from ``log(perplexity)`` for one of them at least.

    Raises
    ------
    ValueError
        If shapes or perplexities make no sense.
    """
    wanted = np.asarray(perplexities, dtype=np.float64)
    if distances.ndim != 2:
        raise ValueError(f"distances has shape {distances.shape}; pass one row per point, (n, k)")
    if wanted.ndim != 1 or wanted.size == 0:
        raise ValueError(f"perplexities has shape {wanted.shape}; pass at least one, (q,)")
    if not (np.isfinite(wanted).all() and (wanted >= 1).all()):
        raise ValueError(f"perplexities={wanted}; pass finite values of at least 1")
    n, k = distances.shape
    p = np.zeros((n, k), np.float32)
    if k == 0:
        return p, n
    unreached = 0
    rows = max(1, BLOCK_ENTRIES // k)
    for begin in range(0, n, rows):
        D, finite = _shifted_squares(distances[begin : begin + rows])
        missed = np.zeros(len(D), bool)
        total = np.zeros_like(D)
        for perplexity in wanted:
            share, reached = _one_perplexity(D, finite, float(np.log(perplexity)))
            total += share
            missed |= ~reached
        p[begin : begin + rows] = total / len(wanted)
        unreached += int(missed.sum())
    return p, unreached


def _shifted_squares(distances: FloatArray) -> tuple[F64, npt.NDArray[np.bool_]]:
    d = np.abs(distances.astype(np.float64))
    finite = np.isfinite(d)
    d[~finite] = np.inf
    nearest = d.min(axis=1, keepdims=True)
    nearest[np.isinf(nearest)] = 0.0
    return np.where(finite, (d - nearest) * (d + nearest), FAR_AWAY), finite


def _one_perplexity(
    D: F64, finite: npt.NDArray[np.bool_], entropy: float
) -> tuple[F64, npt.NDArray[np.bool_]]:
    """Rows of weights that sum to 1, and which of them have the entropy."""
    tied = D == 0
    known = finite.sum(axis=1)
    with np.errstate(divide="ignore"):
        most = np.where(known > 0, np.log(known), np.inf)
        least = np.log(tied.sum(axis=1))
    flat = (known == 0) | (known == tied.sum(axis=1)) | (entropy > most - SEARCH_TOLERANCE)
    peak = ~flat & (entropy < least + SEARCH_TOLERANCE)
    reached = np.abs(np.where(flat, most, least) - entropy) <= ENTROPY_TOLERANCE
    members = np.where(flat[:, None], finite, tied) | (known == 0)[:, None]
    w = members.astype(np.float64)
    search = np.flatnonzero(~flat & ~peak)
    if search.size:
        w[search], reached[search] = _search(D[search], finite[search], entropy)
    return w / w.sum(axis=1, keepdims=True), reached


def _weights(D: F64, log_beta: F64) -> F64:
    exponent = -np.exp(log_beta)[:, None] * D
    return np.where(exponent < LAST_EXPONENT, 0.0, np.exp(np.maximum(exponent, LAST_EXPONENT)))


def _search(
    D: F64, finite: npt.NDArray[np.bool_], entropy: float
) -> tuple[F64, npt.NDArray[np.bool_]]:
    """Newton on log(beta) inside a bracket, each row at its own pace; see perplexity.hpp."""
    m = len(D)
    known = finite.sum(axis=1)
    with np.errstate(all="ignore"):
        mean = np.where(finite, D, 0).sum(axis=1) / known
        variance = (np.where(finite, D, 0) ** 2).sum(axis=1) / known - mean**2
        at = 0.5 * np.log(2 * (np.log(known) - entropy) / variance)
    low, high = np.full(m, -LOG_PRECISION), np.full(m, LOG_PRECISION)
    below, above = np.zeros(m, bool), np.zeros(m, bool)
    stride = 2.0
    excess, last = np.full(m, np.inf), np.full(m, np.inf)
    open_rows = np.arange(m)
    for _ in range(ENTROPY_STEPS_MAX):
        r = open_rows
        at[r] = np.where((at[r] > low[r]) & (at[r] < high[r]), at[r], 0.5 * (low[r] + high[r]))
        w, beta = _weights(D[r], at[r]), np.exp(at[r])
        total = w.sum(axis=1)
        mean = (w * D[r]).sum(axis=1) / total
        slope = beta**2 * ((w * D[r] ** 2).sum(axis=1) / total - mean**2)
        e = np.log(total) + beta * mean - entropy
        excess[r] = e
        going = (np.abs(e) > SEARCH_TOLERANCE) & (high[r] - low[r] >= 1e-12)
        wide = e > 0
        low[r[going & wide]] = at[r[going & wide]]
        high[r[going & ~wide]] = at[r[going & ~wide]]
        below[r] |= wide
        above[r] |= ~wide
        stride *= 2
        with np.errstate(all="ignore"):
            newton = e / slope
        limit = np.where(below[r] & above[r], high[r] - low[r], stride)
        usable = (np.abs(newton) < limit) & (np.abs(e) <= 0.5 * last[r])  # else it may circle
        last[r] = np.abs(e)
        step = np.where(usable, newton, np.where(wide, limit, -limit))
        at[r[going]] += step[going]
        open_rows = r[going]
        if open_rows.size == 0:
            break
    at[open_rows] = np.clip(at[open_rows], low[open_rows], high[open_rows])
    return _weights(D, at), np.abs(excess) <= ENTROPY_TOLERANCE


def symmetrize(
    indices: IntArray, p: FloatArray
) -> tuple[npt.NDArray[np.int64], IntArray, FloatArray]:
    """Return ``(p_j|i + p_i|j) / 2n`` as CSR arrays: indptr int64, indices int32, data float32.

    Parameters
    ----------
    indices : array, shape (n, k), int32
        Neighbours of each point in any order, without the point itself and without repeats.
    p : array, shape (n, k), float32
        Their conditional probabilities; edges of weight 0 are left out.

    Raises
    ------
    ValueError
        For different shapes, an id out of range, a point in its own list, a neighbour named twice,
        or a weight that is negative or not finite.
    """
    from scipy import sparse

    _check_edges(indices, p)
    n, k = indices.shape
    indptr = np.arange(n + 1, dtype=np.int64) * k
    weights, columns = p.ravel().astype(np.float64), indices.flatten()  # copies: changed in place
    A = sparse.csr_matrix((weights, columns, indptr), shape=(n, n))
    A.eliminate_zeros()
    P = (A + A.T).tocsr()
    P.sort_indices()
    data = (P.data * (0.5 / max(1, n))).astype(np.float32)
    return P.indptr.astype(np.int64), P.indices.astype(np.int32, copy=False), data


def _check_edges(indices: IntArray, p: FloatArray) -> None:
    if indices.ndim != 2:
        raise ValueError(f"indices has shape {indices.shape}; pass one row per point, (n, k)")
    if p.shape != indices.shape:
        raise ValueError(f"p has shape {p.shape}; it must be that of indices, {indices.shape}")
    n = len(indices)
    own = np.arange(n)[:, None]
    for wrong, remedy in (
        ((indices < 0) | (indices >= n), f"is no point of n={n}; pass ids in [0, n)"),
        (indices == own, "is the point itself; leave it out of its own list"),
    ):
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            raise ValueError(f"indices[{i}, {j}]={indices[i, j]} {remedy}")
    bad = ~(p >= 0) | np.isinf(p)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise ValueError(f"p[{i}, {j}]={p[i, j]}; pass finite probabilities, 0 or more")
    ordered = np.sort(np.where(p > 0, indices, -1), axis=1)  # edges of weight 0 do not exist
    repeated = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if repeated.any():
        i, j = np.argwhere(repeated)[0]
        raise ValueError(
            f"indices[{i}] lists point {ordered[i, j]} twice; pass each neighbour once"
        )


def hold(P: Affinities) -> Held:
    """Return P checked, in arrays of its own; itself where it is held already."""
    if isinstance(P, Held):
        return P
    held = Held(P.indptr.copy(), P.indices.copy(), P.data.copy(), P.unreached)
    check_joint(held)
    return held


def check_joint(P: Affinities) -> None:
    """Refuse a P whose offsets or columns lead out of its arrays.

    Parameters
    ----------
    P : Affinities
        Joint probabilities.

    Raises
    ------
    ValueError
        With array, place and range.
    """
    check_form(P)
    n, nnz = P.n, P.nnz
    good = (P.indptr >= np.append(0, P.indptr[:-1])) & (P.indptr <= nnz)
    good[0] &= P.indptr[0] == 0
    good[-1] &= P.indptr[-1] == nnz
    if not good.all():
        i = int(good.argmin())
        raise ValueError(
            f"P.indptr[{i}]={P.indptr[i]}; offsets begin at 0, never fall and end at the {nnz} "
            "edges that P.indices has"
        )
    check_points("P.indices", P.indices, n)


def check_points(name: str, ids: IntArray, n: int) -> None:
    """Refuse ids that are none of ``n`` points.

    Parameters
    ----------
    name : str
        What the error calls the array.
    ids : array of any shape, int32
        To be checked.
    n : int
        Points.

    Raises
    ------
    ValueError
        With array, place and range.
    """
    good = (ids >= 0) & (ids < n)
    if not good.all():
        at = np.unravel_index(int(good.argmin()), good.shape)
        place = ", ".join(map(str, at))
        raise ValueError(f"{name}[{place}]={ids[at]} is no point of n={n}; pass ids in [0, {n})")


def inverse_of(order: IntArray, n: int) -> IntArray:
    """Return where each point comes to lie: ``inverse[order[i]] = i``.

    Parameters
    ----------
    order : array, shape (n,), int32
        Each of 0 .. n - 1 once.
    n : int
        Points.

    Raises
    ------
    ValueError
        It is not that.
    """
    if order.shape != (n,):
        raise ValueError(f"order has shape {order.shape}, needs ({n},)")
    check_points("order", order, n)
    inverse = np.full(n, -1, np.int32)
    inverse[order] = np.arange(n, dtype=np.int32)
    if n and inverse.min() < 0:
        i = int(np.flatnonzero(inverse[order] != np.arange(n))[0])
        raise ValueError(f"order[{i}]={order[i]}; it must hold each of 0 .. {n - 1} once")
    return inverse
