"""Each call of an iteration on this GPU beside the roofline: times, bytes, and the ratio.

    python bench/gpu.py                      60k, 1M and 10M points, as far as memory goes
    python bench/gpu.py --points 1000000     one size
    python bench/gpu.py --half               2-byte weights (affinity_dtype="float16")

The model is gputsne/planning/roofline.py; ``gputsne plan --device h100`` prints it without a
GPU. Points
are a finished map's shape, edges go to near points, as those of P do.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
REPEATS, WARM = 30, 3


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, nargs="+", default=[60_000, 1_000_000, 10_000_000])
    parser.add_argument("--neighbors", type=int, default=90)
    parser.add_argument("--half", action="store_true", help="weights of 2 bytes")
    parser.add_argument("--shuffled", action="store_true", help="points in no order")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results" / "gpu.json")
    return parser.parse_args()


def timed(xp: Any, work: Any) -> float:
    """Return the median milliseconds between two events around ``work``."""
    times = []
    for i in range(WARM + REPEATS):
        begin, end = xp.cuda.Event(), xp.cuda.Event()
        begin.record()
        work()
        end.record()
        end.synchronize()
        if i >= WARM:
            times.append(xp.cuda.get_elapsed_time(begin, end))
    return float(np.median(times))


def cloud(xp: Any, n: int, side: float) -> Any:
    """Return a map along a curve: blobs of a few thousand points, one after the other."""
    rng = xp.random.RandomState(0)
    blobs = max(1, n // 4000)
    centre = xp.repeat(rng.uniform(-side / 2, side / 2, (blobs, 2)), -(-n // blobs), axis=0)[:n]
    return (centre + rng.normal(0, side / 60, (n, 2))).clip(-side / 2, side / 2).astype(xp.float32)


def graph(xp: Any, n: int, degree: int) -> Any:
    """Return P with edges to the points that lie near in memory, as after an ordering."""
    from gputsne.base.types import Affinities

    rng = xp.random.RandomState(1)
    indices = xp.empty(n * degree, xp.int32)
    rows = max(1, (1 << 26) // degree)
    for start in range(0, n, rows):
        stop = min(n, start + rows)
        near = xp.arange(start, stop)[:, None] + rng.randint(-2000, 2001, (stop - start, degree))
        indices[start * degree : stop * degree] = (near % n).astype(xp.int32).ravel()
    indptr = xp.arange(n + 1, dtype=xp.int64) * degree
    return Affinities(indptr, indices, xp.full(n * degree, 1 / (n * degree), xp.float32))


def measure(n: int, asked: argparse.Namespace, gpu: Any, make: Any) -> list[dict[str, Any]]:
    """Return a row of figures a call; ``make`` makes the operations."""
    from gputsne.base.types import State, StepParams
    from gputsne.engine.field import Field
    from gputsne.planning.costs import Case, calls

    ops = make(half=asked.half)
    xp = ops.xp
    case = Case(n, asked.neighbors, half=asked.half, in_order=not asked.shuffled)
    side = 200.0 * (n / 70_000) ** 0.3
    Y = cloud(xp, n, side)
    if asked.shuffled:
        Y = Y[xp.random.RandomState(2).permutation(n)]
    P = ops.hold(graph(xp, n, case.nnz // n))
    velocity, gains, after, grad = (xp.zeros_like(Y) for _ in range(4))
    phi = xp.empty(n, xp.float32)
    gains += 1
    field = Field(ops, method="mesh")
    mesh = field.fit(ops.extent(Y), n)
    case = Case(n, asked.neighbors, 2, mesh.fft_shape, asked.half, not asked.shuffled)
    charge = ops.grid(mesh)
    axes = tuple(range(2))
    ops.deposit(Y, mesh, field.center, charge)
    potential = ops.convolve(charge, mesh)
    Z = ops.gather(Y, mesh, field.center, potential, phi, grad)
    step = StepParams(1.0, 0.8, 1e-3)
    work = {
        "deposit + pack": lambda: ops.deposit(Y, mesh, field.center, charge),
        "FFT": lambda: ops.fft.rfftn(charge, axes=axes),
        "FFT + multiply + inverse FFT": lambda: ops.convolve(charge, mesh),
        "gather + total": lambda: ops.gather(Y, mesh, field.center, potential, phi, grad),
        "attract and step": lambda: ops.attract_and_step(
            P, Y, after, velocity, gains, grad, Z, 1.0, step
        ),
        "divergence": lambda: ops.divergence(P, Y, 1.0),
    }
    model = {call.name: call for call in calls(case, gpu)}
    rows = []
    for name, run in work.items():
        parts = [model[p] for p in name.split(" + ") if p in model]
        took = timed(xp, run)
        want = 1e3 * sum(p.seconds(gpu) for p in parts)
        moved = sum(p.bytes + p.missed for p in parts)
        rows.append(
            {
                "n": n,
                "call": name,
                "milliseconds": took,
                "model_milliseconds": want or None,
                "ratio": took / want if want else None,
                "gigabytes_a_second": moved / took / 1e6 if moved else None,
            }
        )
    model_ms = 1e3 * sum(call.seconds(gpu) for call in model.values())
    still = np.zeros((n, 2), np.float32)
    start = State(ops.host(Y), still, still + 1, 500)
    ops.release()
    for graphs in (False, True):
        took = whole(n, P, start, make(half=asked.half, graphs=graphs), step)
        name = "iteration, replayed graphs" if graphs else "iteration, launch by launch"
        ratio = {"model_milliseconds": model_ms, "ratio": took / model_ms}
        rows.append({"n": n, "call": name, "milliseconds": took, **ratio})
    return rows


def whole(n: int, P: Any, start: Any, ops: Any, step: Any) -> float:
    """Return the milliseconds of an iteration of the engine, Python's share included."""
    from gputsne.engine.field import Field
    from gputsne.engine.iteration import Engine

    ops.relabel_from = n + 1  # the points lie in order
    with ops.guard():
        engine, steps = Engine(P, start, Field(ops, method="mesh")), []
        for i in range(WARM + REPEATS):
            ops.xp.cuda.get_current_stream().synchronize()
            began = time.perf_counter()
            for _ in range(10):
                engine.step(step)
            ops.xp.cuda.get_current_stream().synchronize()
            if i >= WARM:
                steps.append(100 * (time.perf_counter() - began))
    if ops.graphs is not None:
        print(f"graphs: {ops.graphs.captured} captured, {ops.graphs.replayed} replayed"
              f"{', then ' + ops.graphs.failed if ops.graphs.failed else ''}")  # fmt: skip
    ops.release()
    return float(np.median(steps))


