"""Colours of labels that a store keeps: only ever added, so that a label never changes its own.

    colours/<number>   colours of labels that had none, in the order in which they were written

Each file is sealed and never changed; of two that name one label the first is in force. In a folder
a number is taken by one writer alone, and who comes second reads again before giving colours. A
bucket has no such step: two writers that give one label a colour within the same moment leave two
files of one number, of which the one that sorts first is in force, for every reader the same.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

from gputsne.base.colours import palette
from gputsne.base.errors import BadInput, Damaged
from gputsne.base.labels import printable, text_of
from gputsne.base.messages import warn_user
from gputsne.runs.refs import READERS
from gputsne.runs.sealing import seal, unseal
from gputsne.runs.storage import Storage

__all__ = ["FOLDER", "MOST", "LabelColours"]

FOLDER: Final = "colours"
SCHEMA: Final = "gputsne.colours/1"
MOST: Final = 10_000  # labels that are given colours at once; more are names of rows, not labels
TRIES: Final = 100  # times that another writer may come first
_ENTRY: Final = re.compile(r"([0-9]{8})(?:-[0-9a-f]{8})?\.json")
_HEX: Final = re.compile(r"#[0-9a-f]{6}")


class LabelColours:
    """The colours of labels in a store.

    Parameters
    ----------
    storage : Storage
        Where the store lies.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._held: dict[str, dict[str, str]] = {}  # files never change: each is read once

    def files(self) -> list[str]:
        """Return the names of the files with colours, oldest first."""
        found = self.storage.entries(FOLDER)
        return [e.name for e in found if e.kind == "file" and _ENTRY.fullmatch(e.name)]

    def all(self) -> dict[str, str]:
        """Return the colour of every label that has one, in the order in which they got them."""
        return self._of(self.files())

    def add(self, labels: Iterable[Any] | Mapping[Any, str]) -> dict[str, str]:
        """Give colours to labels that have none; see `Store.add_colours`."""
        for _ in range(TRIES):
            files = self.files()
            known = self._of(files, strict=True)
            wanted = _fixed(labels, known) if isinstance(labels, Mapping) else _given(labels, known)
            new = {label: colour for label, colour in wanted.items() if label not in known}
            if not new:
                break
            try:
                self._write(files, new)
            except FileExistsError:  # another writer's: what it wrote is known from now on
                continue
        held = self.all()
        if missing := [label for label in wanted if label not in held]:
            raise OSError(f"other writers came first {TRIES} times; {missing[0]!r} has no colour")
        return {label: held[label] for label in wanted}

    def _write(self, files: list[str], new: Mapping[str, str]) -> None:
        last = max((int(name[:8]) for name in files), default=-1)
        mark = "" if self.storage.exclusive else f"-{secrets.token_hex(4)}"
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts = {"schema": SCHEMA, "at": at, "colours": [[*pair] for pair in new.items()]}
        self.storage.add(f"{FOLDER}/{last + 1:08}{mark}.json", seal(facts))

    def _of(self, files: list[str], *, strict: bool = False) -> dict[str, str]:
        unread = [name for name in files if name not in self._held]
        with ThreadPoolExecutor(READERS) as readers:
            for name, found in zip(unread, readers.map(self._try, unread), strict=True):
                if isinstance(found, Damaged):
                    if strict:
                        raise found
                    warn_user(f"{found}; its colours are passed over, see gputsne runs verify")
                else:
                    self._held[name] = found
        known: dict[str, str] = {}
        for name in files:
            for label, colour in self._held.get(name, {}).items():
                known.setdefault(label, colour)
        return known

    def _try(self, name: str) -> dict[str, str] | Damaged:
        try:
            return self.read(name)
        except Damaged as error:
            return error

    def read(self, name: str) -> dict[str, str]:
        """Return the colours of one file; Damaged where it has none."""
        place = f"{FOLDER}/{name}"
        facts, _ = unseal(self.storage.read(place), place)
        if facts.get("schema") != SCHEMA:
            raise BadInput(f"{place} has the schema {facts.get('schema')!r}, not {SCHEMA}")
        try:
            found = dict(facts["colours"])
            if all(isinstance(k, str) and _HEX.fullmatch(v) for k, v in found.items()):
                return found
        except (KeyError, TypeError, ValueError):
            pass
        raise Damaged(f"{place} has no colours of labels")


def _given(labels: Iterable[Any], known: Mapping[str, str]) -> dict[str, str]:
    """Return a colour for each label: its own, or one that is free."""
    if isinstance(labels, str | bytes):
        raise TypeError(f"labels={labels!r} must be several, or a mapping of label to colour")
    texts = {printable(text_of(label)) for label in labels} - {""}  # as pictures write them
    _check_number(len(texts))
    return palette(texts, keep=known)


def _fixed(colours: Mapping[Any, str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the colours that the user gives; ValueError where a label has another one."""
    _check_number(len(colours))
    found: dict[str, str] = {}
    for label, colour in colours.items():
        text = printable(text_of(label))
        if not text:
            raise ValueError(f"colours has the label {label!r}, which says that there is none")
        if not isinstance(colour, str) or not _HEX.fullmatch(colour.lower()):
            raise ValueError(f"colours[{label!r}]={colour!r} must be a colour as '#rrggbb'")
        if known.get(text, colour.lower()) != colour.lower():
            raise ValueError(
                f"colours[{label!r}]={colour!r}: it has {known[text]} in this store, and a label "
                "keeps its colour there; for one picture, pass palette="
            )
        found[text] = colour.lower()
    return found


def _check_number(count: int) -> None:
    if count > MOST:
        raise ValueError(
            f"{count:,} labels are more than the {MOST:,} that a store keeps colours for at once: "
            "these name rows; give it the largest categories"
        )
