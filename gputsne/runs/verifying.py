"""Whether a store holds what was written to it: every byte against the hashes, nothing missing.

An altered byte shows in the file's own hash; a record, a verdict and a move of a ref hold theirs.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gputsne.base.errors import Damaged
from gputsne.runs.colouring import FOLDER, LabelColours
from gputsne.runs.naming import RUN_FILE, is_id
from gputsne.runs.refs import Refs
from gputsne.runs.sealing import unseal
from gputsne.runs.storage import BLOCK, Content, Storage

__all__ = ["Problem", "verify_all", "verify_run"]

# What opening says of a link, a folder, a pipe or a device where a file was written.
NO_FILE: Final = (errno.ELOOP, errno.EISDIR, errno.EINVAL, errno.ENXIO)


@dataclass(frozen=True)
class Problem:
    """One thing in a store that is not as it was written.

    Attributes
    ----------
    file : str
        Where, below the store.
    what : str
        "altered", "missing", or "extra": nobody wrote it through the store.
    """

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def verify_run(storage: Storage, folder: str) -> list[Problem]:
    """Return what is wrong with one run: its record, the files of its manifest, and others.

    Parameters
    ----------
    storage : Storage
        Where the store lies.
    folder : str
        The run's.

    Returns
    -------
    list of Problem
        Empty where every byte is as it was written.
    """
    name = f"{folder}/{RUN_FILE}"
    there = {entry.name: entry for entry in storage.entries(folder)}
    try:
        record, files = unseal(storage.read(name), name)
        if record.get("id") != folder.rpartition("/")[2]:
            return [Problem(name, "altered")]  # or moved here: the run of another id
    except (Damaged, OSError) as error:
        return [Problem(name, _what(error))]
    found = [
        Problem(f"{folder}/{file}", what)
        for file, content in files.items()
        if (what := _held_against(storage, f"{folder}/{file}", content))
    ]
    return found + [
        Problem(f"{folder}/{file}", "extra")
        for file, entry in there.items()
        if file not in (*files, RUN_FILE) and (entry.kind != "file" or file)
    ]


def verify_all(
    storage: Storage, refs: Refs, runs: str, checks: str, colours: LabelColours
) -> list[Problem]:
    """Return what is wrong anywhere: runs, verdicts on them, refs, and colours of labels.

    Parameters
    ----------
    storage : Storage
        Where the store lies.
    refs : Refs
        Its refs.
    runs, checks : str
        Folders.
    colours : LabelColours
        Its colours.

    Returns
    -------
    list of Problem
        Runs that are being written are none.
    """
    found: list[Problem] = []
    there = set()
    for entry in storage.entries(runs):
        if not entry.name:
            continue
        if entry.kind != "folder" or not is_id(entry.name):
            found.append(Problem(f"{runs}/{entry.name}", "extra"))
        elif any(e.name == RUN_FILE for e in storage.entries(f"{runs}/{entry.name}")):
            there.add(entry.name)
            found += verify_run(storage, f"{runs}/{entry.name}")
    for entry in storage.entries(checks):
        if entry.kind == "folder":
            folder = f"{checks}/{entry.name}"
            found += _sealed(storage, folder, [e.name for e in storage.entries(folder) if e.name])
    for ref in refs.names():
        current = None
        for file in refs.files(ref):
            try:
                current = refs.read(ref, file).id
            except (Damaged, OSError) as error:
                found.append(Problem(f"refs/{ref}/{file}", _what(error)))
        if current is not None and current not in there:
            found.append(Problem(f"{runs}/{current}", "missing"))
    for file in colours.files():
        try:
            colours.read(file)
        except (Damaged, OSError) as error:
            found.append(Problem(f"{FOLDER}/{file}", _what(error)))
    return found


def _held_against(storage: Storage, name: str, content: Content) -> str:
    """Return what is wrong with a file, else an empty text."""

    def found() -> Content:
        digest, size = hashlib.sha256(), 0
        with storage.open(name) as file:
            while block := file.read(BLOCK):
                digest.update(block)
                size += len(block)
        return Content(size, digest.hexdigest())

    try:
        return "" if storage.retry(f"reading {name}", found, content.size) == content else "altered"
    except OSError as error:
        return _what(error)


def _sealed(storage: Storage, folder: str, names: Sequence[str]) -> list[Problem]:
    found = []
    for name in names:
        try:
            unseal(storage.read(f"{folder}/{name}"), f"{folder}/{name}")
        except (Damaged, OSError) as error:
            found.append(Problem(f"{folder}/{name}", _what(error)))
    return found


def _what(error: Damaged | OSError) -> str:
    """Return what an error says of a file; raise it where it is the storage's own."""
    if isinstance(error, FileNotFoundError):
        return "missing"
    if isinstance(error, OSError) and error.errno not in NO_FILE:
        raise error
    return "altered"
