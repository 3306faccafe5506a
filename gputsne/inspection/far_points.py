"""Outliers to export, and whether the length of a vector tells anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.base.rows import finite_points
from gputsne.inspection.records import shown_beside
from gputsne.neighbors import knn

__all__ = ["norms", "outliers"]


def outliers(
    X: Any, records: Any = None, *, n: int = 50, k: int = 10, metric: Any = "euclidean",
    fields: Sequence[str] | None = None,
) -> Findings:  # fmt: skip
    """List the points farthest from their neighbours, to look at or to export.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    records : sequence of dict, DataFrame or dict of columns, or None
        What the rows of X were made of.
    n : int, default 50
        Points listed, or all if there are fewer.
    k : int, default 10
        Neighbours whose mean distance is a point's score.
    metric : str or callable, default "euclidean"
        Whatever ``knn`` takes.
    fields : sequence of str or None
        Fields of the records to show; None shows all.

    Returns
    -------
    Findings
        Rows of ``row, score, ratio, record``, farthest first; ratio is the score over the median
        score. ``to_csv`` and ``to_parquet`` write them. Evidence: ``outlier_ratio``, the highest.

    Raises
    ------
    ValueError
        If records or k don't fit X.

    Examples
    --------
    >>> outliers([[0.0], [1.0], [2.0], [50.0]], n=1, k=2)[0]["row"]
    3
    """
    Whole(1).check("n", n)
    graph = knn(X, k, metric=metric)
    scores = np.asarray(graph.distances, dtype=np.float64).mean(axis=1)
    shown = shown_beside(records, len(scores), fields)
    middle = float(np.median(scores))
    rows = []
    for i in np.argsort(-scores, kind="stable")[:n].tolist():
        ratio = float(scores[i]) / middle if middle > 0 else None
        row = {"row": i, "score": float(scores[i]), "ratio": ratio}
        rows.append(row | shown(i))
    evidence: dict[str, float | str] = {}
    if middle > 0:
        evidence["outlier_ratio"] = float(scores.max()) / middle
    return Findings(tuple(rows), evidence, f"The {len(rows)} points farthest from their neighbours")


def norms(X: Any, anomalies: Any = None) -> Findings:
    """Tell whether the length of a vector is a sign of anomalies.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model.
    anomalies : array-like of bool, shape (n,), or None
        Which rows are known anomalies.

    Returns
    -------
    Findings
        Rows of ``group, size, mean, std`` of the norms. Evidence: ``norm_variation`` (standard
        deviation over mean: 0 where all are of one length, which tells nothing) and, with
        ``anomalies``, ``norm_auc``: the chance that an anomaly has the more unusual norm, above or
        below.

    Raises
    ------
    ValueError
        If lengths differ, or all points or none are anomalies.

    Examples
    --------
    >>> norms([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]], [False, False, True]).evidence["norm_auc"]
    1.0
    """
    vectors = finite_points("X", X)
    lengths = np.linalg.norm(vectors, axis=1)
    mean = float(lengths.mean())
    evidence: dict[str, float | str] = {
        "norm_variation": float(lengths.std()) / mean if mean > 0 else 0.0
    }
    groups = [("all", np.ones(len(lengths), dtype=bool))]
    if anomalies is not None:
        from sklearn.metrics import roc_auc_score

        flags = np.asarray(anomalies)
        if flags.shape != (len(vectors),) or flags.dtype.kind != "b":
            raise ValueError(
                f"anomalies must hold {len(vectors)} bools, one per row of X, got "
                f"{flags.dtype} of shape {flags.shape}"
            )
        if flags.all() or not flags.any():
            raise ValueError("anomalies marks all points or none: there is nothing to tell apart")
        auc = float(roc_auc_score(flags, lengths))
        evidence["norm_auc"] = max(auc, 1 - auc)
        groups += [("anomalies", flags), ("others", ~flags)]
    rows = tuple(
        {"group": name, "size": int(own.sum()), "mean": float(lengths[own].mean()),
         "std": float(lengths[own].std())}
        for name, own in groups
    )  # fmt: skip
    return Findings(rows, evidence, "Lengths of vectors")
