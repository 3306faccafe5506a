"""Where the mesh overtakes the definition: time of one evaluation of phi, its gradient and Z.

Maps are real ones: digits grown to n points (gputsne.datasets.enlarge), fitted in 1, 2 and 3
dimensions, so that their span is what the engine meets. gputsne/backends/native/ops.py cites this.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import gputsne
from bench.common import device, finish, log, options
from gputsne.backends import choose
from gputsne.engine.field import Field

SIZES = (250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000)
LEAST_SECONDS = 0.1  # a timing repeats its call for this long


class Meshed(Field):
    """A field that takes the mesh whatever it costs."""

    def _sums_are_quicker(self, *told: Any) -> bool:
        return False


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    asked = parser.parse_args(argv)
    sizes = (100, 300) if asked.quick else SIZES
    found: dict[str, list[dict[str, Any]]] = {}
    digits = gputsne.datasets.load_digits()
    for c in (1, 2, 3):
        lines = found.setdefault(str(c), [])
        for n in sizes:
            X = gputsne.datasets.enlarge(digits.X, n=n).X
            lines.append(measured(X, c, asked))
            log(f"{c}-D {lines[-1]}")
    crossings = {c: crossing(lines) for c, lines in found.items()}
    where = choose(device(asked)).ops.name
    facts = {"crossing": crossings, "evaluations": found}
    finish("crossing" if where == "native" else f"crossing-{where}", asked, facts)


def measured(X: np.ndarray, c: int, asked: Any) -> dict[str, Any]:
    """Return the seconds of one evaluation by both methods on the finished map of X."""
    model = gputsne.TSNE(
        n_components=c,
        perplexity=10.0,
        schedule="classic",
        max_iter=60 if asked.quick else 500,
        early_exaggeration_iter=20 if asked.quick else 250,
        random_state=0,
        n_jobs=asked.threads,
        device=device(asked),
    )
    Y = model.fit_transform(X)
    ops = choose(device(asked), asked.threads).ops
    told: dict[str, Any] = {"n": len(Y), "span": float(np.ptp(Y, axis=0).max())}
    phi, grad = np.empty(len(Y), np.float32), np.empty_like(Y)
    for method, kind in (("exact", Field), ("mesh", Meshed)):
        field = kind(ops, method=method)
        field.evaluate(Y, phi, grad)  # builds mesh and spectrum, which iterations share
        told[f"{method}_ms"] = 1e3 * seconds_of(lambda field=field: field.evaluate(Y, phi, grad))
    return told


def seconds_of(call: Any) -> float:
    """Return the shortest of many calls: what else runs on the machine only adds time."""
    best, ends = float("inf"), time.perf_counter() + LEAST_SECONDS
    while time.perf_counter() < ends:
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
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
