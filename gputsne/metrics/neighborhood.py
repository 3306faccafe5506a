"""Neighbours kept: what of each neighbourhood of the data is one in the map, and the reverse.

Overlap, Jaccard, LCMC, trustworthiness, continuity and both mean relative rank errors. Each is the
mean of what single points say: a function of a ``Context``, and one of arrays that calls it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.parameter_table import Whole
from gputsne.base.rows import row_blocks
from gputsne.metrics.context import Context
from gputsne.metrics.estimate import Estimate, mean_of

__all__ = [
    "continuity",
    "continuity_of",
    "jaccard",
    "jaccard_of",
    "knn_preservation",
    "lcmc",
    "lcmc_of",
    "mrre_false",
    "mrre_false_of",
    "mrre_missing",
    "mrre_missing_of",
    "preservation_of",
    "trustworthiness",
    "trustworthiness_of",
]

F64 = npt.NDArray[np.float64]


def _context(
    X: Any, Y: Any, sample: int | None, random_state: int | None, metric: Any, params: Any
) -> Context:
    return Context(
        X, Y, sample=sample, random_state=random_state, metric=metric, metric_params=params
    )


def knn_preservation(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 5000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Share of the nearest neighbours in the data that are nearest neighbours in the map.

    .. math:: \frac{1}{qk} \sum_i | N_k^X(i) \cap N_k^Y(i) |

    The "KNN" of Kobak & Berens, Q_NX(k) of the co-ranking matrix.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    k : int, default 10
        Neighbours per point, at most ``n - 1``.
    sample : int or None, default 5000
        Number ``q`` of points asked, whose neighbours are searched among all points; None asks all
        n.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [0, 1]
        1 means that every neighbourhood is kept; a random map has ``k / (n - 1)``.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or have fewer than ``k + 1`` rows.

    Notes
    -----
    Sampled, the standard error is below ``0.5 / sqrt(q)``, 0.007 by default, and in practice a
    third of that. Ties go to the lower index, and a point is left out of its own list by index.

    References
    ----------
    Lee & Verleysen (2009), Quality assessment of dimensionality reduction: rank-based criteria.
    Kobak & Berens (2019), The art of using t-SNE for single-cell transcriptomics.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> knn_preservation(X, X, k=5)
    1.0
    """
    return preservation_of(_context(X, Y, sample, random_state, metric, metric_params), k=k).value


def preservation_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the share of the data's neighbours that the map keeps; see ``knn_preservation``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point.

    Returns
    -------
    Estimate
        Mean of what each point asked keeps.
    """
    return mean_of(context, _kept(context, k) / k)


def _kept(context: Context, k: int) -> F64:
    """Return how many of its k neighbours each point asked keeps."""
    in_data, in_map = context.neighbors("X", k), context.neighbors("Y", k)
    kept = np.empty(len(in_data))
    for part in row_blocks(len(in_data), k * k):
        kept[part] = (in_data[part, :, None] == in_map[part, None, :]).any(axis=2).sum(axis=1)
    return kept


def jaccard(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 5000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Neighbours common to data and map, as a share of all that are one in either.

    .. math:: \frac{1}{q} \sum_i \frac{|N_k^X(i) \cap N_k^Y(i)|}{|N_k^X(i) \cup N_k^Y(i)|}

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    k : int, default 10
        Neighbours per point, at most ``n - 1``.
    sample : int or None, default 5000
        Number ``q`` of points asked, whose neighbours are searched among all points; None asks all
        n.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [0, 1]
        1 means that every neighbourhood is kept; below ``knn_preservation`` otherwise.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or have fewer than ``k + 1`` rows.

    References
    ----------
    Jaccard (1912), The distribution of the flora in the alpine zone.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> jaccard(X, X, k=5)
    1.0
    """
    return jaccard_of(_context(X, Y, sample, random_state, metric, metric_params), k=k).value


def jaccard_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the mean Jaccard index of neighbourhoods; see ``jaccard``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point.

    Returns
    -------
    Estimate
        Mean of each point's index.
    """
    kept = _kept(context, k)
    return mean_of(context, kept / (2 * k - kept))


def lcmc(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 5000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Local continuity meta-criterion: neighbours kept beyond those of a random map.

    .. math:: \frac{1}{qk} \sum_i | N_k^X(i) \cap N_k^Y(i) | - \frac{k}{n - 1}

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    k : int, default 10
        Neighbours per point, at most ``n - 1``.
    sample : int or None, default 5000
        Number ``q`` of points asked, whose neighbours are searched among all points; None asks all
        n.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [-k / (n - 1), 1 - k / (n - 1)]
        0 is what a random map has.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or have fewer than ``k + 1`` rows.

    References
    ----------
    Chen & Buja (2009), Local multidimensional scaling for nonlinear dimension reduction.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(lcmc(X, X, k=5), 3)
    0.898
    """
    return lcmc_of(_context(X, Y, sample, random_state, metric, metric_params), k=k).value


def lcmc_of(context: Context, *, k: int = 10) -> Estimate:
    """Return neighbours kept beyond chance; see ``lcmc``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point.

    Returns
    -------
    Estimate
        Mean of what each point asked keeps, less ``k / (n - 1)``.
    """
    return mean_of(context, _kept(context, k) / k - k / (context.n - 1))


