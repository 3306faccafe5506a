"""How many clusters: k-means for several k, and what each quality metric says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.base.rows import finite_points
from gputsne.metrics import calinski_harabasz, davies_bouldin, silhouette

__all__ = ["choose_k"]


def choose_k(
    X: Any, ks: Iterable[int] = range(2, 10), *, n_init: int = 10, sample: int | None = 5000,
    random_state: int | None = 0,
) -> Findings:  # fmt: skip
    """Cluster by k-means for several k and compare them.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    ks : iterable of int, default range(2, 10)
        Numbers of clusters, each from 2 to ``n - 1``.
    n_init : int, default 10
        Starts of scikit-learn's KMeans, of which the best is kept.
    sample : int or None, default 5000
        Points whose silhouette is computed, each against all; None takes all.
    random_state : int or None, default 0
        Seed of k-means and of the sample.

    Returns
    -------
    Findings
        Rows of ``k, silhouette, davies_bouldin, calinski_harabasz, inertia``. Evidence: ``best_k``
        (by silhouette), ``best_k_davies_bouldin``, ``best_k_calinski_harabasz``, ``elbow_k`` (where
        the inertia lies farthest below the line between its ends), ``k_votes`` (how many of the
        three metrics have the same best) and ``best_silhouette``.

    Raises
    ------
    ValueError
        For a k outside its range, or none.

    Examples
    --------
    >>> X = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0], [9.1]]
    >>> choose_k(X, [2, 3, 4]).evidence["best_k"]
    3
    """
    from sklearn.cluster import KMeans

    vectors = finite_points("X", X)
    wanted = list(ks)
    if not wanted:
        raise ValueError("ks is empty: name the numbers of clusters to compare")
    Whole(1).check("n_init", n_init)
    rows: list[dict[str, Any]] = []
    for k in wanted:
        Whole(2).check("k", k)
        if k >= len(vectors):
            raise ValueError(f"k={k} needs at least k + 1 = {k + 1} points, got n={len(vectors)}")
        means = KMeans(n_clusters=k, random_state=random_state, n_init=n_init)
        found = means.fit_predict(vectors)
        row: dict[str, Any] = {"k": int(k), "inertia": float(means.inertia_)}
        if len(np.unique(found)) > 1:
            row |= {
                "silhouette": silhouette(
                    vectors, found, sample=sample, random_state=random_state or 0
                ),
                "davies_bouldin": davies_bouldin(vectors, found),
                "calinski_harabasz": calinski_harabasz(vectors, found),
            }
        rows.append(row)
    return Findings(tuple(rows), _evidence(rows), "k-means for several k")


def _evidence(rows: list[dict[str, Any]]) -> dict[str, float | str]:
    judged = [row for row in rows if "silhouette" in row]
    evidence: dict[str, float | str] = {}
    if judged:
        best = {
            "best_k": max(judged, key=lambda row: float(row["silhouette"])),
            "best_k_davies_bouldin": min(judged, key=lambda row: float(row["davies_bouldin"])),
            "best_k_calinski_harabasz": max(judged, key=lambda r: float(r["calinski_harabasz"])),
        }
        evidence |= {name: row["k"] for name, row in best.items()}
        votes = [row["k"] for row in best.values()]
        evidence["k_votes"] = max(votes.count(k) for k in votes)
        evidence["best_silhouette"] = best["best_k"]["silhouette"]
    ordered = sorted(rows, key=lambda row: int(row["k"]))
    if len(ordered) > 2:
        k = np.array([row["k"] for row in ordered], dtype=np.float64)
        inertia = np.array([row["inertia"] for row in ordered])
        line = np.interp(k, k[[0, -1]], inertia[[0, -1]])
        evidence["elbow_k"] = int(k[np.argmax(line - inertia)])
    return evidence
