"""The stages of one iteration by this checkout and by another, by turns, on one finished map.

``python -m bench iteration ../before``; see checkouts.py. Each process does what its engine would:
puts the points in order where its backend asks for that, then repeats every operation. What is kept
is the shortest time of CPU on one thread, which other work on the machine disturbs least, and the
median by the clock on ``--threads``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import gputsne
from bench.cases.checkouts import HERE, commit
from bench.common import FIT, data, device, finish, log, options

FEW = 1797  # points, as the digits have, whose sums are taken by definition too
# Only what every version of the package has: the operations of a backend.
JOB = """
import json, sys, time
import numpy as np
from gputsne.backends import choose
from gputsne.base.types import Affinities, StepParams
from gputsne.engine import mesh as meshes
held, threads, repeats, few = np.load(sys.argv[1]), *map(int, sys.argv[2:5])
found = {}
def told(name, call, clock, best):
    seconds = []
    for _ in range(repeats):
        began = clock()
        call()
        seconds.append(clock() - began)
    found.setdefault(name, {})[best.__name__] = 1e3 * float(best(seconds))
for n_jobs, clock, best in ((1, time.thread_time, np.min), (threads, time.perf_counter, np.median)):
    ops = choose(sys.argv[5], n_jobs).ops
    Y = held["Y"]
    P = ops.hold(Affinities(held["indptr"], held["indices"], held["data"]))
    box = ops.extent(Y)
    if len(Y) >= ops.relabel_from:
        order = np.argsort(ops.curve(Y, box), kind="stable").astype(np.int32)
        P, Y = ops.reorder(P, order), np.ascontiguousarray(Y[order])
    span, center = [b - a for a, b in box], tuple((a + b) / 2 for a, b in box)
    mesh = meshes.build(span, meshes.spacing(span, len(Y), 1.0)[0])
    charge, phi, grad = ops.grid(mesh), np.empty(len(Y), np.float32), np.empty_like(Y)
    ops.deposit(Y, mesh, center, charge)
    field = ops.convolve(charge, mesh)
    Z = ops.gather(Y, mesh, center, field, phi, grad)
    velocity, gains, moved = np.zeros_like(Y), np.ones_like(Y), np.empty_like(Y)
    step = StepParams(1.0, 0.8, 1.0)
    for name, call in {
        "deposit": lambda: ops.deposit(Y, mesh, center, charge),
        "convolve": lambda: ops.convolve(charge, mesh),
        "gather": lambda: ops.gather(Y, mesh, center, field, phi, grad),
        "attract and step": lambda: ops.attract_and_step(
            P, Y, moved, velocity, gains, grad, Z, 1.0, step),
        "sums by definition": lambda: ops.exact(Y[:few], 1.0, phi[:few], grad[:few]),
    }.items():
        told(name, call, clock, best)
print(json.dumps(found))
"""


def main(name: str, argv: list[str]) -> None:
    """Time by turns, and write iteration.json."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="the other checkout, built in place")
    parser.add_argument("--repeats", type=int, default=4, help="processes of each [4]")
    asked = parser.parse_args(argv)
    calls = 2 if asked.quick else 25
    X, _, told_data = data(asked)
    fit = FIT | {"n_jobs": asked.threads, "device": device(asked)}
    if asked.quick:
        asked.repeats = 1
        fit |= {"max_iter": 20, "early_exaggeration_iter": 10}
    trees = {"other": asked.other.resolve(), "this": HERE}
    runs: dict[str, list[dict[str, Any]]] = {which: [] for which in trees}
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder, "map.npz")
        n, edges = keep_map(X, fit, held)
        log(f"{n} points, {edges} edges")
        for _ in range(asked.repeats):
            for which, tree in trees.items():
                runs[which].append(timed(tree, held, asked.threads, calls, fit["device"]))
                log(f"{which}: {runs[which][-1]}")
    best = {which: together(done) for which, done in runs.items()}
    stages = {
        stage: {which: best[which][stage] for which in trees}
        | {"this_over_other": best["this"][stage]["min"] / best["other"][stage]["min"]}
        for stage in best["this"]
    }
    commits = {which: commit(tree) for which, tree in trees.items()}
    told = {"data": told_data, "n": n, "edges": edges, "few": FEW, "commits": commits}
    finish("iteration", asked, told | {"milliseconds": stages, "runs": runs})


def keep_map(X: np.ndarray, fit: dict[str, Any], path: Path) -> tuple[int, int]:
    """Fit, and keep map and P in a file; return the numbers of points and of edges."""
    P = gputsne.affinities.perplexity(gputsne.knn(X, int(3 * fit["perplexity"])), fit["perplexity"])
    Y = gputsne.TSNE(affinity="precomputed", **fit | {"init": "random"}).fit(P.to_csr()).embedding_
    np.savez(path, indptr=P.indptr, indices=P.indices, data=P.data, Y=Y)
    return P.n, P.nnz


def timed(tree: Path, held: Path, threads: int, calls: int, device: str) -> dict[str, Any]:
    """Time in a process that imports the package of one checkout."""
    told = [str(held), str(threads), str(calls), str(FEW), device]
    done = subprocess.run(
        [sys.executable, "-c", JOB, *told], env={**os.environ, "PYTHONPATH": str(tree)}, cwd=tree,
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{tree}: failed with {done.returncode}\n{done.stderr}")
    return dict(json.loads(done.stdout))


def together(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return, by stage, the shortest of the shortest and the median of the medians."""
    return {
        stage: {
            "min": min(run[stage]["min"] for run in runs),
            "median": float(np.median([run[stage]["median"] for run in runs])),
        }
        for stage in runs[0]
    }
