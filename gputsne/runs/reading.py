"""What a run reads: one or more inputs as one table, and the columns kept beside it."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from gputsne.base import deadline, events
from gputsne.base.types import Array
from gputsne.data import BadInput, Data, Selection, open_source, read
from gputsne.data.columns import choose_columns, column_position, find_label_file
from gputsne.data.labels_file import read_labels
from gputsne.data.table import format_of, listed
from gputsne.provenance.outcome import shown
from gputsne.runs.joining import Joined
from gputsne.runs.stacking import check_alike, found_by_name, have_twins, joined, stacked
from gputsne.runs.streams import Source

__all__ = ["Chosen", "Points", "chosen_of", "read_points"]

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


@dataclass(frozen=True)
class Chosen:
    """Which columns of a table are what, decided by its first rows.

    Attributes
    ----------
    want : Selection
        The features, each named by its position, or the vector; no labels and no ids.
    d : int
        How many features there are.
    names : tuple of str or None
        Of the features.
    ids, labels : str or None
        Columns of these.
    label_name : str
        What the map's column of labels is called.
    kept : tuple of (str, bool)
        Further columns, and whether a csv's numbers in them are read as those of labels.
    notes : tuple of str
        Remarks for the user.
    head : Data
        The first rows, of the features alone.
    """

    want: Selection
    d: int
    names: tuple[str, ...] | None
    ids: str | None
    labels: str | None
    label_name: str
    kept: tuple[tuple[str, bool], ...]
    notes: tuple[str, ...]
    head: Data


def chosen_of(
    head: Data, columns: Sequence[str], source: Source, want: Selection, keep: Sequence[str] = ()
) -> Chosen:
    """Decide by the first rows which columns are what, as ``read_points`` does by all of them.

    Parameters
    ----------
    head : Data
        The first rows as ``want`` has them.
    columns : sequence of str
        All columns of the table.
    source : Source
        Where they come from.
    want : Selection
        What is asked for; labels and a join of other files are refused.
    keep : sequence of str
        Further columns, by name, position or pattern.

    Returns
    -------
    Chosen

    Raises
    ------
    BadInput
        There is no such column, or nothing is left as a feature.
    """
    label_name, file = _labels_of(want)
    if want.join is not None or file is not None:
        raise BadInput(
            "columns of another file can't be kept beside a range of rows: join them to the map "
            "of all rows"
        )
    kept = _expanded(keep, head)
    notes = [f"{source.name}: {said}" for said in _remarks(head, kept)]
    table = head if want.columns else _without(head, kept, source)
    notes += _taken_out(head, table, source)
    vector = want.vector
    if table.positions is None and format_of(source.path) != ".npy":
        vector = want.vector or _vector_of(head, columns, want, source)
    named = want.columns
    if vector is not None:
        named = ()
    elif table.positions is not None:
        alone = table.names is not None and not have_twins(table.names)
        named = tuple(table.names or ()) if alone else tuple(map(str, table.positions))
    second = [i % 2 == 1 and not Path(name).exists() for i, name in enumerate(kept)]
    return Chosen(
        replace(want, columns=named, vector=vector, labels=None, ids=None),
        int(table.X.shape[1]),
        table.names,
        want.ids,
        want.labels,
        label_name,
        tuple(zip(kept, second, strict=True)),  # ``_columns`` reads them by twos
        tuple(notes),
        table,
    )


def _vector_of(head: Data, columns: Sequence[str], want: Selection, source: Source) -> str:
    """Return the column whose vectors were taken for the features."""
    if want.columns:
        return columns[choose_columns(columns, want.columns, source.path)[0]]
    beside = {
        columns[column_position(columns, name, source.path)]
        for name in (want.ids, want.labels)
        if name is not None
    }
    return next(name for name in columns if name not in beside | set(head.left_out))


def read_points(
    sources: Sequence[Source],
    want: Selection,
    *,
    keep: Sequence[str] = (),
    hover: Sequence[str] = (),
    folders: bool = False,
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
    folders : bool
        Whether the only input may be a folder of shards, whose features stay on disk.

    Returns
    -------
    Points

    Raises
    ------
    BadInput
        A file is missing, broken, or has not what was asked for; the message names it.
    """
    with events.stage("read") as told:
        if folders and len(sources) == 1 and sources[0].path.is_dir():
            points = _of_folder(sources[0].path, want, keep, hover)
        else:
            points = _points_of(sources, want, keep, hover)
        told |= dict(zip(("rows", "features"), points.table.X.shape, strict=False))
        events.learn(**told)
    return points


def _of_folder(folder: Path, want: Selection, keep: Sequence[str], hover: Sequence[str]) -> Points:
    """Open a folder of shards, and read the columns beside the features."""
    whole = "a folder of shards is read by blocks"
    names = ("key", "header", "decimal", "encoding", "flatten", "join", "on")
    want.refuse(folder, dict.fromkeys(names, whole))
    label_name, label_file = _labels_of(want)
    labels = want.labels if label_file is None else None
    beside = [name for name in (want.ids, labels, *keep, *hover) if name is not None]
    source = open_source(
        folder, columns=want.columns, vector=want.vector, leave_out=tuple(dict.fromkeys(beside))
    )
    found = {name: source.column(name) for name in dict.fromkeys(beside)}
    values = None if labels is None else found[labels]
    if label_file is not None:
        values = read_labels(*label_file, source.shape[0], folder, want)
    table = Data(
        source,
        names=source.feature_names,
        ids=None if want.ids is None else found[want.ids],
        labels=values,
        remarks=source.remarks,
    )
    return Points(
        table,
        label_name,
        {name: found[name] for name in keep},
        {name: found[name] for name in hover},
        tuple(f"{shown(folder)}: {said}" for said in source.remarks),
    )


