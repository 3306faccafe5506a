"""What a run reads: one or more inputs as one table, and the columns kept beside it."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base import deadline
from gputsne.base.types import Array
from gputsne.data import BadInput, Data, Selection, read
from gputsne.data.columns import find_label_file
from gputsne.data.labels_file import read_labels
from gputsne.data.table import counted, format_of, listed
from gputsne.runs.outcome import shown
from gputsne.runs.streams import Source

__all__ = ["Points", "read_points"]

_PATTERN: Final = frozenset("*?[")


@dataclass(frozen=True, eq=False)
class Points:
    """What was read.

    Attributes
    ----------
    table : Data
        Features, labels and ids of all inputs, one below the other.
    label_name : str
        What the map's column of labels is called: the column's own name where it was named.
    kept, hover : dict of str to array, shape (n,)
        Further columns, by name: those for the map's file, and those for interactive plots.
    notes : tuple of str
        Remarks for the user, one sentence each.
    """

    table: Data
    label_name: str = "label"
    kept: dict[str, Array] = field(default_factory=dict)
    hover: dict[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_points(
    sources: Sequence[Source],
    want: Selection,
    *,
    keep: Sequence[str] = (),
    hover: Sequence[str] = (),
) -> Points:
    """Read the inputs as one table.

    Parameters
    ----------
    sources : sequence of Source
        At least one. Several must have the same columns; where they are named, those of the first
        are looked for by name in the others. A file of labels has those of all rows.
    want : Selection
        Which columns, labels and ids.
    keep, hover : sequence of str
        Further columns, by name, position or pattern; unless ``want.columns`` names them they are
        no features. Two of them cost one more reading of each input.

    Returns
    -------
    Points

    Raises
    ------
    BadInput
        A file is missing, broken, or has not what was asked for; the message names it.
    """
    label_name, label_file = _labels_of(want)
    several = len(sources) > 1
    first = want if label_file is None or not several else replace(want, labels=None)
    parts: list[Data] = []
    beside: list[dict[str, Array]] = []
    notes: list[str] = []
    chosen: list[str] = []
    for source in sources:
        deadline.check(f"before {source.name} was read")
        again = first
        if parts and parts[0].names is not None and format_of(source.path) not in (".npy", ".npz"):
            again = replace(first, columns=parts[0].names, vector=None)
        table = _read(source, again)
        if not parts:
            chosen = _expanded([*keep, *hover], table)
        elif table.X.shape[1] != parts[0].X.shape[1]:
            raise BadInput(
                f"{source.name} has {counted(table.X.shape[1], 'feature')}, {sources[0].name} has "
                f"{parts[0].X.shape[1]}: several inputs need the same columns"
            )
        beside.append(_columns(source, again, chosen, table))
        notes += [f"{source.name}: {said}" for said in _remarks(table, chosen)]
        parts.append(table if want.columns else _without(table, chosen, source))
    whole = parts[0] if not several else _joined(parts)
    if several and label_file is not None:
        inputs = Path(f"the {len(sources)} inputs")
        labels = read_labels(*label_file, whole.X.shape[0], inputs, want)
        whole = replace(whole, labels=labels)
    columns = {name: _stacked([part[name] for part in beside]) for name in chosen}
    return Points(
        whole,
        label_name,
        {name: columns[name] for name in _expanded(keep, parts[0], chosen)},
        {name: columns[name] for name in _expanded(hover, parts[0], chosen)},
        tuple(notes),
    )


def _read(source: Source, want: Selection) -> Data:
    try:
        return read(source.path, want, memory_limit=want.memory_limit)
    except BadInput as error:  # the copy of a stream has a name that nobody knows
        raise BadInput(shown(str(error)).replace(shown(source.path), source.name)) from error


def _labels_of(want: Selection) -> tuple[str, tuple[Path, str | None] | None]:
    """Return the name of the labels; file and column where they lie in a file of their own."""
    if want.labels is None:
        return "label", None
    found = find_label_file(want.labels)
    if found is not None:
        return found[1] or "label", found
    return ("label" if want.labels.isdecimal() else want.labels), None


def _expanded(wanted: Sequence[str], table: Data, among: Sequence[str] | None = None) -> list[str]:
    """Return the names that are meant, each once; patterns as what they match."""
    known = [*(table.names or ()), *table.left_out, *(among or ())]
    found: dict[str, None] = {}
    for name in wanted:
        hits = [name]
        if name not in known and _PATTERN & set(name):
            hits = [k for k in known if fnmatch.fnmatchcase(k, name)]
        if not hits:
            raise BadInput(f"no column matches {name!r}; there are: {listed(known)}")
        found.update(dict.fromkeys(hits))
    return list(found)


def _remarks(table: Data, chosen: Sequence[str]) -> list[str]:
    """Return the reader's remarks, but for columns left out of which all are kept."""
    kept = set(table.left_out) <= set(chosen)
    return [said for said in table.remarks if not (kept and "left out" in said)]


def _columns(
    source: Source, want: Selection, names: Sequence[str], table: Data
) -> dict[str, Array]:
    """Return further columns of an input, two with each reading."""
    if not names:
        return {}
    some = want
    if want.vector is None and want.key is None and table.names is not None:
        some = replace(want, columns=table.names[:1])  # the least that makes a table
    found: dict[str, Array] = {}
    for pair in (names[i : i + 2] for i in range(0, len(names), 2)):
        deadline.check(f"while columns of {source.name} were read")
        labels = pair[1] if len(pair) == 2 and not Path(pair[1]).exists() else None
        read_ids = [pair[0]] if labels is not None else list(pair)
        for name in read_ids:
            try:
                part = _read(source, replace(some, ids=name, labels=labels))
            except BadInput as error:
                raise BadInput(str(error).replace("--id ", "--keep ")) from error
            found[name] = np.asarray(part.ids)
            if labels is not None:
                found[labels] = np.asarray(part.labels)
    return found


def _without(table: Data, names: Sequence[str], source: Source) -> Data:
    """Return the table without the features of these names."""
    if table.names is None or not set(names) & set(table.names):
        return table
    left = [j for j, name in enumerate(table.names) if name not in names]
    if not left:
        raise BadInput(f"{source.name} has no numeric column besides those that are kept")
    positions = table.positions
    return replace(
        table,
        X=table.X[:, left],
        names=tuple(table.names[j] for j in left),
        positions=None if positions is None else tuple(positions[j] for j in left),
    )


def _joined(parts: Sequence[Data]) -> Data:
    """Return tables one below the other."""
    matrices = [part.X for part in parts]
    if any(hasattr(X, "tocsr") for X in matrices):
        from scipy import sparse

        X: Any = sparse.vstack([sparse.csr_matrix(X) for X in matrices], format="csr")
    else:
        X = np.concatenate(matrices)
    labels = None if parts[0].labels is None else _stacked([_side(p.labels) for p in parts])
    ids = None if parts[0].ids is None else _stacked([_side(p.ids) for p in parts])
    return replace(parts[0], X=X, labels=labels, ids=ids)


def _side(values: Array | None) -> Array:
    return np.empty(0, dtype=object) if values is None else values


def _stacked(parts: Sequence[Array]) -> Array:
    """Return columns one below the other; as text where one is text and another is not."""
    if len(parts) == 1:
        return parts[0]
    kinds = {"text" if part.dtype.kind in "OUS" else "numbers" for part in parts}
    if len(kinds) > 1:
        parts = [
            part if part.dtype.kind in "OUS" else np.array(list(map(str, part.tolist())), object)
            for part in parts
        ]
    return np.concatenate(parts)
