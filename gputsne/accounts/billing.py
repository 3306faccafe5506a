"""Bills: what runs cost together, by tags, month and currency, in decimals, as a table and as CSV.

The cost of a run is its hours times price times machines, to the millionth; sums are of those, so
that totals equal the sums of their lines to the last digit. Amounts of two currencies are never
added up. A run that was killed can't tell when: it counts with what it was expected to cost.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, Final

from gputsne.accounts.periods import Period
from gputsne.provenance import Run
from gputsne.runs.attempts import KILLED, Attempt
from gputsne.runs.naming import moment_of_id
from gputsne.runs.review import KEYS, value_of

__all__ = ["Bill", "Line", "bill", "cost_of", "in_month", "priced_at", "safe_cell"]

HOUR: Final = Decimal(3600)
MILLIONTH: Final = Decimal("0.000001")
DONE: Final = "done"
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")  # what spreadsheets take for a formula
OF_LINE: Final = (
    "currency", "runs", "failed_runs", "killed_runs", "runs_without_price", "hours", "cost",
    "killed_cost", "total",
)  # fmt: skip


def priced_at(seconds: float, price_per_hour: float, replicas: int = 1) -> Decimal:
    """Return what so many seconds cost, to the millionth.

    Parameters
    ----------
    seconds : float
        Of one machine.
    price_per_hour : float
        Of one machine, taken as the decimal that it is written as.
    replicas : int, default 1
        Machines.

    Returns
    -------
    Decimal

    Examples
    --------
    >>> priced_at(36.0, 10.0)
    Decimal('0.100000')
    """
    cost = Decimal(repr(float(seconds))) * Decimal(repr(float(price_per_hour))) * replicas / HOUR
    return _rounded(cost)


def _rounded(amount: Decimal) -> Decimal:
    whole = (
        max(amount.adjusted(), 0) + 1
    )  # digits before the point: any amount keeps its millionths
    with localcontext() as context:
        context.prec = whole + 12
        return amount.quantize(MILLIONTH)


def cost_of(run: Run) -> Decimal | None:
    """Return what a run cost; None without a price or a time.

    Parameters
    ----------
    run : Run
        Its record.

    Returns
    -------
    Decimal or None
    """
    if run.price_per_hour is None or run.seconds is None or run.cost is None:
        return None
    return priced_at(run.seconds, run.price_per_hour, run.replicas)


def expected_cost(attempt: Attempt) -> Decimal | None:
    """Return what a run that has not ended was expected to cost; None where nobody said."""
    value = (attempt.run.get("spending") or {}).get("predicted_cost")
    return None if value is None else _rounded(Decimal(repr(float(value))))


def in_month(
    runs: Iterable[Run], attempts: Iterable[Attempt], month: Period, currency: str | None
) -> Decimal:
    """Return what runs have cost in a month, with what those are expected to cost that have begun.

    Parameters
    ----------
    runs : iterable of Run
        That ended.
    attempts : iterable of Attempt
        That have not, killed ones among them.
    month : Period
        In which they began.
    currency : str or None
        Amounts of another one don't count; those of none do.

    Returns
    -------
    Decimal
    """
    costs = [(run.id, dict(run.spending), cost_of(run)) for run in runs]
    costs += [(a.id, a.run.get("spending") or {}, expected_cost(a)) for a in attempts]
    own = (None, currency)
    return sum(
        (
            cost for id, told, cost in costs
            if cost is not None and moment_of_id(id) in month
            and (currency is None or told.get("currency") in own)
        ),
        Decimal(0),
    )  # fmt: skip


@dataclass
class Line:
    """One line of a bill.

    Attributes
    ----------
    keys : tuple of str
        Values of what the bill is by, "" where a run has none.
    currency : str
        "" where the price had none.
    runs, failed_runs, killed_runs : int
        That ended; those of them that did not end well; and those that were killed.
    runs_without_price : int
        Of all three, those that are in no sum of costs.
    hours : Decimal
        Of machines: the time of each run that ended times its machines, to the millionth.
    seconds : float
        Of the runs that ended, whatever number of machines they had.
    cost : Decimal
        Of the runs that ended.
    killed_cost : Decimal
        That the killed ones were expected to have.
    """

    keys: tuple[str, ...]
    currency: str
    runs: int = 0
    failed_runs: int = 0
    killed_runs: int = 0
    runs_without_price: int = 0
    hours: Decimal = Decimal(0)
    seconds: float = 0.0
    cost: Decimal = Decimal(0)
    killed_cost: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """Cost of runs that ended and of killed ones."""
        return self.cost + self.killed_cost


@dataclass(frozen=True)
class Bill:
    """What runs cost together.

    Attributes
    ----------
    by : tuple of str
        Keys: ``tag.NAME``, status, device, host, day, month (of the start, in UTC).
    lines : tuple of Line
        One for each combination of values and currency, in their order.
    """

    by: tuple[str, ...]
    lines: tuple[Line, ...] = field(default=())

    @property
    def totals(self) -> dict[str, Decimal]:
        """Sum of the lines' totals, by currency."""
        found: dict[str, Decimal] = {}
        for line in self.lines:
            found[line.currency] = found.get(line.currency, Decimal(0)) + line.total
        return found

    def summed(self) -> dict[str, Any]:
        """Return what all lines come to.

        Returns
        -------
        dict
            ``cost``, killed runs with what they were expected to cost; None where amounts are of
            several currencies, which are never added up. ``costs`` by currency, as texts of
            decimals. ``without_price``, the number of runs that are in no sum.
        """
        totals = self.totals
        amounts = [total for total in totals.values() if total]
        return {
            "cost": None if len(amounts) > 1 else float(sum(amounts)),
            "costs": {name: f"{total:f}" for name, total in totals.items()},
            "without_price": sum(line.runs_without_price for line in self.lines),
        }

    def by_first(self) -> dict[str, dict[str, Any]]:
        """Return what is summed by the first key alone.

        Returns
        -------
        dict of str to dict
            By value, "-" where a run has none: ``runs``, ``killed`` and ``seconds``, with ``cost``
            and ``without_price`` as in `summed`.
        """
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line.keys[0] or "-", []).append(line)
        told = {}
        for value, lines in sorted(found.items()):
            sums = Bill(self.by, tuple(lines)).summed()
            told[value] = {
                "runs": sum(line.runs for line in lines),
                "killed": sum(line.killed_runs for line in lines),
                "seconds": sum(line.seconds for line in lines),
                "cost": sums["cost"], "without_price": sums["without_price"],
            }  # fmt: skip
        return told

    def to_dict(self) -> dict[str, Any]:
        """Return the bill as plain values, amounts as texts of decimals.

        Returns
        -------
        dict
            ``by``, ``lines`` and ``totals``.
        """
        rows = [
            {**dict(zip(self.by, line.keys, strict=True)), **{k: _plain(line, k) for k in OF_LINE}}
            for line in self.lines
        ]
        return {
            "by": list(self.by), "lines": rows,
            "totals": {name: str(total) for name, total in self.totals.items()},
        }  # fmt: skip

    def csv(self) -> str:
        """Return the bill as CSV of RFC 4180: UTF-8, lines that end in CR LF, one head.

        Returns
        -------
        str
            A cell that a spreadsheet would take for a formula has a ``'`` before it, and so has one
            that begins with ``'`` itself; who reads it takes one off.
        """
        out = io.StringIO()
        write = csv.writer(out, lineterminator="\r\n").writerow
        write([safe_cell(f"{key}_utc" if key in ("day", "month") else key) for key in self.by]
              + list(OF_LINE))  # fmt: skip
        for line in self.lines:
            write([*map(safe_cell, line.keys), *(_plain(line, name) for name in OF_LINE)])
        return out.getvalue()


