"""Dashboards for Grafana: executive, on call and debug, one row of the table per panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gputsne.accounts.levels import KEPT, LEFT
from gputsne.telemetry.operations.settings import Settings

__all__ = ["DASHBOARDS", "Panel", "dashboard"]

SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
OF: Final = 'model=~"$model", pipeline=~"$pipeline", owner=~"$owner"'
SERVER: Final = 'job="gputsne-serve"'
POD: Final = 'container="gputsne"'
WIDTH, HEIGHT, COLUMNS = 12, 8, 24  # of a panel and of Grafana's grid
SCHEMA: Final = 38  # of dashboards, Grafana 10
LINK: Final = {
    "type": "link", "asDropdown": False, "icon": "doc", "targetBlank": True, "tags": [],
    "tooltip": "", "includeVars": False, "keepTime": False,
}  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes
    ----------
    title : str
        Above it.
    kind : str
        As Grafana calls it.
    exprs : tuple of (str, str)
        PromQL and legend.
    unit : str
        As Grafana calls it.
    text : str
        Of a panel of text: Markdown or HTML.
    matrix : (str, str) or None
        Of a table: the labels whose values are its rows and columns; cells are coloured.
    logs : bool
        Whether it has a link to the logs.
    """

    title: str
    kind: str
    exprs: tuple[tuple[str, str], ...] = ()
    unit: str = "short"
    text: str = ""
    matrix: tuple[str, str] | None = None
    logs: bool = False


def _of(name: str, more: str = "") -> str:
    return f"{name}{{{OF}{', ' if more else ''}{more}}}"


LEGEND: Final = "{{model}} {{pipeline}}"
INFO: Final = _of("gputsne_run_info")

