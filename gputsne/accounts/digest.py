"""Summaries of weeks, months and quarters: runs, quality, drift, cost, versions, incidents, levels.

Each period is held against the one before it. What was measured of a run is that of its record and
of the checks that the store has of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from gputsne.accounts.billing import bill
from gputsne.accounts.levels import budgets_of, checked_targets
from gputsne.accounts.periods import Period, period_of, periods
from gputsne.judging.rules import Rule, read_rules
from gputsne.provenance import Run
from gputsne.runs.attempts import KILLED, Attempt
from gputsne.runs.naming import moment_of_id
from gputsne.runs.review import drift_of, summary

if TYPE_CHECKING:
    from gputsne.runs.store import Store

__all__ = ["MEASURES", "PERIODS", "digest", "page"]

DONE: Final = "done"
# What medians are told of: of the fit, and of its metrics and checks.
MEASURES: Final = (
    "kl_divergence", "knn_preservation", "trustworthiness", "rnx", "silhouette",
    "neighbors_recall",
)  # fmt: skip
PERIODS: Final = 4  # that are told of where nobody says since when, the one that goes on among them
P95: Final = 95
FAIL: Final = "FAIL"


@dataclass
class _Held:
    """What a period has."""

    runs: list[Run] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    checks: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    rollbacks: list[dict[str, Any]] = field(default_factory=list)


def digest(
    store: Store,
    every: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    tagged: Mapping[str, str] | None = None,
    rules: Mapping[str, Rule] | None = None,
    targets: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Return what periods of the calendar were like.

    Parameters
    ----------
    store : Store
        Whose runs.
    every : {"week", "month", "quarter"}
        Kind of period; weeks are those of ISO 8601, and all are of UTC.
    since : datetime or None
        A moment of the first period, before ``until``; None for the last four, with the one that
        goes on.
    until : datetime or None
        A moment of the last one; None for now.
    tagged : mapping of str to str or None
        Only runs with these tags. Rollbacks are of the whole store.
    rules : mapping of str to Rule or None
        Whose limits the service levels have; None for those of the package.
    targets : mapping of str to float or None
        Of service levels; None for the defaults.

    Returns
    -------
    list of dict
        Oldest first. ``period``, ``start``, ``end`` and ``complete``; what
        ``gputsne.runs.review.summary`` says; ``seconds_p50`` and ``seconds_p95``; ``medians`` by
        measure; ``change`` of the medians, the success rate and the percentiles since the period
        before; ``cost``, ``costs`` and ``without_price`` as of ``Bill.summed``; ``changed``
        versions, as pairs of lists; ``incidents``; ``levels``.

    Raises
    ------
    ValueError
        ``every`` is another word, or a moment is at an end of the calendar.
    """
    now = datetime.now(UTC) if until is None else until
    if since is not None and since > now:
        return []
    first = period_of(now if since is None else since, every)
    for _ in range(PERIODS - 1 if since is None else 0):
        first = period_of(_before(first.start), every)
    former = period_of(_before(first.start), every)  # what the first one is held against
    told = (former, *periods(every, first.start, now))
    held = _gathered(store, told, tagged or {})
    allowed = {rule.id: rule for rule in read_rules()} if rules is None else rules
    aims = checked_targets({} if targets is None else targets, "targets")
    found = [_told(period, held[period], allowed, aims, now) for period in told]
    for before, after in pairwise(found):
        after["change"] = _change(before, after)
        after["changed"] = _changed(before["versions"], after["versions"])
    return found[1:]


def _before(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() - 1, UTC)


def _gathered(
    store: Store, told: Sequence[Period], tagged: Mapping[str, str]
) -> dict[Period, _Held]:
    held = {period: _Held() for period in told}

    def at(moment: datetime) -> _Held:
        return next((held[period] for period in told if moment in period), _Held())

    for run in store.list(since=told[0].start, tagged=tagged):
        place = at(moment_of_id(run.id))
        place.runs.append(run)
        place.checks[run.id] = store.checks(run.id)
    for attempt in store.unfinished():
        if tagged.items() <= (attempt.run.get("tags") or {}).items():
            at(moment_of_id(attempt.id)).attempts.append(attempt)
    for ref in store.refs():
        for entry in store.history(ref):
            if entry.action == "rollback":
                said = f"{ref} went back to {entry.id}" + (f": {entry.reason}" * bool(entry.reason))
                at(datetime.fromisoformat(entry.at)).rollbacks.append(
                    {"at": entry.at, "what": "rollback", "run": entry.previous, "said": said}
                )
    return held


