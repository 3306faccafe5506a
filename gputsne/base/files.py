"""A file appears under its name only when it is whole: written beside it, then renamed.

Whatever stops the writing (an error, Ctrl-C, a full disk), the old file stands and nothing is left.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _beside(path: Path) -> Path:
    """Return an unused hidden name in the folder of `path`, with its suffix (writers look)."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the place of `path` when the block ends well.

    Parameters
    ----------
    path : str or Path
        The file to make or replace; a link is followed, so that what it points to is replaced.

    Yields
    ------
    Path
        In the same folder and with the same suffix, so that the rename is atomic.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "map.txt"
    >>> with replacing(target) as part:
    ...     _ = part.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path = Path(path).resolve()
    part = _beside(path)
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Raise OSError unless a file could be made at `path` now; makes and removes one to be sure."""
    path = Path(path).resolve()
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give a file name")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} doesn't exist")
    part = _beside(path)
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise type(error)(f"{path.parent} can't be written to: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
