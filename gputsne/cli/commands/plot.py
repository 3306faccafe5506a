"""``gputsne plot``: pictures of a map that there is, in a file or in a store."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import click

from gputsne.cli.maps import H5AD_MAP
from gputsne.cli.options import (
    PATH,
    Command,
    input_options,
    option,
    options,
    print_options,
    selection_of,
)
from gputsne.cli.output import output_of
from gputsne.cli.plots import fixed_in, option_theme, plot_options, style_of
from gputsne.cli.stores import store_of, store_option
from gputsne.cli.targets import check_inputs, check_plots, check_targets, label_file, no_dash
from gputsne.data import BadInput, read
from gputsne.data.writing import AXES
from gputsne.planning.memory import available_memory
from gputsne.provenance import Run
from gputsne.provenance.outcome import shown
from gputsne.runs.naming import is_id, is_ref
from gputsne.runs.reading import read_points
from gputsne.runs.streams import named, opened

EXAMPLES = """\
Examples:
  gputsne plot map.csv -o map.png --labels kind --style print --title "Twelve kinds"
  gputsne plot map.parquet -o map.pdf --labels kind --colours colours.json --theme dark
  gputsne plot map.csv -o odd.png --id name --highlight p7,p12
  gputsne plot production --store nightly -o map.png --style print
  gputsne plot 20261127T063518Z-3f2a9c1b --store nightly -o map.html

MAP is a file with the columns x, y, z, or without such names a table of two or three columns; or,
with --store, a run by its id or ref, whose labels are found in its map. In a store a label has one
colour in the pictures of all runs, and --colours fixes it. Labels may come from another file.
"""
ARRAYS: Final = (".npy", ".npz", ".h5ad")  # files whose columns have no names


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("map_", metavar="MAP", type=PATH)
@options(
    "Output",
    option(
        "-o",
        "--output",
        "plots",
        type=PATH,
        multiple=True,
        required=True,
        metavar="FILE",
        help="The picture: html (hover, zoom), png, svg or pdf; repeatable. Required.",
    ),
    *plot_options[1:],  # all but --plot
    option_theme,
)
@options("Store", store_option)
@input_options("colours plots", without=("--keep",))
@print_options
@click.pass_context
def plot(ctx: click.Context, /, map_: Path, **given: Any) -> None:
    """Draw the map in the file MAP, or that of a stored run."""
    shell = output_of(ctx, given)
    plots = given["plots"]
    no_dash([("-o", path) for path in plots])
    check_plots(plots, flag="-o")
    store = store_of(given) if given["store"] else None
    with ExitStack() as stack:
        run, path = None, named(map_)
        name = str(map_)
        if store is not None and (is_id(name) or (is_ref(name) and not map_.exists())):
            found = store.get(name)
            run, folder = found.run, Path(stack.enter_context(tempfile.TemporaryDirectory()))
            file = next((f for f in found.files if f.partition(".")[0] == "map"), None)
            if file is None:
                raise BadInput(f"run {found.id} has no map")
            path = folder / file
            found.fetch(file, path)
            given["labels"] = given["labels"] or _labels_of(run, path)
            given["ids"] = given["ids"] or _ids_of(run, path)
        else:
            check_inputs([path], given["input_format"])
        check_targets(plots, [path, label_file(given["labels"]), given["join"], given["colours"]])
        style = style_of(given, map_)
        if store is not None:
            style = fixed_in(store, style)
        source = stack.enter_context(opened(path, given["input_format"]))
        want = replace(selection_of(given), memory_limit=available_memory())
        if path.suffix.lower() == ".h5ad":
            want = replace(want, key=given["key"] or H5AD_MAP)
        elif not want.columns and (axes := _axes(path)):
            want = replace(want, columns=axes)
        points = read_points([source], want, hover=style.hover)
    for said in points.notes:
        shell.note(said)
    style.check(points)
    for target in plots:
        style.draw(target, _with_facts(points.table.X, run), points)
    names = ", ".join(shown(target) for target in plots)
    shell.result(f"written: {names}", {"written": [str(target) for target in plots]})


def _axes(path: Path) -> tuple[str, ...]:
    """Return the columns x, y, z that a file has; none where it has not at least two."""
    if path.suffix.lower() in ARRAYS:
        return ()
    held = read(path)
    names = (*(held.names or ()), *held.left_out)
    axes = tuple(axis for axis in AXES if axis in names)
    return axes if len(axes) > 1 else ()


def _labels_of(run: Run, path: Path) -> str | None:
    """Return the column of labels in a stored map: as the run was asked, else the usual name."""
    held = read(path)
    asked = str((run.input.get("selection") or {}).get("labels") or "").rpartition(":")[2]
    return next((n for n in (asked, "label") if n in (*(held.names or ()), *held.left_out)), None)


def _ids_of(run: Run, path: Path) -> str | None:
    """Return the column of ids in a stored map, where the run was asked to keep them."""
    held = read(path)
    asked = (run.input.get("selection") or {}).get("ids")
    return "id" if asked and "id" in (*(held.names or ()), *held.left_out) else None


def _with_facts(Y: Any, run: Run | None) -> Any:
    """Return a map with what its run's record knows of it, for the caption."""
    if run is None:
        return Y
    return SimpleNamespace(
        embedding_=Y, parameters_=dict(run.parameters), random_state=run.seed, run_=run,
        kl_divergence_=run.kl_divergence,
    )  # fmt: skip
