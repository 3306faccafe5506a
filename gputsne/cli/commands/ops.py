"""``gputsne ops``: operating files of a site, whether they are fresh, and metrics of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gputsne.cli.errors import Exit
from gputsne.cli.options import FOLDER, PATH, Command, Group, option, options, print_options
from gputsne.cli.output import output_of
from gputsne.cli.stores import store_of, store_option
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
  gputsne ops init ops
  promtool test rules ops/prometheus/alerts_test.yml

DIR gets ops.toml, which is yours to change, and what is made from it, from the rules of gputsne
check and from the table of metrics: files for Prometheus, Alertmanager, Grafana and Datadog, and
RUNBOOK.md. Called again it writes what has become stale.
"""
OF_CHECK = """\
Examples:
  gputsne ops check ops

The exit code is 0 if every file of DIR is what gputsne ops init would write, else 1.
"""
OF_METRICS = """\
Examples:
  gputsne ops metrics --store nightly
  gputsne ops metrics --store nightly --textfile maps.prom

Counters over all runs of the store, gauges of the latest run of each model, pipeline and owner.
"""


@click.group(cls=Group, examples=EXAMPLES)
def ops() -> None:
    """Write and check operating files: alerts, dashboards, runbook; metrics of a store."""


@ops.command(cls=Command, examples=OF_INIT)
@click.argument("folder", metavar="DIR", type=FOLDER)
@options(
    "Options", option("--dry-run", is_flag=True, help="Write nothing, tell what would be written.")
)
@print_options
@click.pass_context
def init(ctx: click.Context, /, folder: Path, **given: Any) -> None:
    """Write the operating files into DIR, or write those again that are stale."""
    from gputsne.telemetry.operations import write

    shell = output_of(ctx, given)
    written = write(folder, dry_run=given["dry_run"])
    what = "would be written" if given["dry_run"] else "written"
    said = "\n".join(f"{what}   {folder / name}" for name in written)
    shell.result(said or f"{folder} is fresh: nothing was written", {"written": written})


@ops.command("check", cls=Command, examples=OF_CHECK)
@click.argument("folder", metavar="DIR", type=FOLDER)
@options("Options", option("--diff", is_flag=True, help="Print how the files differ, too."))
@print_options
@click.pass_context
def check_folder(ctx: click.Context, /, folder: Path, **given: Any) -> None:
    """Tell which operating files of DIR are stale or missing."""
    from gputsne.telemetry.operations import differences, stale

    shell = output_of(ctx, given)
    found = stale(folder)
    said = "\n".join(f"{what:<8} {folder / name}" for name, what in found.items())
    if found and given["diff"]:
        said += f"\n{differences(folder)}"
    shell.result(said or f"{folder} is fresh", {"files": found})
    if found:
        raise Exit(
            Outcome(FAILED, f"{len(found)} files: write them with gputsne ops init {folder}")
        )


@ops.command("metrics", cls=Command, examples=OF_METRICS)
@options(
    "Options",
    store_option,
    option("--textfile", type=PATH, metavar="FILE", help="Write FILE. [print]"),
    option("--openmetrics", is_flag=True, help="Print OpenMetrics, with runs as exemplars."),
)
@print_options
@click.pass_context
def metrics_of_store(ctx: click.Context, /, **given: Any) -> None:
    """Tell the metrics of all runs of a store."""
    from gputsne.base.files import replacing
    from gputsne.data import require
    from gputsne.telemetry import board_of_store

    shell = output_of(ctx, given)
    require("prometheus_client", "telling metrics")
    board = board_of_store(store_of(given))
    text = board.text(openmetrics=given["openmetrics"])
    path = given["textfile"]
    if path is None:
        shell.result(text.rstrip("\n"), {"metrics": text})
        return
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
        part.chmod(0o644)
    shell.result(f"written   {path}", {"written": [str(path)]})
