"""Subject: a run with what is at hand of it, its record, data, map and ids; files are read late."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base import tables
from gputsne.base.errors import BadInput
from gputsne.base.rows import as_column
from gputsne.data import Selection
from gputsne.data.named import with_names
from gputsne.provenance import Run
from gputsne.provenance.facts import map_sha256
from gputsne.provenance.plain import sha256_file
from gputsne.runs.keeping import INPUT
from gputsne.runs.reading import read_points
from gputsne.runs.store import Store
from gputsne.runs.stored import StoredRun, coordinates_of
from gputsne.runs.streams import Source

__all__ = ["Subject", "is_record", "subject_of"]

F64 = npt.NDArray[np.float64]
PAGE = ".html"
RECORD = "gputsne.run/"  # the schemas of records begin so


@dataclass(frozen=True, eq=False)
class Subject:
    """A run and what is at hand of it.

    Attributes
    ----------
    run : Run
        Its record.
    stored : StoredRun or None
        Where its files lie.
    data, coordinates, names : object
        Data, map and ids that were given; they go before stored ones.
    """

    run: Run
    stored: StoredRun | None = None
    data: Any = field(default=None, repr=False)
    coordinates: Any = field(default=None, repr=False)
    names: Any = field(default=None, repr=False)

    @cached_property
    def table(self) -> tables.Table | None:
        """The data; None where they aren't at hand."""
        if self.data is not None:
            return tables.read(as_column(self.data), "X")
        with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
            sources = self._sources(Path(folder))
            if not sources:
                return None
            told = self.run.input.get("selection") or {}
            named = {f.name for f in fields(Selection)} - {"memory_limit"}
            want: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in told.items()
            }
            found = read_points(
                sources, Selection(**{k: v for k, v in want.items() if k in named}),
                keep=want.get("keep", ()), hover=want.get("hover", ()),
            ).table  # fmt: skip
            return tables.read(with_names(found.X, found.names))

    def _sources(self, folder: Path) -> list[Source]:
        """Return what the run read: copies of its stored inputs, else its files as they were."""
        if self.stored is not None:
            names = [n for n in self.stored.files if n.partition(".")[0].partition("-")[0] == INPUT]
            for name in names:
                self.stored.fetch(name, folder / name)
            if names:
                names.sort(key=lambda name: int(name.partition(".")[0].partition("-")[2] or 1))
                return [Source(folder / name, name) for name in names]
        found = []
        for told in (self.run.input, *self.run.further_inputs):
            path, sha = told.get("path"), told.get("sha256")
            if path is None or sha is None or not Path(path).is_file() or sha256_file(path) != sha:
                return []  # nobody knows whether it is what the run read
            found.append(Source(Path(path), path))
        return found

    @cached_property
    def map(self) -> F64 | None:
        """The map, shape (n, c); None where it isn't at hand."""
        if self.coordinates is not None:
            return np.asarray(self.coordinates, dtype=np.float64)
        return None if self._read_map is None else np.asarray(self._read_map.X, dtype=np.float64)

    @cached_property
    def ids(self) -> Any:
        """Ids of the rows; None where they have none."""
        if self.names is not None:
            return self.names
        return None if self._read_map is None else self._read_map.ids

    @cached_property
    def page_bytes(self) -> int | None:
        """Bytes of the largest page that shows the map; None where there is no page at hand."""
        if self.stored is not None:
            pages = {n: held.size for n, held in self.stored.files.items() if n.endswith(PAGE)}
            return max(pages.values(), default=None)
        written = (Path(path) for path in self.run.output.values() if isinstance(path, str))
        sizes = [path.stat().st_size for path in written if path.suffix == PAGE and path.is_file()]
        return max(sizes, default=None)

    @cached_property
    def _read_map(self) -> Any:
        if self.stored is not None:
            there = any(name.partition(".")[0] == "map" for name in self.stored.files)
            return self.stored.read_map() if there else None
        path, sha = self.run.output.get("map"), self.run.map_sha256
        if not isinstance(path, str) or sha is None or not Path(path).is_file():
            return None
        try:
            found = coordinates_of(Path(path))
        except BadInput:
            return None
        return found if map_sha256(found.X) == sha else None  # of a later run


def subject_of(
    what: Any, *, X: Any = None, Y: Any = None, ids: Any = None, store: Store | None = None,
    name: str = "run",
) -> Subject:  # fmt: skip
    """Return a run with what is at hand of it.

    Parameters
    ----------
    what : Run, StoredRun, mapping, path, str or fitted TSNE
        A record, or what has one. Text is a path; where a store is given and there is no such
        file, an id or a ref of the store.
    X, Y, ids : array_like or None
        Data, map and ids of it.
    store : Store or None
        Where ids and refs are looked up.
    name : str
        What the argument is called in messages.

    Returns
    -------
    Subject

    Raises
    ------
    TypeError
        For something else.
    ValueError
        For a file that is no record of a run.
    BadInput
        There is no such file and no such run.
    """
    if isinstance(what, Run):
        return Subject(what, None, X, Y, ids)
    if isinstance(what, StoredRun):
        return Subject(what.run, what, X, Y, ids)
    if isinstance(what, Mapping):
        return Subject(Run.from_dict(what), None, X, Y, ids)
    if isinstance(getattr(what, "run_", None), Run):
        Y = getattr(what, "embedding_", None) if Y is None else Y
        return Subject(what.run_, None, X, Y, ids)
    if isinstance(what, str | PathLike):
        path = Path(what)
        if path.is_file():
            return Subject(Run.read(path), None, X, Y, ids)
        if store is not None and isinstance(what, str):
            stored = store.get(what)
            return Subject(stored.run, stored, X, Y, ids)
        where = "" if store is not None else "; to look a run up, give its store"
        raise BadInput(f"{name}={str(what)!r}: no such file{where}")
    raise TypeError(
        f"{name} is of type {type(what).__name__}: give a Run, a stored run, a record of one as "
        "dict or file, or a fitted TSNE"
    )


def is_record(what: Any) -> bool:
    """Tell whether a mapping is the record of a run, and no flat evidence."""
    # Evidence of a run has the schema, too, but no tables within.
    told = isinstance(what, Mapping) and isinstance(what.get("parameters"), Mapping)
    return told and str(what.get("schema", "")).startswith(RECORD)
