"""Catalogues: the runs of a store, or of a folder of maps, models and tile sets, read alone.

No name of a request reaches the file system: it is looked up among the names that are there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from gputsne.base.errors import BadInput, Refused
from gputsne.base.forks import Lock
from gputsne.provenance import Run
from gputsne.runs.naming import is_id
from gputsne.runs.store import Store
from gputsne.runs.stored import StoredRun

__all__ = ["Catalogue", "Entry", "FolderCatalogue", "StoreCatalogue", "catalogue_of"]

NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,99}(?<!\.)")
SERVED: Final = ("map.parquet", "map.csv", "map.npy", "model.npz", "thumb.png", "report.html")
RECORD: Final = "run.json"
TILESET: Final = "tileset.json"
LARGEST_RECORD: Final = 10_000_000  # bytes of a record beside a map
FRESH: Final = 5.0  # seconds for which a listing counts
DIGITS: Final = 16  # hexadecimal, of a key
KNOWN: Final = 1000  # runs whose records are remembered
# What of a record anybody with a token may read: no paths, no host, no error texts, no tags of
# people, no selections of columns.
PUBLIC: Final = (
    "id", "status", "started", "seconds", "map", "parameters", "seed", "device", "timings",
    "n_iter", "learning_rate", "kl_divergence", "kl_history", "neighbors_recall", "metrics",
    "versions", "map_sha256", "previous", "cost",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Entry:
    """A run that can be served.

    Attributes
    ----------
    id : str
        Its id, or its folder's name.
    record : dict
        As `Run.to_dict` tells it; empty where there is none.
    stamps : dict of str to str
        By file's name, what changes when the file does.
    sizes : dict of str to int
        Bytes of each file.
    tiles : Path or None
        Folder of a tile set that lies beside.
    source : StoredRun or Path
        Where the files are.
    """

    id: str
    record: Mapping[str, Any]
    stamps: Mapping[str, str]
    sizes: Mapping[str, int]
    tiles: Path | None
    source: StoredRun | Path = field(repr=False)

    @property
    def map_file(self) -> str | None:
        """Name of the file of the map, if there is one."""
        return next((name for name in SERVED[:3] if name in self.stamps), None)

    @property
    def label(self) -> str | None:
        """Name of the column of labels, by the record."""
        chosen = (self.record.get("input") or {}).get("selection") or {}
        named = chosen.get("labels") if isinstance(chosen, Mapping) else None
        return named if isinstance(named, str) else None

    def public(self) -> dict[str, Any]:
        """Return what of the record is served, and what else there is."""
        told = {name: self.record[name] for name in PUBLIC if name in self.record}
        held = [name.partition(".")[0] for name in self.stamps]
        return {**told, "id": self.id, "has": sorted({*held, *(["tiles"] if self.tiles else [])})}

    def read(self, name: str) -> bytes:
        """Return a file's bytes, checked where the store has a hash; Refused where it is gone."""
        try:
            if isinstance(self.source, StoredRun):
                return self.source.read(name)
            with open_regular(self.source / name) as file:
                return bytes(file.read())
        except (FileNotFoundError, BadInput) as error:
            raise Refused(404, f"{self.id} has no {name}") from error

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file to a path, checked where the store has a hash; Refused where it is gone."""
        try:
            if isinstance(self.source, StoredRun):
                self.source.fetch(name, path)
                return
            with open_regular(self.source / name) as file, path.open("wb") as copy:
                shutil.copyfileobj(file, copy)
        except (FileNotFoundError, BadInput) as error:
            raise Refused(404, f"{self.id} has no {name}") from error


class Catalogue(Protocol):
    """Where runs are looked up."""

    title: str

    def entries(self) -> list[Entry]:
        """Return every run, newest first."""

    def get(self, name: str) -> Entry:
        """Return a run by its id or name; Refused (404) where there is none."""

    def refs(self) -> dict[str, str]:
        """Return the id that each ref stands for."""


class StoreCatalogue:
    """The runs of a store.

    Parameters
    ----------
    store : Store
        The store; nothing is written to it.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.title = store, "Runs"
        self._known: OrderedDict[str, Entry] = OrderedDict()
        self._listed: tuple[float, list[Entry]] | None = None
        self._lock, self._listing = Lock(), Lock()

    def entries(self) -> list[Entry]:
        """Return every run, newest first; a listing counts for some seconds."""
        with self._listing.held():
            if self._listed is not None and time.monotonic() - self._listed[0] < FRESH:
                return self._listed[1]
            found = []
            for run in reversed(self.store.list()):
                with suppress(Refused):  # pruned since
                    found.append(self._known.get(run.id) or self._entry(run.id))
            self._listed = (time.monotonic(), found)
            return found

    def get(self, name: str) -> Entry:
        """Return a run by its id or by a ref's name.

        Parameters
        ----------
        name : str
            As it was asked for.

        Raises
        ------
        Refused
            404: there is none.
        """
        if not is_id(name):
            try:
                name = self.store.resolve(name)
            except ValueError as error:
                raise Refused(404, "no such run; GET /runs lists them") from error
        with self._lock.held():
            found = self._known.get(name)
        return found or self._entry(name)

    def refs(self) -> dict[str, str]:
        """Return the id that each ref stands for."""
        return self.store.refs()

    def _entry(self, id: str) -> Entry:
        try:
            stored = self.store.get(id)
        except BadInput as error:
            raise Refused(404, "no such run; GET /runs lists them") from error
        held = {name: content for name, content in stored.files.items() if name in SERVED}
        found = Entry(
            id,
            stored.run.to_dict(),
            {name: content.sha256 for name, content in held.items()},
            {name: content.size for name, content in held.items()},
            None,
            stored,
        )
        with self._lock.held():
            self._known[id] = found
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return found


