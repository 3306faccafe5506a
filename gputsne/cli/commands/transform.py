"""``gputsne transform``: new rows placed in the map of a model that `embed --model` kept.

The model is only read: the map it was fitted to never moves. With --shard only a stretch of the
rows is read and placed; gputsne/cli/commands/merge.py joins what the shards leave.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gputsne.base import events
from gputsne.base.files import resolved
from gputsne.cli.checks import check_threads
from gputsne.cli.config import config_option
from gputsne.cli.log import saw
from gputsne.cli.options import (
    DEVICES,
    MAP_FORMATS,
    PATH,
    Command,
    input_options,
    option,
    options,
    print_options,
    selection_of,
)
from gputsne.cli.output import Output, output_of, seconds
from gputsne.cli.spending import check_placement, cost_told, price_options, terms_of
from gputsne.cli.targets import check_inputs, check_map, check_targets, label_file, no_dash
from gputsne.data import BadInput, Selection, require
from gputsne.data.named import with_names
from gputsne.data.table import counted, format_of, listed
from gputsne.data.writing import check_copy
from gputsne.planning.memory import available_memory
from gputsne.provenance.outcome import shown
from gputsne.runs.nonfinite import nonfinite_as_bad_input
from gputsne.runs.reading import read_points
from gputsne.runs.streams import STANDARD, flows, is_standard_output, map_suffix, named, opened
from gputsne.runs.writing import write_points

PLACE = click.Path(path_type=Path, allow_dash=True)
NAMED = (".csv", ".tsv", ".parquet", ".h5ad")  # formats whose columns have names
REMEDY = "fit the model anew by embed with --impute mean"

EXAMPLES = """\
Examples:
  gputsne embed old.csv -o old-map.csv --model model.npz
  gputsne transform model.npz new.csv -o new-map.csv --id name

IN may be a folder of npy or parquet files, too. It needs the columns that the model was fitted to:
found by name in csv, parquet and h5ad, else by their order. Each row's place depends on that row
and the model alone, not on other rows of IN.

