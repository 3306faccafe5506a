"""Standard input and output, pipes and devices as inputs and maps: their formats, and the bytes.

Streams are copied to a temporary file on the way in, since readers need to seek, and on the way
out, so that nothing of a map that can't be made whole is sent.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gputsne.base.files import is_stream, replacing
from gputsne.data import OUTPUT_SUFFIXES
from gputsne.data.table import INPUT_SUFFIXES, TEXT_SUFFIXES, BadInput, format_of
from gputsne.provenance.outcome import shown

__all__ = [
    "STANDARD",
    "Source",
    "flows",
    "is_standard_output",
    "map_suffix",
    "named",
    "opened",
    "send",
]

STANDARD: Final = Path("-")
# Other names of the standard streams. A path below /proc/self/fd would be opened anew, which
# truncates a file behind it; the stream itself goes on where it is.
_INPUT_NAMES: Final = frozenset(map(Path, ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")))
_OUTPUT_NAMES: Final = frozenset(map(Path, ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")))
# First bytes of the formats. bz2 and parquet, whose first bytes are letters, are looked at closer.
_FIRST: Final = (
    (b"\x93NUMPY", ".npy"),
    (b"\x89HDF\r\n\x1a\n", ".h5ad"),
    (b"PAR1", ".parquet"),
    (b"\x1f\x8b", ".gz"),
    (b"\xfd7zXZ\x00", ".xz"),
    (b"(\xb5/\xfd", ".zst"),
    (b"BZh", ".bz2"),
    (b"PK\x03\x04", ".zip"),
)
_BZ2_BLOCKS: Final = (b"1AY&SY", b"\x17rE8P\x90")  # after "BZh" and a digit: a block, or the end


@dataclass(frozen=True)
class Source:
    """An input.

    Attributes
    ----------
    path : Path
        The file that is read: the input itself, or a copy of a stream.
    name : str
        What messages call it.
    """

    path: Path
    name: str


def named(path: Path) -> Path:
    """Return ``-`` for other names of the standard streams, such as /dev/stdin; others as is.

    Parameters
    ----------
    path : Path
        An input, or where a map goes.
    """
    return STANDARD if path in _INPUT_NAMES or path in _OUTPUT_NAMES else path


def is_standard_output(path: Path) -> bool:
    """Tell whether what is written to a path goes to standard output."""
    return path == STANDARD or path in _OUTPUT_NAMES


def flows(path: Path) -> bool:
    """Tell whether a path is a stream: ``-``, a pipe, a device or an open file."""
    return path == STANDARD or is_stream(path)


@contextmanager
def opened(path: Path, format_name: str | None) -> Iterator[Source]:
    """Give an input as a file that can be read; a copy of it where it is a stream.

    Parameters
    ----------
    path : Path
        ``-`` stands for standard input.
    format_name : str or None
        Format of a stream, such as ``"csv"``; None: what its first bytes say, else what its name
        says, else csv. Compressed text is seen by its first bytes in either case.

    Yields
    ------
    Source
    """
    if not flows(path):
        yield Source(path, shown(path))
        return
    name = "standard input" if path == STANDARD else shown(path)
    with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
        copy = Path(folder, "stream")
        with copy.open("wb") as file:
            if path == STANDARD:
                shutil.copyfileobj(sys.stdin.buffer, file)
            else:
                with path.open("rb") as stream:
                    shutil.copyfileobj(stream, file)
        yield Source(copy.rename(f"{copy}{_suffix_of_copy(copy, path, format_name)}"), name)


def _suffix_of_copy(copy: Path, path: Path, format_name: str | None) -> str:
    """Return the suffix under which the copy of a stream is read."""
    found = _by_content(copy)
    if format_name is not None:
        form = f".{format_name}"
    elif found in INPUT_SUFFIXES:
        return found
    else:
        form = _by_name(path, INPUT_SUFFIXES)
    packed = found not in ("", *INPUT_SUFFIXES)
    return f"{form}{found}" if packed and form in TEXT_SUFFIXES else form


def _by_content(copy: Path) -> str:
    """Return the suffix that the first bytes of a file speak for; empty: none, so text."""
    with copy.open("rb") as file:
        start = file.read(16)
    found = next((suffix for first, suffix in _FIRST if start.startswith(first)), "")
    if found == ".bz2" and start[4:10] not in _BZ2_BLOCKS:
        return ""
    if found == ".parquet" and not _ends_with(copy, b"PAR1"):
        return ""
    if found == ".zip" and zipfile.is_zipfile(copy):
        with zipfile.ZipFile(copy) as archive:
            if all(name.endswith(".npy") for name in archive.namelist()):
                return ".npz"
    return found


def _ends_with(path: Path, end: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(-min(len(end), path.stat().st_size), 2)
        return file.read() == end


def _by_name(path: Path, known: tuple[str, ...]) -> str:
    """Return the format that a stream's name speaks for, else ``.csv``."""
    try:
        return format_of(path, known)
    except BadInput:
        return ".csv"


def map_suffix(path: Path, format_name: str | None) -> str:
    """Return the suffix of the format in which a map is written.

    Parameters
    ----------
    path : Path
        ``-`` stands for standard output.
    format_name : str or None
        Format of a stream; None: what its name says, else csv.

    Raises
    ------
    BadInput
        A file's name says no known format.
    """
    if not flows(path):
        return format_of(path, OUTPUT_SUFFIXES)
    return f".{format_name}" if format_name is not None else _by_name(path, OUTPUT_SUFFIXES)


def send(path: Path, suffix: str, make: Callable[[Path], None]) -> None:
    """Make a file of this suffix and send its bytes to a stream.

    Parameters
    ----------
    path : Path
        ``-`` stands for standard output.
    suffix : str
        Of the temporary file that ``make`` is called with.
    make : callable
        Writes the file.

    Raises
    ------
    OSError
        Naming the stream, which is full, closed or no longer read.
    """
    with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
        part = Path(folder, f"map{suffix}")
        make(part)
        if path != STANDARD:
            with replacing(path) as stream:
                part.rename(stream)
            return
        try:
            with part.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, "standard output") from error
