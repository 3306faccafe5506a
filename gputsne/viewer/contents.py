"""The contents of a map for the viewer: typed columns, and the container that carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import LabelColumn, read_column, text_of
from gputsne.base.places import in_float32
from gputsne.base.types import Array, FloatArray
from gputsne.viewer.container import pack

__all__ = ["MAX_TEXT", "Column", "codes_of", "contents", "read"]

FEW = 100
"""Different texts or whole numbers up to which a column is one of categories."""

MAX_TEXT = 400
"""Characters after which texts are cut."""

SCHEMA = "gputsne.tiles/1"
EXACT = 2**53  # whole numbers up to here are themselves in float64


@dataclass(frozen=True, eq=False)
class Column:
    """What is known of every point, in the form that the viewer reads.

    Attributes
    ----------
    title : str
        Its name on the page.
    kind : {"category", "number", "text"}
        How it is shown: a legend, a colour bar, or text alone.
    values : array of shape (n,) or list of str
        Codes into ``categories`` (larger ones are missing), numbers (NaN: missing), or texts.
    categories, colours : tuple of str
        Names, and ``#rrggbb`` for each; of a number the colours from its lowest to its highest.
    limits : tuple of float
        Numbers that get the first and the last colour.
    dates : bool
        Whether the numbers are days since 1970-01-01.
    chosen : bool
        Whether the colours are the user's own: they stay as they are on dark paper.
    missing : str
        What points without a category are called.
    base : int
        What the page adds to numbers and limits: of whole numbers that float64 would merge.
    """

    title: str
    kind: str
    values: Any
    categories: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    limits: tuple[float, float] = (0.0, 1.0)
    dates: bool = False
    chosen: bool = False
    missing: str = field(default="no label")
    base: int = 0

    def about(self, name: str) -> dict[str, Any]:
        """Return what the tile set's list of columns says of it."""
        said: dict[str, Any] = {"name": name, "title": self.title, "kind": self.kind}
        if self.kind == "category":
            said |= {"categories": self.categories, "colours": self.colours}
            said["missing"] = self.missing
        elif self.kind == "number":
            said |= {"low": self.limits[0], "high": self.limits[1], "colours": self.colours}
        if self.base:
            said["base"] = str(self.base)  # JSON's readers take long numbers for float64
        return said | {key: True for key in ("dates", "chosen") if getattr(self, key)}


def codes_of(codes: Array, size: int) -> Array:
    """Return codes in the fewest bytes; those below 0, which are missing, as ``size``.

    Parameters
    ----------
    codes : array of int, shape (n,)
        Places of categories.
    size : int
        Categories there are.

    Returns
    -------
    array, shape (n,)
        uint8, uint16 or uint32.
    """
    kind = np.uint8 if size < 2**8 else np.uint16 if size < 2**16 else np.uint32
    return np.where(codes < 0, size, codes).astype(kind)


