"""Figures of what is measured of maps: R_NX, Shepard's diagram, the KL divergence of the fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.colours import PALETTE
from gputsne.base.labels import text_of
from gputsne.plotting.asked import points_asked
from gputsne.plotting.chart import Axis, Chart, Density, Dots, Line, Rule, thinned
from gputsne.plotting.choice import choose_scale
from gputsne.plotting.sheet import output_of, show
from gputsne.plotting.theme import LIGHT

__all__ = ["kl_curves", "rnx_curves", "shepard"]

F64 = npt.NDArray[np.float64]
VERTICES = 500  # of a curve that are drawn: more than a screen shows
SORTED = 20_000_000  # distances that are sorted for one curve of R_NX, 2 s of two cores or so
CELLS = 100  # of a density, along each axis
FEW_PAIRS = 3000  # drawn as dots; more become a density
PAIRS_PER_MEDIAN, MEDIANS = 20, 40  # at least so many pairs for each, and at most so many


def rnx_curves(
    X: Any,
    maps: Any,
    *,
    sample: int | str | None = "auto",
    random_state: int | None = 0,
    metric: Any = "euclidean",
    metric_params: dict[str, Any] | None = None,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw R_NX(K) of one map or several: how well neighbourhoods of every size are kept.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        The data.
    maps : fitted TSNE or array of shape (n, c), or mapping of str to these
        One map, or several by name.
    sample : int, "auto" or None, default "auto"
        Points asked, the same in every map; "auto" asks 2,000, beyond n = 10,000 fewer: 2 10^7 / n,
        but at least 100. None asks all, or 10^8 / n.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
    title, caption : str, optional
        Texts above and below; "" for none.
    renderer : {"matplotlib", "plotly"}, optional
        Follows from the suffix of ``path``; matplotlib without one.
    dpi : float, optional
        Of png files; default 200.
    theme : {"light", "dark"}, default "light"
        Colours of paper and text.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        For an empty mapping, and what ``gputsne.metrics.rnx_curve`` refuses, with the map's name.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Notes
    -----
    1 keeps every neighbourhood of that size, 0 is a random map. The legend has the area under each
    curve over the logarithm of K, ``gputsne.metrics.rnx``. A curve is drawn by 500 points at most.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> figure = rnx_curves(X, {"two axes": X[:, :2], "one axis": X[:, :1]})
    """
    from gputsne.metrics import rnx_curve

    output = output_of(path, renderer, dpi, theme, title, caption)
    held = _several(maps, "maps")
    colours = output.theme.visible(PALETTE)
    marks = []
    least, n, asked = 0.0, 0, 0
    for i, (name, Y) in enumerate(held.items()):
        points = getattr(Y, "embedding_", Y)
        n = len(points)
        wanted = points_asked(sample, n, SORTED, 2000)
        try:
            curve = rnx_curve(
                X, points, sample=wanted, random_state=random_state, metric=metric,
                metric_params=metric_params,
            )  # fmt: skip
        except (TypeError, ValueError) as error:
            raise type(error)(f"map {name!r}: {error}" if name else str(error)) from error
        asked = n if wanted is None else min(n, wanted)
        K = np.arange(1, len(curve) + 1)
        area = float((curve / K).sum() / (1 / K).sum())
        shown = thinned(curve, VERTICES, log=True)
        said = f"{name} · area {area:.3f}" if name else f"area {area:.3f}"
        marks.append(Line(K[shown].astype(float), curve[shown], colours[i % len(colours)], said))
        least = min(least, float(curve.min()))
    facts = f"n = {n:,}" + (f" · {asked:,} points asked" if asked < n else "")
    chart = Chart(
        tuple(marks),
        Axis("K, nearest neighbours", log=True, limits=(1.0, float(max(n - 2, 2)))),
        Axis("R_NX(K): kept beyond chance", limits=(math.floor(10 * least) / 10, 1.0)),
        theme=output.theme,
        size=(6.0, 3.8),
        **output.texts("Neighbourhoods of every size", facts),
    )
    return show([chart], output)


