"""Pictures of maps: ``plot`` draws png, svg and pdf by matplotlib, html by plotly.

labels.py reads the labels, choice.py and colours.py give them colours, scene.py settles what is
drawn; static.py and interactive.py draw it, side_by_side.py several in one figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from gputsne.base.files import check_writable, path_of
from gputsne.base.messages import warn_user
from gputsne.base.parameter_table import Whole
from gputsne.plotting.colours import colour_of, palette
from gputsne.plotting.scene import Style, scene_of

__all__ = ["colour_of", "palette", "panels", "plot"]

STATIC = (".png", ".svg", ".pdf")
INTERACTIVE = (".html",)


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
    renderer: str | None = None,
    dpi: float | None = None,
    ax: Any = None,
) -> Any:
    """Draw a map and, with ``path``, write it.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1), (n, 2), (n, 3) or (n,)
        A model brings its perplexity, seed and KL divergence into the caption.
    labels : array-like, shape (n,), optional
        Categories or values to colour by. Whole numbers, texts and booleans are categories;
        dates, numbers with a fraction, and more than 100 different whole numbers, are values.
        Missing ones (None, NaN, "") are grey.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``. The file is replaced in one step.
    title : str, optional
        Text above the map.
    caption : str, optional
        Text below the map instead of n, perplexity, seed, KL and version; "" for none. If not all
        points are drawn the caption says so in any case.
    hover : column, mapping of columns, or table, optional
        What an interactive map shows beside label and row when the pointer is over a point.
    palette : mapping, sequence of colours, colormap or its name, "distinct" or "stable", optional
        Colours of categories. By default distinct ones, to colour-blind eyes too; of more than 20
        categories the 20 largest get them. A model keeps them in ``palette_``: a label has the same
        colour in every picture of it. For other maps pass a mapping of label to colour, for
        instance what :func:`gputsne.plotting.palette` gives for all labels there are. A sequence is
        dealt out in natural order of the labels. "stable": a colour that follows from each label's
        text alone. Colours are whatever matplotlib knows: "#rrggbb", "teal", "tab:blue", tuples.
        For values: a colormap such as "viridis" (default), or two or more colours to blend.
    kind : {"auto", "categories", "values"}, default "auto"
        What the labels are.
    vmin, vmax : float or date, optional
        Values that get the first and the last colour; by default the least and the greatest.
    point_size : float, optional
        Diameter of a point in 1/72 inch (in pixels for html); follows n by default.
    opacity : float in (0, 1], optional
        Follows n by default.
    annotate : bool, optional
        Whether to write the names of the 20 largest categories onto the map (not for html); by
        default with 2 or more short names that hold most points, on a 2-D map of 300 or more.
    max_points : int, optional
        Draw a sample of at most this many points, each category by its share. Default: all; for
        html, what keeps the file below about 15 MB (250,000 points without ``hover`` columns) and,
        in 3-D, fluid (100,000 points); a warning says so.
    renderer : {"matplotlib", "plotly"}, optional
        Follows from the suffix of ``path``; matplotlib without one.
    dpi : float, optional
        Of png files and of the points in svg and pdf, which are drawn as an image above 5,000
        points; default 200.
    ax : matplotlib.axes.Axes, optional
        Draw into this one; what an earlier call drew there stays, with its legend and caption.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        For another suffix, labels of another length, a parameter of another kind or without effect.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Notes
    -----
    Axes have no ticks, since t-SNE axes have no meaning; both have the same scale. A 1-D map is
    drawn as a strip whose height shows density. The html file holds plotly.js (4.8 MB) and needs no
    network. Nothing touches pyplot, so it works without a display and in threads.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(100, 2))
    >>> figure = plot(Y, np.arange(100) % 3, title="Noise")
    """
    target = None if path is None else path_of(path)
    chosen = _renderer(target, renderer)
    if target is not None:
        check_writable(target)
    style = Style(title, caption, point_size, opacity, annotate, dpi)
    reading: dict[str, Any] = {"kind": kind, "palette": palette, "limits": (vmin, vmax)}
    if chosen == "plotly":
        from gputsne.plotting import interactive

        for name, value in (("ax", ax), ("annotate", annotate), ("dpi", dpi)):
            if value is not None:
                raise ValueError(f"{name} has no effect on an interactive map; leave it out")
        n, cap = interactive.point_limit(map_or_model, hover)
        if max_points is None and cap < n:
            warn_user(
                f"{cap:,} of {n:,} points are drawn, to keep the page light; pass "
                f"max_points={n} to have all, or fewer hover columns to have more"
            )
        most = cap if max_points is None else max_points
        scene = scene_of(map_or_model, labels, style, hover=hover, max_points=most, **reading)
        return interactive.draw(scene, target)
    from gputsne.plotting import static

    if dpi is not None and target is None:
        raise ValueError("dpi has no effect without path; pass path, or leave dpi out")
    if hover is not None:
        raise ValueError("hover has no effect on a static map; write an .html file or leave it out")
    scene = scene_of(map_or_model, labels, style, hover=None, max_points=max_points, **reading)
    return static.draw(scene, style, target, ax)


def panels(
    maps: Mapping[str, Any],
    labels: Any = None,
    *,
    path: str | PathLike[str] | None = None,
    columns: int | None = None,
    palette: Any = None,
    kind: str = "auto",
    vmin: Any = None,
    vmax: Any = None,
    point_size: float | None = None,
    opacity: float | None = None,
    annotate: bool | None = None,
    max_points: int | None = None,
    dpi: float | None = None,
) -> Any:
    """Draw several maps of the same rows side by side, with one legend.

    Parameters
    ----------
    maps : mapping of str to fitted TSNE or array of shape (n, c)
        What stands above each panel, and the map in it.
    labels : array-like, shape (n,), optional
        As in ``plot``; a label has the same colour in every panel.
    path : path-like, optional
        Where to write: ``.png``, ``.svg`` or ``.pdf``. The file is replaced in one step.
    columns : int, optional
        Panels side by side; by default up to four.
    palette, kind, vmin, vmax, point_size, opacity, annotate, max_points, dpi : object
        As in ``plot``.

    Returns
    -------
    matplotlib.figure.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        As ``plot``, and where ``maps`` is empty or no mapping.
    DependencyMissing
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(100, 2))
    >>> figure = panels({"as it is": Y, "mirrored": -Y}, np.arange(100) % 3)
    """
    from gputsne.plotting.side_by_side import draw_panels

    if not isinstance(maps, Mapping) or not maps:
        raise TypeError(
            f"maps must be a mapping of names to one map or more, got {type(maps).__name__}"
            + (" with none" if isinstance(maps, Mapping) else "")
        )
    Whole(1, optional=True).check("columns", columns)
    target = None if path is None else path_of(path)
    if target is not None:
        if target.suffix.lower() not in STATIC:
            raise ValueError(
                f"path={str(target)!r} ends in {target.suffix!r}; maps side by side are written as "
                + ", ".join(STATIC)
            )
        check_writable(target)
    elif dpi is not None:
        raise ValueError("dpi has no effect without path; pass path, or leave dpi out")
    style = Style(None, "", point_size, opacity, annotate, dpi)
    reading: dict[str, Any] = {"kind": kind, "palette": palette, "limits": (vmin, vmax)}
    return draw_panels(maps, labels, style, target, columns, max_points, reading)


def _renderer(path: Path | None, renderer: str | None) -> str:
    """Return who draws: by suffix, or as asked."""
    if renderer not in (None, "matplotlib", "plotly"):
        raise ValueError(f"renderer={renderer!r} is neither 'matplotlib' nor 'plotly'")
    if path is None:
        return renderer or "matplotlib"
    suffix = path.suffix.lower()
    if suffix not in STATIC + INTERACTIVE:
        allowed = ", ".join(STATIC + INTERACTIVE)
        raise ValueError(f"path={str(path)!r} ends in {suffix!r}; plot writes {allowed}")
    own = "plotly" if suffix in INTERACTIVE else "matplotlib"
    if renderer not in (None, own):
        raise ValueError(f"renderer={renderer!r} can't write {suffix} files; leave it out")
    return own