def _plain(line: Line, name: str) -> str | int:
    value = getattr(line, name)
    return f"{value:f}" if isinstance(value, Decimal) else value


def safe_cell(text: str) -> str:
    """Return text as a cell that no spreadsheet takes for a formula.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell("maps")
    ("'=1+1", 'maps')
    """
    return f"'{text}" if text.startswith(FORMULA) else text


def bill(runs: Sequence[Run], attempts: Iterable[Attempt] = (), by: Sequence[str] = ()) -> Bill:
    """Return what runs cost together.

    Parameters
    ----------
    runs : sequence of Run
        That ended.
    attempts : iterable of Attempt
        Those of them that were killed count.
    by : sequence of str
        ``tag.NAME``, status, device, host, day or month; none for one line per currency.

    Returns
    -------
    Bill

    Raises
    ------
    ValueError
        A key is none of these, or is there twice.
    """
    for key in by:
        if not key.startswith("tag.") and key not in KEYS:
            raise ValueError(f"by={key!r} is neither tag.NAME nor one of {', '.join(KEYS)}")
        if list(by).count(key) > 1:
            raise ValueError(f"by={key!r} is there twice: name it once")
    found: dict[tuple[tuple[str, ...], str], Line] = {}

    def line_of(record: Run, told: Mapping[str, Any]) -> Line:
        keys = tuple(value_of(record, key, "") for key in by)
        currency = str(told.get("currency") or "")
        return found.setdefault((keys, currency), Line(keys, currency))

    for run in runs:
        line, cost = line_of(run, run.spending), cost_of(run)
        line.runs += 1
        line.failed_runs += run.status != DONE
        line.hours += _rounded(Decimal(repr(run.seconds or 0.0)) * run.replicas / HOUR)
        line.seconds += run.seconds or 0.0
        line.runs_without_price += cost is None
        line.cost += cost or 0
    for attempt in attempts:
        if attempt.state == KILLED:
            told = attempt.run.get("spending") or {}
            record = Run(
                id=attempt.id, status=KILLED, tags=attempt.run.get("tags") or {}, host=attempt.host
            )
            line, cost = line_of(record, told), expected_cost(attempt)
            line.killed_runs += 1
            line.runs_without_price += cost is None
            line.killed_cost += cost or 0
    return Bill(tuple(by), tuple(found[key] for key in sorted(found)))
