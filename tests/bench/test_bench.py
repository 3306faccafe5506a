"""The benchmarks run, and the README says what they measured.

Each script with --quick: few points, a short schedule, the processes of the real run. What it
judges with is compared with the oracle. Nothing here looks at a time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import oracle
import pytest
from scipy import sparse

import gputsne

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="bench/ is in the repository only")


def load(name: str) -> ModuleType:
    """Import a script of bench/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def quick(name: str, results: Path, *more: str) -> dict[str, Any]:
    """Run a script with --quick; return the record it wrote."""
    script, folder = str(BENCH / f"{name}.py"), str(results)
    command = [sys.executable, script, "--quick", "--results", folder, *more]
    # a script imports its neighbours in bench/, which PYTHONSAFEPATH forbids
    hidden = ("GPUTSNE_DATA", "PYTHONSAFEPATH")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=results)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = results.glob(f"{name}*.json")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_mnist(tmp_path: Path):
    record = quick("mnist", tmp_path, "--out", str(tmp_path / "maps"))
    peer = find_spec("openTSNE") is not None
    assert record["quick"] is True
    assert set(record["maps"]) >= ({"gputsne", "opentsne"} if peer else {"gputsne"})
    fit = record["runs"]["gputsne_fit"][0]
    assert set(fit["seconds"]) >= {"neighbors", "affinities", "initial", "optimize", "total"}
    # the engine's KL (Z by mesh, within 1e-3) and the benchmark's (all pairs), of the same map
    assert record["maps"]["gputsne"]["kl_whole_fit_on_common_P"] == pytest.approx(
        fit["kl_reported"], abs=2e-3
    )
    assert ("targets" in record) is peer
    assert record["machine"]["processors"] >= 1
    assert record["versions"]["gputsne"]
    assert (tmp_path / "maps" / "maps.png").stat().st_size > 10_000
    # its table has a row for every figure, and the peer's column
    if peer:
        lines = load("table").table(tmp_path).splitlines()
        assert lines[0].startswith("| MNIST, 600 x 64")
        assert any(line.startswith("| whole fit | ") and " s | " in line for line in lines)


def test_million(tmp_path: Path):
    record = quick("million", tmp_path)
    assert record["n"] == 2000
    assert record["peak_bytes"] > 50_000_000  # python with its libraries is more
    assert 0 < record["preservation"] < 1
    assert set(record["targets"]) == {"minutes", "gigabytes"}


def test_evaluation(tmp_path: Path):
    record = quick("evaluation", tmp_path)
    assert set(record["values"]) >= set(gputsne.metrics.METRICS)
    assert 0 < record["values"]["trustworthiness"] < 1


def test_transform(tmp_path: Path):
    record = quick("transform", tmp_path)
    assert record["batch_invariant"] is True
    assert record["map_unmoved"] is True
    assert record["training_rows_moved"]["median"] < 0.01


def test_determinism(tmp_path: Path):
    record = quick("determinism", tmp_path)
    assert [run["threads"] for run in record["runs"]] == [1, 2, 2]
    assert record["equal"] is True


def test_crossing(tmp_path: Path):
    record = quick("crossing", tmp_path)
    assert set(record["evaluations"]) == set(record["crossing"]) == {"1", "2", "3"}
    lines = [line for found in record["evaluations"].values() for line in found]
    assert all(line["exact_ms"] > 0 and line["mesh_ms"] > 0 and line["span"] > 1 for line in lines)


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


def test_schedules(tmp_path: Path):
    record = quick("schedules", tmp_path, "--schedules", "classic-750,auto,steps-300")
    assert [(r["data"], r["schedule"]) for r in record["runs"]] == [
        (data, name) for data in ("digits", "toy") for name in ("classic-750", "auto", "steps-300")
    ]
    for run in record["runs"]:
        assert 0 < run["kept_10"] < 1
        assert 0 <= run["KNC"] <= 1
        assert run["KL"] > 0
    lines = load("schedules").tables(record).splitlines()
    assert len([line for line in lines if line.startswith("| digits, 600 | ")]) == 3


def test_classes_in_pieces_are_counted():
    rng = np.random.default_rng(0)
    places = np.array([[0, 0], [0, 0], [50, 0], [0, 50]])  # of 4 x 300 points
    Y = np.repeat(places, 300, axis=0) + rng.normal(size=(1200, 2))
    torn = load("schedules").torn
    assert torn(Y, np.repeat([0, 0, 1, 2], 300)) == 0
    assert torn(Y, np.repeat([0, 1, 1, 2], 300)) == 1
    assert torn(Y, np.zeros(1200, dtype=int)) == 2


