"""``gputsne sample``: fewer rows that stand for all those of tables larger than memory."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gputsne.base import events
from gputsne.base.files import replacing
from gputsne.cli.config import config_option
from gputsne.cli.options import (
    PATH,
    Command,
    WholeNumber,
    input_options,
    option,
    options,
    print_options,
    selection_of,
    size_of,
)
from gputsne.cli.output import output_of
from gputsne.cli.targets import check_inputs, check_targets, no_dash
from gputsne.data.blocks import SUFFIXES
from gputsne.data.table import TEXT_SUFFIXES, BadInput, format_of
from gputsne.planning.memory import available_memory
from gputsne.provenance.outcome import shown
from gputsne.runs.drawing import Drawn, Wanted, draw
from gputsne.runs.streams import named, opened

SCHEMA = "gputsne.sample/1"
METHODS = ("random", "stratified", "density", "diverse")

EXAMPLES = """\
Examples:
  gputsne sample big.parquet -n 100000 -o some.parquet
  gputsne sample log.csv -n 0.01 --by service -o some.csv --record sample.json
  gputsne sample points.npy -n 2000 --method density -o rare.npy --record sample.json
  gputsne sample monday.csv tuesday.csv -n 500 --weights bytes -o some.csv
  zcat log.csv.gz | gputsne sample - -n 1000 -o some.csv

IN may be csv, tsv, parquet or npy; OUT is of the same kind and has all columns of IN as they stand
there, and two more: row, counted from 0 through all IN, and sample_weight, how many rows each
stands for. Keep them out of a map by gputsne embed OUT --keep row,sample_weight. An npy has no
place for them; the record has.

random and stratified read IN block by block, and hold only what they choose. density (rare groups
stay) and diverse (rows far from one another) look at all features at once.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("sources", metavar="IN...", type=PATH, nargs=-1, required=True)
@options(
    "What is chosen",
    option("-n", "--size", type=size_of, required=True, metavar="N",
           help="Rows, or a share of them: 1000, 0.01, 1%. Required."),
    option("--method", type=click.Choice(METHODS),
           help="How. [stratified with --by, else random]"),
    option("--by", metavar="COL", help="Column of strata; no feature."),
    option("--weights", metavar="COL",
           help="Column of weights: a row's chance grows with its own. Of random."),
    option("--seed", type=WholeNumber(0, 2**32 - 1), default=0, metavar="N",
           help="The same seed takes the same rows. [0]"),
)  # fmt: skip
@options(
    "Output",
    option("-o", "--output", type=PATH, required=True, metavar="OUT",
           help="The rows, as a file of IN's kind. Required."),
    option("--record", type=PATH, metavar="FILE",
           help="JSON: rows, ids, weights, hash, coverage, method, seed."),
)  # fmt: skip
@input_options("", without=("--labels", "--keep", "--vector", "--key", "--join", "--on"))
@config_option
@print_options
@click.pass_context
def sample(ctx: click.Context, /, sources: tuple[Path, ...], output: Path, **given: Any) -> None:
    """Choose rows of the table IN that stand for all, write them to OUT."""
    sources, record = tuple(map(named, sources)), given["record"]
    method = given["method"] or ("random" if given["by"] is None else "stratified")
    _check(sources, output, method, given)
    check_inputs(sources, given["input_format"])
    check_targets([output, record], [*sources, ctx.meta.get("gputsne.config")])
    shell = output_of(ctx, given)
    with ExitStack() as stack:
        opened_sources = [stack.enter_context(opened(p, given["input_format"])) for p in sources]
        _check_kind(format_of(opened_sources[0].path), output)
        want = replace(selection_of(given), ids=None, memory_limit=available_memory())
        wanted = Wanted(
            given["size"], method, given["by"], given["weights"], given["ids"], given["seed"]
        )
        with events.stage("sample"):
            found = draw(opened_sources, want, wanted)
        for said in found.notes:
            shell.note(said)
        with events.stage("write"):
            found.write(output)
    events.learn(rows=found.of, sample_sha256=found.sha256, seed=wanted.seed)
    facts = _facts(found, wanted, [shown(p) for p in sources], shown(output))
    if record is not None:
        more = {"row_numbers": found.rows, "ids": found.ids, "weights": found.weights}
        whole = {"schema": SCHEMA, **facts, **{k: v.tolist() for k, v in more.items()}}
        with replacing(record) as part:
            part.write_text(json.dumps(whole, indent=2), encoding="utf-8")
    shell.result(_as_text(found, facts), facts)


def _check(sources: tuple[Path, ...], output: Path, method: str, given: dict[str, Any]) -> None:
    """Raise UsageError for what needs no data to be seen as wrong."""
    no_dash([("-o", named(output)), ("--record", given["record"])])
    if output.suffix.lower() not in SUFFIXES:
        said = f"{shown(output)}: a sample is {', '.join(SUFFIXES)}"
        raise click.BadParameter(said, param_hint="-o")
    if method == "stratified" and given["by"] is None:
        raise click.BadParameter("stratified needs --by COL", param_hint="--method")
    if given["weights"] is not None and (method != "random" or given["by"] is not None):
        said = "weights belong to --method random, without --by"
        raise click.BadParameter(said, param_hint="--weights")


def _check_kind(suffix: str, output: Path) -> None:
    """Raise BadInput unless the output is of the input's kind."""
    own = output.suffix.lower()
    if own != suffix and not {own, suffix} <= set(TEXT_SUFFIXES):
        raise BadInput(
            f"{shown(output)}: rows of a {suffix[1:]} are written as {suffix[1:]}; name OUT so"
        )


def _facts(found: Drawn, wanted: Wanted, sources: list[str], output: str) -> dict[str, Any]:
    return {
        "method": wanted.method,
        "rows": len(found.rows),
        "of": found.of,
        "seed": wanted.seed,
        "by": wanted.by,
        "sha256": found.sha256,
        "coverage": None if found.coverage is None else found.coverage._asdict(),
        "inputs": sources,
        "output": output,
    }


def _as_text(found: Drawn, facts: dict[str, Any]) -> str:
    lines = [
        f"written       {facts['output']}",
        f"rows          {len(found.rows):,} of {found.of:,}, {facts['method']}",
        f"weights       {found.weights.min():.4g} to {found.weights.max():.4g}",
    ]
    if found.coverage is not None:
        told = found.coverage._asdict()
        parts = ", ".join(f"{k} {v:.3f}" for k, v in told.items() if k != "whole")
        lines.append(f"coverage      {found.coverage.whole:.3f} ({parts})")
    return "\n".join(lines)
