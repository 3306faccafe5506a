"""Building tiles: a map, and the columns that were named, into a folder that any host can serve."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gputsne.base.messages import warn_user
from gputsne.base.parameter_table import Whole
from gputsne.base.types import Array
from gputsne.plotting.caption import caption_of
from gputsne.plotting.labels import printable
from gputsne.plotting.scene import read_points
from gputsne.tiling.columns import Category, Column, Text, read_all, read_ids
from gputsne.tiling.counting import Counted, count_cells
from gputsne.tiling.folder import LARGEST, SCHEMA, check_target, written
from gputsne.tiling.memory import tiles_plan
from gputsne.tiling.pyramid import Tile, pyramid
from gputsne.tiling.squares import Square, morton_codes, square_around
from gputsne.viewer import folder as page_files
from gputsne.viewer.container import pack

__all__ = ["TILE_BYTES", "Contents", "Tiles", "contents_of", "save", "tiles"]

TILE_BYTES: Final = 100_000
"""Bytes of a tile are fewer than this."""

UNITS: Final = 65535  # of a tile's side, in uint16
ROOM: Final = 4_000  # bytes of tileset.json besides columns and the list of tiles
MOST_COLUMNS: Final = 40  # carried by tiles
MOST_TEXT: Final = 2_000  # characters of title, caption and alt text each


@dataclass(frozen=True)
class Tiles:
    """A tile set that was written.

    Attributes
    ----------
    folder : Path
        Where it lies.
    rows, shown : int
        Points of the map, and those that a tile shows or counts.
    tiles, levels : int
        How many there are.
    bytes : int
        Of all tiles.
    """

    folder: Path
    rows: int
    shown: int
    tiles: int
    levels: int
    bytes: int


@dataclass(frozen=True, eq=False)
class Contents:
    """What is to be cut into tiles, and what the set says of itself.

    Attributes
    ----------
    points : array, shape (n, 2)
        The map; of counts, middles of cells.
    columns : dict of str to Column
        By the name that tiles give them.
    numbers : array, shape (n,), uint32, or None
        What ``id`` holds where no ids were given.
    counts : array, shape (n,), uint32, or None
        Points that each row stands for.
    square : Square
        Around all.
    told : dict
        Of tileset.json.
    """

    points: Array
    columns: Mapping[str, Column]
    numbers: npt.NDArray[np.uint32] | None
    counts: npt.NDArray[np.uint32] | None
    square: Square
    told: Mapping[str, Any]


def tiles(
    map_or_run: Any,
    out: str | PathLike[str],
    *,
    labels: Any = None,
    columns: Any = None,
    ids: Any = None,
    hash_ids: str | bytes | None = None,
    min_cell: int | None = None,
    kind: str = "auto",
    palette: Any = None,
    title: str | None = None,
    caption: str | None = None,
    alt: str | None = None,
    random_state: int = 0,
    memory_limit: float | str | None = None,
) -> Tiles:
    """Cut a map into tiles that a browser loads as it zooms: static files for any web server.

    A tile holds a fair sample of its square, so far as its ancestors have not: each cell and each
    small category keeps points at every zoom, and every point lies in exactly one tile. No tile has
    100 kB. Nothing but places and what is named here is written.

    Parameters
    ----------
    map_or_run : fitted TSNE, array of shape (n, 2), run of a Store, or path of a map
        Of a run or a file, ``labels``, ``columns`` and ``ids`` are names of its columns.
    out : str or path-like
        The folder to make; one with an earlier tile set is replaced at one stroke. Of several
        processes that write to it at once the last one wins, whole.
    labels : array_like, shape (n,), optional
        Categories or values to colour by, as for ``gputsne.plot``.
    columns : mapping or table of columns, optional
        Shown beside a point; to colour by, where they are numbers or up to 1,000 categories.
    ids : array_like, shape (n,), optional
        What each row is called; by default its number.
    hash_ids : str or bytes, optional
        A salt of 16 bytes or more: ids are written as keyed hashes (BLAKE2b), which only its owner
        can look up.
    min_cell : int, optional
        Show no single points: counts of cells that hold at least so many points of a category;
        what lies in smaller groups is left out, and nothing tells of it. Numbers become means over
        rows that have all of them; ids and texts are refused.
    kind, palette : object
        Of the labels, as for ``gputsne.plot``.
    title, caption, alt : str, optional
        Texts above and below the map, and what screen readers say instead of it; the caption has
        by default what repeats the map.
    random_state : int, default 0
        Which points of a crowded cell come first. The same gives the same bytes.
    memory_limit : float, str or None
        Bytes, or as "8G"; None for what is free.

    Returns
    -------
    Tiles

    Raises
    ------
    TypeError, ValueError
        For a map that has not two axes, columns of another length, and what does not go together.
    BadInput
        ``out`` is a folder of other things, or the file or run has not what was named.
    OverMemory
        More memory is needed than there is, said before it is taken.
    OSError
        The folder can't be written; an earlier tile set in it is unharmed.

    Warns
    -----
    UserWarning
        For more than some 200,000 points in one place, of which only so many are shown.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> Y = np.random.default_rng(0).normal(size=(30_000, 2))
    >>> found = tiles(Y, pathlib.Path(tempfile.mkdtemp(), "map"), labels=np.arange(30_000) % 3)
    >>> found.shown, found.levels
    (30000, 2)
    """
    from gputsne.tiling.sources import opened_map

    folder = check_target(out)
    Whole(0, 2**32 - 1).check("random_state", random_state)
    Whole(2, optional=True).check("min_cell", min_cell)
    for name, text in (("title", title), ("caption", caption), ("alt", alt)):
        if not isinstance(text, str | None):
            raise TypeError(f"{name}={text!r} must be text or None")
    with opened_map(map_or_run, labels, columns, ids, memory_limit) as found:
        if hash_ids is not None and found.ids is None:
            raise ValueError("hash_ids has no effect without ids; pass ids, or leave it out")
        if min_cell is not None and found.ids is not None:
            raise ValueError("ids name single rows, and min_cell shows none: leave one of them out")
        Y, model = read_points(found.map, by="tiles", shapes="(n, 2)")
        Y = np.ascontiguousarray(Y, np.float32 if Y.dtype == np.float32 else np.float64)
        n = len(Y)
        if Y.shape[1] != 2:
            raise ValueError(f"the map has {Y.shape[1]} axes; tiles have two: fit n_components=2")
        texts = found.ids is not None
        tiles_plan(n, found.width, int(texts)).check(memory_limit)
        read = read_all(
            found.labels, found.columns, n, name=found.label_name, kind=kind, palette=palette,
            known=found.palette,
        )  # fmt: skip
        if len(read) > MOST_COLUMNS:
            raise ValueError(f"tiles carry up to {MOST_COLUMNS} columns, {len(read)} are named")
        tiles_plan(n, found.width, texts + _texts(read)).check(memory_limit)
        named = {f"c{i}": column for i, column in enumerate(read)}
        if found.ids is not None:
            named["id"] = read_ids(found.ids, n, hash_ids)

        def texts_of(rows: int, shown: tuple[Column, ...]) -> dict[str, Any]:
            facts = caption_of(found.facts or model, rows) if caption is None else caption
            said = _alt(rows, shown) if alt is None else alt
            return {"caption": _said(facts), "alt": _said(said)}

        told = {
            "run": found.run, "title": _said(title if title is not None else found.title),
            "rows": n, "min_cell": min_cell,
        }  # fmt: skip
        contents = contents_of(Y, named, told, texts_of, min_cell=min_cell)
        return replace(save(contents, folder, seed=int(random_state)), rows=n)


def _texts(columns: tuple[Column, ...]) -> int:
    return sum(isinstance(column, Text) for column in columns)


def _said(text: str) -> str:
    return printable(text)[:MOST_TEXT]


def _alt(n: int, columns: tuple[Column, ...]) -> str:
    said = f"A map of {n:,} points, where records that are alike lie together"
    if columns and not isinstance(columns[0], Text):
        said += f"; coloured by {columns[0].title}"
        if isinstance(columns[0], Category):
            said += f", which has {len(columns[0].categories):,} categories"
    return f"{said}."


def contents_of(
    Y: Array,
    columns: Mapping[str, Column],
    told: Mapping[str, Any],
    texts: Callable[[int, tuple[Column, ...]], Mapping[str, Any]],
    *,
    min_cell: int | None = None,
    numbers: npt.NDArray[np.uint32] | None = None,
) -> Contents:
    """Return what is to be cut into tiles: the points, or their counts.

    Parameters
    ----------
    Y : array, shape (n, 2)
        The map.
    columns : mapping of str to Column
        "id" for ids, "c0" and so on.
    told : mapping
        Further entries of tileset.json; of its ``rows``, where fewer than `min_cell` are left out,
        only those that are shown are told.
    texts : callable
        ``texts(rows, columns)`` gives entries that speak of the rows and columns that are told.
    min_cell : int or None
        Points of the smallest group that is counted.
    numbers : array, shape (n,), uint32, or None
        Numbers of the rows; by default 0, 1 and so on.

    Returns
    -------
    Contents
    """
    if min_cell is not None:
        counted: Counted = count_cells(Y, tuple(columns.values()), min_cell)
        square = counted.square
        columns = dict(zip(columns, counted.columns, strict=True))
        about = [{"name": name, **c.told(counted.counts)} for name, c in columns.items()]
        largest = int(counted.counts.max())
        about.append({
            "name": "count", "title": "points", "kind": "number", "low": min_cell, "high": largest,
        })  # fmt: skip
        rows = counted.shown if len(Y) - counted.shown < min_cell else len(Y)
        more = {**told, "rows": rows, "shown": counted.shown, "cells": counted.bits}
        more |= texts(rows, counted.columns)
        return Contents(counted.points, columns, None, counted.counts, square, _document(
            more, about, counted.points, square))  # fmt: skip
    square = square_around(Y)
    told = {**told, **texts(len(Y), tuple(columns.values()))}
    about = [{"name": name, **column.told()} for name, column in columns.items()]
    if "id" not in columns:
        numbers = np.arange(len(Y), dtype=np.uint32) if numbers is None else numbers
        about.append({"name": "id", "title": "row", "kind": "id"})
    return Contents(Y, columns, numbers, None, square, _document(told, about, Y, square))


def _document(
    told: Mapping[str, Any], about: list[dict[str, Any]], points: Array, square: Square
) -> dict[str, Any]:
    low, high = points.min(axis=0), points.max(axis=0)
    colours = [column["name"] for column in about if column["kind"] in ("category", "number")]
    return {
        "schema": SCHEMA, **told, "square": list(square),
        "bounds": [*map(float, low), *map(float, high)], "columns": about,
        "colour": colours[0] if colours else None,
    }  # fmt: skip


def save(contents: Contents, folder: Path, *, seed: int = 0, keep: int = 0) -> Tiles:
    """Cut contents into tiles and write them.

    Parameters
    ----------
    contents : Contents
        From ``contents_of``.
    folder : Path
        From ``check_target``.
    seed : int
        Of the samples.
    keep : int
        Earlier versions whose tiles stay.

    Returns
    -------
    Tiles
    """
    cutting = _Cutting(contents)
    listed: dict[str, int] = {}
    lost = levels = size = shown = 0
    with written(folder, keep=keep) as (write, finish):
        for tile in cutting.tiles(seed):
            data = cutting.packed(tile)
            assert len(data) < TILE_BYTES, f"tile {tile.key} has {len(data)} bytes"
            write(tile.key, data)
            listed[tile.key] = len(tile.rows)
            size, lost, levels = size + len(data), lost + tile.lost, max(levels, tile.z + 1)
            shown += len(tile.rows)
        told = {"shown": shown, **contents.told, "levels": levels}
        told["tiles"], told["listed"] = _index(listed, told, levels)
        finish(told, page_files(told))
    if lost:
        warn_user(
            f"{lost:,} of {told['rows']:,} points are not shown: more lie in one place than the "
            "deepest tile holds; min_cell=2 counts them"
        )
    return Tiles(folder, int(told["rows"]), int(told["shown"]), len(listed), levels, size)


def _index(
    listed: Mapping[str, int], told: Mapping[str, Any], levels: int
) -> tuple[dict[str, int], int]:
    """Return the rows of all tiles of the first levels, as many as tileset.json has room for."""
    room = LARGEST - ROOM - len(json.dumps(told))
    found: dict[str, int] = {}
    for level in range(levels):
        own = {key: rows for key, rows in listed.items() if key.partition("/")[0] == str(level)}
        room -= len(json.dumps(own, separators=(",", ":")))
        if room < 0:
            return found, level
        found |= own
    return found, levels


class _Cutting:
    """Contents in the order of the Morton curve, and their tiles as bytes."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        codes = morton_codes(contents.points, contents.square)
        self.order = np.argsort(codes, kind="stable").astype(np.int32)
        self.codes = codes[self.order]

    def tiles(self, seed: int) -> Iterator[Tile]:
        """Yield the tiles."""
        columns = self.contents.columns
        first = next((c for c in columns.values() if isinstance(c, Category)), None)
        strata: Array = np.zeros(len(self.order), np.uint8)
        kinds = 1
        if first is not None:
            strata, kinds = first.take(self.order), len(first.categories) + 1
        fixed = 4 + sum(c.size for c in columns.values() if not isinstance(c, Text))
        fixed += 4 * sum(c is not None for c in (self.contents.numbers, self.contents.counts))
        texts = [c.sizes for c in columns.values() if isinstance(c, Text)]
        weights: Any = fixed
        if texts:
            weights = (sum(texts[1:], texts[0]) + fixed)[self.order].astype(np.int32)
        yield from pyramid(self.codes, strata, kinds, weights, self._budget(), seed=seed)

    def _budget(self) -> int:
        """Return the bytes that a tile's rows may have, beside its header."""
        most = 2**53
        widest = Tile(24, 2**24, 2**24, np.empty(0, np.int32), (most, most, most, most))
        # every number of a header is at its longest, and each column begins at a multiple of 8
        wide = Square(*(-1.2345678901234567e-300,) * 3)
        own = 2 + len(self.contents.columns) + 2  # columns, of which x, y, id and count are four
        return TILE_BYTES - 1 - len(self.packed(widest, wide)) - own * (8 + 3 * len(str(most)))

    def packed(self, tile: Tile, square: Square | None = None) -> bytes:
        """Return a tile as the viewer reads it, its rows in an order of chance.

        So no category lies on top of another, and the first rows are a fair part of all.
        """
        contents = self.contents
        rows = np.random.default_rng((tile.z, tile.x, tile.y)).permutation(self.order[tile.rows])
        square = contents.square.part(tile.z, tile.x, tile.y) if square is None else square
        units = square.units(contents.points[rows], UNITS).astype(np.uint16)
        columns: dict[str, Any] = {"x": units[:, 0], "y": units[:, 1]}
        if contents.numbers is not None:
            columns["id"] = contents.numbers[rows]
        if contents.counts is not None:
            columns["count"] = contents.counts[rows]
        columns |= {name: column.take(rows) for name, column in contents.columns.items()}
        return pack(columns, square=list(square), below=list(tile.below))