def test_gpu(tmp_path: Path):
    """Without a GPU: the same jobs on what there is; what needs one says why it is left out."""
    record = quick("gpu", tmp_path)
    assert record["fits"]["same_bytes"] is True
    runs = record["fits"]["runs"]
    assert [(run["n"], run["d"], len(run["fits"])) for run in runs] == [
        (300, 8, 2), (300, 8, 2), (300, 20, 1),
    ]  # fmt: skip
    assert all(fit["seconds"] > 0 and fit["stages"] for run in runs for fit in run["fits"])
    assert record["fits"]["transform"]["finite"] is True
    assert record["neighbors"]["runs"][0]["teraflops"] > 0
    for peer in record["peers"]["runs"]:
        assert "left_out" in peer or "failed" in peer or peer["seconds"]
    (page,) = tmp_path.glob("gpu-*.md")
    text = page.read_text(encoding="utf-8")
    # each job runs what is installed, with its kernels, and not the sources beside the script
    here = gputsne.TSNE(max_iter=0, perplexity=5).fit(np.eye(20)).device_
    assert {run["device"] for run in runs} == {here}
    assert f"| 300 x 8{', CPU' if here == 'cpu' else ''} |" in text
    assert "Two processes, the same bytes: True." in text
    if not record["card"]:
        assert record["kernels"]["left_out"]
        assert record["prove"]["left_out"]
    else:
        assert record["prove"]["passed"]


def test_gpu_page_has_a_row_for_each_call():
    page = load_with_bench("gpu").page
    calls = [
        {"n": 1000, "call": "deposit, FFT", "milliseconds": 0.5, "ratio": 2.0,
         "model_milliseconds": 0.25, "gigabytes_per_second": 100.0},
        {"n": 1000, "call": "divergence", "milliseconds": 0.25},
    ]  # fmt: skip
    times = {f"{name}_milliseconds": 0.125 for name in ("own", "cufft", "spectrum")}
    facts = {
        "card": "A card, 8.0", "commit": "abc", "date": "today",
        "prove": {"passed": True, "said": ["9 passed"]},
        "kernels": {"calls": calls, "transforms": [{"length": 64, **times}]},
        "fits": {
            "runs": [{"n": 5, "d": 2, "failed": "status 1"}],
            "cpu": {"n": 5, "d": 2, "failed": "status 2"}, "same_bytes": False, "transform": {},
        },
    }  # fmt: skip
    text = page(facts)
    assert "# A card, 8.0" in text
    assert "| deposit, FFT | 1,000 | 0.5 | 0.25 | 2 | 100 |" in text
    assert "| divergence | 1,000 | 0.25 |  |  |  |" in text
    assert "| 64 | 0.125 | 0.125 | 0.125 |" in text
    assert "| 5 x 2 | status 1 |" in text


def test_crossing_is_where_the_mesh_stays_quicker():
    crossing = load_with_bench("crossing").crossing
    line = [{"n": n, "exact_ms": n * n, "mesh_ms": 1e6} for n in (100, 500, 2000, 8000)]
    assert crossing(line) == pytest.approx(1000)  # both are power laws: log-log is exact
    assert crossing(line[:2]) is None
    assert crossing(line[2:]) == pytest.approx(2000)


def load_with_bench(name: str) -> ModuleType:
    """Import a script that imports its neighbours in bench/."""
    sys.path.insert(0, str(BENCH))
    try:
        return load(name)
    finally:
        sys.path.remove(str(BENCH))


def test_the_judge_goes_by_definition():
    judge, rng = load("judge"), np.random.default_rng(0)
    Y = rng.normal(size=(100, 2)) * 5 + 100  # several blocks of rows, the last one shorter
    P = rng.random((100, 100)) * (rng.random((100, 100)) < 0.2)
    P = np.triu(P, 1) + np.triu(P, 1).T
    P /= P.sum()
    assert judge.normaliser(Y) == pytest.approx(oracle.normaliser(Y), rel=1e-12)
    assert judge.divergence(sparse.csr_matrix(P), Y) == pytest.approx(oracle.kl(P, Y), rel=1e-12)
    apart = np.sqrt((oracle.differences(Y) ** 2).sum(axis=2))
    assert judge.diameter(Y) == pytest.approx(apart.max(), rel=1e-12)


def test_readme_has_the_figures_of_the_results():
    table = load("table")
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


def test_locality(tmp_path: Path):
    (size,) = quick("locality", tmp_path)["sizes"]
    assert size["mean"]["gather"] < size["mean"]["deposit"] < 14  # of 13.5 in no order
    assert size["epochs"]["meshes"] <= size["epochs"]["looks"] <= size["epochs"]["iterations"]
