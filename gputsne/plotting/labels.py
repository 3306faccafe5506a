"""What do the user's labels say? Categories with names and colours, values on a scale, or nothing.

Colours are chosen in colours.py; this file reads arrays, lists, and pandas or polars columns.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.types import Array
from gputsne.plotting.colours import colour_of, lookalikes, natural_order
from gputsne.plotting.colours import palette as distinct

__all__ = ["KINDS", "LEGEND", "SCALES", "Labels", "read_labels", "text_of"]

KINDS = ("auto", "categories", "values")
SCALES = ("viridis", "cividis", "inferno", "magma", "plasma")
"""Perceptually even colour scales that both matplotlib and plotly have."""

LEGEND = 20
"""Most categories a legend names; the largest are named, the rest are drawn all the same."""

# More whole numbers than this are taken for a quantity, not for names.
_MAX_NUMBERS = 100


@dataclass(frozen=True, eq=False)
class Labels:
    """One label per point.

    Attributes
    ----------
    kind : str
        ``"none"``, ``"categories"`` or ``"values"``.
    codes : array, shape (n,), int32
        Place of each point's category in ``names``; -1 where the label is missing.
    names, colours : tuple of str
        The categories in natural order and their colours.
    values : array, shape (n,), float64
        The values, NaN where missing; empty unless ``kind="values"``.
    scale : str
        Name of the colour scale of the values.
    title : str
        Name of the column the labels came from, or "".
    """

    kind: str
    codes: npt.NDArray[np.int32]
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    values: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    scale: str = SCALES[0]
    title: str = ""

    def take(self, rows: Array) -> Labels:
        """Return the labels of some of the points; names and colours stay."""
        values = self.values[rows] if self.kind == "values" else self.values
        return replace(self, codes=self.codes[rows], values=values)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the number of points in each category."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Points without a label, shape (n,)."""
        found = np.isfinite(self.values) if self.kind == "values" else self.codes >= 0
        return ~found if self.kind != "none" else np.zeros(len(self.codes), dtype=bool)

    def in_legend(self) -> list[int]:
        """Return the categories a legend names, in natural order: the ``LEGEND`` largest."""
        counts = self.counts()
        present = [i for i in range(len(self.names)) if counts[i]]
        return sorted(sorted(present, key=lambda i: (-counts[i], i))[:LEGEND])

    def colour_per_point(self) -> Array:
        """Return the colour of each point's category, shape (n,); missing ones are not coloured."""
        return np.array([*self.colours, "#000000"])[self.codes]


def text_of(label: object) -> str:
    """Return a label as text, the same for 3, 3.0, "3" and b"3"; "" where it is missing."""
    if isinstance(label, str):
        return str(label)
    if isinstance(label, bytes):
        return label.decode(errors="replace")
    if label is None or str(label) in ("nan", "NaN", "NaT", "<NA>", "None"):
        return ""
    if isinstance(label, (float, np.floating)) and float(label).is_integer():
        return str(int(label))
    return str(label)


