"""Data sets that need no download: small real data, clusters, streams, large copies of any data.

Everything made up is the same for the same seed; nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gputsne.base.types import Array, FloatArray

__all__ = [
    "Dataset",
    "Stream",
    "drifting_stream",
    "enlarge",
    "load_digits",
    "make_blobs_hd",
    "toy_clusters",
]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Data with labels.

    Attributes
    ----------
    X : array, shape (n, d), float32
        One row per point.
    labels : array, shape (n,), int32
        Category of each row.
    name : str
        Short name.
    description : str
        What it is, where it comes from, how it was made.
    """

    X: FloatArray
    labels: Array
    name: str
    description: str

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.X.shape[0])


@dataclass(frozen=True, eq=False)
class Stream:
    """Windows of rows in the order of time, with the window at which they begin to drift.

    Attributes
    ----------
    reference : array, shape (n, d), float32
        Rows before the first window.
    windows : tuple of array, each of shape (m, d), float32
        New rows each.
    onset : int
        The first window that drifts, counted from 0.
    drifting : tuple of array, each of shape (m,), bool
        Which rows of each window belong to the cohort that drifts; none before the onset.
    """

    reference: FloatArray
    windows: tuple[FloatArray, ...]
    onset: int
    drifting: tuple[Array, ...]


def drifting_stream(
    windows: int = 20, *, onset: int | None = None, rows: int = 500, d: int = 16,
    share: float = 0.1, speed: float = 2.0,
    random_state: int | np.random.Generator | None = 0,
) -> Stream:  # fmt: skip
    """Make a stream of Gaussian clusters of which a cohort drifts away, farther in each window.

    For game days: whether a watch raises its alarm, how late, and how often for nothing.

    Parameters
    ----------
    windows : int, default 20
        How many, at least 1.
    onset : int or None, default None
        The first window that drifts, counted from 0; None for the middle. ``windows`` for no drift.
    rows : int, default 500
        Rows of a window; the reference has twice as many.
    d : int, default 16
        Features.
    share : float, default 0.1
        Of the rows that drift, between 0 and 1.
    speed : float, default 2.0
        How far the cohort goes from window to window, in standard deviations of a cluster.
    random_state : int, Generator or None, default 0
        Seed.

    Returns
    -------
    Stream

    Raises
    ------
    ValueError
        For no windows, less than 20 rows, an onset that is no window, and a share outside 0 to 1.

    Examples
    --------
    >>> stream = drifting_stream(6, onset=4)
    >>> len(stream.windows), [int(rows.sum()) for rows in stream.drifting]
    (6, [0, 0, 0, 0, 50, 50])
    """
    if windows < 1 or rows < 20:
        raise ValueError(f"windows={windows} must be at least 1, rows={rows} at least 20")
    onset = windows // 2 if onset is None else onset
    if not 0 <= onset <= windows:
        raise ValueError(f"onset={onset} must be between 0 and windows={windows}")
    if not 0 < share < 1:
        raise ValueError(f"share={share} must be between 0 and 1")
    rng = np.random.default_rng(random_state)
    centres = _unit_directions(rng, 5, d) * 10.0
    way = _unit_directions(rng, 1, d)[0] * speed

    def drawn(n: int) -> Array:
        return centres[rng.integers(5, size=n)] + rng.normal(size=(n, d))

    reference = drawn(2 * rows).astype(np.float32)
    made, drifting = [], []
    for number in range(windows):
        X, astray = drawn(rows), np.zeros(rows, dtype=bool)
        if number >= onset:
            astray[rng.choice(rows, max(1, round(share * rows)), replace=False)] = True
            X[astray] += way * (number - onset + 1)
        made.append(X.astype(np.float32))
        drifting.append(astray)
    return Stream(reference, tuple(made), onset, tuple(drifting))


def load_digits() -> Dataset:
    """Load 1,797 handwritten digits of 8 x 8 pixels, which come with scikit-learn.

    Returns
    -------
    Dataset
        X of shape (1797, 64) with values 0 to 16; labels 0 to 9.

    References
    ----------
    Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository.

    Examples
    --------
    >>> load_digits().X.shape
    (1797, 64)
    """
    from sklearn.datasets import load_digits as bundled

    X, labels = bundled(return_X_y=True)
    text = "Handwritten digits, 8 x 8 pixels, test part of the UCI set (Alpaydin & Kaynak 1998)."
    return Dataset(X.astype(np.float32), labels.astype(np.int32), "digits", text)


def toy_clusters(
    n: int = 15_000, *, d: int = 50, random_state: int | np.random.Generator | None = 0
) -> Dataset:
    """Make 15 clusters in 3 groups, of very different sizes, to see whether a map keeps both.

    Groups are far apart, the five clusters of a group near each other, and each cluster is an
    isotropic Gaussian. In every group the sizes fall by a factor of about 2.5 from cluster to
    cluster, as with common and rare cell types.

    Parameters
    ----------
    n : int, default 15000
        Number of points, at least 15.
    d : int, default 50
        Number of features, at least 3.
    random_state : int, Generator or None, default 0
        Seed.

    Returns
    -------
    Dataset
        Labels 0 to 14; group ``label // 5``, rows shuffled.

    Raises
    ------
    ValueError
        ``n`` is below 15 or ``d`` below 3.

    References
    ----------
    In the spirit of figure 1 of Kobak & Berens (2019), The art of using t-SNE for single-cell
    transcriptomics; sizes and distances are our own.

    Examples
    --------
    >>> data = toy_clusters(600)
    >>> data.X.shape, data.labels.max()
    ((600, 50), np.int32(14))
    """
    if n < 15:
        raise ValueError(f"n={n} must be at least 15, one point for each cluster")
    if d < 3:
        raise ValueError(f"d={d} must be at least 3, so that three groups can be apart")
    rng = np.random.default_rng(random_state)
    share = np.tile(2.5 ** -np.arange(5.0), 3)
    sizes = 1 + _apportion(share, n - 15)
    groups = np.repeat(_unit_directions(rng, 3, d), 5, axis=0) * 30.0
    centres = groups + _unit_directions(rng, 15, d) * 10.0
    labels = rng.permutation(np.repeat(np.arange(15, dtype=np.int32), sizes))
    X = centres[labels] + rng.normal(size=(n, d))
    text = f"15 Gaussian clusters in 3 groups, {d}-D, of {sizes.min()} to {sizes.max()} points."
    return Dataset(X.astype(np.float32), labels, "toy_clusters", text)


