"""Maps as pages of the viewer: a scene's labels and hover columns become the page's columns.

Twins: interactive.py draws the same scene by plotly, static.py on paper.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.colours import palette
from gputsne.base.files import replacing
from gputsne.base.labels import read_column
from gputsne.base.types import Array
from gputsne.plotting.alt import alt_of
from gputsne.plotting.choice import OWN
from gputsne.plotting.labels import Labels, printable
from gputsne.plotting.scene import Scene, hover_columns, read_points
from gputsne.viewer.contents import MAX_TEXT, Column, codes_of, contents, numbers, read
from gputsne.viewer.ids import keys_of
from gputsne.viewer.map_page import MapPage

__all__ = ["draw", "point_limit", "with_ids"]

MAX_POINTS = 300_000
"""Points of a page at most, unless the caller wants more: fluid without a graphics card, too."""

DATA_BYTES = 24_000_000
"""Most bytes of points and hover columns in a page, before they are packed to about half."""


def point_limit(map_or_model: Any, hover: Any) -> tuple[int, int]:
    """Return the number of points, and how many of them keep the file at a reasonable weight.

    A point costs 16 bytes (place, row, label) and its hover columns: 4 to 8 for a number, the
    bytes of a text and 4.
    """
    n = len(read_points(map_or_model)[0])
    few = np.linspace(0, n - 1, min(n, 1000)).astype(np.int64)
    per_point = 16.0
    for _, column in hover_columns(hover, n):
        if column.dtype.kind in "biufmM":
            per_point += 8
        else:
            sizes = [min(MAX_TEXT, len(str(v).encode("utf-8", "replace"))) for v in column[few]]
            per_point += 4 + sum(sizes) / len(few)
    return n, min(MAX_POINTS, int(DATA_BYTES / per_point))


def with_ids(hover: Any, ids: Any, n: int) -> dict[str, Array]:
    """Return the hover columns of a map, before them what its points are called."""
    return {"id": read_column(ids, n, name="ids").values, **dict(hover_columns(hover, n))}


def draw(
    scene: Scene, path: Path | None, *, labels: Any = None, ids: Any = None, n: int = 0,
    chosen: Any, size: float | None, opacity: float | None, theme: str,
) -> MapPage:  # fmt: skip
    """Make the page of a scene, write it if there is a path, return it.

    Parameters
    ----------
    scene : Scene
        On light paper: the viewer lifts colours for dark paper itself.
    path : Path or None
        The file; it is replaced in one step.
    labels, ids : array_like, shape (n,), or None
        As the caller gave them: whole numbers whose digits float64 would lose, and what the points
        are called instead of by their rows.
    n : int
        Points of the whole map.
    chosen : object
        The caller's ``palette``: colours that were chosen stay as they are on dark paper.
    size, opacity : float or None
        As the caller asked for: diameter of a point in pixels; None follows from the number of
        points, and grows as the map is zoomed.
    theme : {"auto", "light", "dark"}
        What the page begins with.

    Returns
    -------
    MapPage
    """
    own = chosen is not None and not (isinstance(chosen, str) and chosen in OWN)
    columns = [_hover(name, values, len(scene.Y)) for name, values in scene.hover]
    label = _label(scene, own, labels, n)
    if label is not None:
        columns.insert(0, label)
    keys, called = _ids(ids, n, scene.rows)
    more: dict[str, Any] = {"point_size": size, "opacity": opacity}
    tileset, container = contents(
        scene.Y,
        columns,
        ids=keys,
        id_name=called,
        title=scene.title,
        caption=scene.caption,
        alt=alt_of(scene) if scene.alt is None else scene.alt,
        colour=None if label is None else 0,
        **{name: value for name, value in more.items() if value is not None},
    )
    page = MapPage(tileset, container, theme)
    if path is not None:
        with replacing(path) as part:
            part.write_text(page.html, encoding="utf-8")
    return page


def _ids(ids: Any, n: int, rows: Array) -> tuple[Any, str]:
    """Return what the drawn points are called, and what the page calls that."""
    if ids is None:
        return rows.astype(np.uint32), "row"
    keys, called = keys_of(ids, n)
    if isinstance(keys, list):
        return [keys[row] for row in rows.tolist()], printable(called)
    return keys[rows], printable(called)


def _label(scene: Scene, chosen: bool, given: Any, n: int) -> Column | None:
    """Return the labels as the first column; None without any."""
    labels: Labels = scene.labels
    title = labels.title or "label"
    if labels.kind == "none":
        return None
    if labels.kind == "values":
        values: Array = labels.values
        limits: tuple[float, float] | None = labels.limits
        raw = values if given is None else read_column(given, n).values
        if raw.dtype.kind in "iu" and not labels.missing.any():
            values = raw[scene.rows]  # all digits of them
            whole = limits == (float(raw.min()), float(raw.max()))
            limits = None if whole and len(raw) == len(values) else limits
        return numbers(
            title, values, limits=limits, colours=labels.scale, dates=labels.dates,
            chosen=chosen,
        )  # fmt: skip
    codes: Array = codes_of(labels.codes, len(labels.names))
    return Column(
        title, "category", codes, labels.names, labels.colours, chosen=chosen,
        missing=labels.missing_name,
    )  # fmt: skip


def _hover(name: str, values: Array, n: int) -> Column:
    """Return a hover column with colours for its categories, and texts that UTF-8 can write."""
    column = read(printable(name), values, n)
    if column.kind == "text":
        return replace(column, values=[printable(text) for text in column.values])
    if column.kind != "category":
        return column
    names = tuple(printable(text) for text in column.categories)
    found = palette(names)
    return replace(column, categories=names, colours=tuple(found[text] for text in names))
