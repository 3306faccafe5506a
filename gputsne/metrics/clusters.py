"""Classes and clusters: how well labels separate, and whether clusters of the map are real.

Silhouette of sampled points against all, scikit-learn's Davies-Bouldin and Calinski-Harabasz, and
what labels or the data say of the clusters that HDBSCAN finds in the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.errors import UndefinedMetric
from gputsne.base.labels import read_column
from gputsne.metrics.context import Context
from gputsne.metrics.estimate import Estimate, mean_of

__all__ = [
    "calinski_harabasz",
    "calinski_harabasz_of",
    "cluster_conductance",
    "cluster_conductance_of",
    "cluster_purity",
    "cluster_purity_of",
    "crosstab_purity",
    "davies_bouldin",
    "davies_bouldin_of",
    "false_cluster_rate",
    "false_cluster_rate_of",
    "silhouette",
    "silhouette_of",
]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
MOST_CLASSES = 10_000  # whose distances from each other take 800 MB
PURE = 0.8  # share of one label above which a cluster of the map is told to be of that label


def silhouette(
    Y: Any, labels: Any, *, sample: int | None = 2000, random_state: int | None = 0,
) -> float:  # fmt: skip
    r"""How much nearer points are to their own class than to the next one.

    .. math:: \frac{1}{q} \sum_i \frac{b_i - a_i}{\max(a_i, b_i)}

    with ``a`` the mean distance to the others of the point's class and ``b`` the least mean
    distance to another class; 0 for the only point of a class.

    Parameters
    ----------
    Y : array, shape (n, c), float
        Map (or data: then it tells how much the data itself allows).
    labels : array-like, shape (n,)
        Categories: an array, a list, a column, a frame of one column. Points whose label is missing
        (None, NaN, NA or "") are left out.
    sample : int or None, default 2000
        Number of points asked, whose distances to all points are averaged; None asks all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    float in [-1, 1]
        Above 0.7 strong structure, 0.5 reasonable, 0.25 weak; below 0 labels contradict places.

    Raises
    ------
    ValueError
        If Y and labels differ in length, or there are not at least 2 classes and a point more.

    References
    ----------
    Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation and validation of cluster
    analysis.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> round(silhouette(Y, ["a", "a", "a", "b", "b", "b"]), 3)
    0.973
    """
    context = Context(Y=Y, labels=labels, sample=sample, random_state=random_state)
    return silhouette_of(context).value


def silhouette_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the mean silhouette of the points asked; see ``silhouette``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Has no effect: all points of a class count.

    Returns
    -------
    Estimate
        Mean of what each point asked says.
    """
    labelled, codes = context.labelled
    counts = _class_sizes(labelled, codes, "the silhouette")
    scores = np.zeros(len(labelled.rows))

    def score(part: slice, D: F64) -> None:
        asked = labelled.rows[part]
        here, own = np.arange(len(asked)), codes[asked]
        D[here, asked] = 0.0
        far = np.sqrt(D, out=D)
        sums = np.array([np.bincount(codes, row, len(counts)) for row in far], np.float64)
        inside = sums[here, own] / np.maximum(counts[own] - 1, 1)
        sums /= counts
        sums[here, own] = np.inf
        outside = sums.min(axis=1)
        larger = np.maximum(inside, outside)
        told = np.divide(outside - inside, larger, out=np.zeros(len(asked)), where=larger > 0)
        scores[part] = np.where(counts[own] > 1, told, 0.0)

    labelled.space("Y").over_blocks(labelled.rows, score)
    return mean_of(labelled, scores)


def _class_sizes(labelled: Context, codes: I64, what: str) -> I64:
    counts = np.bincount(codes)
    if not 2 <= len(counts) < labelled.n:
        raise UndefinedMetric(
            f"{what} needs at least 2 classes and fewer than points, got {len(counts)} classes of "
            f"n={labelled.n} labelled points"
        )
    return counts


def davies_bouldin(
    Y: Any, labels: Any
) -> float:  # fmt: skip
    """How wide classes are beside the distance of their centres, for the worst neighbour of each.

    scikit-learn's ``davies_bouldin_score``.

    Parameters
    ----------
    Y : array, shape (n, c), float
        Map (or data: then it tells how much the data itself allows).
    labels : array-like, shape (n,)
        Categories: an array, a list, a column, a frame of one column. Points whose label is missing
        (None, NaN, NA or "") are left out.

    Returns
    -------
    float, at least 0
        Less is better: below 0.5 excellent, below 1 good, above 2 classes overlap.

    Raises
    ------
    ValueError
        If Y and labels differ in length, or there are not at least 2 classes and a point more.

    References
    ----------
    Davies & Bouldin (1979), A cluster separation measure.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> round(davies_bouldin(Y, ["a", "a", "a", "b", "b", "b"]), 3)
    0.027
    """
    return davies_bouldin_of(Context(Y=Y, labels=labels)).value


