"""What is timed: each function is one job, run by common.Jobs in a process of its own.

``python jobs.py NAME CALL.json``: arguments from the file, results beside it. Libraries are loaded
before the clock starts, for ours and for the peer alike; data are read before it too.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Call = dict[str, Any]  # what a job is asked: parameters by TSNE's names, arrays, files to write
PARAMETERS = (
    "perplexity",
    "schedule",
    "max_iter",
    "early_exaggeration_iter",
    "random_state",
    "n_jobs",
    "device",
    "method",
)


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.began = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str):
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began

    def total(self) -> dict[str, float]:
        return {**self.seconds, "total": time.perf_counter() - self.began}


def peak_bytes() -> int:
    """Return the most memory this process held, libraries and data included.

    ``ru_maxrss`` would count what the parent held before exec; VmHWM starts anew with it.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def warm() -> None:
    """Load what both libraries load at first use."""
    for name in ("faiss", "scipy.sparse.linalg", "sklearn.decomposition", "gputsne.model.pipeline"):
        import_module(name)


def read_affinities(path: str | Path) -> Any:
    """Return P, scipy CSR."""
    from scipy import sparse

    return sparse.load_npz(path)


GIVEN = {"X": np.load, "y": np.load, "Y0": np.load, "new": np.load, "P": read_affinities}


def model(call: Call, **more: Any) -> Any:
    """Return our estimator with a call's parameters."""
    import gputsne

    return gputsne.TSNE(**{k: call[k] for k in PARAMETERS if k in call} | more)


def gputsne_fit(call: Call) -> dict[str, Any]:
    """The whole fit: rows in, map out."""
    X, ours = call["X"], model(call)
    began = time.perf_counter()
    Y = ours.fit_transform(X)
    seconds = {**ours.timings_, "total": time.perf_counter() - began}
    peak = peak_bytes()
    keep(call, Y=Y, made_P=ours.affinities_.to_csr())
    return {
        "peak_bytes": peak,
        "seconds": seconds,
        "kl_reported": ours.kl_divergence_,
        "recall": ours.neighbors_recall_,
        "neighbours": neighbours(call),
        "edges": ours.affinities_.nnz,
        "mesh": ours.mesh_,
        "ran_on": ours.device_,
        "sha256": hashlib.sha256(Y.tobytes()).hexdigest(),
    }


def gputsne_optimise(call: Call) -> dict[str, Any]:
    """The optimisation alone, from a given P and initial map."""
    ours = model(call, affinity="precomputed", init=call["Y0"])
    began = time.perf_counter()
    Y = ours.fit_transform(call["P"])
    seconds = {**ours.timings_, "total": time.perf_counter() - began}
    keep(call, Y=Y)
    return {"seconds": seconds, "kl_reported": ours.kl_divergence_, "mesh": ours.mesh_}


def opentsne_fit(call: Call) -> dict[str, Any]:
    """The same work by openTSNE's own defaults (Annoy, FFT), stage by stage as its fit does it."""
    import openTSNE
    from openTSNE import affinity, initialization

    X, clock = call["X"], Clock()
    own = {"n_jobs": call["n_jobs"], "random_state": call["random_state"]}
    with clock("neighbors"):
        index = affinity.get_knn_index(X, "auto", neighbours(call), "euclidean", **own)
        found = index.build()
        index.build = lambda: found
    with clock("affinities"):
        P = affinity.PerplexityBasedNN(knn_index=index, perplexity=call["perplexity"], **own)
    with clock("initial"):
        Y0 = initialization.pca(X, random_state=call["random_state"])
    with clock("optimize"):
        Y = np.asarray(peer(call).fit(affinities=P, initialization=Y0))
    seconds = clock.total()
    peak = peak_bytes()
    keep(call, Y=Y.astype(np.float32))
    return {
        "peak_bytes": peak,
        "seconds": seconds,
        "recall": recall(X, found[0]),
        "neighbours": neighbours(call),
        "search": type(index).__name__,
        "version": openTSNE.__version__,
    }


