"""Files for Prometheus: scraping, recording rules, alerts, and the alerts' unit tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template
from typing import Any, Final

from gputsne.accounts.levels import DAYS, KEPT, LEFT, LEVELS, Level, limit_of_level
from gputsne.base.errors import BadInput
from gputsne.judging.rules import Rule
from gputsne.telemetry.operations.alert import BY, Alert, action_of, filled
from gputsne.telemetry.operations.alerts import ALERTS, RECORDS
from gputsne.telemetry.operations.settings import Settings
from gputsne.telemetry.table import SECONDS, SERVICE

__all__ = ["alerting", "context", "recording", "scraping", "tests"]

GROUP: Final = "gputsne"
OF_SERVICE: Final = "{{ with $labels.model }}: {{ . }}, {{ $labels.pipeline }}{{ end }}"
CONSTANT: Final = re.compile(r"(?<![\w.+-])([\d.]+)x(\d+)")
TARGETS: Final = {
    "node": "localhost:9100", "pushgateway": "localhost:9091", "serve": "localhost:8000",
    "alertmanager": "localhost:9093",
}  # fmt: skip
JOBS: Final = {"node": "gputsne-node", "pushgateway": "gputsne-push", "serve": "gputsne-serve"}


def scraping(settings: Settings) -> dict[str, Any]:
    """Return the content of ``prometheus.yml``."""
    hosts = {name: settings.targets.get(name, [host]) for name, host in TARGETS.items()}
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["recording.yml", "alerts.yml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": hosts["alertmanager"]}]}]
        },
        "scrape_configs": [
            {
                "job_name": job,
                # Of a gateway the labels that were pushed count, not those of the gateway itself.
                **({"honor_labels": True} if name == "pushgateway" else {}),
                "static_configs": [{"targets": hosts[name]}],
            }
            for name, job in JOBS.items()
        ],
    }  # fmt: skip


def recording(rules: Mapping[str, Rule], settings: Settings) -> dict[str, Any]:
    """Return the content of ``recording.yml``: what alerts and dashboards read, service levels."""
    told = {"by": BY, "three": f"{3 * settings.minutes}m"}
    rows: list[dict[str, Any]] = [
        {"record": name, "expr": Template(expr).substitute(told)} for name, expr, _ in RECORDS
    ]
    for level in LEVELS:
        target, labels = settings.levels[level.name], {"level": level.name}
        held = f'{KEPT}{{level="{level.name}"}}'
        rows += [
            {"record": KEPT, "expr": _kept(level, rules), "labels": labels},
            {"record": LEFT, "expr": f"1 - (1 - {held}) / (1 - {target!r})", "labels": labels},
        ]
    return {"groups": [{"name": f"{GROUP}-recording", "rules": rows}]}


def _kept(level: Level, rules: Mapping[str, Rule]) -> str:
    """Return the share of runs that kept a level, in PromQL."""
    told: dict[str, object] = {"by": BY, "window": f"{DAYS}d"}
    limit = limit_of_level(level, rules)
    if limit is not None:
        told["keeps"] = f"{'<=' if limit.sign == '>' else '<'} bool {limit.value:g}"
    if limit is not None and "$le" in level.kept:
        bounds = [bound for bound in SECONDS if bound <= limit.value]
        if not bounds:
            raise BadInput(
                f"rules: [{level.rule}] allows {limit.value:g} s, and no bucket of run durations "
                f"is below that: at least {SECONDS[0]:g}"
            )
        told["le"] = str(bounds[-1])
    return Template(level.kept).substitute(told)


def alerting(rules: Mapping[str, Rule], settings: Settings) -> dict[str, Any]:
    """Return the content of ``alerts.yml``."""
    rows = []
    for alert in ALERTS:
        rows.append({
            "alert": alert.name,
            "expr": filled(alert.expr, alert, rules, settings),
            "for": alert.lasts,
            "labels": {"severity": alert.severity},
            "annotations": context(alert, rules, settings),
        })  # fmt: skip
    return {"groups": [{"name": f"{GROUP}-alerts", "rules": rows}]}


def context(alert: Alert, rules: Mapping[str, Rule], settings: Settings) -> dict[str, str]:
    """Return what an alert tells: what, which run, from what, and where to read on."""
    of_rule = alert.name == "GputsneCheckFailed"
    anchor = "{{ $labels.rule }}" if of_rule else alert.name.lower()
    names = ",".join(f"{label}=%q" for label in SERVICE)
    values = " ".join(f"$labels.{label}" for label in SERVICE)
    found = f'{{{{ with query (printf "gputsne_run_info{{{names}}}" {values}) }}}}'

    def of_run(label: str, before: str = "", after: str = "") -> str:
        return (
            f'{found}{before}{{{{ . | first | label "{label}" }}}}{after}{{{{ else }}}}unknown'
            "{{ end }}"
        )

    before, _, after = settings.report_url.partition("{run}")
    return {
        "summary": alert.title + OF_SERVICE,
        "action": action_of(alert, rules),
        "value": '{{ printf "%.4g" $value }}',
        "run_id": of_run("run_id"),
        "seed": of_run("seed"),
        "input_sha256": of_run("input_sha256"),
        "report": of_run("run_id", before, after),
        "runbook": f"{settings.runbook_url}#{anchor}",
    }


def tests(rules: Mapping[str, Rule], settings: Settings) -> dict[str, Any]:
    """Return the content of ``alerts_test.yml``, for ``promtool test rules``."""
    found = []
    for alert in ALERTS:
        for case in alert.cases:
            firing = f'count(ALERTS{{alertname="{alert.name}", alertstate="firing"}}) > bool 0'
            expected = [{"value": 1, "labels": "{}"}] if case.fires else []
            found.append({
                "name": f"{alert.name}: {case.name}",
                "interval": case.every,
                "input_series": [
                    {"series": series, "values": _values(filled(values, alert, rules, settings))}
                    for series, values in case.series.items()
                ],
                "promql_expr_test": [{
                    "expr": firing,
                    "eval_time": filled(case.at, alert, rules, settings),
                    "exp_samples": expected,
                }],
            })  # fmt: skip
    return {
        "rule_files": ["recording.yml", "alerts.yml"],
        "evaluation_interval": "5m",
        "tests": found,
    }


def _values(text: str) -> str:
    """Return values with ``1x5`` written out as ``1+0x5``, which every promtool reads."""
    return CONSTANT.sub(r"\1+0x\2", text)
