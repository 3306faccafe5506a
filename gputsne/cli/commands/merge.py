"""``gputsne merge``: the parts that the shards of a transform left, joined as one map."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from gputsne.base import events
from gputsne.cli.options import FOLDER, PATH, Command, option, options, print_options
from gputsne.cli.output import output_of, seconds
from gputsne.cli.targets import check_targets, no_dash
from gputsne.data.table import counted
from gputsne.provenance.outcome import shown

EXAMPLES = """\
Examples:
  gputsne transform model.npz rows.parquet -o parts --shard 0/2
  gputsne transform model.npz rows.parquet -o parts --shard 1/2
  gputsne merge parts -o map.parquet

OUT is parquet, csv or npy, and has the bytes of one transform of all rows. Parts that are missing,
not whole, or of another model, input or number of shards than the rest are named, and nothing is
written. Memory holds a million rows at most, however many there are.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("folder", metavar="DIR", type=FOLDER)
@options(
    "Output",
    option("-o", "--output", type=PATH, required=True, metavar="OUT", help="The map. Required."),
)
@print_options
@click.pass_context
def merge(ctx: click.Context, /, folder: Path, output: Path, **given: Any) -> None:
    """Join the parts in DIR, which gputsne transform --shard wrote, as one map."""
    from gputsne.large import merge as joined

    shell = output_of(ctx, given)
    no_dash([("-o", output)])
    check_targets([output], sorted(folder.glob("part-*")))  # no part is replaced by the whole
    began = time.perf_counter()
    with events.stage("merge"):
        parts = joined(folder, output)
    events.learn(rows=parts[0].n)
    took, first = time.perf_counter() - began, parts[0]
    devices = sorted({own.device for own in parts})
    if len(devices) > 1:
        shell.note(
            f"parts were placed on {' and '.join(devices)}: the same places but for rounding"
        )
    shell.result(
        f"written       {shown(output)}\n"
        f"map           {counted(first.n, 'point')} of {counted(len(parts), 'part')}, "
        f"{seconds(took)}",
        {
            "output": shown(output), "map": [first.n, first.components], "parts": len(parts),
            "seconds": took, "devices": devices, "model_sha256": first.model,
        },
    )  # fmt: skip
