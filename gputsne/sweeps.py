"""sweep: maps of one table at several perplexities, seeds or settings, from one search."""

from __future__ import annotations

import itertools
import numbers
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, overload

from gputsne.base.arrays import host
from gputsne.base.labels import read_column
from gputsne.base.parameter_table import Whole
from gputsne.base.tables import admitted
from gputsne.base.types import KNNGraph
from gputsne.estimator import TSNE
from gputsne.metrics import best, compare
from gputsne.model import pipeline
from gputsne.model.input import matrix_of
from gputsne.model.parameters import Parameters

__all__ = ["Sweep", "Trial", "sweep"]

# What neighbours depend on: trials that agree in all of it share one search, the longest lists.
PREPARED_BY = ("scale", "pca", "impute")
SEARCHED_BY = ("metric", "metric_params", *PREPARED_BY, "min_recall", "neighbors", "device")
SHARED = ("perplexity", "uniform")  # affinities that read no unit of the distances


@dataclass(frozen=True)
class Trial:
    """One map of a sweep.

    Attributes
    ----------
    name : str
        What tells it from the other trials, as one line.
    settings : dict of str to object
        Perplexity, ``random_state`` and what the grid has.
    model : TSNE
        The fitted estimator.
    scores : dict of str to float
        What ``gputsne.metrics.evaluate`` says of the map.
    seconds : float
        Of its fit, the shared search not counted.
    """

    name: str
    settings: dict[str, Any]
    model: TSNE
    scores: dict[str, float]
    seconds: float


class Sweep(Sequence[Trial]):
    """Trials of a sweep, in the order of the settings.

    Parameters
    ----------
    trials : sequence of Trial
        At least one.
    searches : int
        Neighbour searches that they took.

    Attributes
    ----------
    trials : tuple of Trial
        As given.
    searches : int
        As given.
    """

    def __init__(self, trials: Sequence[Trial], searches: int) -> None:
        self.trials = tuple(trials)
        self.searches = searches

    def __len__(self) -> int:
        """Return the number of trials."""
        return len(self.trials)

    @overload
    def __getitem__(self, at: int) -> Trial: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Trial]: ...
    def __getitem__(self, at: int | slice) -> Trial | Sequence[Trial]:
        """Return trial ``at``."""
        return self.trials[at]

    def __iter__(self) -> Iterator[Trial]:
        """Go through the trials."""
        return iter(self.trials)

    def __repr__(self) -> str:
        """Name the trials."""
        return f"Sweep({'; '.join(trial.name for trial in self.trials)})"

    def table(self) -> list[dict[str, Any]]:
        """Return one flat record per trial, for ``pandas.DataFrame`` and its like.

        Returns
        -------
        list of dict
            Settings, ``kl_divergence`` (comparable between trials of one P only), ``seconds`` and
            all scores.
        """
        return [
            {
                **trial.settings,
                "kl_divergence": trial.model.kl_divergence_,
                "seconds": trial.seconds,
                **trial.scores,
            }
            for trial in self.trials
        ]

    def best(self, metric: str = "knn_preservation") -> Trial:
        """Return the trial that is best by a metric; of equals the first.

        Parameters
        ----------
        metric : str, default "knn_preservation"
            A name of ``gputsne.metrics.METRICS``.

        Returns
        -------
        Trial
            Whose value is nearest to the metric's best end.

        Raises
        ------
        ValueError
            For a metric that there is none of, that no trial has a value of, or that needs labels
            where there were none.
        """
        found = {str(i): trial.scores for i, trial in enumerate(self.trials)}
        return self.trials[int(best(found, metric))]

    def plot(
        self,
        labels: Any = None,
        *,
        path: str | PathLike[str] | None = None,
        columns: int | None = None,
        dpi: float | None = None,
        **options: Any,
    ) -> Any:
        """Draw all maps side by side: a triptych where there are three.

        Parameters
        ----------
        labels : array-like, shape (n,), optional
            As in ``gputsne.plot``; the same colours in every panel.
        path : path-like, optional
            Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
        columns : int, optional
            Panels side by side; by default up to four.
        dpi : float, optional
            Pixels per inch of a png; needs ``path``.
        **options : object
            What else ``gputsne.plotting.panels`` takes.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure
            Also when it was written.

        Raises
        ------
        TypeError, ValueError
            As ``gputsne.plot``.
        DependencyMissing
            If matplotlib or plotly is not installed.
        """
        from gputsne.plotting import panels

        titles = {trial.name: trial.model for trial in self.trials}
        return panels(titles, labels, path=path, columns=columns, dpi=dpi, **options)


