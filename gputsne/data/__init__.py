"""Files of points and maps: `read` for what is embedded, `write` for what comes of it.

Each format is one module with ``read(path, want)``; it is imported only when such a file is read.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from gputsne.base.errors import DependencyMissing, OverMemory
from gputsne.base.extras import pip_install
from gputsne.base.files import path_of, trouble_of
from gputsne.base.types import Array
from gputsne.data.columns import find_label_file
from gputsne.data.labels_file import read_labels
from gputsne.data.sources import Source, open_source
from gputsne.data.table import TEXT_SUFFIXES, BadInput, Data, Selection, format_of
from gputsne.data.writing import OUTPUT_SUFFIXES, write

__all__ = [
    "OUTPUT_SUFFIXES",
    "BadInput",
    "Data",
    "Selection",
    "Source",
    "open_source",
    "read",
    "read_map",
    "require",
    "write",
]

# The packages behind the formats, and the extra that brings each.
EXTRAS: Final = {
    "pyarrow": "io", "h5py": "io", "matplotlib": "plot", "plotly": "plot", "jinja2": "report",
    "mlflow": "mlflow", "wandb": "wandb", "trackio": "trackio", "starlette": "serve",
    "uvicorn": "serve", "prometheus_client": "ops", "yaml": "ops", "anywidget": "notebook",
    "zarr": "zarr",
}  # fmt: skip


def require(package: str, doing: str) -> None:
    """Raise DependencyMissing, saying what needs it and how to get it, unless it is installed."""
    if importlib.util.find_spec(package) is None:
        raise DependencyMissing(f"{doing} needs {package}: {pip_install(EXTRAS[package])}")


def _reader(suffix: str) -> Callable[[Path, Selection], Data]:
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


@contextmanager
def _naming(path: Path, kind: str) -> Iterator[None]:
    """Make a BadInput that names the file of whatever a damaged file makes a reader raise.

    zlib, lzma, zipfile, h5py, pyarrow and numpy's header parser raise some twenty types for damaged
    bytes, so all are caught here; the cause stays attached.
    """
    try:
        yield
    except (BadInput, OverMemory, DependencyMissing):
        raise
    except Exception as error:
        if (trouble := trouble_of(error, path)) is not None:
            raise trouble from error
        told = str(error) or type(error).__name__
        raise BadInput(f"{path} can't be read as {kind}: {told}") from error


def read(
    path: str | Path,
    want: Selection | None = None,
    *,
    columns: str | Sequence[str] = (),
    vector: str | None = None,
    key: str | None = None,
    labels: str | None = None,
    ids: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    flatten: bool = False,
    memory_limit: int | None = None,
) -> Data:
    """Read the features, and the labels and ids where asked for, of a table in a file.

    Parameters
    ----------
    path : str or Path
        A ``.npy``, ``.npz``, ``.parquet`` or ``.h5ad`` file, or ``.csv`` or ``.tsv``, which may be
        compressed (``.csv.gz``, bz2, xz, zst, zip).
    want : Selection, optional
        The choices from `columns` to `flatten` as one record, instead of them.
    columns : str or sequence of str
        Feature columns: names, positions from 0, slices ``"0:50"`` or patterns ``"pc*"``; by
        default every numeric column, or the only column of lists.
    vector : str, optional
        One column that holds each row's whole vector (a list).
    key : str, optional
        Array of an npz file, or matrix of an h5ad file (``"obsm/X_pca"``); by default the only
        two-dimensional array, or X.
    labels, ids : str, optional
        Column of labels and of row names, which are no features; array of an npz file.
        ``labels`` may also be a file of its own, or ``"FILE:COLUMN"``.
    header : bool, optional
        Whether a csv file's first line holds names; by default found out from its content.
    decimal : {".", ","}, optional
        Decimal mark of a csv file; "." by default.
    encoding : str, optional
        Encoding of a csv file; by default UTF-8, or what its byte order mark says.
    flatten : bool, default False
        Whether an array of shape (n, h, w) is read as n rows of h * w features.
    memory_limit : int, optional
        Bytes that reading may take; by default the machine's memory.

    Returns
    -------
    Data
        ``X`` of shape (n, d), in the file's own floating type where it has one, ``labels``,
        ``ids``, ``names``, and ``remarks`` on what was decided without being asked.

    Raises
    ------
    TypeError
        ``want`` is no ``Selection``, or the path no path.
    BadInput
        A ValueError: the file is missing, damaged, or has not what was asked for.
    OverMemory
        The file declares more than reading may take.
    DependencyMissing
        An optional package that reads this format isn't installed.

    Examples
    --------
    >>> import gputsne, numpy as np, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.savez(folder / "x.npz", X=np.eye(4, dtype="f4"), kind=np.array(list("abab")))
    >>> data = gputsne.read(folder / "x.npz", labels="kind")
    >>> data.X.shape, data.labels.tolist()
    ((4, 4), ['a', 'b', 'a', 'b'])
    """
    chosen = Selection(
        columns=(columns,) if isinstance(columns, str) else tuple(map(str, columns)),
        vector=vector,
        key=key,
        labels=None if labels is None else str(labels),
        ids=ids,
        header=header,
        decimal=decimal,
        encoding=encoding,
        flatten=flatten,
    )
    if want is not None and chosen != Selection():
        raise TypeError("give either a Selection or keywords, not both")
    want = replace(want or chosen, memory_limit=memory_limit)
    path = path_of(path)
    suffix = format_of(path)
    _check_file(path)
    beside = None if want.labels is None else find_label_file(want.labels)
    text = suffix in TEXT_SUFFIXES
    with _naming(path, suffix[1:]):
        # encoding and decimal mark may be meant for the labels
        own = want if text or beside is None else replace(want, encoding=None, decimal=None)
        data = _reader(suffix)(path, own)
    if data.X.shape[0] == 0:
        raise BadInput(f"{path} has no rows")
    if want.labels is not None and data.labels is None:
        if beside is None:
            raise BadInput(f"--labels {want.labels!r}: neither a column of {path} nor a file")
        with _naming(beside[0], "labels"):
            values = read_labels(*beside, data.X.shape[0], path, want)
        data = replace(data, labels=values)
    return data


def read_map(path: str | Path) -> Array:
    """Return a map, or where one starts, from an npy file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    array, shape (n, c)

    Raises
    ------
    BadInput
        The file is missing, damaged, or holds no numbers on two axes.
    """
    from gputsne.data.formats import npy
    from gputsne.data.table import numeric_matrix

    path = path_of(path)
    _check_file(path)
    with _naming(path, "npy"):
        return np.array(numeric_matrix(npy.read_array(path), path))


def _check_file(path: Path) -> None:
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if path.is_dir():
        raise BadInput(f"{path} is a folder; give a file")
