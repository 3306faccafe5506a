"""The benchmark of schedules runs, keeps what it measured, and counts classes in pieces."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="bench/ is in the repository only")


def module(name):
    """Import a script that imports its neighbours in bench/."""
    sys.path.insert(0, str(BENCH))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCH))


def test_schedules(tmp_path):
    command = [sys.executable, str(BENCH / "schedules.py"), "--quick", "--results", str(tmp_path)]
    given = ["--schedules", "classic-750,short,steps-300"]
    # a script imports its neighbours in bench/, which PYTHONSAFEPATH forbids
    safe = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    done = subprocess.run([*command, *given], capture_output=True, text=True, env=safe)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "schedules.json").read_text(encoding="utf-8"))
    assert [(r["data"], r["schedule"]) for r in record["runs"]] == [
        (data, name) for data in ("digits", "toy") for name in ("classic-750", "short", "steps-300")
    ]
    for run in record["runs"]:
        assert 0 < run["kept_10"] < 1
        assert 0 <= run["KNC"] <= 1
        assert run["KL"] > 0
    lines = module("schedules").tables(record).splitlines()
    assert len([line for line in lines if line.startswith("| digits, 600 | ")]) == 3


def test_classes_in_pieces_are_counted():
    rng = np.random.default_rng(0)
    places = np.array([[0, 0], [0, 0], [50, 0], [0, 50]])  # of 4 x 300 points
    Y = np.repeat(places, 300, axis=0) + rng.normal(size=(1200, 2))
    torn = module("schedule_cases").torn
    assert torn(Y, np.repeat([0, 0, 1, 2], 300)) == 0
    assert torn(Y, np.repeat([0, 1, 1, 2], 300)) == 1
    assert torn(Y, np.zeros(1200, dtype=int)) == 2
