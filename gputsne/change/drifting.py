"""How far data and map have drifted from earlier ones: measures, columns, rows and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.base.random import draw_seed
from gputsne.base.rows import as_column, exact_unit, finite_points
from gputsne.base.tables import Table, read
from gputsne.change.alignment import Alignment, align, disparity
from gputsne.change.cohorts import changed_groups
from gputsne.change.distributions import (
    RESAMPLES,
    Measured,
    column_drift,
    kolmogorov_smirnov,
    mmd,
    psi,
    separability,
)
from gputsne.change.identity import matched
from gputsne.change.straying import moved as moved_rows
from gputsne.change.straying import novel
from gputsne.metrics import METRICS, Context

__all__ = ["Drift", "drift"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
MMD_ROWS = 1000  # of each side: all pairs of them are taken
MAP_ROWS = 2000  # a bootstrap of the alignment draws from
FAR = 1e15  # standard deviations beyond which a value is no farther: squares fit into float32
LEVEL = 0.05  # of all columns together: that a share of missing values is another by chance
LISTED = 20  # rows and columns, at most


@dataclass(frozen=True, eq=False)
class Drift:
    """What has changed between two tables, and between their maps.

    Attributes
    ----------
    measures : Findings
        Rows of ``measure, drift, low, high, what``: 0 for no drift, 1 for all there can be, with a
        95 % interval. Evidence: ``drift_data``, the largest of the measures of the data,
        ``drift_map`` where maps were given, every measure as ``drift_NAME``, ``drift_mmd_p``,
        ``drift_novel_low``, the least that chance leaves of it, ``rows_shared``,
        ``columns_lost``, ``columns_new``, and ``null_rate_change`` of ``null_rate_column``, the
        largest change of a share of missing values beyond what chance gives.
    columns : Findings
        Rows of ``column, ks, psi, old_mean, new_mean, old_nulls, new_nulls``, most changed first.
    rows : Findings
        The rows of the new table that look least like the old one: ``row, id, novelty, moved``.
    groups : Findings
        Groups of rows that a decision tree tells apart as old or new, most changed in number first:
        ``rule`` (what its rows have in common), ``old, new`` (of the rows asked that the tree has
        not seen, half of them), ``excess`` (the new share less the old one), ``change`` (its part
        of the Jensen-Shannon divergence, bits), ``novelty, moved`` and ``examples``, rows of the
        new table. Evidence: ``drift_group`` and ``drift_group_excess`` of the first.
    alignment : Alignment or None
        Of the maps.
    """

    measures: Findings
    columns: Findings
    rows: Findings
    groups: Findings
    alignment: Alignment | None = None

    @property
    def evidence(self) -> dict[str, float | str]:
        """All evidence, as ``gputsne.check`` takes it."""
        return self.measures.evidence | self.groups.evidence

    def to_dict(self) -> dict[str, Any]:
        """Return all tables as plain values.

        Returns
        -------
        dict of str to object
            Of plain values.
        """
        tables = ("measures", "columns", "rows", "groups")
        return {name: getattr(self, name).to_dict() for name in tables}

    def __str__(self) -> str:
        return "\n\n".join(map(str, (self.measures, self.columns, self.groups, self.rows)))


def drift(
    old: Any, new: Any, *, old_map: Any = None, new_map: Any = None, old_ids: Any = None,
    new_ids: Any = None, k: int = 15, sample: int | None = 2000, random_state: Any = 0,
) -> Drift:  # fmt: skip
    """Compare a table with an earlier one, and the maps of both.

    Parameters
    ----------
    old, new : array_like or DataFrame, shapes (n, d) and (m, d)
        The data; NaN is missing. Columns of DataFrames are matched by name. A verdict needs them:
        an alignment of maps alone can hide a change.
    old_map, new_map : array_like, shapes (n, c) and (m, c), or None
        Maps of both tables.
    old_ids, new_ids : array_like or None
        Which rows are the same thing. None: tables of as many rows and maps have the same rows in
        the same order; else none is shared.
    k : int, default 15
        Neighbours that are compared.
    sample : int or None, default 2000
        Rows of each table that are asked; None asks all.
    random_state : int, RandomState, Generator or None, default 0
        Seed of samples, trees, permutations and groups.

    Returns
    -------
    Drift
        Exactly 0 for equal tables and maps.

    Raises
    ------
    ValueError
        For tables without a common column, fewer than ten rows, infinity, missing and repeated ids,
        a map of another number of rows, or a map of one side only.

    Notes
    -----
    ``novel`` is the share of new rows farther from the old ones than 99 of 100 old rows are, less
    the hundredth that chance gives; ``moved`` the share of shared rows that lie farther from their
    old place than their k nearest old rows did: what both leave out is noise below the distances
    of neighbours. ``neighbors`` is the share of the k nearest, among shared rows, that are lost;
    ``classifier`` is ``2 AUC - 1`` of a forest that tells old rows from new, which finds the least
    change of a column that was constant; ``features`` the largest KS statistic of a column; ``mmd``
    how far the samples are apart as wholes (Gretton et al. 2012), small where a few rows or columns
    change; ``map`` the Procrustes disparity of shared rows. Missing values count as the old
    column's median, but for the null rates. Columns are divided by the old table's standard
    deviations.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> drift(X, X).evidence["drift_data"]
    0.0
    """
    Whole(1).check("k", k)
    if sample is not None:
        Whole(10).check("sample", sample)
    one, two, names, lost, gained = _tables(old, new)
    seed = draw_seed(random_state)
    rng = np.random.default_rng(seed)
    shared = matched(len(one), len(two), old_ids, new_ids)
    aligned = _aligned(one, two, old_map, new_map, old_ids, new_ids, shared)
    columns, features = _columns(one, two, names)
    A, B, middle, units = _standardised(one, two)

    chosen = _sampled(A, B, shared, sample, rng)
    twins = _twins(A, B, chosen, shared)
    told, scores = separability(A[chosen[0]], B[chosen[1]], twins, seed)
    measures = {"classifier": (told, "a forest tells old rows from new, 2 AUC - 1")}
    measures["features"] = (features, "largest KS statistic of a column")
    few = [rows[:MMD_ROWS] for rows in chosen]
    unlike, p = mmd(A[few[0]], B[few[1]], rng)
    measures["mmd"] = (unlike, f"discrepancy of all columns together, p = {p:.3f}")
    measures["novel"] = (
        Measured(0.0, 0.0, 0.0) if np.array_equal(A, B) else novel(A, B, chosen, twins),
        "share of new rows where no old ones were",
    )
    if len(shared[0]) > k + 1:
        measures["neighbors"] = (_neighbors(A, B, shared, k, sample), f"of {k} nearest lost")
        most = len(shared[0]) if sample is None else max(sample, k + 2)
        some = rng.permutation(len(shared[0]))[:most]
        strayed = moved_rows(A, B, (shared[0][some], shared[1][some]), k)
        measures["moved"] = (strayed, f"share of shared rows beyond their {k} nearest old ones")
    data = max(told.value for told, _ in measures.values())
    if aligned is not None:
        measures["map"] = (
            _map_drift(old_map, new_map, aligned, rng), "Procrustes disparity of shared rows",
        )  # fmt: skip
    evidence: dict[str, float | str] = {"drift_data": data}
    evidence |= {f"drift_{name}": found.value for name, (found, _) in measures.items()}
    evidence["drift_novel_low"] = measures["novel"][0].low
    evidence |= _nulls(one, two, names)
    evidence |= {
        "drift_mmd_p": p, "rows_shared": float(len(shared[0])), "columns_lost": float(len(lost)),
        "columns_new": float(len(gained)),
    }  # fmt: skip
    title = "Drift, 0 for none to 1"
    if lost or gained:
        title += f"; columns lost: {', '.join(lost) or 'none'}; new: {', '.join(gained) or 'none'}"
    listed = tuple(
        {"measure": name, "drift": found.value, "low": found.low, "high": found.high, "what": what}
        for name, (found, what) in measures.items()
    )
    novelty = scores[len(chosen[0]) :]
    moved = np.full(len(two), np.nan)
    if aligned is not None:
        moved[aligned.new_rows] = aligned.moved
    return Drift(
        Findings(listed, evidence, title), columns,
        _rows(chosen[1], novelty, moved, new_ids),
        changed_groups(A, B, chosen, twins, novelty, moved, names, middle, units, seed), aligned,
    )  # fmt: skip


def _tables(old: Any, new: Any) -> tuple[F64, F64, tuple[str, ...], list[str], list[str]]:
    """Return the shared columns of both as float64, their names, and columns of one side only."""
    one, two = _read("old", old), _read("new", new)
    lost: list[str] = []
    gained: list[str] = []
    A, B = (np.asarray(t.values, dtype=np.float64) for t in (one, two))
    for name, table in (("old", one), ("new", two)):
        twice = [c for c in dict.fromkeys(table.names or ()) if (table.names or ()).count(c) > 1]
        if twice and one.names and two.names and one.names != two.names:
            raise ValueError(
                f"{name} has several columns named {twice[0]!r}: rename them, as columns of "
                "DataFrames are matched by name"
            )
    if one.names and two.names and one.names != two.names:
        lost = [name for name in one.names if name not in two.names]
        gained = [name for name in two.names if name not in one.names]
        both = [name for name in one.names if name in two.names]
        if not both:
            raise ValueError("old and new have no column of the same name: nothing can be compared")
        A = A[:, [one.names.index(name) for name in both]]
        B = B[:, [two.names.index(name) for name in both]]
        names = tuple(both)
    else:
        if A.shape[1] != B.shape[1]:
            raise ValueError(
                f"old has {A.shape[1]} columns, new {B.shape[1]}: give DataFrames, whose columns "
                "are matched by name, or the same columns"
            )
        names = one.names or two.names or tuple(map(str, range(A.shape[1])))
    return A, B, names, lost, gained


def _read(name: str, X: Any) -> Table:
    table = read(as_column(X), name)
    if table.sparse:
        raise TypeError(f"{name} is sparse; reduce it first, for instance with pca=50")
    if len(table.values) < 10:
        raise ValueError(f"{name} has {len(table.values)} rows: fewer than 10 tell no drift")
    if table.values.dtype.kind == "f" and np.isinf(table.values).any():
        row, column = map(int, np.argwhere(np.isinf(table.values))[0])
        raise ValueError(f"{name} is infinite in row {row}, column {table.column(column)}")
    return table


def _medians(X: F64) -> F64:
    """Return the medians of columns; NaN where one has no value."""
    found = np.full(X.shape[1], np.nan)
    some = ~np.isnan(X).all(axis=0)
    found[some] = np.nanmedian(X[:, some], axis=0)
    return found


def _standardised(one: F64, two: F64) -> tuple[F64, F64, F64, F64]:
    """Return both tables in standard deviations from the old medians, and those two of columns."""
    middle = np.nan_to_num(_medians(one))
    filled = [np.where(np.isnan(X), middle, X) for X in (one, two)]
    # Trees know float32, in which large values that differ by little would be the same.
    with np.errstate(over="ignore", invalid="ignore"):
        A, B = (X - middle for X in filled)
        scale = np.array([exact_unit(column) for column in np.nan_to_num(A).T])
        spread = (A * scale).std(axis=0) / scale
        units = np.where(spread > 0, spread, 1.0)
        A, B = (np.clip(X / units, -FAR, FAR) for X in (A, B))
    return A, B, middle, units


def _aligned(
    one: F64, two: F64, old_map: Any, new_map: Any, old_ids: Any, new_ids: Any,
    shared: tuple[I64, I64],
) -> Alignment | None:  # fmt: skip
    """Return the alignment of the maps where both are given."""
    if (old_map is None) != (new_map is None):
        given = "old_map" if new_map is None else "new_map"
        raise ValueError(f"{given} alone tells no drift: give both maps, or neither")
    if old_map is None:
        return None
    for name, points, rows in (("old_map", old_map, one), ("new_map", new_map, two)):
        many = len(finite_points(name, points))
        if many != len(rows):
            raise ValueError(f"{name} has {many} rows, its table {len(rows)}")
    if len(shared[0]) < 2:
        raise ValueError(
            f"the tables share {len(shared[0])} rows, so that their maps can't be aligned: give "
            "old_ids and new_ids, or leave the maps out"
        )
    return align(old_map, new_map, old_ids=old_ids, new_ids=new_ids)


def _mean(values: F64) -> float:
    """Return the mean of finite values, whose sum may not be; NaN of none."""
    unit = exact_unit(values)
    return float((values * unit).mean() / unit) if len(values) else float("nan")


def _columns(one: F64, two: F64, names: tuple[str, ...]) -> tuple[Findings, Measured]:
    """Return the drift of each column, most first, and the largest of them."""
    rows: list[dict[str, Any]] = []
    counts: list[tuple[float, int, int]] = []
    for j, name in enumerate(names):
        a, b = (X[:, j][~np.isnan(X[:, j])] for X in (one, two))
        ks = kolmogorov_smirnov(a, b) if len(a) and len(b) else float(len(a) != len(b))
        row = {
            "column": name, "ks": ks, "psi": psi(a, b) if len(a) and len(b) else float("nan"),
            "old_mean": _mean(a), "new_mean": _mean(b),
            "old_nulls": (len(one) - len(a)) / len(one),
            "new_nulls": (len(two) - len(b)) / len(two),
        }  # fmt: skip
        rows.append(row)
        counts.append((ks, max(1, len(a)), max(1, len(b))))
    rows.sort(key=lambda row: (-row["ks"], -abs(row["new_nulls"] - row["old_nulls"])))
    most = max(counts)
    whole = Measured(0.0, 0.0, 0.0) if np.array_equal(one, two, equal_nan=True) else None
    found = whole or column_drift(*most, columns=len(names))
    return Findings(tuple(rows[:LISTED]), {}, "Columns, most changed first"), found


def _nulls(one: F64, two: F64, names: tuple[str, ...]) -> dict[str, float | str]:
    """Return the largest change of a column's share of missing values, beyond what chance gives."""
    from scipy.stats import norm

    n, m = len(one), len(two)
    had, has = np.isnan(one).mean(axis=0), np.isnan(two).mean(axis=0)
    share = (n * had + m * has) / (n + m)
    z = float(norm.ppf(1 - LEVEL / (2 * len(names))))
    beyond = np.abs(has - had) - z * np.sqrt(share * (1 - share) * (1 / n + 1 / m))
    most = int(np.argmax(beyond))
    change = max(0.0, float(beyond[most]))
    return {"null_rate_change": change, "null_rate_column": names[most] if change else "none"}


