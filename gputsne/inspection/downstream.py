"""Downstream checks: do neighbours tell labels, and do scores find the known anomalies."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.base.rows import finite_points

__all__ = ["classification", "detection"]


def classification(X: Any, labels: Any, *, k: int = 5, folds: int = 5) -> Findings:
    """Tell labels from neighbours, fold by fold, as scikit-learn's ``cross_val_score`` does.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    labels : array-like, shape (n,)
        Categories; points whose label is missing are left out.
    k : int, default 5
        Neighbours that vote.
    folds : int, default 5
        Stratified parts, each told from the others.

    Returns
    -------
    Findings
        Rows of ``fold, accuracy``. Evidence: ``knn_accuracy_5fold`` for five folds of 5 neighbours,
        else ``knn_accuracy_<folds>fold_<k>``, and the same with ``_std``.

    Raises
    ------
    ValueError
        If lengths differ, or a class has fewer than ``folds`` points.

    Examples
    --------
    >>> X = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]
    >>> found = classification(X, [0, 0, 0, 1, 1, 1], k=1, folds=3)
    >>> found.evidence["knn_accuracy_3fold_1"]
    1.0
    """
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    from gputsne.base.labels import read_column

    vectors = finite_points("X", X)
    _, codes = read_column(labels, len(vectors), whose="X").codes()
    Whole(1).check("k", k)
    Whole(2).check("folds", folds)
    known = codes >= 0
    counts = np.bincount(codes[known])
    if not len(counts) or counts.min() < folds:
        least = int(counts.min()) if len(counts) else 0
        raise ValueError(f"folds={folds} needs {folds} points of every class, one has {least}")
    scores = cross_val_score(KNeighborsClassifier(k), vectors[known], codes[known], cv=folds)
    name = "knn_accuracy_5fold" if (k, folds) == (5, 5) else f"knn_accuracy_{folds}fold_{k}"
    rows = tuple({"fold": i, "accuracy": float(v)} for i, v in enumerate(scores, 1))
    evidence: dict[str, float | str] = {
        name: float(scores.mean()), f"{name}_std": float(scores.std()),
    }  # fmt: skip
    return Findings(rows, evidence, f"Labels told from {k} neighbours")


def detection(scores: Any, anomalies: Any, *, flagged: int | None = None) -> Findings:
    """Compare anomaly scores with what is known.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Of any detector, such as the scores of ``outliers``; higher is more anomalous.
    anomalies : array_like of bool, shape (n,)
        Which points are.
    flagged : int or None, default None
        Points that are told to be anomalies, those of highest score; None for as many as there are.

    Returns
    -------
    Findings
        One row of ``flagged, precision, recall, f1, auc, average_precision``. Evidence: the last
        five with ``anomaly_`` before them.

    Raises
    ------
    ValueError
        If lengths differ, scores are not finite, or all points or none are anomalies.

    Examples
    --------
    >>> detection([0.1, 0.2, 0.9], [False, False, True]).evidence["anomaly_f1"]
    1.0
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    told = finite_points("scores", scores)[:, 0]
    truth = np.asarray(anomalies)
    if truth.dtype.kind != "b" or truth.shape != told.shape:
        raise ValueError(
            f"anomalies must hold {len(told)} bools, one per score, got {truth.dtype} of shape "
            f"{truth.shape}"
        )
    if truth.all() or not truth.any():
        raise ValueError("anomalies marks all points or none: there is nothing to tell apart")
    Whole(1, len(told), optional=True).check("flagged", flagged)
    count = int(truth.sum()) if flagged is None else flagged
    chosen = np.argsort(-told, kind="stable")[:count]
    hits = float(truth[chosen].sum())
    row = {
        "flagged": count,
        "precision": hits / count,
        "recall": hits / float(truth.sum()),
        "f1": 2 * hits / (count + float(truth.sum())),
        "auc": float(roc_auc_score(truth, told)),
        "average_precision": float(average_precision_score(truth, told)),
    }
    evidence: dict[str, float | str] = {
        f"anomaly_{name}": value for name, value in row.items() if name != "flagged"
    }
    return Findings((row,), evidence, "Known anomalies among the highest scores")
