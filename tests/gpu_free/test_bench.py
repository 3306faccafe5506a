"""The benchmark for a first GPU run works: every call of it, on the emulated one, untimed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from gpu_free import capture

from gputsne.backends.cuda.ops import CudaOps
from gputsne.planning.costs import MACHINES

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "gpu_kernels.py"


class Event:
    """cupy.cuda.Event"""

    def record(self):
        pass

    def synchronize(self):
        pass


@pytest.fixture
def bench(monkeypatch):
    spec = importlib.util.spec_from_file_location("bench_gpu_kernels", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "REPEATS", 1)
    monkeypatch.setattr(module, "REPLAYS", 2)
    monkeypatch.setattr(module, "WARM", 1)
    return module


@pytest.fixture
def make(emulated):
    xp = capture.Cupy()
    xp.cuda.Event, xp.cuda.get_elapsed_time = Event, lambda begin, end: 1.0
    fft, module = capture.Fft(xp), capture.kernels(emulated.cuda, xp)
    return lambda **how: CudaOps(1, xp=xp, fft=fft, module=module, **how)


@pytest.mark.slow
@pytest.mark.parametrize("half", [False, True])
def test_every_call_is_timed(bench, make, half):
    rows = bench.measure(700, 10, MACHINES["h100"], make, half=half, shuffled=half)
    assert {row["n"] for row in rows} == {700}
    names = [row["call"] for row in rows]
    assert names[:5] == ["FFT", "deposit, FFT", "gather", "attract and step", "divergence"]
    assert names[-2:] == ["iteration, launch by launch", "iteration, replayed graphs"]
    assert {"deposit, FFT, order 4", "gather, order 6"} < set(names)
    assert all(np.isfinite(row["milliseconds"]) and row["milliseconds"] > 0 for row in rows)
    without_model = {row["call"] for row in rows if "ratio" not in row}
    assert without_model == {"divergence", *(name for name in names if "order" in name)}


@pytest.mark.slow
def test_a_call_that_fails_leaves_the_others(bench, make):
    def broken(**how):
        ops = make(**how)
        ops.divergence = lambda *_: 1 / 0
        return ops

    rows = {row["call"]: row for row in bench.measure(700, 10, MACHINES["h100"], broken)}
    assert rows.pop("divergence")["failed"] == "ZeroDivisionError: division by zero"
    assert all(row["milliseconds"] > 0 for row in rows.values())


@pytest.mark.slow
def test_both_ffts_are_timed(bench, make):
    (row,) = bench.transforms(make, (64,))
    assert (row["own_taken"], row["cufft_taken"]) == (True, False)
    assert {row[f"{name}_milliseconds"] for name in ("own", "cufft", "spectrum")} == {0.5}
