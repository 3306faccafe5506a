"""Clusters in a table, with sample records: what are they, how large, how far apart, how even."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.inspection.groups import Groups, read_groups
from gputsne.inspection.records import read_records

__all__ = ["clusters"]

TINY_SHARE = 0.01  # of all points; smaller clusters are counted as tiny
SPAN = (2, 98)  # percentiles of the silhouettes of a cluster, between which its band is measured


def clusters(
    X: Any, labels: Any, records: Any = None, *, n: int = 5, fields: Sequence[str] | None = None,
    sample: int | None = 2000, random_state: int | None = 0,
) -> Findings:  # fmt: skip
    """List clusters with sample records, sizes, gaps and silhouettes.

    Look at the records first: a silhouette of 0.6 says something once the clusters have names.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    labels : array-like, shape (n,)
        The cluster of each point; missing ones, and -1 among numbers, are in none.
    records : sequence of dict, DataFrame or dict of columns, or None
        What the rows of X were made of.
    n : int, default 5
        Sample records per cluster: the most typical, then others at even steps outwards.
    fields : sequence of str or None
        Fields of the records to show; None shows all.
    sample : int or None, default 2000
        Points whose silhouette is computed, each against all; None takes all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    Findings
        Rows of ``cluster, size, share, radius`` (root mean square distance from the mean), ``gap``
        (distance to the nearest other mean, over the sum of both radii), ``silhouette`` (mean),
        ``span`` (between its 2nd and 98th percentile), ``negative`` (share of points below 0),
        ``rows`` and ``records`` (samples). Evidence: ``clusters``, ``tiny_clusters`` (of less than
        1 % of the points), ``largest_share``, ``smallest_share``, ``unclustered_share``,
        ``mean_silhouette``, ``negative_share``, ``widest_span``, ``widest_cluster``, ``least_gap``,
        ``weakest_cluster`` (lowest mean silhouette) and ``least_right`` (the lowest share of a
        cluster's points beyond the mean silhouette of all).

    Raises
    ------
    ValueError
        If lengths differ or no point is in a cluster.

    Examples
    --------
    >>> found = clusters([[0.0], [1.0], [9.0]], ["a", "a", "b"], {"kind": ["x", "y", "z"]}, n=1)
    >>> found[1]["records"]
    [{'kind': 'z'}]
    """
    Whole(1).check("n", n)
    groups = read_groups(X, labels)
    held = None if records is None else read_records(records, len(groups.X))
    inside = int((groups.codes >= 0).sum())
    scores = np.full(len(groups.X), np.nan)
    if 2 <= len(groups.names) < inside:
        scores = groups.silhouettes(sample, random_state)
    centres = np.stack([groups.centre(code) for code in range(len(groups.names))])
    radii = np.array([_radius(groups, code) for code in range(len(groups.names))])
    rows: list[dict[str, Any]] = []
    for code, name in enumerate(groups.names):
        own, _ = groups.nearest_to_centre(code)
        some = own[np.unique(np.linspace(0, len(own) - 1, min(n, len(own))).round().astype(int))]
        told = scores[own][~np.isnan(scores[own])]
        row = {
            "cluster": name,
            "size": len(own),
            "share": len(own) / len(groups.X),
            "radius": float(radii[code]),
            "gap": _gap(code, centres, radii),
            "silhouette": float(told.mean()) if len(told) else None,
            "span": float(np.diff(np.percentile(told, SPAN))[0]) if len(told) else None,
            "negative": float((told < 0).mean()) if len(told) else None,
            "rows": some.tolist(),
        }
        if held is not None:
            row["records"] = [held.row(int(i), fields) for i in some]
        rows.append(row)
    return Findings(tuple(rows), _evidence(groups, rows, scores), f"{len(rows)} clusters")


def _radius(groups: Groups, code: int) -> float:
    _, far = groups.nearest_to_centre(code)
    return float(np.sqrt(np.square(far).mean()))


def _gap(code: int, centres: Any, radii: Any) -> float | None:
    """Return the distance to the nearest other mean over the sum of radii; None for one cluster."""
    if len(centres) < 2:
        return None
    far = np.linalg.norm(centres - centres[code], axis=1)
    far[code] = np.inf
    nearest = int(np.argmin(far))
    both = float(radii[code] + radii[nearest])
    return float(far[nearest]) / both if both > 0 else float("inf")


def _right(groups: Groups, code: int, scores: Any, mean: float) -> float:
    """Return the share of a cluster's points whose silhouette is above the mean of all."""
    own = scores[groups.members(code)]
    own = own[~np.isnan(own)]
    return float((own > mean).mean()) if len(own) else 1.0


def _evidence(groups: Groups, rows: list[dict[str, Any]], scores: Any) -> dict[str, float | str]:
    shares = [float(row["share"]) for row in rows]
    evidence: dict[str, float | str] = {
        "clusters": len(rows),
        "tiny_clusters": sum(share < TINY_SHARE for share in shares),
        "largest_share": max(shares),
        "smallest_share": min(shares),
        "unclustered_share": float((groups.codes < 0).mean()),
    }
    told = scores[~np.isnan(scores)]
    if not len(told):
        return evidence
    mean = float(told.mean())
    judged = [row for row in rows if row["silhouette"] is not None]
    widest = max(judged, key=lambda row: float(row["span"]))
    weakest = min(judged, key=lambda row: float(row["silhouette"]))
    evidence |= {
        "mean_silhouette": mean,
        "negative_share": float((told < 0).mean()),
        "widest_span": widest["span"],
        "widest_cluster": str(widest["cluster"]),
        "weakest_cluster": str(weakest["cluster"]),
        "least_right": min(_right(groups, code, scores, mean) for code in range(len(rows))),
    }
    gaps = [row["gap"] for row in rows if row["gap"] is not None]
    if gaps:
        evidence["least_gap"] = min(gaps)
    return evidence
