"""A run's map as csv, parquet or container: coordinates, and columns that may leave the server."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.errors import GputsneError, Refused
from gputsne.base.places import in_float32
from gputsne.base.types import Array
from gputsne.data import require, write
from gputsne.data.arrow import floats_of
from gputsne.data.writing import AXES
from gputsne.serve.catalogue import DIGITS, Entry
from gputsne.serve.settings import Settings

__all__ = ["ID", "KINDS", "LABEL", "Map", "key_of", "missing_columns", "read_map", "write_map"]

KINDS: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "gts": "application/octet-stream",
}
ID: Final = "id"
LOOKED_AT: Final = 5  # maps in which columns to be shown are looked for
LABEL: Final = "label"  # the column of labels where another column had its name


@dataclass(frozen=True, eq=False)
class Map:
    """A map, and what may be seen of its points.

    Attributes
    ----------
    Y : array of float32 or float64, shape (n, c)
        Coordinates, as they were stored.
    ids : array, shape (n,), or None
        Of the points.
    columns : dict of str to array of shape (n,)
        Others.
    label : str
        Name of the column of labels; "" where none is shown.
    """

    Y: Array
    ids: Array | None
    columns: dict[str, Array]
    label: str = ""


def key_of(entry: Entry, settings: Settings) -> str:
    """Return what changes when a run's map does, or what may be seen of it.

    Parameters
    ----------
    entry : Entry
        The run.
    settings : Settings
        With the columns that are served.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    name = entry.map_file or ""
    chosen = [settings.columns, settings.label, settings.ids, settings.min_cell]
    told = json.dumps([entry.id, name, entry.stamps.get(name), chosen])
    return hashlib.sha256(told.encode()).hexdigest()[:DIGITS]


def read_map(entry: Entry, settings: Settings) -> Map:
    """Return a run's map with the columns that are served.

    Parameters
    ----------
    entry : Entry
        The run.
    settings : Settings
        With the columns that are served.

    Returns
    -------
    Map

    Raises
    ------
    Refused
        404: the run has no map, or one without coordinates. 422: its file is damaged.
    """
    if (name := entry.map_file) is None:
        raise Refused(404, f"{entry.id} has no map")
    with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
        path = Path(folder, name)
        entry.fetch(name, path)
        require("pyarrow", "serving maps")
        from pyarrow import ArrowException

        try:
            return _read(path, entry, settings)
        except (ValueError, KeyError, TypeError, EOFError, OSError, ArrowException) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk, not the file
                raise
            raise Refused(422, f"{name} of {entry.id} is damaged, or no map") from error


def _read(path: Path, entry: Entry, settings: Settings) -> Map:
    if path.suffix == ".npy":
        return Map(_checked(np.load(path, allow_pickle=False), entry), None, {})
    table = _table(path)
    there = table.column_names
    axes = [axis for axis in AXES if axis in there]
    if not axes:
        raise Refused(404, f"the map of {entry.id} has no columns {', '.join(AXES)}")
    Y = np.stack([_values(table, axis) for axis in axes], axis=1)
    if Y.dtype.kind not in "fiu":
        raise ValueError("coordinates are no numbers")
    Y = Y.astype(np.result_type(Y, np.float32), copy=False)  # axes of whole numbers, too
    wanted = [column for column in settings.columns if column in there and column not in axes]
    label = entry.label if entry.label is not None and entry.label in there else LABEL
    if settings.label and label in there and label not in (*wanted, *axes):
        wanted.insert(0, label)
    ids = _values(table, ID) if settings.ids and ID in there else None
    columns = {column: _values(table, column) for column in wanted if column != ID}
    return Map(_checked(Y, entry), ids, columns, label if label in columns else "")


def missing_columns(entries: Iterable[Entry], settings: Settings) -> tuple[list[str], int]:
    """Return the columns to be shown that no map of the first entries has, and how many had none.

    Parameters
    ----------
    entries : iterable of Entry
        The runs; the first `LOOKED_AT` with a table of a map are looked at.
    settings : Settings
        With the columns that are served.

    Returns
    -------
    tuple of list of str and int
        The names, and how many maps were looked at.
    """
    left, looked = set(settings.columns), 0
    for entry in entries:
        if not left or looked == LOOKED_AT:
            break
        if entry.map_file not in (None, "map.npy"):
            with suppress(GputsneError, OSError):
                left -= set(read_map(entry, settings).columns)
                looked += 1
    return (sorted(left) if looked else []), looked


def write_map(found: Map, path: Path) -> None:
    """Write a map into a file whose suffix says how.

    Parameters
    ----------
    found : Map
        The map.
    path : Path
        ``.csv``, ``.parquet`` or ``.gts``, the container of gputsne.viewer.
    """
    if path.suffix != ".gts":
        write(path, found.Y, ids=found.ids, kept=found.columns)
        return
    from gputsne.viewer.container import pack

    places = in_float32(found.Y)  # what a container's axes are
    columns: dict[str, Any] = {axis: places[:, j] for j, axis in enumerate(AXES[: places.shape[1]])}
    if found.ids is not None:
        columns[ID] = [_text(value) for value in found.ids]
    for name, values in found.columns.items():
        numbers = values.dtype.kind in "fiu"
        held = values.astype(np.float64) if numbers else [_text(value) for value in values]
        columns[f"{name}_kept" if name in columns else name] = held
    path.write_bytes(pack(columns))


def _checked(Y: Array, entry: Entry) -> Array:
    if Y.ndim != 2 or Y.dtype.kind != "f" or len(Y) == 0:
        raise Refused(404, f"the map of {entry.id} is no table of coordinates")
    return Y


def _table(path: Path) -> Any:
    if path.suffix == ".csv":
        from pyarrow import csv

        return csv.read_csv(path)
    from pyarrow import parquet

    return parquet.read_table(path)


def _values(table: Any, name: str) -> Array:
    return floats_of(table.column(name).combine_chunks())


def _text(value: Any) -> str:
    return "" if value is None else str(value)
