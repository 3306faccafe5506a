"""``gputsne runs summary``, ``cost`` and ``bundle``: a review of a time, and a post-mortem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gputsne.base.files import replacing
from gputsne.cli.commands.runs.look import attempts_of
from gputsne.cli.maps import in_columns
from gputsne.cli.options import PATH, Command, option, options, print_options
from gputsne.cli.output import output_of, seconds
from gputsne.cli.stores import moment, since_option, store_of, store_option, tag_option
from gputsne.cli.targets import check_targets, no_dash
from gputsne.provenance.outcome import shown

SUMMARY_EXAMPLES = """\
Examples:
  gputsne runs summary --since 7d
  gputsne runs summary --since 90d --tag team=search --json
"""


@click.command(cls=Command, examples=SUMMARY_EXAMPLES)
@options(
    "Options",
    store_option,
    option(
        "--since",
        default="30d",
        metavar="WHEN",
        callback=lambda ctx, param, value: moment(value, "--since"),
        help="An age such as 7d, 30d or 90d, or a date. [30d]",
    ),
    tag_option,
)
@print_options
@click.pass_context
def summary(ctx: click.Context, /, **given: Any) -> None:
    """Review a time: success rate, drift, cost, and the versions that were in use."""
    shell = output_of(ctx, given, needed=True)
    store, tags = store_of(given), given["tags"]
    from gputsne.runs import review

    found = store.list(since=given["since"], tagged=tags)
    attempts = attempts_of(store, given["since"], tags)
    drifts = {run.id: review.drift_of(run, store.checks(run.id)) for run in found}
    told = review.summary(found, attempts, drifts)
    shell.result(_summarised(told), {"since": given["since"].isoformat(), **told})


def _summarised(told: dict[str, Any]) -> str:
    rate = told["success_rate"]
    status = ", ".join(f"{n} {word}" for word, n in told["status"].items()) or "none"
    killed = f", {told['killed']} killed" if told["killed"] else ""
    names = [*told["drift"], *told["versions"]]
    w = max([12, *map(len, names)]) + 2  # of the column of names
    lines = [
        f"{'runs':<{w}}{status}{killed}",
        f"{'success':<{w}}{'n/a' if rate is None else f'{rate:.1%}'}",
        f"{'time':<{w}}{seconds(told['seconds'])}",
        f"{'cost':<{w}}{told['cost']:.2f}{_unpriced(told['without_price'])}",
    ]
    for name, held in told["drift"].items():
        worst = f"most {held['max']:.3g} in {held['worst']}"
        lines.append(f"{name:<{w}}{held['mean']:.3g} on average of {held['runs']}, {worst}")
    for name, held in told["versions"].items():
        seen = ", ".join(f"{version} ({n})" for version, n in held.items())
        lines.append(f"{name:<{w}}{seen}")
    return "\n".join(lines)


def _unpriced(n: int) -> str:
    return f", {n} without a price" if n else ""


COST_EXAMPLES = """\
Examples:
  gputsne runs cost --by tag.team
  gputsne runs cost --by month --since 2026-01-01
"""


@click.command(cls=Command, examples=COST_EXAMPLES)
@options(
    "Options",
    store_option,
    option(
        "--by",
        default="tag.team",
        metavar="KEY",
        help="tag.NAME, status, device, host, day or month. [tag.team]",
    ),
    since_option,
    tag_option,
)
@print_options
@click.pass_context
def cost(ctx: click.Context, /, **given: Any) -> None:
    """Add up what runs cost: hours times --price-per-hour of embed times replicas."""
    shell = output_of(ctx, given, needed=True)
    store, tags = store_of(given), given["tags"]
    from gputsne.runs.review import cost_by

    found = store.list(since=given["since"], tagged=tags)
    try:
        told = cost_by(found, given["by"])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--by") from error
    rows = [[given["by"], "runs", "time", "cost", ""]]
    for value, held in told.items():
        unpriced = _unpriced(int(held["without_price"])).removeprefix(", ")
        rows.append(
            [value, f"{held['runs']}", seconds(held["seconds"]), f"{held['cost']:.2f}", unpriced]
        )
    total = sum(held["cost"] for held in told.values())
    rows.append(["total", f"{len(found)}", "", f"{total:.2f}", ""])
    shell.result(in_columns(rows), {"by": given["by"], "costs": told, "total": total})


BUNDLE_EXAMPLES = """\
Examples:
  gputsne runs bundle production -o post-mortem.zip
"""


@click.command(cls=Command, examples=BUNDLE_EXAMPLES)
@click.argument("run", metavar="RUN")
@options(
    "Options",
    store_option,
    option("-o", "--output", type=PATH, required=True, metavar="ZIP", help="The file. Required."),
)
@print_options
@click.pass_context
def bundle(ctx: click.Context, /, run: str, output: Path, **given: Any) -> None:
    """Gather what a post-mortem of RUN needs in one zip.

    It holds run.json, kl.csv, diff.json (against the run before it under the same ref), cost.json,
    checks.json, and drift.json where drift was measured.
    """
    shell = output_of(ctx, given)
    no_dash([("-o", output)])
    check_targets([output], [])
    store = store_of(given)
    from gputsne.runs.bundle import bundle_of

    with replacing(output) as part:
        files = bundle_of(store, run, part)
    shell.result(f"written       {shown(output)}: {', '.join(files)}", {"files": files})
