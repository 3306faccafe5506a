"""Labels told from neighbours: k-NN accuracy, neighbourhood hit, and class neighbourhoods kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.errors import UndefinedMetric
from gputsne.base.parameter_table import Whole
from gputsne.base.rows import row_blocks
from gputsne.metrics.context import Context
from gputsne.metrics.estimate import Estimate, mean_of
from gputsne.neighbors import exact_neighbors

__all__ = [
    "class_preservation",
    "class_preservation_of",
    "five_fold_accuracy_of",
    "knn_accuracy",
    "knn_accuracy_of",
    "neighborhood_hit",
    "neighborhood_hit_of",
]

I64 = npt.NDArray[np.int64]
FOLDS, FOLD_K = 5, 5  # as papers and scikit-learn's cross_val_score have it
CLASS_K, CLASS_SHARE = 10, 0.25  # Kobak & Berens: 10 of 100 and more classes, 4 of 15


def knn_accuracy(
    Y: Any, labels: Any, *, k: int = 10, sample: int | None = 5000, random_state: int | None = 0,
    cv: int | None = None,
) -> float:  # fmt: skip
    """Share of points whose label is the most frequent one among their neighbours in the map.

    Accuracy of a k-nearest-neighbour classifier. Of equally frequent labels the first in sorted
    order is predicted, as scikit-learn's ``KNeighborsClassifier`` does.

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
    cv : int or None, default None
        None leaves out one point at a time; a number of folds, often 5, gives the mean accuracy of
        scikit-learn's ``cross_val_score``.

    Returns
    -------
    float in [0, 1]
        1 means that neighbours always tell the label.

    Raises
    ------
    ValueError
        If Y and labels differ in length, fewer than ``k + 1`` points have a label, or a class has
        fewer than ``cv`` points.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> knn_accuracy(Y, ["a", "a", "a", "b", "b", "b"], k=2)
    1.0
    """
    context = Context(Y=Y, labels=labels, sample=sample, random_state=random_state)
    Whole(2, optional=True).check("cv", cv)
    return (knn_accuracy_of(context, k=k) if cv is None else _in_folds(context, k, cv)).value


def knn_accuracy_of(context: Context, *, k: int = 10) -> Estimate:
    """Return how often neighbours in the map tell a point's label; see ``knn_accuracy``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Neighbours that vote.

    Returns
    -------
    Estimate
        Mean of what each point asked says.
    """
    labelled, codes = context.labelled
    votes, own = codes[labelled.neighbors("Y", k)], codes[labelled.rows]
    return mean_of(labelled, (_winners(votes) == own).astype(np.float64))


def _winners(votes: I64) -> I64:
    """Return the most frequent code of each row, the lowest among equals."""
    winners = np.empty(len(votes), np.int64)
    for part in row_blocks(len(votes), votes.shape[1] ** 2):
        cast = votes[part]
        often = (cast[:, :, None] == cast[:, None, :]).sum(axis=2)
        most = often == often.max(axis=1, keepdims=True)
        winners[part] = np.where(most, cast, np.iinfo(np.int64).max).min(axis=1)
    return winners


def five_fold_accuracy_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the accuracy of 5 neighbours in 5 folds; see ``knn_accuracy`` with ``cv=5, k=5``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Has no effect: papers compare k = 5.

    Returns
    -------
    Estimate
        Mean of the folds' accuracies.
    """
    return _in_folds(context, FOLD_K, FOLDS)


def _in_folds(context: Context, k: int, folds: int) -> Estimate:
    from sklearn.model_selection import StratifiedKFold
    from sklearn.neighbors import KNeighborsClassifier

    labelled, codes = context.labelled
    Whole(1).check("k", k)
    counts = np.bincount(codes)
    if counts.min() < folds:
        raise UndefinedMetric(
            f"accuracy in {folds} folds needs {folds} points of every class, one has {counts.min()}"
        )
    points, asked = labelled.centred("Y"), np.zeros(labelled.n, dtype=bool)
    asked[labelled.rows] = True
    right, shares = np.zeros(labelled.n), []
    for train, test in StratifiedKFold(folds).split(points, codes):
        if k > len(train):
            raise ValueError(f"k={k} neighbours of {len(train)} points outside a fold; lower k")
        test = test[asked[test]]
        if len(test):
            told = KNeighborsClassifier(k).fit(points[train], codes[train]).predict(points[test])
            right[test] = told == codes[test]
            shares.append(float(right[test].mean()))
    mean = mean_of(labelled, right[labelled.rows])
    return Estimate(float(np.mean(shares)), mean.error, mean.scores, mean.rows)


