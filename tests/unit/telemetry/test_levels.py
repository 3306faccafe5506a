"""Service levels: Prometheus and a store of the same runs come to the same error budgets."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gputsne.accounts.levels import LEFT, LEVELS, budget_left, budgets_of, checked_targets
from gputsne.base.errors import BadInput
from gputsne.judging.rules import read_rules
from gputsne.provenance import Run
from gputsne.provenance.run import new_id
from gputsne.telemetry import Board, begin, finish
from gputsne.telemetry.operations import Settings
from gputsne.telemetry.operations.prometheus import recording

RULES = {rule.id: rule for rule in read_rules()}
TAGS = {"model": "m", "pipeline": "p", "owner": "o"}
NIGHTS = 28
BUCKET = "gputsne_run_duration_seconds_bucket"
TARGETS = {"availability": 0.9, "latency": 0.8, "drift": 0.75}


def nightly(seed: int) -> list[Run]:
    """Return a run for each night: some fail, some take long, some have drifted."""
    rng = np.random.default_rng(seed)
    found = []
    for night in range(NIGHTS):
        started = datetime(2026, 11, 1, 2, tzinfo=UTC) + timedelta(days=night)
        found.append(Run(
            id=new_id(started), tags=TAGS, started=started.isoformat(),
            status="done" if rng.random() < 0.9 else "failed",
            seconds=float(rng.choice([100.0, 299.0, 301.0, 900.0], p=[0.5, 0.3, 0.1, 0.1])),
            metrics={"drift_map": float(rng.choice([0.05, 0.1, 0.3], p=[0.8, 0.1, 0.1]))},
        ))  # fmt: skip
    return found


def scraped(runs: list[Run], killed: dict[int, int]) -> list[dict[str, str]]:
    """Return what is scraped once after each night, as series of promtool; 0 before the first."""
    board = Board()
    begin(board, Run(tags=TAGS))
    held: dict[str, list[str]] = {}
    for night, run in enumerate(runs):
        finish(board, run)
        for _ in range(killed.get(night, 0)):
            board.add("gputsne_runs_killed_total", board.service(TAGS))
        for line in board.text().splitlines():
            if not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                is_gauge = series.startswith("gputsne_drift_score")
                start = ["_" if is_gauge else "0", *["_" if is_gauge else "0"] * night]
                held.setdefault(series, start).append(value)
    return [
        {"series": series, "values": " ".join(values)}
        for series, values in held.items()
        if not series.startswith("gputsne_run_info")
    ]


def promtool_says(promtool: str, folder: Path, settings: Settings, tests: list[Any]) -> Any:
    told = recording(RULES, settings)
    (folder / "recording.yml").write_text(yaml.safe_dump(told))
    content = {"rule_files": ["recording.yml"], "evaluation_interval": "1d", "tests": tests}
    (folder / "tests.yml").write_text(yaml.safe_dump(content))
    line = [promtool, "test", "rules", str(folder / "tests.yml")]
    return subprocess.run(line, capture_output=True, text=True)


@pytest.mark.parametrize("seed", range(3))
def test_a_store_and_prometheus_tell_the_same_budgets(promtool, tmp_path, seed):
    runs, killed = nightly(seed), {5: 1, 9: 2}
    drifts = {run.id: dict(run.metrics) for run in runs}
    budgets = budgets_of(runs, 3, drifts, RULES, TARGETS)

    def checks(off: float) -> list[dict[str, Any]]:  # 1e-9: the order of additions differs
        return [
            {
                "expr": f'abs({LEFT}{{level="{b.level}"}} - {b.left + off!r}) < bool 1e-9',
                "eval_time": f"{NIGHTS}d",
                "exp_samples": [
                    {
                        "labels": f'{{level="{b.level}", model="m", owner="o", pipeline="p"}}',
                        "value": 1,
                    }
                ],
            }
            for b in budgets
        ]

    assert [budget.level for budget in budgets] == [level.name for level in LEVELS]
    assert {budget.runs for budget in budgets} == {NIGHTS, NIGHTS + 3}
    series, settings = scraped(runs, killed), Settings(levels=TARGETS)
    for off, code in ((0.0, 0), (0.01, 1)):  # and promtool does tell other numbers apart
        test = {"interval": "1d", "input_series": series, "promql_expr_test": checks(off)}
        done = promtool_says(promtool, tmp_path, settings, [test])
        assert done.returncode == code, done.stdout + done.stderr


def test_an_error_budget_is_whole_half_spent_or_overdrawn():
    assert budget_left(1.0, 0.99) == 1.0
    assert budget_left(0.995, 0.99) == pytest.approx(0.5)
    assert budget_left(0.99, 0.99) == pytest.approx(0.0)
    assert budget_left(0.9, 0.99) == pytest.approx(-9.0)


def test_a_level_that_nobody_measured_has_no_budget():
    budgets = budgets_of([Run(status="failed")], 0, {}, RULES, TARGETS)
    told = {budget.level: budget.to_dict() for budget in budgets}
    assert told["drift"]["runs"] == 0
    assert told["drift"]["left"] is told["latency"]["share"] is None
    assert told["availability"]["left"] == pytest.approx(-9.0)


def test_the_target_stands_in_one_place():
    default = Settings().levels
    assert default == {level.name: level.target for level in LEVELS} == checked_targets({}, "x")
    text = str(recording(RULES, Settings(levels={"latency": 0.9})))
    assert "/ (1 - 0.9)" in text
    assert "/ (1 - 0.99)" in text  # availability's own


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({"speed": 0.9}, "unknown level 'speed'"), ({"latency": 1.0}, "latency = 1.0 must be"),
        ({"latency": 99}, "latency = 99 must be"), (3, "levels = 3 must be"),
    ],
)  # fmt: skip
def test_targets_that_are_none_are_refused(levels, said):
    with pytest.raises(BadInput, match=said):
        Settings(levels=levels)


def test_a_limit_between_two_buckets_counts_the_lower_one_and_one_below_all_is_refused():
    def with_limit(seconds):
        rules = {rule.id: rule for rule in read_rules({"run_seconds": {"pass": f"< {seconds}"}})}
        return str(recording(rules, Settings()))

    assert f'{BUCKET}{{stage="total", le="300.0"}}' in with_limit(599)
    assert f'{BUCKET}{{stage="total", le="120.0"}}' in with_limit(299)
    with pytest.raises(BadInput, match="no bucket of run durations is below"):
        with_limit(0.05)
