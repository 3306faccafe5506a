"""The benchmark's case of rows beyond memory runs on few points, and tells what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gputsne

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(gputsne.__file__).parents[1]  # what is tested here is what the case is to measure


def test_beyond(tmp_path: Path):
    command = [sys.executable, "-m", "bench", "beyond", "--quick", "--results", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": f"{PACKAGE}{os.pathsep}{ROOT}"}
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=300)
    record = json.loads((tmp_path / "beyond.json").read_text("utf-8"))
    for way in ("perplexity", "uniform"):
        found = record["ways"][way]
        assert [size["n"] for size in found["sizes"]] == [1500, 3000]
        assert found["planned_at"] < 24e9
        assert {"optimize", "neighbors", "total"} <= set(found["seconds_at"])
        # what a straight line through two points has at each of them; the record keeps six digits
        # of both sides, so each is off by 5e-6 of itself at most
        first = max(found["sizes"][0]["anonymous_bytes"].values())
        line = first + found["bytes_per_row"] * (1e7 - 1500)
        assert found["bytes_at"] == pytest.approx(line, rel=1e-5)