def neighborhood_hit(
    Y: Any, labels: Any, *, k: int = 10, sample: int | None = 5000, random_state: int | None = 0,
) -> float:  # fmt: skip
    r"""Share of a point's neighbours in the map that have its label.

    .. math:: \frac{1}{qk} \sum_i | \{j \in N_k^Y(i): l_j = l_i\} |

    Parameters
    ----------
    Y : array, shape (n, c), float
        Map (or data: then it tells how much the data itself allows).
    labels : array-like, shape (n,)
        Categories: an array, a list, a column, a frame of one column. Points whose label is missing
        (None, NaN, NA or "") are left out.
    k : int, default 10
        Neighbours.
    sample : int or None, default 5000
        Number of points asked; None asks all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    float in [0, 1]
        1 means that classes are apart; mixed at random, it is the chance that two points agree.

    Raises
    ------
    ValueError
        If Y and labels differ in length, or fewer than ``k + 1`` points have a label.

    References
    ----------
    Paulovich, Nonato, Minghim & Levkowitz (2008), Least square projection.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> neighborhood_hit(Y, ["a", "a", "a", "b", "b", "b"], k=2)
    1.0
    """
    context = Context(Y=Y, labels=labels, sample=sample, random_state=random_state)
    return neighborhood_hit_of(context, k=k).value


def neighborhood_hit_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the share of neighbours that have a point's label; see ``neighborhood_hit``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Neighbours.

    Returns
    -------
    Estimate
        Mean of what each point asked says.
    """
    labelled, codes = context.labelled
    same = codes[labelled.neighbors("Y", k)] == codes[labelled.rows][:, None]
    return mean_of(labelled, same.mean(axis=1))


def class_preservation(
    X: Any, Y: Any, labels: Any, *, k: int | None = None
) -> float:  # fmt: skip
    """Share of the nearest classes in the data that are nearest classes in the map.

    The "KNC" of Kobak & Berens: neighbours of class means, by Euclidean distance. It tells whether
    the coarse layout is kept.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit.
    Y : array_like, shape (n, c)
        Map of the same rows.
    labels : array-like, shape (n,)
        Categories: an array, a list, a column, a frame of one column. Points whose label is missing
        (None, NaN, NA or "") are left out.
    k : int or None, default None
        Neighbours of each class; None takes a quarter of the others, at most 10.

    Returns
    -------
    float in [0, 1]
        1 means that every class keeps its neighbours.

    Raises
    ------
    ValueError
        If lengths differ, fewer than 3 classes are labelled, or ``k`` is not below their number.

    References
    ----------
    Kobak & Berens (2019), The art of using t-SNE for single-cell transcriptomics.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(12.0)[:, None]
    >>> class_preservation(X, -X, np.arange(12) // 3, k=2)
    1.0
    """
    return _class_neighbors(Context(X, Y, labels), k).value


def class_preservation_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the share of class neighbours kept; see ``class_preservation``.

    Parameters
    ----------
    context : Context
        With X, Y and labels.
    k : int
        Has no effect: the number of classes decides.

    Returns
    -------
    Estimate
        Of all points: nothing is sampled.
    """
    return _class_neighbors(context, None)


def _class_neighbors(context: Context, k: int | None) -> Estimate:
    labelled, codes = context.labelled
    counts = np.bincount(codes)
    if len(counts) < 3:
        raise UndefinedMetric(f"class_preservation needs at least 3 classes, got {len(counts)}")
    Whole(1, optional=True).check("k", k)
    k = min(CLASS_K, max(1, round(CLASS_SHARE * (len(counts) - 1)))) if k is None else k
    if k >= len(counts):
        raise ValueError(f"k={k} must be below the number of classes, {len(counts)}")
    every = np.arange(len(counts))
    order = np.argsort(codes, kind="stable")
    starts = np.cumsum(counts) - counts
    near = []
    for space in ("X", "Y"):
        sums = np.add.reduceat(labelled.points(space)[order] / counts[codes[order], None], starts)
        near.append(exact_neighbors(sums, every, k))
    kept = (near[0][:, :, None] == near[1][:, None, :]).any(axis=2).sum()
    return Estimate(float(kept) / (k * len(counts)))
