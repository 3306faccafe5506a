"""The benchmark of the FFTs on few nodes: both ways are timed, and both are right."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "bench").is_dir(), reason="bench/ is in the repository only"
)


def test_both_ways_are_timed_and_right(tmp_path: Path):
    from bench.cases import convolve

    compiled = importlib.util.find_spec("gputsne._native") is not None
    where = ["--device", "cpu" if compiled else "numpy"]
    convolve.main("convolve", ["--quick", "--results", str(tmp_path), *where])
    record = json.loads((tmp_path / "convolve.json").read_text(encoding="utf-8"))
    assert len(record["sizes"]) == len(convolve.QUICK)
    for size in record["sizes"]:
        for way in ("ours", "scipy"):
            assert 0 < size[way]["cpu_ms"] <= size[way]["cpu_median_ms"]
            assert size[way]["clock_ms"] > 0
            assert 0 < size[way]["error"] < 1e-6
        assert size["ours_over_scipy"] == pytest.approx(
            size["ours"]["cpu_ms"] / size["scipy"]["cpu_ms"], rel=1e-4
        )
