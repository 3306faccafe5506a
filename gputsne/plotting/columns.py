"""Figures of one map by several columns, and thumbnails."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import Any

from gputsne.base.parameter_table import Whole
from gputsne.plotting.caption import caption_of
from gputsne.plotting.labels import read_labels
from gputsne.plotting.layers import Asked
from gputsne.plotting.maps import ACROSS, check_annotate, panel_of
from gputsne.plotting.scene import Style, named_columns, read_points, scene_of
from gputsne.plotting.sheet import output_of, show

__all__ = ["by_columns", "thumbnail"]


def by_columns(
    map_or_model: Any,
    columns: Any,
    *,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    across: int | None = None,
    palette: Any = None,
    point_size: float | None = None,
    opacity: float | None = None,
    annotate: bool | None = None,
    max_points: int | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw one map several times side by side, each coloured by another column.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1), (n, 2), (n, 3) or (n,)
        The map.
    columns : mapping of str to column, or table
        What to colour by, each as ``labels`` in ``plot``; the name stands above its panel.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``. The file is replaced in one step.
    title, caption : str, optional
        Texts above and below all panels; by default the caption has the facts of the map.
    across : int, optional
        Panels side by side; by default up to four.
    palette : mapping of label to colour, or file of one, optional
        As in ``plot``, of all columns that are categories: what ``Store.colours()`` keeps.
    point_size, opacity, annotate, max_points : object
        As in ``plot``; ``max_points`` is of each panel.
    renderer, dpi, theme : object
        As in ``plot``.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written. All panels have the same limits, and in matplotlib's windows move
        together.

    Raises
    ------
    TypeError, ValueError
        As ``plot``, and where there is no column.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(100, 2))
    >>> figure = by_columns(Y, {"third": np.arange(100) % 3, "x": Y[:, 0]})
    """
    Whole(1, optional=True).check("across", across)
    output = output_of(path, renderer, dpi, theme, title, caption)
    check_annotate(annotate, output)
    Y, model = read_points(map_or_model)
    named = named_columns(columns, len(Y), "columns")
    if not named:
        raise ValueError("columns has none; pass a mapping of names to columns, or a table")
    style = Style(None, "", point_size, opacity, annotate, dpi, output.theme)
    scenes = []
    for name, column in named:
        kind = read_labels(column, len(Y)).kind
        scene = panel_of(
            Y, column, replace(style, title=name), output, max_points, panels=len(named),
            kind=kind, palette=palette if kind == "categories" else None, limits=(None, None),
        )  # fmt: skip
        scenes.append(scene)
    facts = caption_of(model, len(Y)) if caption is None else caption
    return show(
        scenes, output, columns=across or ACROSS, title=title or "", caption=facts, shared=True,
        annotate=annotate,
    )  # fmt: skip


def thumbnail(
    map_or_model: Any,
    labels: Any = None,
    *,
    path: str | PathLike[str] | None = None,
    size: int = 320,
    palette: Any = None,
    kind: str = "auto",
    theme: str = "light",
) -> Any:
    """Draw a map as a small picture for a list of maps: points, and short names that can be read.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1), (n, 2), (n, 3) or (n,)
        The map.
    labels : array-like, shape (n,), optional
        As in ``plot``.
    path : path-like, optional
        Where to write: ``.png``, ``.svg`` or ``.pdf``.
    size : int, default 320
        Pixels of the longer side.
    palette, kind, theme : object
        As in ``plot``.

    Returns
    -------
    matplotlib.figure.Figure
        Also when it was written; with ``alt``.

    Raises
    ------
    TypeError, ValueError
        As ``plot``, and for a size below 32.
    DependencyMissing
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(1000, 2))
    >>> figure = thumbnail(Y, np.arange(1000) % 3)
    """
    from gputsne.plotting import static
    from gputsne.plotting.static_layers import SIDE

    Whole(32).check("size", size)
    output = output_of(path, "matplotlib", None, theme)
    style = Style(caption="", dpi=size / SIDE, theme=output.theme, purpose="thumbnail")
    scene = scene_of(
        map_or_model, labels, style, kind=kind, palette=palette, limits=(None, None), hover=None,
        max_points=None, asked=Asked(),
    )  # fmt: skip
    return static.draw(scene, style, output.path)
