"""Files for Datadog: its OpenMetrics check, which scrapes the same metrics, and monitors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gputsne.judging.rules import Rule
from gputsne.telemetry.operations.alert import COST_FACTOR, Alert, limit_of
from gputsne.telemetry.operations.alerts import ALERTS
from gputsne.telemetry.operations.settings import Settings
from gputsne.telemetry.server_table import TABLE
from gputsne.telemetry.table import METRIC_BY_NAME, METRICS, SERVICE, VALUES

__all__ = ["monitors", "scraping"]

NAMESPACE: Final = "gputsne"
BY: Final = ",".join(SERVICE)


def _datadog(name: str) -> str:
    """Return what Datadog calls a metric: counters are there without ``_total``."""
    return name.removesuffix("_total").removeprefix("gputsne_")


def scraping(settings: Settings) -> dict[str, Any]:
    """Return the content of ``openmetrics.d/conf.yaml``."""
    names = [metric.name.removesuffix("_total") for metric in METRICS]
    names += [row.name for row in TABLE]
    hosts = [*settings.targets.get("pushgateway", []), *settings.targets.get("serve", [])]
    return {
        "init_config": {},
        "instances": [
            {
                "openmetrics_endpoint": f"http://{host}/metrics",
                "namespace": NAMESPACE,
                "metrics": [{name: name.removeprefix("gputsne_")} for name in names],
                "histogram_buckets_as_distributions": True,
            }
            for host in hosts or ["localhost:9091"]
        ],
    }


def monitors(rules: Mapping[str, Rule], settings: Settings) -> list[dict[str, Any]]:
    """Return monitors with the thresholds of the alerts, as Datadog's API takes them.

    Parameters
    ----------
    rules : mapping of str to Rule
        By id.
    settings : Settings
        Of the site.

    Returns
    -------
    list of dict
        Of alerts that hold one number against a limit, of failed jobs and of costs.
    """
    found = []
    for alert in ALERTS:
        if alert.name == "GputsneJobFailed":
            name = f"{NAMESPACE}.{_datadog('gputsne_run_success')}"
            query = f"max(last_1h):max:{name}{{*}} by {{{BY}}} < 1"
            found.append(_monitor(alert, "query alert", query, 1.0, settings))
        elif alert.name == "GputsneCostSpike":
            name = f"{NAMESPACE}.{_datadog('gputsne_run_cost')}"
            median = f"median:{name}{{*}} by {{{BY}}}.rollup(median, 2592000)"
            query = f"max(last_1d):max:{name}{{*}} by {{{BY}}} / {median} > {COST_FACTOR}"
            found.append(_monitor(alert, "query alert", query, float(COST_FACTOR), settings))
        elif alert.evidence and (scope := _scope(alert.evidence)) is not None:
            limit = limit_of(rules, alert)
            name, tags = scope
            query = f"min(last_30m):max:{name}{{{tags}}} by {{{BY}}} {limit}"
            found.append(_monitor(alert, "query alert", query, limit.value, settings))
    return found


def _scope(evidence: str) -> tuple[str, str] | None:
    """Return metric and filter of evidence that is one gauge; None for other metrics."""
    for metric in METRIC_BY_NAME.values():
        name = f"{NAMESPACE}.{_datadog(metric.name)}"
        if metric.evidence == evidence:
            return (name, "*") if metric.kind == "gauge" else None
        for label in metric.labels:
            if label in ("drift", "quality", "disparity") and evidence in VALUES[label]:
                return name, f"{label}:{evidence}"
    return None


def _monitor(
    alert: Alert, kind: str, query: str, critical: float, settings: Settings
) -> dict[str, Any]:
    where = f"{settings.runbook_url}#{alert.name.lower()}"
    return {
        "name": f"{alert.name}: {alert.title}",
        "type": kind,
        "query": query,
        "message": f"{alert.title}. Runbook: {where}. Owner: {{{{owner.name}}}}",
        "tags": ["service:gputsne", f"severity:{alert.severity}"],
        "options": {
            "thresholds": {"critical": critical},
            "notify_no_data": False,
            "include_tags": True,
        },
    }
