"""``gputsne transform``: new rows placed in the map of a model that `embed --model` kept.

The model is only read: the map it was fitted to never moves.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from gputsne.cli.finite import explained
from gputsne.cli.names import recall
from gputsne.cli.options import (
    DEVICES,
    PATH,
    Command,
    input_options,
    option,
    options,
    speech_options,
)
from gputsne.cli.output import Speech, seconds
from gputsne.cli.targets import check_input, check_map, check_targets, write_map
from gputsne.data import BadInput, Selection, read
from gputsne.data.table import counted
from gputsne.planning.memory import available_memory

REMEDY = "fit the model anew by embed with --impute mean"

EXAMPLES = """\
Examples:
  gputsne embed old.csv -o old-map.csv --model model.npz
  gputsne transform model.npz new.csv -o new-map.csv --id name

IN needs the columns that the model was fitted to: found by name in csv, parquet and h5ad, else by
their order. Each row's place depends on that row and the model alone, not on other rows of IN.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="MODEL", type=PATH)
@click.argument("source", metavar="IN", type=PATH)
@options(
    "Output",
    option("-o", "--output", type=PATH, required=True, metavar="OUT", help="The map. Required."),
)
@input_options("kept beside the map")
@options(
    "Computation",
    option("--device", type=click.Choice(DEVICES), help="Where to run. [the model's]"),
    option("--n-jobs", type=int, metavar="N", help="Threads. [all this process may use]"),
)
@speech_options
@click.pass_context
def transform(ctx: click.Context, /, model: Path, source: Path, output: Path, **given: Any) -> None:
    """Place the rows of the table IN in the map of MODEL."""
    speech = Speech(given["as_json"], given["quiet"], given["verbose"])
    ctx.meta["gputsne.verbose"] = speech.verbose
    check_input(source)
    check_map(output)
    check_targets([output], [source, model])
    began = time.perf_counter()
    fitted = _load(model, given["device"], given["n_jobs"])
    wanted = (
        "columns", "vector", "key", "labels", "ids", "header", "decimal", "encoding", "flatten",
    )  # fmt: skip
    want = recall(fitted, source, Selection(**{name: given[name] for name in wanted}))
    table = read(source, want, memory_limit=available_memory())
    for said in table.remarks:
        speech.remark(f"{source}: {said}")
    with explained(source, table, imputed=fitted.impute is not None, remedy=REMEDY):
        Y = fitted.transform(table.X)
    for said in write_map(output, Y, table):
        speech.remark(said)
    took = time.perf_counter() - began
    speech.result(
        f"written       {output}\nmap           {counted(len(Y), 'point')}, {seconds(took)}",
        {"output": output, "map": list(Y.shape), "seconds": took, "device": fitted.device_},
    )


def _load(path: Path, device: str | None, n_jobs: int | None) -> Any:
    """Return the fitted model; whatever is wrong with the file is bad input."""
    import gputsne
    from gputsne import backends

    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    try:
        if device is not None:
            backends.choose(device)  # what is asked for by name never falls back
        fitted = gputsne.TSNE.load(path, device=device)
    except (ValueError, KeyError, OSError) as error:
        raise BadInput(f"{path} isn't a model that gputsne saved: {error}") from error
    return fitted.set_params(n_jobs=n_jobs)
