"""How long each way to find neighbours takes: sums of squared differences, products, lists.

``work`` of gputsne/neighbors/search/exact.py and its constants rest on these figures. Rows are
drawn at random from MNIST, as pixels and as principal components, and from another npz with --data.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import data, finish, log, options
from gputsne.base import threads
from gputsne.neighbors import choose, knn
from gputsne.neighbors.choose import Wish
from gputsne.neighbors.recall import Sample, sample_of
from gputsne.neighbors.search import exact
from gputsne.neighbors.search import ivf as inverted

NEIGHBOURS = 90
QUERIES = 2000  # of the all-pairs searches, whose time goes with the number of queries
REPEATS = 3


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--wide", type=Path, nargs="*", default=[], help="npz with wide X")
    asked = parser.parse_args(argv)
    X, _, title = data(asked)
    found = [measured(title, X, n, asked) for n in ((500,) if asked.quick else (20_000, 70_000))]
    for path in asked.wide:
        with np.load(path, allow_pickle=False) as archive:
            rows = archive["X"].astype(np.float32)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
        told = f"{path.stem}, unit rows"
        found += [measured(told, rows, n, asked) for n in (20_000, 60_000)]
    finish("search", asked, {"neighbours": NEIGHBOURS, "searches": found})


def measured(name: str, X: np.ndarray, n: int, asked: Any) -> dict[str, Any]:
    """Return seconds for all n rows, of each search."""
    import faiss  # noqa: F401  loaded before the clock starts, and before the limit

    rng = np.random.default_rng(0)
    X = np.ascontiguousarray(X[rng.permutation(len(X))[:n]])
    Q, k = X[: min(QUERIES, n)], min(NEIGHBOURS, n // 5)
    wide = exact.WIDE
    out: dict[str, Any] = {"data": name, "n": n, "d": X.shape[1]}
    with threads.limit(asked.threads):
        for way, least in (("differences", 1 << 30), ("products", 1)):
            exact.WIDE = least
            out[way] = quickest(lambda: exact.exact(Q, X, k + 1)) * n / len(Q)
        exact.WIDE = wide
    began = time.perf_counter()
    graph = knn(X, k, exact=False, n_jobs=asked.threads, random_state=0)
    out |= {"lists": time.perf_counter() - began, "recall": graph.recall}
    began = time.perf_counter()
    out |= {"chosen": knn(X, k, n_jobs=asked.threads, random_state=0).source}
    out |= {"auto": time.perf_counter() - began}
    own = sample_of(np.arange(n), 0)
    began = time.perf_counter()
    out |= {"pilot_says_lists": choose._may_pay(X, k, Wish(), lambda: Sample(X[own], own))}
    out |= {"pilot": time.perf_counter() - began}
    lists = inverted.InvertedLists(X, 0)
    out["lists_pay_up_to"] = sum(lists.beats_exact(visits) for visits in range(1, lists.nlist + 1))
    log(str(out))
    return out


def quickest(work: Any) -> float:
    """Return the shortest of some times."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
