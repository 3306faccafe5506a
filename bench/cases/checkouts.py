"""Whole fits of this checkout against those of another, by turns: what a change cost in speed.

``git worktree add ../before COMMIT``, build it there, then ``python -m bench checkouts ../before``.
Each fit runs in a process of its own, this checkout's first and the other's after it, so that both
see the machine in every state; what is kept is the median, and the ratio of the medians by stage.
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

from bench.common import FIT, data, device, finish, log, median_of, options

HERE = Path(__file__).resolve().parents[2]
# Only what every version of the package has: a fit by keyword arguments, and its timings.
JOB = """
import json, sys, time
import numpy as np
import faiss, scipy.sparse.linalg, sklearn.decomposition
import gputsne
X, asked = np.load(sys.argv[1]), json.loads(sys.argv[2])
began = time.perf_counter()
model = gputsne.TSNE(**asked).fit(X)
total = time.perf_counter() - began
seconds = {**model.timings_, "total": total}
print(json.dumps({"seconds": seconds, "kl_reported": model.kl_divergence_}, default=float))
"""


def main(name: str, argv: list[str]) -> None:
    """Fit by turns, and write checkouts.json."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="the other checkout, built in place")
    parser.add_argument("--repeats", type=int, default=5, help="fits of each [5]")
    asked = parser.parse_args(argv)
    if asked.quick:
        asked.repeats = 1
    X, _, told_data = data(asked)
    # The other checkout may not know the name of the schedule; max_step asks both for the classic.
    fit = {k: v for k, v in FIT.items() if k != "schedule"} | {"max_step": 5.0}
    fit |= {"n_jobs": asked.threads, "device": device(asked)}
    if asked.quick:
        fit |= {"max_iter": 20, "early_exaggeration_iter": 10}
    trees = {"this": HERE, "other": asked.other.resolve()}
    runs: dict[str, list[dict[str, Any]]] = {which: [] for which in trees}
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, X)
        file.flush()
        for _ in range(asked.repeats):
            for which, tree in trees.items():
                runs[which].append(fitted(tree, file.name, fit, asked.threads))
                log(f"{which}: {runs[which][-1]['seconds']['total']:.2f} s")
    stages = [s for s in runs["this"][0]["seconds"] if s in runs["other"][0]["seconds"]]
    medians = {
        which: {s: median_of(done, lambda run, s=s: run["seconds"][s]) for s in stages}
        for which, done in runs.items()
    }
    ratio = {s: medians["this"][s] / medians["other"][s] for s in stages}
    commits = {which: commit(tree) for which, tree in trees.items()}
    told = {"commits": commits, "seconds": medians, "this_over_other": ratio, "runs": runs}
    finish("checkouts", asked, {"data": told_data, "n": len(X), **fit, **told})


def fitted(tree: Path, rows: str, fit: dict[str, Any], threads: int) -> dict[str, Any]:
    """Fit in a process that imports the package of one checkout."""
    caps = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, "-c", JOB, rows, json.dumps(fit)]
    environment = {**os.environ, **caps, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, env=environment, cwd=tree, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{tree}: the fit failed with {done.returncode}\n{done.stderr}")
    return dict(json.loads(done.stdout))


def commit(tree: Path) -> str | None:
    """Return the commit of a checkout, None where git has none."""
    command = ["git", "-C", str(tree), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or None
