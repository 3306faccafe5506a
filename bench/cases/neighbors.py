"""Recall against time of every way to find neighbours: what a fit does, and FAISS' indexes.

Each row of data searches for its own neighbours, as a fit does. Seconds are those of the processor,
all threads together: other work on the machine disturbs them least. With --wide also other data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from bench.common import data, finish, log, options
from gputsne.base import threads
from gputsne.neighbors import knn
from gputsne.neighbors.recall import TIE

NEIGHBOURS = 90
SAMPLE = 1000
# Built index, then settings: what to call the setting, and what it does to the index.
Setting = tuple[str, Callable[[Any], None]]


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--wide", type=Path, nargs="*", default=[], help="npz with wide X")
    parser.add_argument("--rows", type=int, nargs="*", help="rows of the data [20000]")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    asked = parser.parse_args(argv)
    X, _, title = data(asked)
    sets = [(title, X)]
    for path in asked.wide:
        with np.load(path, allow_pickle=False) as archive:
            rows = archive["X"].astype(np.float32)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
        sets.append((f"{path.stem}, unit rows", rows))
    sizes = asked.rows or [500 if asked.quick else 20_000]
    found = [
        run
        for told, rows in sets
        for n in sizes
        if n <= len(rows)
        for run in measured(told, rows, n, asked)
    ]
    finish(name, asked, {"neighbours": NEIGHBOURS, "runs": found})


def measured(name: str, X: np.ndarray, n: int, asked: Any) -> Iterator[dict[str, Any]]:
    """Yield one line per kind and setting."""
    X = np.ascontiguousarray(X[np.random.default_rng(0).permutation(len(X))[:n]])
    k = min(NEIGHBOURS, n // 5)
    own = np.sort(np.random.default_rng(1).permutation(n)[:SAMPLE])
    faiss.omp_set_num_threads(asked.threads)
    with threads.limit(asked.threads):
        truth = faiss.knn(X[own], X, k + 1)[0][:, -1]
        for kind, (build, settings) in kinds(X, k, asked.threads).items():
            if asked.only not in kind:
                continue
            with clock() as built:
                index = build()
            for told, change in settings:
                change(index)
                with clock() as searched:
                    ids = index.search(X, k + 1)[1]
                near = np.square(X[ids[own]] - X[own][:, None]).sum(axis=2)
                recall = float((near <= truth[:, None] * np.float32(1 + TIE)).mean())
                line = {
                    "data": name, "n": n, "d": X.shape[1], "kind": kind, "setting": told,
                    "build_cpu_s": built["seconds"], "search_cpu_s": searched["seconds"],
                    "recall": recall,
                }  # fmt: skip
                log(str(line))
                yield line


@contextmanager
def clock() -> Iterator[dict[str, float]]:
    """Measure the processor's seconds of a block."""
    told: dict[str, float] = {}
    began = time.process_time()
    yield told
    told["seconds"] = time.process_time() - began


class Ours:
    """A search of this package as an index of FAISS: ``search(X, k)``."""

    def __init__(self, search: Callable[[np.ndarray, int], Any]) -> None:
        self.search = search