def davies_bouldin_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the Davies-Bouldin index; see ``davies_bouldin``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Has no effect: all points count.

    Returns
    -------
    Estimate
        Of all points: nothing is sampled.
    """
    from sklearn.metrics import davies_bouldin_score

    labelled, codes = context.labelled
    sizes = _class_sizes(labelled, codes, "the Davies-Bouldin index")
    if len(sizes) > MOST_CLASSES:
        raise UndefinedMetric(
            f"{len(sizes)} classes are too many for the Davies-Bouldin index, which compares all "
            f"pairs of them: at most {MOST_CLASSES}"
        )
    return Estimate(float(davies_bouldin_score(labelled.centred("Y"), codes)))


def calinski_harabasz(
    Y: Any, labels: Any
) -> float:  # fmt: skip
    """Spread between classes over spread within them.

    scikit-learn's ``calinski_harabasz_score``. Without a fixed scale: compare maps of the same
    points.

    Parameters
    ----------
    Y : array, shape (n, c), float
        Map (or data: then it tells how much the data itself allows).
    labels : array-like, shape (n,)
        Categories: an array, a list, a column, a frame of one column. Points whose label is missing
        (None, NaN, NA or "") are left out.

    Returns
    -------
    float, at least 0
        More is better.

    Raises
    ------
    ValueError
        If Y and labels differ in length, or there are not at least 2 classes and a point more.

    References
    ----------
    Caliński & Harabasz (1974), A dendrite method for cluster analysis.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> round(calinski_harabasz(Y, ["a", "a", "a", "b", "b", "b"]), 3)
    3750.0
    """
    return calinski_harabasz_of(Context(Y=Y, labels=labels)).value


def calinski_harabasz_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the Calinski-Harabasz score; see ``calinski_harabasz``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Has no effect: all points count.

    Returns
    -------
    Estimate
        Of all points: nothing is sampled.
    """
    from sklearn.metrics import calinski_harabasz_score

    labelled, codes = context.labelled
    _class_sizes(labelled, codes, "the Calinski-Harabasz score")
    return Estimate(float(calinski_harabasz_score(labelled.centred("Y"), codes)))


def cluster_purity(
    Y: Any, labels: Any, *, random_state: int | None = 0
) -> float:  # fmt: skip
    """Share of clustered points that have the most frequent label of their cluster.

    Clusters are those that scikit-learn's HDBSCAN finds in the map, among at most 5,000 points,
    with at least a hundredth of them and 10 points each.

    Parameters
    ----------
    Y : array, shape (n, c), float
        Map (or data: then it tells how much the data itself allows).
    labels : array-like, shape (n,)
        Categories: an array, a list, a column, a frame of one column. Points whose label is missing
        (None, NaN, NA or "") are left out.
    random_state : int or None, default 0
        Seed of the points that are clustered.

    Returns
    -------
    float in [0, 1]
        1 means that no cluster of the map mixes labels.

    Raises
    ------
    ValueError
        If Y and labels differ in length, or no cluster has a labelled point.

    References
    ----------
    Manning, Raghavan & Schütze (2008), Introduction to information retrieval, section 16.3.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(200, 2)) + 9 * (np.arange(200) % 2)[:, None]
    >>> cluster_purity(Y, np.arange(200) % 2)
    1.0
    """
    return cluster_purity_of(Context(Y=Y, labels=labels, random_state=random_state)).value


def cluster_purity_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the share of clustered points with the label of their cluster; see ``cluster_purity``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Has no effect: clusters decide.

    Returns
    -------
    Estimate
        Where points were sampled, with the standard error for the clusters that were found.
    """
    some, clusters, codes = _clustered(context)
    known = (clusters >= 0) & (codes >= 0)
    if not known.any():
        raise UndefinedMetric("cluster_purity has no value: no cluster has a labelled point")
    numbers, label, _, _ = _majority(clusters[known], codes[known])
    own = label[np.searchsorted(numbers, clusters[known])]
    right = (codes[known] == own).astype(np.float64)
    value, rows = float(right.mean()), some.numbers[known]
    error = None
    if some.n < context.n:
        error = (value * (1 - value) / len(right) * (1 - some.n / context.n)) ** 0.5
    return Estimate(value, error, right, rows)


def false_cluster_rate(
    Y: Any, labels: Any, *, random_state: int | None = 0
) -> float:  # fmt: skip
    """Share of the map's clusters that mix labels or split one.

    A cluster is false if less than 80 % of its points have one label, or if that label is also the
    one of a cluster with more points of it.

    Clusters are those that scikit-learn's HDBSCAN finds in the map, among at most 5,000 points,
    with at least a hundredth of them and 10 points each.

    Parameters
    ----------
    Y : array, shape (n, c), float
        Map (or data: then it tells how much the data itself allows).
    labels : array-like, shape (n,)
        Categories: an array, a list, a column, a frame of one column. Points whose label is missing
        (None, NaN, NA or "") are left out.
    random_state : int or None, default 0
        Seed of the points that are clustered.

    Returns
    -------
    float in [0, 1]
        0 means that every cluster is a class; also where the map has no clusters.

    Raises
    ------
    ValueError
        If Y and labels differ in length, or no point is labelled.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(200, 2)) + 9 * (np.arange(200) % 2)[:, None]
    >>> false_cluster_rate(Y, np.arange(200) % 2)
    0.0
    """
    return false_cluster_rate_of(Context(Y=Y, labels=labels, random_state=random_state)).value


def false_cluster_rate_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the share of clusters that mix or split labels; see ``false_cluster_rate``.

    Parameters
    ----------
    context : Context
        With Y and labels.
    k : int
        Has no effect: clusters decide.

    Returns
    -------
    Estimate
        Where points were sampled, with the standard error of a share of so many clusters.
    """
    some, clusters, codes = _clustered(context)
    known = (clusters >= 0) & (codes >= 0)
    if not known.any():
        return Estimate(0.0, None if some.n == context.n else 0.0)
    _, label, most, sizes = _majority(clusters[known], codes[known])
    largest = np.lexsort((np.arange(len(label)), -most))
    first = np.zeros(len(label), dtype=bool)
    first[largest[np.unique(label[largest], return_index=True)[1]]] = True
    false = (most < PURE * sizes) | ~first
    value, error = float(false.mean()), None
    if some.n < context.n:
        error = (value * (1 - value) / len(false)) ** 0.5
    return Estimate(value, error)


