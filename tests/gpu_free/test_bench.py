"""The benchmark for a first GPU run works: every call of it, on the emulated one, untimed."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gpu_free import capture, lookalike

from gputsne.backends.cuda.ops import CudaOps
from gputsne.planning.costs import MACHINES

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "gpu.py"


class Random:
    """cupy.random.RandomState"""

    def __init__(self, seed):
        self.plain = np.random.RandomState(seed)

    def __getattr__(self, name):
        return lambda *given: lookalike._device(getattr(self.plain, name)(*given))


class Event:
    """cupy.cuda.Event"""

    def record(self):
        pass

    def synchronize(self):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("half", [False, True])
def test_every_call_is_timed(emulated, monkeypatch, half):
    spec = importlib.util.spec_from_file_location("bench_gpu", SCRIPT)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    monkeypatch.setattr(bench, "REPEATS", 2)
    xp = capture.Cupy()
    xp.random = SimpleNamespace(RandomState=Random)
    xp.cuda.Event, xp.cuda.get_elapsed_time = Event, lambda begin, end: 1.0
    fft, module = capture.Fft(xp), capture.kernels(emulated.cuda, xp)

    def make(**how):
        return CudaOps(1, xp=xp, fft=fft, module=module, **how)

    asked = Namespace(neighbors=10, half=half, shuffled=half)
    rows = bench.measure(700, asked, MACHINES["h100"], make)
    assert [row["n"] for row in rows] == [700] * 8
    names = [row["call"] for row in rows]
    assert names[-2:] == ["iteration, launch by launch", "iteration, replayed graphs"]
    assert all(np.isfinite(row["milliseconds"]) and row["milliseconds"] > 0 for row in rows)
    without_model = {row["call"] for row in rows if not row["ratio"]}
    assert without_model == {"divergence"}
