"""Sizes that a file declares, held against the file and the memory before anything is read.

A few bytes can declare terabytes (a header, a zip whose members overlap, a chunked dataset without
chunks); reading them would take the machine down.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Final

from gputsne.base.errors import OverMemory
from gputsne.base.sizes import size_text
from gputsne.data.table import BadInput

# One byte of deflate stands for at most 1,032 (zlib's technical details, "maximum compression").
_DEFLATE_MOST: Final = 1032
_LOCAL_HEADER: Final = 30  # bytes before each member of a zip, without its name


def allowed_bytes(memory_limit: int | None) -> int:
    """Return how many bytes reading may take: the limit, else all the memory of the machine."""
    if memory_limit is not None:
        return memory_limit
    return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))


def check_bytes(path: Path, what: str, size: int, memory_limit: int | None) -> None:
    """Raise OverMemory if an array of `size` bytes is more than reading may take."""
    allowed = allowed_bytes(memory_limit)
    if size > allowed:
        raise OverMemory(
            f"{path}: {what} takes {size_text(size)}, more than "
            f"{'this machine has' if memory_limit is None else 'the memory limit or what is free'}"
            f", {size_text(allowed)}"
        )


def check_zip(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise BadInput if members overlap or declare more bytes than their data can hold."""
    end = 0
    for member in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if member.header_offset < end:
            raise BadInput(f"{path}: {member.filename!r} overlaps another member of the archive")
        end = member.header_offset + _LOCAL_HEADER + member.compress_size
        stored, deflated = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
        most = {stored: 1, deflated: _DEFLATE_MOST}.get(member.compress_type)
        if most is not None and member.file_size > most * (member.compress_size + 1):
            raise BadInput(
                f"{path}: {member.filename!r} declares {member.file_size:,} bytes, which "
                f"{member.compress_size:,} compressed ones can't hold"
            )
    if end > path.stat().st_size:
        raise BadInput(f"{path}: its members are longer than the file, which is cut off")
