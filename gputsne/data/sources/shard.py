"""Shard: one piece of a source, an array or a file; and the stamp that tells whether it changed."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np

from gputsne.base.errors import BadInput
from gputsne.base.forks import Lock
from gputsne.base.rows import BLOCK_NUMBERS
from gputsne.base.types import Array

__all__ = ["Decoded", "Shard", "Stamp", "native"]

_KINDS: Final = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device", stat.S_IFDIR: "a folder",
}  # fmt: skip
KEPT: Final = 2  # decoded blocks that are kept: the one being read, and the one before it


class Stamp(NamedTuple):
    """What tells whether a file is still the one that was opened: its size and time of change."""

    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the stamp of a file; BadInput where it is missing or no file.

        Parameters
        ----------
        path : Path
            Links are followed.
        """
        try:
            told = path.stat()
        except FileNotFoundError as error:
            what = "a link to a file that is missing" if path.is_symlink() else "no such file"
            raise BadInput(f"{path}: {what}") from error
        if not stat.S_ISREG(told.st_mode):  # to open a pipe is to wait for who writes
            raise BadInput(
                f"{path} is no regular file but {_KINDS.get(stat.S_IFMT(told.st_mode), 'another')}:"
                " write its rows to one, or move it elsewhere"
            )
        return cls(told.st_size, told.st_mtime_ns)

    def check(self, path: Path) -> None:
        """Raise BadInput where the file is missing, or another one by now.

        Parameters
        ----------
        path : Path
            The file that the stamp was taken of.
        """
        try:
            now = Stamp.of(path)
        except BadInput as error:
            gone = "is gone" if isinstance(error.__cause__, FileNotFoundError) else "is none now"
            raise BadInput(f"{path} was there when the source was opened and {gone}") from error
        if now != self:
            raise BadInput(
                f"{path} has changed since the source was opened ({self.size:,} bytes then, "
                f"{now.size:,} now): open the source again once nobody writes to it"
            )


class Shard(ABC):
    """One piece of a source.

    Attributes
    ----------
    name : str
        What messages call it: a file's path.
    n, d : int
        Rows and columns.
    dtype : dtype
        Of its numbers, in the machine's byte order.
    names : tuple of str or None
        Of the columns, where the file has them.
    remarks : tuple of str
        What was decided without being asked, one sentence each.
    mapped : array, shape (n, d), or None
        The rows as they lie in memory that nobody may write to: a read-only memmap in C order.
    """

    name: str
    n: int
    d: int
    dtype: np.dtype[Any]
    names: tuple[str, ...] | None = None
    remarks: tuple[str, ...] = ()
    mapped: Array | None = None

    @abstractmethod
    def read(self, start: int, stop: int) -> Array:
        """Return rows, shape (stop - start, d), in C order; the caller may change them."""

    def column(self, name: str) -> Array:
        """Return a column that is no feature, of labels or ids, shape (n,).

        Parameters
        ----------
        name : str
            Its name.
        """
        raise BadInput(f"{self.name} has no column {name!r}: only parquet shards have columns")

    def close(self) -> None:
        """Let go of what is open and of what is kept; the next read opens it again."""
        return  # nothing is, here


class Decoded(Shard):
    """A shard whose rows are decoded from pieces, so that neighbouring reads share a block.

    Blocks begin at multiples of their length, whatever rows are asked for; the last two are kept.
    A process that was forked off starts with none, and with a lock of its own.
    """

    def __init__(self) -> None:
        self._fresh()

    def _fresh(self) -> None:
        self._lock, self._process = Lock(), os.getpid()
        self._kept: OrderedDict[int, Array] = OrderedDict()

    def _here(self) -> None:
        """Start anew in a process that was forked off: the parent may hold the lock, and reads."""
        if os.getpid() != self._process:
            self._fresh()

    @property
    def rows(self) -> int:
        """Rows of a block."""
        return max(1, BLOCK_NUMBERS // max(1, self.d))

    @abstractmethod
    def decode(self, start: int, stop: int) -> Array:
        """Return the rows of a block, in C order and the shard's own dtype."""

    def read(self, start: int, stop: int) -> Array:
        """Return rows; see ``Shard.read``."""
        self._here()
        out = np.empty((stop - start, self.d), self.dtype)
        with self._lock.held():
            for number in range(start // self.rows, -(-stop // self.rows)):
                first = number * self.rows
                block = self._block(number)
                low, high = max(start, first), min(stop, first + len(block))
                out[low - start : high - start] = block[low - first : high - first]
        return out

    def _block(self, number: int) -> Array:
        if number not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.popitem(last=False)
            first = number * self.rows
            self._kept[number] = self.decode(first, min(self.n, first + self.rows))
        self._kept.move_to_end(number)
        return self._kept[number]

    def close(self) -> None:
        """Let go of the blocks that are kept."""
        self._here()
        with self._lock.held():
            self._let_go()

    def _let_go(self) -> None:
        """Forget what is kept; the lock is held."""
        self._kept.clear()

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process opens the shard by: no lock, no block."""
        return {k: v for k, v in vars(self).items() if k not in ("_lock", "_kept", "_process")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open it again: nothing is read yet."""
        vars(self).update(state)
        self._fresh()


def native(dtype: np.dtype[Any], what: str) -> np.dtype[Any]:
    """Return a dtype of numbers in the machine's byte order; BadInput for any other.

    Parameters
    ----------
    dtype : dtype
        Of a shard.
    what : str
        What messages call the shard.
    """
    if dtype.kind not in "fiub":
        raise BadInput(
            f"{what} has dtype {dtype}, which isn't numeric: rows of real numbers are needed"
        )
    return dtype.newbyteorder("=")
