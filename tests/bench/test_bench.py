"""The cases of whole runs and of services run, and the README says what was measured.

Each case with --quick: few points, a short schedule, the jobs of the real run. What it
judges with is compared with the oracle. Nothing here looks at a time. Cases of single stages are
in test_stages.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import oracle
import pytest
from benched import BENCH, ROOT, quick
from scipy import sparse

import gputsne

pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="bench/ is in the repository only")


def test_million_has_the_rows_that_are_asked(tmp_path: Path):
    record = quick("million", tmp_path, "-n", "700", "--peers", "ours", "--no-curve")
    assert record["n"] == 700  # more than the 600 of --quick
    ours = record["engines"]["gputsne"]
    assert ours["peak_bytes"] > 50_000_000  # python with its libraries is more
    assert 0 < ours["quality"]["kept"] < 1


def test_serve(tmp_path: Path):
    record = quick("serve", tmp_path)
    assert record["faults"] == []
    assert record["requests"] > record["bad_requests"] > 0
    assert record["answers"]["tile"]["statuses"].keys() == {"200"}
    assert record["targets"]["lost_by_kill"]["met"]
    assert record["after_kill"]["compared"] > 0
    assert record["after_kill"]["exit_after_sigterm"] == 0


def test_reporting(tmp_path: Path):
    record = quick("reporting", tmp_path)
    assert record["page_bytes"] > record["json_bytes"] > 1000
    assert set(record["targets"]) == {"seconds", "processor_seconds", "page_megabytes"}


def test_evaluation(tmp_path: Path):
    record = quick("evaluation", tmp_path)
    assert set(record["values"]) >= set(gputsne.metrics.METRICS)
    assert 0 < record["values"]["trustworthiness"] < 1


def test_transform(tmp_path: Path):
    record = quick("transform", tmp_path, "--peers", "ours")
    assert record["engines"]["gputsne"]["accuracy"] > 0.5  # of ten classes
    assert record["batch_invariant"] is True
    assert record["map_unmoved"] is True
    assert record["training_rows_moved"]["median"] < 0.01


def test_determinism(tmp_path: Path):
    record = quick("determinism", tmp_path)
    assert [run["threads"] for run in record["runs"]] == [1, 2, 2]
    assert record["equal"] is True


def test_the_judge_goes_by_definition():
    from bench import judge

    rng = np.random.default_rng(0)
    Y = rng.normal(size=(100, 2)) * 5 + 100  # several blocks of rows, the last one shorter
    P = rng.random((100, 100)) * (rng.random((100, 100)) < 0.2)
    P = np.triu(P, 1) + np.triu(P, 1).T
    P /= P.sum()
    assert judge.normaliser(Y) == pytest.approx(oracle.normaliser(Y), rel=1e-12)
    P = sparse.csr_matrix(P)
    kl = oracle.kl(P.toarray(), Y)
    assert judge.divergence(P, Y) == pytest.approx(kl, rel=1e-12)
    assert judge.normaliser(Y, 3) == judge.normaliser(Y)
    assert judge.divergence_by_mesh(P, Y) == pytest.approx(kl, abs=2e-3)  # float32, Z by mesh
    apart = np.sqrt((oracle.differences(Y) ** 2).sum(axis=2))
    assert judge.diameter(Y) == pytest.approx(apart.max(), rel=1e-12)


def test_readme_has_the_figures_of_the_results():
    from bench import table

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count(table.BEGIN) == text.count(table.END) == 1
    shown = text.split(table.BEGIN)[1].split(table.END)[0].strip()
    assert shown == table.table(BENCH / "results").strip()


def test_results_are_of_whole_runs_with_their_provenance():
    for path in (BENCH / "results").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "benchmark" not in record:
            continue  # a script with a format of its own
        assert record["quick"] is False, path.name
        assert record["machine"]["cpu"]
        assert record["versions"]["gputsne"]
        assert record["commit"]
