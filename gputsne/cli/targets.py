"""Checks of the files that a command reads and writes, before the long computation begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gputsne.base.files import check_writable, is_stream, resolved
from gputsne.cli.output import standard_output_is_closed
from gputsne.data import BadInput, require
from gputsne.data.columns import find_label_file
from gputsne.data.table import INPUT_SUFFIXES, format_of
from gputsne.provenance.outcome import shown
from gputsne.runs.streams import STANDARD, flows, is_standard_output, map_suffix

# Suffix of a plot to the package that draws it; None where this one does.
PLOTTERS = {".html": None, ".png": "matplotlib", ".svg": "matplotlib", ".pdf": "matplotlib"}


def check_inputs(paths: Iterable[Path], format_name: str | None, *, folders: bool = False) -> None:
    """Raise UsageError if no reader knows the suffix, or a format is given that nobody asks for.

    With ``folders`` the only input may be a folder of shards.
    """
    paths = tuple(paths)
    if folders and any(path.is_dir() for path in paths):
        if len(paths) > 1:
            raise click.UsageError("a folder of shards is read alone, not beside other inputs")
        return
    streams = [path for path in paths if flows(path)]
    for path in paths:
        if path in streams:
            continue
        if format_name is not None and not streams:
            raise click.BadParameter(
                f"{shown(path)} is a file, whose suffix names its format; leave it out",
                param_hint="--input-format",
            )
        try:
            format_of(path, INPUT_SUFFIXES)
        except BadInput as error:
            raise click.UsageError(shown(error)) from error
    if streams.count(STANDARD) > 1:
        raise click.UsageError("standard input (-) can be read only once")


def check_map(
    path: Path, format_name: str | None, sources: Sequence[Path], input_format: str | None
) -> None:
    """Raise UsageError if a map of these inputs can't be written as this kind of file here."""
    if format_name is not None and not flows(path):
        said = f"{shown(path)} is a file, whose suffix names its format; leave it out"
        raise click.BadParameter(said, param_hint="--output-format")
    try:
        suffix = map_suffix(path, format_name)
    except BadInput as error:
        raise click.BadParameter(shown(error), param_hint="-o") from error
    if suffix == ".parquet":
        require("pyarrow", f"writing {shown(path.name)}")
    if suffix == ".h5ad":
        if len(sources) > 1 or not _is_h5ad(sources[0], input_format):
            raise click.BadParameter(
                "h5ad is written as a copy of the one h5ad file that is read; name a .parquet, "
                ".csv or .npy",
                param_hint="-o" if format_name is None else "--output-format",
            )
        require("h5py", f"writing {shown(path.name)}")


def _is_h5ad(source: Path, format_name: str | None) -> bool:
    """Tell whether an input is h5ad, by what is known before it is read."""
    if format_name is not None and flows(source):
        return format_name == "h5ad"
    return source.suffix.lower() == ".h5ad"


def check_plots(paths: Iterable[Path], components: int = 2, flag: str = "--plot") -> None:
    """Raise UsageError if a plot of so many dimensions can't be drawn as this kind of file here."""
    for path in paths:
        suffix = path.suffix.lower()
        if suffix not in PLOTTERS:
            known = " ".join(PLOTTERS)
            raise click.BadParameter(f"{shown(path)}: plots are {known}", param_hint=flag)
        plotter = "plotly" if suffix == ".html" and components > 2 else PLOTTERS[suffix]
        if plotter is not None:
            require(plotter, f"drawing {shown(path.name)}")


def check_model(path: Path | None) -> None:
    """Raise UsageError if a model can't be kept under this name: it would pass for another kind."""
    if path is not None and path.suffix.lower() != ".npz" and not is_stream(path):
        raise click.BadParameter(f"{shown(path)}: models are .npz", param_hint="--model")


def check_targets(targets: Iterable[Path | None], sources: Iterable[Path | None]) -> None:
    """Raise UsageError if a file can't be written, is named twice or would replace an input."""
    read = [source for source in sources if source is not None and source != STANDARD]
    taken: list[Path] = []
    for target in targets:
        if target is None:
            continue
        if is_standard_output(target) and standard_output_is_closed():
            raise click.UsageError("standard output is closed; name a file, or leave it open")
        if target == STANDARD:
            continue
        try:
            check_writable(target)
            if any(_same(target, source) for source in read):
                raise click.UsageError(f"{shown(target)} is read; an output needs its own name")
            if any(_same(target, other) for other in taken):
                said = f"{shown(target)} is named twice; every file needs its own name"
                raise click.UsageError(said)
        except OSError as error:
            raise click.UsageError(f"{shown(target)} can't be written: {shown(error)}") from error
        if not is_stream(target):
            taken.append(target)


def _same(one: Path, other: Path) -> bool:
    """Tell whether two names stand for one file: the same path, or links to the same."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return resolved(one) == resolved(other)


def no_dash(paths: Iterable[tuple[str, Path | None]]) -> None:
    """Raise UsageError for ``-`` where only a file can be named; pairs of option and path."""
    for flag, path in paths:
        if path == STANDARD:
            said = "only IN and OUT may be -; name a file, or /dev/stdout"
            raise click.BadParameter(said, param_hint=flag)


def checkpoint_of(given: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return the files of ``--checkpoint``; raise UsageError for options that don't go together."""
    path = given["checkpoint"]
    if path is None:
        for name, flag in (("resume", "--resume"), ("checkpoint_every", "--checkpoint-every")):
            if given[name]:
                raise click.BadParameter("has no effect without --checkpoint", param_hint=flag)
        return ()
    if path == STANDARD or is_stream(path):
        raise click.BadParameter(f"{shown(path)} is no file", param_hint="--checkpoint")
    if path.exists() and not given["resume"]:
        raise click.BadParameter(
            f"{shown(path)} is there already; add --resume to go on from it, or remove it",
            param_hint="--checkpoint",
        )
    return path, path.with_name(f"{path.name}.state")


def label_file(labels: str | None) -> Path | None:
    """Return the file that ``--labels FILE`` or ``--labels FILE:COLUMN`` names, if there is one."""
    found = None if labels is None else find_label_file(labels)
    return None if found is None else found[0]
