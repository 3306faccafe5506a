"""``gputsne compare``: maps of one table side by side, with gates; or one run with another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gputsne.cli.comparing import compare_two, is_of_runs
from gputsne.cli.errors import Exit
from gputsne.cli.maps import (
    Scores,
    best_help,
    check_best,
    check_map_key,
    failed_gates,
    gate_option,
    gate_outcome,
    gates_of,
    in_columns,
    measure_options,
    measured,
    names_of,
    names_option,
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
)
from gputsne.cli.output import output_of
from gputsne.cli.stores import store_option
from gputsne.cli.targets import check_inputs, no_dash
from gputsne.provenance.outcome import shown
from gputsne.runs.streams import named

EXAMPLES = """\
Examples:
  gputsne compare points.csv tsne.csv umap.csv --labels kind
  gputsne compare points.npy old.npy new.npy --names old,new --best knn_preservation
  gputsne compare points.npy old.npy new.npy --gate "new.rnx >= old.rnx" --json
  gputsne compare production 20261127T063518Z-3f2a9c1b --store nightly
  gputsne compare monday.csv tuesday.csv --data points1.csv --data points2.csv --id name

X is the data, each Y a map of the same rows: the columns x, y, z where it has them, else every
numeric column. * marks the best of each line. docs/metrics.md says what each number means.

A gate compares metrics with numbers and each other; NAME.metric is that of one map. Without --best
every map must pass it. A metric without a value passes no gate.

With --store, X and Y are two runs by id or ref, the older first; with --data twice, the files of
two maps. The maps are aligned, rows matched by id, before they are compared: how far maps and data
are apart, the group of rows that changed most, its columns, and whether data, settings or another
version of a library are the cause. The exit code is 0: gputsne check judges.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("data", metavar="X", type=PATH)
@click.argument("maps", metavar="Y...", type=PATH, nargs=-1, required=True)
@options(
    "Options",
    *measure_options,
    names_option,
    option("--best", metavar="METRIC", help=best_help),
    gate_option,
)
@options(
    "Two runs in place of X and Y",
    store_option,
    option(
        "--data",
        "sides",
        type=PATH,
        multiple=True,
        metavar="FILE",
        help="What the maps were made of, given twice, the older first.",
    ),
)
@input_options("what metrics of labels compare")
@print_options
@click.pass_context
def compare(ctx: click.Context, /, data: Path, maps: tuple[Path, ...], **given: Any) -> None:
    """Measure several maps of the table X side by side; or compare the run Y with an earlier X."""
    if is_of_runs(ctx, (data, *maps), given):
        compare_two(ctx, (data, *maps), given)
        return
    data, maps = named(data), tuple(map(named, maps))
    shell = output_of(ctx, given, needed=True)
    no_dash([("Y", path) for path in maps])
    check_inputs([data, *maps], given["input_format"])
    check_map_key(maps, given["map_key"])
    names = names_of(maps, given["names"])
    check_best(given["best"], given["labels"] is not None)
    gates = gates_of(given["gates"], names)

    from gputsne import metrics

    points = read_data(data, given, shell)
    read = {
        name: read_map_of(path, given["map_key"], points, data)
        for name, path in zip(names, maps, strict=True)
    }
    asked = {"metric": given["metric"]} if given["metric"] else {}
    found = metrics.compare(
        points.table.X, read, points.table.labels, k=given["k"],
        sample=given["sample"] or "auto", random_state=given["seed"], **asked,
    )  # fmt: skip
    best = None if given["best"] is None else metrics.best(found, given["best"])
    failed = failed_gates(gates, found, names if best is None else [best])
    facts = {
        "data": shown(data),
        "points": points.table.X.shape[0],
        "maps": {name: shown(path) for name, path in zip(names, maps, strict=True)},
        "evidence": found,
        "best": None if best is None else {"metric": given["best"], "map": best},
        "failed": failed,
    }
    said = _table(found)
    if best is not None:
        said += f"\n\nbest by {given['best']}: {best}"
    shell.result(said, facts)
    if failed:
        raise Exit(gate_outcome(failed))


def _table(found: Mapping[str, Scores]) -> str:
    """Return metrics as lines, maps as columns, the best of a line marked."""
    from gputsne.metrics import METRICS, best

    rows = [["", *found]]
    for name in measured(next(iter(found.values()))):
        values = [scores[name] for scores in found.values()]
        most = None
        if name in METRICS and len(found) > 1 and len(set(values)) > 1:
            most = found[best(found, name)][name] if any(v == v for v in values) else None
        rows.append([name, *(told(s, name, "*" * (s[name] == most)) for s in found.values())])
    return in_columns(rows)
