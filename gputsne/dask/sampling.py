"""sample: rows of a cluster's table chosen by the draws that choose them of an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.base.labels import read_column
from gputsne.base.random import draw_seed
from gputsne.base.types import Array
from gputsne.dask.pieces import array_of, not_finite, pieces_of, refuse_not_finite, values_of
from gputsne.dask.running import RETRIES, Job, Runner, library
from gputsne.sampling import Sample
from gputsne.sampling.choosing import METHODS, drawn, sha256_of, size_of

__all__ = ["sample"]

# Those that look at all rows at once; the others draw from row numbers, strata and weights alone.
WHOLE = ("density", "diverse")


def sample(
    X: Any, size: int | float, *, method: str = "random", strata: Any = None, weights: Any = None,
    ids: Any = None, random_state: Any = 0, client: Any = None, retries: int = RETRIES,
    progress: Callable[[int, int], None] | None = None, verbose: bool = False,
) -> Sample:  # fmt: skip
    """Choose the rows that ``gputsne.sample`` chooses of the blocks one after the other.

    Parameters
    ----------
    X : dask array or dataframe, array_like, path, Source, or list of those, shape (n, d)
        Every block is read once, to look for NaN and to take its rows of the sample.
    size : int or float
        Rows; a float below 1 is the share of all.
    method : {"random", "stratified"}, default "random"
        As in ``gputsne.sample``. "density" and "diverse" compare rows with each other: sample at
        random first, then by these.
    strata, weights, ids : array_like, dask array or series, shape (n,), or None
        As in ``gputsne.sample``; brought to this process. For the index of a dataframe, pass
        ``ids=X.index``.
    random_state : int, RandomState, Generator or None, default 0
        Seed.
    client : Client or None
        Of the cluster; None for the current one, or for dask's scheduler in this process.
    retries : int, default 2
        How often a block is read again where that raised.
    progress : callable or None
        Called as ``progress(done, blocks)``.
    verbose : bool, default False
        Whether the log tells of progress.

    Returns
    -------
    Sample
        The rows, ids, weights and hash of ``gputsne.sample``; ``data`` has the rows themselves,
        float32 or float64, in place of ``coverage``, which would need all rows.

    Raises
    ------
    DependencyMissing
        Without dask.
    TypeError, ValueError
        As ``gputsne.sample``, and for the methods that need all rows at once.
    RuntimeError
        A block ended every worker that read it.
    """
    library()
    if method not in METHODS:
        raise ValueError(f"method={method!r} is none of {', '.join(map(repr, METHODS))}")
    if method in WHOLE:
        raise ValueError(
            f"method={method!r} compares all rows with each other, which lie on many machines: "
            "choose more rows than you need by method='random', and of their .data "
            f"gputsne.sample(..., method={method!r})"
        )
    runner = Runner.of(client, retries=retries, progress=progress, verbose=verbose)
    quiet = Runner.of(runner.client, retries=retries)
    pieces = pieces_of(X, client=runner.client).counted(quiet)
    n = pieces.n
    if n == 0:
        raise ValueError("X has no rows")
    strata, weights, ids = (values_of(column, quiet) for column in (strata, weights, ids))
    m = size_of(size, n)
    rows, chances = drawn(
        np.empty((n, 0)), m, method, strata, weights, np.random.default_rng(draw_seed(random_state))
    )
    names = np.arange(n) if ids is None else np.asarray(
        read_column(ids, n, name="ids", whose="X").values
    )  # fmt: skip
    starts = pieces.starts
    look = library().delayed(_looked, pure=True)
    jobs = []
    for piece, first, last in zip(pieces.pieces, starts[:-1], starts[1:], strict=True):
        own = rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)] - first
        jobs.append(Job(piece.label, look(piece.value, own, piece.label, pieces.d)))
    found = runner.results(jobs)
    refuse_not_finite(pieces, starts[:-1].tolist(), [told for told, _ in found])
    data = np.concatenate([part for _, part in found])
    hashed = sha256_of(method, names[rows])
    return Sample(rows, names[rows], 1.0 / chances, method, hashed, None, data)


def _looked(block: Any, rows: Array, label: str, d: int) -> tuple[tuple[int, int], Array]:
    """Look for rows of a block that are not finite, and take some rows of it."""
    values = array_of(block, label, d)
    return not_finite(values), values[rows]
