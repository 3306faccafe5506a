"""Views of a map in a notebook: the widget, or the scatter plot of jupyter-scatter."""

from __future__ import annotations

from typing import Any

from gputsne.base.parameter_table import Whole
from gputsne.data import require

__all__ = ["BACKENDS", "view"]

BACKENDS = ("gputsne", "jupyter-scatter")


def view(
    map_or_model: Any,
    labels: Any = None,
    *,
    columns: Any = None,
    ids: Any = None,
    palette: Any = None,
    kind: str = "auto",
    title: str | None = None,
    caption: str | None = None,
    height: int = 520,
    theme: str = "auto",
    backend: str = "gputsne",
) -> Any:
    """Show a map in a notebook: pan, zoom, search, and a selection that Python reads and sets.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1), (n, 2) or (n,)
        The map.
    labels : array_like, shape (n,), optional
        Categories or values to colour by, as of ``plot``.
    columns : mapping of str to array_like, or table, optional
        What else is known of each point: shown beside it, searched, and there to colour by.
    ids : array_like, shape (n,), optional
        What the rows are called, each differently; a selection is told in them. By default rows
        are numbered from 0.
    palette, kind : object
        Of the labels, as of ``plot``.
    title, caption : str, optional
        Texts above and below; by default none above, and the facts of the map below.
    height : int, default 520
        Of the widget, in pixels; at least 300.
    theme : {"auto", "light", "dark"}, default "auto"
        "auto" follows the notebook, or else the system.
    backend : {"gputsne", "jupyter-scatter"}, default "gputsne"
        "jupyter-scatter": that package's widget instead, where it is installed.

    Returns
    -------
    MapWidget or jscatter.Scatter
        A widget with ``selection``, an array of ids that can be set and observed; ``rows``, the
        same as row numbers; and ``colour``, the name of the column that colours the points (also
        ``color``); its class is ``gputsne.notebook.MapWidget``. With
        "jupyter-scatter" a ``Scatter`` whose data are x, y, the labels and columns, one row per
        point with the ids as index.

    Raises
    ------
    DependencyMissing
        anywidget, or jupyter-scatter, is not installed.
    TypeError, ValueError
        As ``plot``; for a map of three axes; for ids that are missing or not unique.

    See Also
    --------
    gputsne.plot : a picture, or a page for others.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(100, 2))
    >>> widget = view(Y, np.arange(100) % 3, columns={"size": Y[:, 0] ** 2})
    >>> widget.selection = [3, 14]
    >>> widget.colour = "size"
    >>> widget
    <MapWidget: 100 points, 2 of them selected>
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend={backend!r} is none of {', '.join(BACKENDS)}")
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f"theme={theme!r} is none of auto, light, dark")
    Whole(300).check("height", height)
    from gputsne.notebook.reading import viewed

    how: dict[str, Any] = {"columns": columns, "ids": ids, "palette": palette, "kind": kind}
    if backend == "jupyter-scatter":
        from gputsne.notebook.scatter import scatter

        for name, text in (("title", title), ("caption", caption)):
            if text is not None:
                raise ValueError(f"{name} has no effect with backend={backend!r}; leave it out")
        return scatter(map_or_model, labels, **how, height=height, theme=theme)
    require("anywidget", "gputsne.view")
    from gputsne.notebook.widget import MapWidget

    made = viewed(map_or_model, labels, **how, title=title, caption=caption)
    return MapWidget(made, height=int(height), theme=theme)
