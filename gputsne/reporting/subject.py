"""Subject of a report: points, map, labels and records, read and checked once for all sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column
from gputsne.base.parameter_table import Whole
from gputsne.base.tables import read
from gputsne.base.types import Array
from gputsne.inspection.records import Records, read_records
from gputsne.metrics import Context
from gputsne.plotting.labels import read_labels
from gputsne.provenance import Run
from gputsne.provenance.facts import describe

__all__ = ["Subject", "read_subject"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
# Points asked where the caller leaves it open, and distances that they may cost: 300 of 100,000
# points, whose sections take half a minute of one core together at 50 columns.
SAMPLE: Final = 2000
LEAST_SAMPLE: Final = 100
COMPARED: Final = 30_000_000
SORTED: Final = 10_000_000  # distances that are sorted, which takes ten times as long
NEIGHBORS: Final = 10  # as in ``metrics.evaluate``
PRINCIPAL: Final = 50  # axes that stand between input and map: what is usually embedded
NARROW: Final = 8  # columns of an input that are shown as records where there are no others


@dataclass(frozen=True, eq=False)
class Subject:
    """What is reported on.

    Attributes
    ----------
    context : Context
        Of data, map and labels, with one sample for every metric.
    X, Y : array of shape (n, d) or None, array of shape (n, c) or None
        Coordinates of data and map; X is None as well where only its distances are known.
    labels : object
        As they were given, None for none.
    kind : {"categories", "values", "none"}
        Of the labels.
    records : Records or None
        What the rows were made of.
    fields : tuple of str
        Fields of the records that are shown.
    run : dict
        What is known of the fit, as ``provenance.facts.describe`` or a run's record tells it.
    metric : str or callable
        How rows of X are compared.
    metric_params : dict or None
        Its parameters.
    k : int
        Neighbours per point.
    random_state : int or None
        Seed of samples.
    data : object
        X as it was given, names of columns included; None for none.
    auto : bool
        Whether the number of points asked was left open.
    palette : object
        Colours of labels that are categories, as ``gputsne.plot`` takes them.
    """

    context: Context
    X: F64 | None
    Y: F64 | None
    labels: Any = None
    kind: str = "none"
    records: Records | None = None
    fields: tuple[str, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    metric: Any = "euclidean"
    metric_params: dict[str, Any] | None = None
    k: int = 10
    random_state: int | None = 0
    data: Any = None
    auto: bool = True
    palette: Any = None

    @property
    def has_data(self) -> bool:
        """Whether there are data, or distances of them, besides the map."""
        return self.data is not None

    @property
    def n(self) -> int:
        """Points."""
        return self.context.n

    @property
    def sample(self) -> int | None:
        """Points that a sampled number asks, None for all."""
        return self.context.sample

    @property
    def vectors(self) -> F64:
        """Coordinates that clusters and neighbours are looked at in: the data, or else the map."""
        held = self.X if self.X is not None else self.Y
        if held is None:
            raise ValueError("only distances are known: bring the map, too")
        return held

    @property
    def given(self) -> dict[str, bool]:
        """Which of X, Y and labels there are for metrics."""
        has_labels = self.kind == "categories"  # values are no classes
        return {"X": self.has_data, "Y": self.Y is not None, "labels": has_labels}

    @cached_property
    def few(self) -> Context:
        """The context of fewer points, for what sorts the distances from each one to all."""
        most = max(LEAST_SAMPLE, SORTED // self.n)
        if not self.auto or self.sample is None or self.sample <= most:
            return self.context
        context = self.context.with_map(self.Y)
        context.sample = most
        vars(context).pop("rows", None)  # those of the larger sample
        return context

    @cached_property
    def spaces(self) -> dict[str, F64]:
        """The same points as input, along principal axes, and on the map."""
        held: dict[str, F64] = {}
        if self.X is not None:
            held["input"] = self.X
            d = self.X.shape[1]
            axes = PRINCIPAL if d > PRINCIPAL else 2 if self.Y is None else self.Y.shape[1]
            if axes < min(d, self.n):
                from sklearn.decomposition import PCA

                held["pca"] = PCA(axes, random_state=0).fit_transform(self.X)
        if self.Y is not None:
            held["map"] = self.Y
        return held

    @cached_property
    def groups(self) -> tuple[list[Any], I64, str]:
        """Names of groups, the group of each point (-1 for none), and what they are."""
        if self.kind == "categories":
            names, codes = read_column(self.labels, self.n).codes()
            return names, codes, "labels"
        if self.Y is None:
            return [], np.full(self.n, -1), "none"
        some, found = self.context.clustered
        codes = np.full(self.n, -1, dtype=np.int64)
        codes[some.numbers] = found
        said = "" if some.n == self.n else f", of {some.n:,} points drawn"
        return list(range(int(found.max()) + 1)), codes, f"clusters of the map (HDBSCAN{said})"


def read_subject(
    X: Any, Y: Any, labels: Any, records: Any, *, model: Any, run: Any,
    fields: Sequence[str] | str | None, k: int | None, sample: Any, random_state: int | None,
    metric: Any, metric_params: dict[str, Any] | None, palette: Any = None,
) -> Subject:  # fmt: skip
    """Read and check what a report is asked for.

    Parameters
    ----------
    X, Y, labels, records, model, run, fields, k, sample, random_state, metric, metric_params,
    palette
        As ``report`` has them.

    Returns
    -------
    Subject

    Raises
    ------
    TypeError, ValueError
        For points, labels and records that don't fit each other.
    """
    if hasattr(Y, "embedding_"):
        model, Y = Y, Y.embedding_
    elif hasattr(Y, "fit") and not hasattr(Y, "shape"):
        from sklearn.exceptions import NotFittedError

        raise NotFittedError("Y is a TSNE that has no map yet; call fit first")
    if X is None and Y is None:
        raise ValueError("a report needs X, Y or both, got neither")
    kind, name = "none", "X" if X is not None else "Y"
    context = Context(
        X, Y, labels, random_state=random_state, metric=metric, metric_params=metric_params
    )
    if sample == "auto":
        context.sample = min(SAMPLE, max(LEAST_SAMPLE, COMPARED // context.n))
    else:
        Whole(1, optional=True).check("sample", sample)
        context.sample = sample
    if labels is not None:
        read_column(labels, context.n, whose=name)
        kind = read_labels(labels, context.n).kind
    if palette is None:
        palette = getattr(model, "palette_", None)
    known = isinstance(metric, str) and metric == "precomputed"
    vectors = None if X is None or known else context.points("X")
    held = _records(records, X, vectors, context.n)
    told: dict[str, Any] = {}
    if model is not None:
        of_fit = getattr(model, "run_", None)
        told = describe(model) if of_fit is None else of_fit.to_dict()
    if isinstance(run, Run):
        run = run.to_dict()
    return Subject(
        context,
        vectors,
        None if Y is None else context.points("Y"),
        labels,
        kind,
        held,
        _fields(fields, held),
        {**told, **(run or {})},
        metric,
        metric_params,
        _neighbors_asked(k, context.n),
        random_state,
        X,
        isinstance(sample, str),
        palette if kind == "categories" else None,
    )


def _neighbors_asked(k: int | None, n: int) -> int:
    """Return the number of neighbours: 10, or what fewer than 21 points allow."""
    Whole(1, optional=True).check("k", k)
    if k is not None and k > n - 1:
        raise ValueError(f"k={k} needs at least k + 1 = {k + 1} points, got n={n}; lower k")
    return min(NEIGHBORS, max(1, (n - 1) // 2)) if k is None else k


def _records(records: Any, X: Any, vectors: Array | None, n: int) -> Records | None:
    """Return the records; of a narrow table with named columns, its own rows."""
    if records is not None:
        return read_records(records, n)
    if vectors is None or vectors.shape[1] > NARROW or not (names := read(X).names):
        return None
    columns = {str(name): vectors[:, j] for j, name in enumerate(names)}
    return read_records(columns, n) if len(columns) == vectors.shape[1] else None


def _fields(fields: Sequence[str] | str | None, held: Records | None) -> tuple[str, ...]:
    if held is None:
        if fields is not None:
            raise ValueError("fields has no effect without records; bring them, or leave it out")
        return ()
    if fields is None:
        return tuple(str(name) for name in held.fields)
    return tuple(held.check(fields, "fields"))
