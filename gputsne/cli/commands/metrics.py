"""``gputsne metrics``: how good a map is, from the files of data and map, as numbers or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gputsne.base import events
from gputsne.cli.maps import (
    Scores,
    check_map_key,
    measure_options,
    measured,
    read_data,
    read_map_of,
    told,
)
from gputsne.cli.options import (
    PATH,
    Command,
    input_options,
    option,
    options,
    print_options,
    split_commas,
)
from gputsne.cli.output import output_of
from gputsne.cli.targets import check_inputs, no_dash
from gputsne.provenance.outcome import shown
from gputsne.runs.streams import named

EXAMPLES = """\
Examples:
  gputsne metrics points.csv map.csv --labels kind
  gputsne metrics points.npy map.npy --json > evidence.json && gputsne check evidence.json
  gputsne metrics cells.h5ad cells_tsne.h5ad --key X_pca --labels cell_type
  gputsne metrics points.csv map.csv --symptoms --meta time,batch --json > evidence.json

X is the data and Y the map of the same rows: the columns x, y, z where Y has them, else every
numeric column. docs/metrics.md says what each number means.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("data", metavar="X", type=PATH)
@click.argument("map_", metavar="Y", type=PATH)
@options(
    "Options",
    *measure_options,
    option(
        "--symptoms",
        is_flag=True,
        help="Also measure what gputsne check --profile diagnose judges.",
    ),
    option(
        "--meta",
        multiple=True,
        metavar="NAMES",
        callback=split_commas,
        help="Columns of X that should not decide the map, no features; with --symptoms.",
    ),
    option("--perplexity", type=float, metavar="P", help="Of the map; with --symptoms."),
)
@input_options("what metrics of labels compare", without=("--keep",))
@print_options
@click.pass_context
def metrics(ctx: click.Context, /, data: Path, map_: Path, **given: Any) -> None:
    """Measure how good the map Y of the table X is."""
    data, map_ = named(data), named(map_)
    shell = output_of(ctx, given, needed=True)
    no_dash([("Y", map_)])
    check_inputs([data, map_], given["input_format"])
    for flag, value in (("--meta", given["meta"]), ("--perplexity", given["perplexity"])):
        if value and not given["symptoms"]:
            raise click.BadParameter("has no effect without --symptoms", param_hint=flag)

    check_map_key([map_], given["map_key"])

    import gputsne

    points = read_data(data, given, shell)
    X = points.table.X
    Y = read_map_of(map_, given["map_key"], points, data)
    asked = {"metric": given["metric"]} if given["metric"] else {}
    events.learn(seed=given["seed"])
    with events.stage("measure"):
        evidence: dict[str, Any] = gputsne.metrics.evaluate(
            X, Y, points.table.labels, k=given["k"], sample=given["sample"] or "auto",
            random_state=given["seed"], **asked,
        )  # fmt: skip
    if given["symptoms"]:
        with events.stage("symptoms"):
            found = gputsne.inspect.symptoms(
                X, Y, metadata=points.hover or None, perplexity=given["perplexity"],
                random_state=given["seed"], **asked,
            )  # fmt: skip
        evidence = evidence | found.evidence
    facts = {"data": shown(data), "map": shown(map_), "points": len(Y), "evidence": evidence}
    shell.result(_as_text(evidence), facts)


def _as_text(evidence: Scores) -> str:
    width = max(map(len, evidence))
    return "\n".join(f"{name:<{width}}  {told(evidence, name)}" for name in measured(evidence))
