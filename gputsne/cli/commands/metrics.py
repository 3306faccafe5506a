"""``gputsne metrics``: how good a map is, from the files of data and map, as numbers or JSON."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gputsne.cli.options import (
    PATH,
    Command,
    WholeNumber,
    input_options,
    option,
    options,
    print_options,
    selection_of,
    split_commas,
)
from gputsne.cli.output import output_of
from gputsne.cli.targets import check_inputs, no_dash
from gputsne.data import BadInput, Selection, read
from gputsne.data.table import counted
from gputsne.planning.memory import available_memory
from gputsne.runs.outcome import shown
from gputsne.runs.reading import read_points
from gputsne.runs.streams import Source, named, opened

AXES = ("x", "y", "z")  # as embed names a map's columns
H5AD_MAP = "obsm/X_tsne"

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
    option("-k", "k", type=WholeNumber(1), metavar="K", help="Neighbours per point. [10]"),
    option(
        "--sample",
        type=WholeNumber(1),
        metavar="N",
        help="Points asked, against all others. [2000, fewer of more than 250,000]",
    ),
    option("--seed", type=WholeNumber(0), default=0, metavar="N", help="Of the sample. [0]"),
    option("--metric", metavar="NAME", help="How rows of X are compared. [euclidean]"),
    option("--map-key", metavar="NAME", help=f"Matrix of Y where it is h5ad. [{H5AD_MAP}]"),
    option(
        "--symptoms",
        is_flag=True,
        help="Also measure what gputsne check --profile diagnose judges.",
    ),
    option(
        "--meta",
        "keep",
        multiple=True,
        metavar="NAMES",
        callback=split_commas,
        help="Columns of X that should not decide the map, no features; with --symptoms.",
    ),
    option("--perplexity", type=float, metavar="P", help="Of the map; with --symptoms."),
)
@input_options("what metrics of labels compare")
@print_options
@click.pass_context
def metrics(ctx: click.Context, /, data: Path, map_: Path, **given: Any) -> None:
    """Measure how good the map Y of the table X is."""
    data, map_ = named(data), named(map_)
    shell = output_of(ctx, given)
    no_dash([("Y", map_)])
    check_inputs([data, map_], given["input_format"])
    for flag, value in (("--meta", given["keep"]), ("--perplexity", given["perplexity"])):
        if value and not given["symptoms"]:
            raise click.BadParameter("has no effect without --symptoms", param_hint=flag)

    import gputsne

    with ExitStack() as stack:
        source = stack.enter_context(opened(data, given["input_format"]))
        limited = replace(selection_of(given), memory_limit=available_memory())
        points = read_points([source], limited, keep=given["keep"])
        Y = _map(stack.enter_context(opened(map_, None)), given["map_key"])
    for said in points.notes:
        shell.note(said)
    X = points.table.X
    if len(Y) != X.shape[0]:
        raise BadInput(
            f"{shown(map_)} has {counted(len(Y), 'row')}, {shown(data)} has {X.shape[0]}: a map "
            "has one row for each row of the data"
        )
    asked = {"metric": given["metric"]} if given["metric"] else {}
    evidence: dict[str, Any] = gputsne.metrics.evaluate(
        X, Y, points.table.labels, k=given["k"] or 10, sample=given["sample"] or "auto",
        random_state=given["seed"], **asked,
    )  # fmt: skip
    if given["symptoms"]:
        found = gputsne.inspect.symptoms(
            X, Y, metadata=points.kept or None, perplexity=given["perplexity"],
            random_state=given["seed"], **asked,
        )  # fmt: skip
        evidence = evidence | found.evidence
    facts = {"data": shown(data), "map": shown(map_), "points": len(Y), "evidence": evidence}
    shell.result(_as_text(evidence), facts)


def _map(source: Source, key: str | None) -> Any:
    """Return the map of a file: the columns x, y, z, or all numbers."""
    want = Selection(memory_limit=available_memory())
    if source.path.suffix.lower() == ".h5ad":
        want = replace(want, key=key or H5AD_MAP)
    elif key is not None:
        raise click.BadParameter("has an effect on h5ad alone", param_hint="--map-key")
    table = read(source.path, want, memory_limit=want.memory_limit)
    names = table.names or ()
    axes = [name for name in AXES if name in names]
    if len(axes) > 1:
        return table.X[:, [names.index(name) for name in axes]]
    return table.X


def _as_text(evidence: dict[str, Any]) -> str:
    width = max(map(len, evidence))
    lines = []
    for name, value in evidence.items():
        if name.endswith("_se") and name[:-3] in evidence:
            continue
        told = f"{value:.4g}" if isinstance(value, float) else str(value)
        error = evidence.get(f"{name}_se")
        lines.append(f"{name:<{width}}  {told}" + ("" if error is None else f" ± {error:.2g}"))
    return "\n".join(lines)
