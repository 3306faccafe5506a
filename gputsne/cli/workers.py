"""``gputsne plan N D --workers W``: the steps of a map of very many rows on several machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gputsne.base.errors import OverMemory
from gputsne.base.sizes import size_text
from gputsne.cli.output import Output, seconds

if TYPE_CHECKING:
    from gputsne.accounts.terms import Terms
    from gputsne.planning.workers import WorkersPlan

CPUS = ("auto", "cpu")
NO_EFFECT = ("replicas", "max_cost", "store", "schedule")


def show_workers(
    n: int, d: int, workers: int, given: Mapping[str, Any], asked: Mapping[str, Any],
    terms: Terms | None, memory_limit: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Print the steps with and without a refinement; raise OverMemory where one takes too much."""
    from gputsne.planning.workers import PAYS, SOURCES, plan_workers

    pca = given["pca"]
    own = {k: v for k, v in given.items() if v is not None and k not in ("pca", "device")}
    d = d if pca is None else pca
    ways = dict(zip(("placed", "refined"), plan_workers(n, d, **own), strict=True))
    price = None if terms is None else terms.price_per_hour
    lines: list[str] = []
    facts: dict[str, Any] = {"source": SOURCES, "price_per_hour": price, "pays": PAYS}
    for name, found in ways.items():
        told = found.to_dict(workers)
        if price is not None:
            told["cost"] = found.cost(workers, price)
            told["one_worker_cost"] = found.cost(1, price)
        facts[name] = told
        lines += _table(name, found, workers, told)
    lines += [SOURCES, "Other processors, data and networks are further off; docs/large.md."]
    Output(as_json, needed=True).result("\n".join(lines), facts)
    _check(ways["placed"], memory_limit)


def check_workers(workers: int, given: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise UsageError for more workers than shards, and options that say nothing beside them."""
    from gputsne.large.parts import MOST

    if workers > MOST:
        said = f"{workers} is more than the {MOST} shards that a transform can be cut into"
        raise click.BadParameter(said, param_hint="--workers")
    if given["device"] not in (None, *CPUS):
        said = "the model of several workers is of CPUs: leave it out with --workers"
        raise click.BadParameter(said, param_hint="--device")
    for name in NO_EFFECT:
        if asked.get(name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise click.BadParameter("has no effect with --workers", param_hint=flag)


def _table(name: str, found: WorkersPlan, workers: int, told: Mapping[str, Any]) -> list[str]:
    """Return one way's steps, and what they come to."""
    what = "each row where it is placed" if name == "placed" else "all rows refined together"
    lines = [f"A map of a sample, {what}; seconds modelled, of machines with two threads"]
    lines += [f"  {'step':<22}{'machines':>9}{'memory each':>13}{'time':>15}"]
    for step in found.steps:
        machines = workers if step.spread else 1
        lines.append(
            f"  {step.name:<22}{machines:>9}{size_text(step.bytes):>13}"
            f"{seconds(step.seconds(workers)):>15}"
        )
    whole = f"  in all {seconds(told['seconds'])}; with one worker "
    lines.append(f"{whole}{seconds(told['one_worker_seconds'])}")
    lines.append(
        f"  {told['alone_share']:.0%} of the work is one machine's alone: above "
        f"{told['stops_paying']} workers twice as many save less than a tenth of the time"
    )
    if "cost" in told:
        lines.append(f"  cost {told['cost']:.4g}; with one worker {told['one_worker_cost']:.4g}")
    return [*lines, ""]


def _check(placed: WorkersPlan, limit: int | None) -> None:
    """Raise OverMemory where a step of placing needs more than a machine has."""
    worst = max(placed.steps, key=lambda step: step.bytes)
    if limit is not None and worst.bytes > limit:
        raise OverMemory(
            f"step {worst.name!r} needs {size_text(worst.bytes)} on one machine, memory_limit is "
            f"{size_text(limit)}; reduce X with pca=50, or give that machine more"
        )