class FolderCatalogue:
    """The maps of a folder: it and each folder in it is one where it has files of known names.

    Those are ``map.parquet``, ``map.csv`` or ``map.npy``, ``model.npz``, ``thumb.png``,
    ``report.html``, ``run.json``, and a tile set: ``tileset.json``, or that of a folder ``tiles``.
    Links are not followed.

    Parameters
    ----------
    root : Path
        The folder.

    Raises
    ------
    BadInput
        It is no folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise BadInput(f"{root} is no folder; name a store, or a folder of maps or tile sets")
        self.root, self.title = root.resolve(), "Maps"

    def entries(self) -> list[Entry]:
        """Return every map, by name."""
        folders = [self.root]
        with os.scandir(self.root) as held:
            folders += [Path(item.path) for item in held if item.is_dir(follow_symlinks=False)]
        found = (_entry_of(folder, self.root) for folder in sorted(folders))
        return [entry for entry in found if entry is not None]

    def get(self, name: str) -> Entry:
        """Return a map by its folder's name.

        Parameters
        ----------
        name : str
            As it was asked for.

        Raises
        ------
        Refused
            404: there is none.
        """
        for entry in self.entries():
            if entry.id == name:
                return entry
        raise Refused(404, "no such map; GET /runs lists them")

    def refs(self) -> dict[str, str]:
        """Return nothing: a folder has no refs."""
        return {}


def catalogue_of(source: Any) -> Catalogue:
    """Return the catalogue of a store, of its URI, or of a folder of maps.

    Parameters
    ----------
    source : Store, str or path-like
        A folder is a store where it has the folder ``runs``.

    Returns
    -------
    Catalogue

    Raises
    ------
    BadInput
        It is neither.
    """
    if isinstance(source, Store):
        return StoreCatalogue(source)
    if "://" in str(source):
        return StoreCatalogue(Store(source))
    path = Path(source).expanduser()
    return StoreCatalogue(Store(path)) if (path / "runs").is_dir() else FolderCatalogue(path)


def open_regular(path: Path) -> Any:
    """Open a regular file for reading; FileNotFoundError for a link, a pipe or nothing.

    Parameters
    ----------
    path : Path
        The file, in a folder that was looked up and no link.

    Returns
    -------
    file
        Of bytes; close it.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise FileNotFoundError(path.name) from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise FileNotFoundError(path.name)
    return os.fdopen(number, "rb")


def _entry_of(folder: Path, root: Path) -> Entry | None:
    name = folder.name if NAME.fullmatch(folder.name) else "map"
    if folder != root and name != folder.name:
        return None
    stamps, sizes = {}, {}
    for file in (*SERVED, RECORD, TILESET):
        with suppress(OSError):
            held = (folder / file).lstat()
            if stat.S_ISREG(held.st_mode):
                told = f"{held.st_size} {held.st_mtime_ns} {held.st_ino}"
                stamps[file] = hashlib.sha256(told.encode()).hexdigest()
                sizes[file] = held.st_size
    record: dict[str, Any] = {}
    if stamps.pop(RECORD, None) and sizes.pop(RECORD) <= LARGEST_RECORD:
        with suppress(OSError, ValueError, TypeError), open_regular(folder / RECORD) as file:
            record = Run.from_dict(json.loads(file.read().decode("utf-8-sig"))).to_dict()
    tiles = folder if stamps.pop(TILESET, None) else _tiles_in(folder)
    sizes.pop(TILESET, None)
    if not stamps and tiles is None:
        return None
    return Entry(name, record, stamps, sizes, tiles, folder)


def _tiles_in(folder: Path) -> Path | None:
    """Return the folder ``tiles`` of a run where it is a tile set."""
    inside = folder / "tiles"
    with suppress(OSError):
        if stat.S_ISDIR(inside.lstat().st_mode) and stat.S_ISREG(
            (inside / TILESET).lstat().st_mode
        ):
            return inside
    return None
