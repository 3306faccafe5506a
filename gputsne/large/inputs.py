"""Inputs: files as one table whose rows are read by ranges, with the columns kept beside them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from gputsne.base.types import Array
from gputsne.data import BadInput, Selection
from gputsne.data.ranges import Ranges, ranges_of
from gputsne.provenance.outcome import shown
from gputsne.provenance.plain import sha256_file
from gputsne.runs.reading import Chosen, chosen_of
from gputsne.runs.stacking import stacked
from gputsne.runs.streams import Source

__all__ = ["Inputs", "changed", "files_in"]

NUMBERS: Final = 1 << 22  # of a block: 16 MB in float32
# Bytes of all inputs up to which each shard hashes them whole, which takes a second at most.
WHOLE: Final = 1 << 28
END: Final = 1 << 20  # bytes that are hashed of the beginning and end of larger ones


@dataclass(frozen=True, eq=False)
class Inputs:
    """Files, one below the other.

    Attributes
    ----------
    ranges : tuple of Ranges
        One per file.
    chosen : Chosen
        Which columns are features, ids, labels and kept.
    """

    ranges: tuple[Ranges, ...]
    chosen: Chosen

    @classmethod
    def opened(cls, paths: Sequence[Path], want: Selection, keep: Sequence[str] = ()) -> Self:
        """Open files; by the first rows of the first it is decided which columns are features.

        Parameters
        ----------
        paths : sequence of Path
            npy, parquet, csv or tsv, of the same columns.
        want : Selection
            Features, labels and ids.
        keep : sequence of str
            Further columns, by name, position or pattern.

        Returns
        -------
        Inputs

        Raises
        ------
        BadInput
            A file is missing or damaged, or has not what was asked for.
        """
        first = ranges_of(paths[0], want)
        source = Source(paths[0], shown(paths[0]))
        chosen = chosen_of(first.head(), first.table.names, source, want, keep)
        ranges = tuple(ranges_of(path, chosen.want) for path in paths)
        for own in ranges[1:]:
            if own.n and own.head().X.shape[1] != chosen.d:
                raise BadInput(
                    f"{own.table.path} has other features than {paths[0]}, which has {chosen.d}: "
                    "several inputs need the same columns"
                )
        return cls(ranges, chosen)

    @property
    def n(self) -> int:
        """Rows of all files."""
        return sum(own.n for own in self.ranges)

    @property
    def block_rows(self) -> int:
        """Rows of a block: 4 million numbers, whatever they take in the file."""
        return max(1, NUMBERS // max(1, self.chosen.d))

    def blocks(self, start: int, stop: int) -> Iterator[Array]:
        """Yield the features of rows START to STOP, block by block.

        Parameters
        ----------
        start, stop : int
            0 <= start <= stop <= n.

        Yields
        ------
        array, shape (rows, d)
        """
        for own, low, high in self._within(start, stop):
            yield from own.blocks(low, high, self.block_rows)

    def beside(self, start: int, stop: int) -> tuple[Array | None, Array | None, dict[str, Array]]:
        """Return ids, labels and kept columns of rows START to STOP.

        Parameters
        ----------
        start, stop : int
            0 <= start <= stop <= n.

        Returns
        -------
        ids, labels : array, shape (rows,), or None
        kept : dict of str to array
        """
        chosen = self.chosen
        some = self._within(start, stop) or [(self.ranges[0], 0, 0)]

        def read(name: str, labels: bool) -> Array:
            return stacked([own.column(name, *part, labels=labels) for own, *part in some])

        ids = None if chosen.ids is None else read(chosen.ids, False)
        labels = None if chosen.labels is None else read(chosen.labels, True)
        return ids, labels, {name: read(name, second) for name, second in chosen.kept}

    def told(self) -> list[dict[str, Any]]:
        """Return what tells these files from others, per file.

        Returns
        -------
        list of dict
            Name, rows, bytes, and the SHA-256 of the whole file; where the files are larger
            together than 256 MB, the SHA-256 of beginning and end, and the time of the last change,
            in nanoseconds since 1970: no shard reads all of them.
        """
        paths = [own.table.path for own in self.ranges]
        whole = sum(path.stat().st_size for path in paths) <= WHOLE
        return [
            {"name": path.name, "rows": own.n, **(_hashed if whole else _glanced)(path)}
            for own, path in zip(self.ranges, paths, strict=True)
        ]

    def _within(self, start: int, stop: int) -> list[tuple[Ranges, int, int]]:
        """Return which rows of which file rows START to STOP are."""
        found, first = [], 0
        for own in self.ranges:
            low, high = max(start - first, 0), min(stop - first, own.n)
            if low < high:
                found.append((own, low, high))
            first += own.n
        return found


def _hashed(path: Path) -> dict[str, Any]:
    """Return the size and the hash of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256_file(path)}


def _glanced(path: Path) -> dict[str, Any]:
    """Return what is known of a file without reading all of it: size, ends, time of change."""
    status = path.stat()
    size = status.st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(END))
        file.seek(max(END, size - END))
        digest.update(file.read(END))
    return {"bytes": size, "ends_sha256": digest.hexdigest(), "changed": status.st_mtime_ns}


def changed(inputs: Inputs) -> list[int]:
    """Return when each file was changed last, nanoseconds since 1970."""
    return [own.table.path.stat().st_mtime_ns for own in inputs.ranges]


def files_in(path: Path) -> list[Path]:
    """Return the files of a folder of shards, 2 before 10; a file is itself.

    Parameters
    ----------
    path : Path
        A file, or a folder of npy files or of parquet files.

    Returns
    -------
    list of Path

    Raises
    ------
    BadInput
        The folder has none, or both kinds.
    """
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.suffix.lower() in (".npy", ".parquet")]
    files = [file for file in files if not file.name.startswith((".", "_"))]
    kinds = sorted({file.suffix.lower() for file in files})
    if len(kinds) != 1:
        what = "npy files and parquet files" if kinds else "no npy and no parquet file"
        raise BadInput(f"{shown(path)} has {what}: a folder of rows has files of one kind")
    pieces = re.compile(r"(\d+)")

    def order(file: Path) -> list[tuple[int, str]]:
        split = pieces.split(file.name)
        return [(int(piece), "") if i % 2 else (0, piece) for i, piece in enumerate(split)]

    return sorted(files, key=order)
