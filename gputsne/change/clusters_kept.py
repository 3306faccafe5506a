"""Whether clusters of a map are those of an earlier one: the adjusted Rand index of both."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.findings import Findings
from gputsne.base.rows import finite_points
from gputsne.change.identity import matched
from gputsne.metrics import Context

__all__ = ["clusters_kept"]

FEWEST = 10  # shared rows: the least that are a cluster


def clusters_kept(
    old_map: Any, new_map: Any, *, old_ids: Any = None, new_ids: Any = None
) -> Findings:
    """Compare the clusters of two maps of the same rows, whatever they are called.

    Parameters
    ----------
    old_map, new_map : array_like, shapes (n, c) and (m, c)
        Of consecutive runs; they need no alignment.
    old_ids, new_ids : array_like or None
        Which rows are the same thing; None for the same rows in the same order.

    Returns
    -------
    Findings
        Rows of ``old, size, new, share``: the clusters of the old map, the cluster of the new one
        that most of their rows are in (-1 for none), and how many. Evidence: ``clusters_kept``, the
        adjusted Rand index of both clusterings (Hubert & Arabie 1985), 1 for the same and about 0
        for unrelated ones, which is left out where neither map has a cluster; ``clusters_old`` and
        ``clusters_new``, how many there are.

    Raises
    ------
    ValueError
        For ids of one map only, missing and repeated ones, and fewer than ten shared rows.

    Notes
    -----
    Clusters are those that scikit-learn's HDBSCAN finds in either map among the shared rows, 5,000
    of them at most, of a hundredth of these and 10 rows at least. Rows in no cluster
    are a group of their own.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(60, 2)) + 20 * (np.arange(60) % 3)[:, None]
    >>> clusters_kept(Y, Y[:, ::-1] * 3).evidence["clusters_kept"]
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    one, two = finite_points("old_map", old_map), finite_points("new_map", new_map)
    if old_ids is None and new_ids is None and len(one) != len(two):
        raise ValueError(
            f"old_map has {len(one)} rows, new_map {len(two)}: without ids they must be the same "
            "rows; give old_ids and new_ids"
        )
    rows = matched(len(one), len(two), old_ids, new_ids)
    if len(rows[0]) < FEWEST:
        raise ValueError(f"the maps share {len(rows[0])} rows: at least {FEWEST} are clustered")
    some, before = Context(Y=one[rows[0]]).clustered
    after = Context(Y=two[rows[1]]).clustered[1]  # the same rows: the draw knows only how many
    listed = []
    for cluster in np.unique(before[before >= 0]):
        mine = after[before == cluster]
        names, counts = np.unique(mine, return_counts=True)
        most = int(np.argmax(counts))
        listed.append({
            "old": int(cluster), "size": len(mine), "new": int(names[most]),
            "share": float(counts[most] / len(mine)),
        })  # fmt: skip
    listed.sort(key=lambda row: float(row["share"]))
    evidence: dict[str, float | str] = {
        "clusters_old": float(len(np.unique(before[before >= 0]))),
        "clusters_new": float(len(np.unique(after[after >= 0]))),
    }
    if max(before.max(), after.max()) >= 0:  # of maps without any, none is kept or lost
        evidence["clusters_kept"] = float(adjusted_rand_score(before, after))
    return Findings(tuple(listed), evidence, f"Clusters of {some.n} rows, least kept first")
