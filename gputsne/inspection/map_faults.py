"""Symptoms of a map's faults as numbers: what the diagnosis of ``gputsne.check`` is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.findings import Findings
from gputsne.base.labels import LabelColumn, read_column
from gputsne.base.parameter_table import Real
from gputsne.base.tables import read
from gputsne.inspection.fits import convergence, disparities
from gputsne.metrics import Context

__all__ = ["symptoms"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Evidence = dict[str, float | str]
NEAR, FRAGMENT_LINKS = (
    15,
    4,
)  # neighbours in the data; links per point that hold a fragment together
LOCAL, BROAD = 5, 0.25  # neighbourhoods compared: 5 points, and a quarter of all
META_NEAR = 10  # neighbours in the map that tell a metadata column
CODES = 20  # distinct numbers, up to which they are told apart as names: a batch, a weekday
SMALLEST = 8  # points, below which no neighbourhood is told from another


def symptoms(
    X: Any, Y: Any, *, kl_history: Iterable[Sequence[float]] | None = None, after: int = 250,
    repeats: Sequence[Any] = (), metadata: Any = None, perplexity: float | None = None,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
    sample: int | None = 1000, random_state: int | None = 0,
) -> Findings:  # fmt: skip
    """Measure what betrays a faulty map: collapsed, torn, smoothed, random, misled, unfinished.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, as they were embedded; a DataFrame's columns are named.
    Y : array_like, shape (n, c)
        Map of the same rows.
    kl_history : iterable of (iteration, kl), or None
        Of the fit, see ``convergence``.
    after : int, default 250
        Iterations that don't count, the early exaggeration's, see ``convergence``.
    repeats : sequence of array, shape (n, c)
        Maps of the same rows by other seeds or runs.
    metadata : mapping of str to array-like, or DataFrame, or None
        Columns that should not decide the map: a time, a batch, a sensor.
    perplexity : float or None
        Of the fit; None leaves out what depends on it.
    metric : str or callable, default "euclidean"
        How points of X are compared.
    metric_params : dict or None, default None
        Its parameters.
    sample : int or None, default 1000
        Points asked, always against all others; None asks all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    Findings
        Rows of ``symptom, value``. Evidence, the same as a dict: ``map_std`` (least standard
        deviation of an axis), ``axis_ratio`` (least over greatest), ``local_preservation`` and
        ``broad_preservation`` (R_NX of 5 neighbours and of a quarter of the points),
        ``torn_neighbors`` (share of 15 data neighbours that lie in another fragment of the map,
        fragments being held together by 4 nearest map neighbours), ``fragments``,
        ``clustered_share`` and ``map_clusters`` (by HDBSCAN), ``variance_ratio`` (greatest variance
        of a column of X over the median) with ``dominant_column``, and where they can be had
        ``perplexity_share`` (of the points), ``metadata_lift`` with ``metadata_column`` (how well
        neighbours in the map tell the column that they tell best: 0 as by chance, 1 fully),
        ``seed_disparity``, ``kl_iterations``, ``kl_tail_drop`` and ``kl_rise``.

    Raises
    ------
    ValueError
        If lengths differ, values are not finite, there are fewer than 8 points, or the perplexity
        is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> round(symptoms(X, X).evidence["local_preservation"], 3)
    1.0
    """
    context = Context(
        X, Y, sample=sample, random_state=random_state, metric=metric, metric_params=metric_params
    )
    if context.n < SMALLEST:
        raise ValueError(f"symptoms needs at least {SMALLEST} points, got n={context.n}")
    evidence: Evidence = {**_extent(context), **_preservation(context), **_fragments(context)}
    evidence |= _clustered(context)
    if not (isinstance(metric, str) and metric == "precomputed"):
        evidence |= _dominance(context.points("X"), read(X).names)
    if perplexity is not None:
        Real(1, open_low=False).check("perplexity", perplexity)
        evidence["perplexity_share"] = float(perplexity) / context.n
    if metadata is not None:
        evidence |= _metadata(context, metadata)
    if len(repeats):
        evidence |= disparities([context.points("Y"), *repeats]).evidence
    if kl_history is not None:
        evidence |= convergence(kl_history, after=after).evidence
    rows = tuple({"symptom": name, "value": value} for name, value in evidence.items())
    return Findings(rows, evidence, "Symptoms of a map's faults")


def _extent(context: Context) -> Evidence:
    spread = context.points("Y").std(axis=0)
    most = float(spread.max())
    return {
        "map_std": float(spread.min()),
        "axis_ratio": float(spread.min()) / most if most > 0 else 0.0,
    }


def _preservation(context: Context) -> Evidence:
    """Return R_NX of a small and of a large neighbourhood (Lee & Verleysen 2009)."""
    some, _ = context.clustered  # at most 5,000 points: a quarter of a million is no list to rank
    return {
        "local_preservation": _beyond_chance(context, min(LOCAL, context.n - 2)),
        "broad_preservation": _beyond_chance(some, round(BROAD * some.n)),
    }


def _beyond_chance(context: Context, k: int) -> float:
    """Return R_NX of k neighbours."""
    rank, n = context.places("X", "Y", k), context.n  # places in X of the neighbours in Y
    kept = float((rank <= k).mean())
    return ((n - 1) * kept - k) / (n - 1 - k)


def _fragments(context: Context) -> Evidence:
    """Return how the map falls apart where points are linked to their nearest neighbours."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    n, links = context.n, min(FRAGMENT_LINKS, context.n - 1)
    near = _all_neighbors(context.points("Y"), links)
    ones = np.ones(near.size, dtype=np.int8)
    graph = sparse.coo_matrix((ones, (np.repeat(np.arange(n), links), near.ravel())), (n, n))
    count, fragment = connected_components(graph, directed=False)
    data_near = context.neighbors("X", min(NEAR, n - 1))
    torn = fragment[data_near] != fragment[context.rows][:, None]
    return {"fragments": int(count), "torn_neighbors": float(torn.mean())}


