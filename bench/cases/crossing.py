"""Where the mesh overtakes the definition: time of one evaluation of phi, its gradient and Z.

Maps are real ones: digits grown to n points (gputsne.datasets.enlarge), fitted in 1, 2 and 3
dimensions, so that their span is what the engine meets at the end of the early phase and of the
fit. One thread by the processor's clock, which other work doesn't change much; two by the wall's,
the shortest of many. gputsne/backends/native/ops.py cites this.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import gputsne
from bench.common import device, finish, log, options
from gputsne.backends import choose
from gputsne.engine.field import Field

SIZES = {
    1: (100, 200, 300, 400, 600, 1000),
    2: (500, 1000, 1500, 2000, 3000, 4000, 6000),
    3: (500, 1000),
}
AT = (250, 750)  # iterations after which a map is measured: the early phase, and all
LEAST_SECONDS = 0.1  # a timing repeats its call for this long


class Meshed(Field):
    """A field that takes the mesh whatever it costs."""

    def _sums_are_quicker(self, *told: Any) -> bool:
        return False


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--axes", default="1,2,3", help="of the map, by commas [1,2,3]")
    asked = parser.parse_args(argv)
    at = (20, 60) if asked.quick else AT
    found: dict[str, list[dict[str, Any]]] = {}
    digits = gputsne.datasets.load_digits()
    for c in (int(c) for c in asked.axes.split(",")):
        for n in (100, 300) if asked.quick else SIZES[c]:
            X = gputsne.datasets.enlarge(digits.X, n=n).X
            for line in measured(X, c, at, asked):
                found.setdefault(f"{c} axes, {line['iterations']} iterations", []).append(line)
                log(f"{c}-D {line}")
    threads = {count for lines in found.values() for line in lines for count in line["threads"]}
    crossings = {
        phase: {count: crossing([line["threads"][count] for line in lines]) for count in threads}
        for phase, lines in found.items()
    }
    where = choose(device(asked)).ops.name
    facts = {"crossing": crossings, "evaluations": found}
    finish("crossing" if where == "native" else f"crossing-{where}", asked, facts)


def measured(X: np.ndarray, c: int, at: tuple[int, int], asked: Any) -> Iterator[dict[str, Any]]:
    """Yield the time of one evaluation by both methods on maps of X, early and finished."""
    seen: dict[int, np.ndarray] = {}
    gputsne.TSNE(
        n_components=c,
        perplexity=10.0,
        schedule="classic",
        max_iter=at[1],
        early_exaggeration_iter=at[0],
        random_state=0,
        n_jobs=asked.threads,
        device=device(asked),
        callbacks=lambda progress: seen.update({progress.iteration: progress.embedding}),
        callbacks_every=min(at[0], at[1] - at[0]),
    ).fit(X)
    for iterations in at:
        Y = seen[iterations]
        told: dict[str, Any] = {"n": len(Y), "iterations": iterations, "threads": {}}
        for count, clock in ((1, time.thread_time), (asked.threads, time.perf_counter)):
            times: dict[str, float] = {"n": len(Y)}
            for method, kind in (("exact", Field), ("mesh", Meshed)):
                field = kind(choose(device(asked), count).ops, method=method)
                times[f"{method}_ms"] = 1e3 * seconds_of(evaluation(field, Y), clock)
            told["threads"].setdefault(str(count), times)
        assert field.mesh is not None
        nodes = (1 + field.pair) * math.prod(field.mesh.fft_shape)
        one = told["threads"]["1"]
        pairs = one["mesh_ms"] / one["exact_ms"] * len(Y) ** 2 / nodes
        span = float(np.ptp(Y, axis=0).max())
        yield {**told, "span": span, "nodes": nodes, "pair": field.pair, "pairs_per_node": pairs}


def evaluation(field: Field, Y: np.ndarray) -> Callable[[], Any]:
    """Return a call that evaluates a map on mesh and spectrum, which iterations share."""
    phi, grad = np.empty(len(Y), np.float32), np.empty_like(Y)
    field.evaluate(Y, phi, grad)
    return lambda: field.evaluate(Y, phi, grad)


def seconds_of(call: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Return the shortest of many calls: what else runs on the machine only adds time."""
    best, ends = float("inf"), time.perf_counter() + LEAST_SECONDS
    while time.perf_counter() < ends:
        began = clock()
        call()
        best = min(best, clock() - began)
    return best


def crossing(lines: list[dict[str, Any]]) -> float | None:
    """Return the n from which the mesh is quicker for good, log-log between sizes; None: beyond."""
    ratio = np.log([line["exact_ms"] / line["mesh_ms"] for line in lines])
    n = np.log([line["n"] for line in lines])
    if ratio[-1] <= 0:
        return None
    slower = np.flatnonzero(ratio <= 0)
    if not len(slower):
        return float(np.exp(n[0]))
    i = int(slower[-1])
    return float(np.exp(np.interp(0.0, ratio[i : i + 2], n[i : i + 2])))
