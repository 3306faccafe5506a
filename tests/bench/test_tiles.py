"""The benchmark's case of tiles runs on few points, and tells what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gputsne

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(gputsne.__file__).parents[1]  # what is tested here is what the case is to measure


def test_tiles(tmp_path: Path):
    command = [sys.executable, "-m", "bench", "tiles", "--quick", "--results", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": f"{PACKAGE}{os.pathsep}{ROOT}"}
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=300)
    record = json.loads((tmp_path / "tiles.json").read_text("utf-8"))
    found = record["sizes"]["20000"]
    assert 0 < found["largest_tile"] < 100_000
    assert found["bytes"] > 20_000 * 13  # places, number, label and value of each point
    assert {"seconds", "largest_tile_bytes", "largest_file_bytes"} <= set(record["targets"])