def make_blobs_hd(
    n: int = 2_000,
    *,
    d: int = 50,
    clusters: int = 10,
    separation: float = 10.0,
    random_state: int | np.random.Generator | None = 0,
) -> Dataset:
    """Make Gaussian clusters of equal size and unit variance around random centres.

    Parameters
    ----------
    n : int, default 2000
        Number of points; cluster sizes differ by at most one.
    d : int, default 50
        Number of features.
    clusters : int, default 10
        Number of clusters, 1 to n.
    separation : float, default 10.0
        Distance of each centre from the origin, in standard deviations of a cluster's feature.
    random_state : int, Generator or None, default 0
        Seed.

    Returns
    -------
    Dataset
        X of shape (n, d), float32; labels 0 to ``clusters - 1``, rows shuffled.

    Raises
    ------
    ValueError
        ``clusters`` is not between 1 and ``n``, or ``d`` below 1.

    Examples
    --------
    >>> make_blobs_hd(100, d=5, clusters=4).labels.max()
    np.int32(3)
    """
    if not 1 <= clusters <= n:
        raise ValueError(f"clusters={clusters} must be between 1 and n={n}")
    if d < 1:
        raise ValueError(f"d={d} must be at least 1")
    rng = np.random.default_rng(random_state)
    centres = _unit_directions(rng, clusters, d) * separation
    labels = rng.permutation(np.arange(n, dtype=np.int32) % clusters)
    X = centres[labels] + rng.normal(size=(n, d))
    text = f"{clusters} Gaussian clusters of unit variance, {d}-D, centres at {separation:g}."
    return Dataset(X.astype(np.float32), labels, "blobs", text)


def enlarge(
    X: Any,
    labels: Any = None,
    *,
    n: int = 1_000_000,
    shift: float = 0.1,
    jitter: float = 0.1,
    random_state: int | np.random.Generator | None = 0,
) -> Dataset:
    """Grow a data set to n rows: copies of it, each shifted as a whole and jittered row by row.

    What benchmarks need: as large as asked for, with neighbourhoods as real data have them and
    without duplicates.

    Parameters
    ----------
    X : array, shape (m, d), float
        Data to copy; not changed. The first copy is exact.
    labels : array-like, shape (m,), optional
        Go with their rows; zeros without.
    n : int, default 1,000,000
        Rows asked for. The last copy may be a part; ``n < m`` takes the first n rows.
    shift, jitter : float, default 0.1
        Standard deviation of a copy's shift and of a row's jitter, as a share of each feature's
        own standard deviation.
    random_state : int, Generator or None, default 0
        Seed.

    Returns
    -------
    Dataset
        X of shape (n, d), float32; 200 MB for a million rows of 50.

    Raises
    ------
    ValueError
        X has no row or not two axes, ``labels`` another length, or ``n`` is below 1.

    Examples
    --------
    >>> digits = load_digits()
    >>> enlarge(digits.X, digits.labels, n=5000).X.shape
    (5000, 64)
    """
    base = np.asarray(X, dtype=np.float32)
    if base.ndim != 2 or base.shape[0] == 0:
        raise ValueError(f"X must have shape (m, d) with at least one row, got {base.shape}")
    m, d = base.shape
    own = np.zeros(m, dtype=np.int32) if labels is None else np.asarray(labels)
    if own.shape != (m,):
        raise ValueError(f"labels has shape {own.shape}, but X has {m} rows")
    if n < 1:
        raise ValueError(f"n={n} must be at least 1")
    rng = np.random.default_rng(random_state)
    spread = base.std(axis=0, dtype=np.float64).astype(np.float32)
    grown = np.empty((n, d), dtype=np.float32)
    for start in range(0, n, m):
        part = grown[start : start + m]
        part[:] = base[: len(part)]
        if start:
            part += rng.standard_normal(d, dtype=np.float32) * spread * np.float32(shift)
            noise = rng.standard_normal(part.shape, dtype=np.float32)
            noise *= spread * np.float32(jitter)
            part += noise
    text = f"{m} rows copied to {n}, each copy shifted by {shift:g} sd, each row by {jitter:g} sd."
    return Dataset(grown, np.resize(own, n), "grown", text)


def _unit_directions(rng: np.random.Generator, count: int, d: int) -> Array:
    """Random unit vectors, orthogonal as far as d allows, so that no two clusters fall together."""
    rows = rng.normal(size=(count, d))
    for start in range(0, count, d):
        rows[start : start + d] = np.linalg.qr(rows[start : start + d].T)[0].T
    return rows


def _apportion(share: Array, total: int) -> Array:
    """Split ``total`` into whole numbers as close to ``share`` as can be (largest remainder)."""
    exact = share / share.sum() * total
    parts: Array = np.floor(exact).astype(np.int64)
    parts[np.argsort(parts - exact, kind="stable")[: total - parts.sum()]] += 1
    return parts
