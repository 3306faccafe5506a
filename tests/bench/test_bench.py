"""The cases of one engine run, and the README says what was measured.

Each case with --quick: few points, a short schedule, the jobs of the real run. What it
judges with is compared with the oracle. Nothing here looks at a time.
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


def test_near_copies(tmp_path: Path):
    fits = [fit for fit in quick("near_copies", tmp_path)["fits"] if 0 < fit["kept"] <= 1]
    assert [fit["schedule"][:5] for fit in fits] == ["class", *["short"] * 4]


def test_relabel(tmp_path: Path):
    record = quick("relabel", tmp_path)
    (line,) = record["steps"]
    assert line["edges"] >= line["n"] * record["neighbours"]  # at least, since P is symmetric
    assert line["random_ms"] > 0
    assert line["curve_ms"] > 0


def test_groups(tmp_path: Path):
    record = quick("groups", tmp_path)
    (row,) = record["rows"]
    assert row["kl_mesh"] == pytest.approx(row["kl_exact"], rel=0.1)
    assert row["force_on_map_of_mesh"] < 1e-2
    assert record["cost"]["checked_step_ms"] > 0
    assert record["cost"]["every"] == 50


def test_checkouts(tmp_path: Path):
    record = quick("checkouts", tmp_path, str(ROOT))  # beside itself: the same map both times
    assert set(record["this_over_other"]) >= {"optimize", "total"}
    (this,), (other,) = record["runs"]["this"], record["runs"]["other"]
    assert this["kl_reported"] == other["kl_reported"]


def test_iteration(tmp_path: Path):
    record = quick("iteration", tmp_path, str(ROOT))  # beside itself
    assert {"deposit", "convolve", "gather", "attract and step"} <= set(record["milliseconds"])
    for times in record["milliseconds"].values():
        assert 0 < times["this"]["min"] < 1e4
        assert times["this_over_other"] == pytest.approx(
            times["this"]["min"] / times["other"]["min"], rel=1e-4
        )


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


def test_search(tmp_path: Path):
    (found,) = quick("search", tmp_path)["searches"]
    assert found["recall"] >= 0.98
    assert found["chosen"] == "faiss-flat"  # 500 rows
    assert all(found[way] > 0 for way in ("differences", "products", "lists", "auto"))


def test_neighbors(tmp_path: Path):
    runs = quick("neighbors", tmp_path)["runs"]
    assert all(run["search_cpu_s"] > 0 for run in runs)
    best = {run["kind"]: run["recall"] for run in runs}  # of each kind's last setting
    assert min(best.values()) > 0.5
    assert best["gputsne.knn"] == best["FAISS, all pairs by BLAS"] == 1.0
