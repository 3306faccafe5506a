"""Dashboards held against Grafana's own models: no entry that these don't know, nor lose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from gputsne.telemetry.operations import Settings
from gputsne.telemetry.operations.grafana import DASHBOARDS, dashboard

register_default_plugins()


def read_back(told: dict[str, Any]) -> Any:
    return json.loads(json.dumps(Dashboard.from_json(told), cls=JSONEncoder))


def differences(ours: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Yield what of ours isn't there after Grafana's models have read and written it."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from differences(value, theirs[key], f"{place}.{key}")
            else:
                yield f"{place}.{key}"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{place}[{i}]")
    elif ours != theirs:
        yield f"{place}: {ours!r}, not {theirs!r}"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafanas_models_know_every_entry(name):
    told = dashboard(name, Settings())
    assert list(differences(told, read_back(told))) == []


@pytest.mark.parametrize(
    ("name", "title", "shown"),
    [
        ("executive", "Uptime of 30 days", "gputsne:availability:avg30d"),
        ("executive", "Monthly cost", "gputsne:cost:increase30d"),
        ("executive", "Mean drift across models", "avg(gputsne:drift_score:max)"),
        ("executive", "Runs per week", "gputsne:runs:increase7d"),
        ("executive", "Mean runtime", "gputsne:run_duration_seconds:mean7d"),
        ("executive", "Error budgets left, 30 days", "gputsne:error_budget_left:ratio30d"),
        ("on-call", "Recent failures", "gputsne_run_success"),
        ("on-call", "Recent failures", '"title": "Logs", "url": "http://localhost:3000/explore"'),
        ("on-call", "KL of the fit that runs", "gputsne_kl_divergence"),
        ("on-call", "KL curves of recent runs", "gputsne_kl_checkpoint"),
        ("on-call", "Processor and memory of pods", "container_cpu_usage_seconds_total"),
        ("on-call", "Processor and memory of pods", "container_memory_working_set_bytes"),
        ("on-call", "Out of memory", 'reason=\\"OOMKilled\\"'),
        ("debug", "Perplexity, seed, parameters and hashes", "gputsne_run_info"),
        ("debug", "Share of the variance that PCA keeps", "gputsne_pca_variance_ratio"),
        ("debug", "Embedding by label", "http://localhost:8000/runs/${run}/thumb.png"),
        ("debug", "Reproducibility across seeds", "gputsne_seed_disparity"),
        ("debug", "Reproducibility across seeds", '"rowField": "a", "columnField": "b"'),
    ],
)
def test_a_panel_shows_what_its_title_says(name, title, shown):
    (panel,) = (p for p in dashboard(name, Settings())["panels"] if p["title"] == title)
    assert shown in json.dumps(panel)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(titel="x"),
        lambda told: told["panels"][0].update(gridpos={}),
        lambda told: told["panels"][0]["fieldConfig"]["defaults"].update(units="s"),
        lambda told: told["panels"][0]["targets"][0].update(legend="x"),
        lambda told: told["templating"]["list"][1].update(mutli=True),
        lambda told: told["links"][0].update(href="x"),
    ],
)
def test_an_entry_that_grafana_does_not_know_is_found(change):
    told = json.loads(json.dumps(dashboard("executive", Settings())))
    change(told)
    assert list(differences(told, read_back(told)))
