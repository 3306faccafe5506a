"""Models side by side, sizes of vectors against their cost, and one data set in several spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gputsne.base.findings import Findings
from gputsne.base.labels import read_column
from gputsne.base.parameter_table import Real
from gputsne.base.rows import finite_points
from gputsne.metrics import METRICS, Context, silhouette

__all__ = ["compare_models", "spaces", "tradeoff"]

SPACE_METRICS = ("silhouette", "davies_bouldin", "calinski_harabasz", "knn_accuracy_5fold")


def compare_models(
    vectors: Mapping[str, Any], labels: Any, *, metric: str = "silhouette",
    sample: int | None = 5000, random_state: int | None = 0,
) -> Findings:  # fmt: skip
    """Rank the vectors of several models by one metric.

    Parameters
    ----------
    vectors : mapping of str to array, shape (n, d)
        Of each model; the first is the one that others must beat.
    labels : array-like, shape (n,)
        Categories. For "silhouette" their number is that of the clusters that k-means finds in the
        vectors; every other metric compares the labels themselves.
    metric : str, default "silhouette"
        Or any metric of labels in ``gputsne.metrics.METRICS``, such as "knn_accuracy_5fold".
    sample : int or None, default 5000
        Points asked; None asks all.
    random_state : int or None, default 0
        Seed of k-means and of the sample.

    Returns
    -------
    Findings
        Rows of ``rank, model, score, gain`` (over the first model given), best first. Evidence:
        ``model_gain`` (of the best over the first), ``best_model``, ``first_model``.

    Raises
    ------
    ValueError
        For no model, an unknown metric, or labels of another length.

    Examples
    --------
    >>> X = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]
    >>> compare_models({"one": X}, [0, 0, 0, 1, 1, 1])[0]["rank"]
    1
    """
    if not vectors:
        raise ValueError("vectors names no model")
    known = [name for name, line in METRICS.items() if line.needs == ("Y", "labels")]
    if metric not in known:
        raise ValueError(f"metric={metric!r} is none of {', '.join(known)}")
    up = METRICS[metric].best > METRICS[metric].worst
    scores = {
        name: _score(held, labels, metric, sample, random_state) for name, held in vectors.items()
    }
    first = next(iter(scores))
    order = sorted(scores, key=lambda name: -scores[name] if up else scores[name])
    rows: tuple[dict[str, Any], ...] = tuple(
        {"rank": i, "model": name, "score": scores[name], "gain": _gain(scores, name, first, up)}
        for i, name in enumerate(order, 1)
    )
    evidence: dict[str, float | str] = {
        "model_gain": rows[0]["gain"], "best_model": order[0], "first_model": first,
    }  # fmt: skip
    return Findings(rows, evidence, f"Models by {metric}")


def _gain(scores: Mapping[str, float], name: str, first: str, up: bool) -> float:
    return (scores[name] - scores[first]) * (1 if up else -1)


def _score(held: Any, labels: Any, metric: str, sample: int | None, seed: int | None) -> float:
    X = finite_points("vectors", held)
    if metric != "silhouette":
        context = Context(Y=X, labels=labels, sample=sample, random_state=seed)
        return METRICS[metric].compute(context)
    from sklearn.cluster import KMeans

    names, _ = read_column(labels, len(X), whose="vectors").codes()
    if not len(names):
        raise ValueError(f"labels are all missing: none of the {len(X)} vectors has one")
    found = KMeans(n_clusters=len(names), random_state=seed, n_init="auto").fit_predict(X)
    return silhouette(X, found, sample=sample, random_state=seed or 0)


def tradeoff(models: Mapping[str, Mapping[str, float]], default: str) -> Findings:
    """Weigh the quality of vectors of several sizes against latency and storage.

    Parameters
    ----------
    models : mapping of str to mapping
        Of each size ``silhouette``, ``latency_ms`` and ``storage_gb``, the smallest size first.
    default : str
        The size that others must beat.

    Returns
    -------
    Findings
        Rows of ``model, silhouette, latency_ms, storage_gb, cost_per_quality`` (storage over
        silhouette, lower is better; None where that is 0 or less) and ``gain`` in silhouette over
        the default. Evidence: ``default_model``, ``default_silhouette``, ``default_latency_ms``,
        ``larger_gain`` with ``larger_model`` (the best of those after the default), and
        ``smaller_loss`` with ``smaller_model`` and ``smaller_latency_ms`` (the one before it).

    Raises
    ------
    ValueError
        For an unknown default and missing numbers.

    Examples
    --------
    >>> sizes = {
    ...     "128": {"silhouette": 0.52, "latency_ms": 5, "storage_gb": 5},
    ...     "256": {"silhouette": 0.61, "latency_ms": 8, "storage_gb": 10},
    ... }
    >>> [round(row["cost_per_quality"], 1) for row in tradeoff(sizes, "256")]
    [9.6, 16.4]
    """
    if default not in models:
        raise ValueError(f"default={default!r} is none of the models {', '.join(models) or 'none'}")
    told = {name: _numbers(name, given) for name, given in models.items()}
    base, names = told[default], list(told)
    rows = []
    for name, row in told.items():
        quality = row["silhouette"]
        cost = row["storage_gb"] / quality if quality > 0 else None
        gain = quality - base["silhouette"]
        rows.append({"model": name, **row, "cost_per_quality": cost, "gain": gain})
    evidence: dict[str, float | str] = {
        "default_model": default,
        "default_silhouette": base["silhouette"],
        "default_latency_ms": base["latency_ms"],
    }
    here = names.index(default)
    if larger := names[here + 1 :]:
        best = max(larger, key=lambda name: told[name]["silhouette"])
        gain = told[best]["silhouette"] - base["silhouette"]
        evidence |= {"larger_model": best, "larger_gain": gain}
    if here:
        smaller = names[here - 1]
        evidence |= {
            "smaller_model": smaller,
            "smaller_loss": base["silhouette"] - told[smaller]["silhouette"],
            "smaller_latency_ms": told[smaller]["latency_ms"],
        }
    return Findings(tuple(rows), evidence, "Quality against cost")


def _numbers(model: str, given: Mapping[str, float]) -> dict[str, float]:
    found = {}
    for name in ("silhouette", "latency_ms", "storage_gb"):
        if name not in given:
            raise ValueError(f"models[{model!r}] has no {name}: got {', '.join(given)}")
        low = -1.0 if name == "silhouette" else 0.0
        Real(low, open_low=False).check(f"{name} of {model}", given[name])
        found[name] = float(given[name])
    return found


def spaces(
    held: Mapping[str, Any], labels: Any, *, sample: int | None = 2000, random_state: int | None = 0
) -> Findings:
    """Compute the same metrics of labels in several spaces: the input, its PCA, the map.

    Many dimensions bring all distances near to each other, so that a silhouette is low where
    neighbours still tell every label; a map pulls clusters apart, so that it looks better there.

    Parameters
    ----------
    held : mapping of str to array, shape (n, d)
        Points of each space, the same in all.
    labels : array-like, shape (n,)
        Categories.
    sample : int or None, default 2000
        Points asked; None asks all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    Findings
        Rows of ``space, dimensions, silhouette, davies_bouldin, calinski_harabasz,
        knn_accuracy_5fold, contrast``: the standard deviation of distances between pairs over their
        mean, low where distances are concentrated. None where a metric has no value. Evidence: the
        same as ``<space>.<name>``, and without a space those of the first.

    Raises
    ------
    ValueError
        If there is no space, or lengths differ.

    Examples
    --------
    >>> X = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]
    >>> round(spaces({"input": X}, [0, 0, 0, 1, 1, 1])[0]["silhouette"], 3)
    0.973
    """
    from gputsne.base.errors import UndefinedMetric

    if not held:
        raise ValueError("held names no space")
    rows: list[dict[str, Any]] = []
    evidence: dict[str, float | str] = {}
    for name, points in held.items():
        context = Context(Y=points, labels=labels, sample=sample, random_state=random_state)
        row: dict[str, Any] = {"space": name, "dimensions": context.points("Y").shape[1]}
        for metric in SPACE_METRICS:
            try:
                row[metric] = METRICS[metric].compute(context)
            except UndefinedMetric:
                row[metric] = None
        pairs = context.pairs("Y")
        mean = float(pairs.mean()) if len(pairs) else 0.0
        row["contrast"] = float(np.std(pairs)) / mean if mean > 0 else None
        told = {k: v for k, v in row.items() if k != "space" and v is not None}
        evidence |= {f"{name}.{k}": v for k, v in told.items()}
        if not rows:
            evidence |= told
        rows.append(row)
    return Findings(tuple(rows), evidence, "The same points in several spaces")
