"""Tile sets: those that lie beside a map, and those that are built from a run when asked for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import stat
from collections import OrderedDict
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from gputsne.base.errors import Refused
from gputsne.base.forks import Lock
from gputsne.runs.stored import StoredRun
from gputsne.serve.cache import Cache
from gputsne.serve.catalogue import DIGITS, TILESET, Entry, open_regular
from gputsne.serve.maps import ID, LABEL, key_of, read_map
from gputsne.serve.settings import Settings
from gputsne.serve.work import Work, finished

__all__ = ["KINDS", "LARGEST", "PAGE", "PAGE_KINDS", "POLICY", "TileSets"]

LARGEST: Final = 1_000_000  # bytes of any file of a tile set
# Data alone come from a tile set's folder; the page that shows them is the installed package's, as
# a script that lies among somebody's tiles is not to run under this server's address.
KINDS: Final = {".json": "application/json", ".bin": "application/octet-stream"}
PAGE_KINDS: Final = {
    ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".txt": "text/plain",
}  # fmt: skip
PAGE: Final = "index.html"
PAGE_SCRIPT: Final = "page.js"
# What the page runs: the viewer, then one line on how long that took (POST /rum).
START: Final = b"""import { start } from "./viewer.js";
start().then(() => {
  navigator.sendBeacon("/rum", JSON.stringify({ first_paint: performance.now() / 1000 }));
});
"""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Segments of letters, digits, '_', '-' and single dots within: none leads up, none is hidden.
PATH: Final = re.compile(
    r"(?:[A-Za-z0-9_-]{1,40}/){0,4}[A-Za-z0-9_-]{1,60}(?:\.[A-Za-z0-9_-]{1,12}){1,2}"
)
RETRY: Final = 5.0  # seconds
KNOWN: Final = 1000  # stored tile sets that are remembered
TILE: Final = ".bin"  # the suffix of tiles
TILES: Final = "tiles"  # folder of the tiles where tileset.json doesn't say
COUNT: Final = "count"  # the column of how many points a cell has
ROW: Final = "row"  # the title of the column id where it is the rows' numbers
MADE: Final = ("part", "batch")  # columns of an OnlineMap's own, which tell nothing of a row


class TileSets:
    """The tile sets of a catalogue's runs.

    Parameters
    ----------
    cache : Cache
        Where those are that are built.
    work : Work
        Builds them.
    settings : Settings
        Which columns they have, and how long a request waits for one.
    """

    def __init__(self, cache: Cache, work: Work, settings: Settings) -> None:
        self.cache, self.work, self.settings = cache, work, settings
        self._building: dict[str, Future[Path]] = {}
        # Folder of the tiles of each stored set that may be shown, by run and key: those that
        # were replaced have no tileset.json any more that would say what they hold.
        self._shown: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = Lock()

    def key(self, entry: Entry) -> str:
        """Return the key of a run's tile set, which changes when its content does.

        Parameters
        ----------
        entry : Entry
            The run.

        Returns
        -------
        str
            Of its address.

        Raises
        ------
        Refused
            404: the run has neither tiles nor a map. 403: its stored tiles show more than this
            server does, and there is no map to build others from. 422: they are damaged.
        """
        hidden: Refused | None = None
        if entry.tiles is not None:
            with suppress(OSError):
                held = (entry.tiles / TILESET).lstat()
                stamp = f"{held.st_size} {held.st_mtime_ns} {held.st_ino}"
                key = hashlib.sha256(stamp.encode()).hexdigest()[:DIGITS]
                try:
                    self._look(entry, key)
                except Refused as refused:
                    hidden = refused
                else:
                    return key
        if entry.map_file is None:
            raise hidden or Refused(404, f"{entry.id} has neither tiles nor a map")
        return key_of(entry, self.settings)

    def shown(self, entry: Entry, key: str, path: str) -> bool:
        """Tell whether a tile is one of a stored set that was found to show no more than it may.

        Parameters
        ----------
        entry : Entry
            The run.
        key : str
            Of the set, which may have been replaced since.
        path : str
            Of the tile.

        Returns
        -------
        bool
        """
        with self._lock.held():
            tiles = self._shown.get((entry.id, key))
        return tiles is not None and path.startswith(f"{tiles}/")

    def _look(self, entry: Entry, key: str) -> None:
        """Raise Refused unless a stored tile set shows no more than this server does."""
        with self._lock.held():
            if (entry.id, key) in self._shown:
                return
        assert entry.tiles is not None
        damaged = Refused(422, f"{TILESET} of {entry.id} is damaged: build the tiles anew")
        try:
            told = json.loads(_read(entry.tiles, [TILESET]))
        except (ValueError, RecursionError) as error:
            raise damaged from error
        about = told.get("columns", []) if isinstance(told, dict) else None
        if not isinstance(about, list) or not all(isinstance(c, dict) for c in about):
            raise damaged
        if said := _beyond(told, about, entry, self.settings):
            raise Refused(403, said)
        with self._lock.held():
            self._shown[entry.id, key] = str(told.get("path", TILES))
            while len(self._shown) > KNOWN:
                self._shown.popitem(last=False)

    async def folder(self, entry: Entry, key: str) -> Path:
        """Return the folder of a run's tile set, built where it isn't there.

        Parameters
        ----------
        entry : Entry
            The run.
        key : str
            As of `key`.

        Returns
        -------
        Path

        Raises
        ------
        Refused
            503: it is being built; ask again.
        """
        with self._lock.held():
            stored = (entry.id, key) in self._shown
        if stored and entry.tiles is not None:
            return entry.tiles
        name = f"tiles-{key}"
        if (found := self.cache.find(name)) is not None:
            return found
        with self._lock.held():
            building = self._building.get(key)
            if building is None:
                building = self.work.begin("tiles", lambda: self._build(entry, name), None)
                self._building[key] = building
                building.add_done_callback(lambda _: self._building.pop(key, None))
        try:
            return await finished(building, self.settings.wait_seconds)
        except TimeoutError as error:
            said = "the tiles are being built; ask again"
            raise Refused(503, said, retry_after=RETRY) from error

    async def file(self, entry: Entry, key: str, path: str) -> bytes:
        """Return a file of a run's tile set.

        Parameters
        ----------
        entry : Entry
            The run.
        key : str
            As of `key`.
        path : str
            As it was asked for: ``tiles/3/1/4.bin``.

        Returns
        -------
        bytes

        Raises
        ------
        Refused
            404: there is none. 500: it is too large to be one of a tile set.
        """
        if PATH.fullmatch(path) is None or Path(path).suffix not in KINDS:
            raise Refused(404, "no such file of a tile set")
        with self._lock.held():
            stored = (entry.id, key) in self._shown
        if stored and path != TILESET and not self.shown(entry, key, path):
            raise Refused(404, "no such file of a tile set")
        folder = await self.folder(entry, key)
        return await asyncio.to_thread(_read, folder, path.split("/"))

    async def page(self, entry: Entry, key: str, name: str) -> bytes | None:
        """Return a file of the page that shows a tile set; None for a name that it hasn't.

        Parameters
        ----------
        entry : Entry
            The run.
        key : str
            As of `key`.
        name : str
            ``index.html`` or what that loads.

        Returns
        -------
        bytes or None
        """
        if "/" in name or Path(name).suffix not in PAGE_KINDS:
            return None
        from gputsne.viewer import folder

        told = json.loads(await self.file(entry, key, TILESET)) if name == PAGE else {}
        return {**folder(told), PAGE_SCRIPT: START}.get(name)

    def _build(self, entry: Entry, name: str) -> Path:
        from gputsne.tiling import tiles

        found = read_map(entry, self.settings)
        if found.Y.shape[1] != 2:
            raise Refused(404, f"the map of {entry.id} has {found.Y.shape[1]} axes; tiles have two")
        columns = dict(found.columns)
        least = self.settings.min_cell
        if least is not None:  # single texts are not shown either
            columns = {
                k: v for k, v in columns.items() if k == found.label or v.dtype.kind in "fiu"
            }
        labels = columns.pop(found.label, None)
        ids = None if least is not None else found.ids

        def make(folder: Path) -> None:
            more: dict[str, Any] = {"min_cell": least, "title": entry.id}
            if isinstance(entry.source, StoredRun):  # whose record says how to repeat the map
                tiles(
                    entry.source, folder, labels=None if labels is None else found.label,
                    columns=list(columns), ids=None if ids is None else ID, **more,
                )  # fmt: skip
            else:
                tiles(found.Y, folder, labels=labels, columns=columns or None, ids=ids, **more)

        return self.cache.make(name, make)


def _beyond(
    told: dict[str, Any], about: list[dict[str, Any]], entry: Entry, settings: Settings
) -> str:
    """Return why a stored tile set shows more than the settings allow; "" where it doesn't."""
    again = "build them anew, or store a map beside them in their place"
    least, held = settings.min_cell, told.get("min_cell")
    counted = held if isinstance(held, int) and not isinstance(held, bool) else 0
    if least is not None and counted < least:
        shown = f"counts of {counted} points" if counted else "single points"
        return (
            f"the tiles of {entry.id} show {shown}, this server counts of at least {least}: "
            f"gputsne tiles --min-cell {least} makes such tiles"
        )
    allowed = {*settings.columns, *MADE}
    if settings.label:
        allowed |= {LABEL, *([entry.label] if entry.label is not None else [])}
    for column in about:
        name = str(column.get("name"))
        title = str(column.get("title", name))
        if name == ID:
            numbers = column.get("kind") == ID and title == ROW
            if not numbers and not settings.ids:
                return f"the tiles of {entry.id} have ids: allow them by --ids, or {again}"
        elif name != COUNT and title not in allowed:
            return (
                f"the tiles of {entry.id} have the column {title[:40]!r}: allow it by "
                f"--columns, or {again}"
            )
    return ""


def _read(folder: Path, parts: list[str]) -> bytes:
    """Return a regular file below a folder, reached through no link."""
    missing = Refused(404, "no such file of a tile set")
    try:
        for part in parts[:-1]:
            folder = folder / part
            if not stat.S_ISDIR(folder.lstat().st_mode):
                raise missing
        with open_regular(folder / parts[-1]) as file:
            body = bytes(file.read(LARGEST + 1))
    except OSError as error:
        raise missing from error
    if len(body) > LARGEST:
        raise Refused(
            500, f"a file of this tile set is larger than {LARGEST:,} bytes: build it anew"
        )
    return body