def read(title: str, values: Any, n: int) -> Column:
    """Read a column of a table; what it holds says how it is shown.

    Parameters
    ----------
    title : str
        Its name.
    values : array_like, shape (n,)
        Texts, numbers, dates, booleans or a categorical column.
    n : int
        Points of the map.

    Returns
    -------
    Column
        Texts and whole numbers of few different values are categories, without colours yet.

    Raises
    ------
    TypeError, ValueError
        For what is no column of n values.
    """
    column = read_column(values, n, name=f"column {title!r}")
    kind = column.values.dtype.kind
    if kind == "M":
        days = column.values.astype("M8[us]").astype(np.int64) / 86_400e6
        return numbers(title, np.where(column.missing, np.nan, days), dates=True)
    if column.numeric and column.categories is None:
        if _beyond(column.values):
            exact = numbers(title, column.values)
            return exact if exact.base else Column(title, "text", _texts(column))
        found = column.values.astype(np.float64)
        found[column.missing] = np.nan
        if not _few_whole(found):
            return numbers(title, found)
    names, codes = column.codes()
    few = len(names) <= min(FEW, max(2, n // 2))
    if kind == "b" or column.categories is not None or column.numeric or few:
        said = tuple(_cut(text_of(name)) for name in names)
        return Column(title, "category", codes_of(codes, len(said)), said)
    return Column(title, "text", _texts(column))


def _few_whole(found: npt.NDArray[np.float64]) -> bool:
    """Tell whether numbers name things, as labels do (docs of ``gputsne.plot``)."""
    known = found[np.isfinite(found)]
    if not len(known) or (known != np.floor(known)).any():
        return False
    return bool(len(np.unique(known)) <= min(FEW, max(2, len(found) // 2)))


def _texts(column: LabelColumn) -> list[str]:
    cells = zip(column.values.tolist(), column.missing, strict=True)
    return ["" if gone else _cut(text_of(value)) for value, gone in cells]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def numbers(
    title: str,
    values: Array,
    *,
    limits: tuple[float, float] | None = None,
    colours: Sequence[str] = (),
    dates: bool = False,
    chosen: bool = False,
) -> Column:
    """Return a column of numbers in the fewest bytes that hold them exactly.

    Parameters
    ----------
    title : str
        Its name.
    values : array of float64, int64 or uint64, shape (n,)
        NaN and infinite ones are missing. Whole numbers beyond 2^53 are told from the least of
        them, the column's base, so that none loses a digit, unless they span more than 2^53.
    limits : tuple of float, optional
        Numbers with the first and the last colour; by default the least and the greatest.
    colours : sequence of str
        ``#rrggbb`` from the lowest to the highest; by default the viewer's own.
    dates, chosen : bool
        As in ``Column``.

    Returns
    -------
    Column
        float32, or float64 where that would change one of them.
    """
    base = 0
    if _beyond(values) and int(values.max()) - int(values.min()) <= EXACT:
        base = int(values.min())
        values = values - values.min()
        limits = limits and (float(limits[0] - base), float(limits[1] - base))
    values = values.astype(np.float64)
    known = values[np.isfinite(values)]
    least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    held = not dates and np.array_equal(single[np.isfinite(values)], known)
    stored = single if held else values
    return Column(
        title, "number", stored, colours=tuple(colours), limits=limits or (least, most),
        dates=dates, chosen=chosen, base=base,
    )  # fmt: skip


def _beyond(values: Array) -> bool:
    """Tell whether whole numbers are among them that float64 would change."""
    if values.dtype.kind not in "iu" or not len(values):
        return False
    return max(abs(int(values.min())), abs(int(values.max()))) > EXACT


def contents(
    Y: FloatArray,
    columns: Sequence[Column] = (),
    *,
    ids: Any = None,
    id_name: str = "row",
    title: str = "",
    caption: str = "",
    alt: str = "",
    colour: int | None = 0,
    **more: Any,
) -> tuple[dict[str, Any], bytes]:
    """Return a map as the viewer's function ``mount`` takes it.

    Parameters
    ----------
    Y : array of float, shape (n, 2)
        The map; it is moved and scaled where float32 would blur it.
    columns : sequence of Column
        What is known of the points.
    ids : array of uint32 or sequence of str, shape (n,), optional
        What a selection is told by; by default the number of the row.
    id_name : str
        What the page calls them.
    title, caption, alt : str
        Texts above and below, and the one that stands for the picture.
    colour : int or None
        Which column gives the colours first.
    **more : object
        Further entries of the tile set: ``point_size`` in pixels, ``opacity``.

    Returns
    -------
    tileset : dict
        Title, texts and columns, of what JSON can hold.
    container : bytes
        The points (see ``container.pack``), in an order of chance, so that the first k of them are
        a fair part of all and no category lies on top of another.
    """
    n = len(Y)
    Y = in_float32(Y) if n else Y
    order = np.random.default_rng(0).permutation(n)
    data: dict[str, Any] = {"x": Y[order, 0], "y": Y[order, 1]}
    data["id"] = order.astype(np.uint32) if ids is None else _taken(ids, order)
    about: list[dict[str, Any]] = [{"name": "id", "title": id_name, "kind": "id"}]
    for i, column in enumerate(columns):
        # Not the column's own name, which may be that of another, or x.
        data[f"c{i}"] = _taken(column.values, order)
        about.append(column.about(f"c{i}"))
    first = f"c{colour}" if colour is not None and colour < len(columns) else None
    tileset: Mapping[str, Any] = {
        "schema": SCHEMA, "title": title, "caption": caption, "alt": alt, "rows": n, "shown": n,
        "columns": about, "colour": first, **more,
    }  # fmt: skip
    return dict(tileset), pack(data)


def _taken(values: Any, order: Array) -> Any:
    if isinstance(values, np.ndarray):
        return values[order]
    return [values[i] for i in order.tolist()]
