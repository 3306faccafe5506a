"""Two runs compared: maps once they are aligned, data, the cohort that changed most, versions."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from gputsne.base.errors import BadInput
from gputsne.data import Data, Selection, read
from gputsne.data.columns import find_label_file
from gputsne.data.writing import AXES
from gputsne.provenance import Run
from gputsne.runs.reading import read_points
from gputsne.runs.review import difference
from gputsne.runs.streams import opened

if TYPE_CHECKING:
    from gputsne.change import Alignment
    from gputsne.change.drifting import Drift
    from gputsne.runs.stored import StoredRun

__all__ = ["Comparison", "Side", "compare_sides", "side_of_files", "side_of_run"]

F64 = npt.NDArray[np.float64]
INPUT: Final = "input"  # the stem of the inputs that are stored with a run
COLUMNS: Final = 5  # that are named, of a cohort and of all rows


@dataclass(frozen=True, eq=False)
class Side:
    """One of two runs that are compared.

    Attributes
    ----------
    name : str
        What messages call it.
    map : array, shape (n, c)
    ids : array, shape (n,), or None
        Of the rows.
    data : Data or None
        What the map was made of, one row for each of the map.
    run : Run or None
        Its record.
    """

    name: str
    map: Any
    ids: Any = None
    data: Data | None = None
    run: Run | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """How a run differs from an earlier one.

    Attributes
    ----------
    old, new : str
        Their names.
    drift : Drift or None
        Of data and maps; None where the data are known by their hash alone, to be the same.
    alignment : Alignment or None
        Of the new map onto the old one; None where too few rows are shared.
    same_data : bool or None
        Whether both read the same values, by their hashes; None where one is unknown.
    versions : dict of str to list
        Libraries whose versions differ: ``[old, new]`` by name.
    cohort : dict
        The group of rows that changed most, empty where none did: ``rule``, ``excess``,
        ``examples`` (ids, or row numbers) and ``columns``, those in which these examples moved
        most, ``{"column", "moved"}`` in standard deviations of the old table.
    remarks : tuple of str
        What could not be compared.
    """

    old: str
    new: str
    drift: Drift | None
    alignment: Alignment | None
    same_data: bool | None
    versions: Mapping[str, list[Any]]
    cohort: Mapping[str, Any]
    remarks: tuple[str, ...] = ()

    @property
    def evidence(self) -> dict[str, float | str]:
        """What ``gputsne.check`` judges: that of the drift; ``drift_map`` is of aligned maps."""
        found: dict[str, float | str] = {}
        if self.drift is not None:
            found |= self.drift.evidence
        elif self.same_data:
            found["drift_data"] = 0.0
        if self.alignment is not None:
            found["drift_map"] = self.alignment.disparity
        return found

    @property
    def cause(self) -> str:
        """Where a difference comes from, in one sentence."""
        versions = ", ".join(f"{name} {a} -> {b}" for name, (a, b) in self.versions.items())
        data = self.same_data
        if data is None and self.drift is not None and self.evidence["drift_data"] == 0.0:
            data = True
        if data and versions:
            return f"same data, another library version: {versions}"
        if data:
            moved = self.alignment is not None and self.alignment.disparity > 0
            return "same data, other parameters or another seed" if moved else "same data"
        told = "other data" if data is False or self.drift is not None else "data unknown"
        return f"{told}, another library version: {versions}" if versions else told

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values.

        Returns
        -------
        dict of str to object
        """
        tables = {} if self.drift is None else self.drift.to_dict()
        return {
            "old": self.old,
            "new": self.new,
            "cause": self.cause,
            "same_data": self.same_data,
            "versions": {name: list(pair) for name, pair in self.versions.items()},
            "cohort": dict(self.cohort),
            "evidence": self.evidence,
            "remarks": list(self.remarks),
            **tables,
        }

    def __str__(self) -> str:
        lines = [f"{'old':<10}{self.old}", f"{'new':<10}{self.new}", f"{'cause':<10}{self.cause}"]
        if self.alignment is not None:
            shared, far = len(self.alignment.moved), self.alignment.disparity
            lines.append(f"{'map':<10}disparity {far:.3g} of {shared:,} shared rows, aligned")
        if self.cohort:
            lines.append(
                f"{'cohort':<10}{self.cohort['rule']}: {self.cohort['excess']:+.1%} of rows"
            )
            lines.append(f"{'':<10}such as {', '.join(map(str, self.cohort['examples']))}")
            moved = (f"{c['column']} ({c['moved']:.2g} sd)" for c in self.cohort["columns"])
            lines.append(f"{'columns':<10}{', '.join(moved)}")
        if self.drift is not None:
            lines += ["", str(self.drift.measures)]
            if changed := [row for row in self.drift.columns if row["ks"] > 0]:
                lines += ["", str(self.drift.columns[: min(len(changed), COLUMNS)])]
        return "\n".join(lines)


