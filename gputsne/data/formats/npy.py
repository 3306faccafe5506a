"""Reader of npy (memory-mapped) and npz: one array of features, others as labels or ids.

Also of the npz that ``scipy.sparse.save_npz`` writes. Headers are read first and held against the
file's size; of an npz only the arrays that are asked for are read. Pickled objects never are.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.columns import choose_columns, only_column
from gputsne.data.limits import check_bytes, check_zip
from gputsne.data.table import BadInput, Data, Selection, listed, numeric_matrix, one_per_row

_SPARSE: Final = {"format", "shape", "data"}
_NO_COLUMNS: Final = {
    "vector": "it has no columns that hold lists",
    "header": "only csv has a first line",
    "decimal": "only csv has decimal marks",
    "encoding": "only csv has an encoding",
}


def read(path: Path, want: Selection) -> Data:
    """Read a .npy or .npz file; see gputsne.data.read."""
    want.refuse(path, _NO_COLUMNS)
    if path.suffix.lower() == ".npy":
        return _npy(path, want)
    with _opened(path, want.memory_limit) as archive:
        return _npz(archive, path, want)


def read_array(path: Path, key: str | None = None, memory_limit: int | None = None) -> Array:
    """Return one array of labels, ids or a map, of any shape; of an npz the only one or `key`.

    Raises
    ------
    BadInput
        The file is damaged, or holds Python objects or several arrays.
    """
    if path.suffix.lower() == ".npz":
        with _opened(path, memory_limit) as archive:
            names = list(archive.arrays)
            return archive.read(names[only_column(names, key, path)])
    return _mapped(path)


def _npy(path: Path, want: Selection) -> Data:
    want.refuse(path, {"key": "an npy file holds one array"})
    want.refuse(path, {"ids": "an npy file has no columns; use npz or a table"})
    X = numeric_matrix(_mapped(path), path, flatten=want.flatten)
    X, positions = _columns(X, path, want)
    return Data(X, positions=positions)


def read_header(path: Path) -> tuple[Header, int]:
    """Return what the head of an npy file declares, and where the numbers begin, in bytes.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    BadInput
        It is damaged, holds Python objects, or is shorter than it declares.
    """
    with path.open("rb") as file:
        header = _header(file, path, "the array")
        begin = file.tell()
    header.check(path, "the array", path.stat().st_size - begin)
    return header, begin


def _mapped(path: Path) -> Array:
    """Return the array of an npy file as it lies on disk."""
    header, _ = read_header(path)
    if header.size == 0:  # a map of nothing is an error to the operating system
        return np.empty(header.shape, header.dtype)
    mapped: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


@dataclass(frozen=True)
class Header:
    """What the head of an npy file declares."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return prod(self.shape) * self.dtype.itemsize

    def check(self, path: Path, what: str, there: int) -> None:
        """Raise BadInput for objects, and where fewer bytes are there than declared."""
        if self.dtype.hasobject:
            raise BadInput(
                f"{path}: {what} holds Python objects, which are not loaded since they could run "
                "code; save text with .astype(str), numbers with .astype(float)"
            )
        if self.size > there:
            raise BadInput(
                f"{path}: {what} declares {self.size:,} bytes of data and has {max(there, 0):,}"
            )


def _header(file: IO[bytes], path: Path, what: str) -> Header:
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:  # 3.0 is for records whose fields have names beyond latin-1
            raise BadInput(f"{path}: {what} holds records; arrays of numbers or text are needed")
    except BadInput:
        raise
    except Exception as error:  # the header is a Python literal: parsing it fails in any way
        said = f"{path}: {what} is no numpy array that can be read: its header is damaged"
        raise BadInput(said) from error
    if any(length < 0 for length in shape):
        raise BadInput(f"{path}: {what} declares a negative length: {shape}")
    return Header(shape, dtype, fortran)