def shepard(
    X: Any,
    map_or_model: Any,
    *,
    sample: int | None = 2000,
    random_state: int | None = 0,
    metric: Any = "euclidean",
    metric_params: dict[str, Any] | None = None,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw Shepard's diagram: distances of pairs in the map over those in the data.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        The data.
    map_or_model : fitted TSNE, or array of shape (n, c)
        The map.
    sample : int or None, default 2000
        Points whose pairs are drawn, at most 5,000; None takes that many.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        Distances in X, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
    title, caption : str, optional
        Texts above and below; "" for none. By default the title has the rank correlation,
        ``gputsne.metrics.distance_correlation``.
    renderer : {"matplotlib", "plotly"}, optional
        Follows from the suffix of ``path``; matplotlib without one.
    dpi : float, optional
        Of png files; default 200.
    theme : {"light", "dark"}, default "light"
        Colours of paper and text.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        If X and the map differ in length, hold NaN, or have fewer than 2 rows.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Notes
    -----
    Both axes are in units of their mean, since maps of t-SNE have no unit. Up to 3,000 pairs are
    dots; more are counted in 100 x 100 cells, with the median of each range of distances as a line.
    A map that keeps all distances in proportion is the diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> figure = shepard(X, X[:, :2])
    """
    from gputsne.base.errors import UndefinedMetric
    from gputsne.metrics import Context
    from gputsne.metrics.distances import distance_correlation_of

    output = output_of(path, renderer, dpi, theme, title, caption)
    Y = getattr(map_or_model, "embedding_", map_or_model)
    context = Context(
        X, Y, sample=sample, random_state=random_state, metric=metric, metric_params=metric_params
    )
    far, near = _in_means(context.pairs("X")), _in_means(context.pairs("Y"))
    if not len(far):
        raise ValueError("Shepard's diagram needs at least 2 points, got n=1")
    try:
        said = f"rank correlation {distance_correlation_of(context).value:.3f}"
    except UndefinedMetric:
        said = "no correlation: distances don't differ, or there are too few"
    theme_of = output.theme
    if len(far) <= FEW_PAIRS:
        marks: list[Any] = [Dots(far, near, theme_of.plain)]
    else:
        counts, x, y = np.histogram2d(
            far, near, bins=CELLS, range=[[0.0, far.max() or 1.0], [0.0, near.max() or 1.0]]
        )
        scale = choose_scale("viridis")
        shades = theme_of.scale(scale) if theme_of.dark else scale[::-1]
        marks = [Density(x, y, counts.T.astype(np.int64), shades, "pairs")]
        marks.append(_median(far, near, LIGHT.accent))  # the densest cells are bright when dark
    m = len(context.pair_rows)
    facts = f"n = {context.n:,} · {len(far):,} pairs"
    facts += f" of {m:,} points" if m < context.n else ""
    facts += " · line: median" if len(marks) > 1 else ""
    how = "distance" if metric == "euclidean" else f"{_said(metric)} distance"
    chart = Chart(
        tuple(marks),
        Axis(f"{how} in the data (mean = 1)", limits=(0.0, 1.03 * (float(far.max()) or 1.0))),
        Axis("distance in the map (mean = 1)", limits=(0.0, 1.03 * (float(near.max()) or 1.0))),
        theme=output.theme,
        size=(5.0, 4.4),
        **output.texts(f"Shepard's diagram, {said}", facts),
    )
    return show([chart], output)


def kl_curves(
    models: Any,
    *,
    after: int | None = None,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw the KL divergence during a fit or several, the end of early exaggeration marked.

    Parameters
    ----------
    models : fitted TSNE, pairs of (iteration, kl), or mapping of str to these
        One fit or several by name; pairs as ``TSNE.kl_history_`` has them.
    after : int, optional
        Iterations of early exaggeration; by default those of each model. Histories without a model
        have no mark unless it is given.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
    title, caption : str, optional
        Texts above and below; "" for none.
    renderer : {"matplotlib", "plotly"}, optional
        Follows from the suffix of ``path``; matplotlib without one.
    dpi : float, optional
        Of png files; default 200.
    theme : {"light", "dark"}, default "light"
        Colours of paper and text.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        For an empty mapping, an empty history, and iterations that don't ascend.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Notes
    -----
    The divergence is that of P as it is, not of the exaggerated one, so that it may rise before the
    mark. Curves of different perplexities can't be compared: each has a P of its own.

    Examples
    --------
    >>> figure = kl_curves([(50, 3.1), (250, 3.0), (300, 1.4), (350, 1.2)], after=250)
    """
    from gputsne.base.parameter_table import Whole
    from gputsne.inspection import convergence

    output = output_of(path, renderer, dpi, theme, title, caption)
    Whole(0, optional=True).check("after", after)
    colours = output.theme.visible(PALETTE)
    marks: list[Any] = []
    ends: dict[int, list[str]] = {}  # iterations, and the colours of the curves that they end in
    lasts = []
    for i, (name, model) in enumerate(_several(models, "models").items()):
        history = getattr(model, "kl_history_", model)
        rows = convergence(history).rows if len(history) else ()
        if not rows:
            raise ValueError(f"{name or 'models'}: the history of KL divergences is empty")
        x = np.array([row["iteration"] for row in rows], dtype=np.float64)
        y = np.array([row["kl"] for row in rows])
        end = _early(model) if after is None else after
        if end is not None and 0 < end < x[-1]:
            ends.setdefault(end, []).append(colours[i % len(colours)])
        lasts.append(float(y[-1]))
        said = f"{name} · {y[-1]:.3f}" if name else ""
        shown = thinned(y, VERTICES)
        marks.append(Line(x[shown], y[shown], colours[i % len(colours)], said, dots=len(x) <= 60))
    finite = [v for mark in marks for v in mark.y[np.isfinite(mark.y)].tolist()]
    for end in sorted(ends):
        said = f"exaggeration ends: {end:,}" if len(ends) == 1 else f"{end:,}"
        own = len(ends) > 1 and len(ends[end]) == 1  # one of several: in its curve's colour
        marks.append(Rule(end, said, ends[end][0] if own else output.theme.accent))
    facts = "" if marks[0].name else f"{lasts[0]:.3f} at the end"
    facts += "upright: where early exaggeration ends" if len(ends) > 1 else ""
    top = max(finite, default=1.0)
    chart = Chart(
        tuple(marks),
        Axis(
            "iteration",
            limits=(0.0, 1.02 * max(float(m.x[-1]) for m in marks if isinstance(m, Line))),
        ),
        Axis("KL divergence", limits=(min(0.0, *finite, 0.0), 1.05 * top if top > 0 else 1.0)),
        theme=output.theme,
        size=(6.0, 3.8),
        **output.texts("KL divergence during the fit", facts),
    )
    return show([chart], output)


def _early(model: Any) -> int | None:
    """Return the iterations of a model's early exaggeration, None where it doesn't say."""
    given = getattr(model, "parameters_", None)
    if not isinstance(given, dict):
        return None
    from gputsne.model.parameters import Parameters

    return Parameters.of(given).early_iterations


def _several(given: Any, name: str) -> dict[str, Any]:
    """Return what was given by name; what stands alone has none."""
    if not isinstance(given, Mapping):
        return {"": given}
    if not given:
        raise ValueError(f"{name} is empty: bring one or more")
    return {text_of(key): value for key, value in given.items()}


def _in_means(distances: F64) -> F64:
    mean = float(distances.mean()) if len(distances) else 0.0
    return distances / mean if mean > 0 else distances


def _median(x: F64, y: F64, colour: str) -> Line:
    """Return the median of y over x, in ranges of x that hold equally many."""
    parts = int(np.clip(len(x) // PAIRS_PER_MEDIAN, 1, MEDIANS))
    order = np.argsort(x, kind="stable")
    groups = np.array_split(order, parts)
    at = np.array([np.median(x[g]) for g in groups])
    middle = np.array([np.median(y[g]) for g in groups])
    return Line(at, middle, colour)


def _said(metric: Any) -> str:
    return metric if isinstance(metric, str) else str(getattr(metric, "__name__", "own"))
