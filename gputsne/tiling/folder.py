"""The folder of a tile set: whole or not at all, and replaced at one stroke while it is read.

    DIR/tileset.json       what the set is; names the folder of its tiles
    DIR/tiles/Z/X/Y.bin    the tiles; a later version's lie in another folder, as tileset.json says
    DIR/index.html, ...    the viewer

The tiles are written to a folder of their own, whose name has random digits. A new set is then
renamed as a whole. Of one that is replaced, the new tiles move beside the old ones and tileset.json
is renamed into place: a reader has the old set or the new one, and whatever stops the writing, the
old one stands. Of several writers at one time the last one wins, whole: they put their sets in
place one after the other, under a lock on the folder, and none removes what another still writes.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from gputsne.base.errors import BadInput
from gputsne.base.files import path_of, replacing, resolved

__all__ = ["SCHEMA", "TILESET", "check_target", "locked", "read_tileset", "written"]

SCHEMA: Final = "gputsne.tiles/1"
TILESET: Final = "tileset.json"
FIRST: Final = "tiles"  # folder of the tiles of a new set
FOLDER: Final = re.compile(r"tiles(-[0-9]+)?")
PART: Final = re.compile(r"\.tiles-[0-9a-f]{16}")  # what a writer has not put in place yet
TAKEN: Final = {errno.EEXIST, errno.ENOTEMPTY}  # a name that another writer had first
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
    if folder.is_dir():
        with locked(folder):  # another writer may be putting the first set in place
            _check_content(folder, out)
    home = folder if folder.is_dir() else folder.parent
    if not home.is_dir():
        raise FileNotFoundError(f"the folder {home} doesn't exist; make it first")
    if not os.access(home, os.W_OK):
        raise PermissionError(f"{home} can't be written to")
    return folder


def _check_content(folder: Path, out: Any) -> None:
    """Raise BadInput for a folder of other things; what other writers still write is none."""
    if not folder.is_dir() or read_tileset(folder) is not None:
        return
    others = any(PART.fullmatch(path.name) is None for path in folder.iterdir())
    if others and read_tileset(folder) is None:  # another writer may have put its set in place
        raise BadInput(
            f"{out} is a folder with other things than tiles; name a new one, or empty it"
        )


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
    BadInput
        Somebody put other things into the folder meanwhile.
    OSError
        Something can't be written; the earlier set is unharmed and nothing is left.
    """
    told: list[bool] = []
    made: set[Path] = set()

    def write(key: str, data: bytes) -> None:
        path = tiles / f"{key}.bin"
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.write_bytes(data)

    def finish(tileset: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        _sync(tiles)
        if place.parent == out or not _appeared(place, out, tileset, files):
            with locked(out):
                _replace(tiles, out, tileset, files, keep)
        told.append(True)

    with _own_place(out) as place:
        tiles = place / FIRST
        yield write, finish
        assert told, "finish was not called"


@contextmanager
def _own_place(out: Path) -> Iterator[Path]:
    """Give a folder to write to, locked so that other writers see that this one lives."""
    with ExitStack() as stack:
        while True:
            number = secrets.token_hex(8)
            inside = out / f".tiles-{number}"
            place = inside if out.is_dir() else out.with_name(f".{out.name}.{number}")
            place.mkdir()
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            with suppress(FileNotFoundError):
                stack.enter_context(locked(place))
            if place.exists():  # else another writer removed it before it was locked
                break
        yield place


def _index(name: str, tileset: Mapping[str, Any]) -> bytes:
    """Return tileset.json."""
    whole = {"path": name, **tileset}
    text = json.dumps(whole, allow_nan=False, separators=(",", ":")).encode()
    assert len(text) <= LARGEST, f"tileset.json has {len(text)} bytes"
    return text


def _appeared(
    place: Path, out: Path, tileset: Mapping[str, Any], files: Mapping[str, bytes]
) -> bool:
    """Put a new set in place as a whole; False where another writer was first."""
    for file, data in {**files, TILESET: _index(FIRST, tileset)}.items():
        (place / file).write_bytes(data)
    _sync_files([*(place / file for file in files), place / TILESET, place])
    try:
        place.rename(out)
    except OSError as error:
        if error.errno in TAKEN and out.is_dir():
            return False
        raise
    _sync_files([out.parent])
    return True


def _replace(
    tiles: Path, out: Path, tileset: Mapping[str, Any], files: Mapping[str, bytes], keep: int
) -> None:
    """Put tiles in the place of an earlier set, or into an empty folder."""
    _check_content(out, out)
    old = read_tileset(out)
    name = _moved(tiles, out)
    try:
        for file, data in files.items():
            with replacing(out / file) as part:
                part.write_bytes(data)
        with replacing(out / TILESET) as part:
            part.write_bytes(_index(name, tileset))
        _sync_files([out, out.parent])
    finally:
        if _named(out) != name:
            shutil.rmtree(out / name, ignore_errors=True)
    _remove_old(out, name, 0 if old is None else _version(str(old.get("path"))), keep)


def _named(out: Path) -> str | None:
    """Return the folder of tiles that tileset.json names."""
    told = read_tileset(out)
    return None if told is None else str(told.get("path"))


def _moved(tiles: Path, out: Path) -> str:
    """Give tiles the next free name of a version, which is returned."""
    while True:
        there = [_version(path.name) for path in out.iterdir() if FOLDER.fullmatch(path.name)]
        name = f"{FIRST}-{max(there) + 1}" if there else FIRST
        try:
            tiles.rename(out / name)
        except OSError as error:
            if error.errno not in TAKEN:
                raise
        else:
            return name


def _version(name: str) -> int:
    """Return the number of a version, 0 of the first one and of other names."""
    return int(name.partition("-")[2] or 0) if FOLDER.fullmatch(name) else 0


def _remove_old(out: Path, name: str, replaced: int, keep: int) -> None:
    """Remove the tiles of earlier versions but for the last few, and of writers that were killed.

    Where the file system has no locks, another writer's may be there: then nothing goes but what
    this set and those before it replaced. What can't be removed costs space alone.
    """
    found = [p for p in out.iterdir() if FOLDER.fullmatch(p.name)]
    with locked(out / name, wait=False) as alone:
        if alone is None:
            found = [path for path in found if _version(path.name) <= replaced]
    found = [path for path in found if path.name not in (name, _named(out))]
    found.sort(key=lambda path: _version(path.name))
    for path in found[: max(0, len(found) - keep)]:
        shutil.rmtree(path, ignore_errors=True)
    for path in out.iterdir():
        if PART.fullmatch(path.name):
            with suppress(OSError), locked(path, wait=False) as alone:
                if alone:
                    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool | None]:
    """Hold a lock on a file or folder that is there, which ends with the process that holds it.

    Parameters
    ----------
    path : Path
        What is locked.
    wait : bool
        Whether to wait for whoever holds it.

    Yields
    ------
    bool or None
        Whether it is held; None where the system or the file system (as some over a network) has
        no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield None
        return
    descriptor = os.open(path, os.O_RDONLY)
    held: bool | None = True
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            held = False
        except OSError:
            held = None
        yield held
    finally:
        os.close(descriptor)


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