With --shard I/N, I from 0 to N - 1, one process of N places its own stretch of the rows into
DIR/part-IIIII-of-NNNNN, and gputsne merge DIR -o OUT joins the parts: the bytes are those of one
transform of all rows. IN are then npy, parquet or csv, or a folder of npy or parquet files, of
which a shard reads its own rows alone; a csv is walked through by each. A shard that is run again
leaves a part that is whole as it is. The machine's copies of IN and MODEL must be the same.
  gputsne transform model.npz rows/ -o parts --shard 3/16 --id name
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="MODEL", type=PATH)
@click.argument("sources", metavar="IN...", type=PLACE, nargs=-1, required=True)
@options(
    "Output",
    option(
        "-o",
        "--output",
        type=PLACE,
        required=True,
        metavar="OUT",
        help="The map; with --shard the folder of the parts. Required.",
    ),
    option(
        "--output-format",
        type=click.Choice(MAP_FORMATS),
        help="Format of OUT where it is -, a pipe or a device [by its name, else csv]; of the part "
        "of a shard. [parquet]",
    ),
    option(
        "--shard",
        metavar="I/N",
        help="Place the I-th of N stretches of the rows, I from 0, as a part in the folder OUT.",
    ),
)
@options("Cost", *price_options)
@input_options("kept beside the map")
@options(
    "Computation",
    option("--device", type=click.Choice(DEVICES), help="Where to run. [the model's]"),
    option("--n-jobs", type=int, metavar="N", help="Threads. [all this process may use]"),
)
@config_option
@print_options
@click.pass_context
def transform(
    ctx: click.Context, /, model: Path, sources: tuple[Path, ...], output: Path, **given: Any
) -> None:
    """Place the rows of the table IN in the map of MODEL."""
    sources, output = tuple(map(named, sources)), named(output)
    shell = output_of(ctx, given, aside=is_standard_output(output))
    no_dash([("MODEL", model)])
    if given["shard"] is not None:
        one_shard(ctx, shell, model, sources, output, given)
        return
    if any(path.is_dir() for path in sources):
        from gputsne.large import files_in

        sources = tuple(file for path in sources for file in files_in(path))
    check_inputs(sources, given["input_format"])
    check_map(output, given["output_format"], sources, given["input_format"])
    also_read = [model, label_file(given["labels"]), given["join"], ctx.meta.get("gputsne.config")]
    check_targets([output], [*sources, *also_read])
    check_threads(given["n_jobs"])
    terms = terms_of(given)
    began = time.perf_counter()
    fitted = load_model(model, given["device"], given["n_jobs"])
    names = getattr(fitted, "feature_names_in_", None)
    with ExitStack() as stack:
        form = given["input_format"]
        inputs = [stack.enter_context(opened(path, form)) for path in sources]
        limited = replace(selection_of(given), memory_limit=available_memory())
        want = columns_of_fit(names, inputs[0].path, limited)
        points = read_points(inputs, want, keep=given["keep"])
        for said in points.notes:
            shell.note(said)
        if map_suffix(output, given["output_format"]) == ".h5ad":
            check_copy(inputs[0].path, len(points.table.X), inputs[0].name)
        name = " and ".join(source.name for source in inputs)
        check_width(points.table.X.shape[1], fitted, name)
        check_placement(terms, len(points.table.X), fitted)
        imputed = fitted.impute is not None
        saw(points.table.X, device=fitted.device_)
        finite = nonfinite_as_bad_input(name, points.table, imputed=imputed, remedy=REMEDY)
        with events.stage("transform"), finite:
            Y = fitted.transform(as_fitted(points.table.X, names))
        for said in write_points(output, Y, points, given["output_format"], source=inputs[0]):
            shell.note(said)
    took = time.perf_counter() - began
    where = "standard output" if output == STANDARD else shown(output)
    paid, cost = cost_told(terms, took)
    shell.result(
        f"written       {where}\nmap           {counted(len(Y), 'point')}, {seconds(took)}{paid}",
        {
            "output": where, "map": list(Y.shape), "seconds": took, "device": fitted.device_,
            **cost,
        },
    )  # fmt: skip


def one_shard(
    ctx: click.Context, shell: Output, model: Path, sources: tuple[Path, ...], folder: Path,
    given: dict[str, Any],
) -> None:  # fmt: skip
    """Place one shard's rows and write its part."""
    from gputsne.large import Inputs, Shard, files_in, place_shard
    from gputsne.model.progress import StageTimer
    from gputsne.provenance.plain import sha256_file

    try:
        shard = Shard.read(given["shard"])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--shard") from error
    for name in ("join", "on", "key", "input_format"):
        if given[name] is not None:
            flag = f"--{name.replace('_', '-')}"
            raise click.BadParameter("has no effect with --shard", param_hint=flag)
    no_dash([*(("IN", path) for path in sources), ("-o", folder)])
    _check_folder(folder, sources)
    suffix = f".{given['output_format'] or 'parquet'}"
    if suffix == ".h5ad":
        said = "a part is parquet, csv or npy"
        raise click.BadParameter(said, param_hint="--output-format")
    if suffix == ".parquet":
        require("pyarrow", "writing parts in parquet (--output-format npy or csv needs nothing)")
    check_threads(given["n_jobs"])
    terms = terms_of(given)
    began = time.perf_counter()
    files = [file for path in sources for file in files_in(path)]
    fitted = load_model(model, given["device"], given["n_jobs"])
    want = replace(selection_of(given), memory_limit=available_memory())
    want = columns_of_fit(getattr(fitted, "feature_names_in_", None), files[0], want)
    inputs = Inputs.opened(files, want, given["keep"])
    for said in inputs.chosen.notes:
        shell.note(said)
    timer = StageTimer(int(shell.progress))
    start, stop = shard.rows(inputs.n)
    check_placement(terms, stop - start, fitted)
    folder.mkdir(parents=True, exist_ok=True)
    with timer.stage("transform", stop - start) as report:
        placed = place_shard(
            fitted, sha256_file(model), inputs, folder, shard, suffix=suffix, report=report
        )
    took = time.perf_counter() - began
    there = " is there already, of the same model and input" if placed.again else ""
    beside = inputs.chosen.ids or inputs.chosen.labels or inputs.chosen.kept
    if suffix == ".npy" and beside:
        shell.note("npy holds places alone; ids, labels and kept columns are not in the part")
    paid, cost = cost_told(terms, took)
    rows = f"rows {start:,} to {stop - 1:,}" if start < stop else "none"
    shell.result(
        f"written       {shown(placed.path)}{there}\n"
        f"map           {counted(stop - start, 'point')}, {rows} of {inputs.n:,}, "
        f"{seconds(took)}{paid}",
        {
            "output": shown(placed.path), "rows": [start, stop], "n": inputs.n,
            "shard": shard.index, "of": shard.of, "seconds": took, "device": placed.manifest.device,
            "again": placed.again, **cost,
        },
    )  # fmt: skip


