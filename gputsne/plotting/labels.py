"""The labels of a picture: categories with names and colours, values or dates on a scale, or none.

How labels are read (which are missing, what they say) is base/labels.py; how colours are chosen,
choice.py.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.colours import natural_order
from gputsne.base.labels import LabelColumn, printable, read_column, text_of
from gputsne.base.types import Array
from gputsne.plotting.choice import SCALES, choose_colours, choose_scale

__all__ = [
    "KINDS",
    "LEGEND",
    "Labels",
    "blank",
    "distinguishable",
    "largest",
    "printable",
    "read_labels",
]

KINDS = ("auto", "categories", "values")

LEGEND = 20
"""Most categories a legend names; the largest are named, the rest are drawn all the same."""

# More whole numbers than this are taken for a quantity, not for names.
_MAX_NUMBERS = 100


NO_LABEL = "no label"

UNITS = {
    "days": 86_400e6, "hours": 3_600e6, "minutes": 60e6, "seconds": 1e6, "milliseconds": 1e3,
    "microseconds": 1.0,
}  # fmt: skip
"""Units of durations, in microseconds."""


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
        The categories in natural order, those of an ordered column in its own, and their colours,
        ``#rrggbb``.
    values : array, shape (n,), float64
        The values, NaN where missing; days since 1970-01-01 where they are dates; empty unless
        ``kind="values"``.
    scale : tuple of str
        Colours of the lowest to the highest value, ``#rrggbb``.
    limits : tuple of float
        Values that get the first and the last colour of the scale.
    dates : bool
        Whether the values are dates.
    title : str
        Name of the column the labels came from, or "".
    missing_name : str
        What the legend calls points without a label.
    """

    kind: str
    codes: npt.NDArray[np.int32]
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    values: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    scale: tuple[str, ...] = ()
    limits: tuple[float, float] = (0.0, 1.0)
    dates: bool = False
    title: str = ""
    missing_name: str = NO_LABEL

    def take(self, rows: Array) -> Labels:
        """Return the labels of some of the points; names, colours and limits stay."""
        values = self.values[rows] if self.kind == "values" else self.values
        return replace(self, codes=self.codes[rows], values=values)

    def within_limits(self, rows: Array) -> npt.NDArray[np.float64]:
        """Return the values of some of the points; those beyond a limit are the limit."""
        return np.clip(self.values[rows], *self.limits)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the number of points in each category."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Points without a label, shape (n,)."""
        found = np.isfinite(self.values) if self.kind == "values" else self.codes >= 0
        return ~found if self.kind != "none" else np.zeros(len(self.codes), dtype=bool)

    def in_legend(self, most: int = LEGEND) -> list[int]:
        """Return the categories a legend names, in natural order: the ``most`` largest."""
        return largest(self.counts(), most)

    def colour_per_point(self) -> Array:
        """Return the colour of each point's category, shape (n,); missing ones are not coloured."""
        return np.array([*self.colours, "#000000"])[self.codes]

    def palette(self) -> dict[str, str]:
        """Return the colour of each category by its name; empty for values."""
        return dict(zip(self.names, self.colours, strict=True))


def largest(counts: Array, most: int) -> list[int]:
    """Return the places of the ``most`` largest counts above 0, in ascending order."""
    present = np.flatnonzero(counts)
    return sorted(present[np.argsort(-counts[present], kind="stable")][:most].tolist())


