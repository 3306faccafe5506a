"""The timings of kernels and stages run on every backend, and say what they moved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gputsne
from gputsne.backends import BACKENDS, explain

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MICRO = ROOT / "bench" / "micro"
POINTS = 1200
MOVING = (
    "perplexity", "symmetrise", "deposit", "fft_pair", "gather", "attract_and_step", "divergence",
    "reorder",
)  # fmt: skip
pytestmark = pytest.mark.skipif(not MICRO.is_dir(), reason="bench/ is in the repository only")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run of all timings would save, each called once."""
    file = tmp_path_factory.mktemp("micro") / "saved.json"
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(HERE))))
    command = [
        sys.executable, "-P", "-m", "pytest", str(MICRO), "-p", "calls_once",
        "-p", "no:cacheprovider", "-o", "addopts=--disable-plugin-autoload --import-mode=importlib",
        "--points", str(POINTS), "--neighbors", "30", "--copied", "4000000",
    ]  # fmt: skip
    told = {**os.environ, "PYTHONPATH": path, "GPUTSNE_TEST_SAVED": str(file)}
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f" in {Path(gputsne.__file__).parent}" in done.stdout  # the package that is installed
    return dict(json.loads(file.read_text(encoding="utf-8")))


def test_every_operation_on_every_backend_says_what_it_moves(saved: dict[str, Any]):
    here = {device for device, there, _ in explain() if there}
    names = {b.device: b.name for b in BACKENDS}
    for device in here:
        for operation in MOVING:
            told = saved[f"time_{operation}[{device}]"]
            assert told["backend"] == names[device]
            assert told["n"] == (POINTS // 10 if device == "numpy" else POINTS)
            assert told["bytes"] >= 4 * told["n"]
            assert told["bytes_per_second"] == told["bytes"] / 0.5  # the quickest round's seconds
            share = told["bytes_per_second"] / told["copy_bytes_per_second"]
            assert told["share_of_copy"] == pytest.approx(share, rel=1e-12)
        assert f"time_exact[{device}]" in saved
        assert f"time_order_along_curve[{device}]" in saved


def test_searches_placement_and_every_metric_are_there(saved: dict[str, Any]):
    assert {f"time_search[{how}]" for how in ("exact", "lists")} <= set(saved)
    assert saved["time_placement"]["new_rows"] == 1000
    assert {f"time_metric[{name}]" for name in gputsne.metrics.METRICS} <= set(saved)


def test_the_tests_collect_no_timings():
    words = ["-m", "pytest", "--collect-only", "-q", str(MICRO), "-c", str(ROOT / "pyproject.toml")]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout + done.stderr
