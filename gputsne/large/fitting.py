"""fit_large: a map of a sample, all rows placed on it, then refined together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from gputsne.base.errors import BadInput
from gputsne.base.parameter_table import TABLE, Whole
from gputsne.base.tables import read
from gputsne.base.types import FloatArray
from gputsne.data.named import with_names
from gputsne.data.sources import Source, open_source
from gputsne.large.start import Start, starting_map
from gputsne.model.embedding import Embedding
from gputsne.planning.sampled import plan_sampled, sample_size
from gputsne.provenance.facts import map_sha256
from gputsne.provenance.run import Run

if TYPE_CHECKING:
    from gputsne.estimator import TSNE

__all__ = ["REFINE", "LargeMap", "SampledTSNE", "fit_large"]

# Iterations after placing that keep within 0.02 of the neighbours that a whole fit keeps, of MNIST
# and of a million rows (docs/large.md), by the classic schedule: the short one has a rate at which
# near copies change places.
REFINE: Final = 300
LEAST: Final = 10  # rows of a sample: with fewer there is no neighbourhood to be placed in
CALLED: Final = ("callbacks", "callbacks_every")  # what goes to the last fit alone
# What records call the stages before the refinement.
STAGES: Final = {"sample": "sample", "fit": "fit of the sample", "transform": "transform"}
# What the refinement sets itself.
SET: Final = (
    "init", "max_iter", "schedule", "early_exaggeration", "early_exaggeration_iter",
    "initial_momentum",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LargeMap:
    """A map of all rows that began as one of a sample.

    Attributes
    ----------
    embedding_ : array, shape (n, c), float32
        The map of all rows.
    sample_indices_ : array, shape (m,), int64
        Rows of the sample, ascending.
    sample_weights_ : array, shape (m,), float64
        How many rows each stands for.
    model_ : TSNE
        Fitted: to all rows where they were refined, else to the sample, whose row numbers are its
        ``ids_``. ``model_.affinities_`` and the like are of what it was fitted to.
    refined_ : int
        Iterations of all rows together that were done; 0 where each lies where it was placed.
    timings_ : dict of str to float
        Seconds: ``"sample"``, ``"fit"``, ``"transform"``, ``"refine"`` and ``"total"``.
    """

    embedding_: FloatArray
    sample_indices_: npt.NDArray[np.int64]
    sample_weights_: npt.NDArray[np.float64]
    model_: TSNE
    refined_: int
    timings_: dict[str, float] = field(default_factory=dict)

    def transform(self, X: Any, **asked: Any) -> FloatArray:
        """Place new rows, each on its own; see ``TSNE.transform``.

        Parameters
        ----------
        X : array_like, shape (m, d)
            New rows.
        **asked : object
            As in ``TSNE.transform``.

        Returns
        -------
        array, shape (m, c), float32
        """
        placed: FloatArray = self.model_.transform(X, **asked)
        return placed

    def save(self, path: Any) -> None:
        """Write ``model_`` to one file, which ``gputsne.load`` and ``gputsne transform`` read.

        Of a map that was not refined the file has the sample alone: write ``embedding_`` too.

        Parameters
        ----------
        path : str or Path
            Written whole or not at all.
        """
        self.model_.save(path)


def fit_large(
    source: Any, *, sample: Any = None, refine: int | bool | None = REFINE,
    method: str = "density", **parameters: Any,
) -> LargeMap:  # fmt: skip
    """Fit a sample, place all other rows on its map, and refine all of them together.

    Parameters
    ----------
    source : array, path, folder of shards, zarr array, list of these, or Source
        Rows, shape (n, d), as ``gputsne.open_source`` takes them; read block by block.
    sample : int, float, array of int or None
        Rows of the sample: how many, which share, or their numbers. None: a tenth, at least 5,000
        and at most 100,000.
    refine : int or None, default 300
        Iterations of all rows, from where they were placed, by the classic schedule without an
        early phase. None, False or 0: none, so that neighbours of all rows are never searched for,
        memory stays that of the sample and of blocks, and the map keeps half to
        two thirds of the neighbours.
    method : {"density", "random"}, default "density"
        How the sample is drawn: "density" lets rows where few others are come in before those of
        crowds, so that rare groups have places of their own.
    **parameters : object
        Of ``TSNE``; perplexity, metric, seed and the like hold for both fits, ``init``,
        ``max_iter``, ``schedule`` and the early phase for that of the sample, callbacks for the
        last.

    Returns
    -------
    LargeMap
        With ``embedding_``, ``sample_indices_``, ``model_``, ``transform`` and ``save``.

    Raises
    ------
    TypeError, ValueError
        For rows that can't be read, a sample larger than they are, parameters that TSNE refuses,
        and a graph or P of other rows (``neighbors``, ``affinity``, ``metric="precomputed"``).
    OverMemory
        It would not fit in memory; nothing was computed.

    Notes
    -----
    What it saves beside ``TSNE().fit``, and what it doesn't, is measured in docs/large.md: a
    refinement searches for all neighbours, as a whole fit does, and saves iterations alone.

    Examples
    --------
    >>> import gputsne
    >>> X = gputsne.datasets.load_digits().X
    >>> found = gputsne.fit_large(X, sample=300, refine=50, random_state=0, max_iter=300)
    >>> found.embedding_.shape, len(found.sample_indices_), found.model_.n_iter_
    ((1797, 2), 300, 50)
    """
    from gputsne.estimator import TSNE

    began = time.perf_counter()
    rows, X = _opened(source)
    n_iter = iterations(refine)
    check(parameters)
    m = len(_numbers(sample, len(rows))) if np.ndim(sample) else _size(sample, len(rows))
    plan_sampled(
        *rows.shape, sample=m, refine=n_iter > 0, lazy=X is rows, **planned(parameters)
    ).check(parameters.get("memory_limit"))
    chosen = _numbers(sample, len(rows)) if np.ndim(sample) else m
    last = {name: parameters.pop(name) for name in CALLED if name in parameters}
    own = parameters if n_iter else parameters | last
    start = starting_map(rows, chosen, method, own, refined=n_iter > 0, kind=TSNE)
    model: Any = start.model
    timings, Y = dict(start.timings), start.places
    drawn, weights = start.rows, start.weights
    del start  # the sample's model is not needed while all rows are refined
    if n_iter:
        refined: dict[str, Any] = refining(parameters, n_iter) | last
        with timed(timings, "refine"):
            model = TSNE(**refined, init=Y)
            model.fit(X)
        Y = np.asarray(model.embedding_)
        n_iter = int(model.n_iter_)  # a callback or ``stop`` may have ended it early
    else:
        model.ids_ = drawn
    timings["total"] = time.perf_counter() - began
    return LargeMap(Y, drawn, weights, model, n_iter, timings)


class SampledTSNE(Embedding):
    """A model whose fit starts from the map of a sample, for ``gputsne embed --sample``.

    Attributes
    ----------
    sample, refine, method_of_sample
        As ``sample``, ``refine`` and ``method`` of ``fit_large``; set after it is made.
    """

    sample: Any = None
    refine: int | None = REFINE
    method_of_sample: str = "density"

    def fit(self, X: Any, y: Any = None) -> SampledTSNE:
        """Fit a sample, place all rows, then refine them; see ``fit_large``."""
        asked = {row.name: getattr(self, row.name) for row in TABLE}
        parameters = {
            row.name: asked[row.name]
            for row in TABLE
            if row.name not in CALLED and asked[row.name] is not row.default
        }
        rows, X = _opened(X)
        n_iter = iterations(self.refine)
        check(parameters)
        m = _size(self.sample, len(rows))
        plan_sampled(*rows.shape, sample=m, refine=n_iter > 0, **planned(parameters)).check(
            self.memory_limit
        )
        self.__dict__.pop("_of_sample", None)
        if not n_iter:
            own = {name: asked[name] for name in CALLED if asked[name] is not DEFAULTS[name]}
            return self._placed(
                starting_map(rows, m, self.method_of_sample, parameters | own, refined=False)
            )
        start: Start = starting_map(rows, m, self.method_of_sample, parameters, refined=True)
        drawn, weights, taken = start.rows, start.weights, start.timings
        for name, value in (DEFAULTS | refining(parameters, n_iter)).items():
            if name in SET:
                setattr(self, name, value)
        self.init = start.places
        del start  # the sample's model is not needed while all rows are refined
        super().fit(X)
        self.sample_indices_, self.sample_weights_ = drawn, weights
        before = {STAGES[name]: seconds for name, seconds in taken.items()}
        last: dict[str, float] = dict(vars(self)["timings_"])
        whole = sum(before.values()) + last["total"]
        self.__dict__.update(timings_={**before, **last, "total": whole})
        return self

    def _placed(self, start: Start) -> SampledTSNE:
        """Take over the sample's fit, with the places of all rows as the map."""
        own = {k: v for k, v in vars(start.model).items() if k[0] == "_" or k[-1] == "_"}
        taken = {STAGES[name]: seconds for name, seconds in start.timings.items()}
        start.model.ids_ = start.rows
        self.__dict__.update(
            own, _run=None, _of_sample=start.model, embedding_=start.places,
            sample_indices_=start.rows, sample_weights_=start.weights,
            timings_={**taken, "total": sum(taken.values())},
        )  # fmt: skip
        return self

    @property
    def run_(self) -> Run:
        """Record of the fit; of all rows, refined or not."""
        run = super().run_
        if "_of_sample" not in vars(self):
            return run
        return replace(run, map_sha256=map_sha256(self.embedding_))

    def save(self, path: Any, *, affinities: bool = False) -> None:
        """Write the model as ``TSNE.save`` does; the sample's where nothing was refined."""
        model: Embedding | None = vars(self).get("_of_sample")
        if model is None:
            super().save(path, affinities=affinities)
            return
        if (ids := vars(self).get("ids_")) is not None:
            model.ids_ = np.asarray(ids)[self.sample_indices_]
        if (palette := vars(self).get("palette_")) is not None:
            model.palette_ = palette
        model.save(path, affinities=affinities)