def _points_of(
    sources: Sequence[Source], want: Selection, keep: Sequence[str], hover: Sequence[str]
) -> Points:
    """Read the inputs and what is joined to them."""
    if want.join is None:
        if want.on is not None:
            raise BadInput("--on has no effect without --join")
        return _read_points(sources, want, keep, hover)
    other = Joined.read(want)
    own = replace(want, join=None, on=None)
    if want.labels in other.columns:
        own = replace(own, labels=None)
    here = [[name for name in names if name not in other.columns] for names in (keep, hover)]
    points = _read_points(sources, own, *here)
    assert points.table.ids is not None
    found, lost = other.matched(points.table.ids, list(other.columns))
    labels = found.get(str(want.labels))
    named = {*keep, *hover, want.labels} & found.keys()
    extra = {name: found[name] for name in keep if name in found}
    if not named:  # nothing was chosen of it: all of it is kept
        extra = found
    return replace(
        points,
        table=points.table if labels is None else replace(points.table, labels=labels),
        label_name=points.label_name if labels is None else str(want.labels),
        kept=points.kept | extra,
        hover=points.hover | {name: found[name] for name in hover if name in found},
        notes=(*points.notes, *lost),
    )


def _read_points(
    sources: Sequence[Source], want: Selection, keep: Sequence[str], hover: Sequence[str]
) -> Points:
    """Read the inputs alone, as ``read_points`` says."""
    label_name, label_file = _labels_of(want)
    several = len(sources) > 1
    first = want if label_file is None or not several else replace(want, labels=None)
    parts: list[Data] = []
    beside: list[dict[str, Array]] = []
    notes: list[str] = []
    chosen: list[str] = []
    kept: list[str] = []
    shown_there: list[str] = []
    head = Data(None)  # the first input as it was read
    for source in sources:
        deadline.check(f"before {source.name} was read")
        by_name = bool(parts) and found_by_name(head, source)
        again = replace(first, columns=parts[0].names or (), vector=None) if by_name else first
        table = _read(source, again)
        if parts:
            check_alike(table, source, parts[0] if by_name else head, sources[0])
        else:
            head, kept, shown_there = table, _expanded(keep, table), _expanded(hover, table)
            chosen = list(dict.fromkeys([*kept, *shown_there]))
        beside.append(_columns(source, again, chosen, table))
        notes += [f"{source.name}: {said}" for said in _remarks(table, chosen)]
        if not want.columns:
            table = _without(table, chosen, source)
        parts.append(table)
    notes += _taken_out(head, parts[0], sources[0])
    whole = parts[0] if not several else joined(parts)
    if several and label_file is not None:
        inputs = Path(f"the {len(sources)} inputs")
        labels = read_labels(*label_file, whole.X.shape[0], inputs, want)
        whole = replace(whole, labels=labels)
    columns = {name: stacked([part[name] for part in beside]) for name in chosen}
    return Points(
        whole,
        label_name,
        {name: columns[name] for name in kept},
        {name: columns[name] for name in shown_there},
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


def _expanded(wanted: Sequence[str], table: Data) -> list[str]:
    """Return the names that are meant, each once; patterns as what they match."""
    known = [*(table.names or ()), *table.left_out]
    found: dict[str, None] = {}
    for name in wanted:
        hits = [_name_of(name, table)]
        if name not in known and _PATTERN & set(name):
            hits = [k for k in known if fnmatch.fnmatchcase(k, name)]
        if not hits:
            raise BadInput(f"no column matches {name!r}; there are: {listed(known)}")
        found.update(dict.fromkeys(hits))
    return list(found)


def _name_of(wanted: str, table: Data) -> str:
    """Return the name of the feature at a position; what is wanted where names tell more."""
    names, positions = table.names or (), table.positions or ()
    if wanted in names or not wanted.isdecimal() or int(wanted) not in positions or not names:
        return wanted
    name = names[positions.index(int(wanted))]
    return name if names.count(name) == 1 else wanted


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
    alone = [name for name in table.names or () if (table.names or ()).count(name) == 1]
    if want.vector is None and want.key is None and alone:
        some = replace(want, columns=(alone[0],))  # the least that makes a table
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


def _without(table: Data, chosen: Sequence[str], source: Source) -> Data:
    """Return the table without the features that are chosen, by name or position."""
    names = table.names or ()
    places = list(map(str, table.positions or ()))
    d = table.X.shape[1]
    gone = {j for j, name in enumerate(names) if name in chosen}
    gone |= {j for j, place in enumerate(places) if place in chosen and place not in names}
    if not gone:
        return table
    left = [j for j in range(d) if j not in gone]
    if not left:
        raise BadInput(f"{source.name} has no numeric column besides those that are kept")
    return replace(
        table,
        X=table.X[:, left],
        names=tuple(names[j] for j in left) if names else None,
        positions=None if table.positions is None else tuple(table.positions[j] for j in left),
    )


def _taken_out(before: Data, after: Data, source: Source) -> list[str]:
    """Return one sentence on numeric columns that are kept or shown and so are no features."""
    if before.X.shape[1] == after.X.shape[1] or before.positions is None:
        return []
    left = set(after.positions or ())
    gone = [before.called(j).strip("'") for j, p in enumerate(before.positions) if p not in left]
    what = "is kept or shown, so no feature" if len(gone) == 1 else "are kept or shown, no features"
    return [f"{source.name}: {listed(gone)} {what}; to have both, name the features by --columns"]