def sweep(
    X: Any,
    labels: Any = None,
    *,
    perplexity: Any = (5, 30, 50),
    seeds: Any = (0,),
    grid: Mapping[str, Sequence[Any]] | None = None,
    k: int = 10,
    sample: int | str | None = "auto",
    **params: Any,
) -> Sweep:
    """Fit a map for every combination of settings, and evaluate each.

    Parameters
    ----------
    X : array_like, DataFrame, sparse matrix or AnnData, shape (n, d)
        Data, whatever ``TSNE.fit`` takes.
    labels : array_like, shape (n,), or None
        Categories, for the metrics that need them.
    perplexity : float or sequence of float, default (5, 30, 50)
        One map for each.
    seeds : int or sequence of int, default (0,)
        One map for each, as ``random_state``.
    grid : mapping of str to sequence, or None
        Other parameters of ``TSNE``, each with the values to try.
    k : int, default 10
        Neighbours per point that are looked at.
    sample : int, "auto" or None, default "auto"
        Points asked, as in ``gputsne.metrics.evaluate``. Maps are compared with X, or, where X is
        sparse or has NaN to impute, with the rows that the fit made of it.
    **params : object
        Parameters of ``TSNE`` that all maps share.

    Returns
    -------
    Sweep
        A sequence of trials with ``table()``, ``best(metric)`` and ``plot(labels)``.

    Raises
    ------
    TypeError, ValueError
        For parameters that ``TSNE`` doesn't have or refuses, before anything is fitted; empty
        lists; a parameter that is given twice.

    Notes
    -----
    Neighbours are searched once, as many as the largest perplexity needs, with the first seed, and
    each map takes the nearest of them; again only where ``metric``, ``pca`` or another parameter
    that neighbours depend on is in ``grid``. An approximate search therefore finds what a single
    fit would up to ``min_recall``; an exact one the same. Every model keeps its P.

    Examples
    --------
    >>> import gputsne
    >>> X = gputsne.datasets.load_digits().X[:200]
    >>> found = sweep(X, perplexity=(5, 20), max_iter=300)
    >>> [trial.settings["perplexity"] for trial in found], found.searches
    ([5, 20], 1)
    """
    trials = [
        TSNE(**(params | chosen)) for chosen in _combinations(perplexity, seeds, grid, params)
    ]
    varied = ["perplexity", *(grid or {}), "random_state"]
    X = admitted(matrix_of(X))
    n = int(X.shape[0])
    checked = [Parameters.of(model.get_params(deep=False)) for model in trials]
    _check_wishes(n, labels, k, sample)
    found: dict[int, KNNGraph] = {}
    groups = _groups(checked)
    for group in (alike for alike in groups if len(alike) > 1):
        longest = max(group, key=lambda i: checked[i].k_for(n, checked[i].perplexity_for(n)))
        graph = pipeline.search(X, checked[longest])
        found |= dict.fromkeys(group, graph)
    seconds = []
    for i, model in enumerate(trials):
        if i in found:
            own = checked[i].k_for(n, checked[i].perplexity_for(n))
            model.set_params(neighbors=found[i], n_neighbors=min(own, found[i].k))
        started = time.perf_counter()
        model.fit(X)
        seconds.append(time.perf_counter() - started)
        if i in found:
            model.set_params(**{a: getattr(checked[i], a) for a in ("neighbors", "n_neighbors")})
    settings = [{name: getattr(p, name) for name in varied} for p in checked]
    scores = _scores(X, trials, checked, labels, k, sample)
    lines = zip(_names(settings), settings, trials, scores, seconds, strict=True)
    return Sweep([Trial(*line) for line in lines], len(groups))