def read_labels(
    labels: Any,
    n: int,
    *,
    kind: str = "auto",
    palette: Any = None,
    limits: tuple[float | None, float | None] = (None, None),
    known: dict[str, str] | None = None,
) -> Labels:
    """Read one label per point and give each its colour.

    Parameters
    ----------
    labels : array-like, shape (n,) or (n, 1), or None
        Texts, numbers, booleans, dates; pandas and polars columns keep their name, and categorical
        ones with a fixed set of categories (pandas Categorical, polars Enum) take distinct colours
        from the whole set.
    n : int
        Number of points of the map.
    kind : {"auto", "categories", "values"}
        ``"auto"``: dates, durations, numbers with a fraction, and more than 100 different whole
        numbers, are values.
    palette : object
        See :func:`gputsne.plot`.
    limits : tuple of float or None
        Values that get the first and the last colour; None for the least and the greatest.
    known : dict of str to str, optional
        Colours that categories have from an earlier picture of the same map.

    Returns
    -------
    Labels

    Raises
    ------
    ValueError
        If the number of labels is not ``n``, or ``kind``, ``palette`` and ``limits`` do not fit
        them.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
    if labels is None:
        if palette is not None or kind != "auto" or limits != (None, None):
            raise ValueError(
                "palette, kind, vmin and vmax have no effect without labels; pass labels"
            )
        return Labels("none", np.full(n, -1, dtype=np.int32))
    column = read_column(labels, n, whose="the map")
    unit = "" if column.categories is not None else _unit(column)
    numbers = None if column.categories is not None else _numbers(column, unit)
    if kind == "values" and numbers is None:
        raise ValueError("kind='values' needs numeric labels; these are categories")
    if numbers is not None and (kind == "values" or (kind == "auto" and _is_quantity(column))):
        return _values(numbers, column, palette, limits, unit)
    if limits != (None, None):
        raise ValueError("vmin and vmax have no effect on categories; pass kind='values'")
    names, codes = _categories(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    shown = largest(counts, LEGEND)
    kept = dict(known or {})
    if column.categories is not None and palette is None:
        whole = [printable(_said(c)) for c in column.categories]
        palette, kept = choose_colours(whole, [], None, kept), {}
    colours = choose_colours(names, [names[i] for i in shown], palette, kept)
    chosen = tuple(colours[name] for name in names)
    return Labels("categories", codes, tuple(names), chosen, title=printable(column.title))


def _values(
    numbers: npt.NDArray[np.float64],
    column: LabelColumn,
    palette: Any,
    limits: tuple[Any, Any],
    unit: str = "",
) -> Labels:
    values = np.where(np.isfinite(numbers), numbers, np.nan)
    seen = values[np.isfinite(values)]
    least, greatest = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    dates = column.values.dtype.kind == "M"
    if unit:
        limits = (_in_unit(limits[0], unit), _in_unit(limits[1], unit))
    low = _limit("vmin", limits[0], least, dates)
    high = _limit("vmax", limits[1], greatest, dates)
    if not low <= high or (low == high and limits != (None, None)):
        ends = (_end("vmin", limits[0], low, dates), _end("vmax", limits[1], high, dates))
        raise ValueError(f"{ends[0]} must be below {ends[1]}")
    if not np.isfinite(high - low):
        raise ValueError(
            f"labels reach from {low:g} to {high:g}, farther apart than a float can tell: pass "
            "vmin and vmax, or rescale them"
        )
    return Labels(
        "values",
        np.full(len(values), -1, dtype=np.int32),
        values=values,
        scale=choose_scale(SCALES[0] if palette is None else palette),
        limits=(low, high),
        dates=dates,
        title=printable(f"{column.title} ({unit})" if unit and column.title else column.title)
        or unit,
        missing_name=_missing_name(numbers, column.missing),
    )


def _missing_name(numbers: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_]) -> str:
    """Return what the legend calls points without a place on the scale."""
    if not np.isinf(numbers).any():
        return NO_LABEL
    return f"{NO_LABEL} or infinite" if missing.any() else "infinite"


def _unit(column: LabelColumn) -> str:
    """Return the unit that durations are told in: the largest of which the longest has two."""
    if column.values.dtype.kind != "m":
        return ""
    known = column.values[~column.missing].astype("m8[us]").astype(np.float64)
    longest = float(np.abs(known).max()) if len(known) else 0.0
    return next((name for name, size in UNITS.items() if longest >= 2 * size), "microseconds")


def _in_unit(given: Any, unit: str) -> Any:
    """Return an end of the scale as a number of units where it is a duration."""
    if isinstance(given, timedelta | np.timedelta64):
        return float(np.timedelta64(given, "us").astype(np.float64)) / UNITS[unit]
    return given


def _limit(name: str, given: Any, default: float, dates: bool) -> float:
    """Return a limit as a number; dates become days since 1970-01-01."""
    if given is None:
        return default
    number = np.nan
    day = isinstance(given, str | date | np.datetime64)
    with suppress(TypeError, ValueError, OverflowError):
        number = _days(np.array([given], dtype="M8[us]"))[0] if day else float(given)
    if not np.isfinite(number):
        raise ValueError(
            f"{name}={reprlib.repr(given)} must be a finite number, or a date where labels are"
        )
    if day and not dates:
        raise ValueError(f"{name}={given!r} is a date, and the labels are numbers: pass a number")
    return float(number)


def _end(name: str, given: Any, number: float, dates: bool) -> str:
    """Return how a message writes an end of the scale: as it was given, else as the labels are."""
    if not dates:
        return f"{name}={number:g}"
    if given is not None:
        return f"{name}={given!s}"
    return f"{name}={_said(np.datetime64(round(number * 86_400e6), 'us'))} (of the labels)"


def _days(dates: Array) -> npt.NDArray[np.float64]:
    """Return dates as days since 1970-01-01, NaN where missing."""
    days: npt.NDArray[np.float64] = dates.astype("M8[us]").astype(np.int64) / 86_400e6
    days[np.isnat(dates)] = np.nan
    return days


def _numbers(column: LabelColumn, unit: str) -> npt.NDArray[np.float64] | None:
    """Return the labels as numbers, NaN where missing; None if they are not numbers."""
    if unit:
        lasting = column.values.astype("m8[us]").astype(np.float64) / UNITS[unit]
        return np.where(column.missing, np.nan, lasting)
    if column.values.dtype.kind == "M":
        return _days(column.values)
    if not column.numeric:
        return None
    numbers = column.values.astype(np.float64)
    numbers[column.missing] = np.nan
    return numbers


def _is_quantity(column: LabelColumn) -> bool:
    if column.values.dtype.kind in "mM":
        return True
    known = column.values[~column.missing].astype(np.float64)
    finite = known[np.isfinite(known)]
    return bool((finite != np.floor(finite)).any()) or np.unique(finite).size > _MAX_NUMBERS


def _said(label: Any) -> str:
    """Return a label as text; a date without a time of day is only a date."""
    if isinstance(label, np.datetime64):
        return str(label).removesuffix(".000000").removesuffix("T00:00:00")
    return text_of(label)


def _categories(column: LabelColumn) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the names in natural order and each point's place among them, -1 where missing."""
    if column.values.dtype.kind == "M" and not column.ordered:
        days = column.values.astype("M8[us]")
        found, codes = np.unique(days[~column.missing], return_inverse=True)
        given, inverse = list(found), np.full(len(days), -1, dtype=np.int64)
        inverse[~column.missing] = codes
    else:
        given, inverse = column.codes()
    texts = [printable(_said(label)) for label in given]
    names = list(dict.fromkeys(texts)) if column.ordered else natural_order(set(texts))
    place = {name: i for i, name in enumerate(names)}
    places = np.array([*(place[text] for text in texts), -1], dtype=np.int32)
    return names, places[inverse]


def blank(name: str) -> str:
    """Return what stands for a name that nobody would see; "" for none at all."""
    return f"(blank, {len(name)} character{'' if len(name) == 1 else 's'})" if name else ""


def distinguishable(names: Sequence[str], most: int) -> list[str]:
    """Shorten names to ``most`` characters so that those that differ still do.

    A long name is cut at its end; where that leaves equal ones, each of those keeps its end
    instead, or gets a number.
    """
    names = [name if name.strip() else blank(name) for name in names]
    cut = [n if len(n) <= most else n[: most - 1] + "…" for n in names]
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(cut):
        groups.setdefault(name, []).append(i)
    for alike in (members for members in groups.values() if len(members) > 1):
        head = most // 3
        ends = [f"{names[i][:head]}…{names[i][-(most - head - 1) :]}" for i in alike]
        if len(set(ends)) < len(ends):
            ends = [f"{cut[i][: most - 4]}… {rank + 1}" for rank, i in enumerate(alike)]
        for i, end in zip(alike, ends, strict=True):
            cut[i] = end
    return cut
