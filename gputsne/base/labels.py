"""Labels of points: which are missing, what they say as text, and their categories as codes.

None, NaN, NaT, pandas' NA and the empty text are missing whatever the container: an array, a list,
a column of pandas or polars, a frame of one column.
"""

from __future__ import annotations

import numbers
import re
import reprlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.arrays import host
from gputsne.base.types import Array

__all__ = ["LabelColumn", "is_missing", "printable", "read_column", "text_of"]

# What no file format or font can show: control characters, which make an svg ill-formed XML, and
# halves of surrogate pairs, which UTF-8 can't write.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


# Units of numpy's dates and durations that Python's own can't hold: tolist() makes numbers of them.
FINER_THAN_PYTHON = ("ns", "ps", "fs", "as")
# What Python counts among its numbers, and is none: numpy registers durations as whole ones.
NO_NUMBERS = (bool, np.bool_, np.timedelta64)


@dataclass(frozen=True, eq=False)
class LabelColumn:
    """One label per point, as they were given.

    Attributes
    ----------
    values : array, shape (n,)
        Numbers (float64 where some are missing), booleans, text, dates, durations, or Python
        objects.
    missing : array, shape (n,), bool
        Points without a label.
    title : str
        Name of the column they came from, or "".
    categories : tuple or None
        The fixed set of a categorical column (pandas Categorical, polars Enum), in its order.
    ordered : bool
        Whether that order means something: an ordered Categorical, an Enum.
    """

    values: Array
    missing: npt.NDArray[np.bool_]
    title: str = ""
    categories: tuple[Any, ...] | None = None
    ordered: bool = False

    @property
    def numeric(self) -> bool:
        """Tell whether the labels are numbers, booleans left aside."""
        return self.values.dtype.kind in "iuf"

    def codes(self) -> tuple[list[Any], npt.NDArray[np.int64]]:
        """Return the categories in their order, and each point's place among them.

        Returns
        -------
        names : list
            Those of an ordered column in its order; otherwise numbers in ascending order, and
            everything else as sorted text.
        codes : array, shape (n,), int64
            -1 where the label is missing.
        """
        codes = np.full(len(self.values), -1, dtype=np.int64)
        known = ~self.missing
        if self.values.dtype.kind in "biuf" and not self.ordered:
            names, codes[known] = np.unique(self.values[known], return_inverse=True)
            return names.tolist(), codes
        # No array of text: its width would be that of the longest label, for each of them.
        values = self.values[known]
        if values.dtype.kind in "mM" and np.datetime_data(values.dtype)[0] in FINER_THAN_PYTHON:
            values = values.astype(f"{values.dtype.kind}8[us]")
        texts = [text_of(value) for value in values.tolist()]
        seen = set(texts)
        order = map(text_of, self.categories or ()) if self.ordered else ()
        told = dict.fromkeys([*(text for text in order if text in seen), *sorted(seen)])
        place = {text: i for i, text in enumerate(told)}
        codes[known] = [place[text] for text in texts]
        return list(place), codes


def is_missing(value: Any) -> bool:
    """Tell whether a label or a cell stands for nothing: None, NaN, NaT, pandas' NA or "".

    Parameters
    ----------
    value : object
        One label or cell.

    Returns
    -------
    bool
        True for whatever is not equal to itself, in any library.
    """
    if value is None or (isinstance(value, str | bytes) and not value):
        return True
    if type(value).__name__ == "NAType":  # its comparisons are neither True nor False
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # an array or another container
        return False


