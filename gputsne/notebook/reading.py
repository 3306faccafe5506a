"""Reading a map, labels, columns and ids as the viewer shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gputsne.base.types import FloatArray
from gputsne.notebook.identity import Ids
from gputsne.plotting.labels import Labels, read_labels
from gputsne.plotting.scene import Style, read_map, scene_of
from gputsne.tiling.columns import each_column
from gputsne.viewer.contents import Column, codes_of, contents, numbers
from gputsne.viewer.contents import read as read_contents

__all__ = ["Viewed", "columns_of", "places", "viewed"]


@dataclass(frozen=True, eq=False)
class Viewed:
    """A map as the viewer takes it.

    Attributes
    ----------
    tileset : dict
        Texts and columns, of what JSON can hold.
    container : bytes
        The points.
    ids : Ids
        What the rows are called.
    columns : dict of str to str
        Names of the columns that can colour the map, by their titles.
    first : str or None
        Title of the one that does at first.
    """

    tileset: dict[str, Any]
    container: bytes
    ids: Ids
    columns: dict[str, str]
    first: str | None


def viewed(
    map_or_model: Any,
    labels: Any = None,
    *,
    columns: Any = None,
    ids: Any = None,
    palette: Any = None,
    kind: str = "auto",
    title: str | None = None,
    caption: str | None = None,
) -> Viewed:
    """Read a map and what is known of its points.

    Parameters
    ----------
    map_or_model : fitted TSNE, or array of shape (n, 1) or (n, 2)
        The map.
    labels, palette, kind, title, caption : object
        As of `gputsne.plot`.
    columns : mapping or table, optional
        What else is known of the points.
    ids : array_like, shape (n,), or Ids, optional
        What the rows are called.

    Returns
    -------
    Viewed

    Raises
    ------
    TypeError, ValueError
        As `gputsne.plot`; for a map of three axes; for two columns of one name.
    """
    style = Style(title=title, caption=caption)
    read_map(map_or_model, by="view", shapes="(n, 1) or (n, 2)")  # what is wrong, view says
    scene = scene_of(
        map_or_model, labels, style, kind=kind, palette=palette, limits=(None, None), hover=None,
        max_points=None,
    )  # fmt: skip
    n, axes = scene.Y.shape
    if axes == 3:
        raise ValueError(
            "the map has 3 axes, and the widget draws 2: plot(model, renderer='plotly') turns it"
        )
    of_labels = _of_labels(scene.labels, chosen=palette is not None)
    every = [*([] if of_labels is None else [of_labels]), *columns_of(columns, n)]
    titles = [column.title for column in every]
    for name in titles:
        if titles.count(name) > 1:
            raise ValueError(f"columns: two are called {name!r}; rename one, or leave labels out")
    known = ids if isinstance(ids, Ids) else Ids.of(ids, n)
    tileset, container = contents(
        scene.Y, every, ids=known.keys, id_name=known.name, title=scene.title,
        caption=scene.caption, alt=f"A map of {n:,} points.", colour=_first(every),
    )  # fmt: skip
    named = {column.title: f"c{i}" for i, column in enumerate(every) if column.kind != "text"}
    first = tileset["colour"]
    return Viewed(tileset, container, known, named, {v: k for k, v in named.items()}.get(first))


def _first(columns: list[Column]) -> int | None:
    """Return the place of the first column that can colour a map."""
    return next((i for i, column in enumerate(columns) if column.kind != "text"), None)


def _of_labels(labels: Labels, *, chosen: bool) -> Column | None:
    title = labels.title or "label"
    if labels.kind == "categories":
        codes = codes_of(labels.codes, len(labels.names))
        return Column(
            title, "category", codes, labels.names, labels.colours, chosen=chosen,
            missing=labels.missing_name,
        )  # fmt: skip
    if labels.kind == "values":
        how: dict[str, Any] = {"limits": labels.limits, "colours": labels.scale}
        return numbers(title, labels.values, dates=labels.dates, chosen=chosen, **how)
    return None


def columns_of(columns: Any, n: int) -> list[Column]:
    """Read named columns; categories get their colours.

    Parameters
    ----------
    columns : mapping of str to array_like, table or None
        One value per point each.
    n : int
        Points.

    Returns
    -------
    list of Column

    Raises
    ------
    TypeError, ValueError
        For what is neither, and for columns of another length.
    """
    found = []
    for name, values in each_column(columns):
        title = str(name)
        column = read_contents(title, values, n)
        if column.kind == "category":
            labels = read_labels(values, n, kind="categories")
            again = _of_labels(labels, chosen=False)
            assert again is not None  # labels were given
            column = Column(
                title, "category", again.values, again.categories, again.colours,
                missing=again.missing,
            )  # fmt: skip
        found.append(column)
    return found


def places(Y: FloatArray) -> tuple[bytes, list[float]]:
    """Return points as 16 bits per axis in their square, x before y, and the square.

    Parameters
    ----------
    Y : array, shape (n, 2)
        Finite.

    Returns
    -------
    bytes
        2 n little-endian uint16: all x, then all y, in units of 1/65535 of the side.
    list of float
        Least x, least y and the side.
    """
    low = Y.min(axis=0).astype(np.float64)
    side = max(float((Y.max(axis=0) - low).max()), 1e-12)
    units = np.rint((Y - low) * (65535 / side)).astype("<u2")
    return units.T.tobytes(), [float(low[0]), float(low[1]), side]