def opentsne_optimise(call: Call) -> dict[str, Any]:
    """The optimisation alone, from a given P and initial map."""
    from openTSNE.affinity import PrecomputedAffinities

    P = call["P"].astype(np.float64)  # what its kernels take
    P.indptr, P.indices = P.indptr.astype(np.int32), P.indices.astype(np.int32)
    given, Y0 = PrecomputedAffinities(P), call["Y0"].astype(np.float64)
    clock = Clock()
    with clock("optimize"):
        Y = peer(call).fit(affinities=given, initialization=Y0)
    seconds = clock.total()
    keep(call, Y=np.asarray(Y, dtype=np.float32))
    return {"seconds": seconds, "kl_reported": float(Y.kl_divergence)}


def peer(call: Call) -> Any:
    """Return openTSNE's estimator: its defaults, and the same iterations."""
    import openTSNE

    early = call["early_exaggeration_iter"]
    return openTSNE.TSNE(
        n_jobs=call["n_jobs"],
        random_state=call["random_state"],
        early_exaggeration_iter=early,
        n_iter=call["max_iter"] - early,
        negative_gradient_method="fft",  # its own choice from 10,000 points up
    )


def million(call: Call) -> dict[str, Any]:
    """The whole fit of many shifted and jittered copies of X."""
    import gputsne

    grown = gputsne.datasets.enlarge(call.pop("X"), n=call["n"]).X
    facts = gputsne_fit(call | {"X": grown})
    # what is measured from here on isn't in facts["peak_bytes"]
    Y = np.load(call["Y"])
    facts["preservation"] = gputsne.metrics.knn_preservation(grown, Y, k=10, sample=2000)
    planned = gputsne.plan(*grown.shape, perplexity=call["perplexity"])
    return {**facts, "planned_bytes": planned.host_bytes}


def evaluate(call: Call) -> dict[str, Any]:
    """Every quality metric of a map of many rows: their first two columns."""
    import gputsne

    grown = gputsne.datasets.enlarge(call.pop("X"), call["y"], n=call["n"])
    began = time.perf_counter()
    values = gputsne.metrics.evaluate(grown.X, grown.X[:, :2], labels=grown.labels)
    seconds = {"total": time.perf_counter() - began}
    return {"peak_bytes": peak_bytes(), "seconds": seconds, "values": values}


def transform(call: Call) -> dict[str, Any]:
    """Place new rows and fitted rows on a fitted map."""
    from judge import diameter

    X, new, ours = call["X"], call["new"], model(call).fit(call["X"])
    Y = ours.embedding_.copy()
    began = time.perf_counter()
    placed = ours.transform(new)
    first = time.perf_counter() - began
    began = time.perf_counter()
    again = ours.transform(new[:1000])
    second = time.perf_counter() - began
    moved = np.linalg.norm(ours.transform(X) - Y, axis=1) / diameter(Y)
    return {
        "seconds": {"fit": ours.timings_["total"], "total": first, "thousand_rows_more": second},
        "training_rows_moved": {
            "median": float(np.median(moved)),
            "p90": float(np.quantile(moved, 0.9)),
            "within_1_percent": float((moved <= 0.01).mean()),
        },
        "batch_invariant": bool(np.array_equal(again, placed[:1000])),
        "map_unmoved": bool(np.array_equal(Y, ours.embedding_)),
        "ran_on": ours.device_,
    }


def neighbours(call: Call) -> int:
    """Return the neighbours per point that both libraries take."""
    return min(len(call["X"]) - 1, int(3 * call["perplexity"]))


def recall(X, indices, sample: int = 1000) -> float:
    """Return the share of exact neighbours among those found, on sampled rows."""
    from gputsne.metrics import Context

    context = Context(X, sample=sample)
    true, found = context.neighbors("X", indices.shape[1]), indices[context.rows]
    return float(np.mean([np.isin(t, f).mean() for t, f in zip(true, found, strict=True)]))


def keep(call: Call, **arrays: Any) -> None:
    """Write the arrays that the call names a file for."""
    from scipy import sparse

    for name, value in arrays.items():
        if name in call:
            (sparse.save_npz if sparse.issparse(value) else np.save)(call[name], value)


def main(name: str, path: str) -> None:
    """Run one job: read its call, load the libraries, write what it returns."""
    call = json.loads(Path(path).read_text())
    call |= {k: read(call[k]) for k, read in GIVEN.items() if k in call}
    warm()
    if name.startswith("opentsne"):
        import_module("openTSNE")
    facts = globals()[name](call)
    facts.setdefault("peak_bytes", peak_bytes())
    Path(path).with_suffix(".out").write_text(json.dumps(facts, default=float))


if __name__ == "__main__":
    main(*sys.argv[1:])
