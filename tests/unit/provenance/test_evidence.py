"""A run is evidence: for the rules of the package, of either schema, as an object and as JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import gputsne
from gputsne.engine.schedule import Schedule
from gputsne.judging import evidence_of
from gputsne.provenance import evidence
from tests.unit.provenance.test_run import FORMER

X = gputsne.datasets.load_digits().X[:300]


@pytest.fixture(scope="module")
def run():
    return gputsne.TSNE(random_state=0).fit(X).run_


def test_the_object_and_its_json_are_the_same_evidence(run):
    assert evidence_of(json.loads(json.dumps(run.to_dict()))) == run.evidence


def test_rules_find_their_names(run):
    found = gputsne.check(run.evidence, "diagnose")
    for rule in ("not_converged", "kl_rises"):
        assert found[rule].status in ("pass", "fail", "warn")
    want = gputsne.inspect.convergence(run.kl_history).evidence
    assert {name: run.evidence[name] for name in want} == want
    assert run.evidence["perplexity_share"] == 30.0 / 300


def test_costs_are_told_in_the_units_of_their_names():
    run = gputsne.Run(
        seconds=36.0, price_per_hour=10.0, peak_memory_bytes=2_500_000_000,
        peak_device_bytes=500_000_000, metrics={"rnx": 0.5},
        columns=[{"name": "a", "dtype": "float64", "null_rate": 0.0},
                 {"name": "b", "dtype": "float64", "null_rate": 0.05}],
    )  # fmt: skip
    found = run.evidence
    assert found["latency_s"] == 36.0
    assert math.isclose(found["cost"], 0.10, rel_tol=1e-12)
    assert (found["peak_memory_gb"], found["peak_device_gb"]) == (2.5, 0.5)
    assert (found["null_rate"], found["null_rate.b"], found["rnx"]) == (0.05, 0.05, 0.5)
    assert "null_rate.a" not in found
    ours = {"slow": {"title": "Slow", "metric": "latency_s", "pass": "< 30", "profiles": ["ours"],
                     "severity": "gate", "source": "ours"}}  # fmt: skip
    assert not gputsne.check(found, "ours", rules=ours).passed


def test_both_schemas_are_the_same_evidence_but_for_what_is_new():
    now = gputsne.Run.from_dict(FORMER).evidence
    then = evidence_of(FORMER)
    assert then["latency_s"] == 10.0
    assert {k: now[k] for k in then if k != "schema"} == {
        k: v for k, v in then.items() if k != "schema"
    }


def test_other_files_have_no_latency():
    assert evidence_of({"seconds": 3.0}) == {"seconds": 3.0}


def test_the_early_phase_is_that_of_the_schedule():
    for name, early in evidence.EARLY.items():
        assert Schedule.named(name, 100).early_exaggeration_iter == early
    short = gputsne.TSNE(schedule="short", random_state=0).fit(X).run_
    assert short.evidence["kl_iterations"] == short.n_iter - 180


def test_a_report_takes_a_run(tmp_path):
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(300, 2))
    run = gputsne.Run(kl_divergence=0.5, n_iter=20, timings={"total": 3.0}, seed=5)
    made = gputsne.report(X, Y, run=run)
    same = gputsne.report(X, Y, run=run.to_dict())
    assert made.facts["operation"] == same.facts["operation"]
    assert made.facts["operation"]["fit"]["kl_divergence"] == 0.5
    assert made.facts["repeat"]["seed"] == 5
