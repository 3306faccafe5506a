"""Tables in, maps out: which reader or writer a file's suffix calls for.

Each format is one module with ``read(path, want)``; it is imported only when such a file is read.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gputsne.base.errors import DependencyMissing
from gputsne.data.table import BadInput, Selection, Table, format_of
from gputsne.data.writing import OUTPUT_SUFFIXES, write

__all__ = ["OUTPUT_SUFFIXES", "BadInput", "Selection", "Table", "read", "require", "write"]

# The packages behind the formats, and the extra that brings each.
EXTRAS: Final = {"pyarrow": "io", "h5py": "io", "matplotlib": "plot", "plotly": "plot"}


def require(package: str, doing: str) -> None:
    """Raise DependencyMissing, saying what needs it and how to get it, unless it is installed."""
    if importlib.util.find_spec(package) is None:
        extra = EXTRAS[package]
        raise DependencyMissing(f"{doing} needs {package}: pip install 'gputsne[{extra}]'")


def _reader(suffix: str) -> Callable[[Path, Selection], Table]:
    if suffix in (".npy", ".npz"):
        from gputsne.data.formats import npy

        return npy.read
    if suffix in (".csv", ".tsv"):
        from gputsne.data.formats import csv

        return csv.read
    if suffix == ".parquet":
        require("pyarrow", "reading parquet")
        from gputsne.data.formats import parquet

        return parquet.read
    require("h5py", "reading h5ad")
    from gputsne.data.formats import h5ad

    return h5ad.read


def read(path: str | Path, want: Selection | None = None) -> Table:
    """Read the features, and the labels and ids where asked for, of a table in a file.

    Parameters
    ----------
    path : str or Path
        A ``.npy``, ``.npz``, ``.csv``, ``.tsv`` (also ``.csv.gz``), ``.parquet`` or ``.h5ad`` file.
    want : Selection, optional
        Which array, columns, labels and ids; default: every numeric column, no labels, no ids.

    Returns
    -------
    Table
        ``X`` of shape (n, d), in the file's own floating type where it has one.

    Raises
    ------
    BadInput
        The file is missing, broken, or has not what was asked for; the message names it.
    DependencyMissing
        An optional package that reads this format isn't installed.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.save(folder / "x.npy", np.eye(4, dtype="f4"))
    >>> read(folder / "x.npy").X.shape
    (4, 4)
    """
    path = Path(path)
    want = want or Selection()
    suffix = format_of(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if path.is_dir():
        raise BadInput(f"{path} is a folder; give a file")
    try:
        table = _reader(suffix)(path, want)
    except OSError as error:
        raise BadInput(f"{path} can't be read as {suffix[1:]}: {error}") from error
    if want.labels is not None and table.labels is None:
        from gputsne.data.labels_file import column_from_file

        table = table.with_labels(column_from_file(want.labels, path, table.X.shape[0]))
    if table.X.shape[0] == 0:
        raise BadInput(f"{path} has no rows")
    return table
