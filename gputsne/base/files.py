"""Writing files whole or not at all: written beside their name, then renamed; devices written to.

Whatever stops the writing (an error, Ctrl-C, a full disk), the old file stands and nothing is left.
A process that is killed leaves its hidden part; who writes that file a day later removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from gputsne.base.errors import OverMemory

# Links to what this process has open: opened and written to, never replaced.
_OPEN_ALREADY = ("/dev/fd/", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/proc/")


# What storage that fails for a moment and a process at its limits answer: another try may read it.
_OF_MACHINE: Final = frozenset({
    errno.EAGAIN, errno.EBUSY, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET,
    errno.EHOSTUNREACH, errno.EIO, errno.EMFILE, errno.ENETDOWN, errno.ENETUNREACH, errno.ENFILE,
    errno.ESTALE, errno.ETIMEDOUT,
})  # fmt: skip
DEAD: Final = 24 * 3600.0  # seconds without a write after which a part has no writer any more


def _beside(path: Path, suffix: str | None = None) -> Path:
    """Return an unused hidden name in the folder of `path`, with its suffix (writers look)."""
    suffix = path.suffix if suffix is None else suffix
    return path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}{suffix}")


def remove_dead(path: Path, suffix: str | None = None) -> None:
    """Remove parts of a file that killed processes left: by their age, as hosts share folders.

    Parameters
    ----------
    path : Path
        The file; nothing in its folder that is no part of it is touched.
    suffix : str or None
        As of `replacing`.
    """
    ends = re.escape(path.suffix if suffix is None else suffix)
    part = re.compile(rf"\.+{re.escape(path.stem)}(\.\d+-[0-9a-f]{{8}})+{ends}")
    with suppress(OSError), os.scandir(path.parent) as held:
        found = [item for item in held if part.fullmatch(item.name)]
        for item in found:
            with suppress(OSError):
                told = item.stat(follow_symlinks=False)
                if stat.S_ISREG(told.st_mode) and time.time() - told.st_mtime > DEAD:
                    Path(item.path).unlink()


def path_of(path: Any, name: str = "path") -> Path:
    """Return what a caller passed as a path.

    Parameters
    ----------
    path : str or path-like
        A file's name; it need not exist.
    name : str
        What the argument is called in messages.

    Returns
    -------
    Path
        Relative where the name is.

    Raises
    ------
    TypeError
        It is neither text nor path-like.
    ValueError
        It is empty, or holds a character that no file's name can have.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"{name}={path!r} must be a file's name: a text or a pathlib.Path")
    if not text:
        raise ValueError(f"{name} is empty: give a file's name")
    if "\0" in text:
        raise ValueError(f"{name}={text!r} holds a null character, which no file's name can have")
    return Path(path)


def resolved(path: str | Path) -> Path:
    """Return the absolute path with its links followed.

    Parameters
    ----------
    path : str or Path
        It need not exist.

    Returns
    -------
    Path
        What the name stands for.

    Raises
    ------
    OSError
        The links lead round in a circle.
    """
    try:
        found = Path(path).resolve()
    except RuntimeError as error:  # how Python before 3.13 says it
        raise OSError(f"{path} is a link that leads round in a circle") from error
    if found.is_symlink():  # Python 3.13 leaves the links of a circle where they are
        raise OSError(f"{path} is a link that leads round in a circle")
    return found


def is_stream(path: str | Path) -> bool:
    """Tell whether a name stands for a device, pipe or open file, which is written to in place.

    Parameters
    ----------
    path : str or Path
        It need not exist.

    Returns
    -------
    bool
        False for a regular file, and for a name that is free.
    """
    if str(path).startswith(_OPEN_ALREADY):
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


@contextmanager
def replacing(path: str | Path, suffix: str | None = None) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the place of `path` when the block ends well.

    Parameters
    ----------
    path : str or Path
        The file to make or replace; a link is followed, so that what it points to is replaced. A
        file that was there leaves its mode and, where the process may, its owner. A character
        device or FIFO stays and gets the bytes.
    suffix : str or None
        Of the temporary path; None for that of `path`, which many a writer goes by. Another one
        where somebody reads every file of the folder that has it.

    Yields
    ------
    Path
        In the same folder, so that the rename is atomic.

    Raises
    ------
    OSError
        Naming `path`, whatever the writer's own error names.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "map.txt"
    >>> with replacing(target) as part:
    ...     _ = part.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    with _naming(Path(path)):
        if is_stream(path):
            with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
                part = Path(folder, f"part{Path(path).suffix}")
                yield part
                with part.open("rb") as written, Path(path).open("wb") as stream:
                    shutil.copyfileobj(written, stream)
            return
        target = resolved(path)
        part = _beside(target, suffix)
        try:
            _as_private(part, target)
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            _take_over(part, target)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def trouble_of(error: BaseException, path: str | Path) -> OverMemory | OSError | None:
    """Return what to raise of a reader's error where the machine is at fault, and not the file.

    Parameters
    ----------
    error : BaseException
        Of whoever read the file.
    path : str or Path
        The file.

    Returns
    -------
    OverMemory, OSError or None
        None: the file can't be read, now or later.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return OverMemory(f"{path}: not enough memory to read it: {error}")
    if isinstance(error, OSError) and error.errno in _OF_MACHINE:
        return OSError(error.errno, os.strerror(error.errno), str(path))
    return None


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Make an OSError that names no file, or the temporary one, name `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        if str(path) in str(error):
            raise
        raise OSError(f"{path}: {error}") from error


def _as_private(part: Path, target: Path) -> None:
    """Make the temporary file, if it replaces one, so that others can't read more than before."""
    with suppress(FileNotFoundError):
        mode = stat.S_IMODE(target.stat().st_mode)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode & 0o700 | 0o600))


def _take_over(part: Path, target: Path) -> None:
    """Give the temporary file the owner and mode of the one that it replaces."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    for user, group in ((-1, old.st_gid), (old.st_uid, -1)):
        with suppress(PermissionError):  # only root may give files away
            os.chown(part, user, group)
    part.chmod(stat.S_IMODE(old.st_mode))  # after chown, which clears the set-user-ID bits


def check_writable(path: str | Path) -> None:
    """Raise OSError unless a file could be made at `path` now; makes and removes one to be sure.

    What a killed process left of such a file goes, where it is a day old.
    """
    if is_stream(path):
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{path} can't be written to")
        return
    path = resolved(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give a file name")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is a block device or a socket; give a file name")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} doesn't exist")
    remove_dead(path)
    part = _beside(path)
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise type(error)(
            f"{path} can't be made: the folder {path.parent} can't be written to: {error.strerror}"
        ) from error
    finally:
        with suppress(OSError):  # a read-only file system refuses even what isn't there
            part.unlink(missing_ok=True)
