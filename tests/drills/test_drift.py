"""Game day: a stream whose data drift from a known window on, and who is told of it when."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from sites import program_of

import gputsne
from gputsne.cli import main
from gputsne.telemetry import board_of_store
from gputsne.telemetry.operations import Settings, files_of

ONSET, WITHIN = 2, 3
WINDOWS = ONSET + WITHIN
TAGS = ("--tag", "model=m", "--tag", "pipeline=p", "--tag", "owner=o")
FIRING = (
    'count(ALERTS{alertname=~"GputsneDrift.*", alertstate="firing"} or '
    'ALERTS{alertname="GputsneCheckFailed", rule=~"drift_.*", alertstate="firing"}) > bool 0'
)


def call(*words: str, codes: tuple[int, ...] = (0,)) -> str:
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code in codes, done.output
    return done.stdout


def night(name: str, X: np.ndarray) -> str:
    """Embed a window as a site does, a short fit; return the id of the stored run."""
    np.save(f"{name}.npy", X)
    line = ["embed", f"{name}.npy", "-o", "map.npy", "--max-iter", "30", "--perplexity", "10"]
    return str(
        json.loads(call(*line, "--store", "runs", "--keep-input", "--json", *TAGS))["stored"]
    )


def told(store: gputsne.Store) -> dict[str, str]:
    """Return the series of drift and gates that are scraped now."""
    lines = board_of_store(store).text().splitlines()
    names = ("gputsne_drift_score{", "gputsne_check_failed{")
    return dict(line.rsplit(" ", 1) for line in lines if line.startswith(names))


def judged(scraped: list[dict[str, str]], folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold what was scraped, an hour for each window, against the alerts that a site has."""
    for name, text in files_of(Settings()).items():
        if name.startswith("prometheus/"):
            (folder / Path(name).name).write_text(text)
    series = [
        {
            "series": name,
            # a value per five minutes, twelve an hour; the series is gone where it is not told
            "values": " ".join(f"{now[name]}+0x11" if name in now else "_x12" for now in scraped),
        }
        for name in sorted(set().union(*scraped))
    ]
    fires = [{"value": 1, "labels": "{}"}]
    looks = [
        {
            "expr": FIRING, "eval_time": f"{60 * window + 55}m",
            "exp_samples": [] if window < ONSET else fires,
        }
        for window in (*range(ONSET), WINDOWS - 1)
    ]  # fmt: skip
    test = {
        "rule_files": ["recording.yml", "alerts.yml"], "evaluation_interval": "5m",
        "tests": [{"interval": "5m", "input_series": series, "promql_expr_test": looks}],
    }  # fmt: skip
    (folder / "test.yml").write_text(yaml.safe_dump(test))
    line = [program_of("promtool"), "test", "rules", folder / "test.yml"]
    return subprocess.run(line, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_drift_is_told_within_three_windows_and_nothing_before(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    stream = gputsne.datasets.drifting_stream(WINDOWS, onset=ONSET, rows=300, random_state=seed)
    store = gputsne.Store("runs")
    store.promote(night("reference", stream.reference))
    gates, scraped = [], []
    for number, window in enumerate(stream.windows):
        run = night(f"window{number}", window)
        asked = ["check", run, "--profile", "prod", "--baseline", "production", "--store", "runs"]
        verdict = json.loads(call(*asked, "--json", codes=(0, 1)))
        gates.append({
            row["id"] for row in verdict["rows"]
            if row["id"].startswith("drift") and row["status"] == "fail"
        })  # fmt: skip
        scraped.append(told(store))
    assert not any(gates[:ONSET]), gates
    assert any(gates[ONSET:]), gates
    done = judged(scraped, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