def _check_folder(folder: Path, sources: tuple[Path, ...]) -> None:
    """Raise UsageError for a folder of parts that is a file or an input, and for streams."""
    streams = [path for path in sources if flows(path)]
    if streams:
        said = f"{shown(streams[0])} is a stream, of which no part can be read: give a file"
        raise click.BadParameter(said, param_hint="IN")
    if folder.exists() and not folder.is_dir():
        said = f"{shown(folder)} is a file; with --shard it is a folder of parts"
        raise click.BadParameter(said, param_hint="-o")
    if any(path.is_dir() and resolved(path) == resolved(folder) for path in sources):
        said = f"{shown(folder)} is read; parts need a folder of their own"
        raise click.BadParameter(said, param_hint="-o")


def columns_of_fit(names: Any, first: Path, want: Selection) -> Selection:
    """Return what to read: by default the columns that the model was fitted to, by their names."""
    chosen = want.columns or want.vector is not None or want.key is not None
    if names is None or chosen or format_of(first) not in NAMED:
        return want
    return replace(want, columns=tuple(map(str, names)))


def check_width(d: int, fitted: Any, name: str) -> None:
    """Raise BadInput unless there are as many features as the model was fitted to."""
    if d != fitted.n_features_in_:
        want = counted(fitted.n_features_in_, "feature")
        names = getattr(fitted, "feature_names_in_", None)
        which = "" if names is None else f" ({listed(list(map(str, names)))})"
        raise BadInput(
            f"{name} has {counted(d, 'feature')}, the model was fitted to {want}{which}; "
            "choose with --columns, or give rows of the same table"
        )


def as_fitted(X: Any, names: Any) -> Any:
    """Return X under the names of the fit: found by them, chosen by the user, or by their order."""
    return X if names is None or len(names) != X.shape[1] else with_names(X, list(names))


def load_model(path: Path, device: str | None, n_jobs: int | None) -> Any:
    """Return the fitted model; whatever is wrong with the file is bad input."""
    from gputsne import backends
    from gputsne.model.embedding import Embedding

    if not path.exists():
        raise BadInput(f"{shown(path)}: no such file")
    if not path.is_file():
        raise BadInput(f"{shown(path)} is a device or a pipe; a model is read from a file")
    if device is not None:
        backends.choose(device, n_jobs)  # a device asked for by name never falls back
    try:
        fitted = Embedding.load(path, device=device)
    except (ValueError, KeyError, OSError) as error:
        said = shown(error)
        if shown(path) not in said:
            said = f"{shown(path)} isn't a model that gputsne saved: {said}"
        raise BadInput(said) from error
    return fitted if n_jobs is None else fitted.set_params(n_jobs=n_jobs)
