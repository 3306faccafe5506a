"""``gputsne doctor``: whether gputsne can work here, line by line, each with one remedy."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import click

from gputsne.cli.errors import Exit
from gputsne.cli.monitoring import monitor_options
from gputsne.cli.options import PATH, Command, option, options, print_options
from gputsne.cli.output import output_of
from gputsne.cli.stores import store_option
from gputsne.cli.targets import no_dash
from gputsne.provenance.outcome import FAILED, Outcome, shown

EXAMPLES = """\
Examples:
  gputsne doctor
  gputsne doctor --store s3://maps/nightly --metrics-textfile /var/lib/node_exporter/maps.prom
  gputsne doctor --scrape http://localhost:8000/metrics --json

A line per check: ok, warning (gputsne runs, and something is slow or risky) or failed, and below
it what to do. The exit code is 0 if nothing failed, else 1. The variable GPUTSNE_SCRAPE_TOKEN has
the token of a server that asks for one. docs/operate.md tells more.
"""
MARK = {"ok": "ok", "warning": "warning", "failed": "FAILED"}


@click.command(cls=Command, examples=EXAMPLES)
@options(
    "Options",
    store_option,
    option("--scrape", metavar="URL", help="Metrics that are scraped: http://HOST:PORT/metrics."),
    *(spec for spec in monitor_options if spec[0][0] != "--metrics-port"),
    option("-o", "--output", type=PATH, metavar="OUT", help="File that a map is to be written to."),
    option("--checkpoint", type=PATH, metavar="FILE", help="File that a run is to be kept in."),
)
@print_options
@click.pass_context
def doctor(ctx: click.Context, /, **given: Any) -> None:
    """Tell whether gputsne can work here, and what to do where it can't."""
    from gputsne.telemetry.doctor import examine

    shell = output_of(ctx, given, needed=True)
    no_dash([("-o", given["output"]), ("--checkpoint", given["checkpoint"])])
    found = examine(
        store=given["store"] or None, scrape=given["scrape"], pushgateway=given["pushgateway"],
        textfile=given["metrics_textfile"], output=given["output"], checkpoint=given["checkpoint"],
    )  # fmt: skip
    counts = Counter(finding.state for finding in found)
    lines = []
    for finding in found:
        name = f"{finding.area} {finding.name}"
        lines.append(f"{MARK[finding.state]:<9}{name:<30}{shown(finding.found)}")
        if finding.remedy:
            lines.append(f"{'':<9}{'':<30}-> {shown(finding.remedy)}")
    told = {state: counts[state] for state in MARK}
    lines.append(", ".join(f"{count} {state}" for state, count in told.items()))
    facts = {"findings": [asdict(finding) for finding in found], **told}
    shell.result("\n".join(lines), facts)
    if counts["failed"]:
        failed = [f"{f.area} {f.name}" for f in found if f.state == "failed"]
        raise Exit(Outcome(FAILED, f"failed: {', '.join(failed)}"))
