"""``gputsne tiles``: a map as static files that a browser loads as it zooms."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gputsne.base import events
from gputsne.base.errors import BadInput
from gputsne.base.sizes import size_text
from gputsne.cli.config import config_option
from gputsne.cli.options import (
    FOLDER,
    Command,
    WholeNumber,
    bytes_of,
    input_options,
    option,
    options,
    print_options,
    selection_of,
)
from gputsne.cli.output import Output, output_of, seconds
from gputsne.cli.plots import palette_of
from gputsne.cli.stores import found_store, store_option
from gputsne.cli.targets import check_inputs
from gputsne.data.table import counted, listed
from gputsne.planning.memory import available_memory
from gputsne.provenance.outcome import shown
from gputsne.runs.streams import flows, named, opened

if TYPE_CHECKING:
    from gputsne.tiling.sources import Found

SALT = "GPUTSNE_SALT"
RUN_ONLY = ("columns", "key", "join", "on", "header", "decimal", "encoding")  # of files

EXAMPLES = """\
Examples:
  gputsne tiles map.parquet -o tiles --labels kind --keep price,year
  gputsne tiles production --store s3://maps/nightly -o tiles --labels kind
  gputsne tiles map.parquet -o tiles --labels city --min-cell 10
  GPUTSNE_SALT=... gputsne tiles map.csv -o tiles --id customer --hash-ids
  python -m http.server -d tiles            then open http://localhost:8000

MAP may be csv, tsv, parquet, npy, npz or h5ad, with the columns x and y or two columns of numbers;
RUN is an id or a ref of the store. Only places, and the columns that are named, get into the tiles.
DIR appears whole or not at all; one with an earlier tile set is replaced. docs/tiles.md has more.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("source", metavar="RUN|MAP")
@options(
    "Output",
    option("-o", "--output", type=FOLDER, required=True, metavar="DIR",
           help="The folder to make. Required."),
    option("--title", metavar="TEXT", help="Above the map. [its name]"),
    option("--caption", metavar="TEXT", help="Below the map. [how to make it again]"),
    option("--palette", metavar="HOW",
           help="Colours of --labels, as for gputsne embed --plot. [distinct]"),
    option("--seed", type=WholeNumber(0, 2**32 - 1), default=0, metavar="N",
           help="Of the samples. [0]"),
    option("--memory-limit", type=bytes_of, metavar="SIZE", help="Refuse to take more, say 8G."),
)  # fmt: skip
@options(
    "Personal data",
    option("--min-cell", type=WholeNumber(2), metavar="K",
           help="No single points: counts of groups of at least K, others left out."),
    option("--hash-ids", is_flag=True,
           help=f"Write --id as keyed hashes; the key is the environment variable {SALT}."),
)  # fmt: skip
@options("Run", store_option)
@input_options("colours of the points", "that tiles carry", without=("--vector", "--flatten"))
@config_option
@print_options
@click.pass_context
def tiles(ctx: click.Context, /, source: str, output: Path, **given: Any) -> None:
    """Cut a map into static files that a browser loads as it zooms."""
    import gputsne

    shell = output_of(ctx, given)
    salt = _salt(given)
    if given["min_cell"] is not None and given["ids"] is not None:
        raise click.BadParameter("has no effect with --min-cell", param_hint="--id")
    if given["palette"] is not None and given["labels"] is None:
        raise click.BadParameter("has no effect without --labels", param_hint="--palette")
    _check_output(output)
    began = time.perf_counter()
    with ExitStack() as stack:
        found = _found(stack, source, given, shell)
        for said in found.notes:
            shell.note(said)
        events.learn(seed=given["seed"])
        with events.stage("tiles"):
            made = gputsne.tiles(
                found, output, hash_ids=salt, min_cell=given["min_cell"],
                palette=None if given["palette"] is None else palette_of(given["palette"]),
                title=given["title"], caption=given["caption"], random_state=given["seed"],
                memory_limit=given["memory_limit"],
            )  # fmt: skip
    events.learn(rows=made.rows)
    took = time.perf_counter() - began
    shell.result(
        f"written       {shown(output)}\n"
        f"points        {made.shown:,} of {made.rows:,}"
        f"{'' if given['min_cell'] is None else ', as counts'}\n"
        f"tiles         {made.tiles:,} on {counted(made.levels, 'level')}, "
        f"{size_text(made.bytes)}, {seconds(took)}",
        {
            "output": shown(output), "rows": made.rows, "shown": made.shown, "tiles": made.tiles,
            "levels": made.levels, "bytes": made.bytes, "run": found.run, "seconds": took,
        },
    )  # fmt: skip


def _salt(given: dict[str, Any]) -> str | None:
    """Return the key of the ids, which no list of processes shows: from the environment alone."""
    if not given["hash_ids"]:
        return None
    if given["ids"] is None:
        raise click.BadParameter("has no effect without --id", param_hint="--hash-ids")
    from gputsne.tiling.columns import hashed

    salt = os.environ.get(SALT)
    if not salt:
        raise click.UsageError(f"--hash-ids needs a key that nobody knows: set {SALT}")
    try:
        list(hashed((), salt))
    except ValueError as error:
        raise click.UsageError(str(error).replace("hash_ids", SALT)) from error
    return salt


def _check_output(output: Path) -> None:
    """Raise UsageError for a folder that can't be written, before anything is read."""
    from gputsne.tiling.folder import check_target

    try:
        check_target(output)
    except (BadInput, OSError) as error:
        raise click.BadParameter(shown(error), param_hint="-o") from error


def _found(stack: ExitStack, source: str, given: dict[str, Any], shell: Output) -> Found:
    """Return the map: of a file where there is one, else of a run of the store."""
    from gputsne.tiling.sources import found_of, opened_map, points_of

    path = named(Path(source))
    limit = given["memory_limit"] or available_memory()
    if path.is_file() or flows(path) or not given["store"]:
        if not path.suffix and not path.exists() and not flows(path):
            raise click.UsageError(f"{source} is no file; to name a run, add --store URI")
        check_inputs([path], given["input_format"])
        opened_file = stack.enter_context(opened(path, given["input_format"]))
        want = replace(selection_of(given), memory_limit=limit)
        points = points_of(opened_file, want, given["keep"])
        return found_of(points, shown(path.stem))
    for name in (*RUN_ONLY, "input_format"):
        if given[name] not in (None, ()):
            flag = f"--{name.replace('_', '-')}"
            raise click.BadParameter("has no effect on a run", param_hint=flag)
    run = found_store(given).get(source)
    shell.note(f"run {run.id}, {listed(list(run.files))}")
    return stack.enter_context(opened_map(run, given["labels"], given["keep"], given["ids"], limit))