def trustworthiness(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Absence of intruders: neighbours in the map that are far in the data count against it.

    .. math:: T(k) = 1 - \frac{2}{qk(2n-3k-1)} \sum_i \sum_{j \in N_k^Y(i)} \max(0, r(i, j) - k)

    with ``r(i, j)`` the rank of j among the data neighbours of i, 1 for the nearest.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    k : int, default 10
        Neighbours per point, below ``n / 2``.
    sample : int or None, default 2000
        Number ``q`` of points asked, whose neighbours are searched among all points; None asks all
        n, which costs O(n²) distances.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [0, 1]
        1 means no intruders. With all points asked this is scikit-learn's ``trustworthiness``.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or ``k >= n / 2``.

    References
    ----------
    Venna & Kaski (2001), Neighborhood preservation in nonlinear projection methods.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> trustworthiness(X, X, k=5)
    1.0
    """
    return trustworthiness_of(
        _context(X, Y, sample, random_state, metric, metric_params), k=k
    ).value


def trustworthiness_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the absence of intruders among map neighbours; see ``trustworthiness``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point.

    Returns
    -------
    Estimate
        Mean of each point's penalty taken from 1.
    """
    return mean_of(context, _unpenalised(context, "X", "Y", k))


def continuity(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Absence of extrusions: neighbours in the data that are far in the map count against it.

    .. math:: C(k) = 1 - \frac{2}{qk(2n-3k-1)} \sum_i \sum_{j \in N_k^X(i)} \max(0, r(i, j) - k)

    with ``r(i, j)`` the rank of j among the map neighbours of i, 1 for the nearest.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    k : int, default 10
        Neighbours per point, below ``n / 2``.
    sample : int or None, default 2000
        Number ``q`` of points asked, whose neighbours are searched among all points; None asks all
        n, which costs O(n²) distances.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [0, 1]
        1 means that no neighbour was torn away.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or ``k >= n / 2``.

    References
    ----------
    Venna & Kaski (2001), Neighborhood preservation in nonlinear projection methods.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> continuity(X, X, k=5)
    1.0
    """
    return continuity_of(_context(X, Y, sample, random_state, metric, metric_params), k=k).value


def continuity_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the absence of neighbours torn away; see ``continuity``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point.

    Returns
    -------
    Estimate
        Mean of each point's penalty taken from 1.
    """
    return mean_of(context, _unpenalised(context, "Y", "X", k))


def _unpenalised(context: Context, space: str, of: str, k: int) -> F64:
    """Return 1 less what ranks beyond k of the neighbours of one space cost in the other."""
    n = context.n
    Whole(1).check("k", k)
    if k >= n / 2:
        raise ValueError(f"k={k} must be below n / 2 = {n / 2:g}")
    excess = np.maximum(context.ranks(space, of=of, k=k) - k, 0).sum(axis=1)
    scores: F64 = 1.0 - excess * (2.0 / (k * (2.0 * n - 3.0 * k - 1.0)))
    return scores


def mrre_false(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Mean relative rank error of the map's neighbours: how far from their rank in the data.

    .. math:: 1 - \frac{1}{qC} \sum_i \sum_{j \in N_k^Y(i)} \frac{|r^X_{ij} - r^Y_{ij}|}{r^Y_{ij}}

    .. math:: C = \sum_{l=1}^k \frac{|n - 2l + 1|}{l}

    with ``r_ij`` the rank of j among the neighbours of i. As in ZADU it is taken from 1, so that
    more is better.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    k : int, default 10
        Neighbours per point, at most ``n - 1``.
    sample : int or None, default 2000
        Number ``q`` of points asked, whose neighbours are searched among all points; None asks all
        n, which costs O(n²) distances.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float, at most 1
        1 means that the order of neighbours is kept; a reversed one can fall below 0.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or have fewer than ``k + 1`` rows.

    References
    ----------
    Lee & Verleysen (2007), Nonlinear dimensionality reduction, section 4.3.4.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> mrre_false(X, X, k=5)
    1.0
    """
    return mrre_false_of(_context(X, Y, sample, random_state, metric, metric_params), k=k).value


def mrre_false_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the relative rank error of the map's neighbours, from 1; see ``mrre_false``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point.

    Returns
    -------
    Estimate
        Mean of what each point says.
    """
    return mean_of(context, _rank_agreement(context, "X", "Y", k))


def mrre_missing(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Mean relative rank error of the data's neighbours: how far from their rank in the map.

    .. math:: 1 - \frac{1}{qC} \sum_i \sum_{j \in N_k^X(i)} \frac{|r^Y_{ij} - r^X_{ij}|}{r^X_{ij}}

    .. math:: C = \sum_{l=1}^k \frac{|n - 2l + 1|}{l}

    with ``r_ij`` the rank of j among the neighbours of i. As in ZADU it is taken from 1, so that
    more is better.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    k : int, default 10
        Neighbours per point, at most ``n - 1``.
    sample : int or None, default 2000
        Number ``q`` of points asked, whose neighbours are searched among all points; None asks all
        n, which costs O(n²) distances.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float, at most 1
        1 means that the order of neighbours is kept; a reversed one can fall below 0.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or have fewer than ``k + 1`` rows.

    References
    ----------
    Lee & Verleysen (2007), Nonlinear dimensionality reduction, section 4.3.4.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> mrre_missing(X, X, k=5)
    1.0
    """
    return mrre_missing_of(_context(X, Y, sample, random_state, metric, metric_params), k=k).value


def mrre_missing_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the relative rank error of the data's neighbours, from 1; see ``mrre_missing``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point.

    Returns
    -------
    Estimate
        Mean of what each point says.
    """
    return mean_of(context, _rank_agreement(context, "Y", "X", k))


def _rank_agreement(context: Context, space: str, of: str, k: int) -> F64:
    """Return 1 less the relative error of ranks in one space of the neighbours of the other."""
    place = np.arange(1, k + 1)
    error = (np.abs(context.places(space, of=of, k=k) - place) / place).sum(axis=1)
    # Not quite the largest error there is: a map in reverse order falls below 0, as in ZADU.
    scores: F64 = 1.0 - error / (np.abs(context.n - 2 * place + 1) / place).sum()
    return scores
