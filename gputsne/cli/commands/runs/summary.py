"""``gputsne runs summary``: a review of a time, or of weeks, months and quarters."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from gputsne.base.files import replacing
from gputsne.cli.commands.runs.look import attempts_of
from gputsne.cli.options import PATH, Command, option, options, print_options
from gputsne.cli.output import Output, output_of, seconds
from gputsne.cli.stores import found_store, moment, since_given, store_option, tag_option
from gputsne.cli.targets import check_targets, no_dash
from gputsne.provenance.outcome import shown

EVERY = ("week", "month", "quarter")  # as in gputsne/accounts/periods.py
WIDTH = 20  # of the column of names

SUMMARY_EXAMPLES = """\
Examples:
  gputsne runs summary --since 7d
  gputsne runs summary --since 90d --tag team=search --json
  gputsne runs summary --every week --html week.html
  gputsne runs summary --every quarter --since 2026-01-01 --settings ops.toml

With --every, a period for each: of the calendar in UTC, weeks as in ISO 8601, the last four unless
--since says otherwise. Each is held against the one before it, and tells runs, seconds, medians of
quality, drift, cost, versions that changed, incidents, and the error budget of each service level:
1 - failed share / (1 - target), with the targets of [levels] in ops.toml.
"""


@click.command(cls=Command, examples=SUMMARY_EXAMPLES)
@options(
    "Options",
    store_option,
    option(
        "--since",
        metavar="WHEN",
        callback=lambda ctx, param, value: since_given(value),
        help="An age such as 7d, 30d or 90d, or a date. [30d; with --every four periods]",
    ),
    option("--every", type=click.Choice(EVERY), help="A summary of each of these periods."),
    option("--html", "page", type=PATH, metavar="FILE", help="With --every: write a page, too."),
    option(
        "--settings",
        type=PATH,
        metavar="FILE",
        help="With --every: ops.toml, which has the targets of service levels and the rules.",
    ),
    tag_option,
)
@print_options
@click.pass_context
def summary(ctx: click.Context, /, **given: Any) -> None:
    """Review a time: success rate, drift, cost, and the versions that were in use."""
    for name, flag in (("page", "--html"), ("settings", "--settings")):
        if given[name] is not None and given["every"] is None:
            raise click.BadParameter("has no effect without --every", param_hint=flag)
    shell = output_of(ctx, given, needed=given["page"] is None)
    store, tags = found_store(given), given["tags"]
    if given["every"] is not None:
        _by_period(shell, store, given)
        return
    from gputsne.accounts.billing import bill
    from gputsne.runs import review

    since = given["since"] or moment("30d", "--since")
    found = store.list(since=since, tagged=tags)
    attempts = attempts_of(store, since, tags)
    drifts = {run.id: review.drift_of(run, store.checks(run.id)) for run in found}
    told = review.summary(found, attempts, drifts) | bill(found, attempts).summed()
    shell.result(_summarised(told), {"since": since.isoformat(), **told})


def _by_period(shell: Output, store: Any, given: dict[str, Any]) -> None:
    from gputsne.accounts.digest import digest, page

    file = given["page"]
    no_dash([("--html", file)])
    check_targets([file], [given["settings"]])
    rules, targets = _settings(given["settings"])
    told = digest(
        store, given["every"], since=given["since"], tagged=given["tags"], rules=rules,
        targets=targets,
    )  # fmt: skip
    if file is not None:
        with replacing(file) as part:
            part.write_text(page(told, given["every"], store.uri), encoding="utf-8")
        shell.note(f"written       {shown(file)}")
    shell.result("\n\n".join(map(_period, told)), {"every": given["every"], "periods": told})


def _settings(path: Path | None) -> tuple[Any, Any]:
    """Return the rules and the targets of a site; those of the package without a file."""
    if path is None:
        return None, None
    from gputsne.telemetry.operations.folder import rules_of
    from gputsne.telemetry.operations.settings import Settings

    try:
        settings = Settings.read(path)
        return rules_of(path.parent, settings), settings.levels
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--settings") from error


def _period(told: dict[str, Any]) -> str:
    """Return the summary of a period for reading."""
    change = told["change"]

    def moved(name: str) -> str:
        return f" ({change[name]:+.3g})" if name in change else ""

    half, most = told["seconds_p50"], told["seconds_p95"]
    lines = [
        f"{told['period']:<{WIDTH}}{'' if told['complete'] else 'not over yet'}".rstrip(),
        *_summarised(told, WIDTH).splitlines(),
        f"{'median time':<{WIDTH}}{seconds_or_none(half)}{moved('seconds_p50')}, 95th percentile "
        f"{seconds_or_none(most)}{moved('seconds_p95')}",
    ]
    lines += [f"{name:<{WIDTH}}{value:.4g}{moved(name)}" for name, value in told["medians"].items()]
    for name, (old, new) in told["changed"].items():
        lines.append(f"{name:<{WIDTH}}changed from {', '.join(old)} to {', '.join(new)}")
    for level in told["levels"]:
        if level["left"] is not None:
            lines.append(
                f"{level['level']:<{WIDTH}}{level['share']:.1%} of {level['runs']}, target "
                f"{level['target']:.4g}: {level['left']:.0%} of the error budget left"
            )
    for row in told["incidents"]:
        said = f": {row['said']}" if row["said"] else ""
        lines.append(f"{'incident':<{WIDTH}}{row['at']} {row['what']} {row['run']}{said}")
    return "\n".join(lines)


def seconds_or_none(value: float | None) -> str:
    """Return seconds for reading, "n/a" for none."""
    return "n/a" if value is None else seconds(value)


def _summarised(told: dict[str, Any], least: int = 14) -> str:
    rate = told["success_rate"]
    status = ", ".join(f"{n} {word}" for word, n in told["status"].items()) or "none"
    killed = f", {told['killed']} killed" if told["killed"] else ""
    names = [*told["drift"], *told["versions"]]
    w = max([least - 2, *map(len, names)]) + 2  # of the column of names
    lines = [
        f"{'runs':<{w}}{status}{killed}",
        f"{'success':<{w}}{'n/a' if rate is None else f'{rate:.1%}'}",
        f"{'time':<{w}}{seconds(told['seconds'])}",
        f"{'cost':<{w}}{_costs(told['costs'])}{unpriced(told['without_price'])}",
    ]
    for name, held in told["drift"].items():
        worst = f"most {held['max']:.3g} in {held['worst']}"
        lines.append(f"{name:<{w}}{held['mean']:.3g} on average of {held['runs']}, {worst}")
    for name, held in told["versions"].items():
        seen = ", ".join(f"{version} ({n})" for version, n in held.items())
        lines.append(f"{name:<{w}}{seen}")
    return "\n".join(lines)


def _costs(costs: dict[str, str]) -> str:
    """Return amounts by currency for reading; those that are nothing only where all are."""
    from gputsne.accounts.terms import cost_text

    amounts = {name: Decimal(text) for name, text in costs.items()}
    spent = {name: amount for name, amount in amounts.items() if amount} or {"": Decimal(0)}
    return ", ".join(cost_text(amount, name or None) for name, amount in spent.items())


def unpriced(n: int) -> str:
    """Return how many runs are in no sum, after a comma; nothing for none."""
    return f", {n} without a price" if n else ""
