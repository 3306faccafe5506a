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
from scipy import sparse

from gputsne import backends
from gputsne.affinities import joint
from gputsne.engine.field import Field
from gputsne.engine.optimize import initial_state, optimize
from gputsne.engine.schedule import Schedule
from gputsne.neighbors import knn

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


def test_trials(tmp_path):
    command = [sys.executable, str(BENCH / "trials.py"), "--quick", "--results", str(tmp_path)]
    safe = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=safe)
    assert done.returncode == 0, done.stdout + done.stderr
    trials = module("trials")
    record = json.loads((tmp_path / "trials.json").read_text(encoding="utf-8"))
    runs = {(r["data"], r["trial"]): r for r in record["runs"]}
    assert runs.keys() == {(data, name) for data in ("digits", "toy") for name in trials.TRIALS}
    for data in ("digits", "toy"):
        of = {name: runs[data, name] for name in trials.TRIALS}
        assert all(r["KL"] > 0 and 0 < r["kept_10"] < 1 for r in of.values())
        assert 1 / 3 < of["short, a third of the edges"]["early_edges"] < 0.5
        # 20 of 60 iterations are early
        assert of["short"]["evaluations"] == 60
        assert of["short, repulsion kept twice"]["evaluations"] == 50
    assert trials.table(record["runs"]).count("\n| digits, 600 | ") == len(trials.TRIALS)


def test_a_trial_that_changes_nothing_is_the_package():
    trials = module("trials")
    X = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    ops = backends.choose("auto", 1).ops
    P = joint(knn(X, 30), ops, perplexity=10.0)
    schedule = Schedule.named("short", 200, max_iter=40, early_exaggeration_iter=15)
    want = optimize(P, initial_state(X[:, :2] * 1e-4), Field(ops), schedule)
    descent = trials.Descent(trials.Trial("short"), P, X[:, :2] * np.float32(1e-4), ops)
    descent.run(schedule)
    # the same arithmetic, in another order: 40 steps of float32 of a map of unit size
    assert descent.kl() == pytest.approx(want.kl_divergence, rel=1e-3)


def test_the_heaviest_edges_are_symmetric_and_of_the_same_sum():
    trials = module("trials")
    X = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    P = joint(knn(X, 30), perplexity=10.0)
    few = trials.heaviest(P, 1 / 3)
    dense, whole = (
        sparse.csr_array((p.data, p.indices, p.indptr), (120, 120)).toarray() for p in (few, P)
    )
    np.testing.assert_array_equal(dense, dense.T)
    assert dense.sum() == pytest.approx(whole.sum(), rel=1e-6)
    for row, full in zip(dense, whole, strict=True):
        wanted = np.sort(full)[::-1][: int(np.ceil((full > 0).sum() / 3))]
        assert (row[full >= wanted[-1]] > 0).all()
