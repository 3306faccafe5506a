"""The folder of a tile set: whole or not at all, and replaced at one stroke while it is read.

    DIR/tileset.json       what the set is; names the folder of its tiles
    DIR/tiles/Z/X/Y.bin    the tiles; a later version's lie in another folder, as tileset.json says
    DIR/index.html, ...    the viewer

A new set is written beside and renamed. Of one that is replaced, the new tiles are written beside
the old ones, then tileset.json is renamed into place: a reader has the old set or the new one, and
whatever stops the writing, the old one stands.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from gputsne.base.errors import BadInput
from gputsne.base.files import path_of, replacing, resolved

__all__ = ["SCHEMA", "TILESET", "check_target", "read_tileset", "written"]

SCHEMA: Final = "gputsne.tiles/1"
TILESET: Final = "tileset.json"
FIRST: Final = "tiles"  # folder of the tiles of a new set
FOLDER: Final = re.compile(r"tiles(-[0-9]+)?")
LARGEST: Final = 1_000_000  # bytes of tileset.json, and of any other answer to a viewer

Write = Callable[[str, bytes], None]


def read_tileset(folder: Path) -> dict[str, Any] | None:
    """Return what the tile set in a folder says of itself; None where there is none.

    Parameters
    ----------
    folder : Path
        Any.

    Returns
    -------
    dict or None
    """
    try:
        with (folder / TILESET).open("rb") as file:
            told = json.loads(file.read(LARGEST + 1))
    except (OSError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) and told.get("schema") == SCHEMA else None


def check_target(out: Any) -> Path:
    """Return the folder that a tile set may be written to.

    Parameters
    ----------
    out : str or path-like
        A free name, an empty folder, or one with a tile set, which is replaced.

    Returns
    -------
    Path

    Raises
    ------
    BadInput
        It is something else, which is left alone.
    OSError
        The folder that it is to lie in can't be written to.
    """
    folder = resolved(path_of(out, "out"))
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{out} is a file; tiles are written to a folder")
    if folder.is_dir() and any(folder.iterdir()) and read_tileset(folder) is None:
        raise BadInput(
            f"{out} is a folder with other things than tiles; name a new one, or empty it"
        )
    home = folder if folder.is_dir() else folder.parent
    if not home.is_dir():
        raise FileNotFoundError(f"the folder {home} doesn't exist; make it first")
    if not os.access(home, os.W_OK):
        raise PermissionError(f"{home} can't be written to")
    return folder


@contextmanager
def written(out: Path, *, keep: int = 0) -> Iterator[tuple[Write, Callable[..., None]]]:
    """Write a tile set, which takes the place of what was there when the block ends well.

    Parameters
    ----------
    out : Path
        From ``check_target``.
    keep : int
        Earlier versions whose tiles stay, for readers that still go by their tileset.json.

    Yields
    ------
    write : callable
        ``write(key, data)`` writes the tile ``z/x/y``.
    finish : callable
        ``finish(tileset, files)`` says what tileset.json tells, but for its folder, and the files
        of the viewer by name; to be called once.

    Raises
    ------
    OSError
        Something can't be written; the earlier set is unharmed and nothing is left.
    """
    old = read_tileset(out)
    place = out if old is not None else out.with_name(f".{out.name}.{secrets.token_hex(8)}")
    name = _next_name(out, old)
    tiles = place / name
    told: list[Mapping[str, Any]] = []
    made: set[Path] = set()

    def write(key: str, data: bytes) -> None:
        path = tiles / f"{key}.bin"
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.write_bytes(data)

    def finish(tileset: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        whole = {"path": name, **tileset}
        text = json.dumps(whole, allow_nan=False, separators=(",", ":")).encode()
        assert len(text) <= LARGEST, f"tileset.json has {len(text)} bytes"
        _sync(tiles)
        for file, data in files.items():
            with replacing(place / file) as part:
                part.write_bytes(data)
        if place == out:
            with replacing(place / TILESET) as part:
                part.write_bytes(text)
        else:
            (place / TILESET).write_bytes(text)
            _sync_files([place / TILESET, place])
            with suppress(OSError):  # an empty folder, whose place is taken
                out.rmdir()
            place.rename(out)
        _sync_files([out, out.parent])
        told.append(whole)

    try:
        if place != out:
            place.mkdir()
        yield write, finish
        assert told, "finish was not called"
    except BaseException:
        if not told:
            shutil.rmtree(tiles if place == out else place, ignore_errors=True)
        raise
    _remove_old(out, name, keep)


def _next_name(out: Path, old: Mapping[str, Any] | None) -> str:
    """Return a free name for the folder of the tiles."""
    if old is None:
        return FIRST
    versions = [_version(path.name) for path in out.iterdir() if FOLDER.fullmatch(path.name)]
    return f"{FIRST}-{max(versions, default=0) + 1}"


def _version(name: str) -> int:
    return int(name.partition("-")[2] or 0)


def _remove_old(out: Path, name: str, keep: int) -> None:
    """Remove the tiles of earlier versions but for the last few, and of writers that were killed.

    What can't be removed costs space alone.
    """
    found = [p for p in out.iterdir() if FOLDER.fullmatch(p.name) and p.name != name]
    found.sort(key=lambda path: _version(path.name))
    for path in found[: max(0, len(found) - keep)]:
        shutil.rmtree(path, ignore_errors=True)


def _sync(folder: Path) -> None:
    """See to it that all files below a folder are on the disk."""
    for path, _, names in os.walk(folder):
        _sync_files([*(Path(path, name) for name in names), Path(path)])


def _sync_files(paths: list[Path]) -> None:
    for path in paths:
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
