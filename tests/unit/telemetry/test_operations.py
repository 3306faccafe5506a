"""Operating files held against Prometheus's own tools, the tables they come from, and the rules."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gputsne.accounts.levels import KEPT, LEFT
from gputsne.base.errors import BadInput
from gputsne.judging.rules import read_rules
from gputsne.telemetry import METRICS
from gputsne.telemetry.operations import Settings, files_of, write
from gputsne.telemetry.operations.alert import limit_of
from gputsne.telemetry.operations.alerts import ALERTS, RECORDS
from gputsne.telemetry.operations.runbook import PROFILES, anchors
from gputsne.telemetry.operations.settings import TEMPLATE
from gputsne.telemetry.server_table import TABLE

RULES = {rule.id: rule for rule in read_rules()}
QUICK = TEMPLATE.replace("period_hours = 24 ", "period_hours = 2 ")  # shorter unit tests
OUTSIDE = {  # metrics that others expose: Prometheus itself, cAdvisor, kube-state-metrics
    "up", "ALERTS", "container_cpu_usage_seconds_total", "container_memory_working_set_bytes",
    "kube_pod_container_status_terminated_reason", "kube_pod_container_status_restarts_total",
    "kube_pod_container_status_last_terminated_reason",
}  # fmt: skip
WORDS = {
    "and", "or", "unless", "on", "by", "sum", "max", "avg", "count", "rate", "increase", "offset",
    "histogram_quantile", "quantile_over_time", "min_over_time", "max_over_time", "avg_over_time",
    "time", "min", "bool", "abs",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ops")
    (path / "ops.toml").write_text(QUICK)
    write(path)
    return path


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def ran(*line: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in line], capture_output=True, text=True)


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    (group,) = load(folder / "prometheus" / name)["groups"]
    return group["rules"]


def metrics_in(expr: str) -> set[str]:
    """Return the names of metrics in PromQL: words that are neither functions nor labels."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on) ?\([^)]*\)|\$\w+", " ", expr)
    return set(re.findall(r"(?<![\w.])[A-Za-z_][\w:]*", bare)) - WORDS


def known() -> set[str]:
    found = set(OUTSIDE) | {name for name, _, _ in RECORDS} | {KEPT, LEFT}
    for metric in METRICS:
        found.add(metric.name)
        if metric.kind == "histogram":
            found |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
    for row in TABLE:
        found |= {row.name, f"{row.name}_total", f"{row.name}_bucket", f"{row.name}_sum"}
    return found


def test_prometheus_takes_the_files(folder: Path, promtool: str):
    done = ran(promtool, "check", "config", folder / "prometheus" / "prometheus.yml")
    assert done.returncode == 0, done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_every_alert_fires_and_stays_silent_as_it_should(folder: Path, promtool: str):
    done = ran(promtool, "test", "rules", folder / "prometheus" / "alerts_test.yml")
    assert done.returncode == 0, done.stdout


def test_the_alerts_tests_would_fail_were_any_turned_round(
    folder: Path, promtool: str, tmp_path: Path
):
    for name in ("recording.yml", "alerts.yml"):
        (tmp_path / name).write_text((folder / "prometheus" / name).read_text())
    told = load(folder / "prometheus" / "alerts_test.yml")
    for test in told["tests"]:
        (held,) = test["promql_expr_test"]
        held["exp_samples"] = [] if held["exp_samples"] else [{"value": 1, "labels": "{}"}]
    (tmp_path / "turned.yml").write_text(yaml.safe_dump(told))
    done = ran(promtool, "test", "rules", tmp_path / "turned.yml")
    assert done.returncode == 1
    assert (done.stdout + done.stderr).count("exp:") == len(told["tests"])
    for alert in ALERTS:
        assert {case.fires for case in alert.cases} == {True, False}