def _told(
    period: Period, held: _Held, rules: Mapping[str, Rule], targets: Mapping[str, float],
    now: datetime,
) -> dict[str, Any]:  # fmt: skip
    drifts = {run.id: drift_of(run, held.checks[run.id]) for run in held.runs}
    told = summary(held.runs, held.attempts, drifts)
    seconds = [run.seconds for run in held.runs if run.seconds is not None]
    killed = [attempt for attempt in held.attempts if attempt.state == KILLED]
    return {
        "period": period.name, "start": period.start.isoformat(), "end": period.end.isoformat(),
        "complete": period.end <= now, **told, **bill(held.runs, killed).summed(),
        "seconds_p50": _percentile(seconds, 50), "seconds_p95": _percentile(seconds, P95),
        "medians": _medians(held),
        "incidents": _incidents(held, killed),
        "levels": [
            budget.to_dict()
            for budget in budgets_of(held.runs, len(killed), drifts, rules, targets)
        ],
    }  # fmt: skip


def _percentile(values: Sequence[float], q: int) -> float | None:
    """Return a percentile, between two values in proportion; None of nothing."""
    import numpy as np

    return float(np.percentile(values, q)) if values else None


def _medians(held: _Held) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for run in held.runs:
        told: dict[str, Any] = {name: getattr(run, name, None) for name in MEASURES}
        told |= {name: run.metrics[name] for name in MEASURES if name in run.metrics}
        for check in held.checks[run.id]:
            for row in check.get("rows") or ():
                if row.get("metric") in MEASURES and row.get("value") is not None:
                    told[row["metric"]] = row["value"]
        for name, value in told.items():
            if isinstance(value, int | float) and value == value:  # NaN alone differs from itself
                values.setdefault(name, []).append(float(value))
    return {name: median(values[name]) for name in MEASURES if name in values}


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """Return by how much numbers changed; without those that one of the two lacks."""
    names = ("success_rate", "seconds_p50", "seconds_p95")
    old = {**before["medians"], **{name: before[name] for name in names}}
    new = {**after["medians"], **{name: after[name] for name in names}}
    return {
        name: value - old[name]
        for name, value in new.items()
        if value is not None and old.get(name) is not None
    }


def _changed(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> dict[str, list[list[str]]]:
    """Return the versions of each library that were in use before and now, where they differ."""
    pairs = {name: [sorted(before.get(name, {})), sorted(held)] for name, held in after.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] and pair[0] != pair[1]}


def _incidents(held: _Held, killed: Sequence[Attempt]) -> list[dict[str, Any]]:
    """Return runs that did not end well, killed ones, gates that failed, and rollbacks."""
    found = [*held.rollbacks]
    for run in held.runs:
        if run.status != DONE:
            found.append({
                "at": run.started or moment_of_id(run.id).isoformat(), "what": run.status,
                "run": run.id, "said": run.error,
            })  # fmt: skip
        for check in held.checks[run.id]:
            gates = [row.get("title") or row.get("id") for row in check.get("rows") or ()
                     if row.get("severity") == "gate" and row.get("status") == "fail"]  # fmt: skip
            if gates or check.get("verdict") == FAIL:
                found.append({
                    "at": check.get("at"), "what": f"check {check.get('profile')}", "run": run.id,
                    "said": ", ".join(map(str, gates)) or FAIL,
                })  # fmt: skip
    for attempt in killed:
        at = moment_of_id(attempt.id).isoformat()
        found.append({"at": at, "what": KILLED, "run": attempt.id, "said": None})
    return sorted(found, key=lambda row: str(row["at"]))


def page(told: Sequence[Mapping[str, Any]], every: str, store: str) -> str:
    """Return summaries as an HTML page.

    Parameters
    ----------
    told : sequence of mapping
        From `digest`.
    every : str
        Kind of period.
    store : str
        What the store is called.

    Returns
    -------
    str

    Raises
    ------
    DependencyMissing
        jinja2 isn't installed.
    """
    from gputsne.base.pages import rendered

    title = f"Runs by {every}: {store}"
    return rendered("summary.html.j2", ["gputsne.accounts"], title=title, periods=told[::-1])
