"""evaluate: the metrics of a map of rows that lie on a cluster; the map itself is brought here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gputsne import metrics
from gputsne.base import threads
from gputsne.base.errors import UndefinedMetric
from gputsne.base.forks import Lock
from gputsne.base.memory import available_memory
from gputsne.base.rows import exact_unit, row_blocks
from gputsne.base.sizes import size_text
from gputsne.dask.pieces import Pieces, not_finite, pieces_of, refuse_not_finite, values_of
from gputsne.dask.running import RETRIES, Job, Runner, library
from gputsne.metrics.spaces import (
    BLOCK_DISTANCES,
    TILE,
    EuclideanSpace,
    Space,
    compared,
    factors_of,
    multiplied,
    work_is_direct,
)
from gputsne.neighbors import metric_for
from gputsne.neighbors.metric import Cosine, Euclidean, Metric, SquaredEuclidean
from gputsne.neighbors.nearest import nearest_among
from gputsne.neighbors.search.ranking import nearest_first

__all__ = ["PiecedSpace", "evaluate"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
# Rows of one task: a multiple of a tile's, so that products have the same factors everywhere.
BLOCK_ROWS: Final = 12 * TILE[1]
ASKED: Final = 16  # points whose distances to a block are held at a time
GATHERED: Final = 0.25  # share of this machine's free memory that rows brought here may take


def evaluate(
    X: Any, Y: Any, labels: Any = None, *, k: int = 10, sample: int | str | None = "auto",
    random_state: int | None = 0, metric: str = "euclidean", client: Any = None,
    retries: int = RETRIES, progress: Callable[[int, int], None] | None = None,
    verbose: bool = False,
) -> dict[str, float]:  # fmt: skip
    """Return what ``gputsne.metrics.evaluate`` returns, of rows that need not fit in memory.

    Parameters
    ----------
    X : dask array or dataframe, array_like, path, Source, or list of those, shape (n, d)
        Data. It is read about ten times: ``X.persist()`` where reading is dear.
    Y : dask array or dataframe, or array_like, shape (n, c)
        Map of the same rows; brought to this process, as float64.
    labels : array_like, dask array or series, shape (n,), or None
        Categories; brought to this process.
    k : int, default 10
        As in ``gputsne.metrics.evaluate``.
    sample : int, "auto" or None, default "auto"
        Points asked, as in ``gputsne.metrics.evaluate``.
    random_state : int or None, default 0
        Seed of the sample.
    metric : {"euclidean", "sqeuclidean", "cosine", "correlation"}, default "euclidean"
        How points of X are compared.
    client : Client or None
        Of the cluster; None for the current one, or for dask's scheduler in this process.
    retries : int, default 2
        How often a task is run again where it raised.
    progress : callable or None
        Called as ``progress(done, blocks)`` in each reading of X.
    verbose : bool, default False
        Whether the log tells of progress.

    Returns
    -------
    dict of str to float
        The same numbers. NaN for a metric that needs more rows here than fit into a quarter of the
        free memory: class_preservation does, and what compares X where labels are missing.

    Raises
    ------
    DependencyMissing
        Without dask.
    OverMemory
        A block of 49,152 rows does not fit into a worker.
    TypeError, ValueError
        As ``gputsne.metrics.evaluate``, and for metrics that need all rows at once.
    RuntimeError
        A block ended every worker that read it.
    """
    library()
    known = metric_for(metric)
    if not isinstance(known, SquaredEuclidean | Cosine):
        raise ValueError(
            f"metric={known.said} is compared on one machine alone: use 'euclidean', "
            "'sqeuclidean', 'cosine' or 'correlation', or gputsne.metrics.evaluate"
        )
    runner = Runner.of(client, retries=retries, progress=progress, verbose=verbose)
    places = _brought(Y, "Y", runner)
    named = values_of(labels, runner)
    space = None if X is None else PiecedSpace(pieces_of(X, client=runner.client), known, runner)
    return metrics.evaluate(space, places, named, k=k, sample=sample, random_state=random_state)


def _brought(Y: Any, name: str, runner: Runner) -> Any:
    """Return a map in main memory."""
    if not (hasattr(Y, "dask") or hasattr(Y, "to_delayed") or isinstance(Y, list | tuple)):
        return Y
    pieces = pieces_of(Y, name, runner.client).counted(runner)
    jobs = [Job(name, value) for _, _, value in pieces.blocks(BLOCK_ROWS)]
    return np.concatenate(runner.results(jobs)) if jobs else np.empty((0, pieces.d))


@dataclass(frozen=True, eq=False)
class _Frame:
    """What all blocks are compared in: the metric, the points' middle and a unit.

    Attributes
    ----------
    metric : Metric
    centre : array, shape (d,), float64
        Mean of the vectors.
    unit : float
        A power of two.
    """

    metric: Metric
    centre: F64
    unit: float


class PiecedSpace(Space):
    """Points on a cluster, compared block by block; numbers are those of ``EuclideanSpace``.

    Parameters
    ----------
    pieces : Pieces
        The points.
    metric : Metric
        Euclidean or cosine, or one that ranks alike.
    runner : Runner
        What reads blocks.

    Raises
    ------
    ValueError
        For NaN and infinity.
    """

    def __init__(self, pieces: Pieces, metric: Metric, runner: Runner) -> None:
        self._pieces, self._runner = pieces.counted(runner), runner
        super().__init__(self._pieces.n)
        if not self.n:
            raise ValueError("Found array with 0 sample(s): X has no rows")
        runner.check(
            f"a block of {BLOCK_ROWS:,} rows of X", BLOCK_ROWS * (5 * 8 * pieces.d + 8 * ASKED),
            "give workers more memory or fewer threads",
        )  # fmt: skip
        self._blocks = list(self._pieces.blocks(BLOCK_ROWS))
        self._frame = self._measured(metric)
        self._squared = not isinstance(metric, Euclidean)
        self._lock = Lock()
        self._asked = np.empty(0, np.int64), np.empty((0, pieces.d))
        self.expect(np.empty(0, np.int64))

    def _measured(self, metric: Metric) -> _Frame:
        """Return middle and unit of the vectors, added up in the order of the rows."""
        dask = library()
        summed, total, jobs = dask.delayed(_summed, pure=True), None, []
        for start, stop, value in self._blocks:
            total = summed(total, value, metric)
            jobs.append(Job(self._pieces.label(start, stop), total[1]))
        jobs.append(Job("the sum of X", total[0]))  # type: ignore[index]
        *bad, whole = self._runner.results(jobs)
        refuse_not_finite(self._pieces, [start for start, _, _ in self._blocks], bad)
        centre = whole / self.n
        tops = self._each(_farthest, metric, centre)
        return _Frame(metric, centre, exact_unit(np.array(max(tops))))

    def _each(self, work: Callable[..., Any], *more: Any) -> list[Any]:
        """Return what ``work(block, start, ...)`` says of each block, in their order."""
        dask = library()
        task = dask.delayed(_by_one_thread, pure=True)
        held = [dask.delayed(m, traverse=False) for m in more]
        return self._runner.results(
            [
                Job(self._pieces.label(start, stop), task(work, value, start, *held))
                for start, stop, value in self._blocks
            ]
        )

    def _rows(self, rows: I64) -> F64:
        """Return some points as they were given, float64."""
        return np.concatenate(self._each(_some, np.sort(rows)))[np.argsort(np.argsort(rows))]

    def _vectors(self, rows: I64) -> F64:
        """Return vectors of some points; the last, whom several metrics ask for, are kept."""
        if not np.array_equal(self._asked[0], rows):
            self._asked = rows, _vectors_of(self._rows(rows), self._frame.metric)
        return self._asked[1]

    @property
    def points(self) -> F64:
        """Coordinates of all points, where they fit into this machine's memory."""
        self._fits(self.n)
        return self._rows(np.arange(self.n))

    def _fits(self, m: int) -> None:
        needed, free = 3 * 8 * m * self._pieces.d, available_memory()
        room = np.inf if free is None else GATHERED * free
        if needed > room:
            raise UndefinedMetric(
                f"{m:,} rows of X take {size_text(needed)} here, and {size_text(room)} may be used"
            )

    def direct(self, q: int) -> bool:
        """Tell whether q points may be compared with all coordinate by coordinate."""
        return work_is_direct(q, self.n, len(self._frame.centre))

    def nearest(self, rows: I64, k: int) -> I64:
        """Return the k nearest others of some points, shape (len(rows), k), nearest first."""
        parts = self._each(_nearest, rows, self._vectors(rows), k, self._frame)
        squared = np.concatenate([part[0] for part in parts], axis=1)
        return nearest_first(squared, np.concatenate([part[1] for part in parts], axis=1), k)[1]

    def ranks(self, rows: I64, near: I64) -> I64:
        """Return ranks and places of some others, counted block by block; see ``Space.ranks``."""
        asked, direct = self._vectors(rows), self.direct(len(rows))
        own = np.concatenate(
            [np.empty(0), *self._each(_own, rows, asked, near, self._frame, direct)]
        )
        # Blocks give them block by block: put back where each neighbour stands.
        order = np.argsort(near.ravel() // BLOCK_ROWS, kind="stable")
        values = np.empty(near.size)
        values[order] = own
        table = values.reshape(near.shape)
        parts = self._each(_counted, rows, asked, near, table, self._frame, direct)
        below, before = np.sum(parts, axis=0)
        ranks = below + 1
        return np.stack([ranks, ranks + before])

    def expect(self, rows: I64) -> None:
        """Have distances of several calls of ``block`` brought at a time; see ``Space.expect``."""
        with self._lock.held():
            self._expected, self._held = rows, (-1, np.empty((0, 0)))

    def block(self, rows: I64, *, direct: bool = True) -> F64:
        """Return squared distances of some points to all, shape (len(rows), n)."""
        with self._lock.held():
            ahead = self._expected
            step = max(ASKED, BLOCK_DISTANCES // self.n // ASKED * ASKED)
            at = np.flatnonzero(ahead == rows[0]) if len(rows) else np.empty(0, np.int64)
            if not len(at) or at[0] % step + len(rows) > step:
                return self._brought(rows, direct)
            group = int(at[0]) // step
            if self._held[0] != group:
                some = ahead[group * step : (group + 1) * step]
                self._held = group, self._brought(some, direct)
            first = int(at[0]) % step
            return self._held[1][first : first + len(rows)].copy()

    def _brought(self, rows: I64, direct: bool) -> F64:
        asked = self._vectors(rows)
        return np.concatenate(self._each(_distances, asked, self._frame, direct), axis=1)

    def lengths(self, rows: I64) -> F64:
        """Return distances of all pairs of some points, condensed."""
        from scipy.spatial.distance import pdist

        some = self._vectors(rows) * self._frame.unit
        return np.asarray(pdist(some, "sqeuclidean" if self._squared else "euclidean"))

    def subset(self, rows: I64) -> Space:
        """Return the space of some of the points, brought here when they are asked for."""
        return _Brought(self, rows)


class _Brought(Space):
    """Some points of a cluster, brought to this process at the first question."""

    def __init__(self, whole: PiecedSpace, rows: I64) -> None:
        super().__init__(len(rows))
        self._whole, self._chosen = whole, rows
        self._made: EuclideanSpace | None = None

    @property
    def _here(self) -> EuclideanSpace:
        if self._made is None:
            self._whole._fits(self.n)
            points = self._whole._rows(self._chosen)
            vectors = _vectors_of(points, self._whole._frame.metric)
            self._made = EuclideanSpace(points, vectors, squared=self._whole._squared)
        return self._made

    @property
    def points(self) -> F64:
        """Coordinates as they were given."""
        return self._here.points

    def block(self, rows: I64, *, direct: bool = True) -> F64:
        """Return squared distances of some points to all of these."""
        return self._here.block(rows, direct=direct)

    def lengths(self, rows: I64) -> F64:
        """Return distances of all pairs of some points, condensed."""
        return self._here.lengths(rows)

    def subset(self, rows: I64) -> Space:
        """Return the space of some of these."""
        return _Brought(self._whole, self._chosen[rows])

    def nearest(self, rows: I64, k: int) -> I64:
        """Return the k nearest others among these."""
        return self._here.nearest(rows, k)

    def direct(self, q: int) -> bool:
        """Tell whether q points may be compared with all coordinate by coordinate."""
        return self._here.direct(q)


def _by_one_thread(work: Callable[..., Any], *given: Any) -> Any:
    """Do a task's work: a worker runs as many tasks at once as it has threads."""
    import faiss  # noqa: F401  before the limit, which caps only what is loaded

    with threads.limit(1):
        return work(*given)


def _vectors_of(points: F64, metric: Metric) -> F64:
    return metric.unit_rows(points, np.float64) if isinstance(metric, Cosine) else points


def _read(block: Any, metric: Metric) -> F64:
    return _vectors_of(np.asarray(block).astype(np.float64, copy=False), metric)


def _summed(before: Any, block: Any, metric: Metric) -> tuple[F64, tuple[int, int]]:
    """Add a block's rows to those before it, one after the other, as one sum over all rows does."""
    numbers = np.asarray(block).astype(np.float64, copy=False)
    bad = not_finite(numbers)
    if bad[0]:
        return np.full(numbers.shape[1], np.nan), bad
    vectors = _vectors_of(numbers, metric)
    first = vectors if before is None else np.concatenate([before[0][None], vectors])
    return np.add.reduce(first, axis=0), bad


def _farthest(block: Any, start: int, metric: Metric, centre: F64) -> float:
    vectors = _read(block, metric)
    return max(float(np.abs(vectors[part] - centre).max()) for part in row_blocks(*vectors.shape))


def _some(block: Any, start: int, rows: I64) -> F64:
    own = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(block))] - start
    return np.asarray(block)[own].astype(np.float64, copy=False)