@pytest.mark.parametrize(("hours", "kept"), [(7, True), (8, False)])
def test_eight_hours_of_outage_in_thirty_days_are_below_99_percent(
    hours: int, kept: bool, folder: Path, promtool: str
):
    values = f"1+0x{12 * (24 * 29 - hours)} 0+0x{12 * hours - 1} 1+0x{12 * 24 - 1}"
    test = {
        "rule_files": ["recording.yml"], "evaluation_interval": "1h",
        "tests": [{
            "interval": "5m",
            "input_series": [{"series": 'up{job="gputsne-serve", instance="a"}', "values": values}],
            "promql_expr_test": [{
                "expr": "gputsne:availability:avg30d >= bool 0.99", "eval_time": "30d",
                "exp_samples": [{"value": float(kept), "labels": "{}"}],
            }],
        }],
    }  # fmt: skip
    path = folder / "prometheus" / "month_test.yml"
    path.write_text(yaml.safe_dump(test))
    done = ran(promtool, "test", "rules", path)
    path.unlink()
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_alert_names_run_seed_hash_report_and_runbook(
    folder: Path, promtool: str, tmp_path: Path
):
    for name in ("recording.yml", "alerts.yml"):
        (tmp_path / name).write_text((folder / "prometheus" / name).read_text())
    service = 'model="m \\"1\\"", pipeline="p", owner="o"'
    of_run = 'run_id="20261127T063518Z-3f2a9c1b", seed="7", input_sha256="ab"'
    info = f"gputsne_run_info{{{service}, {of_run}}}"
    labels = {"model": 'm "1"', "pipeline": "p", "owner": "o", "severity": "ticket"}
    told = {
        "summary": 'The KL divergence rises during a fit: m "1", p',
        "action": 'Use learning_rate="auto".',
        "value": "0.5",
        "run_id": "20261127T063518Z-3f2a9c1b",
        "seed": "7",
        "input_sha256": "ab",
        "report": "http://localhost:8000/runs/20261127T063518Z-3f2a9c1b/report.html",
        "runbook": "RUNBOOK.md#gputsneklrises",
    }
    alert = {"exp_labels": labels, "exp_annotations": told}
    kl = f"gputsne_kl_rise_ratio{{{service}}}"
    test = {
        "interval": "1m",
        "input_series": [{"series": info, "values": "1+0x9"}, {"series": kl, "values": "0.5+0x9"}],
        "alert_rule_test": [
            {"eval_time": "5m", "alertname": "GputsneKLRises", "exp_alerts": [alert]}
        ],
    }
    content = {"rule_files": ["recording.yml", "alerts.yml"], "tests": [test]}
    (tmp_path / "one.yml").write_text(yaml.safe_dump(content))
    done = ran(promtool, "test", "rules", tmp_path / "one.yml")
    assert done.returncode == 0, done.stdout
    for row in rows(folder, "alerts.yml"):
        assert {"run_id", "seed", "input_sha256", "report", "runbook"} <= set(row["annotations"])


def test_every_runbook_link_leads_to_a_heading(folder: Path):
    found = anchors((folder / "RUNBOOK.md").read_text())
    for row in rows(folder, "alerts.yml"):
        anchor = row["annotations"]["runbook"].partition("#")[2]
        assert anchor in found or anchor == "{{ $labels.rule }}"
    of_runs = {rule.id for rule in RULES.values() if set(rule.profiles) & set(PROFILES)}
    assert of_runs <= found
    links = re.findall(r"\]\(#([^)]*)\)", (folder / "RUNBOOK.md").read_text())
    assert links
    assert set(links) <= found


def test_expressions_use_metrics_of_the_tables(folder: Path):
    told = [row["expr"] for name in ("recording.yml", "alerts.yml") for row in rows(folder, name)]
    for path in (folder / "grafana").iterdir():
        panels = json.loads(path.read_text())["panels"]
        told += [target["expr"] for p in panels for target in p.get("targets", [])]
    used = set().union(*map(metrics_in, told))
    assert used <= known()
    assert {"gputsne_run_info", "gputsne_cost_total", "gputsne_rum_seconds_bucket"} <= used


def test_every_metric_of_runs_is_shown_on_a_dashboard_or_feeds_a_rule(folder: Path):
    texts = [path.read_text() for path in folder.rglob("*") if path.suffix in (".json", ".yml")]
    unused = [m.name for m in METRICS if not any(m.name in text for text in texts)]
    assert unused == []


def test_panels_are_valid_promql(folder: Path, promtool: str, tmp_path: Path):
    exprs = []
    for path in (folder / "grafana").iterdir():
        for panel in json.loads(path.read_text())["panels"]:
            exprs += [target["expr"] for target in panel.get("targets", [])]
    rules = [{"record": f"panel:{i}", "expr": expr} for i, expr in enumerate(exprs)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = ran(promtool, "check", "rules", file)
    assert done.returncode == 0, done.stderr + done.stdout


def test_dashboards_have_the_panels_that_were_asked_for(folder: Path):
    found = {}
    for path in (folder / "grafana").iterdir():
        told = json.loads(path.read_text())
        found[path.stem] = [panel["title"] for panel in told["panels"]]
        ids = [panel["id"] for panel in told["panels"]]
        places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in told["panels"]]
        assert len(set(ids)) == len(ids)
        assert len(set(places)) == len(places)
        of = {link["title"]: link["url"] for link in told["links"]}
        (report,) = (url for title, url in of.items() if "report" in title.lower())
        assert report == "http://localhost:8000/runs/${run}/report.html"
        assert of["Logs"] == Settings().logs_url
        assert of["Runbook"] == "RUNBOOK.md"
        assert {v["name"] for v in told["templating"]["list"]} >= {"model", "pipeline", "run"}
    assert set(found) == {"executive", "on-call", "debug"}
    assert {"Uptime of 30 days", "Monthly cost", "Mean drift across models", "Runs per week",
            "Mean runtime", "Error budgets left, 30 days"} <= set(found["executive"])  # fmt: skip
    assert {"Recent failures", "KL curves of recent runs", "Processor and memory of pods",
            "Out of memory"} <= set(found["on-call"])  # fmt: skip
    assert {"Perplexity, seed, parameters and hashes", "Embedding by label",
            "Share of the variance that PCA keeps",
            "Reproducibility across seeds"} <= set(found["debug"])  # fmt: skip


