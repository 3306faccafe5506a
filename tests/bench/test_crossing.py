"""The benchmark of sums and mesh on few points: what it times, and where it says they cross."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "bench").is_dir(), reason="bench/ is in the repository only"
)


def test_both_ways_are_timed_on_early_and_finished_maps(tmp_path: Path):
    from bench.cases import crossing

    crossing.main("crossing", ["--quick", "--results", str(tmp_path)])
    (path,) = tmp_path.glob("crossing*.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    phases = {f"{c} axes, {done} iterations" for c in (1, 2, 3) for done in (20, 60)}
    assert record["evaluations"].keys() == record["crossing"].keys() == phases
    for phase, lines in record["evaluations"].items():
        assert [line["n"] for line in lines] == [100, 300]
        for line in lines:
            assert line["threads"].keys() == record["crossing"][phase].keys() == {"1", "2"}
            assert all(t["exact_ms"] > 0 and t["mesh_ms"] > 0 for t in line["threads"].values())
            assert line["pairs_per_node"] > 0
            assert (line["span"] > 1) == ("60" in phase)


def test_crossing_is_where_the_mesh_stays_quicker():
    from bench.cases.crossing import crossing

    line = [{"n": n, "exact_ms": n * n, "mesh_ms": 1e6} for n in (100, 500, 2000, 8000)]
    assert crossing(line) == pytest.approx(1000)  # both are power laws: log-log is exact
    assert crossing(line[:2]) is None
    assert crossing(line[2:]) == pytest.approx(2000)
