"""The cases of single stages of the engine run: search, order of points, mesh, iteration.

Each with --quick, as in test_bench.py; nothing here looks at a time.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from benched import BENCH, ROOT, quick

pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="bench/ is in the repository only")


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


def test_near_copies(tmp_path: Path):
    fits = [fit for fit in quick("near_copies", tmp_path)["fits"] if 0 < fit["kept"] <= 1]
    assert [fit["schedule"][:5] for fit in fits] == ["class", *["short"] * 4]
