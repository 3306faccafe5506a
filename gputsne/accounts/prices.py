"""Prices: what an hour of each machine costs, in which currency, and budgets by tag and month."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Self

from gputsne.base.errors import BadInput
from gputsne.provenance.tags import tags_of

__all__ = ["Budget", "Prices", "amount_of"]

CURRENCY: Final = re.compile(r"[A-Za-z]{1,12}")  # EUR, USD, or credits of one's own


@dataclass(frozen=True)
class Budget:
    """What runs with a tag may cost together in a month.

    Attributes
    ----------
    name, value : str
        The tag.
    per_month : Decimal
        In the currency of the prices; a month is one of the calendar, in UTC.
    """

    name: str
    value: str
    per_month: Decimal

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


@dataclass(frozen=True)
class Prices:
    """What a site pays.

    Attributes
    ----------
    currency : str or None
        Of all amounts.
    machines : mapping of str to float
        Price of an hour, by the name of the machine.
    budgets : tuple of Budget
        By tag and month.
    """

    currency: str | None = None
    machines: Mapping[str, float] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()

    @classmethod
    def from_tables(
        cls, path: str, currency: Any = None, machines: Any = None, budgets: Any = None
    ) -> Self:
        """Return the prices that the entries of a TOML file tell of.

        Parameters
        ----------
        path : str
            Named in messages.
        currency, machines, budgets : object
            Entries of these names, None where there is none.

        Returns
        -------
        Prices

        Raises
        ------
        BadInput
            An entry is no price, no currency or no budget.
        """
        if currency is not None and not (
            isinstance(currency, str) and CURRENCY.fullmatch(currency)
        ):
            raise BadInput(
                f"{path}: currency = {currency!r} must be a word of up to 12 letters, such as EUR"
            )
        if machines is not None and not isinstance(machines, Mapping):
            raise BadInput(f"{path}: machines = {machines!r} must be a [table] of prices per hour")
        priced = {
            name: amount_of(price, f"{path}: machines.{name}", "the price of an hour")
            for name, price in (machines or {}).items()
        }
        if budgets is not None and not (
            isinstance(budgets, Sequence) and all(isinstance(row, Mapping) for row in budgets)
        ):
            raise BadInput(f"{path}: budgets = {budgets!r} must be [[budgets]], a table for each")
        return cls(currency, priced, tuple(_budget(row, path) for row in budgets or ()))

    def price_of(self, machine: str) -> float:
        """Return the price of an hour of a machine.

        Parameters
        ----------
        machine : str
            A name of the table.

        Returns
        -------
        float

        Raises
        ------
        BadInput
            The table has no such machine.
        """
        if machine not in self.machines:
            known = ", ".join(self.machines) or "none"
            raise BadInput(f"machine={machine!r} has no price; machines with one: {known}")
        return self.machines[machine]

    def budgets_of(self, tags: Mapping[str, str]) -> tuple[Budget, ...]:
        """Return the budgets that a run with these tags is paid from.

        Parameters
        ----------
        tags : mapping of str to str
            Of the run.

        Returns
        -------
        tuple of Budget
            All of them count.
        """
        return tuple(held for held in self.budgets if tags.get(held.name) == held.value)


def amount_of(value: Any, place: str, what: str) -> float:
    """Return an amount of money; BadInput where it is none."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise BadInput(f"{place} = {value!r} must be {what}: a number of at least 0")
    return float(value)


def _budget(row: Mapping[str, Any], path: str) -> Budget:
    unknown = sorted(row.keys() - {"tag", "per_month"})
    if unknown:
        raise BadInput(f"{path}: budgets: unknown entry {unknown[0]!r}; known are tag, per_month")
    tag = row.get("tag")
    try:
        ((name, value),) = tags_of([tag] if isinstance(tag, str) else []).items()
    except ValueError as error:
        raise BadInput(
            f"{path}: budgets: tag = {tag!r} must be a tag of runs, such as 'team=search'"
        ) from error
    amount = amount_of(row.get("per_month"), f"{path}: budgets: per_month", "an amount of money")
    return Budget(name, value, Decimal(repr(amount)))