def _combinations(
    perplexity: Any, seeds: Any, grid: Mapping[str, Sequence[Any]] | None, params: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Return every combination of what is varied, the seed changing first."""
    axes: dict[str, list[Any]] = {
        "perplexity": _values("perplexity", perplexity),
        "random_state": _values("seeds", seeds),
    }
    for name, values in (grid or {}).items():
        if name in axes:
            instead = "perplexity" if name == "perplexity" else "seeds"
            raise ValueError(f"grid has {name!r}: pass {instead}={values!r} instead")
        axes[name] = _values(f"grid[{name!r}]", values)
    for name in axes:
        if name in params:
            raise ValueError(f"{name}={params[name]!r} is given twice: as a list and alone")
    names = ["perplexity", *(grid or {}), "random_state"]
    for values in itertools.product(*(axes[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def _values(name: str, given: Any) -> list[Any]:
    """Return the values to try, of a sequence or a value alone."""
    alone = isinstance(given, str) or not hasattr(given, "__iter__")
    values = [given] if alone else list(given)
    if not values:
        raise ValueError(f"{name} is empty: bring at least one value")
    return values


def _names(settings: list[dict[str, Any]]) -> list[str]:
    """Return what tells each trial from the others: settings that have several values.

    A value that is no number or word, such as an array, is told by its place among the values.
    """
    values = {
        name: list({id(line[name]): line[name] for line in settings}.values())
        for name in settings[0]
    }
    several = [name for name, seen in values.items() if len(seen) > 1] or ["perplexity"]

    def told(name: str, value: Any) -> str:
        if isinstance(value, float) and value.is_integer():
            return f"{name}={value:.0f}"
        if value is None or isinstance(value, str | numbers.Number):
            return f"{name}={value}"
        return f"{name}=#{1 + [id(other) for other in values[name]].index(id(value))}"

    names: list[str] = []
    for line in settings:
        name = ", ".join(told(name, line[name]) for name in several)
        again = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({again + 1})" if again else name)
    return names


def _groups(checked: list[Parameters]) -> list[list[int]]:
    """Return which trials share one search, alone or with others; who doesn't search is in none."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, params in enumerate(checked):
        given = params.neighbors is not None and not isinstance(params.neighbors, str)
        if given or params.p_given or params.has_no_rows:
            continue
        alone = () if params.affinity in SHARED else (i,)
        groups.setdefault((*_same(params, SEARCHED_BY), *alone), []).append(i)
    return list(groups.values())


def _same(params: Parameters, names: Sequence[str]) -> tuple[int, ...]:
    """Return what trials of the same values have in common: each value is one object for them all.

    Values may be arrays and functions, which neither compare nor print in full.
    """
    return tuple(id(getattr(params, name)) for name in names)


def _check_wishes(n: int, labels: Any, k: Any, sample: Any) -> None:
    """Refuse what the evaluation would refuse, before anything is fitted."""
    Whole(1).check("k", k)
    if k >= n / 2:
        raise ValueError(f"k={k} must be below n / 2 = {n / 2:g}")
    if not (isinstance(sample, str) and sample == "auto"):
        Whole(1, optional=True).check("sample", sample)
    if labels is not None:
        read_column(labels, n, whose="X")


def _as_prepared(X: Any, params: Parameters) -> bool:
    """Tell whether maps are compared with the fit's rows: dense, and without holes."""
    return hasattr(X, "tocsr") or params.impute is not None


def _scores(
    X: Any, trials: list[TSNE], checked: list[Parameters], labels: Any, k: int, sample: Any
) -> list[dict[str, float]]:
    """Evaluate all maps, those of one metric together."""
    scores: list[dict[str, float]] = [{} for _ in trials]
    alike: dict[tuple[int, ...], list[int]] = {}
    for i, params in enumerate(checked):
        how = PREPARED_BY if _as_prepared(X, params) else ()
        alike.setdefault(_same(params, ("metric", "metric_params", *how)), []).append(i)
    for group in alike.values():
        params, data = checked[group[0]], X
        if params.affinity_name == "precomputed" or (params.has_no_rows and hasattr(X, "tocsr")):
            data = None  # no distances of all pairs
        elif _as_prepared(X, params):
            data = trials[group[0]].fitted_map_.rows
        maps = {str(i): host(trials[i].embedding_) for i in group}
        found = compare(
            data, maps, labels, k=k, sample=sample, metric=params.metric,
            metric_params=params.metric_params,
        )  # fmt: skip
        for i in group:
            scores[i] = found[str(i)]
    return scores
