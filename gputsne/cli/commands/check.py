"""``gputsne check``: evidence, or a run beside its baseline, against a profile's rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gputsne.cli.errors import Exit
from gputsne.cli.options import FOLDER, PATH, Command, option, options, print_options
from gputsne.cli.output import output_of
from gputsne.cli.runs_asked import evidence_given
from gputsne.cli.stores import store_option
from gputsne.cli.targets import check_targets, no_dash
from gputsne.cli.verdicts import check_rules, reason, rule_options, setting
from gputsne.cli.wording import in_shell
from gputsne.data import require
from gputsne.provenance.outcome import FAILED, Outcome

EXAMPLES = """\
Examples:
  gputsne check evidence.json --set latency_ms=8 --set footprint_gb=10 --set budget_gb=16
  gputsne check run.json symptoms.json --profile diagnose
  gputsne check run.json --profile ci --baseline production.json --junit check.xml
  gputsne check canary --profile prod --baseline production --store s3://maps/nightly --ops ops
  gputsne check evidence.json --rules ours.toml --junit check.xml --html check.html \\
      --ack "visualization=ann: ten clear groups, one per service"

EVIDENCE is what gputsne metrics --json or gputsne embed --run-record writes, or any JSON object of
numbers; of several the later counts. One of them may be a run: a record, or with --store the id or
ref of a stored run, whose data and map are then compared with the baseline's. The verdict on a
stored run is kept in the store, where it keeps gputsne runs promote from a run that failed. Of
records of gputsne sample the first is the sample; others of the same table and seed tell whether
it can be drawn again.
docs/gates.md lists the profiles for runs, docs/judging.md the others and how to add your own rules.

The exit code is 0 if every gate is passed, on evidence; 1 if one fails, or a required one has no
evidence or nobody's word; 2 and 3 as ever. Missing evidence is n/a, never a pass.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("evidence", metavar="EVIDENCE...", nargs=-1, required=True)
@options("Rules", *rule_options)
@options(
    "Runs",
    option("--baseline", metavar="RUN", help="Record, id or ref that the run is compared with."),
    store_option,
    option(
        "--repeat", "repeats", multiple=True, metavar="RUN",
        help="Another run of the same data, to tell whether it is reproducible; repeatable.",
    ),
    option("--input", type=PATH, metavar="FILE", help="Hold FILE against the hash of the input."),
    option(
        "--published", multiple=True, metavar="PLACE",
        help="File or address of a dashboard or runbook; repeatable.",
    ),
)  # fmt: skip
@options(
    "What lies around",
    option("--scrape", metavar="URL", help="Scrape the job's metrics once."),
    option(
        "--manifest", "manifests", type=click.Path(path_type=Path), multiple=True, metavar="PATH",
        help="Kubernetes file or folder whose containers must have limits; repeatable.",
    ),
    option(
        "--ops", "operations", type=FOLDER, metavar="DIR",
        help="What gputsne ops init wrote: alerts, manifests, runbook, dashboards.",
    ),
)  # fmt: skip
@options(
    "Output",
    option("--junit", type=PATH, metavar="FILE", help="Write JUnit XML."),
    option("--markdown", type=PATH, metavar="FILE", help="Write Markdown, for a CI job's page."),
    option("--html", type=PATH, metavar="FILE", help="Write a page that loads nothing."),
)
@print_options
@click.pass_context
def check(ctx: click.Context, /, evidence: tuple[str, ...], **given: Any) -> None:
    """Hold EVIDENCE, or a run beside its baseline, against the rules of a profile."""
    shell = output_of(ctx, given)
    files = [Path(name) for name in evidence]
    written = [given[name] for name in ("junit", "markdown", "html")]
    flags = [(f"--{name}", given[name]) for name in ("rules", "junit", "markdown", "html", "input")]
    no_dash([*(("EVIDENCE", path) for path in files), *flags])
    check_targets(written, [*files, given["rules"], given["input"]])
    if given["html"] is not None:
        require("jinja2", f"writing {given['html'].name}")
    more = dict(setting(text) for text in given["settings"])

    import gputsne

    check_rules(given)
    asked = evidence_given(evidence, given)
    found = gputsne.check(
        asked.evidence | more, given["profile"], rules=given["rules"], acks=given["acks"]
    )
    for name in ("junit", "markdown", "html"):
        if given[name] is not None:
            getattr(found, f"to_{name}")(given[name])
    if asked.stored is not None:
        asked.store.add_check(asked.stored, found)
    shell.result(in_shell(str(found)), found.to_dict())
    if found.exit_code:
        raise Exit(Outcome(FAILED, reason(found)))
