"""Figures of maps: one map, several side by side, by label and norm, by quality, beside others."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from gputsne.base.errors import DependencyMissing
from gputsne.base.messages import warn_user
from gputsne.base.parameter_table import Whole
from gputsne.plotting.asked import ALL_PAIRS, points_asked
from gputsne.plotting.caption import caption_of, number
from gputsne.plotting.layers import Asked
from gputsne.plotting.scene import Scene, Style, read_points, scene_of
from gputsne.plotting.sheet import Output, output_of, show
from gputsne.plotting.theme import LIGHT

__all__ = [
    "ACROSS", "beside", "by_norm", "by_quality", "check_annotate", "panel_of", "panels", "plot",
]  # fmt: skip

ACROSS = 4  # maps side by side, where the caller leaves it open
METHODS = ("PCA", "UMAP")
# Measures that look at k neighbours, which the caption then names.
OF_K = (
    "knn_preservation", "jaccard", "lcmc", "trustworthiness", "continuity", "mrre_false",
    "mrre_missing", "knn_accuracy", "neighborhood_hit",
)  # fmt: skip


def plot(
    map_or_model: Any,
    labels: Any = None,
    *,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    hover: Any = None,
    palette: Any = None,
    kind: str = "auto",
    vmin: Any = None,
    vmax: Any = None,
    point_size: float | None = None,
    opacity: float | None = None,
    annotate: bool | None = None,
    max_points: int | None = None,
    style: str = "default",
    density: str | bool | None = None,
    edges: Any = None,
    highlight: Any = None,
    ids: Any = None,
    note: bool | None = None,
    alt: str | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
    ax: Any = None,
) -> Any:
    """Draw a map and, with ``path``, write it.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1), (n, 2), (n, 3) or (n,)
        A model brings its perplexity, seed and KL divergence into the caption.
    labels : array-like, shape (n,), optional
        Categories or values to colour by. Whole numbers, texts and booleans are categories;
        dates, durations, numbers with a fraction, and more than 100 different whole numbers, are
        values. Missing ones (None, NaN, "") are grey, and so are infinite ones, of which the legend
        says so. An ordered categorical column keeps its order.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``. The file is replaced in one step.
    title : str, optional
        Text above the map.
    caption : str, optional
        Text below the map instead of what it takes to make it again: n, parameters that are not as
        by default, seed, KL, hash of the data and version; "" for none. If not all points are
        drawn the caption says so in any case.
    hover : column, mapping of columns, or table, optional
        What an interactive map shows beside label and row when the pointer is over a point.
    palette : mapping, sequence of colours, colormap or its name, "distinct" or "stable", optional
        Colours of categories. By default distinct ones, to colour-blind eyes too; of more than 20
        categories the 20 largest get them. A model keeps them in ``palette_``: a label has the same
        colour in every picture of it. For other maps pass a mapping of label to colour, for
        instance what ``Store.colours()`` keeps or :func:`gputsne.plotting.palette` gives for all
        labels there are, or a file of one (``.json``, ``.csv``). A sequence is
        dealt out in natural order of the labels. "stable": a colour that follows from each label's
        text alone. Colours are whatever matplotlib knows: "#rrggbb", "teal", "tab:blue", tuples.
        For values: a colormap such as "viridis" (default), or two or more colours to blend.
    kind : {"auto", "categories", "values"}, default "auto"
        What the labels are.
    vmin, vmax : float or date, optional
        Values that get the first and the last colour; by default the least and the greatest.
    point_size : float, optional
        Diameter of a point in 1/72 inch (in pixels for html), up to 500; follows n by default.
    opacity : float in (0, 1], optional
        Follows n by default.
    annotate : bool, optional
        Whether to write the names of the 20 largest categories onto the map (not for html), each
        where it is by itself, or beside it with a line; none over another. By default with 2 or
        more short names that hold most points, on a 2-D map of 300 or more.
    max_points : int, optional
        Draw a sample of at most this many points, each category by its share. Default: all; for
        html, what keeps the file below about 20 MB and fluid (300,000 points with two short
        ``hover`` columns; 250,000 by plotly, 100,000 in 3-D); a warning says so.
    style : {"default", "print", "thumbnail"}, default "default"
        "print": for a page or a slide: names off the points, with lines to their clusters, up to 40
        and up to three of one category where it lies in islands; a legend only of what has none; a
        glow; a bold title. "thumbnail": 320 pixels, short names alone.
    density : {"shade", "contours", "glow"}, False or None, optional
        "shade": each pixel shows how many points there are by its opacity, and of which labels by
        the mean of their colours. "contours": outlines over the points that enclose nine tenths and
        one half of each category. "glow": light under the points. By default "shade" above 200,000
        points, else "glow" in print; False for none.
    edges : True, sparse matrix of shape (n, n), or array of shape (m, 2), optional
        A graph to draw faintly under the points; True for that of the model. Of more than 50,000
        edges a sample, in which all have the same chance; the caption says so.
    highlight : array-like, optional
        What stands out, all else being grey: a mask of shape (n,), numbers of rows, ids (of
        ``ids``, or the model's ``ids_``), or labels as texts. Numbers that are labels, too, are
        refused: write ``["3"]`` for a label, and a mask for rows.
    ids : array-like, shape (n,), optional
        What ``highlight`` names rows by, and what an html page calls its points, finds and
        downloads; by default the model's ``ids_``, or the numbers of the rows.
    note : bool, optional
        Whether the caption says that distances between clusters mean little; by default in print,
        unless ``caption`` is given.
    alt : str, optional
        Alternative text instead of the figure's own, which counts and places the categories (not
        by plotly).
    renderer : {"matplotlib", "viewer", "plotly"}, optional
        Follows from the suffix of ``path``: matplotlib without one; for html the viewer
        (docs/viewer.md), and plotly for a 3-D map.
    dpi : float, optional
        Of png files and of the points in svg and pdf, which are drawn as an image above 5,000
        points; from 10 to 2400, default 200.
    theme : {"light", "dark"}, default "light"
        Colours of paper and text. On dark paper colours that were not chosen are
        lifted, so that none is lost in it. The viewer follows the reader's system unless it is
        "dark", and has a button for it.
    ax : matplotlib.axes.Axes, optional
        Draw into this one, by the theme that suits its paper; what an earlier call drew there
        stays, with its legend and caption.

    Returns
    -------
    matplotlib.figure.Figure, gputsne.viewer.MapPage or plotly.graph_objects.Figure
        Also when it was written. matplotlib's has ``alt``, the alternative text, which is in the
        file, too: a png's Description, an svg's desc, a pdf's Subject.

    Raises
    ------
    TypeError, ValueError
        For another suffix, labels of another length, a parameter of another kind or without effect.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Notes
    -----
    Axes have no ticks, since t-SNE axes have no meaning; both have the same scale. A 1-D map is
    drawn as a strip whose height shows density. The html file has the viewer in it (70 kB; by
    plotly 4.8 MB) and needs no network. Nothing touches pyplot, so it works without a display and
    in threads.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(100, 2))
    >>> figure = plot(Y, np.arange(100) % 3, title="Noise")
    """
    output = output_of(path, renderer, dpi, theme, viewer=True)
    reading: dict[str, Any] = {"kind": kind, "palette": palette, "limits": (vmin, vmax)}
    looks = Style(
        title, caption, point_size, opacity, annotate, dpi, output.theme, style, note, alt
    )
    if output.renderer != "matplotlib":
        from gputsne.plotting import interactive, viewing

        flat = read_points(map_or_model)[0].shape[1] < 3
        if not flat and renderer == "viewer":
            raise ValueError("renderer='viewer' draws maps of 1 or 2 columns; leave it out")
        by_viewer = flat and output.renderer == "viewer"
        idle = {"ax": ax, "annotate": annotate, "density": density, "edges": edges}
        idle |= {"style": None if style == "default" else style}
        idle |= {} if by_viewer else {"alt": alt}
        for name, value in idle.items():
            if value is not None:
                raise ValueError(f"{name} has no effect on an interactive map; leave it out")
        asked = Asked(density, edges, highlight, None if highlight is None else ids)
        made_by: Any = viewing if by_viewer else interactive
        n, cap = made_by.point_limit(map_or_model, hover)
        if ids is not None:
            every = viewing.with_ids(hover, ids, n)
            n, cap = made_by.point_limit(map_or_model, every)
            hover = hover if by_viewer else every
        if max_points is None and cap < n:
            _warn_of_sample(n, cap)
        paper = replace(looks, theme=LIGHT) if by_viewer else looks
        scene = scene_of(
            map_or_model, labels, paper, hover=hover, asked=replace(asked, density=False),
            max_points=cap if max_points is None else max_points, **reading,
        )  # fmt: skip
        if not by_viewer:
            return made_by.draw(scene, output.path)
        return made_by.draw(
            scene, output.path, labels=labels, n=n, chosen=palette, size=point_size,
            ids=getattr(map_or_model, "ids_", None) if ids is None else ids, opacity=opacity,
            theme="dark" if theme == "dark" else "auto",
        )  # fmt: skip
    from gputsne.plotting import static
    from gputsne.plotting.static_text import theme_on

    asked = Asked(density, edges, highlight, ids)
    if hover is not None:
        raise ValueError("hover has no effect on a static map; write an .html file or leave it out")
    if hasattr(ax, "figure"):
        looks = replace(looks, theme=theme_on(ax))
    scene = scene_of(
        map_or_model, labels, looks, hover=None, max_points=max_points, asked=asked, **reading
    )
    return static.draw(scene, looks, output.path, ax)


def _warn_of_sample(n: int, cap: int) -> None:
    warn_user(
        f"{cap:,} of {n:,} points are drawn, to keep the page light; pass "
        f"max_points={n} to have all, or fewer hover columns to have more; gputsne.tiles shows any "
        "number as they are zoomed into"
    )


def panels(
    maps: Mapping[str, Any],
    labels: Any = None,
    *,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    columns: int | None = None,
    palette: Any = None,
    kind: str = "auto",
    vmin: Any = None,
    vmax: Any = None,
    point_size: float | None = None,
    opacity: float | None = None,
    annotate: bool | None = None,
    max_points: int | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw several maps of the same rows side by side, with one legend.

    Parameters
    ----------
    maps : mapping of str to fitted TSNE or array of shape (n, c)
        What stands above each panel, and the map in it.
    labels : array-like, shape (n,), optional
        As in ``plot``; a label has the same colour in every panel.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``. The file is replaced in one step.
    title, caption : str, optional
        Texts above and below all panels.
    columns : int, optional
        Panels side by side; by default up to four.
    palette, kind, vmin, vmax, point_size, opacity, annotate, max_points : object
        As in ``plot``; ``max_points`` is of each panel.
    renderer, dpi, theme : object
        As in ``plot``.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        As ``plot``, and where ``maps`` is empty or no mapping.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(100, 2))
    >>> figure = panels({"as it is": Y, "mirrored": -Y}, np.arange(100) % 3)
    """
    if not isinstance(maps, Mapping) or not maps:
        raise TypeError(
            f"maps must be a mapping of names to one map or more, got {type(maps).__name__}"
            + (" with none" if isinstance(maps, Mapping) else "")
        )
    Whole(1, optional=True).check("columns", columns)
    output = output_of(path, renderer, dpi, theme, title, caption)
    check_annotate(annotate, output)
    style = Style(None, "", point_size, opacity, annotate, dpi, output.theme)
    reading: dict[str, Any] = {"kind": kind, "palette": palette, "limits": (vmin, vmax)}
    scenes = [
        # As an array: a model's own colours would differ from panel to panel.
        panel_of(read_points(Y)[0], labels, replace(style, title=str(name)), output, max_points,
               panels=len(maps), **reading)
        for name, Y in maps.items()
    ]  # fmt: skip
    return show(
        scenes, output, columns=columns or ACROSS, title=title or "", caption=caption or "",
        one_key=True, annotate=annotate,
    )  # fmt: skip