def side_of_run(stored: StoredRun, data: Path | None = None) -> Side:
    """Return a run of a store, with its input where that was kept or is named.

    Parameters
    ----------
    stored : StoredRun
        The run.
    data : Path or None
        The file that it read, where the store doesn't have it.

    Returns
    -------
    Side

    Raises
    ------
    BadInput
        The run has no map, or another number of rows than its input.
    Damaged
        A stored file was altered.
    """
    found = stored.read_map()
    held = {f.name for f in fields(Selection)} - {"memory_limit"}
    recorded = stored.run.input.get("selection") or {}
    want: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in recorded.items() if k in held
    }
    labels = want.get("labels")
    if labels and (":" in labels or find_label_file(labels) is not None):
        del want["labels"]  # of a file of their own, which the store doesn't have
    keep = tuple(recorded.get("keep") or ())
    with ExitStack() as stack:
        paths = [data] if data is not None else _stored_inputs(stored, stack)
        table = _table(paths, Selection(**want), keep, stack) if paths else None
    ids = found.ids
    if ids is None and table is not None:
        ids = table.ids
    return _checked(Side(stored.id, found.X, ids, table, stored.run))


def side_of_files(map: Path, data: Path, selection: Selection, keep: Sequence[str] = ()) -> Side:
    """Return a map and its data, from files.

    Parameters
    ----------
    map, data : Path
        The files.
    selection : Selection
        What of the data is read; its ids count where the map's file has no column ``id``.
    keep : sequence of str
        Columns that are no features.

    Returns
    -------
    Side

    Raises
    ------
    BadInput
        They can't be read, or have other numbers of rows.
    """
    whole = read(map)
    names = whole.names or ()
    axes = tuple(axis for axis in AXES if axis in names)
    named = "id" in (*names, *whole.left_out)
    if axes:
        whole = read(map, columns=axes, ids="id" if named else None)
    with ExitStack() as stack:
        table = _table([data], selection, tuple(keep), stack)
    return _checked(Side(str(map), whole.X, table.ids if whole.ids is None else whole.ids, table))


def _stored_inputs(stored: StoredRun, stack: ExitStack) -> list[Path]:
    """Return copies of the inputs that were stored with a run, in their order."""
    names = [name for name in stored.files if name.partition(".")[0].partition("-")[0] == INPUT]
    if not names:
        return []
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gputsne-")))
    order = {name: int(name.partition(".")[0].partition("-")[2] or 1) for name in names}
    for name in names:
        stored.fetch(name, folder / name)
    return [folder / name for name in sorted(names, key=lambda name: order[name])]


def _table(paths: Sequence[Path], want: Selection, keep: Sequence[str], stack: ExitStack) -> Data:
    sources = [stack.enter_context(opened(path, None)) for path in paths]
    return read_points(sources, want, keep=keep).table


def _checked(side: Side) -> Side:
    if side.data is not None and hasattr(side.data.X, "tocsr"):
        raise BadInput(
            f"{side.name}: its data are sparse; map and compare dense columns, say of PCA"
        )
    if side.data is not None and len(side.data.X) != len(side.map):
        raise BadInput(
            f"{side.name}: the map has {len(side.map)} rows, its data {len(side.data.X)}: name the "
            "data that the map was made of"
        )
    return side


def compare_sides(
    old: Side, new: Side, *, k: int = 10, sample: int | None = 2000, random_state: Any = 0
) -> Comparison:
    """Compare a run with an earlier one: the maps once they are aligned, and the data.

    Parameters
    ----------
    old, new : Side
        The runs.
    k : int, default 10
        Neighbours that are compared.
    sample : int or None, default 2000
        Rows of each that are asked.
    random_state : int, RandomState, Generator or None, default 0
        Seed of samples.

    Returns
    -------
    Comparison

    Raises
    ------
    BadInput
        Nothing of the data is known: aligned maps alone can hide a change.

    Warns
    -----
    UserWarning
        For fewer than 30 shared rows.
    """
    from gputsne.change import align, drift

    one, other = old.run, new.run
    told = difference(one, other) if one is not None and other is not None else {}
    same = _same_data(one, other)
    without = [side.name for side in (old, new) if side.data is None]
    if without and not same:
        raise BadInput(
            f"{' and '.join(without)}: no input is stored, and aligned maps alone can hide a "
            "change; name the data of both, --data OLD --data NEW, or embed with --keep-input"
        )
    ids, remarks = _ids(old, new)
    both = not remarks
    if without:
        aligned = align(old.map, new.map, **ids) if both else None
        return Comparison(
            old.name, new.name, None, aligned, same, told.get("versions", {}), {}, remarks
        )
    maps = {"old_map": old.map, "new_map": new.map} if both else {}
    found = drift(
        _named(old), _named(new), k=k, sample=sample, random_state=random_state, **maps, **ids
    )
    return Comparison(
        old.name, new.name, found, found.alignment, same, told.get("versions", {}),
        _cohort(old, new, found, ids), remarks,
    )  # fmt: skip


