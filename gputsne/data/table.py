"""The record of points read from a file (Data), and the record of what to read (Selection).

Also the formats that file names stand for, and the error of every file that can't be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.errors import BadInput as BadInput  # the readers take it from here
from gputsne.base.types import Array

INPUT_SUFFIXES: Final = (".npy", ".npz", ".csv", ".tsv", ".parquet", ".h5ad")
TEXT_SUFFIXES: Final = (".csv", ".tsv")
COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip")
_SAVED_INDEX: Final = re.compile(r"^Unnamed: \d+$")  # pandas' name of a column without one
_LISTED: Final = 8  # names listed in a message before "..."


@dataclass(frozen=True)
class Selection:
    """What to take from a file, and how to read it.

    Attributes
    ----------
    columns : tuple of str
        Feature columns: names, positions from 0, slices ``0:50`` or patterns ``pc*``; empty: every
        numeric column.
    vector : str or None
        One column that holds each row's whole vector (a list).
    key : str or None
        Array of an npz file, or place in an h5ad file (``obsm/X_pca``).
    labels, ids : str or None
        Column of labels and of row names. ``labels`` may also be a file of its own.
    header : bool or None
        Whether a csv file's first line holds names; None: found out from its content.
    decimal : {".", ","} or None
        Decimal mark of a csv file; None: ".".
    encoding : str or None
        Encoding of a csv file; None: UTF-8, or what a byte order mark says.
    flatten : bool
        Whether an array of more than two axes (images) is read as one row of features per entry of
        its first axis.
    join, on : str or None
        File of a further table, and its column of ids (None: the one of ``ids``); of commands,
        which join its columns to the rows that are read.
    memory_limit : int or None
        Bytes that reading may take; None: the machine's memory.
    """

    columns: tuple[str, ...] = ()
    vector: str | None = None
    key: str | None = None
    labels: str | None = None
    ids: str | None = None
    header: bool | None = None
    decimal: str | None = None
    encoding: str | None = None
    flatten: bool = False
    join: str | None = None
    on: str | None = None
    memory_limit: int | None = None

    def given(self) -> dict[str, Any]:
        """Return the fields that were set, for a record of the run."""
        return {k: v for k, v in vars(self).items() if v != getattr(Selection, k)}

    def refuse(self, path: Path, reasons: dict[str, str]) -> None:
        """Raise BadInput for a field that was set and has no meaning in the format of `path`.

        Parameters
        ----------
        path : Path
            The file.
        reasons : dict
            From field to the reason, which completes "FILE: --header has no effect on it: ...".
        """
        for name, reason in reasons.items():
            if name in self.given():  # header=False is
                flag = {"ids": "--id"}.get(name, f"--{name}")
                raise BadInput(f"{path}: {flag} has no effect on it: {reason}")


@dataclass(frozen=True, eq=False)
class Data:
    """Points read from a file.

    Attributes
    ----------
    X : array or scipy sparse matrix, shape (n, d)
        Features, numeric.
    ids, labels : array, shape (n,), or None
        As asked for; text, integers or floats.
    names : tuple of str or None
        Names of the d features, where the file has them.
    positions : tuple of int or None
        Places of the d features in the file, from 0, where they are columns of it; None: all, in
        order, or numbers of one vector.
    left_out : tuple of str
        Columns that were not asked for and became no features: text, row indices, empty ones.
    remarks : tuple of str
        What was decided without being asked, one sentence each: why a column was left out, what
        the first line was taken for.
    """

    X: Any
    ids: Array | None = None
    labels: Array | None = None
    names: tuple[str, ...] | None = None
    positions: tuple[int, ...] | None = None
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def called(self, j: int) -> str:
        """Return what a message calls a feature: its name, else its place in the file.

        Parameters
        ----------
        j : int
            Column of X.

        Returns
        -------
        str
        """
        if self.names is not None:
            return repr(self.names[j])
        return str(j if self.positions is None else self.positions[j])


def format_of(path: Path, known: Sequence[str] = INPUT_SUFFIXES) -> str:
    """Return the suffix that names the format of `path`; text may be compressed (``.csv.gz``)."""
    suffixes = [s.lower() for s in path.suffixes]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in COMPRESSED and set(TEXT_SUFFIXES) <= set(known):
        inner = suffixes[-2] if len(suffixes) > 1 else ""
        if inner in TEXT_SUFFIXES:
            return inner
        if suffix == ".zip":  # a program's usual name for one zipped table
            return ".csv"
    if suffix not in known:
        what = f"suffix {suffix!r}" if suffix else "a name without a suffix"
        raise BadInput(f"{path}: {what} says no known format; known are {' '.join(known)}")
    return suffix


def counted(n: int, noun: str) -> str:
    """Return a count for a message: ``1 row``, ``2,000 rows``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return the names for a message, the first few of many."""
    shown = ", ".join(names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown}, ... ({len(names)} in all)"


def is_saved_index(name: str) -> bool:
    """Tell whether a column is called as pandas calls one without a name: a row index, once saved.

    Parameters
    ----------
    name : str
        The column's name.
    """
    return _SAVED_INDEX.match(name) is not None


def left_out_remark(names: Sequence[str], reason: str) -> list[str]:
    """Return one sentence on columns left out; none where there are none.

    Parameters
    ----------
    names : sequence of str
        The columns.
    reason : str
        Why, for instance "not numeric".
    """
    if not names:
        return []
    return [f"{listed(names)} {'was' if len(names) == 1 else 'were'} left out: {reason}"]


def numeric_matrix(
    X: Array, path: Path, what: str = "the array", *, flatten: bool = False
) -> Array:
    """Return X if it is a two-dimensional numeric array, shape (n, d); else raise BadInput.

    With `flatten` an array of shape (n, h, w, ...) becomes one of shape (n, h * w * ...).
    """
    if X.dtype.kind not in "fiub":
        raise BadInput(f"{path}: {what} has dtype {X.dtype}, which isn't numeric")
    if flatten and X.ndim > 2:
        return X.reshape(X.shape[0], -1)
    if X.ndim != 2:
        hint = "; --flatten makes each entry of the first axis a row" if X.ndim > 2 else ""
        raise BadInput(f"{path}: {what} has shape {X.shape}; rows x features (2-D) is needed{hint}")
    return X


def one_per_row(values: Array, n: int, path: Path, what: str) -> Array:
    """Return values of shape (n,) or (n, 1) as shape (n,), text as str; else raise BadInput."""
    if values.dtype.kind == "V" or values.dtype.kind == "c":
        raise BadInput(f"{path}: {what} has dtype {values.dtype}; text or numbers are needed")
    if values.ndim == 2 and 1 in values.shape:
        values = values.ravel()
    if values.shape != (n,):
        raise BadInput(f"{path}: {what} has shape {values.shape}; ({n},) is needed")
    return as_text(values)


def as_text(values: Array) -> Array:
    """Return labels or ids with bytes decoded and lone surrogates, which no file holds, as "?".

    Numbers and text that needs neither come back as they are.
    """
    kind = values.dtype.kind
    if kind == "U":
        native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
        codes = native.view(np.uint32) if native.dtype.itemsize else np.empty(0, np.uint32)
        if not ((codes >= 0xD800) & (codes <= 0xDFFF)).any():
            return values
    elif kind not in "SO":
        return values
    made = np.empty(values.shape, dtype=object)
    made[:] = [_text_of(value) for value in values.tolist()]
    return made


def _text_of(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace").decode("utf-8")
    return value
