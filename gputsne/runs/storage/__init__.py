"""Storage: the few things that a store asks of a folder or of a bucket, and who does them where.

A local folder needs no package; s3://, gs:// and abfs:// go through pyarrow.fs (extra ``io``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from gputsne.base.files import path_of
from gputsne.data import require
from gputsne.runs.storage.retries import Retry

__all__ = [
    "Content",
    "Entry",
    "Retry",
    "Source",
    "Storage",
    "blocks_of",
    "content_of",
    "storage_of",
]

Source = bytes | Path
BLOCK: Final = 1 << 20  # bytes read, hashed and written at a time
CLOUDS: Final = {"s3": "s3", "gs": "gs", "gcs": "gs", "abfs": "abfs", "abfss": "abfss"}


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes
    ----------
    size : int
        Bytes.
    sha256 : str
        64 hexadecimal digits.
    """

    size: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One name in a folder.

    Attributes
    ----------
    name : str
        Without the folder.
    kind : str
        "file", "folder", or "other": a link, a pipe or a device, which no store makes.
    size : int
        Bytes of a file, else 0.
    modified : datetime or None
        When it was last written, in UTC, where the storage says so.
    """

    name: str
    kind: str
    size: int = 0
    modified: datetime | None = None


class Storage(Protocol):
    """What a store needs of the place where it lies; names are paths below it, with "/"."""

    retry: Retry
    exclusive: bool  # whether ``add`` refuses a name that another writer took a moment ago

    def exists(self) -> bool:
        """Tell whether there is anything at the root: a folder, or an object below it."""

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder, by name; nothing where there is none."""

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; FileNotFoundError where there is none."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading; FileNotFoundError where there is none."""

    def add(self, name: str, data: bytes) -> None:
        """Write a new file, whole or not at all; FileExistsError where the name is taken."""

    def add_folder(self, name: str, files: Mapping[str, tuple[Source, Content]], last: str) -> None:
        """Write a new folder; until ``last`` is there, no reader takes it for one.

        FileExistsError where a folder with that file is there already.
        """

    def remove(self, name: str) -> None:
        """Remove a file, where it is there."""

    def remove_folder(self, name: str, first: str | None = None) -> None:
        """Remove a folder with its files, where it is there, ``first`` before all others."""

    def leftovers(self, before: datetime) -> list[str]:
        """Return what writers that were killed before a moment left of unfinished writes."""

    def remove_leftover(self, name: str) -> None:
        """Remove one of them."""


def blocks_of(source: Source) -> Iterator[bytes]:
    """Yield the bytes of a source in blocks of 1 MiB."""
    if isinstance(source, bytes):
        for start in range(0, len(source), BLOCK):
            yield source[start : start + BLOCK]
        return
    with source.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def content_of(source: Source) -> Content:
    """Return size and hash of a source, in one reading."""
    digest, size = hashlib.sha256(), 0
    for block in blocks_of(source):
        digest.update(block)
        size += len(block)
    return Content(size, digest.hexdigest())


def storage_of(uri: Any, filesystem: Any, retry: Retry) -> tuple[Storage, str]:
    """Return the storage behind a URI, and what messages call it.

    Parameters
    ----------
    uri : str or path-like
        A folder, ``file:///folder``, ``s3://bucket/path``, ``gs://...``, ``abfs://...``. The
        options of pyarrow's URIs count: ``s3://bucket?endpoint_override=...&region=...``.
    filesystem : pyarrow.fs.FileSystem or None
        Used instead of the one that the URI names; the URI is then a path in it.
    retry : Retry
        How often to ask again.

    Returns
    -------
    tuple of Storage and str
        The name is without passwords that the URI holds.

    Raises
    ------
    ValueError
        The URI has a scheme that is none of these, or names no bucket.
    DependencyMissing
        It needs pyarrow, which isn't installed.
    """
    text = uri if isinstance(uri, str) else str(path_of(uri, "uri"))
    parts = urlsplit(text)
    scheme = parts.scheme if "://" in text else ""
    host = parts.netloc.rpartition("@")[2]
    if filesystem is None and scheme in ("", "file"):
        from gputsne.runs.storage.local import LocalStorage

        folder = path_of(unquote(parts.path) if scheme else text, "uri")
        return LocalStorage(folder.expanduser(), retry), str(folder)
    if scheme not in ("", "file", *CLOUDS):
        known = ", ".join(f"{name}://" for name in CLOUDS)
        raise ValueError(f"uri={text!r}: {scheme}:// is none of {known}; or name a folder")
    if scheme in CLOUDS and not host:  # else the first folder would be taken for a bucket's name
        raise ValueError(f"uri={text!r} names no bucket: write {scheme}://bucket/path")
    require("pyarrow", f"a store at {scheme}://" if scheme else "a store on a filesystem=")
    from gputsne.runs.storage.objects import ObjectStorage, filesystem_at

    name = f"{scheme}://{host}{parts.path}" if scheme else text
    if filesystem is None:
        filesystem, root = filesystem_at(f"{CLOUDS[scheme]}{text[len(scheme) :]}")
    else:
        root = f"{host}{parts.path}" if scheme else text
    return ObjectStorage(filesystem, root.rstrip("/"), retry), name.rstrip("/")
