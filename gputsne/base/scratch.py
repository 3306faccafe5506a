"""Scratch: files without a name for what doesn't fit in memory; nothing is left, whatever happens.

They lie in the folder for temporary files, which the variable TMPDIR names.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from gputsne.base.errors import OverMemory
from gputsne.base.sizes import size_text
from gputsne.base.types import Array

__all__ = ["check_room", "scratch_array", "scratch_file"]

IN_MEMORY: Final = ("tmpfs", "ramfs")  # file systems whose files take memory
SPARE: Final = 64 << 20  # bytes that are left free


def check_room(size: int, what: str = "this fit") -> None:
    """Raise where the folder for temporary files can't take so many bytes.

    Parameters
    ----------
    size : int
        Bytes.
    what : str
        What messages call the need for them.

    Raises
    ------
    OverMemory
        There is less room, or the folder lies in memory itself.
    """
    folder = Path(tempfile.gettempdir())
    remedy = "set TMPDIR to a folder on a disk with room"
    kind = _file_system(folder)
    if kind in IN_MEMORY:
        raise OverMemory(
            f"{what} needs {size_text(size)} on disk, and {folder}, the folder for temporary "
            f"files, is a {kind}, which takes memory itself: {remedy}, such as /var/tmp"
        )
    free = shutil.disk_usage(folder).free
    if size + SPARE > free:
        raise OverMemory(
            f"{what} needs {size_text(size)} on disk, and {folder}, the folder for temporary "
            f"files, has {size_text(free)} free: {remedy}"
        )


def scratch_file(size: int) -> IO[bytes]:
    """Return a file without a name, open for reading and writing, its room set aside.

    Parameters
    ----------
    size : int
        Bytes that will be written.

    Returns
    -------
    file
        It is gone when it is closed and no map of it is left, even where the process is killed.

    Raises
    ------
    OverMemory
        As ``check_room``.
    OSError
        The folder can't be written to.
    """
    check_room(size)
    file = tempfile.TemporaryFile(prefix="gputsne-")  # noqa: SIM115  closed by who asked for it
    if hasattr(os, "posix_fallocate") and size:
        # a map whose file has no room left ends the process when it is written to
        with suppress(OSError):  # a file system that can't set room aside: what was checked holds
            os.posix_fallocate(file.fileno(), 0, size)
    return file


def scratch_array(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array whose values lie in such a file.

    Parameters
    ----------
    shape : tuple of int
        Its axes.
    dtype : dtype
        Of its numbers.

    Returns
    -------
    array
        Zeros; the system brings in what is read, and writes out what memory has no room for.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size == 0:
        return np.zeros(shape, dtype)
    with scratch_file(size) as file:
        return np.asarray(np.memmap(file, dtype, "r+", shape=shape))


def _file_system(folder: Path) -> str:
    """Return the kind of file system that a folder lies in; "" where nothing says."""
    found, longest = "", -1
    with suppress(OSError):
        here = folder.resolve()
        for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
            _, place, kind, *_ = line.split()
            place = place.replace("\\040", " ")
            if here.is_relative_to(place) and len(place) >= longest:
                found, longest = kind, len(place)
    return found