def by_norm(
    map_or_model: Any,
    X: Any,
    labels: Any = None,
    *,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    palette: Any = None,
    point_size: float | None = None,
    opacity: float | None = None,
    annotate: bool | None = None,
    max_points: int | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw a map by label and, beside it, by the length of each row of the data.

    Models that were trained with cosine similarity often say in the length how sure they are, or
    how unusual a record is; where all lengths are alike they say nothing, and the caption tells.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1), (n, 2), (n, 3) or (n,)
        The map.
    X : array_like or DataFrame, shape (n, d)
        The vectors it was made of, before any scaling.
    labels : array-like, shape (n,), optional
        As in ``plot``.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
    title, caption : str, optional
        Texts above and below both; by default the caption has the facts of the map and the spread
        of the lengths.
    palette, point_size, opacity, annotate, max_points : object
        As in ``plot``; of the labels' panel, and of both.
    renderer, dpi, theme : object
        As in ``plot``.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        As ``plot``, and where X has another number of rows or NaN.
    DependencyMissing
        If matplotlib or plotly is not installed.

    See Also
    --------
    gputsne.inspect.norms : the same in numbers, with known anomalies.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> figure = by_norm(X[:, :2], X, np.arange(100) % 3)
    """
    from gputsne.base.rows import finite_points

    output = output_of(path, renderer, dpi, theme, title, caption)
    check_annotate(annotate, output)
    Y, model = read_points(map_or_model)
    lengths = np.linalg.norm(finite_points("X", X, len(Y)), axis=1)
    mean, spread = float(lengths.mean()), float(lengths.std())
    said = f"length {number(mean)} ± {number(spread)}"
    if spread <= 0.01 * mean:
        said += " (all alike: it tells nothing)"
    style = Style(None, "", point_size, opacity, annotate, dpi, output.theme)
    how: dict[str, Any] = {"panels": 2, "limits": (None, None)}
    left, right = (replace(style, title=name) for name in ("by label", "by length of the vector"))
    first = panel_of(
        map_or_model, labels, left, output, max_points, kind="auto", palette=palette, **how
    )
    second = panel_of(Y, lengths, right, output, max_points, kind="values", palette=None, **how)
    second = replace(second, labels=replace(second.labels, title="L2 norm"))
    facts = f"{caption_of(model, len(Y))} · {said}" if caption is None else caption
    return show([first, second], output, title=title or "", caption=facts, annotate=annotate)


def by_quality(
    map_or_model: Any,
    X: Any = None,
    labels: Any = None,
    *,
    measure: str = "knn_preservation",
    k: int = 10,
    sample: int | str | None = "auto",
    random_state: int | None = 0,
    metric: Any = "euclidean",
    metric_params: dict[str, Any] | None = None,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    palette: Any = "cividis",
    vmin: float | None = None,
    vmax: float | None = None,
    point_size: float | None = None,
    opacity: float | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw a map by what each point adds to a quality metric: where it can be believed.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1), (n, 2), (n, 3) or (n,)
        The map.
    X : array_like or DataFrame, shape (n, d), or None
        The data, where the measure compares with them.
    labels : array_like, shape (n,), or None
        Categories, where the measure needs them. They are not drawn.
    measure : str, default "knn_preservation"
        A metric of ``gputsne.metrics.METRICS`` that is a mean over points, such as
        "trustworthiness", "continuity", "neighborhood_hit" or "silhouette".
    k : int, default 10
        Neighbours per point.
    sample : int, "auto" or None, default "auto"
        Points asked; the others are grey. "auto" asks as many as 5 10^8 distances in each space
        allow: all of 22,000, some 7,000 of 70,000. None asks all.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
    title, caption : str, optional
        Texts above and below; by default measure and mean, and the facts of the map.
    palette : colormap, its name, or sequence of colours, default "cividis"
        From the least to the greatest value; the default looks the same to colour-blind eyes.
    vmin, vmax : float, optional
        Values that get the first and the last colour; by default the least and the greatest.
    point_size, opacity, renderer, dpi, theme : object
        As in ``plot``.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        For a measure that is no mean over points, one that needs X or labels where there are none,
        and as ``plot``.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> figure = by_quality(X[:, :2], X, measure="trustworthiness")
    """
    from gputsne.metrics import per_point

    output = output_of(path, renderer, dpi, theme, title, caption)
    Y, model = read_points(map_or_model)
    n = len(Y)
    asked = points_asked(sample, n, ALL_PAIRS, n)
    scores = per_point(
        measure, X, Y, labels, k=k, metric=metric, metric_params=metric_params, sample=asked,
        random_state=random_state,
    )  # fmt: skip
    known = np.isfinite(scores)
    name = measure.replace("_", " ")
    mean = f"{scores[known].mean():.3f}" if known.any() else "none"
    facts = caption_of(model, n)
    if not known.all():
        facts += f" · {number(int(known.sum()))} of {n:,} points have a value"
    if measure in OF_K:
        facts += f" · k = {k}"
    style = Style(
        f"{name}, mean {mean}" if title is None else title, facts if caption is None else caption,
        point_size, opacity, None, dpi, output.theme,
    )  # fmt: skip
    shade = palette
    if isinstance(palette, str) and palette == "cividis":
        from gputsne.plotting.choice import choose_scale

        shade = output.theme.scale(choose_scale(palette))
    scene = panel_of(
        Y, scores, style, output, None, kind="values", palette=shade, limits=(vmin, vmax)
    )
    said = replace(scene.labels, title=name, missing_name="no value")
    return show([replace(scene, labels=said)], output)