def _all_neighbors(Y: F64, k: int) -> I64:
    """Return the k nearest others of all points of a map."""
    from gputsne.neighbors import exact_neighbors

    return exact_neighbors(Y, np.arange(len(Y)), k)


def _clustered(context: Context) -> Evidence:
    _, found = context.clustered
    return {
        "map_clusters": int(found.max()) + 1,
        "clustered_share": float((found >= 0).mean()),
    }


def _dominance(X: F64, names: tuple[str, ...] | None) -> Evidence:
    """Return by how much the widest column of the data exceeds the others."""
    variances = X.var(axis=0)
    varied = variances[variances > 0]
    if len(varied) < 2:
        return {}
    widest = int(np.argmax(variances))
    return {
        "variance_ratio": float(variances[widest] / np.median(varied)),
        "dominant_column": names[widest] if names else str(widest),
    }


def _metadata(context: Context, metadata: Any) -> Evidence:
    """Return the column that neighbours in the map tell best, and how well."""
    told: dict[str, float] = {}
    near = context.neighbors("Y", min(META_NEAR, context.n - 1))
    for name, values in _columns(metadata):
        column = read_column(values, context.n, name=f"metadata {name!r}", whose="X")
        if (lift := _told_by_neighbors(column, near, context.rows)) is not None:
            told[name] = lift
    if not told:
        return {}
    best = max(told, key=lambda name: told[name])
    every: Evidence = {f"metadata_lift.{name}": lift for name, lift in told.items()}
    return {"metadata_lift": told[best], "metadata_column": best, **every}


def _columns(metadata: Any) -> list[tuple[str, Any]]:
    if isinstance(metadata, Mapping):
        return [(str(name), values) for name, values in metadata.items()]
    if not hasattr(metadata, "columns"):
        raise TypeError(
            "metadata must be a mapping of names to columns, or a DataFrame, got "
            f"{type(metadata).__name__}"
        )
    names = list(getattr(metadata, "column_names", metadata.columns))
    return [(str(name), metadata[name]) for name in names]


def _told_by_neighbors(column: LabelColumn, near: I64, rows: I64) -> float | None:
    """Return how well neighbours tell a column: numbers and dates by their mean, others by vote.

    Of numbers the share of the variance between points that the neighbours' mean explains, of
    categories the share of neighbours alike, beyond chance. None where the column is constant.
    """
    values = column.values
    if values.dtype.kind == "M":
        values = values.astype("M8[us]").astype(np.int64).astype(np.float64)
    distinct = len(np.unique(values[~column.missing])) if values.dtype.kind in "iuf" else 0
    if distinct > CODES:
        numbers = np.where(column.missing, np.nan, values.astype(np.float64))
        known = ~np.isnan(numbers[near]) & ~np.isnan(numbers[rows])[:, None]
        some = known.any(axis=1)
        own = numbers[rows][some]
        means = np.nanmean(np.where(known[some], numbers[near][some], np.nan), axis=1)
        if len(own) < 2 or own.var() == 0:
            return None
        # The mean of k independent values would leave 1 + 1/k of the variance: 0 by chance.
        left = float(np.square(own - means).mean()) / float(own.var())
        return float(1.0 - left / (1.0 + 1.0 / near.shape[1]))
    codes = column.codes()[1]
    known = (codes[near] >= 0) & (codes[rows] >= 0)[:, None]
    counts = np.bincount(codes[codes >= 0]).astype(np.float64)
    total = float(counts.sum())
    if not known.any() or len(counts) < 2:
        return None
    chance = float((counts * (counts - 1)).sum() / (total * (total - 1)))
    alike = float((codes[near] == codes[rows][:, None])[known].mean())
    return float((alike - chance) / (1.0 - chance)) if chance < 1 else None
