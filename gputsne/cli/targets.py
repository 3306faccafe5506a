"""Are the files that a command will write possible? Known before the long computation begins.

And drawing and saving, once there is something to draw and save.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from gputsne.base.files import check_writable, replacing
from gputsne.base.types import FloatArray
from gputsne.data import OUTPUT_SUFFIXES, BadInput, Data, require, write
from gputsne.data.table import INPUT_SUFFIXES, format_of

PLOTTERS = {".html": "plotly", ".png": "matplotlib", ".svg": "matplotlib", ".pdf": "matplotlib"}


def check_input(path: Path) -> None:
    """Raise UsageError if no reader knows the suffix."""
    try:
        format_of(path, INPUT_SUFFIXES)
    except BadInput as error:
        raise click.UsageError(str(error)) from error


def check_map(path: Path) -> None:
    """Raise UsageError if a map can't be written as this kind of file here."""
    try:
        suffix = format_of(path, OUTPUT_SUFFIXES)
    except BadInput as error:
        raise click.BadParameter(str(error), param_hint="-o") from error
    if suffix == ".parquet":
        require("pyarrow", f"writing {path.name}")


def check_plots(paths: Iterable[Path]) -> None:
    """Raise UsageError if a plot can't be drawn as this kind of file here."""
    for path in paths:
        plotter = PLOTTERS.get(path.suffix.lower())
        if plotter is None:
            known = " ".join(PLOTTERS)
            raise click.BadParameter(f"{path}: plots are {known}", param_hint="--plot")
        require(plotter, f"drawing {path.name}")


def check_targets(targets: Iterable[Path | None], sources: Iterable[Path]) -> None:
    """Raise UsageError if a file can't be written, is named twice or would replace the input."""
    taken = {source.resolve() for source in sources}
    for target in targets:
        if target is None:
            continue
        if target.resolve() in taken:
            raise click.UsageError(f"{target} is named twice; every file needs its own name")
        taken.add(target.resolve())
        try:
            check_writable(target)
        except OSError as error:
            raise click.UsageError(f"{target} can't be written: {error}") from error


def write_map(path: Path, Y: FloatArray, table: Data) -> list[str]:
    """Write a map with the table's ids and labels; return remarks on what it can't hold."""
    write(path, Y, ids=table.ids, labels=table.labels)
    lost = [name for name in ("ids", "labels") if getattr(table, name) is not None]
    if path.suffix.lower() == ".npy" and lost:
        return [f"{path}: npy holds coordinates alone; {' and '.join(lost)} are not in it"]
    return []


def draw(path: Path, model: Any, table: Data, title: str) -> None:
    """Draw the map, coloured by labels; ids appear when the pointer is over a point."""
    from gputsne.plotting import plot

    named = path.suffix.lower() == ".html" and table.ids is not None
    hover = {"id": table.ids} if named else None
    plot(model, table.labels, path=path, title=title, hover=hover)


def save(path: Path, model: Any) -> None:
    """Save the fitted model, whole or not at all."""
    with replacing(path) as part:
        model.save(part)
