"""A store's storage in a local folder: hidden until whole, synced to the disk, then renamed.

A process may be killed at any moment: what it had not finished lies in ``tmp``, where nobody looks.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from gputsne.base.files import resolved
from gputsne.runs.storage import Content, Entry, Source, blocks_of
from gputsne.runs.storage.retries import Retry

__all__ = ["LocalStorage"]

TMP: Final = "tmp"
# What a filesystem without hard links answers.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class LocalStorage:
    """Storage below one folder, which is made with the first write.

    Parameters
    ----------
    root : Path
        The folder.
    retry : Retry
        How often to try again, say over NFS.
    """

    exclusive = True

    def __init__(self, root: Path, retry: Retry) -> None:
        self.root, self.retry = resolved(root), retry
        if self.root.exists() and not self.root.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))

    def exists(self) -> bool:
        """Tell whether the folder is there."""
        return self.retry("looking for the store", self.root.exists)

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder, by name; links are told as such and never followed."""
        return self.retry(f"listing {folder}", lambda: self._entries(folder))

    def _entries(self, folder: str) -> list[Entry]:
        found = []
        with suppress(FileNotFoundError), os.scandir(self.root / folder) as held:
            for item in held:
                with suppress(FileNotFoundError):  # removed since
                    found.append(_entry(item.name, item.stat(follow_symlinks=False)))
        return sorted(found, key=lambda entry: entry.name)

    def open(self, name: str) -> IO[bytes]:
        """Open a regular file for reading; nothing else, and through no link."""
        return self.retry(f"opening {name}", lambda: _opened(self.root / name))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""

        def read() -> bytes:
            with _opened(self.root / name) as file:
                return file.read()

        return self.retry(f"reading {name}", read)

    def add(self, name: str, data: bytes) -> None:
        """Write a new file: beside, to the disk, then under its name, which must be free."""
        target, part = self.root / name, self._beside(target=name)
        content = Content(len(data), hashlib.sha256(data).hexdigest())
        self._make(part.parent)
        self._make(target.parent)
        try:
            self._write(name, part, data, content)
            self.retry(f"naming {name}", lambda: _name(part, target))
            self._sync(target.parent)
        finally:
            part.unlink(missing_ok=True)

    def add_folder(self, name: str, files: Mapping[str, tuple[Source, Content]], last: str) -> None:
        """Write a new folder beside, to the disk, then rename it: all of it appears at once."""
        target, part = self.root / name, self._beside(target=name)
        if (target / last).exists():
            raise _taken(target)
        self._make(part.parent)
        self._make(target.parent)
        try:
            part.mkdir()
            for file in sorted(files, key=lambda file: (file == last, file)):
                source, content = files[file]
                self._write(f"{name}/{file}", part / file, source, content)
            self._sync(part)
            if target.is_dir() and not (target / last).exists():  # no writer of ours left that
                self.remove_folder(name)
            self.retry(f"naming {name}", lambda: _name_folder(part, target))
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        self._sync(target.parent)

    def remove(self, name: str) -> None:
        """Remove a file, where it is there."""
        self.retry(f"removing {name}", lambda: (self.root / name).unlink(missing_ok=True))

    def remove_folder(self, name: str, first: str | None = None) -> None:
        """Move a folder out of sight at once, then remove what it held."""
        target, part = self.root / name, self._beside(target=name)
        self._make(part.parent)
        with suppress(FileNotFoundError):
            self.retry(f"removing {name}", lambda: target.rename(part))
            self._sync(target.parent)
            _remove(part)

    def leftovers(self, before: datetime) -> list[str]:
        """Return names in ``tmp`` where nothing was written since a moment."""
        return [
            entry.name
            for entry in self.entries(TMP)
            if (newest := self._newest(self.root / TMP / entry.name)) is not None
            and newest < before.timestamp()
        ]

    def remove_leftover(self, name: str) -> None:
        """Remove one of them."""
        with suppress(FileNotFoundError):
            _remove(self.root / TMP / name)

    def _write(self, name: str, path: Path, source: Source, content: Content) -> None:
        self.retry(f"writing {name}", lambda: _write(path, source, content), content.size)

    def _newest(self, path: Path) -> float | None:
        """Return when a file, or anything in a folder, was written last; None: it is gone."""
        try:
            inside = [p.lstat().st_mtime for p in path.iterdir()] if path.is_dir() else []
            return max([path.lstat().st_mtime, *inside])
        except FileNotFoundError:
            return None

    def _beside(self, *, target: str) -> Path:
        return self.root / TMP / f"{Path(target).name}.{os.getpid()}-{secrets.token_hex(8)}"

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, and their names last on the disk."""
        if not folder.is_dir():
            self._make(folder.parent)
            with suppress(FileExistsError):
                folder.mkdir()
            self._sync(folder.parent)

    def _sync(self, folder: Path) -> None:
        self.retry(f"syncing {folder}", lambda: _sync_folder(folder))


def _entry(name: str, held: os.stat_result) -> Entry:
    kind = "other"
    if stat.S_ISREG(held.st_mode):
        kind = "file"
    elif stat.S_ISDIR(held.st_mode):
        kind = "folder"
    size = held.st_size if kind == "file" else 0
    return Entry(name, kind, size, datetime.fromtimestamp(held.st_mtime, UTC))


def _opened(path: Path) -> IO[bytes]:
    """Open a regular file; a link raises, a pipe doesn't block."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    number = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return os.fdopen(number, "rb")


def _write(path: Path, source: Source, content: Content) -> None:
    """Write a new file to the disk, and hold what was written against what was announced."""
    digest = hashlib.sha256()
    try:
        with path.open("xb") as file:
            for block in blocks_of(source):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        with suppress(OSError):
            if not isinstance(error, FileExistsError):
                path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # as write says it
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    if digest.hexdigest() != content.sha256:
        raise ValueError(f"{source!s} changed while it was stored; store it when it is whole")


def _name(part: Path, target: Path) -> None:
    """Give a file its name, unless that is taken; taken by this very file, it is done."""
    try:
        os.link(part, target)
    except FileExistsError:
        if not target.samefile(part):
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            raise _taken(target) from error
        part.rename(target)


def _name_folder(part: Path, target: Path) -> None:
    try:
        part.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _taken(target) from error
        raise


def _taken(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _remove(path: Path) -> None:
    """Remove a file, a link itself, or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last; some network filesystems can't, and need not."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(number)