def text_of(label: Any) -> str:
    """Return a label as text, the same for 3, 3.0, "3" and b"3"; "" where it is missing.

    Parameters
    ----------
    label : object
        One label.

    Returns
    -------
    str
        What a legend writes.
    """
    if isinstance(label, str):
        return str(label)
    if isinstance(label, bytes):
        return label.decode(errors="replace")
    if is_missing(label):
        return ""
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def printable(text: str) -> str:
    """Return a text with what no file format can hold replaced by U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def read_column(
    labels: Any, n: int, *, name: str = "labels", whose: str = "the map"
) -> LabelColumn:
    """Read one label per point.

    Parameters
    ----------
    labels : array_like, shape (n,) or (n, 1)
        Array, list, column or frame of one column; polars, pandas and numpy alike.
    n : int
        Number of points.
    name, whose : str
        What the argument and the owner of the points are called in messages.

    Returns
    -------
    LabelColumn
        With its missing labels found.

    Raises
    ------
    TypeError
        For what is no column (a number, one text, a mapping, a set), and for complex numbers,
        which have no order and no text that others would read.
    ValueError
        For another number of labels than ``n``.
    """
    a_column = hasattr(labels, "__array__") or hasattr(labels, "__dlpack__")
    in_a_row = hasattr(labels, "__iter__") and not isinstance(labels, str | bytes | Mapping | Set)
    if not (a_column or in_a_row):
        raise TypeError(
            f"{name} must be an array, a list or a column with one label for each of the {n} rows "
            f"of {whose}, got {reprlib.repr(labels)} ({type(labels).__name__})"
        )
    if hasattr(labels, "columns") and len(labels.columns) == 1:
        first = labels.columns[0]
        labels = labels[first] if isinstance(first, str | int) else labels.iloc[:, 0]
    title = getattr(labels, "name", None)
    kind = getattr(labels, "dtype", None)
    categories = getattr(kind, "categories", None)
    ordered = bool(getattr(kind, "ordered", type(kind).__name__ == "Enum"))
    labels = host(labels)
    masked = np.ma.getmaskarray(labels) if isinstance(labels, np.ma.MaskedArray) else None
    array = _as_array(labels if masked is None else np.asarray(labels.data))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n,):
        raise ValueError(f"{name} has shape {array.shape}, but {whose} has {n} rows")
    if array.dtype.kind == "c" or (
        array.dtype.kind == "O" and any(isinstance(v, complex | np.complexfloating) for v in array)
    ):
        raise TypeError(
            f"{name} are complex numbers, which have no order: pass their real part, or np.abs of "
            "them"
        )
    missing = _missing(array) if masked is None else _missing(array) | masked.reshape(n)
    if array.dtype.kind == "O":
        array = _durations(_dates(_numbers(array, missing), missing), missing)
    fixed = tuple(categories) if isinstance(categories, Iterable) else None
    said = title if isinstance(title, str) else ""
    return LabelColumn(array, missing, said, fixed, ordered and fixed is not None)


def _as_array(labels: Any) -> Array:
    """Return labels as an array; numpy would make the text "nan" of a NaN in a list of texts."""
    if isinstance(labels, np.ndarray):
        return labels
    if hasattr(labels, "dtype") or hasattr(labels, "__array__"):
        array = np.asarray(labels)
        return np.asarray(labels, dtype=object) if array.dtype.kind in "US" else array
    entries = list(labels)
    array = np.empty(len(entries), dtype=object)
    for i, entry in enumerate(entries):
        array[i] = entry[0] if isinstance(entry, list | tuple) and len(entry) == 1 else entry
    kinds = {type(entry) for entry in entries}
    # No array of text either: its width would be that of the longest label, for each of them.
    return np.asarray(entries) if len(kinds) == 1 and not kinds <= {str, bytes} else array


def _missing(array: Array) -> npt.NDArray[np.bool_]:
    kind = array.dtype.kind
    if kind in "fc":
        return np.isnan(array)
    if kind in "mM":
        return np.isnat(array)
    if kind in "US":
        return np.asarray(array == array.dtype.type(), dtype=np.bool_)
    if kind == "O":
        return np.array([is_missing(value) for value in array], dtype=np.bool_)
    return np.zeros(array.shape, dtype=np.bool_)


def _numbers(array: Array, missing: Array) -> Array:
    """Return objects as float64 if all that are there are numbers, else as they are."""
    known = array[~missing]
    if not all(isinstance(v, numbers.Real) and not isinstance(v, NO_NUMBERS) for v in known):
        return array
    values = np.full(len(array), np.nan)
    try:
        values[~missing] = known.astype(np.float64)
    except OverflowError:
        return array
    # Whole numbers that float64 would merge stay apart.
    whole = {v for v in known.tolist() if isinstance(v, numbers.Integral)}
    return values if len({float(v) for v in whole}) == len(whole) else array


def _dates(array: Array, missing: Array) -> Array:
    """Return objects as datetime64 if all that are there are dates, else as they are.

    Dates and times of the standard library and of pandas; those with a time zone as UTC, a period
    as its begin.
    """
    known = array[~missing]
    if array.dtype.kind != "O" or not len(known):
        return array
    begins = [v.start_time if hasattr(v, "start_time") else v for v in known]
    if not all(isinstance(v, date | np.datetime64) for v in begins):
        return array
    naive = [
        v.astimezone(UTC).replace(tzinfo=None) if isinstance(v, datetime) and v.tzinfo else v
        for v in begins
    ]
    values = np.full(len(array), np.datetime64("NaT"), dtype="M8[us]")
    values[~missing] = np.array([np.datetime64(v, "us") for v in naive])
    return values


def _durations(array: Array, missing: Array) -> Array:
    """Return objects as timedelta64 if all that are there are durations, else as they are."""
    known = array[~missing]
    if array.dtype.kind != "O" or not len(known):
        return array
    if not all(isinstance(v, timedelta | np.timedelta64) for v in known):
        return array
    values = np.full(len(array), np.timedelta64("NaT"), dtype="m8[us]")
    values[~missing] = np.array([np.timedelta64(v, "us") for v in known])
    return values
