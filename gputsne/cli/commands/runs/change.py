"""``gputsne runs promote``, ``rollback`` and ``prune``: what moves a ref, and what removes runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from gputsne.cli.options import Command, WholeNumber, option, options, print_options
from gputsne.cli.output import output_of
from gputsne.cli.stores import found_store, moment, store_option

ref_option = option("--ref", default="production", metavar="NAME", help="Which ref. [production]")
reason_option = option("--reason", metavar="TEXT", help="Why; kept in the history of the ref.")


PROMOTE_EXAMPLES = """\
Examples:
  gputsne runs promote canary --ref production
  gputsne runs promote 20261127T063518Z-3f2a9c1b --force --reason "the rule is wrong, ticket 7"
"""


@click.command(cls=Command, examples=PROMOTE_EXAMPLES)
@click.argument("run", metavar="RUN")
@options(
    "Options",
    store_option,
    ref_option,
    option("--force", is_flag=True, help="Although a check failed; needs --reason."),
    reason_option,
)
@print_options
@click.pass_context
def promote(ctx: click.Context, /, run: str, **given: Any) -> None:
    """Let a ref stand for RUN, unless it ended badly or its latest check failed: exit code 1."""
    shell = output_of(ctx, given)
    if given["force"] and not (given["reason"] or "").strip():
        raise click.UsageError("--force needs a --reason, which the history of the ref keeps")
    store = found_store(given)
    move = store.promote(run, given["ref"], force=given["force"], reason=given["reason"])
    before = f", before {move.previous}" if move.previous else ""
    shell.result(f"{move.ref} is {move.id}{before}", asdict(move))


ROLLBACK_EXAMPLES = """\
Examples:
  gputsne runs rollback
  gputsne runs rollback --ref canary --reason "the colours are wrong"
"""


@click.command(cls=Command, examples=ROLLBACK_EXAMPLES)
@options("Options", store_option, ref_option, reason_option)
@print_options
@click.pass_context
def rollback(ctx: click.Context, /, **given: Any) -> None:
    """Let a ref stand for the run before its current one again."""
    shell = output_of(ctx, given)
    move = found_store(given).rollback(given["ref"], reason=given["reason"])
    shell.result(f"{move.ref} is {move.id} again, not {move.previous}", asdict(move))


PRUNE_EXAMPLES = """\
Examples:
  gputsne runs prune --dry-run
  gputsne runs prune --older-than 90d --keep-newest 30 --history 5
"""


@click.command(cls=Command, examples=PRUNE_EXAMPLES)
@options(
    "Options",
    store_option,
    option(
        "--older-than",
        default="30d",
        metavar="WHEN",
        callback=lambda ctx, param, value: moment(value, "--older-than"),
        help="An age such as 90d, or a date. [30d]",
    ),
    option(
        "--keep-newest", "keep", type=WholeNumber(0), default=10, metavar="N",
        help="So many newest runs stay, however old. [10]",
    ),
    option(
        "--history", type=WholeNumber(2), default=10, metavar="N",
        help="Runs stay that a ref stood for in its last N moves. [10]",
    ),
    option("--dry-run", is_flag=True, help="Remove nothing, only tell."),
)  # fmt: skip
@print_options
@click.pass_context
def prune(ctx: click.Context, /, **given: Any) -> None:
    """Remove old runs that no ref needs, and what killed writers left."""
    shell = output_of(ctx, given)
    store = found_store(given)
    done = store.prune(
        older_than=given["older_than"], keep=given["keep"], history=given["history"],
        dry_run=given["dry_run"],
    )  # fmt: skip
    verb = "would remove" if done.dry_run else "removed"
    lines = [f"{verb}  {name}" for name in (*done.removed, *done.leftovers)]
    lines += [f"kept  {id}, {why}" for id, why in done.kept.items()]
    shell.result("\n".join(lines) or "nothing to remove", asdict(done))
