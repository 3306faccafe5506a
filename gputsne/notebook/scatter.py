"""The widget of jupyter-scatter with a map's points, labels and columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.errors import DependencyMissing
from gputsne.notebook.reading import Viewed, viewed
from gputsne.viewer.container import unpack

__all__ = ["scatter"]


def scatter(
    map_or_model: Any,
    labels: Any = None,
    *,
    height: int = 520,
    theme: str = "auto",
    **how: Any,
) -> Any:
    """Return a map as a ``Scatter`` of jupyter-scatter.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1) or (n, 2)
        The map.
    labels : array_like, shape (n,), optional
        What colours the points.
    height : int
        Pixels.
    theme : {"auto", "light", "dark"}
        "auto" leaves it to that widget.
    **how : object
        ``columns, ids, palette, kind`` of `gputsne.view`.

    Returns
    -------
    jscatter.Scatter

    Raises
    ------
    DependencyMissing
        jupyter-scatter is not installed.
    """
    try:
        import jscatter
        import pandas as pd
    except ImportError as error:
        raise DependencyMissing(
            "backend='jupyter-scatter' needs jupyter-scatter: pip install jupyter-scatter"
        ) from error
    made = viewed(map_or_model, labels, **how)
    columns, colours = _table(made)
    index = pd.Index(made.ids.values, name=made.ids.name) if made.ids.given else None
    found = jscatter.Scatter(
        x="x", y="y", data=pd.DataFrame(columns, index=index), height=int(height),
        aspect_ratio=1.0, axes=False,
    )  # fmt: skip
    if made.first is not None:
        found.color(by=made.first, map=colours)
    if theme != "auto":
        found.background("#ffffff" if theme == "light" else "#0d1117")
    return found


def _table(made: Viewed) -> tuple[dict[str, Any], Any]:
    """Return columns in the order of rows, and the colours of the one that colours the map."""
    import pandas as pd

    _, held = unpack(made.container)
    keys = held["id"]
    rows = made.ids.named(keys if isinstance(keys, list) else keys.tolist())
    at = np.argsort(rows)  # where each row lies in the container
    table: dict[str, Any] = {"x": held["x"][at], "y": held["y"][at]}
    colours: Any = None
    for column in made.tileset["columns"]:
        name, title = column["name"], column.get("title")
        if column["kind"] == "category":
            codes = held[name][at].astype(np.int64)
            codes[codes >= len(column["categories"])] = -1
            table[title] = pd.Categorical.from_codes(codes, list(column["categories"]))
        elif column["kind"] == "number":
            found = held[name][at]
            base = int(column.get("base", 0))
            table[title] = [base + int(v) for v in found] if base else found
        elif column["kind"] == "text":
            table[title] = np.asarray(held[name], dtype=object)[at]
        if title == made.first:
            names = column.get("categories")
            shades = list(column["colours"])
            colours = dict(zip(names, shades, strict=True)) if names else shades or None
    return table, colours