DASHBOARDS: Final[dict[str, tuple[str, tuple[Panel, ...]]]] = {
    "executive": ("gputsne: executive", (
        Panel("Uptime of 30 days", "stat", (("gputsne:availability:avg30d", "server"),),
              "percentunit"),
        Panel("Monthly cost", "stat",
              (("sum(gputsne:cost:increase30d)", "all"),
               ("gputsne:cost:increase30d", LEGEND))),
        Panel("Mean drift across models", "timeseries",
              (("avg(gputsne:drift_score:max)", "mean"), ("gputsne:drift_score:max", LEGEND))),
        Panel("Runs per week", "timeseries", (("gputsne:runs:increase7d", LEGEND),)),
        Panel("Mean runtime", "timeseries",
              (("gputsne:run_duration_seconds:mean7d", LEGEND),
               ("gputsne:run_duration_seconds:p95", f"{LEGEND} p95")), "s"),
        Panel("Runs that ended well, 7 days", "timeseries",
              (("gputsne:runs_done:ratio7d", LEGEND),), "percentunit"),
        Panel("Error budgets left, 30 days", "timeseries",
              ((LEFT, "{{level}} {{model}}"),), "percentunit"),
        Panel("Service levels kept, 30 days", "stat",
              ((KEPT, "{{level}} {{model}}"),), "percentunit"),
    )),
    "on-call": ("gputsne: on call", (
        Panel("Recent failures", "table",
              ((f"max by (model, pipeline, owner) ({_of('gputsne_run_success')}) == 0", LEGEND),),
              logs=True),
        Panel("Runs by how they ended", "timeseries",
              ((f"sum by (status) (increase({_of('gputsne_runs_total')}[1d]))", "{{status}}"),
               (f"sum(increase({_of('gputsne_runs_killed_total')}[1d]))", "killed"))),
        Panel("KL of the fit that runs", "timeseries",
              ((_of("gputsne_kl_divergence"), LEGEND),)),
        Panel("KL curves of recent runs", "timeseries",
              ((_of("gputsne_kl_checkpoint"), f"{LEGEND} {{{{checkpoint}}}}/5"),)),
        Panel("Processor and memory of pods", "timeseries",
              ((f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{POD}}}[5m]))",
                "{{pod}} processors"),
               (f"sum by (pod) (container_memory_working_set_bytes{{{POD}}})", "{{pod}} bytes"))),
        Panel("Out of memory", "timeseries",
              (("sum by (pod) (kube_pod_container_status_terminated_reason"
                f'{{{POD}, reason="OOMKilled"}})', "{{pod}}"),
               (_of("gputsne_peak_memory_bytes"), f"{LEGEND} bytes"))),
        Panel("Runs in progress", "stat", ((_of("gputsne_runs_in_progress"), LEGEND),)),
        Panel("Last success, and last end", "stat",
              ((f"1000 * {_of('gputsne_run_last_success_timestamp_seconds')}", LEGEND),
               (f"1000 * {_of('gputsne_run_ended_timestamp_seconds')}", f"{LEGEND} ended")),
              "dateTimeFromNow"),
        Panel("Firing alerts", "table",
              (('ALERTS{alertname=~"Gputsne.*", alertstate="firing"}', "{{alertname}}"),)),
        Panel("Where to read on", "text", text="[Runbook]({runbook}) · [Logs]({logs})"),
    )),
    "debug": ("gputsne: debug", (
        Panel("Perplexity, seed, parameters and hashes", "table", ((INFO, LEGEND),)),
        Panel("Embedding by label", "text", text='<img alt="Map of the latest run" '
              'width="400" src="{thumbnail}">'),
        Panel("Share of the variance that PCA keeps", "timeseries",
              ((_of("gputsne_pca_variance_ratio"), LEGEND),), "percentunit"),
        Panel("Reproducibility across seeds", "table",
              ((f"max by (a, b) ({_of('gputsne_seed_disparity')})", "{{a}} {{b}}"),),
              matrix=("a", "b")),
        Panel("Disparity of seeds and of replays", "timeseries",
              ((_of("gputsne_disparity"), f"{LEGEND} {{{{disparity}}}}"),)),
        Panel("Seconds by stage", "timeseries",
              (("sum by (stage) (increase("
                f"{_of('gputsne_run_duration_seconds_sum')}[1d]))", "{{stage}}"),), "s"),
        Panel("Iterations", "timeseries",
              ((_of("gputsne_iterations"), LEGEND),
               (_of("gputsne_iterations_planned"), f"{LEGEND} planned"))),
        Panel("Convergence", "timeseries",
              ((_of("gputsne_kl_tail_drop_ratio"), f"{LEGEND} tail drop"),
               (_of("gputsne_kl_rise_ratio"), f"{LEGEND} rise")), "percentunit"),
        Panel("Quality", "timeseries", ((_of("gputsne_quality"), "{{quality}} {{model}}"),)),
        Panel("Drift by measure", "timeseries",
              ((_of("gputsne_drift_score"), "{{drift}} {{model}}"),)),
        Panel("Recall of neighbours", "timeseries",
              ((_of("gputsne_neighbors_recall_ratio"), LEGEND),), "percentunit"),
        Panel("Memory", "timeseries",
              ((_of("gputsne_peak_memory_bytes"), LEGEND),
               (_of("gputsne_peak_device_memory_bytes"), f"{LEGEND} GPU")), "bytes"),
        Panel("Rows and cost of a run", "timeseries",
              ((_of("gputsne_input_rows"), f"{LEGEND} rows"),
               (_of("gputsne_run_cost"), f"{LEGEND} cost"),
               (_of("gputsne_run_cost_predicted"), f"{LEGEND} cost as expected"))),
        Panel("Gates that failed", "table", ((f"{_of('gputsne_check_failed')} == 1", LEGEND),)),
        Panel("Server: 95th percentile of answers", "timeseries",
              (("histogram_quantile(0.95, sum by (le, route) (rate("
                f"gputsne_http_request_duration_seconds_bucket{{{SERVER}}}[5m])))", "{{route}}"),),
              "s"),
        Panel("Server: pages' load", "timeseries",
              (("histogram_quantile(0.95, sum by (le) (rate("
                f'gputsne_rum_seconds_bucket{{{SERVER}, event="load"}}[5m])))', "load, p95"),),
              "s"),
    )),
}  # fmt: skip


