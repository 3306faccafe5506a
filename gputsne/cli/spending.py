"""Options that tell what a run costs and may cost, and the terms that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gputsne.base.errors import BackendUnavailable, OverBudget
from gputsne.cli.options import ABOVE_0, MOST_REPLICAS, PATH, Number, WholeNumber, option
from gputsne.cli.output import seconds as seconds_text

if TYPE_CHECKING:
    from gputsne.accounts.prices import Prices
    from gputsne.accounts.terms import Terms
    from gputsne.runs.job import Job

price_options: Final = (
    option(
        "--price-per-hour",
        type=Number(0),
        metavar="P",
        help="Price of the machine, for the run's cost.",
    ),
    option(
        "--replicas",
        type=WholeNumber(1, MOST_REPLICAS),
        metavar="M",
        help="Machines that do the same at once, for the run's cost. [1]",
    ),
    option(
        "--machine",
        metavar="NAME",
        envvar="GPUTSNE_MACHINE",
        help="Take the price of this machine from the table of --prices.",
    ),
    option(
        "--prices",
        type=PATH,
        metavar="FILE",
        envvar="GPUTSNE_PRICES",
        help="TOML with currency, [machines] and [[budgets]], ops.toml for one: docs/operate.md.",
    ),
    option(
        "--max-cost",
        type=ABOVE_0,
        metavar="C",
        help="Exit with 4 before anything is computed if the run is expected to cost more.",
    ),
)
embed_options: Final = (
    *price_options,
    option(
        "--stop-at-cost",
        is_flag=True,
        help="Stop, as at a --deadline, once the run has cost --max-cost.",
    ),
    option(
        "--ignore-budget",
        metavar="REASON",
        help="Go on though the month's budget of a tag would be exceeded; the record keeps why.",
    ),
)


def terms_of(given: Mapping[str, Any], store: Any = None) -> Terms:
    """Return what the run of a command may cost.

    Parameters
    ----------
    given : mapping
        The options of the command.
    store : Store or None
        Whose runs count against budgets.

    Returns
    -------
    Terms

    Raises
    ------
    UsageError
        For options that have no effect, or contradict one another, and for a budget of the run's
        tags without a store.
    """
    from gputsne.accounts.prices import Prices
    from gputsne.accounts.terms import Terms

    price, machine, file = given["price_per_hour"], machine_of(given), given["prices"]
    prices = Prices() if file is None else _read(file)
    if machine is not None and price is not None and _typed("machine"):
        said = "the price is given by --price-per-hour already: give one of the two"
        raise click.BadParameter(said, param_hint="--machine")
    if machine is not None and price is None:
        if file is None:
            raise click.BadParameter("needs --prices, where its price is", param_hint="--machine")
        try:
            price = prices.price_of(machine)
        except ValueError as error:
            raise click.BadParameter(f"{file}: {error}", param_hint="--machine") from error
    reason = given.get("ignore_budget")
    budgets = prices.budgets_of(given.get("tags") or {})
    if budgets and store is None:  # only runs of a store tell what the month has cost
        said = (
            f"{file}: the budget of {budgets[0]} is held against the runs of a store: give "
            "--store URI, or the price by --price-per-hour without --prices"
        )
        raise click.UsageError(said)
    if reason is not None and not (budgets and reason.strip()):
        said = "has no effect: no budget of --prices is for this run's tags"
        said = said if reason.strip() else "is empty: give a reason"
        raise click.BadParameter(said, param_hint="--ignore-budget")
    limit = given["max_cost"]
    if price is None and (limit is not None or budgets):
        flag = "--max-cost" if limit is not None else f"the budget of {budgets[0]}"
        known = ", ".join(prices.machines)
        of = f", or --machine with one of {known}" if known else ", or --machine and --prices"
        raise click.UsageError(f"{flag} needs a price: give --price-per-hour{of}")
    stops = bool(given.get("stop_at_cost"))
    if stops and limit is None:
        raise click.BadParameter("has no effect without --max-cost", param_hint="--stop-at-cost")
    return Terms(
        price, given["replicas"] or 1, prices.currency,
        machine if price is not None and given["price_per_hour"] is None else None, limit, budgets,
        reason, store, stops,
    )  # fmt: skip


def machine_of(given: Mapping[str, Any]) -> str | None:
    """Return the machine whose price counts: one of a variable alone asks for none."""
    return given["machine"] if given["prices"] is not None or _typed("machine") else None


def _typed(name: str) -> bool:
    """Tell whether an option was given on the command line, not by a variable."""
    context = click.get_current_context()
    return context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def _read(path: Path) -> Prices:
    from gputsne.telemetry.operations.settings import Settings

    try:
        return Settings.read(path).prices
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--prices") from error


def device_of(parameters: Mapping[str, Any]) -> str:
    """Return where a fit with these parameters will run; of a plan, a GPU that isn't here, too."""
    from gputsne import backends
    from gputsne.planning.costs import MACHINES

    asked = str(parameters.get("device") or "auto")
    if asked in MACHINES:
        return asked
    try:
        return backends.choose(asked, parameters.get("n_jobs")).device
    except BackendUnavailable:  # embed has refused it before
        return asked


