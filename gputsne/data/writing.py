"""Writes a map: columns id, x, y, z, labels and others as parquet or csv, npy; or a copy of h5ad.

Every file appears whole or not at all.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.files import path_of, replacing
from gputsne.base.types import Array, FloatArray
from gputsne.data.arrow import to_arrow
from gputsne.data.table import BadInput, as_text, format_of

OUTPUT_SUFFIXES: Final = (".parquet", ".csv", ".npy", ".h5ad")
AXES: Final = ("x", "y", "z")


def write(
    path: str | Path,
    Y: FloatArray,
    *,
    ids: Array | None = None,
    labels: Array | None = None,
    label_name: str = "label",
    kept: Mapping[str, Array] | None = None,
    copy_of: str | Path | None = None,
) -> None:
    """Write a map to a file.

    Parameters
    ----------
    path : str or Path
        ``.parquet``, ``.csv``, ``.npy`` or ``.h5ad``; an npy file holds the coordinates alone.
    Y : array, shape (n, c), float32
        The map, c in {1, 2, 3}.
    ids, labels : array, shape (n,), optional
        Become the columns ``id`` and ``label_name``.
    label_name : str
        Name of the column of labels; "label" takes its place where another column has the name.
    kept : mapping of str to array of shape (n,), optional
        Further columns. One that has the name of a coordinate, say x, becomes ``x_kept``.
    copy_of : str or Path, optional
        The h5ad file whose observations the points are. An h5ad output is a copy of it with the map
        as ``obsm["X_tsne"]``, all else as it was; ids, labels and kept columns are not added.

    Raises
    ------
    BadInput
        The suffix names no output format, or an h5ad file is to be written and `copy_of` isn't one
        or has another number of observations.
    OSError
        The file can't be written; an older file under the name is unharmed.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "map.csv"
    >>> write(path, np.array([[0.5, 1.0]], "f4"), labels=np.array(["a"]))
    >>> path.read_text().split()
    ['x,y,label', '0.5,1,a']
    """
    path = path_of(path)
    suffix = format_of(path, OUTPUT_SUFFIXES)
    Y = np.asarray(Y)
    if suffix == ".h5ad":
        _h5ad(path, Y, copy_of)
        return
    columns: dict[str, Array] = {} if ids is None else {"id": as_text(np.asarray(ids))}
    columns |= {axis: Y[:, j] for j, axis in zip(range(Y.shape[1]), AXES, strict=False)}
    if labels is not None:
        columns["label" if label_name in columns else label_name] = as_text(np.asarray(labels))
    for name, values in (kept or {}).items():
        columns[f"{name}_kept" if name in columns else name] = as_text(np.asarray(values))
    with replacing(path) as part:
        if suffix == ".npy":
            with part.open("wb") as file:
                np.save(file, np.ascontiguousarray(Y))
        elif suffix == ".csv":
            _csv(part, columns)
        else:
            _parquet(part, columns)


def check_copy(source: str | Path | None, n: int, name: str = "") -> None:
    """Raise BadInput unless a map of `n` points can be added to a copy of what was read.

    Parameters
    ----------
    source : str, Path or None
        The file.
    n : int
        Points of the map.
    name : str
        What messages call the file; by default its path.
    """
    from gputsne.data.formats import h5ad

    if source is None or Path(source).suffix.lower() != ".h5ad":
        raise BadInput(
            f"h5ad is written as a copy of the h5ad file that was read, not of {name or source}; "
            "write parquet, csv or npy"
        )
    h5ad.check_rows(Path(source), n, name)


def _h5ad(path: Path, Y: Array, source: str | Path | None) -> None:
    from gputsne.data.formats import h5ad

    check_copy(source, len(Y))
    with replacing(path) as part:
        shutil.copyfile(str(source), part)
        h5ad.add_map(part, Y)


def cells(values: Array) -> Sequence[Any]:
    """Return a column's cells as Python values; floats as text of 9 digits, enough for float32.

    Parameters
    ----------
    values : array, shape (n,)
        The column.

    Returns
    -------
    sequence
        What a csv writer takes.
    """
    if values.dtype.kind == "f":
        digits = 9 if values.dtype.itemsize <= 4 else 17
        return [f"{v:.{digits}g}" for v in values.tolist()]
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values.tolist()]


def _csv(path: Path, columns: dict[str, Array]) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*map(cells, columns.values()), strict=True))


def _parquet(path: Path, columns: dict[str, Array]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    made = {}
    for name, values in columns.items():
        if values.dtype.kind == "O":
            mixed = len({type(v) for v in values if v is not None}) > 1
            told = cells(values)
            made[name] = pa.array([None if v is None else str(v) for v in told] if mixed else told)
        elif values.dtype.kind == "S":
            made[name] = pa.array(cells(values))
        else:
            made[name] = to_arrow(values)
    with path.open("wb") as file:  # pyarrow takes no name that isn't UTF-8
        parquet.write_table(pa.table(made), file)