def beside(
    map_or_model: Any,
    X: Any,
    labels: Any = None,
    *,
    methods: Sequence[str] | None = None,
    random_state: int | None = 0,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    palette: Any = None,
    point_size: float | None = None,
    opacity: float | None = None,
    annotate: bool | None = None,
    max_points: int | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw a map beside those that PCA and UMAP make of the same rows.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1), (n, 2), (n, 3) or (n,)
        The map.
    X : array_like or DataFrame, shape (n, d)
        The data, prepared as they were for the map.
    labels : array-like, shape (n,), optional
        As in ``plot``; a label has the same colour in every panel.
    methods : sequence of {"PCA", "UMAP"}, optional
        What stands beside the map. By default both; where umap-learn is not installed, UMAP is left
        out and the caption says so.
    random_state : int or None, default 0
        Seed of UMAP, which then runs on one thread; None lets it use all.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
    title, caption : str, optional
        Texts above and below all panels.
    palette, point_size, opacity, annotate, max_points, renderer, dpi, theme : object
        As in ``panels``.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        For a method that is neither, and as ``panels``.
    DependencyMissing
        If UMAP is asked for by name and umap-learn is not installed, or matplotlib or plotly.

    Notes
    -----
    UMAP runs by its own defaults: 15 neighbours, least distance 0.1. How the maps compare is told
    by ``gputsne.metrics.compare``, not by their looks.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> figure = beside(X[:, :2], X, np.arange(100) % 3, methods=["PCA"])
    """
    from gputsne.base.rows import finite_points

    output_of(path, renderer, dpi, theme)  # refuses before anything is fitted
    wanted = METHODS if methods is None else tuple(methods)
    for method in wanted:
        if method not in METHODS:
            raise ValueError(f"methods has {method!r}: choose from {', '.join(METHODS)}")
    Y, model = read_points(map_or_model)
    rows = finite_points("X", X, len(Y))
    facts = caption_of(model, len(Y))
    if "UMAP" in wanted and importlib.util.find_spec("umap") is None:
        if methods is not None:
            raise DependencyMissing("a map by UMAP needs umap-learn: pip install umap-learn")
        wanted = ("PCA",)
        facts += " · without UMAP, which is not installed (pip install umap-learn)"
    maps = {"t-SNE" if model is not None else "the map": Y}
    maps |= {method: _made(method, rows, random_state) for method in wanted}
    return panels(
        maps, labels, path=path, title=title, caption=facts if caption is None else caption,
        palette=palette, point_size=point_size, opacity=opacity, annotate=annotate,
        max_points=max_points, renderer=renderer, dpi=dpi, theme=theme,
    )  # fmt: skip


def _made(method: str, X: Any, seed: int | None) -> Any:
    """Return the map of two dimensions that a method makes."""
    if method == "PCA":
        from sklearn.decomposition import PCA

        return PCA(min(2, *X.shape)).fit_transform(X)
    from umap import UMAP

    # A seed makes UMAP run on one thread, and warn unless it was told to.
    threads = {} if seed is None else {"random_state": seed, "n_jobs": 1}
    return UMAP(**threads).fit_transform(X)


def panel_of(
    map_or_model: Any, labels: Any, style: Style, output: Output, max_points: int | None, *,
    panels: int = 1, **reading: Any,
) -> Scene:  # fmt: skip
    """Return the scene of one of several panels.

    Parameters
    ----------
    map_or_model, labels, style, max_points : object
        As ``scene_of`` takes them.
    output : Output
        Who draws: a page has as many points in all as one map would.
    panels : int
        How many there are.
    **reading : object
        What else ``scene_of`` takes.
    """
    most = max_points
    if output.renderer == "plotly":
        from gputsne.plotting import interactive

        n, cap = interactive.point_limit(map_or_model, None)
        cap = max(1, cap // panels)
        if most is None and cap < n:
            _warn_of_sample(n, cap)
            most = cap
    return scene_of(map_or_model, labels, style, hover=None, max_points=most, **reading)


def check_annotate(annotate: bool | None, output: Output) -> None:
    """Refuse names on a page's map, before anything is computed."""
    Style(annotate=annotate)
    if annotate is not None and output.renderer == "plotly":
        raise ValueError("annotate has no effect on an interactive map; leave it out")
