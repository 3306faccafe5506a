"""Points worth looking at: typical ones, those at a cluster's edge, and neighbours of anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.inspection.groups import read_groups
from gputsne.inspection.nearest import Points
from gputsne.inspection.records import shown_beside

__all__ = ["anomalies", "boundary", "representatives", "spot_checks"]


def representatives(
    X: Any, clusters: Any, records: Any = None, *, fields: Sequence[str] | None = None
) -> Findings:
    """Return the most typical point of each cluster: the nearest to its mean.

    Do typical records have neighbours that mean the same?

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    clusters : array-like, shape (n,)
        Names or numbers; missing ones, and -1 among numbers, are in none.
    records : sequence of dict, DataFrame or dict of columns, or None
        What the rows of X were made of.
    fields : sequence of str or None
        Fields of the records to show; None shows all.

    Returns
    -------
    Findings
        Rows of ``cluster, row, distance, record``; of equally near points the lowest row.

    Raises
    ------
    ValueError
        If lengths differ or no point is in a cluster.

    Examples
    --------
    >>> representatives([[0.0], [1.0], [2.0], [9.0]], ["a", "a", "a", "b"]).column("row").tolist()
    [1, 3]
    """
    groups = read_groups(X, clusters)
    shown = shown_beside(records, len(groups.X), fields)
    rows = []
    for code, name in enumerate(groups.names):
        own, far = groups.nearest_to_centre(code)
        row = {"cluster": name, "row": int(own[0]), "distance": float(far[0])}
        rows.append(row | shown(int(own[0])))
    return Findings(tuple(rows), title="The most typical point of each cluster")


def boundary(
    X: Any, clusters: Any, records: Any = None, *, fields: Sequence[str] | None = None,
    sample: int | None = None, random_state: int | None = 0,
) -> Findings:  # fmt: skip
    """Return the point of lowest silhouette in each cluster: ambiguous, or in the wrong one.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    clusters : array-like, shape (n,)
        Names or numbers; missing ones, and -1 among numbers, are in none.
    records : sequence of dict, DataFrame or dict of columns, or None
        What the rows of X were made of.
    fields : sequence of str or None
        Fields of the records to show; None shows all.
    sample : int or None, default None
        Points whose silhouette is computed, each against all: O(n) distances per point. None takes
        all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    Findings
        Rows of ``cluster, row, silhouette, record``.

    Raises
    ------
    ValueError
        If lengths differ or there are not two clusters.

    Examples
    --------
    >>> X = [[0.0], [0.1], [4.0], [9.0], [9.1], [9.2]]
    >>> boundary(X, ["a", "a", "a", "b", "b", "b"]).column("row").tolist()
    [2, 3]
    """
    groups = read_groups(X, clusters)
    shown = shown_beside(records, len(groups.X), fields)
    scores = groups.silhouettes(sample, random_state)
    rows = []
    for code, name in enumerate(groups.names):
        own = groups.members(code)
        own = own[~np.isnan(scores[own])]
        if len(own):
            i = int(own[np.argmin(scores[own])])
            row = {"cluster": name, "row": i, "silhouette": float(scores[i])}
            rows.append(row | shown(i))
    return Findings(tuple(rows), title="The point of lowest silhouette in each cluster")


def anomalies(
    X: Any, known: Any, records: Any = None, *, k: int = 5, most: int | None = None,
    metric: Any = "cosine", fields: Sequence[str] | None = None,
) -> Findings:  # fmt: skip
    """Tell how many neighbours of known anomalies are anomalies as well.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    known : array_like of int, shape (m,), or of bool, shape (n,)
        Rows of X that are known anomalies, or which of all rows are.
    records : sequence of dict, DataFrame or dict of columns, or None
        What the rows of X were made of.
    k : int, default 5
        Neighbours of each.
    most : int or None, default None
        Anomalies asked, from the first on; None asks all.
    metric : str or callable, default "cosine"
        Whatever ``knn`` takes; "euclidean" for a map.
    fields : sequence of str or None
        Fields of the records to show; None shows all.

    Returns
    -------
    Findings
        Rows of ``row, anomalous, share, neighbors, record``: how many of the k neighbours are known
        anomalies, which share that is, and the neighbours' rows. Evidence:
        ``anomaly_neighbors`` (mean share) and ``isolated_anomalies`` (share of anomalies without an
        anomalous neighbour).

    Raises
    ------
    ValueError
        If no anomaly is named, a row is not in X, or k is too large.

    Examples
    --------
    >>> X = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> anomalies(X, [2, 3], k=1).evidence["anomaly_neighbors"]
    1.0
    """
    Whole(1, optional=True).check("most", most)
    points = Points(X, metric)
    shown = shown_beside(records, points.n, fields)
    marked = _marked(known, points.n)
    flags = np.zeros(points.n, dtype=bool)
    flags[marked] = True
    asked = marked if most is None else marked[:most]
    near = points.nearest(asked, k)
    share = flags[near].mean(axis=1)
    rows = []
    for i, others, part in zip(asked.tolist(), near, share.tolist(), strict=True):
        count = int(flags[others].sum())
        row = {"row": i, "anomalous": count, "share": part, "neighbors": others.tolist()}
        rows.append(row | shown(i))
    evidence: dict[str, float | str] = {
        "anomaly_neighbors": float(share.mean()),
        "isolated_anomalies": float((share == 0).mean()),
    }
    return Findings(tuple(rows), evidence, f"Anomalies among the {k} neighbours of anomalies")


def spot_checks(
    X: Any, records: Any = None, *, number: int = 10, k: int = 5, metric: Any = "cosine",
    metric_params: dict[str, Any] | None = None, fields: Sequence[str] | None = None,
    random_state: int | None = 0,
) -> Findings:  # fmt: skip
    """Draw points at random and list the neighbours of each, to be looked at.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    records : sequence of dict, DataFrame or dict of columns, or None
        What the rows of X were made of.
    number : int, default 10
        Points drawn, or all if there are fewer.
    k : int, default 5
        Neighbours of each.
    metric : str or callable, default "cosine"
        Whatever ``knn`` takes; "euclidean" for a map.
    metric_params : dict or None, default None
        Its parameters.
    fields : sequence of str or None
        Fields of the records to show; None shows all.
    random_state : int or None, default 0
        Seed of the draw.

    Returns
    -------
    Findings
        Rows of ``query, rank, row, similarity, record``; rank 0 is the point itself.

    Raises
    ------
    ValueError
        If records or k don't fit X.

    Examples
    --------
    >>> len(spot_checks([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], number=2, k=1))
    4
    """
    Whole(1).check("number", number)
    points = Points(X, metric, metric_params)
    shown = shown_beside(records, points.n, fields)
    rng = np.random.default_rng(random_state)
    asked = np.sort(rng.choice(points.n, min(number, points.n), replace=False))
    rows = []
    for i, near in zip(asked.tolist(), points.nearest(asked, k), strict=True):
        own = np.array([i, *near])
        for rank, (j, how) in enumerate(zip(own, points.closeness(i, own), strict=True)):
            row = {"query": i, "rank": rank, "row": int(j), points.measure: float(how)}
            rows.append(row | shown(int(j)))
    return Findings(tuple(rows), title=f"{len(asked)} points drawn at random and their neighbours")


def _marked(known: Any, n: int) -> Any:
    """Return the rows of known anomalies, in the order given."""
    array = np.asarray(known)
    if array.dtype.kind == "b":
        if array.shape != (n,):
            raise ValueError(f"known has shape {array.shape}; one bool per row has shape ({n},)")
        array = np.flatnonzero(array)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"known={known!r} names no anomaly: give rows of X, or one bool per row")
    if array.dtype.kind not in "iu":
        raise TypeError(f"known holds {array.dtype}: give rows of X as integers, or bools")
    if array.min() < 0 or array.max() >= n:
        wrong = array[(array < 0) | (array >= n)][0]
        raise ValueError(f"known names row {wrong}, but X has rows 0 to {n - 1}")
    return array.astype(np.int64)
