"""What a lower min_recall saves, and costs a map: fits of one data set, judged on the exact P.

Each fit has its own seed's first map and lists; neighbours kept and KL are of the true neighbours.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import gputsne
from bench.common import data, device, finish, log, options
from bench.judge import divergence_by_mesh

RECALLS = (0.995, 0.98, 0.95, 0.9, 0.8)
PERPLEXITY = 30.0
SEEDS = 2
SAMPLE = 5000  # points whose neighbours are compared


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=None, help="rows: the first n [all]")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    asked = parser.parse_args(argv)
    X, y, title = data(asked)
    rows = slice(asked.n or (2000 if asked.quick else len(X)))
    X, y = np.ascontiguousarray(X[rows]), y[rows]
    graph = gputsne.knn(X, int(3 * PERPLEXITY), exact=True, n_jobs=asked.threads)
    told = {"perplexity": PERPLEXITY, "n_jobs": asked.threads, "device": device(asked)}
    exact = gputsne.TSNE(neighbors=graph, max_iter=0, **told).fit(X).affinities_.to_csr()
    found = []
    for seed in range(asked.seeds):
        for recall in RECALLS:
            found.append(measured(X, y, exact, recall, seed, told))
            log(str(found[-1]))
    finish("recall", asked, {"data": title, "n": len(X), "d": X.shape[1], "fits": found})


def measured(X: np.ndarray, y: np.ndarray, exact: Any, recall: float, seed: int, told: Any) -> Any:
    """Return the recall of a fit, the processor's seconds of its search, and its map's measures."""
    began = time.process_time()
    graph = gputsne.knn(
        X, int(3 * PERPLEXITY), exact=False, min_recall=recall, random_state=seed,
        n_jobs=told["n_jobs"],
    )  # fmt: skip
    searched = time.process_time() - began
    model = gputsne.TSNE(neighbors=graph, random_state=seed, **told).fit(X)
    Y = model.embedding_
    context = gputsne.metrics.Context(X, Y, y, sample=SAMPLE, random_state=0)
    near, mapped = context.neighbors("X", 50), context.neighbors("Y", 50)
    return {
        "min_recall": recall,
        "seed": seed,
        "recall": graph.recall,
        "search_cpu_s": searched,
        "kl": divergence_by_mesh(exact, Y, told["n_jobs"]),
        **{
            f"kept_{k}": float((near[:, :k, None] == mapped[:, None, :k]).any(2).mean())
            for k in (10, 50)
        },
        "accuracy": float(gputsne.metrics.METRICS["knn_accuracy"].compute(context)),
    }
