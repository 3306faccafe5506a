"""``gputsne check``: JSON files of evidence against the rules of a profile, in an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gputsne.cli.errors import Exit
from gputsne.cli.options import PATH, Command, option, options, print_options
from gputsne.cli.output import output_of
from gputsne.cli.targets import check_targets, no_dash
from gputsne.cli.verdicts import check_rules, json_object, reason, rule_options, setting
from gputsne.cli.wording import in_shell
from gputsne.data import require
from gputsne.provenance.outcome import FAILED, Outcome

EXAMPLES = """\
Examples:
  gputsne check evidence.json --set latency_ms=8 --set footprint_gb=10 --set budget_gb=16
  gputsne check run.json symptoms.json --profile diagnose
  gputsne check evidence.json --rules ours.toml --junit check.xml --html check.html \\
      --ack "visualization=ann: ten clear groups, one per service"

EVIDENCE is what gputsne metrics --json or gputsne embed --run-record writes, or any JSON object of
numbers; of several the later counts. docs/judging.md lists the rules and says how to add your own.

The exit code is 0 if every gate is passed, on evidence; 1 if one fails, or a required one has no
evidence or nobody's word; 2 and 3 as ever. Missing evidence is n/a, never a pass.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("files", metavar="EVIDENCE...", type=PATH, nargs=-1, required=True)
@options("Rules", *rule_options)
@options(
    "Output",
    option("--junit", type=PATH, metavar="FILE", help="Write JUnit XML."),
    option("--html", type=PATH, metavar="FILE", help="Write a page that loads nothing."),
)
@print_options
@click.pass_context
def check(ctx: click.Context, /, files: tuple[Path, ...], **given: Any) -> None:
    """Hold EVIDENCE against the rules of a profile."""
    shell = output_of(ctx, given)
    flags = [("--rules", given["rules"]), ("--junit", given["junit"]), ("--html", given["html"])]
    no_dash([*(("EVIDENCE", path) for path in files), *flags])
    check_targets([given["junit"], given["html"]], [*files, given["rules"]])
    if given["html"] is not None:
        require("jinja2", f"writing {given['html'].name}")
    more = dict(setting(text) for text in given["settings"])

    import gputsne
    from gputsne.judging import evidence_of

    check_rules(given)
    evidence: dict[str, Any] = {}
    for path in files:
        evidence |= evidence_of(json_object(path))
    found = gputsne.check(
        evidence | more, given["profile"], rules=given["rules"], acks=given["acks"]
    )
    if given["junit"] is not None:
        found.to_junit(given["junit"])
    if given["html"] is not None:
        found.to_html(given["html"])
    shell.result(in_shell(str(found)), found.to_dict())
    if found.exit_code:
        raise Exit(Outcome(FAILED, reason(found)))