def main() -> int:
    asked = arguments()
    from gputsne import __version__
    from gputsne.backends import explain
    from gputsne.backends.cuda.presence import kernels
    from gputsne.planning.costs import MACHINES

    reason = next(why if not there else "" for name, there, why in explain() if name == "cuda")
    if reason:
        print(f"nothing to time: {reason}", file=sys.stderr)
        return 1
    import cupy

    from gputsne import plan
    from gputsne.backends import choose
    from gputsne.backends.cuda.ops import CudaOps

    gpu, free = MACHINES["h100"], choose("cuda").ops.memory()[0]
    found: list[dict[str, Any]] = []
    print(f"{kernels().describe(0)}; model: {gpu.name}")
    print(f"{'':<32}{'n':>10}{'ms':>10}{'model':>10}{'ratio':>8}{'GB/s':>8}")
    for n in asked.points:
        need = plan(n, 50, n_neighbors=asked.neighbors, device="cuda").device_stages["optimize"]
        if need > free:
            print(f"n={n} left out: it needs {need / 1e9:.1f} GB, {free / 1e9:.1f} are free")
            continue
        for row in measure(n, asked, gpu, CudaOps):
            found.append(row)
            rest = (row["model_milliseconds"], row["ratio"], row.get("gigabytes_a_second"))
            cells = "".join(
                f"{v:>{w}.{p}f}" if v else " " * w
                for v, w, p in zip(rest, (10, 8, 8), (3, 2, 0), strict=True)
            )
            print(f"{row['call']:<32}{n:>10}{row['milliseconds']:>10.3f}{cells}")
    facts = {
        "gputsne": __version__,
        "cupy": cupy.__version__,
        "gpu": kernels().describe(0),
        "model": gpu.name,
        "half": asked.half,
        "in_order": not asked.shuffled,
        "rows": found,
    }
    asked.results.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
