"""An alert's row: what it holds, the limit that it takes from a rule, and its texts filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Final

from gputsne.judging.limits import Limit, limit_in
from gputsne.judging.rules import Rule
from gputsne.telemetry.operations.settings import Settings
from gputsne.telemetry.table import METRICS, SERVICE, VALUES

__all__ = [
    "BY", "COST_FACTOR", "Alert", "Case", "Limit", "action_of", "filled", "limit_of",
    "plain_words", "series_of",
]  # fmt: skip

BY: Final = ", ".join(SERVICE)
# Thresholds of operations alone; those that a gate has too are read from the rules.
BURN: Final = 2  # times the error budget, in both windows: S1, alerting guidance
COST_FACTOR: Final = 2  # times the median of 30 days: S1, cost spikes
KILLED: Final = 2  # in one hour: S1, out of memory with repeated restarts
AHEAD: Final = 300  # seconds that clocks of machines may differ: more than NTP ever leaves
LOAD_SECONDS: Final = 2  # S1, indicator M6: a dashboard is there within 2 s
CLEAR: Final = 0.8  # of the limit: where an alert that fires is cleared again
# A limit's multiples, for tests: one above, just above, just below, below the level of clearing.
TIMES: Final = {"high": 2, "over": 1.1, "under": 0.9, "low": 0.5}


@dataclass(frozen=True)
class Case:
    """A test of an alert: what is scraped, and whether the alert fires.

    Attributes
    ----------
    name : str
        What is tried.
    series : mapping of str to str
        Values by series, in the notation of promtool.
    at : str
        When it is looked.
    fires : bool
        Whether the alert fires then.
    every : str
        Interval of the values.
    """

    name: str
    series: Mapping[str, str]
    at: str
    fires: bool
    every: str = "5m"


@dataclass(frozen=True)
class Alert:
    """One alert. Texts may hold ``$limit``, ``$fails``, ``$clear``, ``$period`` and such.

    Attributes
    ----------
    name : str
        Of the alert, and of its heading in the runbook.
    title : str
        One line.
    expr : str
        PromQL.
    severity : {"page", "ticket"}
        Whether somebody is woken.
    source : str
        Where the demand comes from.
    action : str
        What to do first; "" for that of the rule.
    rule, evidence : str
        The rule whose threshold it has, and which number of it.
    lasts : str
        How long the expression has to hold.
    cases : tuple of Case
        Its tests.
    """

    name: str
    title: str
    expr: str
    severity: str
    source: str
    cases: tuple[Case, ...]
    action: str = ""
    rule: str = ""
    evidence: str = ""
    lasts: str = "0m"


def limit_of(rules: Mapping[str, Rule], alert: Alert) -> Limit:
    """Return the limit that an alert takes from a rule.

    Parameters
    ----------
    rules : mapping of str to Rule
        By id.
    alert : Alert
        With ``rule`` and ``evidence``.

    Returns
    -------
    Limit

    Raises
    ------
    BadInput
        There is no such rule, or it does not hold the evidence against a number.
    """
    return limit_in(rules, alert.rule, alert.evidence, f"the alert {alert.name}")


def series_of(evidence: str) -> str:
    """Return the metric that has a piece of evidence.

    Parameters
    ----------
    evidence : str
        As rules name it.

    Returns
    -------
    str
        A selector of PromQL.

    Raises
    ------
    KeyError
        No metric has it.

    Examples
    --------
    >>> series_of("drift_map")
    'gputsne_drift_score{drift="drift_map"}'
    """
    for metric in METRICS:
        if metric.evidence == evidence:
            return metric.name
        for label in metric.labels:
            if label in ("drift", "quality", "disparity") and evidence in VALUES[label]:
                return f'{metric.name}{{{label}="{evidence}"}}'
    raise KeyError(evidence)


def filled(text: str, alert: Alert, rules: Mapping[str, Rule], settings: Settings) -> str:
    """Return a text of an alert with its limits and the site's times in it.

    Parameters
    ----------
    text : str
        With ``$names``.
    alert : Alert
        Whose text it is.
    rules : mapping of str to Rule
        By id.
    settings : Settings
        Of the site.

    Returns
    -------
    str
    """
    period = settings.minutes
    told: dict[str, object] = {
        "by": BY,
        "name": alert.name,
        "period": f"{period}m",
        "two": f"{2 * period}m",
        "three": f"{3 * period}m",
        "seconds": 60 * period,
        "twice": 120 * period,
        "late": f"{2 * period + 30}m",
        "early": f"{period // 2}m",
        "many": 3 * period // 5 + 20,  # values every 5 minutes
        "burn": f"{BURN * (1 - settings.uptime):g}",
        "factor": COST_FACTOR,
        "killed": KILLED - 0.5,  # increase() extrapolates: 2 may read as 1.97, 1 as 1.02
        "load": LOAD_SECONDS,
        "ahead": AHEAD,
    }
    if alert.rule and alert.evidence:
        limit = limit_of(rules, alert)
        told |= {"limit": f"{limit.value:g}", "fails": limit, "series": series_of(alert.evidence)}
        told["clear"] = Limit(limit.sign, CLEAR * limit.value)
        told |= {k: f"{limit.value * f:g}" for k, f in TIMES.items()}
    return Template(text).substitute(told)


def action_of(alert: Alert, rules: Mapping[str, Rule]) -> str:
    """Return what to do: the alert's own words, or the rule's without what only a check can fill.

    Parameters
    ----------
    alert : Alert
        A row of the table.
    rules : mapping of str to Rule
        By id.

    Returns
    -------
    str
    """
    rule = rules.get(alert.rule)
    return alert.action or ("" if rule is None else plain_words(rule.action))


def plain_words(text: str) -> str:
    """Return a rule's words without slots: names of evidence as they are.

    Parameters
    ----------
    text : str
        Of a rule.

    Returns
    -------
    str

    Examples
    --------
    >>> plain_words("Escalate to {owner}.")
    'Escalate to the owner.'
    """
    return text.replace("{owner}", "the owner").replace("{", "").replace("}", "")
