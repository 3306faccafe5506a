"""Tight groups of near copies: what each schedule keeps of them, and what coming to rest gives.

The points of a group lie closer to each other in the map than a fast iteration moves them.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import numpy as np

from bench import data as sets
from bench.common import device, finish, log, options

COPIES = 14  # of each row: a million rows are MNIST's 70,000 so often (gputsne.datasets.enlarge)
ROWS, QUICK_ROWS = 70_000, 1400
REST = (0, 10, 30, 60)  # further iterations at the pace of the classic schedule
NEIGHBOURS, JUDGED = 10, 5000


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=ROWS, help=f"rows in all [{ROWS:,}]")
    asked = parser.parse_args(argv)
    n = QUICK_ROWS if asked.quick else asked.n
    X, y, told = sets.load("mnist", asked.data, quick=asked.quick)
    X, y, told = sets.sized(X, y, told, n // COPIES)
    X, _, told = sets.sized(X, y, told, n)
    log(told)
    finish(name, asked, {"data": told, "n": n, "copies": COPIES, "fits": measured(X, asked)})


def measured(X: np.ndarray, asked: Any) -> list[dict[str, Any]]:
    """Return seconds, KL and neighbours kept of the schedules, and of the short one at rest."""
    import gputsne
    from gputsne.neighbors.nearest import exact_neighbors

    rng = np.random.default_rng(0)
    judged = np.sort(rng.choice(len(X), min(JUDGED, len(X)), replace=False))
    near = exact_neighbors(X.astype(np.float64), judged, NEIGHBOURS)
    model: Any = None
    found = []

    def kept(name: str, began: float) -> None:
        own = exact_neighbors(model.embedding_.astype(np.float64), judged, NEIGHBOURS)
        share = np.mean([len(np.intersect1d(*pair)) for pair in zip(near, own, strict=True)])
        found.append({
            "schedule": name, "seconds": time.perf_counter() - began,
            "kl": model.kl_divergence_, "kept": float(share) / NEIGHBOURS,
        })  # fmt: skip
        log(str(found[-1]))

    short = {"max_iter": 60, "early_exaggeration_iter": 20} if asked.quick else {}
    for schedule in ("classic", "short"):
        began = time.perf_counter()
        model = gputsne.TSNE(
            schedule=schedule, random_state=0, device=device(asked), n_jobs=asked.threads, **short
        ).fit(X)
        kept(schedule, began)
    for before, after in pairwise(REST):
        began = time.perf_counter()
        model.optimize(after - before, learning_rate=len(X) / 4, momentum=0.8)
        kept(f"short, then {after} iterations of the classic pace", began)
    return found
