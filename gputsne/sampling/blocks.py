"""A density-aware sample of rows that are read block by block, none of which is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.random import draw_seed
from gputsne.base.rows import exact_unit, row_blocks
from gputsne.sampling.choosing import CROWD, PRODUCTS, systematic
from gputsne.sampling.coverage import rounding

__all__ = ["LANDMARKS", "ROW_BYTES", "sample_blocks"]

F64 = npt.NDArray[np.float64]
# Rows that densities are counted among: a tenth of them lie near a row in the mean, 200, whose
# share chance shifts by 7 %; ``sample``, which holds all rows, takes more.
LANDMARKS = 2000
# Densities are counted for so many times the rows that are wanted, drawn uniformly: a tenth of them
# is all that the sample can take, and of more rows counting would cost more than the map.
POOL = 10
ROW_BYTES, POOL_BYTES = 8, 40  # per row: an order; per row of the pool: chances, weights, sums


def sample_blocks(
    blocks: Callable[[], Iterator[Any]],
    n: int,
    size: int,
    *,
    method: str = "density",
    random_state: Any = 0,
    nan_allowed: bool = False,
) -> tuple[npt.NDArray[np.int64], F64]:
    """Choose rows of a table that is gone through block by block, twice for densities.

    Parameters
    ----------
    blocks : callable
        Returns an iterator of all rows in order, each an array of shape (rows, d); called twice.
    n : int
        Rows in all.
    size : int
        Rows to choose, at most n.
    method : {"density", "random"}, default "density"
        "density" as of ``gputsne.sample``, by fewer landmarks and among ten times as many rows as
        are wanted, drawn uniformly where there are more.
    random_state : int, RandomState, Generator or None, default 0
        Seed; the same blocks give the same rows.
    nan_allowed : bool, default False
        Whether NaN counts as the middle of its column, since it is filled later.

    Returns
    -------
    rows : array, shape (size,), int64
        Ascending.
    weights : array, shape (size,), float64
        How many rows each stands for.

    Raises
    ------
    ValueError
        For infinity in a row that is looked at, and for NaN that is not allowed.
    """
    rng = np.random.default_rng(draw_seed(random_state))
    if method == "random":
        rows = np.sort(rng.choice(n, size, replace=False, shuffle=False)).astype(np.int64)
        return rows, np.full(size, n / size)
    if method != "density":
        raise ValueError(f"method={method!r} is neither 'density' nor 'random'")
    places = np.sort(rng.choice(n, min(n, LANDMARKS), replace=False))
    count = _Count(blocks(), places, nan_allowed)
    every = min(n, POOL * size)
    pool = None if every == n else np.sort(rng.choice(n, every, replace=False, shuffle=False))
    crowd, first, done = np.empty(every), 0, 0
    for block in blocks():
        here: Any = slice(None)
        if pool is not None:
            low, high = np.searchsorted(pool, [first, first + len(block)])
            here = pool[low:high] - first
        some = count.of(block, here, first)
        crowd[done : done + len(some)] = some
        first, done = first + len(block), done + len(some)
    scaled = np.maximum(crowd * (every / count.marks), 1.0)
    rows, chances = systematic(1.0 / scaled, size, rng)
    order = np.argsort(rows)
    rows, stands = rows[order], (n / every) / chances[order]
    return (rows if pool is None else pool[rows].astype(np.int64)), stands


class _Count:
    """Counts, for any row, how many landmarks lie within one radius of it, a tenth in the mean."""

    def __init__(self, blocks: Iterator[Any], places: npt.NDArray[np.int64], nan: bool) -> None:
        self._nan = nan
        found, first = [], 0
        for block in blocks:
            low, high = np.searchsorted(places, [first, first + len(block)])
            if high > low:
                found.append(np.asarray(block[places[low:high] - first], np.float64))
            first += len(block)
        marks = np.concatenate(found)
        with np.errstate(invalid="ignore"):
            known = np.where(np.isfinite(marks), marks, np.nan)
        self.marks = len(marks)
        here = np.isfinite(known)
        self._middle = np.where(here, known, 0.0).sum(axis=0) / np.maximum(here.sum(axis=0), 1)
        marks = np.where(here, known, self._middle)
        self._unit = exact_unit(marks)
        marks = (marks - self._middle) * self._unit
        lengths, self._slack = np.einsum("ij,ij->i", marks, marks), rounding(marks.shape[1])
        few = lengths[:1000, None] + lengths - 2.0 * (marks[:1000] @ marks.T)
        self._radius = float(np.quantile(few, CROWD))
        # |x - m|^2 <= radius as one product: x.m - |m|^2 / 2 >= (|x|^2 - radius) / 2
        self._table = np.column_stack([marks, lengths * ((self._slack - 1.0) / 2.0)]).T.copy()

    def of(self, block: Any, here: Any, first: int) -> F64:
        """Return the counts of some rows of a block, of which the first has this number."""
        numbers = np.arange(len(block))[here]
        some = block[here]
        n = len(some)
        crowd = np.empty(n)
        for part in row_blocks(n, self.marks, PRODUCTS):
            rows = np.asarray(some[part], np.float64)
            bad = (np.isinf(rows) if self._nan else ~np.isfinite(rows)).any(axis=1)
            if bad.any():
                at = first + int(numbers[part][np.flatnonzero(bad)[0]])
                raise ValueError(
                    f"X has NaN or infinity in row {at}: correct or remove that row, or fill NaN "
                    "with impute='mean'"
                )
            rows = (np.where(np.isnan(rows), self._middle, rows) - self._middle) * self._unit
            least = np.einsum("ij,ij->i", rows, rows) * (1.0 - self._slack) - self._radius
            inner = np.column_stack([rows, np.ones(len(rows))]) @ self._table
            crowd[part] = np.count_nonzero(inner >= least[:, None] / 2.0, axis=1)
        return crowd
