"""What the timings share: a drawn map and its P, every backend that is here, copy bandwidth.

Each timing says which bytes it has to move at least: ``extra_info`` has them, the bytes per second
of the quickest round, and their share of what a plain copy of large arrays reaches here.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gputsne
from gputsne.backends import choose, explain
from gputsne.base.types import Affinities
from gputsne.engine import mesh as meshes

ROOT = Path(__file__).resolve().parents[2]
COPIED = 1 << 28  # bytes that are copied to measure bandwidth: no cache holds them
CLUSTER = 1000  # points of a cluster of the drawn map
FEWER = 10  # times fewer points for numpy, which is there to be read rather than to be quick
DEVICES = [device for device, there, _ in explain() if there]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--points", type=int, default=70_000, help="points of the map [70,000]")
    parser.addoption("--neighbors", type=int, default=90, help="neighbours of each [90]")
    parser.addoption("--threads", type=int, default=2, help="threads of the CPU [2]")
    parser.addoption("--copied", type=int, default=COPIED, help="bytes copied for the bandwidth")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Save beside the other results, whatever the working directory, unless told otherwise."""
    if getattr(config.option, "benchmark_storage", "").startswith("file://./"):
        config.option.benchmark_storage = f"file://{ROOT / 'bench' / 'results' / 'micro'}"


def pytest_report_header() -> str:
    return f"gputsne {gputsne.__version__} in {Path(gputsne.__file__).parent}"


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Say which package was measured, and by how many threads."""
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    machine_info["gputsne"] = {
        "version": gputsne.__version__,
        "path": str(Path(gputsne.__file__).parent),
        "commit_of_clone": done.stdout.strip() or None,
        "threads": config.getoption("threads"),
        "load": os.getloadavg()[0],
    }


@pytest.fixture(scope="session", params=DEVICES)
def ops(request: pytest.FixtureRequest) -> Any:
    """Every backend that is here."""
    found = choose(request.param, request.config.getoption("threads")).ops
    with found.guard():
        yield found
    found.release()


@pytest.fixture(scope="session")
def problem(request: pytest.FixtureRequest, ops: Any) -> SimpleNamespace:
    """A map with its neighbours, P, mesh and arrays, where the backend has them."""
    n = request.config.getoption("points") // (FEWER if ops.name == "numpy" else 1)
    drawn = draw(n, min(request.config.getoption("neighbors"), n // 3))
    host, xp = choose("auto", 1).ops, ops.xp
    Y = xp.asarray(drawn.Y)
    box = ops.extent(Y)
    spans, center = [b - a for a, b in box], tuple((a + b) / 2 for a, b in box)
    h, coarsened = meshes.spacing(spans, n, 1.0)
    mesh = meshes.build(spans, h, 1.0, coarsened=coarsened)
    p, _ = host.conditional(drawn.distances, [30.0])
    graph = gputsne.types.KNNGraph(drawn.indices, drawn.distances, 1.0, "drawn")
    P = Affinities(*host.symmetrize(drawn.indices, host.host(p)))
    return SimpleNamespace(
        n=n, Y=Y, box=box, center=center, mesh=mesh, graph=graph, p=host.host(p), P=P,
        held=ops.hold(P), phi=xp.empty(n, np.float32), grad=xp.zeros_like(Y),
    )  # fmt: skip


@cache
def draw(n: int, k: int) -> SimpleNamespace:
    """Return clusters of a thousand points in random order, as wide as finished maps are."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(0)
    centres = rng.uniform(0, n**0.5 / 2, size=(max(n // CLUSTER, 1), 2))
    Y = centres[rng.integers(len(centres), size=n)] + rng.normal(0, 4, size=(n, 2))
    Y = np.ascontiguousarray(Y - Y.mean(axis=0), dtype=np.float32)
    distances, indices = cKDTree(Y).query(Y, k + 1, workers=-1)
    return SimpleNamespace(
        Y=Y,
        indices=np.ascontiguousarray(indices[:, 1:], dtype=np.int32),
        distances=np.ascontiguousarray(distances[:, 1:], dtype=np.float32),
    )


@pytest.fixture(scope="session")
def bandwidth(request: pytest.FixtureRequest, ops: Any) -> float:
    """Bytes per second of a copy, read and written, by as many threads as the backend has."""
    copied = request.config.getoption("copied")
    source = ops.xp.ones(copied // 4, np.float32)
    target = ops.xp.empty_like(source)
    parts = 1 if ops.xp is not np else ops.n_jobs
    edges = [len(source) * i // parts for i in range(parts + 1)]
    pairs = [(target[a:b], source[a:b]) for a, b in pairwise(edges)]

    def copy(pair: tuple[Any, Any]) -> None:
        pair[0][...] = pair[1]

    best = float("inf")
    with ThreadPoolExecutor(parts) as pool:
        for _ in range(5):
            began = time.perf_counter()
            list(pool.map(copy, pairs))
            wait(ops)
            best = min(best, time.perf_counter() - began)
    return 2 * source.nbytes / best


def wait(ops: Any) -> None:
    """Wait for what a device was given to do."""
    if ops.device is not None:
        ops.xp.cuda.runtime.deviceSynchronize()


@pytest.fixture
def timed(benchmark: Any, ops: Any, bandwidth: float) -> Callable[..., Any]:
    """Time a call; ``moved``: bytes it has to read and write, if that is what it waits for."""

    def run(call: Callable[[], Any], *, n: int, moved: float | None = None) -> Any:
        def work() -> Any:
            found = call()
            wait(ops)
            return found

        benchmark.extra_info |= {"backend": ops.name, "n": n, "copy_bytes_per_second": bandwidth}
        found = benchmark(work)
        if moved is not None:
            benchmark.extra_info["bytes"] = moved
            if benchmark.stats is not None:  # none with --benchmark-disable
                rate = moved / benchmark.stats.stats.min
                told = {"bytes_per_second": rate, "share_of_copy": rate / bandwidth}
                benchmark.extra_info |= told
        return found

    return run