def crosstab_purity(clusters: Any, labels: Any) -> float:
    """Compute the share of points that have the most frequent label of their cluster.

    For clusters found elsewhere; ``cluster_purity`` finds those of a map.

    Parameters
    ----------
    clusters : array-like, shape (n,)
        Names or numbers of clusters; missing ones, and -1 among numbers, are in none.
    labels : array-like, shape (n,)
        Categories. Points whose label is missing (None, NaN, NA or "") are left out.

    Returns
    -------
    float in [0, 1]
        1 means that no cluster mixes labels.

    Raises
    ------
    ValueError
        If lengths differ, or no point has both.

    Examples
    --------
    >>> crosstab_purity([0, 0, 1, 1, -1], ["a", "a", "b", "a", "b"])
    0.75
    """
    told = read_column(labels, len(labels), whose="labels")
    found = read_column(clusters, len(labels), name="clusters", whose="labels")
    names, which = found.codes()
    codes = told.codes()[1]
    noise = [i for i, name in enumerate(names) if found.numeric and name == -1]
    known = (which >= 0) & (codes >= 0) & ~np.isin(which, noise)
    if not known.any():
        raise UndefinedMetric("crosstab_purity has no value: no point has a cluster and a label")
    return float(_majority(which[known], codes[known])[2].sum() / known.sum())


def cluster_conductance(
    X: Any, Y: Any, *, k: int = 10, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    """Share of data neighbours of clustered points that are outside their cluster of the map.

    High where clusters of the map are not in the data, as those of a map of noise with a low
    perplexity; no labels needed.

    Clusters are those that scikit-learn's HDBSCAN finds in the map, among at most 5,000 points,
    with at least a hundredth of them and 10 points each.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    k : int, default 10
        Neighbours in the data.
    random_state : int or None, default 0
        Seed of the points that are clustered.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [0, 1]
        0 means that every cluster keeps its neighbours to itself.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, have too few rows, or no clusters are found.

    References
    ----------
    Kannan, Vempala & Vetta (2004), On clusterings: good, bad and spectral.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(200, 2)) + 9 * (np.arange(200) % 2)[:, None]
    >>> round(cluster_conductance(Y, Y, k=5), 1)
    0.0
    """
    context = Context(X, Y, random_state=random_state, metric=metric, metric_params=metric_params)
    return cluster_conductance_of(context, k=k).value


def cluster_conductance_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the share of data neighbours outside a cluster; see ``cluster_conductance``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Neighbours in the data.

    Returns
    -------
    Estimate
        Mean over clustered points.
    """
    some, clusters = context.clustered
    inside = np.flatnonzero(clusters >= 0)
    near = some.neighbors("X", k)  # raises for a k that is too large, clusters or not
    if not len(inside):
        raise UndefinedMetric("cluster_conductance has no value: the map has no clusters")
    away = (clusters[near[inside]] != clusters[inside][:, None]).mean(axis=1)
    value, error = float(away.mean()), None
    if some.n < context.n:
        error = float(away.std()) / len(away) ** 0.5 * (1 - some.n / context.n) ** 0.5
    return Estimate(value, error, away, some.numbers[inside])


def _clustered(context: Context) -> tuple[Context, I64, I64]:
    """Return the points that were clustered, their clusters and their labels' codes."""
    codes = context.codes
    if (codes < 0).all():
        raise ValueError(f"labels are all missing: got n=0 labelled points of {context.n}")
    some, clusters = context.clustered
    return some, clusters, codes[some.numbers] if some is not context else codes


def _majority(clusters: I64, codes: I64) -> tuple[I64, I64, I64, I64]:
    """Return of each cluster its number, its most frequent label, how often, and its size."""
    width = int(codes.max()) + 1
    cells, count = np.unique(clusters * width + codes, return_counts=True)
    which, label = np.divmod(cells, width)
    order = np.lexsort((label, -count, which))  # the most frequent first, the lowest among equals
    numbers, first = np.unique(which[order], return_index=True)
    sizes = np.bincount(clusters)[numbers]
    return numbers, label[order][first], count[order][first], sizes
