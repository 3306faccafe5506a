"""The calls of an iteration on a GPU, timed inside captured graphs, beside the roofline.

A call alone takes Python 25 to 60 us, as long as the kernels of 60,000 points; a graph of the call,
replayed, has none of it. Points lie along the curve, as in a fit; ``bench/gpu.py`` is the program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gputsne.base.types import Affinities, State, StepParams
from gputsne.engine import mesh as meshes
from gputsne.engine.field import Field
from gputsne.engine.iteration import Engine
from gputsne.planning.costs import Case, Machine, calls

REPLAYS, REPEATS, WARM = 20, 7, 2
LENGTHS = (256, 512, 1024, 2048, 4096)  # of the FFT, two axes
STEP = StepParams(1.0, 0.8, 1e-3)
Row = dict[str, Any]


def in_graph(xp: Any, work: Callable[[], Any]) -> float:
    """Return the milliseconds of one replay of what ``work`` launches: median of REPEATS means."""
    stream, arena = xp.cuda.Stream(non_blocking=True), xp.cuda.MemoryPool()
    with stream, xp.cuda.using_allocator(arena.malloc):
        for _ in range(WARM):
            work()
        stream.begin_capture()
        try:
            work()
        finally:
            graph = stream.end_capture()
        graph.launch()
        times = [_between_events(xp, graph.launch, REPLAYS) for _ in range(REPEATS)]
        stream.synchronize()
    return float(np.median(times))


def one_by_one(xp: Any, work: Callable[[], Any]) -> float:
    """Return the median milliseconds of ``work``, which waits for the device itself."""
    for _ in range(WARM):
        work()
    return float(np.median([_between_events(xp, work, 1) for _ in range(REPEATS)]))


def _between_events(xp: Any, work: Callable[[], Any], times: int) -> float:
    begin, end = xp.cuda.Event(), xp.cuda.Event()
    begin.record()
    for _ in range(times):
        work()
    end.record()
    end.synchronize()
    return float(xp.cuda.get_elapsed_time(begin, end)) / times


def cloud(n: int) -> np.ndarray:
    """Return a map with the size and the crowding of a finished one: blobs of 4,000 points."""
    rng, side = np.random.default_rng(0), 200.0 * (n / 70_000) ** 0.3
    blobs = max(1, n // 4000)
    centre = np.repeat(rng.uniform(-side / 2, side / 2, (blobs, 2)), -(-n // blobs), axis=0)[:n]
    Y = centre + rng.normal(0, side / 60, (n, 2))
    return np.clip(Y, -side / 2, side / 2).astype(np.float32)


def graph(xp: Any, n: int, degree: int) -> Affinities:
    """Return P with edges to points that lie near in memory, as after an ordering."""
    rng = np.random.default_rng(1)
    near = rng.integers(-2000, 2001, (min(n, 1 << 14), degree))
    indices = xp.empty(n * degree, np.int32)
    for start in range(0, n, len(near)):
        stop = min(n, start + len(near))
        rows = (np.arange(start, stop)[:, None] + near[: stop - start]) % n
        indices[start * degree : stop * degree] = xp.asarray(rows.astype(np.int32).ravel())
    indptr = xp.asarray(np.arange(n + 1, dtype=np.int64) * degree)
    weights = np.full(n * degree, 1 / (n * degree), np.float32)
    return Affinities(indptr, indices, xp.asarray(weights))


def ordered(ops: Any, Y: Any, shuffled: bool) -> Any:
    """Return the map on the device along the curve, or in no order."""
    xp = ops.xp
    if shuffled:
        return xp.asarray(Y[np.random.default_rng(2).permutation(len(Y))])
    on = xp.asarray(Y)
    order = np.argsort(ops.host(ops.curve(on, ops.extent(on))), kind="stable")
    return xp.asarray(Y[order])


def measure(
    n: int, k: int, gpu: Machine, make: Callable[..., Any], *, half: bool = False,
    shuffled: bool = False,
) -> list[Row]:  # fmt: skip
    """Return a row of figures for each call of an iteration; ``make`` makes the operations."""
    ops = make(half=half)
    xp = ops.xp
    case = Case(n, k, half=half, in_order=not shuffled)
    Y = ordered(ops, cloud(n), shuffled)
    P = ops.hold(graph(xp, n, case.nnz // n))
    velocity, gains, after, grad = (xp.zeros_like(Y) for _ in range(4))
    gains += 1
    phi = xp.empty(n, np.float32) if ops.phi_wanted else None
    field = Field(ops, method="mesh")
    mesh = field.fit(ops.extent(Y), n)
    case = Case(n, k, 2, mesh.fft_shape, half, not shuffled)
    potential = ops.potential(Y, mesh, field.center)
    Z = ops.gather(Y, mesh, field.center, potential, phi, grad)
    convolution, fixed = ops._field.convolution, xp.zeros(mesh.shape, np.uint64)
    work = {
        "FFT": lambda: convolution.potential(fixed, mesh),
        "deposit, FFT": lambda: ops.potential(Y, mesh, field.center),
        "gather": lambda: ops.gather(Y, mesh, field.center, potential, phi, grad),
        "attract and step": lambda: ops.attract_and_step(
            P, Y, after, velocity, gains, grad, Z, 1.0, STEP
        ),
    }
    model = {call.name: call for call in calls(case, gpu)}
    rows = []

    def timed(name: str, parts: list[Any], measured: Callable[[], float]) -> None:
        rows.append(_row(n, name, measured, parts, gpu))

    for name, run in work.items():
        timed(name, [model[part] for part in name.split(", ")], partial(in_graph, xp, run))
    timed("divergence", [], lambda: one_by_one(xp, lambda: ops.divergence(P, Y, 1.0)))
    for order in (4, 6):
        for name, run in _by_order(n, ops, Y, field, order).items():
            timed(name, [], partial(in_graph, xp, run))
    still = np.zeros((n, 2), np.float32)
    start = State(ops.host(Y), still, still + 1, 500)
    ops.release()
    for graphs in (False, True):
        name = "iteration, replayed graphs" if graphs else "iteration, launch by launch"
        fresh = partial(make, half=half, graphs=graphs)
        timed(name, list(model.values()), lambda fresh=fresh: iteration(P, start, fresh()))
    return rows


def _by_order(n: int, ops: Any, Y: Any, field: Field, order: int) -> dict[str, Callable[[], Any]]:
    """Return deposit and gather with a spline of another order on the same mesh."""
    mesh = field.mesh
    assert mesh is not None
    other = meshes.of_shape(mesh.fft_shape, mesh.h, order=order)
    phi = ops.xp.empty(n, np.float32) if ops.phi_wanted else None
    grad = ops.xp.empty_like(Y)
    potential = ops.potential(Y, other, field.center)
    return {
        f"deposit, FFT, order {order}": lambda: ops.potential(Y, other, field.center),
        f"gather, order {order}": lambda: ops.gather(Y, other, field.center, potential, phi, grad),
    }


def _row(
    n: int, name: str, measured: Callable[[], float], parts: list[Any], gpu: Machine
) -> Row:  # fmt: skip
    """Return a measured time beside the model's, or why there is none: the others go on."""
    row: Row = {"n": n, "call": name}
    try:
        took = measured()
    except Exception as error:
        return row | {"failed": f"{type(error).__name__}: {error}"}
    row["milliseconds"] = took
    if parts:
        want = 1e3 * sum(p.seconds(gpu) for p in parts)
        moved = sum(p.bytes + p.missed for p in parts)
        row |= {
            "model_milliseconds": want,
            "ratio": took / want,
            "gigabytes_per_second": moved / took / 1e6,
        }
    return row


