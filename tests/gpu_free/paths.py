"""The ways through the package that a GPU takes part in, each as a short fit on few digits.

Each is a function of the digits that runs to its end on ``device="cuda"``; the tests look at what
it asks of CuPy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import gputsne

Path_ = Callable[[np.ndarray], Any]
SHORT = {
    "device": "cuda", "max_iter": 55, "early_exaggeration_iter": 25, "random_state": 0,
}  # fmt: skip
N = 150


def fitted(X: np.ndarray, c: int = 2, **how: Any) -> gputsne.TSNE:
    settings = {"method": "mesh", **SHORT, **how}
    return gputsne.TSNE(c, **settings).fit(X[:N])


def transformed(X: np.ndarray, **how: Any) -> None:
    fitted(X, max_iter=30, **how).transform(X[N : N + 10])


def saved_and_resumed(X: np.ndarray) -> None:
    model = fitted(X, max_iter=30)
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        model.save(path, affinities=True)
        again = gputsne.load(path, device="cuda")
    again.optimize(3, exaggeration=2.0)
    again.transform(X[N : N + 10])
    model.optimize(3, dof=0.5)
    assert model.affinities_.to_csr().shape == (N, N)


def of_distances(X: np.ndarray) -> None:
    D = np.sqrt(((X[:N, None].astype(np.float64) - X[None, :N]) ** 2).sum(axis=2))
    fitted(D, metric="precomputed", init="random", max_iter=12)


def of_p(X: np.ndarray) -> None:
    P = gputsne.affinities.joint(gputsne.knn(X[:N], 15), perplexity=5.0)
    for init in ("random", "spectral"):
        gputsne.TSNE(affinity="precomputed", init=init, **SHORT | {"max_iter": 12}).fit(P)


def of_lists(X: np.ndarray) -> None:
    near = gputsne.knn(X[:N], 40)
    fitted(X, neighbors=(near.indices.astype(np.int64), near.distances), max_iter=12)


def planned(X: np.ndarray) -> None:
    plan = gputsne.plan(N, X.shape[1], device="cuda")
    plan.check(device_limit=1 << 40)


PATHS: dict[str, Path_] = {
    "mesh": fitted,
    "one axis, half": lambda X: fitted(X, 1, affinity_dtype="float16"),
    "three axes": lambda X: fitted(X, 3, max_iter=12),
    "exact": lambda X: fitted(X, method="exact", max_iter=12),
    "heavy tails": lambda X: fitted(X, dof=0.5, max_iter=12),
    "stop, callbacks": lambda X: fitted(
        X, stop="auto", callbacks=lambda p: None, callbacks_every=10
    ),
    "uniform": lambda X: fitted(X, affinity="uniform", max_iter=12),
    "one width": lambda X: fitted(X, affinity="fixed_sigma", sigma=9.0, max_iter=12),
    "several perplexities": lambda X: fitted(X, perplexity=[3, 12], max_iter=12),
    "pca": lambda X: fitted(X, pca=9, scale=True, max_iter=12),
    "given map": lambda X: fitted(X, init=np.eye(N, 2, dtype=np.float32), max_iter=12),
    "inner product": lambda X: fitted(X, metric="inner_product", max_iter=12),
    "all pairs of the CPU": lambda X: fitted(X, metric="manhattan", max_iter=12),
    "duplicates": lambda X: fitted(np.repeat(X[:3], 50, axis=0), max_iter=12),
    "transform": transformed,
    "transform by definition": lambda X: transformed(X, method="exact"),
    "saved and resumed": saved_and_resumed,
    "distances": of_distances,
    "P": of_p,
    "lists": of_lists,
    "plan": planned,
}
