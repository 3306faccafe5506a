"""A scene: points, labels, texts and sizes of a picture, settled once for both renderers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.arrays import host
from gputsne.base.colours import OURS
from gputsne.base.labels import printable, text_of
from gputsne.base.parameter_table import Real, Whole
from gputsne.base.places import in_float32
from gputsne.base.rows import as_column
from gputsne.base.tables import read
from gputsne.base.types import Array, FloatArray
from gputsne.plotting.caption import DISTANCES, caption_of, recipe_of
from gputsne.plotting.choice import OWN, colour
from gputsne.plotting.labels import Labels, read_labels
from gputsne.plotting.layers import SHADED_FROM, Asked, highlighted, marked, segments
from gputsne.plotting.theme import LIGHT, Theme

__all__ = [
    "STYLES",
    "Scene",
    "Style",
    "check_dpi",
    "hover_columns",
    "on_paper",
    "read_map",
    "read_points",
    "scene_of",
    "stratified",
]


STYLES = ("default", "print", "thumbnail")
"""What a picture is for: any use, a page of a paper or a slide, a small picture in a list."""

EMPHASIS = 1.6
"""How much larger than others highlighted points are drawn at least; few are larger still."""


MOST_SIZE = 500.0
"""Largest point, 1/72 inch: as wide as a map of 6.5 inches."""

DPI_RANGE = (10.0, 2400.0)
"""Dots per inch: below, letters have no pixel; above, no printer has more."""


def check_dpi(dpi: Any) -> None:
    """Raise TypeError or ValueError for dots per inch that no picture can have."""
    Real(*DPI_RANGE, open_low=False, other=(None,)).check("dpi", dpi)


@dataclass(frozen=True)
class Style:
    """What the caller may fix; None leaves it to the renderer and to n.

    Attributes
    ----------
    title, caption : str or None
        Texts above and below; a caption of None states the facts of the map.
    point_size, opacity : float or None
        Of a point: diameter in 1/72 inch, and a share in (0, 1].
    annotate : bool or None
        Whether category names stand on the map.
    dpi : float or None
        Dots per inch of what is drawn as an image.
    theme : Theme
        Colours of paper and text.
    purpose : {"default", "print", "thumbnail"}
        What the picture is for.
    note : bool or None
        Whether the caption says that distances between clusters mean little.
    alt : str or None
        Alternative text; None for what the figure says of itself.
    """

    title: str | None = None
    caption: str | None = None
    point_size: float | None = None
    opacity: float | None = None
    annotate: bool | None = None
    dpi: float | None = None
    theme: Theme = LIGHT
    purpose: str = "default"
    note: bool | None = None
    alt: str | None = None

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for what is no text, number or switch."""
        if not isinstance(self.purpose, str) or self.purpose not in STYLES:
            raise ValueError(f"style={self.purpose!r} is none of {', '.join(map(repr, STYLES))}")
        for name, text in (("title", self.title), ("caption", self.caption), ("alt", self.alt)):
            if not isinstance(text, str | None):
                raise TypeError(f"{name}={text!r} must be text or None")
        Real(0.0, MOST_SIZE, other=(None,)).check("point_size", self.point_size)
        Real(0.0, 1.0, other=(None,)).check("opacity", self.opacity)
        if self.purpose != "thumbnail":  # whose size in pixels is given
            check_dpi(self.dpi)
        for name, switch in (("annotate", self.annotate), ("note", self.note)):
            if not isinstance(switch, bool | np.bool_ | None):
                raise TypeError(f"{name}={switch!r} must be True, False or None")


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture, blind to the renderer.

    Attributes
    ----------
    Y : array, shape (m, 2 or 3), float32
        Points in drawing order of the data; a 1-D map has its strip's height as second column.
    rows : array, shape (m,), int32
        Row of the data each point stands for.
    labels : Labels
        Of the ``m`` points.
    hover : tuple of (str, array of shape (m,))
        Named columns to show beside a point.
    title, caption : str
        Texts above and below, "" for none.
    point_size : float
        Diameter in points of 1/72 inch on a map of about 6.5 inches.
    opacity : float
        Of the points, in (0, 1].
    one_dimensional : bool
        Whether the second column was made up.
    theme : Theme
        Colours of paper and text, where the renderer makes the paper.
    density : {"", "shade", "contours", "glow"}
        How densities are drawn: instead of the points, over them, or under them.
    edges : array, shape (e, 2, 2), float32, or None
        Lines under the points, by both ends.
    emphasis : float
        How much larger labelled points are than those without a label.
    purpose : {"default", "print", "thumbnail"}
        What the picture is for.
    alt : str or None
        The caller's alternative text.
    recipe : str
        How to make the map again, or "".
    """

    Y: FloatArray
    rows: npt.NDArray[np.int32]
    labels: Labels
    hover: tuple[tuple[str, Array], ...]
    title: str
    caption: str
    point_size: float
    opacity: float
    one_dimensional: bool = False
    theme: Theme = LIGHT
    density: str = ""
    edges: FloatArray | None = None
    emphasis: float = 1.0
    purpose: str = "default"
    alt: str | None = None
    recipe: str = ""


def read_map(
    map_or_model: Any, *, by: str = "plot", shapes: str = "(n, 1), (n, 2) or (n, 3)"
) -> tuple[FloatArray, Any]:
    """Return (Y, model); model is None for an array. Y is float32 of shape (n, 1 | 2 | 3).

    ``by`` is the function that was called and ``shapes`` what it draws, for messages.
    """
    Y, model = read_points(map_or_model, by=by, shapes=shapes)
    with np.errstate(over="ignore"):
        Y = np.ascontiguousarray(Y, dtype=np.float32)
    if not np.isfinite(np.ptp(Y.astype(np.float64), axis=0)).all() or not np.isfinite(Y).all():
        raise ValueError("the map has coordinates too large for float32: scale it down")
    return Y, model


def read_points(
    map_or_model: Any, *, by: str = "plot", shapes: str = "(n, 1), (n, 2) or (n, 3)"
) -> tuple[Array, Any]:
    """Return (Y, model) as ``read_map``, Y in the numbers it was given in."""
    model = None
    if hasattr(map_or_model, "embedding_"):
        model, map_or_model = map_or_model, map_or_model.embedding_
    elif hasattr(map_or_model, "fit"):
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"{by} needs a fitted TSNE; call fit first")
    Y = host(map_or_model)
    if not isinstance(Y, np.ndarray) or Y.dtype.kind == "O":
        table = read(as_column(Y), "the map")
        Y = table.values.toarray() if table.sparse else table.values
    if Y.ndim == 1:
        Y = Y[:, None]
    if Y.ndim != 2 or Y.shape[1] not in (1, 2, 3) or Y.dtype.kind not in "iuf":
        raise ValueError(
            f"the map has shape {Y.shape} and dtype {Y.dtype}; {by} draws numbers of shape {shapes}"
        )
    if Y.shape[0] == 0:
        raise ValueError("the map has 0 points; there is nothing to draw")
    bad = int((~np.isfinite(Y)).any(axis=1).sum())
    if bad:
        raise ValueError(f"the map has {bad} points with NaN or infinite coordinates; drop them")
    return Y, model


def scene_of(
    map_or_model: Any,
    labels: Any,
    style: Style,
    *,
    kind: str,
    palette: Any,
    limits: tuple[float | None, float | None],
    hover: Any,
    max_points: int | None,
    asked: Asked | None = None,
) -> Scene:
    """Read everything the user gave and settle what is drawn; see :func:`gputsne.plot`."""
    asked = asked or Asked(density=False)
    given, model = read_points(map_or_model)
    Y = in_float32(given)
    n, one, flat = Y.shape[0], Y.shape[1] == 1, Y.shape[1] == 2
    for name in () if flat else ("density", "edges"):
        if getattr(asked, name) is not None and getattr(asked, name) is not False:
            raise ValueError(f"{name} needs a map of two dimensions; this one has {Y.shape[1]}")
    known = _kept_colours(model)
    marks = read_labels(labels, n, kind=kind, palette=palette, limits=limits, known=known)
    if model is not None and marks.kind == "categories":
        # kept by the model, so that the next picture of it gives a label the same colour
        model.palette_ = {**known, **marks.palette()}
    marks = on_paper(marks, style.theme, palette)
    facts = [caption_of(model, n) if style.caption is None else style.caption]
    mask = marked(asked, n, marks, model)
    if mask is not None:
        marks = highlighted(marks, mask, style.theme)
        facts.append(f"{int(mask.sum()):,} points highlighted")
    columns = hover_columns(hover, n)
    Whole(1, optional=True).check("max_points", max_points)
    rows = np.arange(n, dtype=np.int32)
    if max_points is not None and n > max_points:
        rows = _sample(marks, n, max_points, mask)
        how = ", the same share of each label" if marks.kind == "categories" else ", at random"
        facts.append(f"{len(rows):,} of {n:,} points drawn{how}")
    m = len(rows)
    lines, said = segments(asked.edges, Y, model) if flat else (None, "")
    note = style.purpose == "print" if style.note is None else style.note
    facts += [said, DISTANCES if note and (style.caption is None or style.note) else ""]
    density = asked.density or ""
    if asked.density is None and flat:
        density = "shade" if m > SHADED_FROM else "glow" if style.purpose == "print" else ""
    size = _given(style.point_size, _point_size(m))
    return Scene(
        Y=_strip(Y)[rows] if one else Y[rows],
        rows=rows,
        labels=marks.take(rows),
        hover=tuple((name, column[rows]) for name, column in columns),
        title=printable(style.title or ""),
        caption=printable(" · ".join(filter(None, facts))),
        point_size=size,
        opacity=_given(style.opacity, _opacity(m)),
        one_dimensional=one,
        theme=style.theme,
        density=density,
        edges=lines,
        emphasis=1.0
        if mask is None
        else max(EMPHASIS, _point_size(max(100, int(mask.sum()))) / size),
        purpose=style.purpose,
        alt=None if style.alt is None else printable(style.alt),
        recipe=recipe_of(model),
    )


def _sample(
    labels: Labels, n: int, size: int, mask: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.int32]:
    """Choose rows by the share of each category; those that are highlighted before all others."""
    if mask is None or not 0 < mask.sum() < size:
        return stratified(labels, n, size)
    others = np.flatnonzero(~mask)
    rest = np.random.default_rng(0).choice(others, size - int(mask.sum()), replace=False)
    return np.sort(np.concatenate([np.flatnonzero(mask), rest])).astype(np.int32)


def on_paper(labels: Labels, theme: Theme, palette: Any) -> Labels:
    """Return the labels in colours that the paper lets see; colours that were chosen stay."""
    if isinstance(palette, Mapping | PathLike):  # what a store or palette() gave was not chosen
        seen = theme.visible(labels.colours)
        lifted = (
            new if old in OURS else old for old, new in zip(labels.colours, seen, strict=True)
        )
        return replace(labels, colours=tuple(lifted))
    if not (palette is None or (isinstance(palette, str) and palette in OWN)):
        return labels
    return replace(labels, colours=theme.visible(labels.colours), scale=theme.scale(labels.scale))


def _kept_colours(model: Any) -> dict[str, str]:
    """Return the colours that a model has for labels; its owner may have put any there."""
    kept = getattr(model, "palette_", None) or {}
    if not isinstance(kept, Mapping):
        raise TypeError(f"palette_={kept!r} must be a dict of label to colour")
    return {text_of(k): colour(v, f"palette_[{k!r}]") for k, v in kept.items()}


def stratified(labels: Labels, n: int, size: int) -> npt.NDArray[np.int32]:
    """Choose ``size`` of n rows, ascending: each category keeps its share, by largest remainder.

    Points without a label are a category of their own. The choice is the same in every run.
    """
    rng = np.random.default_rng(0)
    groups = labels.codes + 1  # 0: missing, or no categories at all
    counts = np.bincount(groups)
    exact = counts * (size / n)
    quota = np.floor(exact).astype(np.int64)
    rest = np.argsort(quota - exact, kind="stable")[: size - quota.sum()]
    quota[rest] += 1
    order = rng.permutation(n)
    order = order[np.argsort(groups[order], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    chosen = [order[s : s + q] for s, q in zip(starts, quota, strict=True)]
    return np.sort(np.concatenate(chosen)).astype(np.int32)


def _point_size(n: int) -> float:
    """Diameter in points: 6 for a hundred points, 3.7 for 2,000, 1.1 for 70,000, 0.55 for 10^6."""
    return float(np.clip(3.7 * (2000 / n) ** 0.34, 0.5, 6.0))


def _opacity(n: int) -> float:
    return float(np.clip(0.9 * (2000 / n) ** 0.10, 0.35, 0.9))


def _given(given: float | None, default: float) -> float:
    return default if given is None else float(given)


def _strip(Y: FloatArray) -> FloatArray:
    """Give a 1-D map a height: uniform jitter, as wide as the map is dense there (sina plot)."""
    y = Y[:, 0].astype(np.float64)
    low, span = y.min(), max(float(np.ptp(y)), 1e-12)
    bins = int(np.clip(np.sqrt(len(y)), 8, 256))
    place = (y - low) / span * (bins - 1)
    counts = np.bincount(np.rint(place).astype(np.int64), minlength=bins).astype(np.float64)
    smooth = np.convolve(
        np.pad(counts, 2, mode="edge"), [1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16], "valid"
    )
    width = np.interp(place, np.arange(bins), np.sqrt(smooth / smooth.max()))
    jitter = np.random.default_rng(0).uniform(-1, 1, len(y)) * width * span * 0.1
    return np.stack([y, jitter], axis=1).astype(np.float32)


def hover_columns(hover: Any, n: int) -> list[tuple[str, Array]]:
    """Read ``hover``: a mapping or table of columns, or one column."""
    return [(name, np.asarray(column)) for name, column in named_columns(hover, n, "hover")]


def named_columns(given: Any, n: int, what: str) -> list[tuple[str, Any]]:
    """Return the columns of a mapping or a table, or one column, with their names.

    Parameters
    ----------
    given : mapping, table, column or None
        Of mappings, pandas, polars and pyarrow.
    n : int
        Rows that each must have.
    what : str
        The argument's name.

    Raises
    ------
    TypeError, ValueError
        It is none of these, or of another length.
    """
    if given is None:
        return []
    if isinstance(given, Mapping):
        columns = [(str(name), given[name]) for name in given]
    elif hasattr(given, "columns") and hasattr(given, "__getitem__"):
        names = getattr(given, "column_names", given.columns)  # pyarrow's
        columns = [(str(name), given[name]) for name in names]
    elif isinstance(given, Iterable) and not isinstance(given, str):
        name = getattr(given, "name", None)
        columns = [(name if isinstance(name, str) else "text", given)]
    else:
        kind = type(given).__name__
        raise TypeError(f"{what} must be a column, a table or a mapping, got {kind}")
    names = [name for name, _ in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{what}: two columns are called {twice!r}; rename one of them")
    for name, column in columns:
        shape = np.asarray(column).shape
        if shape != (n,):
            raise ValueError(f"{what}[{name!r}] has shape {shape}, but the map has {n} points")
    return columns
