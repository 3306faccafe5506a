"""open_source: what a caller passed (array, file, folder of shards, zarr, list) as one Source."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.errors import BadInput, DependencyMissing
from gputsne.base.extras import pip_install
from gputsne.base.files import path_of, resolved
from gputsne.data.sources.arrays import ArrayShard, SlicedShard, npy_shard, shard_of_memmap
from gputsne.data.sources.shard import Shard
from gputsne.data.sources.source import Source
from gputsne.data.table import INPUT_SUFFIXES, Selection, listed

__all__ = ["is_lazy", "open_source", "zarr_array"]

SUFFIXES: Final = (".npy", ".parquet")  # of shards
ZARR: Final = ("zarr.json", ".zarray")  # what tells an array's folder, of format 3 and 2
PARTITION: Final = re.compile(r"[^=]+=[^=]*$")  # a folder of Hive's layout: year=2024
NUMBER: Final = re.compile(r"(\d+)")


def open_source(
    X: Any, *, columns: str | Sequence[str] = (), vector: str | None = None,
    leave_out: str | Sequence[str] = (),
) -> Source:  # fmt: skip
    """Open rows that are read by blocks and never held as a whole.

    Parameters
    ----------
    X : array, memmap, path, list of these, or Source
        An array of shape (n, d); an ``.npy`` or ``.parquet`` file; a folder of shards of one of
        these kinds, sorted by name with numbers by value (``part-2`` before ``part-10``), folders
        of Hive's layout (``day=5/``) included; a zarr array, or its folder; what h5py and its like
        read by slices; several of them, one behind the other. Of a folder, names that begin with
        "." or "_" are passed over, and files whose suffix stands for no table.
    columns : str or sequence of str
        Of parquet: feature columns, as in ``gputsne.read``; by default every numeric column, or the
        only column of lists.
    vector : str, optional
        Of parquet: one column that holds each row's whole vector.
    leave_out : str or sequence of str
        Of parquet: columns that are no features, such as labels and ids; ``Source.column`` reads
        them.

    Returns
    -------
    Source
        With ``shape``, ``dtype``, ``read(start, stop)``, ``blocks(rows)`` and ``shards``.

    Raises
    ------
    TypeError
        For what is none of these: frames and sparse matrices, which are in memory already.
    BadInput
        A ValueError: something is missing, damaged or not numeric, or shards differ in columns or
        in dtype.
    DependencyMissing
        pyarrow or zarr is needed and missing.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for i in range(3):
    ...     np.save(folder / f"part-{i}.npy", np.full((2, 4), i, dtype="f4"))
    >>> source = open_source(folder)
    >>> source.shape, source.read(1, 3)[:, 0].tolist()
    ((6, 4), [0.0, 1.0])
    """
    if isinstance(X, Source):
        return X
    left = (leave_out,) if isinstance(leave_out, str) else tuple(map(str, leave_out))
    want = Selection(
        columns=(columns,) if isinstance(columns, str) else tuple(map(str, columns)), vector=vector
    )
    shards = _shards(X, want, left, "X")
    if not shards:
        raise BadInput("X is an empty list: give at least one array, file or folder")
    return Source(shards)


def is_lazy(X: Any) -> bool:
    """Tell whether X is read by blocks from where it lies: a source, a memmap, an array on disk.

    Parameters
    ----------
    X : object
        What a caller passed as rows.
    """
    return isinstance(X, Source | np.memmap) or reads_slices(X)


def _shards(X: Any, want: Selection, left: tuple[str, ...], what: str) -> list[Shard]:
    """Return the pieces of what was passed, in order."""
    if isinstance(X, Source):
        return list(X.pieces)
    if isinstance(X, str | os.PathLike):
        return _at(path_of(X, what), want, left)
    if isinstance(X, np.memmap):
        return [shard_of_memmap(X, what)]
    if isinstance(X, np.ndarray):
        return [ArrayShard(X, what)]
    if reads_slices(X):
        return [SlicedShard(X, what)]
    if isinstance(X, list | tuple) and not any(np.ndim(part) < 1 and not _is_path(part)
                                               for part in X):  # fmt: skip
        found: list[Shard] = []
        for i, part in enumerate(X):
            found += _shards(part, want, left, f"{what}[{i}]")
        return found
    raise TypeError(
        f"{what} is of type {type(X).__name__}, which is not read by blocks: pass a numpy array, a "
        "memmap, an .npy or .parquet file, a folder of them, a zarr array, or a list of these"
    )


def _is_path(part: Any) -> bool:
    return isinstance(part, str | os.PathLike)


def reads_slices(X: Any) -> bool:
    """Tell whether X is an array on disk that a library reads by slices (zarr, h5py)."""
    return hasattr(X, "chunks") and hasattr(X, "dtype") and hasattr(X, "shape") and (
        type(X).__module__.split(".")[0] in ("zarr", "h5py")
    )  # fmt: skip


def _at(path: Path, want: Selection, left: tuple[str, ...]) -> list[Shard]:
    """Return the shards at a path."""
    if path.is_dir():
        if any((path / name).is_file() for name in ZARR):
            _no_columns(path, want, left)
            return [SlicedShard(zarr_array(path.absolute()), str(path), path)]
        return _folder(path, want, left)
    if not path.exists() and not path.is_symlink():
        raise BadInput(f"{path}: no such file or folder")
    return [_file(path, want, left)]


def _file(path: Path, want: Selection, left: tuple[str, ...]) -> Shard:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        _no_columns(path, want, left)
        return npy_shard(path)
    if suffix == ".parquet":
        from gputsne.data import require

        require("pyarrow", "reading parquet")
        from gputsne.data.sources.parquet import ParquetShard

        return ParquetShard(path, want, left)
    raise BadInput(
        f"{path} isn't read by blocks: {' and '.join(SUFFIXES)} files, folders of them and zarr "
        "arrays are; gputsne.read reads other tables, as a whole"
    )


def _no_columns(path: Path, want: Selection, left: tuple[str, ...]) -> None:
    if want.given() or left:
        raise BadInput(f"{path} has no columns with names: columns, vector and leave_out are of "
                       "parquet")  # fmt: skip


def _folder(folder: Path, want: Selection, left: tuple[str, ...]) -> list[Shard]:
    """Return a folder's shards, sorted; all of one kind."""
    found = sorted(_files(folder), key=lambda path: _natural(path.relative_to(folder)))
    if not found:
        raise BadInput(f"{folder} holds no shards: {' or '.join(SUFFIXES)} files are needed")
    kinds = sorted({path.suffix.lower() for path in found})
    if len(kinds) > 1:
        other = next(path for path in found if path.suffix.lower() != kinds[0])
        raise BadInput(
            f"{folder} holds shards of several kinds ({' and '.join(kinds)}, such as {other.name}):"
            " keep one kind there, or pass a list of the files"
        )
    return [_file(path, want, left) for path in found]


