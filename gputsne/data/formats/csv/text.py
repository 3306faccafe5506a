"""The text of a delimited file: decompressed and decoded.

gzip, bz2 and xz come with Python, zip holds one member, zst needs pyarrow. The encoding is UTF-8,
or what a byte order mark says, or what the caller says.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from gputsne.data.limits import check_zip
from gputsne.data.table import BadInput, listed

# UTF-32 first: its mark begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@contextmanager
def open_text(path: Path, encoding: str | None = None) -> Iterator[TextIO]:
    """Open a text file, compressed or not; its lines keep their ends.

    Raises
    ------
    BadInput
        The text is not in the encoding, the encoding is unknown, a zip has not one member.
    """
    with ExitStack() as stack:
        raw = io.BufferedReader(stack.enter_context(_decompressed(path, stack)))
        if encoding is None:
            start = raw.peek(4)
            encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig")
        try:
            text = io.TextIOWrapper(raw, encoding=encoding, newline="")
        except LookupError as error:
            raise BadInput(f"--encoding {encoding!r} is no encoding that Python knows") from error
        try:
            yield text
        except UnicodeError as error:
            name = encoding.removesuffix("-sig").upper()
            raise BadInput(
                f"{path} isn't {name} text: {error}; name its encoding, for instance "
                "--encoding cp1252 or --encoding utf-16"
            ) from error


def _decompressed(path: Path, stack: ExitStack) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path, "rb")
    if suffix == ".bz2":
        return bz2.open(path, "rb")
    if suffix == ".xz":
        return lzma.open(path, "rb")
    if suffix == ".zst":
        from gputsne.data import require

        require("pyarrow", "reading zst")
        import pyarrow as pa

        return pa.input_stream(str(path), compression="zstd")
    if suffix == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(path))
        check_zip(archive, path)
        names = [
            info.filename
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
        if len(names) != 1:
            raise BadInput(f"{path} holds {len(names)} files; one is needed: {listed(names)}")
        return archive.open(names[0])
    return path.open("rb")