def _same_data(old: Run | None, new: Run | None) -> bool | None:
    """Tell whether two runs read the same values; None where a hash is unknown."""
    if old is None or new is None:
        return None
    one, two = ((run.input or {}).get("data_sha256") for run in (old, new))
    return None if one is None or two is None else bool(one == two)


def _ids(old: Side, new: Side) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the ids by which rows are matched, and why maps can't be laid onto each other."""
    from gputsne.change import shared_rows

    axes = [np.shape(side.map)[1] for side in (old, new)]
    if (old.ids is None) != (new.ids is None):
        bare = old.name if old.ids is None else new.name
        why = f"{bare} has no ids"
        return {}, (_not_aligned(why),)
    ids = {} if old.ids is None else {"old_ids": old.ids, "new_ids": new.ids}
    if axes[0] != axes[1]:
        return ids, (_not_aligned(f"they have {axes[0]} and {axes[1]} axes"),)
    if not ids:
        n, m = len(old.map), len(new.map)
        return ids, () if n == m else (_not_aligned(f"they have {n} and {m} rows, and no ids"),)
    shared = len(shared_rows(old.ids, new.ids)[0])
    return ids, () if shared > 1 else (_not_aligned(f"they share {shared} ids"),)


def _not_aligned(why: str) -> str:
    return (
        f"the maps are not compared, since {why}: a score of maps that are not aligned says nothing"
    )


def _named(side: Side) -> Any:
    """Return a table with the names of its columns, by which drift matches them."""
    from gputsne.data.named import with_names

    assert side.data is not None
    return with_names(side.data.X, side.data.names)


def _names(table: Data | None) -> list[str]:
    """Return the names of columns as drift tells them."""
    assert table is not None
    return list(table.names or map(str, range(table.X.shape[1])))


def _cohort(old: Side, new: Side, found: Drift, ids: Mapping[str, Any]) -> dict[str, Any]:
    """Return the group that has more rows than before by most, and in which columns it moved."""
    grown = [row for row in found.groups if row["excess"] > 0 and row.get("examples")]
    if not grown or found.evidence["drift_data"] == 0.0:
        return {}
    first = grown[0]
    rows = np.asarray(first["examples"])
    told = rows if new.ids is None else np.asarray(new.ids)[rows]
    told = told.astype(np.str_) if told.dtype.kind in "mM" else told  # dates as dates
    return {
        "rule": first["rule"], "excess": first["excess"], "examples": told.tolist(),
        "rows": rows.tolist(), "columns": _moved(old, new, rows, ids),
    }  # fmt: skip


def _moved(
    old: Side, new: Side, rows: npt.NDArray[np.int64], ids: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return columns in which rows differ most from what they were, else from the nearest row."""
    from gputsne.change.identity import matched

    assert old.data is not None
    assert new.data is not None
    one, two = (_names(side.data) for side in (old, new))
    by_name = old.data.names is not None and new.data.names is not None
    both = [name for name in one if name in two] if by_name else one
    columns = [([names.index(n) for n in both] if by_name else slice(None)) for names in (one, two)]
    A, B = (
        np.asarray(side.data.X[:, which], dtype=np.float64)  # type: ignore[union-attr]
        for side, which in zip((old, new), columns, strict=True)
    )
    # what is missing counts as the old column's median, as in drift
    middle = np.array(
        [np.median(c) if (c := column[~np.isnan(column)]).size else 0 for column in A.T]
    )
    A, B = (np.where(np.isnan(X), middle, X) for X in (A, B))
    spread = A.std(axis=0)
    units = np.where(spread > 0, spread, 1.0)
    then, now = matched(len(A), len(B), ids.get("old_ids"), ids.get("new_ids"))
    was = dict(zip(now.tolist(), then.tolist(), strict=True))
    away = []
    for row in rows.tolist():
        own = was.get(row)
        if own is None:
            own = int(np.argmin((((A - B[row]) / units) ** 2).sum(axis=1)))
        away.append(np.abs(B[row] - A[own]) / units)
    moved = np.mean(away, axis=0)
    order = np.argsort(-moved, kind="stable")[:COLUMNS]
    return [{"column": both[j], "moved": float(moved[j])} for j in order if moved[j] > 0]
