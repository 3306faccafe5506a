"""``gputsne report``: verdict, records, pictures and numbers of a map on one HTML page."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from gputsne.base import events
from gputsne.cli.errors import Exit
from gputsne.cli.log import log_option
from gputsne.cli.maps import check_map_key, measure_options, read_data, read_map_of
from gputsne.cli.options import (
    PATH,
    Command,
    WholeNumber,
    input_options,
    option,
    options,
    split_commas,
)
from gputsne.cli.output import Output, output_of
from gputsne.cli.targets import check_inputs, check_targets, no_dash
from gputsne.cli.verdicts import check_rules, json_object, reason, rule_options, setting
from gputsne.cli.wording import in_shell
from gputsne.data import require
from gputsne.provenance.outcome import FAILED, Outcome, shown
from gputsne.runs.streams import named

EXAMPLES = """\
Examples:
  gputsne report points.csv map.csv -o report.html --labels kind --keep user,status
  gputsne report points.npy map.npy -o report.html --run run.json --json report.json
  gputsne report cells.h5ad cells_tsne.h5ad -o report.html --key X_pca --labels cell_type
  gputsne report points.csv map.csv -o report.html --labels kind --set latency_ms=8 \\
      --critical status --ack "visualization=ann: ten clear groups, one per service"

X is the data and Y the map of the same rows, as in gputsne metrics. Columns of --keep, with labels
and ids, are the records that the page shows; no others get into it. docs/report.md explains it.

The exit code is that of gputsne check: 0 if every gate is passed, on evidence; 1 if not.
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
        help="Points asked, against all others. [2000, fewer of more than 15,000]",
    ),
    *measure_options[2:],
    option(
        "--meta",
        multiple=True,
        metavar="NAMES",
        callback=split_commas,
        help="Columns of X that should not decide the map, no features.",
    ),
    option("--perplexity", type=float, metavar="P", help="Of the map. [that of --run]"),
    option("--run", type=PATH, metavar="FILE", help="What gputsne embed --run-record wrote."),
    option(
        "--critical",
        multiple=True,
        metavar="NAMES",
        callback=split_commas,
        help="Columns of --keep that neighbours must share.",
    ),
    option(
        "--space",
        type=click.Choice(["input", "pca", "map"]),
        help="Whose clusters and accuracy are judged. [input]",
    ),
    option("--title", metavar="TEXT", help="Of the page. [X's name]"),
)
@options(
    "Rules",
    *rule_options,
    option(
        "--evidence",
        "files",
        type=PATH,
        multiple=True,
        metavar="FILE",
        help="JSON of what was measured elsewhere, as for gputsne check; repeatable.",
    ),
)
@input_options("groups whose records are shown", "that the page shows as records")
@options(
    "Output",
    option(
        "-o", "--output", type=PATH, required=True, metavar="OUT", help="The HTML page. Required."
    ),
    option("--json", "json_path", type=PATH, metavar="FILE", help="Write it as JSON; - prints it."),
    option("--junit", type=PATH, metavar="FILE", help="Write the verdict as JUnit XML."),
)
@options(
    "What is printed",
    option("-q", "--quiet", is_flag=True, help="Print nothing but errors (and --json -)."),
    option(
        "-v", "--verbose", is_flag=True, help="Log progress off a terminal too, and tracebacks."
    ),
    log_option,
)
@click.pass_context
def report(ctx: click.Context, /, data: Path, map_: Path, **given: Any) -> None:
    """Report on the map Y of the table X: what to do, records, pictures, numbers."""
    data, map_ = named(data), named(map_)
    printed = given["json_path"] == Path("-")
    shell = output_of(ctx, {**given, "as_json": False}, aside=printed)
    _check_files(data, map_, given)
    require("jinja2", "a report")
    more = dict(setting(text) for text in given["settings"])

    import gputsne
    from gputsne.judging import evidence_of

    check_rules(given)
    run = None if given["run"] is None else json_object(given["run"])
    evidence: dict[str, Any] = {}
    for path in given["files"]:
        evidence |= evidence_of(json_object(path))
    points = read_data(data, given, shell)
    Y = read_map_of(map_, given["map_key"], points, data)
    asked = {"metric": given["metric"]} if given["metric"] else {}
    events.learn(seed=given["seed"])
    with events.stage("report"):
        made = gputsne.report(
            points.table.X, Y, points.table.labels, _records(points), path=given["output"],
            profile=given["profile"], rules=given["rules"], acks=given["acks"],
            evidence=evidence | more, space=given["space"], run=run, critical=given["critical"],
            metadata=points.hover or None, perplexity=given["perplexity"], k=given["k"],
            sample=given["sample"] or "auto", random_state=given["seed"],
            title=given["title"] or f"Report on {shown(data.name)}",
            command=shlex.join(["gputsne", *map(shown, ctx.meta["gputsne.arguments"])]), **asked,
        )  # fmt: skip
    if given["junit"] is not None:
        made.checklist.to_junit(given["junit"])
    if printed:
        Output(as_json=True).result("", json.loads(made.to_json()))
    elif given["json_path"] is not None:
        made.to_json(given["json_path"])
    shell.result(f"{in_shell(str(made))}\nwritten: {shown(given['output'])}", {})
    if made.exit_code:
        raise Exit(Outcome(FAILED, reason(made.checklist)))


def _check_files(data: Path, map_: Path, given: dict[str, Any]) -> None:
    """Raise UsageError for files that can't be read or written, before anything is computed."""
    flags = [("Y", map_), ("-o", given["output"]), ("--junit", given["junit"])]
    flags += [("--run", given["run"]), *(("--evidence", path) for path in given["files"])]
    no_dash(flags)
    check_inputs([data, map_], given["input_format"])
    check_map_key([map_], given["map_key"])
    read = [data, map_, given["join"], given["rules"], given["run"], *given["files"]]
    check_targets([given["output"], given["json_path"], given["junit"]], read)


def _records(points: Any) -> dict[str, Any] | None:
    """Return what the page shows of each row: id, label, and the columns that are kept."""
    held = dict(points.kept)
    if points.table.labels is not None:
        held = {points.label_name: points.table.labels, **held}
    if points.table.ids is not None:
        held = {"id": points.table.ids, **held}
    return held or None
