"""Neighbourhood metrics: neighbours kept, intruders, and labels told from neighbours in the map."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.parameter_table import Whole
from gputsne.base.rows import row_blocks
from gputsne.metrics.context import Context

__all__ = [
    "accuracy",
    "knn_accuracy",
    "knn_preservation",
    "preservation",
    "trust",
    "trustworthiness",
]

VOTERS = 1024  # points whose votes are counted at a time: a table of (1024, classes)


def knn_preservation(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 5000, random_state: int | None = 0
) -> float:
    r"""Share of the nearest neighbours in the data that are nearest neighbours in the map.

    .. math:: \frac{1}{qk} \sum_i | N_k^X(i) \cap N_k^Y(i) |

    Parameters
    ----------
    X : array, shape (n, d), float
        Data, in any unit; only ranks of Euclidean distance are used.
    Y : array, shape (n, c), float
        Map of the same rows.
    k : int, default 10
        Neighbours per point, at most ``n - 1``.
    sample : int or None, default 5000
        Number ``q`` of points asked; None asks all n. Neighbours are searched among all points.
    random_state : int or None, default 0
        Seed of the sample.

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

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> knn_preservation(X, X, k=5)
    1.0
    """
    return preservation(Context(X, Y, sample=sample, random_state=random_state), k=k)


def preservation(context: Context, *, k: int = 10) -> float:
    """Return the share of the data's neighbours that the map keeps; see ``knn_preservation``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point.

    Returns
    -------
    float in [0, 1]
        1 means that every neighbourhood is kept.
    """
    in_data, in_map = context.neighbors("X", k), context.neighbors("Y", k)
    kept = [
        (in_data[part, :, None] == in_map[part, None, :]).any(axis=2).sum()
        for part in row_blocks(len(in_data), k * k)
    ]
    return float(sum(kept) / in_data.size)


def trustworthiness(
    X: Any, Y: Any, *, k: int = 10, sample: int | None = 2000, random_state: int | None = 0
) -> float:
    r"""Absence of intruders: neighbours in the map that are far in the data count against it.

    .. math:: T(k) = 1 - \frac{2}{qk(2n-3k-1)} \sum_i \sum_{j \in N_k^Y(i)} \max(0, r(i, j) - k)

    with ``r(i, j)`` the rank of j among the data neighbours of i, 1 for the nearest.

    Parameters
    ----------
    X : array, shape (n, d), float
        Data, in any unit; only ranks of Euclidean distance are used.
    Y : array, shape (n, c), float
        Map of the same rows.
    k : int, default 10
        Neighbours per point; needs ``k < n / 2``.
    sample : int or None, default 2000
        Number ``q`` of points asked; None asks all n, which costs O(n²) distances.
    random_state : int or None, default 0
        Seed of the sample.

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
    return trust(Context(X, Y, sample=sample, random_state=random_state), k=k)


def trust(context: Context, *, k: int = 10) -> float:
    """Return the absence of intruders among map neighbours; see ``trustworthiness``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours per point, below n / 2.

    Returns
    -------
    float in [0, 1]
        1 means no intruders.
    """
    n, q = context.n, len(context.rows)
    Whole(1).check("k", k)
    if k >= n / 2:
        raise ValueError(f"k={k} must be below n / 2 = {n / 2:g}")
    excess = int(np.maximum(context.ranks("X", of="Y", k=k) - k, 0).sum())
    return 1.0 - excess * 2.0 / (q * k * (2.0 * n - 3.0 * k - 1.0))


def knn_accuracy(
    Y: Any, labels: Any, *, k: int = 10, sample: int | None = 5000, random_state: int | None = 0
) -> float:
    """Share of points whose label is the most frequent one among their neighbours in the map.

    Leave-one-out accuracy of a k-nearest-neighbour classifier. Of equally frequent labels the first
    in sorted order is predicted, as scikit-learn's ``KNeighborsClassifier`` does.

    Parameters
    ----------
    Y : array, shape (n, c), float
        Map (or data: then it tells how much the data itself allows).
    labels : array-like, shape (n,)
        Categories: an array, a list, a column, a frame of one column. Points whose label is missing
        (None, NaN, NA or "") neither ask nor vote.
    k : int, default 10
        Neighbours that vote.
    sample : int or None, default 5000
        Number of points asked; None asks all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If Y and labels differ in length, or fewer than ``k + 1`` points have a label.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> knn_accuracy(Y, ["a", "a", "a", "b", "b", "b"], k=2)
    1.0
    """
    return accuracy(Context(Y=Y, labels=labels, sample=sample, random_state=random_state), k=k)


def accuracy(context: Context, *, k: int = 10) -> float:
    """Return how often neighbours in the map tell a point's label; see ``knn_accuracy``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Neighbours that vote.

    Returns
    -------
    float in [0, 1]
        Share of points whose label is told.
    """
    labelled, codes = context.labelled
    votes, own = codes[labelled.neighbors("Y", k)], codes[labelled.rows]
    classes = int(codes.max()) + 1
    right = 0
    for part in row_blocks(len(votes), 1, VOTERS):
        cast = votes[part]
        cells = np.arange(len(cast))[:, None] * classes + cast
        tally = np.bincount(cells.ravel(), minlength=len(cast) * classes)
        winner = tally.reshape(len(cast), classes).argmax(axis=1)
        right += int((winner == own[part]).sum())
    return right / len(own)