def dashboard(name: str, settings: Settings) -> dict[str, Any]:
    """Return a dashboard as Grafana imports it.

    Parameters
    ----------
    name : {"executive", "on-call", "debug"}
        Which one.
    settings : Settings
        Where reports, runbook and pictures are.

    Returns
    -------
    dict
    """
    title, panels = DASHBOARDS[name]
    report = settings.report_url.replace("{run}", "${run}")
    return {
        "uid": f"gputsne-{name}",
        "title": title,
        "description": "Made by gputsne ops init; changes here are lost with the next.",
        "tags": ["gputsne"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-30d" if name == "executive" else "now-24h", "to": "now"},
        "templating": {"list": _variables()},
        "links": [
            {**LINK, "title": "Report of the run, with its parameters", "url": report},
            {**LINK, "title": "Runbook", "url": settings.runbook_url},
            {**LINK, "title": "Logs", "url": _logs(settings)},
        ],
        "panels": _placed(panels, settings),
    }  # fmt: skip


def _variables() -> list[dict[str, Any]]:
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    shown: list[dict[str, Any]] = [source]
    for name, label in (("model", "model"), ("pipeline", "pipeline"), ("owner", "owner"),
                        ("run", "run_id")):  # fmt: skip
        query = f"label_values(gputsne_run_info, {label})"
        several = name != "run"
        every: dict[str, Any] = {"allValue": ".*"} if several else {}
        shown.append({
            "name": name, "label": name, "type": "query", "datasource": SOURCE, "refresh": 2,
            "query": query, "includeAll": several, "multi": several, **every,
        })  # fmt: skip
    return shown


def _matrix(rows: str, columns: str, *, unit: str) -> dict[str, Any]:
    """Return what makes a table of series a matrix with coloured cells."""
    options = {"rowField": rows, "columnField": columns, "valueField": "Value"}
    return {
        "transformations": [{"id": "groupingToMatrix", "options": options}],
        "fieldConfig": {
            "defaults": {
                "unit": unit, "min": 0, "max": 1, "color": {"mode": "continuous-GrYlRd"},
                "custom": {"cellOptions": {"type": "color-background", "mode": "basic"}},
            },
            "overrides": [],
        },
    }  # fmt: skip


def _logs(settings: Settings) -> str:
    """Return the address of the logs, those of the run that is chosen where it names one."""
    return settings.logs_url.replace("{run}", "${run}")


def _placed(panels: Sequence[Panel], settings: Settings) -> list[dict[str, Any]]:
    found = []
    per_row = COLUMNS // WIDTH
    for i, panel in enumerate(panels):
        place = {"x": WIDTH * (i % per_row), "y": HEIGHT * (i // per_row), "w": WIDTH, "h": HEIGHT}
        told: dict[str, Any] = {
            "id": i + 1, "title": panel.title, "type": panel.kind, "gridPos": place,
        }  # fmt: skip
        if panel.kind == "text":
            html = panel.text.startswith("<")
            text = panel.text.replace("{runbook}", settings.runbook_url)
            text = text.replace("{logs}", _logs(settings))
            thumbnail = settings.thumbnail_url.replace("{run}", "${run}")
            text = text.replace("{thumbnail}", thumbnail)
            told["options"] = {"mode": "html" if html else "markdown", "content": text}
        else:
            told["datasource"] = SOURCE
            told["fieldConfig"] = {"defaults": {"unit": panel.unit}, "overrides": []}
            told["targets"] = [
                {
                    "refId": chr(ord("A") + j), "expr": expr, "legendFormat": legend,
                    "datasource": SOURCE,
                    **({"format": "table", "instant": True} if panel.kind == "table" else {}),
                }
                for j, (expr, legend) in enumerate(panel.exprs)
            ]  # fmt: skip
        if panel.matrix is not None:
            told |= _matrix(*panel.matrix, unit=panel.unit)
        if panel.logs:
            told["links"] = [{**LINK, "title": "Logs", "url": _logs(settings)}]
        found.append(told)
    return found
