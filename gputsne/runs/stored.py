"""A run as a store holds it: its record, its files, and reading them with their hashes checked."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from gputsne.base.errors import BadInput, Damaged
from gputsne.base.files import replacing
from gputsne.data import Data, read
from gputsne.data.writing import AXES
from gputsne.provenance import Run
from gputsne.runs.naming import check_file
from gputsne.runs.storage import BLOCK, Content, Storage

__all__ = ["StoredRun", "coordinates_of"]

MODEL: Final = "model.npz"


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run of a store.

    Attributes
    ----------
    run : Run
        Its record.
    files : dict of str to Content
        Size and SHA-256 of every file beside the record, by name.
    storage : Storage
        Where the store lies.
    folder : str
        That of the run, below the store.
    """

    run: Run
    files: Mapping[str, Content]
    storage: Storage = field(repr=False)
    folder: str = field(repr=False)

    def _repr_html_(self) -> str | None:
        return self.run._repr_html_()

    @property
    def id(self) -> str:
        """The run's id."""
        return self.folder.rpartition("/")[2]

    def open(self, name: str) -> IO[bytes]:
        """Open a file of the run for reading, as a stream whose hash nobody checks.

        Parameters
        ----------
        name : str
            One of `files`.

        Returns
        -------
        file
            Of bytes; close it.

        Raises
        ------
        BadInput
            The run has no such file.
        FileNotFoundError
            The run was pruned, or the file is lost.
        """
        return self.storage.open(self._place(name))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file, checked against the hash that was taken when it was stored.

        Parameters
        ----------
        name : str
            One of `files`.

        Returns
        -------
        bytes

        Raises
        ------
        BadInput
            The run has no such file.
        Damaged
            Its bytes are others.
        """
        data = self.storage.read(self._place(name))
        if hashlib.sha256(data).hexdigest() != self.files[name].sha256:
            raise Damaged(f"{self._place(name)} was altered after it was stored")
        return data

    def fetch(self, name: str, path: str | Path) -> None:
        """Copy a file of the run, checked, to a path, where it appears whole or not at all.

        Parameters
        ----------
        name : str
            One of `files`.
        path : str or Path
            The file to make or replace.

        Raises
        ------
        BadInput
            The run has no such file.
        Damaged
            Its bytes are others.
        OSError
            The path can't be written.
        """
        place, content = self._place(name), self.files[name]

        def copy() -> str:
            digest = hashlib.sha256()
            with self.storage.open(place) as source, part.open("wb") as file:
                while block := source.read(BLOCK):
                    digest.update(block)
                    file.write(block)
            return digest.hexdigest()

        with replacing(path) as part:
            if self.storage.retry(f"reading {place}", copy, content.size) != content.sha256:
                raise Damaged(f"{place} was altered after it was stored")

    def read_map(self) -> Data:
        """Return the map.

        Returns
        -------
        Data
            The coordinates as ``X``, shape (n, c), and ``ids`` where the map has the column id.

        Raises
        ------
        BadInput
            The run has no map.
        Damaged
            Its bytes are others.
        """
        with self._fetched(self._named("map")) as path:
            return coordinates_of(path)

    def load_model(self) -> Any:
        """Return the fitted model.

        Returns
        -------
        TSNE

        Raises
        ------
        BadInput
            The run has no model.
        Damaged
            Its bytes are others.
        """
        from gputsne.estimator import TSNE

        with self._fetched(MODEL) as path:
            return TSNE.load(path)

    def _named(self, stem: str) -> str:
        """Return the file with this stem: map.parquet, map.npy."""
        found = [name for name in self.files if name.partition(".")[0] == stem]
        if not found:
            raise BadInput(f"run {self.id} has no {stem}; it has {', '.join(self.files) or 'none'}")
        return found[0]

    @contextmanager
    def _fetched(self, name: str) -> Iterator[Path]:
        """Give a file of the run as one on this machine, checked."""
        with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
            path = Path(folder, name)
            self.fetch(name, path)
            yield path

    def _place(self, name: str) -> str:
        if check_file(name) not in self.files:
            held = ", ".join(self.files) or "no files"
            raise BadInput(f"run {self.id} has no file {name!r}; it has {held}")
        return f"{self.folder}/{name}"


def coordinates_of(path: Path) -> Data:
    """Return the map that a file holds: its axes alone, and ids where it has the column id.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Data

    Raises
    ------
    BadInput
        It can't be read.
    """
    whole = read(path)
    names = whole.names or ()
    axes = tuple(axis for axis in AXES if axis in names)
    named = "id" in (*names, *whole.left_out)
    return read(path, columns=axes, ids="id" if named else None) if axes else whole
