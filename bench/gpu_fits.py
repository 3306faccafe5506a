"""The jobs of ``bench/gpu.py``, each in a process of its own: fits, kernels, peers.

python bench/gpu_fits.py JOB JSON       prints what it measured as JSON, on its last line
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from worker import make_known

make_known()
from bench.clock import Clock  # noqa: E402 - known now
from bench.peers import PEERS, Ask  # noqa: E402

Facts = dict[str, Any]
FIT = {
    "perplexity": 30.0, "schedule": "classic", "max_iter": 750, "early_exaggeration_iter": 250,
    "random_state": 0,
}  # fmt: skip
QUICK = {"perplexity": 5.0, "max_iter": 30, "early_exaggeration_iter": 10, "random_state": 0}


def rows(n: int, d: int) -> np.ndarray:
    """Return n rows of d features: MNIST where $GPUTSNE_DATA has it and it is large enough.

    Else clusters on curved sheets, which have neighbours as real data do: no two runs differ.
    """
    path = Path(os.environ.get("GPUTSNE_DATA", ""), "mnist70k.npz")
    if n <= 70_000 and d in (50, 784) and path.is_file():
        with np.load(path, allow_pickle=False) as archive:
            X = archive["X"].reshape(70_000, -1)[:n].astype(np.float32) / 255
        return X if d == 784 else _components(X, d)
    rng = np.random.default_rng(0)
    kinds, inner = max(2, min(500, n // 200)), 8
    middle = rng.normal(0, 4, (kinds, d)).astype(np.float32)
    sheet = rng.normal(0, 1, (kinds, inner, d)).astype(np.float32)
    X = np.empty((n, d), np.float32)
    kind = rng.integers(0, kinds, n)
    for which in range(kinds):
        at = np.flatnonzero(kind == which)
        X[at] = (
            middle[which]
            + np.tanh(rng.normal(size=(len(at), inner))).astype(np.float32) @ sheet[which]
        )
    for begin in range(0, n, 1 << 18):
        block = X[begin : begin + (1 << 18)]
        block += np.float32(0.05) * rng.standard_normal(block.shape, np.float32)
    return X


def _components(X: np.ndarray, d: int) -> np.ndarray:
    X = X - X.mean(axis=0)
    _, axes = np.linalg.eigh(X.T @ X)
    return np.ascontiguousarray(X @ axes[:, : -d - 1 : -1])


def fit(n: int, d: int, device: str, quick: bool, times: int = 3, **asked: Any) -> Facts:
    """Fit the same rows several times: the first is a fresh process's, the others are warm."""
    import gputsne

    X, told = rows(n, d), []
    for _ in range(times):
        began = time.perf_counter()
        model = gputsne.TSNE(device=device, **(QUICK if quick else FIT), **asked).fit(X)
        Y = np.asarray(model.embedding_)
        told.append(
            {
                "seconds": time.perf_counter() - began,
                "stages": {k: float(v) for k, v in model.timings_.items()},
                "kl_divergence": float(model.kl_divergence_),
                "map": hashlib.sha256(Y.tobytes()).hexdigest(),
                "meshes": None if model.mesh_ is None else model.mesh_["rebuilds"],
            }
        )
    return {"n": n, "d": d, "device": model.device_, "asked": asked, "fits": told}


def place(n: int, m: int, d: int, device: str, quick: bool) -> Facts:
    """Place m new rows in a map of n, twice: the first time readies the reference."""
    import gputsne

    X = rows(n + m, d) if n + m > 70_000 else rows(n, d)
    new = X[n:] if len(X) > n else X[:m]
    model = gputsne.TSNE(device=device, **(QUICK if quick else FIT)).fit(X[:n])
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        placed = np.asarray(model.transform(new))
        seconds.append(time.perf_counter() - began)
    return {"n": n, "m": m, "seconds": seconds, "finite": bool(np.isfinite(placed).all())}


def neighbors(n: int, d: int, device: str, quick: bool) -> Facts:
    """Find 90 neighbours of each row, twice; all pairs are 2 d n^2 operations."""
    import gputsne
    from gputsne import backends

    X, k, seconds = rows(n, d), 15 if quick else 90, []
    choice = backends.choose(device)
    for _ in range(2):
        began = time.perf_counter()
        if choice.device == "cuda":
            gputsne.neighbors.on_device(X, k, choice.ops)
        else:
            gputsne.knn(X, k)
        seconds.append(time.perf_counter() - began)
    return {"n": n, "d": d, "seconds": seconds, "teraflops": 2e-12 * d * n * n / min(seconds)}


def peer(name: str, n: int, d: int) -> Facts:
    """Fit with another library, by its own defaults at this perplexity; why not, where it can't."""
    line = PEERS[name]
    reason = line.missing()
    if reason:
        return {"peer": name, "left_out": reason}
    X, seconds = rows(n, d), []
    for _ in range(2):
        began = time.perf_counter()
        found = line.fit(X, Ask(), Clock())
        seconds.append(time.perf_counter() - began)
    return {
        "peer": name, "version": line.version(), "n": n, "d": d, "seconds": seconds,
        "kl_divergence": _judged(X, found.Y),
    }  # fmt: skip


def kernels(n: int, k: int, half: bool, shuffled: bool) -> Facts:
    """Time the calls of an iteration, where the GPU's memory holds them."""
    from gpu_kernels import measure

    from gputsne import backends, plan
    from gputsne.backends.cuda.ops import CudaOps

    told = {"n": n, "k": k, "half": half, "in_order": not shuffled}
    free = backends.choose("cuda").ops.memory()[0]
    need = plan(n, 50, n_neighbors=k, device="cuda").device_stages["optimize"]
    if need > free:
        return {**told, "left_out": f"needs {need / 1e9:.1f} GB, {free / 1e9:.1f} are free"}
    gpu = machine()

    def make(**how: Any) -> CudaOps:
        return CudaOps(1, **how)

    calls = measure(n, k, gpu, make, half=half, shuffled=shuffled)
    return {**told, "model": gpu.name, "calls": calls}


def transforms() -> Facts:
    """Time the own FFT, cuFFT and a new spectrum, by length."""
    from gpu_kernels import transforms as measure

    from gputsne.backends.cuda.ops import CudaOps

    return {"transforms": measure(lambda **how: CudaOps(1, **how))}


def machine() -> Any:
    """Return the model that fits the GPU's name best."""
    from gputsne.backends.cuda.presence import kernels as module
    from gputsne.planning.costs import MACHINES

    name = str(module().describe(0)).lower()
    return next((m for key, m in MACHINES.items() if key in name), MACHINES["h100"])


def _judged(X: np.ndarray, Y: np.ndarray) -> float:
    """Return a map's divergence by our measure."""
    import gputsne

    graph = gputsne.knn(X, 90)
    given = (graph.indices, graph.distances)
    model = gputsne.TSNE(neighbors=given, init=Y, max_iter=0).fit(X)
    return float(model.kl_divergence_)


JOBS: dict[str, Callable[..., Facts]] = {
    "fit": fit, "place": place, "neighbors": neighbors, "peer": peer, "kernels": kernels,
    "transforms": transforms,
}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](**json.loads(sys.argv[2]))))
