"""Columns as they are named by a user: by name, position from 0, slice or pattern.

Every function takes the file's names in order and returns positions; BadInput lists what there is.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gputsne.data.table import BadInput, listed

_SLICE: Final = re.compile(r"^(\d*):(\d*)$")


def find_column(names: Sequence[str], wanted: str) -> int | None:
    """Return the position of one column by name, else by number; None when there is none."""
    if wanted in names:
        if names.count(wanted) > 1:
            places = ", ".join(str(i) for i, name in enumerate(names) if name == wanted)
            raise BadInput(
                f"column {wanted!r} is there {names.count(wanted)} times, at {places} counted from "
                "0; give the position instead of the name"
            )
        return names.index(wanted)
    if wanted.isdecimal() and int(wanted) < len(names):
        return int(wanted)
    return None


def column_position(names: Sequence[str], wanted: str, path: Path) -> int:
    """Return the position of one column; BadInput that lists the columns when there is none."""
    found = find_column(names, wanted)
    if found is None:
        raise BadInput(f"{path} has no column {wanted!r}; it has: {listed(names)}")
    return found


def label_position(names: Sequence[str], wanted: str, path: Path) -> int | None:
    """Return the position of the label column; None when `wanted` is a file of its own."""
    found = find_column(names, wanted)
    if found is None and find_label_file(wanted) is None:
        return column_position(names, wanted, path)
    return found


def find_label_file(wanted: str) -> tuple[Path, str | None] | None:
    """Return the file and the column that ``FILE`` or ``FILE:COLUMN`` means; None: no file."""
    if Path(wanted).is_file():
        return Path(wanted), None
    file, _, column = wanted.rpartition(":")
    return (Path(file), column) if Path(file).is_file() else None


def only_column(names: Sequence[str], column: str | None, path: Path) -> int:
    """Return the position of `column`, or of the only one; BadInput when there are several."""
    if column is not None:
        return column_position(names, column, path)
    if len(names) != 1:
        raise BadInput(f"{path} has several columns; choose with --labels {path}:NAME")
    return 0


def choose_columns(names: Sequence[str], wanted: Sequence[str], path: Path) -> list[int]:
    """Return the positions of the wanted columns, in the order asked for, each once."""
    places: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        places.setdefault(name, []).append(i)
    chosen: dict[int, None] = {}  # an ordered set
    for want in wanted:
        if len(places.get(want, ())) == 1:
            hits = places[want]
        elif (found := find_column(names, want)) is not None:
            hits = [found]
        elif match := _SLICE.match(want):
            hits = list(range(len(names)))[slice(*(int(g) if g else None for g in match.groups()))]
        else:
            hits = [i for i, name in enumerate(names) if fnmatch.fnmatchcase(name, want)]
        if not hits:
            raise BadInput(f"{path} has no column {want!r}; it has: {listed(names)}")
        chosen.update(dict.fromkeys(hits))
    return list(chosen)