def iteration(P: Any, start: State, ops: Any) -> float:
    """Return the milliseconds of an iteration of the engine, Python's share included."""
    ops.relabel_from = len(start.Y) + 1  # the points lie in order
    with ops.guard():
        engine, steps = Engine(P, start, Field(ops, method="mesh")), []
        for i in range(WARM + REPEATS):
            ops.xp.cuda.get_current_stream().synchronize()
            began = time.perf_counter()
            for _ in range(REPLAYS):
                engine.step(STEP)
            ops.xp.cuda.get_current_stream().synchronize()
            if i >= WARM:
                steps.append(1e3 * (time.perf_counter() - began) / REPLAYS)
    if ops.graphs is not None and ops.graphs.failed:
        raise RuntimeError(f"no graph: {ops.graphs.failed}")
    ops.release()
    return float(np.median(steps))


def transforms(make: Callable[..., Any], sizes: tuple[int, ...] = LENGTHS) -> list[Row]:
    """Return the times of the own FFT, of cuFFT and of a new spectrum, by length."""
    rows = []
    for G in sizes:
        mesh = meshes.of_shape((G, G), 0.3)
        row: Row = {"length": G}
        for name, own in (("own", True), ("cufft", False)):
            ops = make(own_fft=own)
            convolution = ops._field.convolution
            fixed = ops.xp.zeros(mesh.shape, np.uint64)
            row[f"{name}_milliseconds"] = in_graph(
                ops.xp, partial(convolution.potential, fixed, mesh)
            )
            row[f"{name}_taken"] = convolution.takes(mesh)
            if own:
                row["spectrum_milliseconds"] = in_graph(ops.xp, partial(_anew, convolution, mesh))
            ops.release()
        rows.append(row)
    return rows


def _anew(convolution: Any, mesh: Any) -> None:
    """Make a spectrum that is there already."""
    convolution._octant = (None, False)
    convolution.octant(mesh, last_first=True)
