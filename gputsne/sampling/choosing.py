"""Rows of a table chosen at random, by strata, by inverse density, or far from one another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column
from gputsne.base.parameter_table import Whole
from gputsne.base.random import draw_seed
from gputsne.base.rows import exact_unit, finite_points, row_blocks
from gputsne.sampling.coverage import Coverage, coverage, rounding
from gputsne.sampling.reservoir import Reservoir, read_weights

__all__ = [
    "METHODS", "Sample", "allotted", "drawn", "sample", "sha256_of", "size_of", "systematic",
]  # fmt: skip

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
LANDMARKS = 5000  # rows that densities are counted among
CROWD = 0.1  # share of the landmarks that lie within the radius of a row, in the mean
PRODUCTS = 1 << 22  # of one block, 32 MB in one buffer: half the time of 8 MB
ROUNDS = 60  # of fitting inclusion probabilities, at most


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows that stand for a table.

    Attributes
    ----------
    rows : array, shape (m,), int64
        Their numbers, ascending.
    ids : array, shape (m,)
        Their ids; their numbers where none were given.
    weights : array, shape (m,), float64
        How many rows each stands for: one over the chance that it had. They add up to about the
        number of all rows.
    method : str
    sha256 : str
        Of method and ids: the same for the same sample, however X was stored.
    coverage : Coverage or None
        How well they stand for all; None of a stream, whose other rows are gone.
    data : array, shape (m, d), or None
        The rows themselves, of a stream.
    """

    rows: I64
    ids: npt.NDArray[Any]
    weights: F64
    method: str
    sha256: str
    coverage: Coverage | None = None
    data: npt.NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)


def sample(
    X: Any, size: int | float, *, method: str = "random", strata: Any = None, weights: Any = None,
    ids: Any = None, random_state: Any = 0,
) -> Sample:  # fmt: skip
    """Choose rows of a table.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d), or iterator of them
        An iterator's batches are seen once and only the sample is held; a batch may be a pair of
        rows and ids.
    size : int or float
        Rows; a float below 1 is the share of all.
    method : {"random", "stratified", "density", "diverse"}, default "random"
        ``"stratified"``: of each stratum as large a share as it has of all, and at least one row
        where ``size`` allows it. ``"density"``: rows where few others are come in before those of
        crowds, so that rare groups stay. ``"diverse"``: each as far as can be from all before
        (k-centre), for people who look at single rows. Streams are sampled at random.
    strata : array_like, shape (n,), or None
        Categories, of ``"stratified"``; for the coverage with any method.
    weights : array_like, shape (n,), or None
        Chances beyond each other, of ``"random"``.
    ids : array_like, shape (n,), or None
        What rows are called.
    random_state : int, RandomState, Generator or None, default 0
        Seed.

    Returns
    -------
    Sample

    Raises
    ------
    TypeError, ValueError
        For a size that X has not, an unknown method, strata or weights that the method doesn't
        take, missing strata, NaN and infinity.

    Notes
    -----
    Densities: rows within one radius of a row, counted among 5,000 landmarks, the radius such that
    a tenth of them lie within it in the mean; chances in inverse proportion to the count, none
    above 1, drawn by systematic sampling (Madow 1949). k-centre: Gonzalez 1985, at most twice as
    wide as the best.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> len(sample(X, 0.1)), sample(X, 20).sha256 == sample(X.astype("f4"), 20).sha256
    (20, True)
    """
    if isinstance(X, Iterator):
        return _of_stream(X, size, method, strata, weights, ids, random_state)
    if method not in METHODS:
        raise ValueError(f"method={method!r} is none of {', '.join(map(repr, METHODS))}")
    points = finite_points("X", X)
    points = points * exact_unit(points)
    n = len(points)
    m = size_of(size, n)
    rng = np.random.default_rng(draw_seed(random_state))
    rows, chances = drawn(points, m, method, strata, weights, rng)
    stands = 1.0 / chances
    told = np.arange(n) if ids is None else _ids(ids, n)
    covered = coverage(points, rows, weights=stands, strata=strata)
    return Sample(rows, told[rows], stands, method, sha256_of(method, told[rows]), covered)


