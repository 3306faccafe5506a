"""The start of a large map: the map of a sample, and the places of all other rows on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base import threads
from gputsne.base.random import draw_seed
from gputsne.base.types import Array, FloatArray
from gputsne.data.named import with_names
from gputsne.data.sources import Source
from gputsne.model.embedding import Embedding
from gputsne.model.fitted import frozen_of
from gputsne.model.progress import StageTimer
from gputsne.planning.sampled import BLOCK_NUMBERS
from gputsne.provenance.run import new_id, next_is
from gputsne.sampling import sample_blocks

__all__ = ["Start", "starting_map"]


@dataclass(frozen=True, eq=False)
class Start:
    """Where all rows of a table begin.

    Attributes
    ----------
    places : array, shape (n, c), float32
        Of all rows.
    rows : array, shape (m,), int64
        Of the sample.
    weights : array, shape (m,), float64
        How many rows each stands for.
    model : Embedding
        Fitted to the sample.
    timings : dict of str to float
        Seconds of ``"sample"``, ``"fit"`` and ``"transform"``.
    """

    places: FloatArray
    rows: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    model: Embedding
    timings: dict[str, float]


def starting_map(
    source: Source,
    sample: int | Array,
    method: str,
    parameters: Mapping[str, Any],
    *,
    refined: bool,
    kind: type[Embedding] = Embedding,
) -> Start:
    """Fit a sample and place all other rows on its map.

    Parameters
    ----------
    source : Source
        All rows.
    sample : int or array of int
        How many rows are drawn, or their numbers, ascending.
    method : str
        How they are drawn.
    parameters : mapping
        Of TSNE, for the sample.
    refined : bool
        Whether the places are but a start: each row's is then that of ``transform`` before it is
        moved, which costs less, and with 7,000 of 70,000 rows of MNIST no less is kept in the end.
    kind : type, default Embedding
        What is fitted to the sample; ``TSNE`` where users get it.

    Returns
    -------
    Start
    """
    n, d = source.shape
    block_rows = max(1, BLOCK_NUMBERS // d)
    blocks = partial(_blocks, source, block_rows)
    timer = StageTimer(int(parameters.get("verbose") or 0))
    seed = draw_seed(parameters.get("random_state"))
    n_jobs = threads.resolve_n_jobs(parameters.get("n_jobs"))
    with timer.stage("sample"), threads.limit(n_jobs):
        if isinstance(sample, int):
            rows, weights = sample_blocks(
                blocks,
                n,
                sample,
                method=method,
                random_state=seed,
                nan_allowed=parameters.get("impute") is not None,
            )
        else:
            rows, weights = np.asarray(sample), np.full(len(sample), n / len(sample))
        X = _named(source.take(rows), source)
    with timer.stage("fit"), next_is(new_id()):  # a job's own id is for the fit of all rows
        model = kind(**parameters).fit(X)
    frozen = frozen_of(model)
    asked: dict[str, Any] = {
        "n_jobs": parameters.get("n_jobs"),
        **({"max_iter": 0} if refined else {}),
    }
    places = np.empty((n, frozen.Y.shape[1]), np.float32)
    rest = np.ones(n, dtype=bool)
    rest[rows] = False
    with timer.stage("transform", n) as report:
        first = 0
        for block in blocks():
            here = np.flatnonzero(rest[first : first + len(block)])
            if len(here):
                some = _named(block[here], source)
                places[first + here] = frozen.transform(some, **asked)
            first += len(block)
            report(first, n)
    places[rows] = frozen.Y
    return Start(places, rows, weights, model, dict(timer.timings))


def _blocks(source: Source, rows: int) -> Iterator[Array]:
    """Yield all rows in order, in blocks."""
    for _, block in source.blocks(rows):
        yield block


def _named(X: Array, source: Source) -> Any:
    """Return rows with the names of their columns, where the source has some."""
    return with_names(X, source.feature_names)
