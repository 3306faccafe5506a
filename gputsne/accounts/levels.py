"""Service levels: which share of runs is to keep what, and how much of its error budget is left.

One table: a level says when a run of a store keeps it, and what Prometheus counts of the same. The
error budget is the share that may fail, 1 - target; what is left of it is
``1 - failed share / (1 - target)`` in both places: 1 with no failure, 0 where it is spent, below 0
beyond. ``operations.prometheus`` makes recording rules of the table, ``digest`` asks a store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gputsne.base.errors import BadInput
from gputsne.judging.limits import Limit, limit_in
from gputsne.judging.rules import Rule
from gputsne.provenance import Run

__all__ = ["DAYS", "KEPT", "LEFT", "LEVELS", "Budget", "Level", "budget_left", "budgets_of",
           "checked_targets", "limit_of_level"]  # fmt: skip

DAYS: Final = 30  # that an error budget is of, in Prometheus
DONE: Final = "done"
KEPT: Final = "gputsne:level_kept:ratio30d"  # names of what Prometheus records, by level
LEFT: Final = "gputsne:error_budget_left:ratio30d"


@dataclass(frozen=True)
class Level:
    """One service level.

    Attributes
    ----------
    name : str
        In ``[levels]`` of ops.toml, and as a label.
    title : str
        One line.
    target : float
        Share of runs that is to keep it, where ops.toml says nothing.
    kept : str
        PromQL of the share that kept it, by service. ``$by`` stands for the labels of a service,
        ``$window`` for the time, ``$le`` for the largest bound of a bucket within the rule's limit,
        ``$keeps`` for a comparison with the limit itself.
    rule, evidence : str
        The rule whose limit it has, and of which number; "" for none.
    source : str
        Where the demand comes from.
    """

    name: str
    title: str
    target: float
    kept: str
    rule: str = ""
    evidence: str = ""
    source: str = ""


LEVELS: Final = (
    Level(
        "availability", "Runs that ended well", 0.99,
        'sum by ($by) (increase(gputsne_runs_total{status="done"}[$window])) / '
        "(sum by ($by) (increase(gputsne_runs_total[$window])) + "
        "sum by ($by) (increase(gputsne_runs_killed_total[$window])))",
        source="S1, service levels: 99 % of nightly runs",
    ),
    Level(
        "latency", "Runs that took no longer than they may", 0.95,
        "sum by ($by) (increase("
        'gputsne_run_duration_seconds_bucket{stage="total", le="$le"}[$window])) / '
        "sum by ($by) (increase("
        'gputsne_run_duration_seconds_count{stage="total"}[$window]))',
        "run_seconds", "latency_s", "S1, service levels: 95th percentile below 5 minutes",
    ),
    Level(
        "drift", "Maps that drifted no further than they may", 0.95,
        'avg_over_time((max by ($by) (gputsne_drift_score{drift="drift_map"}) $keeps)'
        "[$window:1h])",
        "drift_map", "drift_map", "S1, service levels: drift",
    ),
)  # fmt: skip
NAMES: Final = tuple(level.name for level in LEVELS)


@dataclass(frozen=True)
class Budget:
    """How a service level was kept.

    Attributes
    ----------
    level : str
        Its name.
    target : float
        Share that is to keep it.
    runs, kept : int
        Those that it could be said of, and those of them that kept it.
    """

    level: str
    target: float
    runs: int
    kept: int

    @property
    def share(self) -> float | None:
        """Of the runs, that kept it; None without any."""
        return self.kept / self.runs if self.runs else None

    @property
    def left(self) -> float | None:
        """Share of the error budget that is left; below 0 where it is overdrawn."""
        return None if self.share is None else budget_left(self.share, self.target)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "level": self.level, "target": self.target, "runs": self.runs, "kept": self.kept,
            "share": self.share, "left": self.left,
        }  # fmt: skip


def budget_left(share: float, target: float) -> float:
    """Return which share of an error budget is left.

    Parameters
    ----------
    share : float
        Of runs that kept the level.
    target : float
        That is to keep it.

    Returns
    -------
    float

    Examples
    --------
    >>> round(budget_left(0.995, 0.99), 9)
    0.5
    """
    return 1 - (1 - share) / (1 - target)


def checked_targets(given: Any, place: str) -> dict[str, float]:
    """Return the target of every level: what was given, else the table's.

    Parameters
    ----------
    given : mapping of str to float
        By level.
    place : str
        Named in messages.

    Returns
    -------
    dict of str to float

    Raises
    ------
    BadInput
        For another level, and for what is no share above 0.5 and below 1.
    """
    if not isinstance(given, Mapping):
        raise BadInput(f"{place}: levels = {given!r} must be a [table]")
    for name, value in given.items():
        if name not in NAMES:
            raise BadInput(f"{place}: levels: unknown level {name!r}; known are {', '.join(NAMES)}")
        if not isinstance(value, float) or not 0.5 < value < 1:
            raise BadInput(
                f"{place}: levels.{name} = {value!r} must be a share between 0.5 and 1, say 0.99"
            )
    return {level.name: given.get(level.name, level.target) for level in LEVELS}


def limit_of_level(level: Level, rules: Mapping[str, Rule]) -> Limit | None:
    """Return the limit of a level, from its rule; None for a level without one."""
    if not level.rule:
        return None
    return limit_in(rules, level.rule, level.evidence, f"the service level {level.name}")


def budgets_of(
    runs: Iterable[Run],
    killed: int,
    drifts: Mapping[str, Mapping[str, float]],
    rules: Mapping[str, Rule],
    targets: Mapping[str, float],
) -> tuple[Budget, ...]:
    """Return how runs of a store kept the service levels.

    Parameters
    ----------
    runs : iterable of Run
        That ended.
    killed : int
        Runs that were killed: none of them kept availability, of the rest nobody knows.
    drifts : mapping of str to mapping of str to float
        What was measured of their drift, by id.
    rules : mapping of str to Rule
        Whose limits count, by id.
    targets : mapping of str to float
        By level.

    Returns
    -------
    tuple of Budget
        In the order of the table.
    """
    runs, found = tuple(runs), []
    for level in LEVELS:
        limit = limit_of_level(level, rules)
        told = [_keeps(level, run, drifts.get(run.id) or {}, limit) for run in runs]
        known = [kept for kept in told if kept is not None]
        lost = killed if level.name == "availability" else 0
        found.append(Budget(level.name, targets[level.name], len(known) + lost, sum(known)))
    return tuple(found)


def _keeps(level: Level, run: Run, drift: Mapping[str, float], limit: Limit | None) -> bool | None:
    """Tell whether a run kept a level; None where nobody measured that."""
    if limit is None:
        return run.status == DONE
    value = run.seconds if level.evidence == "latency_s" else drift.get(level.evidence)
    if value is None:
        return None
    return not (value > limit.value if limit.sign == ">" else value >= limit.value)