def drawn(
    points: F64, m: int, method: str, strata: Any, weights: Any, rng: np.random.Generator
) -> tuple[I64, F64]:
    """Draw rows by a method.

    Parameters
    ----------
    points : array, shape (n, d), float64
        All rows; "random" and "stratified" look at their number alone.
    m : int
        How many to draw.
    method : str
        A name of ``METHODS``.
    strata, weights : array_like, shape (n,), or None
        As in ``sample``.
    rng : Generator
        Of the draws.

    Returns
    -------
    rows : array, shape (m,), int64
        Ascending.
    chances : array, shape (m,), float64
        That each had.

    Raises
    ------
    ValueError
        For strata and weights that the method doesn't take, and missing strata.
    """
    n = len(points)
    if weights is not None and method != "random":
        raise ValueError(f"weights belong to method='random', not to {method!r}")
    if method == "stratified" and strata is None:
        raise ValueError("method='stratified' needs strata, one category per row")
    codes = None
    if strata is not None:
        column = read_column(strata, n, name="strata", whose="X")
        if column.missing.any():
            raise ValueError(f"strata has none in row {int(np.flatnonzero(column.missing)[0])}")
        codes = np.unique(column.codes()[1], return_inverse=True)[1]
    held = None if weights is None else read_weights(weights, n)
    rows, chances = METHODS[method](points, m, rng, codes, held)
    order = np.argsort(rows)
    return rows[order], chances[order]


def size_of(size: Any, n: int) -> int:
    """Return how many rows of n are asked for.

    Parameters
    ----------
    size : int or float
        Rows, or a share of all.
    n : int
        Rows of X.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        For what is neither, and for more rows than X has.
    """
    if isinstance(size, float | np.floating):
        if not 0 < size < 1:
            raise ValueError(f"size={size!r} must be a whole number, or a share between 0 and 1")
        return max(1, round(float(size) * n))
    Whole(1).check("size", size)
    if size > n:
        raise ValueError(f"size={size} is more than the {n} rows of X")
    return int(size)


def _ids(ids: Any, n: int) -> npt.NDArray[Any]:
    return np.asarray(read_column(ids, n, name="ids", whose="X").values)