DEFAULTS: Final = {row.name: row.default for row in TABLE}


def iterations(refine: Any) -> int:
    """Return how many iterations refine all rows.

    Parameters
    ----------
    refine : int, False or None
        As of ``fit_large``.

    Returns
    -------
    int
    """
    if refine is None or refine is False:
        return 0
    if refine is True:
        raise ValueError("refine=True says no number of iterations: leave it out, or give one")
    Whole(0).check("refine", refine)
    return int(refine)


def refining(parameters: Mapping[str, Any], n_iter: int) -> dict[str, Any]:
    """Return the parameters of the refinement but for its start.

    Parameters
    ----------
    parameters : mapping
        Of TSNE, as the caller gave them.
    n_iter : int
        Iterations.

    Returns
    -------
    dict
    """
    own = {name: value for name, value in parameters.items() if name not in SET}
    return own | {"early_exaggeration_iter": 0, "max_iter": n_iter}


def check(parameters: Mapping[str, Any]) -> None:
    """Raise for parameters that belong to other rows than the sample's, and for unknown ones.

    Parameters
    ----------
    parameters : mapping
        Of TSNE.
    """
    Embedding(**parameters)  # names what it doesn't know
    for name in ("neighbors", "affinity", "init"):
        value = parameters.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(
                f"{name} is an array: it would have to be one of the sample, which is drawn here; "
                "leave it out, or fit TSNE to the sample yourself"
            )
    for name in ("metric", "affinity"):
        if isinstance(parameters.get(name), str) and parameters[name] == "precomputed":
            raise ValueError(
                f"{name}='precomputed': rows are placed by their features, and there are none; use "
                "TSNE"
            )