def approval(terms: Terms) -> Callable[[Job], Mapping[str, Any]] | None:
    """Return what a job asks before it computes: what the record says, or OverBudget."""
    if terms.price_per_hour is None:
        return None

    def approve(job: Job) -> Mapping[str, Any]:
        keeping = job.request.keeping
        id = None if keeping is None else keeping.begun
        try:
            return checked(terms, job.points.table.X.shape, job.request.parameters, id=id)
        except OverBudget as error:
            job.spending = error.spending  # a record says of a refused run, too, what was expected
            raise

    return approve


def checked(
    terms: Terms,
    shape: tuple[int, int],
    *fits: Mapping[str, Any],
    id: str | None = None,
) -> Mapping[str, Any]:
    """Return what a record says of the cost of fits, by their parameters; or OverBudget."""
    if terms.price_per_hour is None:
        return terms.known
    from gputsne.accounts.prediction import fitting

    n, d = shape
    d = 1 if fits[0].get("metric") == "precomputed" else d  # distances are not searched
    device = device_of(fits[0])
    # Without a limit the prediction is for a killed run's bill alone: no reading of a whole store.
    found = terms.foreseen(n, d, fits, device, past=terms.limited)
    return terms.check(found, device, partial(fitting, n, d, fits[0], device), id=id)


def foreseen(
    terms: Terms, shape: tuple[int, int], parameters: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Return how long a fit will take and what it will cost, as lines and as facts."""
    from gputsne.accounts.terms import cost_text

    device = device_of(parameters)
    found = terms.foreseen(*shape, [parameters], device)
    if found is None:
        said = f"how long it takes on {device} can't be predicted without runs of it: --store"
        return [said], terms.told(None)
    low, high = seconds_text(found.low), seconds_text(found.high)
    lines = [f"{seconds_text(found.seconds):>10}  {low} to {high}, by {found.by}"]
    cost = terms.cost(found.seconds)
    if cost is not None:
        lines.append(f"{cost_text(cost, terms.currency):>10}  cost")
    return lines, terms.told(found)


def check_placement(terms: Terms, rows: int, fitted: Any) -> None:
    """Raise OverBudget where placing so many rows in a fitted map would cost too much."""
    if terms.price_per_hour is None:
        return
    from gputsne.accounts.prediction import predict_placement
    from gputsne.base.threads import resolve_n_jobs

    d = min(fitted.n_features_in_, fitted.pca or fitted.n_features_in_)
    threads = resolve_n_jobs(fitted.n_jobs)
    found = predict_placement(rows, len(fitted.embedding_), d, threads)
    terms.check(found, "cpu", lambda share: [f"{int(rows * share):,} of the rows at a time"])


def cost_told(terms: Terms, seconds: float) -> tuple[str, dict[str, Any]]:
    """Return what so many seconds cost as a line and as facts; nothing without a price."""
    from gputsne.accounts.terms import cost_text

    cost = terms.cost(seconds)
    if cost is None:
        return "", {}
    said = f"\ncost          {cost_text(cost, terms.currency)}"
    return said, {"cost": float(cost), "currency": terms.currency}


def sooner(deadline: float | None, terms: Terms) -> float | None:
    """Return the deadline of a job that is to stop once it has cost as much as it may."""
    limits = [deadline, terms.seconds if terms.stops else None]
    return min((limit for limit in limits if limit is not None), default=None)


def overspent(terms: Terms, cost: float | None) -> str | None:
    """Return a remark on a run that has cost more than it was to; None on any other."""
    from gputsne.accounts.terms import cost_text

    if cost is None or terms.max_cost is None or cost <= terms.max_cost:
        return None
    own, limit = cost_text(cost, terms.currency), cost_text(terms.max_cost, terms.currency)
    return f"the run has cost {own}, more than --max-cost {limit}"
