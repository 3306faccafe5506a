"""A store's storage in a bucket, through pyarrow.fs: no renames and no conditional writes needed.

S3, GCS and Azure show an object when it is whole. On other filesystems of pyarrow files are written
in ``tmp`` and moved.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import IO, Any, Final, TypeVar, cast

from gputsne.runs.storage import Content, Entry, Source, blocks_of
from gputsne.runs.storage.retries import Retry

__all__ = ["ObjectStorage", "filesystem_at"]

WHOLE: Final = ("s3", "gcs", "abfs")  # types whose objects appear when their stream is closed
TMP: Final = "tmp"
T = TypeVar("T")


def filesystem_at(uri: str) -> tuple[Any, str]:
    """Return pyarrow's filesystem of a URI, and the path in it.

    Parameters
    ----------
    uri : str
        With the options that pyarrow knows.

    Returns
    -------
    tuple of pyarrow.fs.FileSystem and str

    Raises
    ------
    ValueError
        It can't be read as one.
    """
    from pyarrow import fs

    try:
        filesystem, path = fs.FileSystem.from_uri(uri)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(f"uri: pyarrow can't read it: {error}") from error
    return filesystem, str(path)


class ObjectStorage:
    """Storage below a path of one of pyarrow's filesystems.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
        Where.
    root : str
        Bucket and path.
    retry : Retry
        How often to try again.
    """

    exclusive = False

    def __init__(self, filesystem: Any, root: str, retry: Retry) -> None:
        self.fs, self.root, self.retry = filesystem, root, retry
        kind = str(filesystem.type_name).rpartition("::")[2]
        self.whole = kind in WHOLE

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}" if self.root else name

    def _ask(self, doing: str, work: Callable[[], T], size: int = 0) -> T:
        """Do something, again where it fails for a moment; what fails for good names the place."""
        try:
            return self.retry(doing, work, size)
        except FileNotFoundError:  # that a name is free is no fault of the storage
            raise
        except OSError as error:
            if error.errno is None:
                raise OSError(f"{self.root}: {error}") from error
            raise OSError(error.errno, error.strerror, self.root) from error

    def exists(self) -> bool:
        """Tell whether there is an object below the root, or the bucket or folder itself."""
        from pyarrow import fs

        if not self.root:  # of a filesystem that is there
            return True
        found = self._ask("looking for the store", lambda: self.fs.get_file_info(self.root))
        return bool(found.type != fs.FileType.NotFound)

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder, by name."""
        from pyarrow import fs

        wanted = fs.FileSelector(self._at(folder), allow_not_found=True)
        found = self._ask(f"listing {folder}", lambda: self.fs.get_file_info(wanted))
        kinds = {fs.FileType.File: "file", fs.FileType.Directory: "folder"}
        return sorted(
            (Entry(i.base_name, kinds.get(i.type, "other"), i.size or 0, i.mtime) for i in found),
            key=lambda entry: entry.name,
        )

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        path = self._at(name)
        found = self._ask(f"opening {name}", lambda: self.fs.open_input_file(path))
        return cast(IO[bytes], found)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        path = self._at(name)

        def read() -> bytes:
            with self.fs.open_input_file(path) as file:
                return bytes(file.read())

        return self._ask(f"reading {name}", read)

    def add(self, name: str, data: bytes) -> None:
        """Write a new file; its name, which has a part at random, is this writer's alone."""
        content = Content(len(data), hashlib.sha256(data).hexdigest())
        self._write_or_remove(name, data, content)

    def add_folder(self, name: str, files: Mapping[str, tuple[Source, Content]], last: str) -> None:
        """Write the files of a folder, look whether all are there, then write ``last``."""
        there = {entry.name for entry in self.entries(name) if entry.kind == "file"}
        if last in there:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        for other in sorted(there - files.keys()):  # of a writer that was killed
            self.remove(f"{name}/{other}")
        tried: list[str] = []
        try:
            for file in sorted(files, key=lambda file: (file == last, file)):
                if file == last:
                    self._check_sizes(name, files, tried)
                tried.insert(0, file)
                source, content = files[file]
                self._write_or_remove(f"{name}/{file}", source, content)
            self._check_sizes(name, files, tried)
        except BaseException:
            for file in tried:  # the last one first: without it there is no folder
                with suppress(OSError):
                    self.remove(f"{name}/{file}")
            raise

    def _check_sizes(
        self, name: str, files: Mapping[str, tuple[Source, Content]], tried: list[str]
    ) -> None:
        """Raise OSError where the storage has not what was written to it."""
        there = {entry.name: entry.size for entry in self.entries(name) if entry.kind == "file"}
        wanted = {file: files[file][1].size for file in tried}
        if wrong := [file for file in tried if there.get(file) != wanted[file]]:
            said = f"{name}: the storage lost {', '.join(sorted(wrong))} of what was written"
            raise OSError(errno.EREMOTEIO, said)

    def remove(self, name: str) -> None:
        """Remove a file, where it is there."""
        path = self._at(name)

        def remove() -> None:
            with suppress(FileNotFoundError):
                self.fs.delete_file(path)

        self._ask(f"removing {name}", remove)

    def remove_folder(self, name: str, first: str | None = None) -> None:
        """Remove ``first``, then all the rest."""
        if first is not None:
            self.remove(f"{name}/{first}")
        path = self._at(name)

        def remove() -> None:
            with suppress(FileNotFoundError):
                self.fs.delete_dir(path)

        self._ask(f"removing {name}", remove)

    def leftovers(self, before: datetime) -> list[str]:
        """Return files in ``tmp`` that were written before a moment."""
        found = self.entries(TMP)
        return [e.name for e in found if e.modified is not None and e.modified < before]

    def remove_leftover(self, name: str) -> None:
        """Remove one of them."""
        self.remove(f"{TMP}/{name}")

    def _write_or_remove(self, name: str, source: Source, content: Content) -> None:
        """Write a file; where that fails for good, nothing of it is left if that can be helped."""
        try:
            work = self._write if self.whole else self._write_and_move
            self._ask(f"writing {name}", lambda: work(name, source, content), content.size)
        except BaseException:
            with suppress(OSError):
                self.fs.delete_file(self._at(name))
            raise

    def _write_and_move(self, name: str, source: Source, content: Content) -> None:
        part = f"{TMP}/{secrets.token_hex(8)}"
        for path in (part, name):
            self.fs.create_dir(self._at(path.rpartition("/")[0]), recursive=True)
        try:
            self._write(part, source, content)
            self.fs.move(self._at(part), self._at(name))
        except BaseException:
            with suppress(OSError):
                self.fs.delete_file(self._at(part))
            raise

    def _write(self, name: str, source: Source, content: Content) -> None:
        digest = hashlib.sha256()
        # Without compression=None a name such as labels.csv.gz would be compressed once more.
        stream = self.fs.open_output_stream(self._at(name), compression=None)
        try:
            for block in blocks_of(source):
                digest.update(block)
                stream.write(block)
        except BaseException:
            # A stream that is let go closes itself at any time, and what it holds replaces what a
            # second attempt has written by then: so it is closed now.
            with suppress(Exception):
                stream.close()
            raise
        stream.close()
        if digest.hexdigest() != content.sha256:
            raise ValueError(f"{source!s} changed while it was stored; store it when it is whole")
