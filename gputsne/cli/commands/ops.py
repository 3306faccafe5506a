"""``gputsne ops``: operating files of a site, whether they are fresh, and metrics of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gputsne.cli.errors import Exit
from gputsne.cli.options import (
    FOLDER,
    PATH,
    Command,
    Group,
    count_of,
    option,
    options,
    print_options,
)
from gputsne.cli.output import output_of
from gputsne.cli.stores import found_store, store_option
from gputsne.provenance.outcome import FAILED, Outcome

EXAMPLES = """\
Examples:
  gputsne ops init ops
  gputsne ops check ops
  gputsne ops metrics --store s3://maps/nightly --textfile /var/lib/node_exporter/maps.prom

docs/operate.md tells what the files are and how to use them.
"""
OF_INIT = """\
Examples:
  gputsne ops init ops --rows 2e6 --features 128
  promtool test rules ops/prometheus/alerts_test.yml

DIR gets ops.toml, which is yours to change, and what is made from it, from the rules of gputsne
check, from the table of metrics and from gputsne plan: files for Prometheus, Alertmanager, Grafana
and Datadog, manifests for Kubernetes, and RUNBOOK.md. Called again it writes what has become stale.
"""
OF_CHECK = """\
Examples:
  gputsne ops check ops
  gputsne ops check ops --manifest deploy

The exit code is 0 if every file of DIR is what gputsne ops init would write, and no manifest in
DIR/kubernetes or of --manifest is unsafe; else 1. Unsafe is a container without requests and
limits, as root, with a root that it may write to, with privileges or of no pinned image, a pod with
a token or with parts of its node, and what has no labels model, team, cost-center and owner.
"""
OF_METRICS = """\
Examples:
  gputsne ops metrics --store nightly
  gputsne ops metrics --store nightly --textfile maps.prom

Counters over all runs of the store, gauges of the latest run of each model, pipeline and owner.
"""


def check_arguments(folder: Path) -> None:
    """Raise BadInput where ``cluster.arguments`` of a folder are no options of gputsne embed."""
    from gputsne.base.errors import BadInput
    from gputsne.cli.commands.embed import embed
    from gputsne.telemetry.operations.settings import FILE, Settings

    own = folder / FILE
    if not own.exists():
        return
    given = list(Settings.read(own).cluster.arguments)
    with click.Context(embed, info_name="gputsne embed") as context:
        try:
            told, _, _ = embed.make_parser(context).parse_args(list(given))
            wrong = ""
            if isinstance(sources := told.get("sources"), list | tuple) and sources:
                wrong = f"{sources[0]!r} belongs to none, and the input is cluster.input"
            elif "--help" in given:
                wrong = "--help computes nothing"
        except click.UsageError as error:
            wrong = error.format_message()
    if wrong:
        raise BadInput(
            f"{own}: cluster.arguments = {given!r} must be options of gputsne embed: {wrong}"
        )


@click.group(cls=Group, examples=EXAMPLES)
def ops() -> None:
    """Write and check operating files: alerts, dashboards, runbook; metrics of a store."""


@ops.command(cls=Command, examples=OF_INIT)
@click.argument("folder", metavar="DIR", type=FOLDER)
@options(
    "Options",
    option("--rows", type=count_of, metavar="N", help="Of the nightly map, for a new ops.toml."),
    option("--features", type=count_of, metavar="D", help="Likewise."),
    option("--dry-run", is_flag=True, help="Write nothing, tell what would be written."),
)
@print_options
@click.pass_context
def init(ctx: click.Context, /, folder: Path, **given: Any) -> None:
    """Write the operating files into DIR, or write those again that are stale."""
    from gputsne.telemetry.operations import write

    shell = output_of(ctx, given)
    check_arguments(folder)
    names = ("dry_run", "rows", "features")
    written = write(folder, **{name: given[name] for name in names})
    what = "would be written" if given["dry_run"] else "written"
    said = "\n".join(f"{what}   {folder / name}" for name in written)
    shell.result(said or f"{folder} is fresh: nothing was written", {"written": written})


@ops.command("check", cls=Command, examples=OF_CHECK)
@click.argument("folder", metavar="DIR", type=FOLDER)
@options(
    "Options",
    option("--diff", is_flag=True, help="Print how the files differ, too."),
    option(
        "--manifest",
        "manifests",
        type=click.Path(path_type=Path, exists=True),
        multiple=True,
        metavar="PATH",
        help="Manifests of your own, a file or a folder; repeatable.",
    ),
)
@print_options
@click.pass_context
def check_folder(ctx: click.Context, /, folder: Path, **given: Any) -> None:
    """Tell which operating files of DIR are stale or missing, and which manifests are unsafe."""
    from gputsne.telemetry.operations import differences, stale, unsafe

    shell = output_of(ctx, given)
    check_arguments(folder)
    found, faults = stale(folder), unsafe(folder, given["manifests"])
    said = [f"{what:<8} {folder / name}" for name, what in found.items()]
    said += [f"unsafe   {path}: {fault}" for path, told in faults.items() for fault in told]
    if found and given["diff"]:
        said.append(differences(folder))
    text = "\n".join(said) or f"{folder} is fresh"
    shell.result(text, {"files": found, "manifests": faults})
    if found:
        raise Exit(
            Outcome(FAILED, f"{len(found)} files: write them with gputsne ops init {folder}")
        )
    if faults:
        raise Exit(Outcome(FAILED, f"{len(faults)} files with unsafe manifests: see above"))


@ops.command("metrics", cls=Command, examples=OF_METRICS)
@options(
    "Options",
    store_option,
    option("--textfile", type=PATH, metavar="FILE", help="Write FILE. [print]"),
    option("--seeds", is_flag=True, help="Compare maps that differ in their seed, too."),
    option("--openmetrics", is_flag=True, help="Print OpenMetrics, with runs as exemplars."),
)
@print_options
@click.pass_context
def metrics_of_store(ctx: click.Context, /, **given: Any) -> None:
    """Tell the metrics of all runs of a store."""
    from gputsne.data import require
    from gputsne.telemetry import board_of_store
    from gputsne.telemetry.sinks import put_textfile

    shell = output_of(ctx, given)
    require("prometheus_client", "telling metrics")
    board = board_of_store(found_store(given), seeds=given["seeds"])
    text = board.text(openmetrics=given["openmetrics"])
    path = given["textfile"]
    if path is None:
        shell.result(text.rstrip("\n"), {"metrics": text})
        return
    put_textfile(path, text)
    shell.result(f"written   {path}", {"written": [str(path)]})
