"""``gputsne check``: JSON files of evidence against the rules of a profile, in an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gputsne.cli.errors import Exit
from gputsne.cli.options import PATH, Command, option, options, print_options
from gputsne.cli.output import output_of
from gputsne.cli.targets import check_targets, no_dash
from gputsne.cli.wording import in_shell
from gputsne.data import BadInput
from gputsne.runs.outcome import FAILED, Outcome, shown

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
@options(
    "Rules",
    option(
        "--profile",
        default="go-no-go",
        metavar="NAME",
        help="go-no-go, diagnose, clusters, neighbors, models, or one of your own. [go-no-go]",
    ),
    option("--rules", type=PATH, metavar="FILE", help="TOML: rules to add, or to put over ours."),
    option(
        "--ack",
        "acks",
        multiple=True,
        metavar="[ROW=]WHO:WHY",
        help="Answer the question ROW, or every question; repeatable.",
    ),
    option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="More evidence, a number; repeatable.",
    ),
)
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
    more = dict(_setting(text) for text in given["settings"])

    import gputsne
    from gputsne.judging import evidence_of, read_rules
    from gputsne.judging.rules import profiles_of

    known = profiles_of(read_rules(given["rules"]))
    if given["profile"] not in known:
        said = f"{given['profile']!r} is none of {', '.join(known)}"
        raise click.BadParameter(said, param_hint="--profile")
    _check_acks(given)
    evidence: dict[str, Any] = {}
    for path in files:
        evidence |= evidence_of(_object(path))
    found = gputsne.check(
        evidence | more, given["profile"], rules=given["rules"], acks=given["acks"]
    )
    if given["junit"] is not None:
        found.to_junit(given["junit"])
    if given["html"] is not None:
        found.to_html(given["html"])
    shell.result(in_shell(str(found)), found.to_dict())
    if found.exit_code:
        raise Exit(Outcome(FAILED, _reason(found)))


def _check_acks(given: dict[str, Any]) -> None:
    """Raise UsageError for answers that the profile has no question for."""
    import gputsne

    try:
        gputsne.check({}, given["profile"], rules=given["rules"], acks=given["acks"])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ack") from error


def _reason(found: Any) -> str:
    failed = [row.id for row in found.rows if row.status == "fail"]
    waiting = [
        row.id for row in found.rows if row.required and row.status in ("n/a", "needs review")
    ]
    if failed:
        return f"{found.profile} failed: {', '.join(failed)}"
    named = f": {', '.join(waiting)}" if waiting else ", no rule has evidence"
    return f"{found.profile} is incomplete{named}"


def _object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file."""
    name = shown(path)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"{name}: no such file") from error
    except OSError as error:
        raise BadInput(f"{name}: {error.strerror}") from error
    except RecursionError as error:
        raise BadInput(f"{name} is nested too deep to be read") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise BadInput(f"{name} is no JSON: {error}") from error
    if not isinstance(held, dict):
        raise BadInput(f"{name} holds a {type(held).__name__}; evidence is an object of numbers")
    return held


def _setting(text: str) -> tuple[str, float]:
    """Return name and number of ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    try:
        if not equals or not name.strip():
            raise ValueError
        return name.strip(), float(value)
    except ValueError:
        said = f"{text!r} is no NAME=VALUE with a number"
        raise click.BadParameter(said, param_hint="--set") from None