def kinds(X: np.ndarray, k: int, jobs: int) -> dict[str, tuple[Callable[[], Any], list[Setting]]]:
    """Return what is compared, and its settings."""
    n, d = X.shape
    lists = max(1, min(n // 32, round(0.35 * n ** (2 / 3))))
    as_it_is: list[Setting] = [("", lambda index: None)]
    fine = d // 2 if d % 2 == 0 else d

    def whole() -> Any:
        return Ours(lambda Q, m: from_graph(knn(Q, m - 1, n_jobs=jobs, random_state=0)))

    out: dict[str, tuple[Callable[[], Any], list[Setting]]] = {
        "gputsne.knn": (whole, as_it_is),
        "FAISS, all pairs by BLAS": (
            lambda: Ours(lambda Q, m: faiss.knn(Q, X, m)),
            as_it_is,
        ),
        "IVFFlat": (
            lambda: trained(faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, lists), X),
            [visits(p) for p in (8, 12, 16, 24, 48)],
        ),
        "IVFScalarQuantizer 8 bit": (
            lambda: trained(
                faiss.IndexIVFScalarQuantizer(
                    faiss.IndexFlatL2(d), d, lists, faiss.ScalarQuantizer.QT_8bit
                ),
                X,
            ),
            [visits(p) for p in (16, 24)],
        ),
        "IVFPQFastScan, refined": (
            lambda: refined(
                trained(faiss.IndexIVFPQFastScan(faiss.IndexFlatL2(d), d, lists, fine, 4), X), X
            ),
            [candidates(f, p) for p in (16, 24) for f in (2, 3)],
        ),
        "PQFastScan, refined": (
            lambda: refined(trained(faiss.IndexPQFastScan(d, fine, 4), X), X),
            [candidates(f) for f in (2, 3)],
        ),
        "IVFRaBitQFastScan, refined": (
            lambda: refined(
                trained(faiss.IndexIVFRaBitQFastScan(faiss.IndexFlatL2(d), d, lists), X), X
            ),
            [candidates(f, 24) for f in (3, 5)],
        ),
    }
    for links, depth in ((12, 40), (24, 60)):
        out[f"HNSWFlat M={links} efConstruction={depth}"] = (
            lambda links=links, depth=depth: graph_of(X, links, depth),
            [("efSearch 100", wide(100)), ("efSearch 160", wide(160))],
        )
    out["NNDescentFlat K=64"] = (lambda: descent(X), as_it_is)
    out["NSGFlat R=24"] = (lambda: navigating(X), as_it_is)
    return out


def from_graph(graph: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return a graph's lists with each row itself first."""
    own = np.arange(len(graph.indices), dtype=graph.indices.dtype)[:, None]
    return graph.distances, np.concatenate([own, graph.indices], axis=1)


def visits(nprobe: int) -> Setting:
    return f"nprobe {nprobe}", lambda index: setattr(index, "nprobe", nprobe)


def candidates(factor: float, nprobe: int | None = None) -> Setting:
    """Rank ``factor`` times as many candidates again."""

    def change(index: Any) -> None:
        index.k_factor = factor
        if nprobe is not None:
            faiss.downcast_index(index.base_index).nprobe = nprobe

    return f"nprobe {nprobe or 'all'}, k_factor {factor}", change


def wide(depth: int) -> Callable[[Any], None]:
    return lambda index: setattr(index.hnsw, "efSearch", depth)


def trained(index: Any, X: np.ndarray) -> Any:
    """Train on few rows, as our lists are, and fill."""
    for part in (index, getattr(index, "pq", None)):
        if hasattr(part, "cp"):
            part.cp.niter, part.cp.min_points_per_centroid = 4, 1
            part.cp.max_points_per_centroid = 33 if part is index else 256
    index.train(X)
    index.add(X)
    return index


KEPT: list[Any] = []  # indexes that others refer to


def refined(index: Any, X: np.ndarray) -> Any:
    KEPT[:] = [index]
    return faiss.IndexRefineFlat(index, faiss.swig_ptr(X))


def graph_of(X: np.ndarray, links: int, depth: int) -> Any:
    index = faiss.IndexHNSWFlat(X.shape[1], links)
    index.hnsw.efConstruction = depth
    index.add(X)
    return index


def descent(X: np.ndarray) -> Any:
    index = faiss.IndexNNDescentFlat(X.shape[1], 64)
    index.nndescent.iter, index.nndescent.search_L = 5, 120
    index.add(X)
    return index


def navigating(X: np.ndarray) -> Any:
    index = faiss.IndexNSGFlat(X.shape[1], 24)
    index.build_type, index.nndescent_iter, index.GK = 1, 5, 48
    index.add(X)
    index.nsg.search_L = 120
    return index
