"""Shards of arrays: one in memory, one that a library reads by slices (zarr, h5py), an npy file."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.errors import BadInput
from gputsne.base.types import Array
from gputsne.data.sources.shard import Decoded, Shard, Stamp, native

__all__ = ["ArrayShard", "NpyShard", "SlicedShard", "npy_shard", "shard_of_memmap"]

PART: Final = 1 << 30  # bytes asked for at once: Linux hands out at most 2 GiB per call


def two_axes(shape: tuple[int, ...], what: str) -> tuple[int, int]:
    """Return rows and columns; BadInput for another number of axes.

    Parameters
    ----------
    shape : tuple of int
        Of a shard.
    what : str
        What messages call it.
    """
    if len(shape) != 2:
        raise BadInput(
            f"{what} has shape {tuple(shape)}; rows x features (2-D) is needed: reshape it to "
            "(n, d)"
        )
    return int(shape[0]), int(shape[1])


class ArrayShard(Shard):
    """An array in memory, which is not copied.

    Parameters
    ----------
    values : array, shape (n, d)
        Numbers, in any order of bytes and axes.
    name : str
        What messages call it.
    """

    def __init__(self, values: Array, name: str) -> None:
        self.values, self.name = values, name
        self.n, self.d = two_axes(values.shape, name)
        self.dtype = native(values.dtype, name)
        self.names = getattr(values, "feature_names", None)

    def read(self, start: int, stop: int) -> Array:
        """Return a copy of rows."""
        return np.array(self.values[start:stop], self.dtype, order="C", subok=False)


class SlicedShard(Decoded):
    """An array on disk that its library reads by slices: of zarr, h5py and their like.

    Parameters
    ----------
    values : object
        With ``shape``, ``dtype`` and slices of rows; picklable if the source is to be.
    name : str
        What messages call it.
    path : Path or None
        Folder of a zarr array, which another process opens again by it.
    """

    def __init__(self, values: Any, name: str, path: Path | None = None) -> None:
        self.values, self.name = values, name
        self.path = None if path is None else path.absolute()
        self.n, self.d = two_axes(values.shape, name)
        self.dtype = native(np.dtype(values.dtype), name)
        super().__init__()

    def decode(self, start: int, stop: int) -> Array:
        """Return rows as the library gives them."""
        try:
            block = np.asarray(self.values[start:stop])
        except Exception as error:  # of any library's own kind
            raise BadInput(f"{self.name} can't be read: {error or type(error).__name__}") from error
        if block.shape != (stop - start, self.d):
            raise BadInput(f"{self.name} has changed since the source was opened")
        return np.ascontiguousarray(block, self.dtype)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process opens it by: the folder, else the library's own pickle."""
        state = super().__getstate__()
        return state if self.path is None else {**state, "values": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open it again."""
        super().__setstate__(state)
        if self.values is None:
            from gputsne.data.sources.opening import zarr_array

            assert self.path is not None
            self.values = zarr_array(self.path)


class NpyShard(Shard):
    """An array in a file: numbers one behind the other, as in npy files and memmaps.

    It is read, not mapped: a file that is cut off meanwhile is an error and no crash, and what was
    read does not count as memory of the process.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        Rows and columns.
    dtype : dtype
        As in the file.
    offset : int
        Where the numbers begin, bytes.
    fortran : bool
        Whether columns lie one behind the other instead of rows.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int, fortran: bool
    ) -> None:
        # wherever this process, or the one that gets a pickle, goes meanwhile
        self.path, self.name = path.absolute(), str(path)
        self.n, self.d = two_axes(shape, self.name)
        self.dtype, self._stored = native(dtype, self.name), dtype
        self._offset, self._fortran = offset, fortran
        self._stamp = Stamp.of(path)

    def read(self, start: int, stop: int) -> Array:
        """Return rows; see ``Shard.read``."""
        self._stamp.check(self.path)
        size, rows = self._stored.itemsize, stop - start
        with self.path.open("rb", buffering=0) as file:
            if self._fortran and self.d > 1:
                out = np.empty((self.d, rows), self._stored)
                for j in range(self.d):
                    self._fill(file.fileno(), out[j], self._offset + (j * self.n + start) * size)
                return np.ascontiguousarray(out.T, self.dtype)
            out = np.empty((rows, self.d), self._stored)
            self._fill(file.fileno(), out, self._offset + start * self.d * size)
        return out.astype(self.dtype, copy=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process opens the file by: no rows."""
        return {name: value for name, value in vars(self).items() if name != "mapped"}

    def _fill(self, file: int, out: Array, offset: int) -> None:
        """Read bytes into an array; BadInput where the file ends too early."""
        left = memoryview(out.reshape(-1).view(np.uint8))
        while left:
            got = os.preadv(file, [left[:PART]], offset)
            if got == 0:
                raise BadInput(f"{self.name} has been cut off since the source was opened")
            left, offset = left[got:], offset + got


def npy_shard(path: Path) -> Shard:
    """Return the shard of an npy file; its header is held against its size.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    BadInput
        It is missing, damaged, or holds no numbers on two axes.
    """
    from gputsne.data.formats.npy import read_header

    Stamp.of(path)
    header, offset = read_header(path)
    return NpyShard(path, header.shape, header.dtype, offset, header.fortran)


def shard_of_memmap(values: np.memmap[Any, Any], name: str) -> Shard:
    """Return the shard of a memmap: its file where it is all of one stretch of it, else itself.

    Parameters
    ----------
    values : memmap, shape (n, d)
        Of any mode; one of mode "c" may hold changes that its file has not.
    name : str
        What messages call it where it has no file.
    """
    held = ArrayShard(values, name)
    mapped, file = getattr(values, "_mmap", None), values.filename
    flags = values.flags
    whole = flags.c_contiguous or flags.f_contiguous
    if mapped is None or file is None or values.mode == "c" or not whole or not values.size:
        return held
    # numpy keeps the offset of the whole map in its slices: where they begin, their address tells
    first = np.frombuffer(mapped, np.uint8).__array_interface__["data"][0]
    begin = values.offset - values.offset % mmap.ALLOCATIONGRANULARITY
    offset = begin + values.__array_interface__["data"][0] - first
    path = Path(str(file))
    if not path.is_file() or path.stat().st_size < offset + values.nbytes:
        return held
    if values.mode != "r":
        values.flush()
    shard = NpyShard(path, values.shape, values.dtype, offset, not flags.c_contiguous)
    if flags.c_contiguous and not flags.writeable and values.dtype.isnative:
        shard.mapped = values.view(np.ndarray)
    return shard