def _files(folder: Path, seen: frozenset[Path] = frozenset()) -> list[Path]:
    """Return the files of a folder that are shards, and those of its partitions.

    ``seen`` are the folders that it lies in: a link to one of them would lead round in a circle.
    """
    found: list[Path] = []
    seen |= {resolved(folder)}
    for path in folder.iterdir():
        if path.name.startswith((".", "_")):  # _SUCCESS, _metadata, .DS_Store, .part-0.crc
            continue
        if path.is_dir():
            if PARTITION.match(path.name):
                if resolved(path) in seen:
                    raise BadInput(f"{path} is a link to a folder that it lies in: remove it")
                found += _files(path, seen)
            elif any(inner.suffix.lower() in SUFFIXES for inner in path.iterdir()):
                raise BadInput(
                    f"{path} is a folder with shards of its own, which would be passed over: only "
                    "those of partitions (day=5/) are read. Move it away, or pass a list of folders"
                )
            continue
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if suffixes and suffixes[-1] in SUFFIXES:
            found.append(path)
        elif any(suffix in INPUT_SUFFIXES for suffix in suffixes):
            raise BadInput(
                f"{path} is no shard that is read by blocks, or one that is not finished: move it "
                f"out of the folder, or make it {' or '.join(SUFFIXES)}"
            )
    return found


def _natural(path: Path) -> tuple[tuple[str | int, ...], ...]:
    """Return a key that sorts names with their numbers by value, part by part."""
    return tuple(
        tuple(int(piece) if i % 2 else piece for i, piece in enumerate(NUMBER.split(part)))
        for part in path.parts
    )


def zarr_array(path: Path) -> Any:
    """Open the zarr array in a folder for reading.

    Parameters
    ----------
    path : Path
        The folder of an array or of a group with one array.

    Raises
    ------
    BadInput
        It is none, or a group of several.
    DependencyMissing
        zarr isn't installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise DependencyMissing(
            f"{path} is a zarr array, and reading it needs zarr: {pip_install('zarr')}"
        ) from error
    try:
        found = zarr.open(str(path), mode="r")
    except Exception as error:  # of any kind, from damaged metadata
        raise BadInput(f"{path} can't be read as zarr: {error}") from error
    if not hasattr(found, "chunks"):
        raise BadInput(f"{path} is a zarr group: pass one of its arrays, "
                       f"{listed([f'{path}/{name}' for name in found])}")  # fmt: skip
    return found
