"""A folder of what is made on demand: each entry whole or not there, made once, oldest removed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gputsne.base.forks import Lock
from gputsne.serve.measures import Measures

__all__ = ["Cache", "default_folder"]

KEY: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
TMP: Final = "tmp"
DAY: Final = 86_400.0  # seconds; no entry takes so long to make


def default_folder() -> Path:
    """Return the folder below the user's cache folder (``XDG_CACHE_HOME``).

    Returns
    -------
    Path
    """
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "gputsne" / "serve"


class Cache:
    """Entries, each a folder, by key.

    An entry is made beside and then renamed, so that neither a killed server nor one beside it
    leaves half an entry, and one that is there is never changed.

    Parameters
    ----------
    root : Path
        The folder; made with the first entry.
    limit : int
        Bytes above which the entries that were used longest ago are removed.
    measures : Measures
        Told of the size.
    """

    def __init__(self, root: Path, limit: int, measures: Measures) -> None:
        self.root, self.limit, self.measures = root, limit, measures
        self._making: dict[str, Lock] = {}
        self._lock = Lock()
        self._remove_leftovers()

    def find(self, key: str) -> Path | None:
        """Return the folder of an entry; None where it isn't made yet.

        Parameters
        ----------
        key : str
            Lower-case letters, digits and single ``-`` within.
        """
        path = self._path(key)
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError:  # a cache that is read-only still serves
            return path if path.is_dir() else None
        return path

    def make(self, key: str, make: Callable[[Path], None]) -> Path:
        """Return the folder of an entry, made now where it isn't there.

        Parameters
        ----------
        key : str
            As of `find`.
        make : callable
            Writes the entry into the folder that it is given; called once, whoever else asks for
            the same key waits.
        """
        with self._lock.held():
            lock = self._making.setdefault(key, Lock())
        with lock.held():
            if (found := self.find(key)) is not None:
                return found
            part = self.root / TMP / f"{key}.{os.getpid()}-{secrets.token_hex(8)}"
            try:
                part.mkdir(parents=True)
                make(part)
                _to_disk(part)
                try:
                    part.rename(self._path(key))
                except OSError:  # another server made it meanwhile: the same
                    if not self._path(key).is_dir():
                        raise
            finally:
                shutil.rmtree(part, ignore_errors=True)
        self._trim(key)
        return self._path(key)

    def _path(self, key: str) -> Path:
        if KEY.fullmatch(key) is None:
            raise ValueError(f"key={key!r} must be lower-case letters, digits and '-' within")
        return self.root / key

    def _trim(self, but: str) -> None:
        """Remove what was used longest ago, until the rest is below the limit."""
        with self._lock.held():
            held = []
            for path in self.root.iterdir():
                if path.name != TMP:
                    with suppress(FileNotFoundError):
                        held.append((path.stat().st_mtime, _bytes(path), path))
            total = sum(size for _, size, _ in held)
            for _, size, path in sorted(held):
                if total > self.limit and path.name != but:
                    gone = self.root / TMP / f"{path.name}.{os.getpid()}-{secrets.token_hex(8)}"
                    with suppress(OSError):
                        path.rename(gone)
                        shutil.rmtree(gone, ignore_errors=True)
                        total -= size
            self.measures["cache_bytes"].set(total)

    def _remove_leftovers(self) -> None:
        """Remove what killed servers had begun; one that still runs may be at work on the rest."""
        with suppress(FileNotFoundError):
            for path in (self.root / TMP).iterdir():
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > DAY:
                        shutil.rmtree(path, ignore_errors=True)


def _bytes(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            found += path.stat().st_size
    return found


def _to_disk(folder: Path) -> None:
    """Write everything to the disk: a file must not be empty after a power failure."""
    for path in [*folder.rglob("*"), folder]:
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
