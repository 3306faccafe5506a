"""Checks of a store: whether it can be used, its clock, and what killed runs left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from gputsne.base.files import check_writable
from gputsne.base.sizes import size_text
from gputsne.runs.attempts import KILLED, RUNNING
from gputsne.telemetry.doctor.finding import FAILED, OK, WARNING, Finding, within
from gputsne.telemetry.fetching import without_secrets

if TYPE_CHECKING:
    from gputsne.runs.store import Store

__all__ = ["store_findings", "store_of"]

AREA: Final = "store"
SECONDS: Final = 60.0  # that one question may take: storage is asked five times, with waits
SKEWED: Final = 60.0  # seconds: refs are moved in the order of times
REFUSED: Final = 900.0  # seconds: S3 refuses requests whose clock is 15 minutes away
LITTLE: Final = 1 << 30  # bytes
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)  # nothing is older: nothing would be removed


def store_of(uri: str, filesystem: Any = None) -> Store:
    """Open a store.

    Parameters
    ----------
    uri : str
        Where it lies.
    filesystem : pyarrow.fs.FileSystem or None
        Used instead of the one that the URI names.

    Returns
    -------
    Store

    Raises
    ------
    ValueError
        The URI is none.
    DependencyMissing
        It needs pyarrow.
    """
    from gputsne.runs.store import Store

    return Store(uri, filesystem=filesystem)


def store_findings(
    uri: str, *, filesystem: Any = None, seconds: float = SECONDS
) -> Iterator[Finding]:
    """Try a store on notes of its own, which are removed again.

    Parameters
    ----------
    uri : str
        Where it lies.
    filesystem : pyarrow.fs.FileSystem or None
        Used instead of the one that the URI names.
    seconds : float
        How long each question may take.

    Yields
    ------
    Finding
    """
    shown = without_secrets(uri)
    try:
        store = within(seconds, lambda: store_of(uri, filesystem))
    except Exception as error:
        words = " ".join(str(error).replace(uri, shown).split())
        yield Finding(AREA, "address", FAILED, f"{shown}: {words}",
                      "gputsne doctor --store URI with a folder, s3://, gs:// or abfs://"
                      )  # fmt: skip
        return
    folder = _folder(uri) if filesystem is None else None
    if folder is not None and not folder.exists():
        yield _to_be_made(folder)
        return
    remedy = f"give this user the right to read and write {shown}"
    try:
        fault = within(seconds, store.probe)
    except TimeoutError as error:
        yield Finding(AREA, "access", FAILED, f"{shown}: {error}",
                      "is the network there? curl -I the store's endpoint")  # fmt: skip
        return
    if fault:
        yield Finding(AREA, "access", FAILED, f"{shown}: {fault}", remedy)
        return
    yield Finding(AREA, "access", OK, f"{shown}: written, read, rolled back and cleared away")
    yield _clock(within(seconds, store.clock_skew))
    yield from _room(uri)
    yield _attempts(within(seconds, store.unfinished), shown)
    left = within(seconds, lambda: store.prune(older_than=LONG_AGO, dry_run=True)).leftovers
    if left:
        yield Finding(AREA, "leftovers", WARNING, f"{len(left)} unfinished writes of killed runs",
                      f"gputsne runs prune --store {shown}")  # fmt: skip
    else:
        yield Finding(AREA, "leftovers", OK, "no unfinished writes")


def _folder(uri: str) -> Path | None:
    """Return the folder that an address names, None where it is no folder's."""
    parts = urlsplit(uri)
    if "://" in uri and parts.scheme != "file":
        return None
    return Path(unquote(parts.path) if "://" in uri else uri).expanduser()


def _to_be_made(folder: Path) -> Finding:
    """Tell of a store that is not there, which is a mistake, or the first run's to make."""
    there = next(place for place in folder.absolute().parents if place.exists())
    try:
        check_writable(there / folder.name)
    except OSError as error:
        words = " ".join(str(error).split())
        return Finding(AREA, "access", FAILED, f"{folder} can't be made: {words}",
                       f"give this user the right to write in {there}")  # fmt: skip
    return Finding(AREA, "access", WARNING, f"there is no {folder} yet: the first run makes it",
                   f"is the address right? Then gputsne embed --store {folder}")  # fmt: skip


def _clock(skew: float | None) -> Finding:
    if skew is None:
        return Finding(AREA, "clock", OK, "the storage tells no times")
    if abs(skew) < SKEWED:
        return Finding(AREA, "clock", OK, f"the store's is {abs(skew):.1f} s away from this one's")
    way = "ahead of" if skew > 0 else "behind"
    state = FAILED if abs(skew) >= REFUSED else WARNING
    found = f"the store's is {abs(skew):.0f} s {way} this machine's: runs sort wrongly"
    return Finding(AREA, "clock", state, found, "timedatectl set-ntp true")


def _room(uri: str) -> Iterator[Finding]:
    """Tell how much room a folder's disk has."""
    place = _folder(uri)
    if place is None or not place.is_dir():
        return
    free = shutil.disk_usage(place).free
    state = OK if free > LITTLE else WARNING
    yield Finding(AREA, "room", state, f"{size_text(free)} left on its disk",
                  "" if state == OK else "gputsne runs prune, or a larger disk")  # fmt: skip


def _attempts(attempts: tuple[Any, ...], shown: str) -> Finding:
    killed = sum(attempt.state == KILLED for attempt in attempts)
    running = sum(attempt.state == RUNNING for attempt in attempts)
    if killed:
        return Finding(AREA, "killed runs", WARNING, f"{killed} runs were killed before they ended",
                       f"gputsne runs ls --status killed --store {shown}")  # fmt: skip
    return Finding(AREA, "killed runs", OK, f"none; {running} run now")