def test_datadog_scrapes_every_metric_and_has_the_rules_limits(folder: Path):
    (first, *_) = load(folder / "datadog" / "openmetrics.d" / "conf.yaml")["instances"]
    names = {name for row in first["metrics"] for name in row}
    assert {m.name.removesuffix("_total") for m in METRICS} <= names
    told = json.loads((folder / "datadog" / "monitors.json").read_text())["monitors"]
    limits = {m["name"].split(":")[0]: m["options"]["thresholds"]["critical"] for m in told}
    for alert in ALERTS:
        if alert.name in limits and alert.evidence:
            limit = limit_of(RULES, alert)
            assert limits[alert.name] == limit.value
    assert {"GputsneJobFailed", "GputsneDriftMap", "GputsneCostSpike"} <= set(limits)
    for monitor in told:  # the query ends by the threshold, as Datadog demands
        assert float(monitor["query"].split()[-1]) == monitor["options"]["thresholds"]["critical"]


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=page"], "default"),
        (["severity=ticket", "owner=nobody"], "default"),
        (["severity=page", "owner=maps"], "maps"),
        (["severity=ticket", "owner=maps"], "maps"),
        (["severity=page", 'owner=a "b" \\c'], 'a "b" \\c'),
    ],
)
def test_alerts_go_to_their_owners(
    program: Callable[[str], str], tmp_path: Path, labels: list[str], receiver: str
):
    owners = {"maps": "http://localhost:1/maps", 'a "b" \\c': "http://localhost:1/b"}
    text = files_of(Settings(owners=owners))["alertmanager/alertmanager.yml"]
    file = tmp_path / "alertmanager.yml"
    file.write_text(text)
    amtool = program("amtool")
    assert ran(amtool, "check-config", file).returncode == 0
    labels = [re.sub("=(.*)", lambda m: f"={json.dumps(m[1])}", label) for label in labels]
    done = ran(amtool, "config", "routes", "test", f"--config.file={file}", *labels)
    assert done.stdout.strip() == receiver, done.stderr


def test_a_message_is_one_per_model_and_pipeline_and_tickets_wait():
    told = yaml.safe_load(files_of(Settings())["alertmanager/alertmanager.yml"])
    assert told["route"]["group_by"] == ["model", "pipeline"]
    (muted,) = told["time_intervals"]
    ticket = told["route"]["routes"][-1]
    assert ticket["mute_time_intervals"] == [muted["name"]]
    assert ticket["matchers"] == ['severity="ticket"']
    for row in yaml.safe_load(files_of(Settings())["prometheus/alerts.yml"])["groups"][0]["rules"]:
        assert set(row["labels"]) == {"severity"}  # nothing that tells one run from the next
        assert not re.search(r"\b(run_id|instance|pod)\b", row["expr"])


def test_no_alert_has_a_threshold_of_a_rule_for_its_own():
    changed = {"drift_map": "< 0.3", "run_seconds": "< 900", "kl_rises": None}
    rules = {rule.id: rule for rule in read_rules({
        name: {"pass": text} if text else {"fault": "> 0.5"} for name, text in changed.items()
    })}  # fmt: skip
    before, after = files_of(Settings(), RULES), files_of(Settings(), rules)
    wanted = {"GputsneDriftMap": ">= 0.3", "GputsneLatency": ">= 900", "GputsneKLRises": "> 0.5"}
    for name, text in wanted.items():
        (old,) = [r for r in yaml.safe_load(before["prometheus/alerts.yml"])["groups"][0]["rules"]
                  if r["alert"] == name]  # fmt: skip
        (new,) = [r for r in yaml.safe_load(after["prometheus/alerts.yml"])["groups"][0]["rules"]
                  if r["alert"] == name]  # fmt: skip
        assert text in new["expr"]
        assert text not in old["expr"]


@pytest.mark.parametrize("row", [{"fault": "drift_map > 2 * baseline.drift_map"}, {"ask": "well?"}])
def test_a_rule_without_the_limit_of_an_alert_is_named(row: dict[str, str]):
    rules = {k: v for k, v in RULES.items() if k != "drift_map"}
    if "fault" in row:
        rules = {rule.id: rule for rule in read_rules({"drift_map": row})}
    with pytest.raises(BadInput, match=r"\[drift_map\].*GputsneDriftMap"):
        files_of(Settings(), rules)


def test_the_manual_has_the_table_of_metrics():
    manual = Path(__file__).parents[3] / "docs" / "operate.md"
    lines = manual.read_text(encoding="utf-8").splitlines()
    for m in METRICS:
        row = f"| `{m.name}` | {m.kind} | {', '.join(m.labels)} | {m.help} | {m.source} |"
        assert row in lines


def test_logs_are_those_of_the_run_that_is_chosen():
    files = files_of(Settings(logs_url="https://logs.example/search?q=run%3D{run}"))
    board = files["grafana/on-call.json"]
    assert "https://logs.example/search?q=run%3D${run}" in board
    assert "{run}" not in board.replace("${run}", "")