def _nearest(
    block: Any, start: int, rows: I64, asked: F64, k: int, frame: _Frame
) -> tuple[F64, I64]:
    return nearest_among(
        _read(block, frame.metric), asked, k, own=rows - start, first=start, centre=frame.centre,
        unit=frame.unit,
    )  # fmt: skip


def _few(q: int) -> list[slice]:
    return list(row_blocks(q, 1, ASKED))


class _Compared:
    """A block's vectors, ready to be compared with points that are asked."""

    def __init__(self, block: Any, asked: F64, frame: _Frame, direct: bool) -> None:
        self.vectors, self.asked = _read(block, frame.metric), asked
        self.frame, self.direct = frame, direct
        if not direct:
            self.factors = factors_of(self.vectors, frame.centre, frame.unit)[1]
            self.asking = factors_of(asked, frame.centre, frame.unit)[0]

    def distances(self, part: slice) -> F64:
        """Return squared distances of some of the points to the block's."""
        if self.direct:
            return compared(self.asked[part], self.vectors, self.frame.unit)
        return multiplied(self.asking[part], self.factors)


def _distances(block: Any, start: int, asked: F64, frame: _Frame, direct: bool) -> F64:
    return _Compared(block, asked, frame, direct).distances(slice(None))


def _own(
    block: Any, start: int, rows: I64, asked: F64, near: I64, frame: _Frame, direct: bool
) -> F64:
    """Return the distances to those of the neighbours that are in the block, row by row."""
    here = (near >= start) & (near < start + len(block))
    compared_with, found = _Compared(block, asked, frame, direct), [np.empty(0)]
    for part in _few(len(asked)):
        if here[part].any():
            D = compared_with.distances(part)
            for row, which, inside in zip(D, near[part], here[part], strict=True):
                found.append(row[which[inside] - start])
    return np.concatenate(found)


def _counted(
    block: Any, start: int, rows: I64, asked: F64, near: I64, values: F64, frame: _Frame,
    direct: bool,
) -> I64:  # fmt: skip
    """Count the block's distances below each neighbour's, and equal ones of lower index."""
    compared_with = _Compared(block, asked, frame, direct)
    counts = np.zeros((2, *near.shape), np.int64)
    for part in _few(len(asked)):
        D = compared_with.distances(part)
        for i, row in zip(range(part.start, part.stop), D, strict=True):
            if start <= rows[i] < start + len(row):
                row[rows[i] - start] = np.inf
            for j, (value, column) in enumerate(zip(values[i], near[i], strict=True)):
                counts[0, i, j] = np.count_nonzero(row < value)
                counts[1, i, j] = np.count_nonzero(row[: max(0, column - start)] == value)
    return counts
