"""Charges to potential by the compiled FFT and by scipy's, by turns: time and error by size.

``python -m bench convolve``; meshes of two axes. Times are of the processor on one thread, where
other work on the machine disturbs least: the shortest and the median of all calls; and the median
by the clock on ``--threads``. Errors are relative root mean squares against whole transforms in
float64, on charges of both signs. docs/performance.md cites this.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft

from bench.common import finish, log, options
from gputsne.backends import choose
from gputsne.backends.host import convolve
from gputsne.base.types import Mesh
from gputsne.engine import mesh as meshes

# FFT nodes per axis: powers of two, other lengths of the ladder, maps that are longer than wide.
SIZES = (
    (64, 60), (128, 144), (256, 240), (512, 480), (720, 768), (1024, 960), (1250, 1350),
    (2048, 1920), (2250, 2400), (3750, 4000), (5000, 1024),
)  # fmt: skip
QUICK = ((64, 60), (128, 144))
TURNS = 8  # of each way
LEAST_SECONDS = 0.1  # that a turn lasts


def main(name: str, argv: list[str]) -> None:
    """Time by turns, and write convolve.json."""
    asked = options(__doc__.splitlines()[0]).parse_args(argv)
    found = []
    for shape in QUICK if asked.quick else SIZES:
        turns = 2 if asked.quick else TURNS
        found.append(measured(shape, asked.device or "cpu", asked.threads, turns))
        log(str(found[-1]))
    finish("convolve", asked, {"sizes": found})


def measured(shape: tuple[int, int], where: str, threads: int, turns: int) -> dict[str, Any]:
    """Return the milliseconds and the errors of both ways at one size."""
    mesh = meshes.of_shape(shape, 0.4)
    charge = np.random.default_rng(0).normal(size=mesh.shape).astype(np.float32)
    told: dict[str, Any] = {"fft": shape}
    for n_jobs, clock in ((1, time.thread_time), (threads, time.perf_counter)):
        ways = both(charge, mesh, where, n_jobs)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for way, call in ways.items():
            told.setdefault(way, {})["error"] = error(call(), charge, mesh)
        for _ in range(turns):
            for way, call in ways.items():
                seconds[way] += turn(call, clock)
        for way, held in seconds.items():
            if clock is time.thread_time:
                told[way] |= {"cpu_ms": 1e3 * min(held), "cpu_median_ms": 1e3 * np.median(held)}
            else:
                told[way]["clock_ms"] = 1e3 * np.median(held)
    told["ours_over_scipy"] = told["ours"]["cpu_ms"] / told["scipy"]["cpu_ms"]
    return told


def both(
    charge: np.ndarray, mesh: Mesh, where: str, n_jobs: int
) -> dict[str, Callable[[], np.ndarray]]:
    """Return the two ways from charges to potential."""
    ops = choose(where, n_jobs).ops
    return {
        "ours": lambda: ops.convolve(charge, mesh),
        "scipy": lambda: convolve(charge, mesh, scipy.fft, n_jobs),
    }


def turn(call: Callable[[], Any], clock: Callable[[], float]) -> list[float]:
    """Return the seconds of calls, for as long as a turn lasts; two calls at least."""
    held: list[float] = []
    while len(held) < 2 or sum(held) < LEAST_SECONDS:
        began = clock()
        call()
        held.append(clock() - began)
    return held


def error(potential: np.ndarray, charge: np.ndarray, mesh: Mesh) -> float:
    """Return the relative root mean square of a potential's error, by transforms in float64."""
    octant = mesh.spectrum.astype(np.float64)
    whole = np.concatenate([octant, octant[-2:0:-1]])
    A = scipy.fft.rfft2(charge.astype(np.float64), s=mesh.fft_shape) * whole
    M0, M1 = mesh.shape
    want = scipy.fft.irfft2(A, s=mesh.fft_shape)[:M0, :M1]
    return float(np.linalg.norm(potential[:M0, :M1] - want) / np.linalg.norm(want))
