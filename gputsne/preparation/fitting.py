"""What is learned from X before anything else: fill values, centre, scale and principal axes."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gputsne.base import threads
from gputsne.base.messages import warn_user
from gputsne.base.pca import axes_of, covariance_axes, positive_sign
from gputsne.base.random import draw_seed
from gputsne.base.rows import BLOCK_NUMBERS, row_blocks
from gputsne.base.sizes import size_text
from gputsne.base.spread import power_of_two, spreads_of
from gputsne.base.tables import Table, read
from gputsne.base.types import Array, FloatArray
from gputsne.preparation.checks import (
    complain_if_not_finite,
    largest_value,
    warn_if_outweighed,
)
from gputsne.preparation.preparation import Preparation
from gputsne.preparation.statistics import columns_of, for_squares

__all__ = ["prepare"]

# Sparse X becomes dense only when it is small: no wider than a PCA's covariance is cheap for, and
# no bigger than a laptop holds beside the rest of a fit.
DENSE_COLUMNS = 2000
DENSE_BYTES = 2 << 30
# A column that lies further from 0 than this many times its spread loses 8 of float32's 24 bits.
FAR = 256.0
# Up to here the covariance is taken in float64: n d^2 at 40 GFLOP/s, 1 s for 70,000 rows of 784.
EXACT_COLUMNS = 1000
# Of rows on disk, which no randomised decomposition may hold: a covariance of 128 MB for
# each thread and one more.
BLOCKED_COLUMNS = 4000
# Numbers of the columns whose medians are found together: 256 MB of float32.
MEDIAN_NUMBERS = 1 << 26
# One that lies further away than this keeps 10 bits of its spread, a thousand values.
BLURRED = 2.0**14


class MetricTraits(NamedTuple):
    """What the metric allows: see the parameters of ``prepare``."""

    recentre: bool
    rescale: bool
    units_matter: bool


def prepare(
    X: Any,
    *,
    scale: bool = False,
    pca: int | None = None,
    impute: str | float | None = None,
    random_state: Any = None,
    recentre: bool = True,
    rescale: bool = True,
    units_matter: bool = True,
    ops: Any = None,
    seen: Callable[[Table | None], None] | None = None,
    into: Callable[[tuple[int, int]], FloatArray] | None = None,
) -> tuple[FloatArray, Preparation]:
    """Turn X into finite float32 rows, and remember how.

    Parameters
    ----------
    X : array_like, DataFrame or sparse matrix, shape (n, d)
        Any real dtype, order and memory; never changed.
    scale : bool, default False
        Divide each column by its standard deviation, after centring it (sparse X isn't centred).
        Constant columns are left undivided.
    pca : int or None, default None
        Keep this many principal components (sparse X: truncated SVD, never densified).
    impute : {"mean", "median"}, float or None, default None
        What replaces NaN; without it NaN raises. Infinity always raises.
    random_state : int, RandomState, Generator or None
        Used where scikit-learn chooses a randomised decomposition.
    recentre : bool, default True
        Shift columns that lie so far from 0 that float32 would blur them. Pass False for metrics
        to which the origin matters.
    rescale : bool, default True
        Multiply extreme X by a power of two. Pass False for metrics whose distances do not grow by
        a power of it, such as the user's own.
    units_matter : bool, default True
        Warn where a few columns outweigh all others. Pass False for metrics that weigh the columns
        themselves (seuclidean, mahalanobis, canberra, hamming) or that are the user's own.
    ops : Ops or None
        A backend. X that lies on its device, as float32 or float64 in C order, is prepared there,
        unless values are to be imputed; and so is X in main memory for ``pca``, where a quarter of
        the device's free memory holds it. What is larger is sent for PCA's covariance alone.
    seen : callable or None
        Called with the table that was read, before anything is refused or filled in; with None
        where X lies on a device, all finite, and was not read.
    into : callable or None
        Makes the array, float32, that the rows are put into, given its shape; None for one in
        memory, or X itself.

    Returns
    -------
    rows : array, shape (n, d'), float32, C order
        X itself where nothing had to be done: read it, don't write to it. Of X that was prepared on
        a device they are new ones, kept there until somebody reads them.
    preparation : Preparation
        ``preparation.apply(X)`` gives ``rows`` again, to the bit.

    Raises
    ------
    ValueError
        For empty, 1-D, text, complex or non-finite X, for ``pca`` out of range, for sparse X that
        would not fit in memory when dense, and for a value so far out that float32 can't tell the
        other rows apart beside it.
    TypeError
        For things that hold no numbers.

    Warns
    -----
    UserWarning
        When all rows are equal, and when a few columns outweigh all others.
    """
    there = None if ops is None or impute is not None else ops.given_rows(X)
    host = read(X) if there is None else None
    if host is not None and ops is not None and impute is None and pca is not None:
        there = ops.sent_values(host.values)
    # What is wrong is named in main memory, and what takes more columns is LAPACK's there.
    wide = there is not None and pca is not None and ops.row_sums(there) is None
    if there is not None and (wide or not there.finite()):
        there = None
    if there is not None:
        table = Table(there, None if host is None else host.names, sparse=False)
    else:
        table = read(X) if host is None else host
    metric = MetricTraits(recentre, rescale, units_matter)
    n, d = table.shape
    _check_options(scale, pca, n, d)
    if seen is not None:
        seen(table if there is None else host)
    if there is None:
        complain_if_not_finite(table, nan_allowed=impute is not None)
    learned = Preparation(d, table.names, sent=host is not None and there is not None)
    if impute is not None:
        learned = replace(learned, fill=_fill_values(table, impute))
    if table.sparse:
        learned = _fit_sparse(table, learned, scale, pca, random_state, metric)
    else:
        learned = _fit_dense(table, learned, scale, pca, random_state, metric, ops)
    if there is None:
        place = None if into is None else into((n, learned.n_features_out))
        rows = learned.transform_table(table, place)
    else:
        rows = learned.transform_there(there)
    if n > 1 and (_all_equal(rows) if there is None else there.all_equal(rows)):
        warn_user(
            f"all {n} rows of X are equal, so the map shows nothing but rounding; check what X was "
            "read from"
        )
    return rows, learned


def _all_equal(rows: FloatArray) -> bool:
    """Tell whether every row equals the first; other data end it at the first block."""
    if (rows[1] != rows[0]).any():
        return False
    return all((rows[part] == rows[0]).all() for part in row_blocks(*rows.shape))


def _check_options(scale: bool, pca: int | None, n: int, d: int) -> None:
    if not isinstance(scale, bool | np.bool_):
        raise TypeError(f"scale must be True or False, got {scale!r}")
    if pca is None:
        return
    if isinstance(pca, bool) or not isinstance(pca, numbers.Integral):
        raise TypeError(f"pca must be an integer or None, got {pca!r}")
    if not 1 <= pca <= min(n, d):
        raise ValueError(
            f"pca={pca} must be between 1 and min(n_samples, n_features) = {min(n, d)}: "
            "lower it, or pass pca=None to keep all columns"
        )


def _fill_values(table: Table, impute: str | float) -> Array:
    """Return what replaces NaN in each column."""
    n, d = table.shape
    if isinstance(impute, numbers.Real) and not isinstance(impute, bool):
        if not np.isfinite(impute):
            raise ValueError(f"impute={impute} is not finite: give a number, 'mean' or 'median'")
        return np.full(d, float(impute))
    if impute not in ("mean", "median"):
        raise ValueError(f"impute={impute!r} is none of 'mean', 'median' and a number")
    fill = _medians(table) if impute == "median" else _means(table)
    empty = np.flatnonzero(np.isnan(fill))
    if empty.size:
        raise ValueError(
            f"impute={impute!r} has nothing to go by in columns {empty[:10].tolist()}, where all "
            f"{n} values are NaN: drop them, or pass a number"
        )
    return fill


def _means(table: Table) -> Array:
    """Return the mean of each column's known values, float64; NaN where there are none."""
    if table.sparse:
        return _imputed(table.values, "mean")
    n, d = table.shape
    mean, count = np.zeros(d), np.zeros(d)
    for rows in row_blocks(n, d):
        block = np.asarray(table.values[rows], dtype=np.float64)
        known = ~np.isnan(block)
        m = known.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            # what is added is within the values, so that nothing overflows
            here = (np.where(known, block, 0.0) / np.maximum(m, 1)).sum(axis=0)
            count += m
            mean += np.where(m > 0, (here - mean) * (m / np.maximum(count, 1)), 0.0)
    return np.where(count > 0, mean, np.nan)


def _medians(table: Table) -> Array:
    """Return the median of each column's known values; of a source by some columns at a time."""
    if not table.on_disk:
        return _imputed(table.values, "median")
    n, d = table.shape
    fill = np.empty(d)
    for columns in row_blocks(d, n, MEDIAN_NUMBERS):
        some = np.empty((n, columns.stop - columns.start), table.values.dtype)
        for start, block in table.values.blocks():
            some[start : start + len(block)] = block[:, columns]
        fill[columns] = _imputed(some, "median")
    return fill


def _imputed(values: Any, strategy: str) -> Array:
    """Return what scikit-learn's imputer puts in place of NaN; NaN where it has nothing to."""
    from sklearn.impute import SimpleImputer

    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    return np.asarray(SimpleImputer(strategy=strategy).fit(values).statistics_, dtype=np.float64)


def _fit_dense(
    table: Table, learned: Preparation, scale: bool, pca: int | None, random_state: Any,
    metric: MetricTraits, ops: Any = None,
) -> Preparation:  # fmt: skip
    stats = columns_of(table, learned.fill)
    with np.errstate(over="ignore"):  # columns from -1e308 to 1e308 spread to infinity
        spread = stats.high - stats.low
    if scale:
        learned = replace(
            learned, mean=stats.mean, scale=np.where(stats.deviation > 0, stats.deviation, 1.0)
        )
        centre = stats.mean / learned.scale
        ends = np.stack([stats.low, stats.high]) / learned.scale
        reach = float(np.abs(ends - centre).max())
    elif pca is not None:
        reach = float(spread.max())  # the principal components centre
    else:
        far = (np.abs(stats.mean) / FAR > spread) & (spread > 0)
        if metric.recentre and far.any():
            learned = replace(learned, mean=np.where(far, stats.mean, 0.0))
        elif not metric.recentre:
            _warn_if_blurred(table, np.abs(stats.mean) / BLURRED > spread, spread > 0)
        left = 0.0 if learned.mean is None else learned.mean
        reach = float(np.maximum(np.abs(stats.high - left), np.abs(stats.low - left)).max())
    spreads = spreads_of(table, learned.fill, learned.scale)
    if metric.units_matter and not scale:
        warn_if_outweighed(table, spreads)
    if metric.rescale:
        factor = power_of_two(reach, spreads.rest, lambda: largest_value(table, learned.scale))
        learned = replace(learned, factor=factor)
    if pca is None:
        return learned
    return _with_pca(table, learned, stats.mean, int(pca), random_state, ops)


def _with_pca(
    table: Table, learned: Preparation, mean: Array, pca: int, random_state: Any, ops: Any = None
) -> Preparation:
    """Add the leading principal axes; few columns exactly, many by scikit-learn's choice."""
    n, d = table.shape
    centre = np.zeros(d) if learned.scale is not None else mean
    # Centred before anything is squared, or the covariance of columns far from 0 would cancel.
    flat = replace(learned, mean=mean)

    def centred(rows: slice) -> Array:
        return flat.dense_block(table.values[rows])

    if table.on_disk and d > BLOCKED_COLUMNS:
        raise ValueError(
            f"pca={pca} of X with {d} columns on disk: its covariance would take "
            f"{size_text(d * d * 8)}, and up to {BLOCKED_COLUMNS} columns are reduced by blocks. "
            "Leave columns out, or reduce them first, for instance by "
            "sklearn.random_projection.GaussianRandomProjection block by block"
        )
    exact = BLOCKED_COLUMNS if table.on_disk else EXACT_COLUMNS
    # BLAS adds in another order with another number of threads; equal rows have shares of 0 / 0
    sums = None if ops is None else ops.row_sums(table.values)
    jobs = threads.in_force()
    with threads.limit(1), np.errstate(invalid="ignore", divide="ignore"):
        if sums is not None or d <= exact:
            if sums is None:
                # more rows of wide blocks, or adding up their shares would take longest
                numbers = BLOCK_NUMBERS if d <= EXACT_COLUMNS else 16 * BLOCK_NUMBERS
                found = covariance_axes(centred, row_blocks(n, d, numbers), d, jobs)
            else:
                found = axes_of(sums.gram(learned.fill, mean, learned.scale, learned.factor))
            axes = positive_sign(found[1][:, :pca])
            ratio = float(found[0][:pca].sum() / found[0].sum())
            components = np.ascontiguousarray(axes.T)
            return replace(learned, pca_mean=centre, components=components, variance_ratio=ratio)

        from sklearn.decomposition import PCA

        model = PCA(pca, random_state=draw_seed(random_state)).fit(flat.transform_table(table))
    offset = model.mean_.astype(np.float64) / learned.factor
    return replace(
        learned, pca_mean=centre + offset, components=model.components_.astype(np.float64),
        variance_ratio=float(model.explained_variance_ratio_.sum()),
    )  # fmt: skip


def _warn_if_blurred(table: Table, far: Array, varies: Array) -> None:
    """Warn of columns that float32 blurs, and that the metric does not allow to be shifted."""
    columns = np.flatnonzero(far & varies)
    if columns.size and not np.can_cast(table.values.dtype, np.float32):
        j = int(columns[0])
        warn_user(
            f"column {table.names[j] if table.names else j} of X lies so far from 0 for its spread "
            "that float32 keeps less than a thousand of its values, and this metric changes when "
            "it is shifted: subtract an offset yourself, or number the values from 0"
        )


def _fit_sparse(
    table: Table, learned: Preparation, scale: bool, pca: int | None, random_state: Any,
    metric: MetricTraits,
) -> Preparation:  # fmt: skip
    from sklearn.utils.sparsefuncs import mean_variance_axis

    n, d = table.shape
    if pca is None and (d > DENSE_COLUMNS or 4 * n * d > DENSE_BYTES):
        raise ValueError(
            f"sparse X of shape {(n, d)} would take {4 * n * d / 2**30:.1f} GiB as dense float32 "
            f"(the limits are {DENSE_COLUMNS} columns and {DENSE_BYTES / 2**30:.0f} GiB): pass "
            "pca=50 to reduce it without making it dense"
        )
    X = table.values.astype(np.float64)
    fill = learned.fill
    if fill is not None:
        missing = np.isnan(X.data)
        X.data[missing] = fill[X.indices[missing]]
    if scale:
        unit = for_squares(float(np.abs(X.data).max(initial=0.0)))
        deviation = np.sqrt(mean_variance_axis(X * unit, axis=0)[1]) / unit
        deviation[deviation == 0.0] = 1.0
        learned = replace(learned, scale=deviation)
        X.data /= deviation[X.indices]
    scaled = replace(table, values=X)
    spreads = spreads_of(scaled, None, None)
    if metric.units_matter and not scale:
        warn_if_outweighed(table, spreads)
    reach = float(np.abs(X.data).max(initial=0.0))
    if metric.rescale:
        factor = power_of_two(reach, spreads.rest, lambda: largest_value(table))
        learned = replace(learned, factor=factor)
    if pca is None:
        return learned

    from sklearn.decomposition import TruncatedSVD

    X.data *= learned.factor
    with threads.limit(1), np.errstate(invalid="ignore", divide="ignore"):
        if pca == d:  # TruncatedSVD's sketch must be narrower than X; the identity keeps all
            return replace(learned, components=np.eye(d), variance_ratio=1.0)
        model = TruncatedSVD(int(pca), random_state=draw_seed(random_state)).fit(X)
    return replace(
        learned, components=model.components_.astype(np.float64),
        variance_ratio=float(model.explained_variance_ratio_.sum()),
    )  # fmt: skip
