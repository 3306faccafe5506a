"""Checks of places that a run writes to: output, checkpoint, and the textfile of metrics."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Final

from gputsne.base.files import check_writable, is_stream, path_of
from gputsne.base.sizes import size_text
from gputsne.telemetry.doctor.finding import FAILED, OK, WARNING, Finding, within

__all__ = ["place_findings"]

AREA: Final = "permissions"
SECONDS: Final = 30.0  # a network disk that hangs
LITTLE: Final = 100 << 20  # bytes
SUFFIX: Final = ".prom"


def place_findings(name: str, path: str | PathLike[str]) -> Iterator[Finding]:
    """Try whether a file can be written.

    Parameters
    ----------
    name : str
        What it is for: "output", "checkpoint" or "metrics textfile".
    path : path-like
        The file, or a folder in which it will lie.

    Yields
    ------
    Finding
    """
    place = path_of(path, name)
    target = place / ".gputsne-doctor" if place.is_dir() else place
    try:
        within(SECONDS, lambda: check_writable(target))
    except OSError as error:
        words = " ".join(str(error).replace("/.gputsne-doctor", "").split())
        yield Finding(AREA, name, FAILED, words, f"mkdir -p {target.parent}; chown it to the user "
                      "that runs gputsne")  # fmt: skip
        return
    if is_stream(target):
        yield Finding(AREA, name, OK, f"{place} can be written")
        return
    if name == "metrics textfile":
        yield from _textfile(place)
    free = shutil.disk_usage(target.parent).free
    state = OK if free > LITTLE else WARNING
    yield Finding(AREA, name, state, f"{place} can be written, {size_text(free)} left",
                  "" if state == OK else f"make room on the disk of {target.parent}")  # fmt: skip


def _textfile(path: Path) -> Iterator[Finding]:
    """Tell whether node-exporter, another user, would read a file there."""
    name, folder = "metrics textfile", path if path.is_dir() else path.parent
    if not path.is_dir() and path.suffix != SUFFIX:
        yield Finding(AREA, name, FAILED, f"{path} does not end in {SUFFIX}: node-exporter reads "
                      "no other file", f"name it {path.with_suffix(SUFFIX).name}")  # fmt: skip
    if not folder.stat().st_mode & stat.S_IXOTH:
        yield Finding(AREA, name, WARNING, f"other users can't look into {folder}: node-exporter "
                      "is one", f"chmod o+rx {folder}")  # fmt: skip