def read_labels(
    labels: Any,
    n: int,
    *,
    kind: str = "auto",
    palette: Mapping[Any, str] | str | None = None,
) -> Labels:
    """Read one label per point and give each its colour.

    Parameters
    ----------
    labels : array-like, shape (n,), or None
        Texts, numbers, booleans; pandas and polars columns keep their name, and categorical ones
        with a fixed set of categories (pandas Categorical, polars Enum) take distinct colours from
        the whole set.
    n : int
        Number of points of the map.
    kind : {"auto", "categories", "values"}
        ``"auto"``: numbers with a fraction, and more than 100 different whole numbers, are values.
    palette : mapping of label to colour, "distinct", name of a colour scale, or None
        Labels the mapping does not name keep the colour that follows from their text.

    Returns
    -------
    Labels

    Raises
    ------
    ValueError
        If the number of labels is not ``n``, or ``kind`` and ``palette`` do not fit the labels.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
    if labels is None:
        if palette is not None or kind != "auto":
            raise ValueError("palette and kind have no effect without labels; pass labels")
        return Labels("none", np.full(n, -1, dtype=np.int32))
    title = getattr(labels, "name", None)
    title = title if isinstance(title, str) else ""
    categories = getattr(getattr(labels, "dtype", None), "categories", None)
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n,):
        raise ValueError(
            f"labels has shape {array.shape}, but the map has {n} points; give one label per point"
        )
    numbers = None if isinstance(categories, Iterable) else _numbers(array)
    if kind == "values" and numbers is None:
        raise ValueError("kind='values' needs numeric labels; these are categories")
    if kind == "values" or (kind == "auto" and numbers is not None and _is_quantity(numbers)):
        assert numbers is not None
        if palette is not None and palette not in SCALES:
            raise ValueError(f"palette={palette!r}: labels are values, choose of {list(SCALES)}")
        values = np.where(np.isfinite(numbers), numbers, np.nan)
        codes = np.full(n, -1, dtype=np.int32)
        return Labels("values", codes, values=values, scale=str(palette or SCALES[0]), title=title)
    names, codes = _categories(array)
    own = palette is None
    if palette == "distinct":
        palette = _distinct_by_size(names, codes)
    if isinstance(palette, str):
        raise ValueError(
            f"palette={palette!r} is a colour scale, but the labels are categories; "
            "pass a mapping of label to colour, 'distinct', or kind='values'"
        )
    known = distinct(categories) if isinstance(categories, Iterable) else {}
    chosen = {text_of(k): _checked(k, v) for k, v in palette.items()} if palette else {}
    colours = tuple(chosen.get(x) or known.get(x) or colour_of(x) for x in names)
    found = Labels("categories", codes, tuple(names), colours, title=title)
    if len(names) <= LEGEND or (own and not known):  # else more can't be done
        _warn_of_lookalikes(found)
    return found


def _distinct_by_size(names: list[str], codes: Array) -> dict[str, str]:
    """Return distinct colours; of too many names, the largest, which the legend shows, get them."""
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    shown = [names[i] for i in sorted(np.argsort(-counts, kind="stable")[:LEGEND])]
    if len(shown) == len(names):
        return distinct(names)
    others = (name for name in names if name not in set(shown))
    return dict(zip([*shown, *others], distinct(range(len(names))).values(), strict=True))


def _numbers(array: Array) -> npt.NDArray[np.float64] | None:
    """Return the labels as numbers, NaN where missing; None if they are not numbers."""
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    if array.dtype.kind == "O":
        text = [text_of(v) for v in array]
        if all(
            t == "" or isinstance(v, (int, float, np.number))
            for t, v in zip(text, array, strict=True)
        ):
            if any(isinstance(v, bool) for v in array):
                return None
            return np.array([float(v) if t else np.nan for t, v in zip(text, array, strict=True)])
    return None


def _is_quantity(numbers: npt.NDArray[np.float64]) -> bool:
    finite = numbers[np.isfinite(numbers)]
    return bool((finite != np.floor(finite)).any()) or np.unique(finite).size > _MAX_NUMBERS


def _categories(array: Array) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the names in natural order and each point's place among them."""
    if array.dtype.kind == "O":
        array = np.array([text_of(v) for v in array], dtype=str)
    unique, inverse = np.unique(array, return_inverse=True)
    text = [text_of(v) for v in unique]
    names = natural_order(set(text) - {""})
    place = {name: i for i, name in enumerate(names)} | {"": -1}
    codes = np.array([place[t] for t in text], dtype=np.int32)[inverse.reshape(-1)]
    return names, codes


def _checked(label: Any, colour: Any) -> str:
    if isinstance(colour, str) and re.fullmatch(r"#[0-9a-fA-F]{6}|[a-zA-Z]+", colour):
        return colour.lower()
    raise ValueError(f"palette[{label!r}]={colour!r}: write colours as '#rrggbb' or a CSS name")


def _warn_of_lookalikes(labels: Labels) -> None:
    """Warn where two categories of the legend, or one of them and another, look alike."""
    shown = set(labels.in_legend())
    first = sorted(range(len(labels.names)), key=lambda i: i not in shown)
    pairs = lookalikes([labels.colours[i] for i in first])
    pairs = [(i, j) for i, j in pairs if i < len(shown)]
    if not pairs:
        return
    a, b = (labels.names[first[i]] for i in pairs[0])
    more = f" (and {len(pairs) - 1} more pairs)" if len(pairs) > 1 else ""
    remedy = (
        "pass palette='distinct', or for colours that subsets share "
        "palette=gputsne.plotting.palette(all_labels)"
    )
    if len(labels.names) > LEGEND:
        remedy = (
            f"of {len(labels.names)} categories palette='distinct' sets the {LEGEND} largest apart "
            "from each other, and annotate=True writes their names onto a static map"
        )
    warnings.warn(
        f"labels {a!r} and {b!r}{more} have colours that look alike, since each colour follows "
        f"from its label alone; {remedy}",
        UserWarning,
        stacklevel=5,  # the caller of plot
    )
