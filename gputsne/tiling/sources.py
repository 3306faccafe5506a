"""Sources of maps for tiles: arrays and models, files, and runs of a store, with their columns.

Of a file only the columns that are named are read; all others stay where they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from gputsne.base.errors import BadInput
from gputsne.base.memory import available_memory
from gputsne.base.parameter_table import Bytes
from gputsne.base.types import Array
from gputsne.data import Selection
from gputsne.data.blocks import blocks_of
from gputsne.data.formats.csv.numbers import as_labels
from gputsne.data.table import TEXT_SUFFIXES, format_of
from gputsne.data.writing import AXES
from gputsne.provenance.outcome import shown
from gputsne.runs.colouring import LabelColours
from gputsne.runs.reading import Points, read_points
from gputsne.runs.stored import StoredRun
from gputsne.runs.streams import Source
from gputsne.tiling.columns import each_column

__all__ = ["Found", "opened_map", "points_of"]

H5AD_MAP: Final = "obsm/X_tsne"
NAMED: Final = (".csv", ".tsv", ".parquet")  # tables whose columns have names


@dataclass(frozen=True, eq=False)
class Found:
    """A map and its columns.

    Attributes
    ----------
    map : object
        What ``plotting.scene.read_map`` reads.
    labels, columns, ids : object
        Values, as for ``gputsne.tiles``.
    label_name : str
        What the column of labels is called where it does not say so itself.
    run : str or None
        Id of the run.
    title : str
        Of the set.
    facts : object
        What ``caption_of`` reads, where it is not the map itself.
    palette : dict
        Colours that labels have already.
    notes : tuple of str
        What reading the file had to say.
    """

    map: Any
    labels: Any = None
    columns: Any = None
    ids: Any = None
    label_name: str = "label"
    run: str | None = None
    title: str = ""
    facts: Any = None
    palette: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns besides ids."""
        return (self.labels is not None) + len(each_column(self.columns))


@contextmanager
def opened_map(
    source: Any, labels: Any, columns: Any, ids: Any, memory_limit: float | str | None
) -> Iterator[Found]:
    """Give the map and the columns of whatever ``gputsne.tiles`` is given.

    Parameters
    ----------
    source : object
        A model, an array, a run of a store, or a path.
    labels, columns, ids : object
        Values; of a run or a path, names of columns.
    memory_limit : float, str or None
        That reading may take.

    Yields
    ------
    Found

    Raises
    ------
    BadInput
        The file or run has not what was named.
    TypeError
        For values where names are needed.
    """
    if isinstance(source, StoredRun):
        with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
            name = _map_of(source)
            path = Path(folder, name)
            source.fetch(name, path)
            found = _of_file(path, labels, columns, ids, memory_limit, f"the map of {source.id}")
            colours = LabelColours(source.storage).all()
            yield replace(
                found, run=source.id, title=f"Run {source.id}", facts=_facts(source),
                palette=colours,
            )  # fmt: skip
    elif isinstance(source, str | PathLike):
        path = Path(source)
        yield _of_file(path, labels, columns, ids, memory_limit, shown(path))
    elif isinstance(source, Found):
        yield source
    else:
        palette = getattr(source, "palette_", None) or {}
        yield Found(source, labels, columns, ids, palette=palette)


def _map_of(run: StoredRun) -> str:
    found = [name for name in run.files if name.partition(".")[0] == "map"]
    if not found:
        raise BadInput(f"run {run.id} has no map; it has {', '.join(run.files) or 'no files'}")
    return found[0]


def _facts(run: StoredRun) -> Any:
    """Return what a caption tells of a run: parameters, seed, KL and the hash of its data."""
    record = run.run
    parameters = {**dict(record.parameters), "random_state": record.seed}
    kl = record.kl_divergence
    return SimpleNamespace(parameters_=parameters, kl_divergence_=kl, run_=record)


def _of_file(
    path: Path, labels: Any, columns: Any, ids: Any, limit: float | str | None, name: str
) -> Found:
    for what, value in (("labels", labels), ("ids", ids)):
        if not isinstance(value, str | None):
            raise TypeError(f"{what} of {name} must be the name of its column, got {value!r:.80}")
    keep = [columns] if isinstance(columns, str) else list(columns or ())
    if not all(isinstance(column, str) for column in keep):
        raise TypeError(f"columns of {name} must be names of its columns, got {columns!r:.80}")
    given = Bytes().read("memory_limit", limit)
    allowed = available_memory() if given is None else int(given)
    want = Selection(labels=labels, ids=ids, memory_limit=allowed)
    return found_of(points_of(Source(path, name), want, keep), shown(path.stem))


def points_of(source: Source, want: Selection, keep: Sequence[str]) -> Points:
    """Read a map: its axes, and of its other columns those that are named.

    Parameters
    ----------
    source : Source
        The file.
    want : Selection
        Labels and ids; ``columns`` names the axes where they aren't called x and y.
    keep : sequence of str
        Further columns.

    Returns
    -------
    Points
        The map as ``table.X``.

    Raises
    ------
    BadInput
        It is missing, damaged, or has not what was named.
    """
    suffix = format_of(source.path)
    if not want.columns and suffix in NAMED:
        names = blocks_of(source.path, want).names
        want = replace(want, columns=tuple(axis for axis in AXES if axis in names))
    elif not want.columns and suffix == ".h5ad" and want.key is None:
        want = replace(want, key=H5AD_MAP)
    points = read_points([source], want, keep=keep)
    d = points.table.X.shape[1]
    if d != 2:
        said = f" ({', '.join(points.table.names[:4])} ...)" if points.table.names else ""
        raise BadInput(
            f"{source.name} has {d} columns of numbers{said}, a map for tiles has two: name them "
            "x and y, or choose them by --columns"
        )
    if suffix in TEXT_SUFFIXES:
        kept = {name: _as_read(values, want.decimal) for name, values in points.kept.items()}
        points = replace(points, kept=kept)
    return points


def _as_read(values: Array, decimal: str | None) -> Array:
    """Return a column that a reader of text kept as it stands: as numbers where it holds them."""
    if values.dtype.kind not in "OU":
        return values
    return as_labels(["" if v is None else str(v) for v in values.tolist()], decimal or ".")


def found_of(points: Points, title: str) -> Found:
    """Return what was read as a map for tiles.

    Parameters
    ----------
    points : Points
        From ``points_of``.
    title : str
        Of the set.

    Returns
    -------
    Found
    """
    table = points.table
    return Found(
        table.X, table.labels, points.kept or None, table.ids, label_name=points.label_name,
        title=title, notes=points.notes,
    )  # fmt: skip