class _Archive:
    """An npz file whose arrays' headers are read, and their data when asked for."""

    def __init__(self, file: zipfile.ZipFile, path: Path, memory_limit: int | None) -> None:
        check_zip(file, path)
        self._file, self._path, self._limit = file, path, memory_limit
        self.arrays = {
            name.removesuffix(".npy"): name for name in file.namelist() if name.endswith(".npy")
        }

    def header(self, key: str) -> Header:
        """Return what an array declares."""
        with self._file.open(self.arrays[key]) as member:
            return _header(member, self._path, f"array {key!r}")

    def read(self, key: str) -> Array:
        """Return an array; BadInput if there is none of this name."""
        if key not in self.arrays:
            raise BadInput(f"{self._path} has no array {key!r}; it has: {listed([*self.arrays])}")
        info = self._file.getinfo(self.arrays[key])
        what = f"array {key!r}"
        with self._file.open(info) as member:
            header = _header(member, self._path, what)
            header.check(self._path, what, info.file_size - member.tell())
        check_bytes(self._path, what, header.size, self._limit)
        with self._file.open(info) as member:
            return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


@contextmanager
def _opened(path: Path, memory_limit: int | None) -> Iterator[_Archive]:
    with zipfile.ZipFile(path) as file:
        yield _Archive(file, path, memory_limit)


def _npz(archive: _Archive, path: Path, want: Selection) -> Data:
    keys = list(archive.arrays)
    if want.key is None and set(keys) >= _SPARSE:
        X, positions = _columns(_sparse(archive, path, want), path, want)
        return Data(X, positions=positions)
    key = _only_matrix(archive, path, want) if want.key is None else want.key
    matrix = numeric_matrix(archive.read(key), path, f"array {key!r}", flatten=want.flatten)
    X, positions = _columns(matrix, path, want)
    n = X.shape[0]
    labels = ids = None
    if want.labels in keys:
        labels = one_per_row(archive.read(want.labels), n, path, f"array {want.labels!r}")
    if want.ids is not None:
        ids = one_per_row(archive.read(want.ids), n, path, f"array {want.ids!r}")
    return Data(X, labels=labels, ids=ids, positions=positions)


def _columns(X: Any, path: Path, want: Selection) -> tuple[Any, tuple[int, ...] | None]:
    """Return the features and their positions in the array; None: all."""
    if not want.columns:
        return X, None
    chosen = choose_columns([str(i) for i in range(X.shape[1])], want.columns, path)
    return X[:, chosen], tuple(chosen)


def _only_matrix(archive: _Archive, path: Path, want: Selection) -> str:
    """Return the name of the only numeric array with rows and columns, by the headers alone."""
    headers = {key: archive.header(key) for key in archive.arrays}
    matrices = [
        key
        for key, header in headers.items()
        if header.dtype.kind in "fiub"
        and (len(header.shape) == 2 or (want.flatten and len(header.shape) > 2))
        and key not in (want.labels, want.ids)
    ]
    if len(matrices) == 1:
        return matrices[0]
    if not matrices:
        known = listed([f"{key} {header.shape}" for key, header in headers.items()])
        images = any(h.dtype.kind in "fiub" and len(h.shape) > 2 for h in headers.values())
        flat = images and not want.flatten
        hint = "; --flatten makes each entry of the first axis a row" if flat else ""
        beside = [repr(k) for k in (want.labels, want.ids) if k in headers]
        but = f" besides {' and '.join(beside)}, asked for as labels or ids" if beside else ""
        raise BadInput(f"{path} has no two-dimensional numeric array{but}; it has: {known}{hint}")
    raise BadInput(f"{path} has several arrays; choose one with --key: {listed(matrices)}")


def _sparse(archive: _Archive, path: Path, want: Selection) -> Any:
    """Return the CSR matrix of a file by scipy.sparse.save_npz; its indices are checked."""
    from gputsne.data.formats.sparse import checked

    kind = archive.read("format").item()
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    parts = {key: archive.read(key) for key in archive.arrays if key not in ("format", "_is_array")}
    return checked(kind, parts, path, "the sparse matrix", want.memory_limit)