def sha256_of(method: str, ids: npt.NDArray[Any]) -> str:
    """Return the hash of a sample: of its method and its ids, one a line.

    Parameters
    ----------
    method : str
        By which it was chosen.
    ids : array, shape (m,)
        In ascending order of their rows.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(f"{method}\n".encode())
    for one in ids.tolist():
        digest.update(f"{one}\n".encode())
    return digest.hexdigest()


def _random(
    points: F64, m: int, rng: np.random.Generator, codes: I64 | None, weights: F64 | None
) -> tuple[I64, F64]:
    n = len(points)
    if weights is None:
        return rng.permutation(n)[:m], np.full(m, m / n)
    if (weights > 0).sum() < m:
        raise ValueError(f"{int((weights > 0).sum())} rows have a weight above 0, size={m} asked")
    return systematic(weights * exact_unit(weights), m, rng)  # a sum that is finite


def _stratified(
    points: F64, m: int, rng: np.random.Generator, codes: I64 | None, weights: F64 | None
) -> tuple[I64, F64]:
    assert codes is not None
    counts: I64 = np.bincount(codes)
    take = allotted(counts, m)
    order = rng.permutation(len(codes))
    rows, chances = [], []
    for stratum, many in enumerate(take):
        own = order[codes[order] == stratum][:many]
        rows.append(own)
        chances.append(np.full(len(own), many / counts[stratum]))
    return np.concatenate(rows), np.concatenate(chances)


def allotted(counts: I64, m: int) -> I64:
    """Return rows per stratum: by share, largest remainders first, one at least where m allows.

    Parameters
    ----------
    counts : array, shape (s,), int64
        Rows of each stratum.
    m : int
        Rows to take.

    Returns
    -------
    array, shape (s,), int64
    """
    exact = counts * (m / counts.sum())
    take: I64 = np.floor(exact).astype(np.int64)
    if m >= len(counts):
        take = np.maximum(take, 1)
    while take.sum() > m:  # what the small ones were given the fullest ones lack
        over = np.where(take > 1, take - exact, -np.inf)
        take[int(np.argmax(over))] -= 1
    short = m - int(take.sum())
    room = np.where(take < counts, exact - take, -np.inf)
    take[np.argsort(-room, kind="stable")[:short]] += 1
    return take


def _density(
    points: F64, m: int, rng: np.random.Generator, codes: I64 | None, weights: F64 | None
) -> tuple[I64, F64]:
    return systematic(1.0 / _crowd(points, rng), m, rng)


def _crowd(points: F64, rng: np.random.Generator) -> F64:
    """Return for each row how many landmarks lie within the radius, itself counted once."""
    n, d = points.shape
    centred = points - points.mean(axis=0)
    marks = centred[np.sort(rng.permutation(n)[:LANDMARKS])]
    lengths, slack = np.einsum("ij,ij->i", marks, marks), rounding(d)

    few = lengths[:1000, None] + lengths - 2.0 * (marks[:1000] @ marks.T)
    radius = float(np.quantile(few, CROWD))
    # |x - m|^2 <= radius as one product: x.m - |m|^2 / 2 >= (|x|^2 - radius) / 2
    table = np.column_stack([marks, lengths * ((slack - 1.0) / 2.0)]).T.copy()
    crowd, held = np.empty(n), np.empty(0)
    for part in row_blocks(n, len(marks), PRODUCTS):
        some = centred[part]
        least = (np.einsum("ij,ij->i", some, some) * (1.0 - slack) - radius) / 2.0
        if len(held) != len(some):
            held = np.empty((len(some), len(marks)))
        inner = np.matmul(np.column_stack([some, np.ones(len(some))]), table, out=held)
        crowd[part] = np.count_nonzero(inner >= least[:, None], axis=1)
    scaled: F64 = np.maximum(crowd * (n / len(marks)), 1.0)
    return scaled


def systematic(weights: F64, m: int, rng: np.random.Generator) -> tuple[I64, F64]:
    """Draw m rows with chances in proportion to weights, none above 1.

    Parameters
    ----------
    weights : array, shape (n,), float64
        At least 0.
    m : int
        Rows to draw, at most as many as have a weight.
    rng : Generator
        Of the draw.

    Returns
    -------
    rows : array, shape (m,), int64
    chances : array, shape (m,), float64
        That each had.
    """
    chance = np.zeros(len(weights))
    sure = np.zeros(len(weights), dtype=bool)
    for _ in range(ROUNDS):
        rest = weights * ~sure
        chance = np.where(sure, 1.0, rest * ((m - sure.sum()) / max(rest.sum(), 1e-300)))
        over = (chance > 1) & ~sure
        if not over.any():
            break
        sure |= over
    chance = np.minimum(chance, 1.0)
    first = np.flatnonzero(sure)
    left = m - len(first)
    order = rng.permutation(np.flatnonzero(~sure & (chance > 0)))
    ends = np.cumsum(chance[order])
    if not left or not len(order):
        return first, chance[first]
    ticks = (rng.random() + np.arange(left)) * (ends[-1] / left)
    rows = order[np.searchsorted(ends, ticks, side="right").clip(max=len(order) - 1)]
    found: I64 = np.concatenate([first, rows])
    return found, chance[found]


def _diverse(
    points: F64, m: int, rng: np.random.Generator, codes: I64 | None, weights: F64 | None
) -> tuple[I64, F64]:
    """Take the row nearest to the middle, then time and again the one farthest from all taken."""
    away = np.linalg.norm(points - points.mean(axis=0), axis=1)
    rows = np.empty(m, dtype=np.int64)
    rows[0] = int(np.argmin(away))
    nearest = np.linalg.norm(points - points[rows[0]], axis=1)
    owner = np.zeros(len(points), dtype=np.int64)
    nearest[rows[0]] = -1.0
    for i in range(1, m):
        rows[i] = int(np.argmax(nearest))
        far = np.linalg.norm(points - points[rows[i]], axis=1)
        closer = far < nearest
        nearest[closer], owner[closer] = far[closer], i
        owner[rows[i]], nearest[rows[i]] = i, -1.0
    return rows, 1.0 / np.bincount(owner, minlength=m)  # each stands for the rows nearest to it


METHODS: MappingProxyType[str, Callable[..., tuple[I64, F64]]] = MappingProxyType(
    {"random": _random, "stratified": _stratified, "density": _density, "diverse": _diverse}
)


def _of_stream(
    batches: Iterator[Any], size: Any, method: str, strata: Any, weights: Any, ids: Any,
    random_state: Any,
) -> Sample:  # fmt: skip
    if method != "random" or strata is not None or weights is not None or ids is not None:
        raise ValueError(
            "a stream is sampled by method='random' alone, with ids beside its batches; "
            "Reservoir takes weights, and one Reservoir per stratum makes a stratified sample"
        )
    Whole(1).check("size", size)
    kept = Reservoir(size, random_state=random_state)
    for batch in batches:
        kept.add(*batch) if isinstance(batch, tuple) else kept.add(batch)
    if not kept.seen:
        raise ValueError("the stream has no batch")
    rows, told = kept.places, np.asarray(kept.ids)
    stands = np.full(len(rows), kept.seen / len(rows))
    return Sample(rows, told, stands, "random", sha256_of("random", told), None, kept.rows)
