"""``gputsne runs cost`` and ``bundle``: who spent what, and a post-mortem."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gputsne.base.files import replacing
from gputsne.cli.commands.runs.look import attempts_of
from gputsne.cli.commands.runs.summary import unpriced
from gputsne.cli.maps import in_columns
from gputsne.cli.options import PATH, Command, option, options, print_options
from gputsne.cli.output import output_of
from gputsne.cli.stores import found_store, since_option, store_option, tag_option
from gputsne.cli.targets import check_targets, no_dash
from gputsne.provenance.outcome import shown

if TYPE_CHECKING:
    from gputsne.accounts.billing import Bill

COST_EXAMPLES = """\
Examples:
  gputsne runs cost --by tag.team
  gputsne runs cost --by month --since 2026-01-01
  gputsne runs cost --by tag.team --by month --csv bill.csv

Days and months are those of the calendar in UTC. Amounts of different currencies are told apart. A
run that was killed counts with what it was expected to cost. docs/runs.md has the columns of FILE.
"""


@click.command(cls=Command, examples=COST_EXAMPLES)
@options(
    "Options",
    store_option,
    option(
        "--by",
        multiple=True,
        metavar="KEY",
        help="tag.NAME, status, device, host, day or month; repeatable. [tag.team]",
    ),
    option("--csv", "table", type=PATH, metavar="FILE", help="Write a line for each as CSV, too."),
    since_option,
    tag_option,
)
@print_options
@click.pass_context
def cost(ctx: click.Context, /, **given: Any) -> None:
    """Add up what runs cost: hours times price times machines of embed."""
    table = given["table"]
    shell = output_of(ctx, given, needed=table is None)
    no_dash([("--csv", table)])
    check_targets([table], [])
    store, tags = found_store(given), given["tags"]
    by = given["by"] or ("tag.team",)
    from gputsne.accounts.billing import bill

    found = store.list(since=given["since"], tagged=tags)
    try:
        told = bill(found, attempts_of(store, given["since"], tags), by)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--by") from error
    if table is not None:
        with replacing(table) as part:
            part.write_bytes(told.csv().encode("utf-8"))
    facts = told.to_dict()
    if len(by) == 1:
        facts |= {"by": by[0], "costs": told.by_first(), "total": told.summed()["cost"]}
    shell.result(_billed(told), facts)


def _billed(told: Bill) -> str:
    from gputsne.accounts.terms import cost_text

    rows = [[*told.by, "runs", "machine hours", "cost", "", ""]]
    for line in told.lines:
        killed = f"{line.killed_runs} killed" if line.killed_runs else ""
        free = unpriced(line.runs_without_price).removeprefix(", ")
        rows.append([
            *(key or "-" for key in line.keys), f"{line.runs}", f"{line.hours:,.3f}",
            cost_text(line.total, line.currency or None), killed, free,
        ])  # fmt: skip
    runs = sum(line.runs for line in told.lines)
    for currency, total in (told.totals or {"": Decimal(0)}).items():
        held = cost_text(total, currency or None)
        rows.append(["total", *[""] * (len(told.by) - 1), f"{runs}", "", held, "", ""])
    return in_columns(rows)


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
    store = found_store(given)
    from gputsne.runs.bundle import bundle_of

    with replacing(output) as part:
        files = bundle_of(store, run, part)
    shell.result(f"written       {shown(output)}: {', '.join(files)}", {"files": files})
