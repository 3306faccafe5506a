"""Terms: what a run may cost, held against what it is expected to cost before it is computed.

A run's own limit is --max-cost; budgets are of all runs with a tag in a month of the calendar, UTC.
Runs that go on at the same time count each other by the notes that a store has of them: each writes
down what it expects to cost, then adds up. So two that together exceed a budget are never both let
through; they may both be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from gputsne.accounts.billing import cost_of, in_month, priced_at
from gputsne.accounts.periods import month_of
from gputsne.accounts.prediction import Prediction, predict, summed
from gputsne.accounts.prices import Budget
from gputsne.base.errors import OverBudget
from gputsne.base.messages import warn_user

if TYPE_CHECKING:
    from gputsne.provenance import Run
    from gputsne.runs.store import Store

__all__ = ["Terms", "cost_text"]

HOUR: Final = 3600
CENTS: Final = Decimal("0.1")  # below, two decimals say too little
HISTORY: Final = timedelta(days=90)  # in which runs like this one are looked for


@dataclass(frozen=True)
class Terms:
    """What a run may cost.

    Attributes
    ----------
    price_per_hour : float or None
        Of one machine.
    replicas : int
        Machines that do the same at once.
    currency, machine : str or None
        Of the price.
    max_cost : float or None
        Of this run.
    budgets : tuple of Budget
        That it is paid from.
    ignored : str or None
        Why budgets don't count.
    store : Store or None
        Whose runs are counted.
    stops : bool
        Whether a run for which nothing can be predicted may go on, since it is stopped in time.
    """

    price_per_hour: float | None = None
    replicas: int = 1
    currency: str | None = None
    machine: str | None = None
    max_cost: float | None = None
    budgets: tuple[Budget, ...] = ()
    ignored: str | None = None
    store: Store | None = field(default=None, compare=False)
    stops: bool = False

    @property
    def limited(self) -> bool:
        """Whether anything hangs on what the run will cost."""
        return self.max_cost is not None or bool(self.budgets)

    @property
    def known(self) -> dict[str, Any]:
        """What a record says of these terms."""
        told = {
            "currency": self.currency, "machine": self.machine, "max_cost": self.max_cost,
            "budget_ignored": self.ignored,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}

    @property
    def seconds(self) -> float | None:
        """Seconds after which a run has cost ``max_cost``; None where it never will have."""
        if self.max_cost is None or not self.price_per_hour:
            return None
        return self.max_cost / (self.price_per_hour * self.replicas) * HOUR

    def cost(self, seconds: float) -> Decimal | None:
        """Return what so many seconds cost; None without a price.

        Parameters
        ----------
        seconds : float
            Of one machine.

        Returns
        -------
        Decimal or None
        """
        if self.price_per_hour is None:
            return None
        return priced_at(seconds, self.price_per_hour, self.replicas)

    def foreseen(
        self, n: int, d: int, fits: Sequence[Mapping[str, Any]], device: str, *, past: bool = True
    ) -> Prediction | None:
        """Return how long a run will take.

        Parameters
        ----------
        n, d : int
            Rows and features.
        fits : sequence of mapping
            Parameters of TSNE of each map that is made, one after the other.
        device : str
            As in `predict`.
        past : bool, default True
            Whether to ask earlier runs of the store.

        Returns
        -------
        Prediction or None
            None where nothing can be predicted.
        """
        runs = self.store.list(since=HISTORY) if past and self.store is not None else ()
        parts = [predict(n, d, fit, device=device, runs=runs) for fit in fits]
        known = [part for part in parts if part is not None]
        return summed(known) if known else None

    def told(self, found: Prediction | None) -> dict[str, Any]:
        """Return what a record says of the expected cost, as ``Run.spending``.

        Parameters
        ----------
        found : Prediction or None
            Of the run.

        Returns
        -------
        dict
        """
        if found is None:
            return self.known
        told: dict[str, Any] = {
            **self.known, "predicted_seconds": found.seconds, "predicted_low": found.low,
            "predicted_high": found.high, "predicted_by": found.by,
        }  # fmt: skip
        cost = self.cost(found.seconds)
        return told if cost is None else told | {"predicted_cost": float(cost)}

    def check(
        self,
        found: Prediction | None,
        device: str,
        ways: Callable[[float], Sequence[str]] | None = None,
        *,
        id: str | None = None,
    ) -> dict[str, Any]:
        """Return what is expected of a run; raise where that is more than it may cost.

        Parameters
        ----------
        found : Prediction or None
            As `foreseen` returns it.
        device : str
            Where it will run, for the message.
        ways : callable or None
            Called with the share of the time that there is money for; returns what would fit.
        id : str or None
            Under which the store has a note of it; then the expected cost is noted, too.

        Returns
        -------
        dict
            As ``Run.spending``.

        Raises
        ------
        OverBudget
            The expected cost is above ``max_cost``, or with what the month has cost so far above a
            budget; or nothing can be said of it.
        """
        told = self.told(found)
        if found is None:
            if (self.max_cost is not None or self._counted) and not self.stops:
                raise OverBudget(
                    f"what this run would cost on {device} can't be predicted: there is no run "
                    "like it on this machine yet; let one run without a limit into --store first, "
                    "or add --stop-at-cost, which needs no prediction",
                    told,
                )
            return told
        cost = self.cost(found.seconds)
        if cost is None:
            return told
        if self.max_cost is not None and cost > Decimal(repr(self.max_cost)):
            fit = [] if ways is None else ways(self.max_cost / float(cost))
            raise OverBudget(
                f"{self._sentence(found, cost)}, above --max-cost {self._money(self.max_cost)}; "
                + (f"within it, by the model: {', or '.join(fit)}" if fit else "nothing fits it"),
                told,
            )
        if id is not None and self.store is not None:
            self.store.expect(id, told)
        for budget in self._counted:
            self._check_budget(budget, found, cost, id)
        return told

    @property
    def _counted(self) -> tuple[Budget, ...]:
        return () if self.ignored is not None else self.budgets

    def _check_budget(
        self, budget: Budget, found: Prediction, cost: Decimal, id: str | None
    ) -> None:
        assert self.store is not None
        month = month_of(datetime.now(UTC))
        tagged = {budget.name: budget.value}
        runs = self.store.list(since=month.start, tagged=tagged)
        attempts = [
            held for held in self.store.unfinished()
            if held.id != id and tagged.items() <= (held.run.get("tags") or {}).items()
        ]  # fmt: skip
        self._warn(budget, runs)
        spent = in_month(runs, attempts, month, self.currency)
        if spent + cost > budget.per_month:
            raise OverBudget(
                f"{self._sentence(found, cost)}; runs with the tag {budget} have cost "
                f"{self._money(spent)} of {self._money(budget.per_month)} in {month.name} (UTC), "
                "those under way with what they are expected to cost; wait for the next month, "
                "raise the budget, or give a reason by --ignore-budget REASON",
                self.told(found),
            )

    def _warn(self, budget: Budget, runs: tuple[Run, ...]) -> None:
        free = sum(cost_of(run) is None for run in runs)
        if free:
            warn_user(f"{free} runs with the tag {budget} have no price: the budget counts none")

    def _sentence(self, found: Prediction, cost: Decimal) -> str:
        machines = f" x {self.replicas} machines" if self.replicas > 1 else ""
        return (
            f"this run would take about {found.seconds:,.3g} s ({found.low:,.3g} to "
            f"{found.high:,.3g}, by {found.by}) and cost {self._money(cost)} at "
            f"{self._money(self.price_per_hour or 0.0)} per hour{machines}"
        )

    def _money(self, amount: float | Decimal) -> str:
        return cost_text(amount, self.currency)


def cost_text(amount: float | Decimal, currency: str | None = None) -> str:
    """Return an amount for reading: two decimals, or two digits of less than 0.10.

    Parameters
    ----------
    amount : float or Decimal
        Of money.
    currency : str or None
        Its name.

    Returns
    -------
    str

    Examples
    --------
    >>> cost_text(1234.5, "EUR"), cost_text(0.00123)
    ('1,234.50 EUR', '0.0012')
    >>> cost_text(0.1), cost_text(Decimal("0.100000"))
    ('0.10', '0.10')
    """
    text = f"{amount:,.2f}" if amount >= CENTS or not amount else f"{float(amount):.2g}"
    return text if currency is None else f"{text} {currency}"
