"""A map to its file, with what is kept beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gputsne.base import events
from gputsne.data import write
from gputsne.data.formats.h5ad import has_column
from gputsne.data.writing import check_copy
from gputsne.provenance.outcome import shown
from gputsne.runs.reading import Points
from gputsne.runs.streams import STANDARD, Source, flows, map_suffix, send

__all__ = ["write_points"]


def write_points(
    path: Path,
    Y: Any,
    points: Points,
    format_name: str | None = None,
    *,
    source: Source | None = None,
) -> list[str]:
    """Write a map with what is kept beside it.

    Parameters
    ----------
    path : Path
        ``-`` stands for standard output.
    Y : array, shape (n, c)
        The map.
    points : Points
        Ids, labels and kept columns.
    format_name : str or None
        Format of a stream; None: what its name says, else csv.
    source : Source or None
        The file that was read, of which an h5ad output is a copy.

    Returns
    -------
    list of str
        Remarks on what the file can't hold.

    Raises
    ------
    OSError
        It can't be written.
    BadInput
        It is h5ad, and `source` is no h5ad file with an observation per point.
    """
    table = points.table
    beside: dict[str, Any] = {
        "ids": table.ids,
        "labels": table.labels,
        "label_name": points.label_name,
        "kept": points.kept,
        "copy_of": None if source is None else source.path,
    }
    suffix = map_suffix(path, format_name)
    name = "standard output" if path == STANDARD else shown(path)
    copied = source if suffix == ".h5ad" else None
    if copied is not None:
        check_copy(copied.path, len(Y), copied.name)
    with events.stage("write"):
        if flows(path):
            send(path, suffix, lambda part: write(part, Y, **beside))
        else:
            write(path, Y, **beside)
    if copied is not None:
        if table.labels is None or has_column(copied.path, points.label_name):
            return []
        return [f"{name} is a copy of {copied.name}; labels of another file are not in it"]
    lost = [name for name in ("ids", "labels") if getattr(table, name) is not None]
    lost += ["kept columns"] if points.kept else []
    if suffix == ".npy" and lost:
        return [f"{name}: npy holds coordinates alone; {' and '.join(lost)} are not in it"]
    return []