def planned(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return those parameters that a plan of memory takes.

    Parameters
    ----------
    parameters : mapping
        Of TSNE.
    """
    names = (
        "n_components", "perplexity", "n_neighbors", "device", "pca", "affinity_dtype", "metric",
        "affinity", "init",
    )  # fmt: skip
    return {name: parameters[name] for name in names if parameters.get(name) is not None}


def _opened(X: Any) -> tuple[Source, Any]:
    """Return rows to be read by blocks, and what a fit of all of them is given."""
    if isinstance(X, np.ndarray) and not isinstance(X, np.memmap):
        return open_source(X), X
    if hasattr(X, "to_numpy") and hasattr(X, "columns"):  # a frame is in memory already
        table = read(X)  # names a column that isn't numeric
        values = with_names(np.asarray(table.values), list(table.names or map(str, X.columns)))
        return open_source(values), values
    if hasattr(X, "tocsr"):
        raise BadInput(
            "X is sparse, and the map of a sample needs rows that are read by blocks: reduce it "
            "to dense ones first (scikit-learn's TruncatedSVD), or use TSNE"
        )
    source = open_source(X)
    return source, source


def _size(sample: Any, n: int) -> int:
    """Return how many rows a sample has."""
    if sample is None:
        return sample_size(n)
    if isinstance(sample, float | np.floating):
        if not 0 < sample < 1:
            whole = f", {sample:.0f}" if LEAST <= sample < n + 1 else ""
            raise ValueError(
                f"sample={sample!r} is no share: give one between 0 and 1, both excluded, or a "
                f"number of rows as an integer{whole}"
            )
        return max(min(LEAST, n), round(float(sample) * n))
    if isinstance(sample, str):
        raise TypeError(f"sample={sample!r} is text: give a number of rows, or a share such as 0.1")
    Whole(1).check("sample", sample)
    if sample < min(LEAST, n):
        raise ValueError(f"sample={sample}: at least {LEAST} rows are needed to place others among")
    if sample > n:
        raise ValueError(f"sample={sample} is more than the {n} rows of the source")
    return int(sample)


def _numbers(sample: Any, n: int) -> npt.NDArray[np.int64]:
    """Return the row numbers of a sample that the caller chose, ascending."""
    rows = np.asarray(sample)
    if rows.dtype.kind == "b":
        raise ValueError("sample is a mask of rows: give their numbers, np.flatnonzero(sample)")
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ValueError(
            f"sample has shape {rows.shape} and dtype {rows.dtype}: give row numbers, a count, or "
            "a share"
        )
    rows = np.sort(rows.astype(np.int64))
    if len(rows) < min(LEAST, n):
        raise ValueError(
            f"sample names {len(rows)} rows: at least {LEAST} are needed to place others among"
        )
    if rows[0] < 0 or rows[-1] >= n or (np.diff(rows) == 0).any():
        raise ValueError(f"sample must name rows from 0 to {n - 1}, each once")
    return rows


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds of the block to timings, under a name.

    Parameters
    ----------
    timings : dict of str to float
        Is changed.
    name : str
        Of the stage.
    """
    began = time.perf_counter()
    try:
        yield
    finally:
        timings[name] = time.perf_counter() - began
