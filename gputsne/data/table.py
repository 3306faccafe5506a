"""What a file of points is once read: features, and labels and ids where asked for.

Also how columns are named on a command line: by name, position, slice or pattern.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.types import Array

INPUT_SUFFIXES: Final = (".npy", ".npz", ".csv", ".tsv", ".parquet", ".h5ad")
_SLICE = re.compile(r"^(\d*):(\d*)$")
_SHOWN = 8  # column names listed in a message before "..."


class BadInput(ValueError):
    """A file has not what was asked of it; the message names file, place and remedy."""


@dataclass(frozen=True)
class Selection:
    """What to take from a file.

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
    """

    columns: tuple[str, ...] = ()
    vector: str | None = None
    key: str | None = None
    labels: str | None = None
    ids: str | None = None
    header: bool | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """Points read from a file.

    Attributes
    ----------
    X : array or scipy sparse matrix, shape (n, d)
        Features, numeric.
    names : tuple of str or None
        Names of the d features, where the file has them.
    positions : tuple of int or None
        Places of the d features in the file, from 0, where they are columns of it; None: all, in
        order, or numbers of one vector.
    labels, ids : array, shape (n,), or None
        As asked for; text, integers or floats.
    left_out : tuple of str
        Columns that were not asked for and are not numeric: left out of the features.
    """

    X: Any
    names: tuple[str, ...] | None = None
    labels: Array | None = None
    ids: Array | None = None
    left_out: tuple[str, ...] = ()
    positions: tuple[int, ...] | None = None

    def called(self, j: int) -> str:
        """Return what a message calls feature ``j``: its name, else its place in the file."""
        if self.names is not None:
            return repr(self.names[j])
        return str(j if self.positions is None else self.positions[j])

    def with_labels(self, labels: Array) -> Table:
        """Return the same table with these labels, shape (n,)."""
        return replace(self, labels=labels)


def format_of(path: Path, known: Sequence[str] = INPUT_SUFFIXES) -> str:
    """Return the suffix that names the format of `path`; csv and tsv may end in ``.gz``."""
    suffixes = [s.lower() for s in path.suffixes]
    suffix = suffixes[-1] if suffixes else ""
    if suffix == ".gz" and suffixes[-2:-1] in ([".csv"], [".tsv"]) and ".tsv" in known:
        suffix = suffixes[-2]
    if suffix not in known:
        what = f"suffix {suffix!r}" if suffix else "a name without a suffix"
        raise BadInput(f"{path}: {what} says no known format; known are {' '.join(known)}")
    return suffix


def counted(n: int, noun: str) -> str:
    """Return a count for a message: ``1 row``, ``2,000 rows``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return the names for a message, the first few of many."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, ... ({len(names)} in all)"


def find(names: Sequence[str], wanted: str) -> int | None:
    """Return the position of one column by name, else by number; None when there is none."""
    if wanted in names:
        if names.count(wanted) > 1:
            raise BadInput(f"column {wanted!r} is there {names.count(wanted)} times; name it once")
        return names.index(wanted)
    if wanted.isdecimal() and int(wanted) < len(names):
        return int(wanted)
    return None


def need(names: Sequence[str], wanted: str, path: Path) -> int:
    """Return the position of one column; BadInput that lists the columns when there is none."""
    found = find(names, wanted)
    if found is None:
        raise BadInput(f"{path} has no column {wanted!r}; it has: {listed(names)}")
    return found


def label_position(names: Sequence[str], wanted: str, path: Path) -> int | None:
    """Return the position of the label column; None when `wanted` is a file of its own."""
    found = find(names, wanted)
    return need(names, wanted, path) if found is None and not is_label_file(wanted) else found


def is_label_file(wanted: str) -> bool:
    """Tell whether ``FILE`` or ``FILE:COLUMN`` is meant."""
    return Path(wanted).is_file() or Path(wanted.rpartition(":")[0]).is_file()


def only(names: Sequence[str], column: str | None, path: Path) -> int:
    """Return the position of `column`, or of the only one; BadInput when there are several."""
    if column is not None:
        return need(names, column, path)
    if len(names) != 1:
        raise BadInput(f"{path} has several columns; choose with --labels {path}:NAME")
    return 0


def pick(names: Sequence[str], wanted: Sequence[str], path: Path) -> list[int]:
    """Return the positions of the wanted columns, in the order asked for, each once."""
    places: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        places.setdefault(name, []).append(i)
    chosen: dict[int, None] = {}  # an ordered set
    for want in wanted:
        if len(places.get(want, ())) == 1:
            hits = places[want]
        elif (found := find(names, want)) is not None:
            hits = [found]
        elif match := _SLICE.match(want):
            hits = list(range(len(names)))[slice(*(int(g) if g else None for g in match.groups()))]
        else:
            hits = [i for i, name in enumerate(names) if fnmatch.fnmatchcase(name, want)]
        if not hits:
            raise BadInput(f"{path} has no column {want!r}; it has: {listed(names)}")
        chosen.update(dict.fromkeys(hits))
    return list(chosen)


def tidy(values: Sequence[str]) -> Array:
    """Return text as integers when every value is one, written the plain way; else as text."""
    try:
        if all(str(int(v)) == v for v in values):
            return np.array([int(v) for v in values], dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    return np.array(values, dtype=object)


def numeric_matrix(X: Array, path: Path, what: str = "the array") -> Array:
    """Return X if it is a two-dimensional numeric array, shape (n, d); else raise BadInput."""
    if X.dtype.kind not in "fiub":
        raise BadInput(f"{path}: {what} has dtype {X.dtype}, which isn't numeric")
    if X.ndim != 2:
        raise BadInput(f"{path}: {what} has shape {X.shape}; rows x features (2-D) is needed")
    return X