def _sampled(
    A: F64, B: F64, shared: tuple[I64, I64], sample: int | None, rng: np.random.Generator
) -> tuple[I64, I64]:
    """Return rows of both tables to be asked: shared ones in pairs, then others, of each alike."""
    pairs = rng.permutation(len(shared[0]))
    chosen = []
    for X, rows in ((A, shared[0]), (B, shared[1])):
        alone = np.ones(len(X), dtype=bool)
        alone[rows] = False
        others = rng.permutation(np.flatnonzero(alone))
        most = len(X) if sample is None else min(sample, len(X))
        # as many of either kind as the table has of them
        paired = round(most * len(rows) / len(X))
        chosen.append(np.concatenate([rows[pairs[:paired]], others[: most - paired]]))
    return chosen[0], chosen[1]


def _twins(A: F64, B: F64, chosen: tuple[I64, I64], shared: tuple[I64, I64]) -> I64:
    """Return a number for each row asked, the same for the same thing and for equal rows."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = np.concatenate([A[chosen[0]], B[chosen[1]]])
    _, equal = np.unique(rows, axis=0, return_inverse=True)
    mate = np.full(len(A), -1)
    mate[shared[0]] = shared[1]
    where = np.full(len(B), -1)
    where[chosen[1]] = len(chosen[0]) + np.arange(len(chosen[1]))
    partner = np.where(mate[chosen[0]] >= 0, where[mate[chosen[0]]], -1)
    # One node per row and one per value: rows of one component are one group.
    n = len(rows)
    value = n + np.asarray(equal).ravel()
    here = np.flatnonzero(partner >= 0)
    i = np.concatenate([np.arange(n), here])
    j = np.concatenate([value, partner[here]])
    graph = coo_array((np.ones(len(i)), (i, j)), (2 * n, 2 * n))
    group: I64 = connected_components(graph, directed=False)[1][:n].astype(np.int64)
    return group


def _neighbors(A: F64, B: F64, shared: tuple[I64, I64], k: int, sample: int | None) -> Measured:
    """Return the share of neighbours among the shared rows that are lost."""
    one, two = A[shared[0]], B[shared[1]]
    if np.array_equal(one, two):
        return Measured(0.0, 0.0, 0.0)
    kept = METRICS["knn_preservation"].estimate(Context(one, two, sample=sample), k=k)
    return Measured.about(1 - kept.value, kept.error or 0.0)


def _map_drift(
    old_map: Any, new_map: Any, aligned: Alignment, rng: np.random.Generator
) -> Measured:
    """Return the disparity with percentiles of a bootstrap over shared rows."""
    one = np.asarray(old_map, dtype=np.float64)[aligned.old_rows]
    two = np.asarray(new_map, dtype=np.float64)[aligned.new_rows]
    if np.array_equal(one, two):
        return Measured(0.0, 0.0, 0.0)
    n = len(one)
    q = min(n, MAP_ROWS)
    spread = []
    for _ in range(RESAMPLES):
        rows = rng.integers(n, size=q)
        spread.append(disparity(one[rows], two[rows]))
    # of fewer rows than there are the spread is that much wider
    centre = float(np.mean(spread))
    ends = centre + (np.quantile(spread, [0.025, 0.975]) - centre) * (q / n) ** 0.5
    value = aligned.disparity
    return Measured(value, min(value, max(0.0, ends[0])), max(value, min(1.0, ends[1])))


def _plain(value: Any) -> Any:
    """Return an id as Python has it; dates as text, which numpy would make nanoseconds."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def _rows(asked: I64, novelty: F64, moved: F64, new_ids: Any) -> Findings:
    """Return the rows of the new table that look newest, or moved most."""
    order = np.lexsort((-np.nan_to_num(moved[asked]), -novelty))[:LISTED]
    rows = []
    for at in order:
        row = int(asked[at])
        found: dict[str, Any] = {"row": row, "novelty": float(novelty[at])}
        if new_ids is not None:
            found["id"] = _plain(np.asarray(new_ids)[row])
        if not np.isnan(moved).all():
            found["moved"] = float(moved[row])
        rows.append(found)
    return Findings(tuple(rows), {}, "Rows that look least like the old table")
