"""What runs in a process of its own: each function of JOBS is one job; worker.py starts it.

A job gets a call, a dict with its arguments, and returns facts for JSON. Libraries are loaded
before the clock starts, for ours and for a peer alike; data are read before it too.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bench import judge
from bench.beyond_jobs import beyond
from bench.clock import Clock, peak_bytes
from bench.large_jobs import large, shards
from bench.peers import OURS, PEERS, Ask, Fitted
from bench.tile_jobs import tiles

Call = dict[str, Any]
WARM_ROWS = 5000  # of the first fit of a library that compiles: more than UMAP's exact search takes
ALL_PAIRS = 100_000  # rows up to which neighbours of P and Z are by definition; beyond, hours
SAMPLE = 10_000  # rows that the judge looks at: standard error of the share kept below 0.002


def read_affinities(path: str | Path) -> Any:
    """Return P, scipy CSR."""
    from scipy import sparse

    return sparse.load_npz(path)


GIVEN: dict[str, Callable[[Any], Any]] = {
    "X": np.load, "y": np.load, "Y0": np.load, "map": np.load, "new": np.load,
    "new_y": np.load, "P": read_affinities, "maps": lambda path: dict(np.load(path)),
}  # fmt: skip


def keep(call: Call, **arrays: Any) -> None:
    """Write the arrays that the call names a file for."""
    from scipy import sparse

    for name, value in arrays.items():
        if name in call:
            (sparse.save_npz if sparse.issparse(value) else np.save)(call[name], value)


def ask_of(call: Call) -> Ask:
    """Return what a call asks of a fit."""
    names = ("perplexity", "iterations", "threads", "seed", "device")
    return Ask(**{name: call[name] for name in names if name in call})


def warm() -> None:
    """Load what libraries load at first use."""
    for name in ("faiss", "scipy.sparse.linalg", "sklearn.decomposition", "gputsne.model.pipeline"):
        import_module(name)


def probe(call: Call) -> dict[str, Any]:
    """Say whether a peer can run here, and why not."""
    peer = PEERS[call["peer"]]
    reason = peer.missing()
    return {"left_out": reason} if reason else {"version": peer.version()}


def fitted(call: Call) -> tuple[Fitted, Clock, dict[str, Any]]:
    """Fit with a peer, after a small fit where it compiles; return the map, the clock and facts."""
    peer, ask, X = PEERS[call["peer"]], ask_of(call), call["X"]
    reason = peer.missing()
    if reason:
        raise SystemExit(reason)
    facts: dict[str, Any] = {"version": peer.version()}
    if peer.compiles or (call["peer"] == OURS and ask.device == "cuda"):
        began = time.monotonic()
        peer.fit(X[:WARM_ROWS], ask, Clock())
        facts["warm_seconds"] = time.monotonic() - began
    clock = Clock()
    found = peer.fit(X, ask, clock)
    return found, clock, facts | {"seconds": clock.seconds(), "peak_bytes": peak_bytes()}


def fit(call: Call) -> dict[str, Any]:
    """The whole fit: rows in, map out."""
    found, clock, facts = fitted(call)
    Y = np.asarray(found.Y, dtype=np.float32)
    keep(call, Y=Y)
    indices = found.facts.pop("indices", None)
    if indices is not None:
        facts["recall"] = recall(call["X"], indices)
    sha = hashlib.sha256(Y.tobytes()).hexdigest()
    return {**facts, "marks": clock.marks, "sha256": sha, **found.facts}


def optimise(call: Call) -> dict[str, Any]:
    """The iterations alone, from a given P and initial map."""
    peer, clock = PEERS[call["peer"]], Clock()
    import_module(peer.module)
    clock = Clock()
    found = peer.optimise(call["P"], call["Y0"], ask_of(call), clock)
    facts = {"seconds": clock.seconds(), "peak_bytes": peak_bytes()}
    keep(call, Y=np.asarray(found.Y, dtype=np.float32))
    return {**facts, "marks": clock.marks, **found.facts}


def place(call: Call) -> dict[str, Any]:
    """Fit, then place new rows; the map's own labels tell those of the new rows."""
    from sklearn.neighbors import KNeighborsClassifier

    found, _, facts = fitted(call)
    began = time.monotonic()
    placed = np.asarray(PEERS[call["peer"]].place(found.model, call["new"], call["X"]))
    seconds = {"fit": facts["seconds"]["total"], "total": time.monotonic() - began}
    votes = KNeighborsClassifier(10).fit(np.asarray(found.Y), call["y"])
    accuracy = float(votes.score(placed, call["new_y"]))
    return {"version": facts["version"], "seconds": seconds, "accuracy": accuracy}


def affinities(call: Call) -> dict[str, Any]:
    """The common P, and the start two optimisers share; neighbours exact up to 100,000 rows."""
    import gputsne
    from gputsne.backends import choose

    X, ask = call["X"], ask_of(call)
    exact = True if len(X) <= ALL_PAIRS else "auto"
    graph = gputsne.knn(
        X, ask.neighbours(len(X)), exact=exact, n_jobs=ask.threads, random_state=ask.seed
    )
    ops = choose("auto", ask.threads).ops
    P = gputsne.affinities.joint(graph, ops, perplexity=min(ask.perplexity, (len(X) - 1) / 3))
    keep(call, P_file=P.to_csr(), Y0_file=first_map(X))
    return {"recall": graph.recall, "edges": P.nnz, "neighbours": graph.indices.shape[1]}


def first_map(X: np.ndarray) -> np.ndarray:
    """Return two principal components, standard deviation of the first 1e-4."""
    from sklearn.decomposition import PCA

    Y = PCA(2, svd_solver="covariance_eigh").fit_transform(X.astype(np.float64))
    return (Y / Y[:, 0].std() * 1e-4).astype(np.float32)


def quality(call: Call) -> dict[str, Any]:
    """How good a map is, whoever made it; with P in the call, its divergence too."""
    from gputsne.metrics import METRICS, Context

    X, Y, y = call["X"], call["map"], call["y"]
    if not np.isfinite(Y).all():
        return {"failed": "the map has values that are not finite"}
    context = Context(X, Y, labels=y, sample=min(SAMPLE, len(X)), random_state=0)
    names = {
        "kept": "knn_preservation", "knc": "class_preservation", "cpd": "distance_correlation",
        "accuracy": "knn_accuracy",
    }  # fmt: skip
    if call.get("only"):
        names = {name: names[name] for name in call["only"]}
    if len(np.unique(y)) < 3:  # class centres have no neighbours to keep
        names.pop("knc", None)
    found: dict[str, Any] = {
        name: METRICS[metric].compute(context, k=10) for name, metric in names.items()
    }
    if "P" in call:
        by_definition = len(X) <= ALL_PAIRS
        found["kl"] = (
            judge.divergence(call["P"], Y, call["threads"])
            if by_definition
            else judge.divergence_by_mesh(call["P"], Y, call["threads"])
        )
        found["kl_by"] = "all pairs, float64" if by_definition else "Z by mesh, within 1e-3"
    return found


def evaluate(call: Call) -> dict[str, Any]:
    """Every quality metric of a map of many rows: their first two columns."""
    import gputsne

    grown = gputsne.datasets.enlarge(call.pop("X"), call["y"], n=call["n"])
    began, busy = time.perf_counter(), time.process_time()
    values = gputsne.metrics.evaluate(grown.X, grown.X[:, :2], labels=grown.labels)
    # Of all threads: what a busy machine adds to the time is not in it.
    seconds = {
        "total": time.perf_counter() - began,
        "processors": time.process_time() - busy,
    }
    return {"peak_bytes": peak_bytes(), "seconds": seconds, "values": values}


def compare(call: Call) -> dict[str, Any]:
    """Every quality metric of several maps of the same rows, by one call."""
    from gputsne.metrics import compare

    X, y, maps = call["X"], call["y"], call["maps"]
    began, worked = time.perf_counter(), time.process_time()
    values = compare(X, maps, y)
    # processor time of all threads: what other work on the machine doesn't add to
    seconds = {"total": time.perf_counter() - began, "processors": time.process_time() - worked}
    return {"seconds": seconds, "load_after": os.getloadavg()[0], "values": values}


def report(call: Call) -> dict[str, Any]:
    """A report of many rows on a short map of them; the fit is outside the time."""
    import gputsne

    grown = gputsne.datasets.enlarge(call.pop("X"), call["y"], n=call["n"])
    ask = ask_of(call)
    model = gputsne.TSNE(max_iter=300, random_state=0, n_jobs=ask.threads, device=ask.device).fit(
        grown.X
    )
    n = len(grown.X)
    records = {
        "label": grown.labels,
        "user": [f"user {i % 997}" for i in range(n)],
        "bytes": np.arange(n) % 1009,
    }
    warm_up = slice(0, 200)  # libraries load what they draw and compute with at first use
    gputsne.report(grown.X[warm_up], model.embedding_[warm_up]).to_html()
    began, spent = time.perf_counter(), time.process_time()
    made = gputsne.report(grown.X, model, grown.labels, records, critical=["label"])
    measured = time.perf_counter() - began
    page = made.to_html()
    text = made.to_json()
    whole = time.perf_counter() - began
    return {
        "peak_bytes": peak_bytes(),
        "seconds": {"report": measured, "page": whole - measured, "total": whole},
        "processor_seconds": time.process_time() - spent,
        "page_bytes": len(page.encode()), "json_bytes": len(text.encode()),
        "points_asked": made.facts["quality"]["sample"], "verdict": made.verdict,
    }  # fmt: skip


def transform(call: Call) -> dict[str, Any]:
    """Place new rows and fitted rows on a map of ours."""
    found, _, facts = fitted(call)
    X, new, model = call["X"], call["new"], found.model
    Y = model.embedding_.copy()
    began = time.monotonic()
    placed = model.transform(new)
    first = time.monotonic() - began
    began = time.monotonic()
    again = model.transform(new[:1000])
    second = time.monotonic() - began
    moved = np.linalg.norm(model.transform(X) - Y, axis=1) / judge.diameter(Y)
    fit_seconds = facts["seconds"]["total"]
    return {
        "seconds": {"fit": fit_seconds, "total": first, "thousand_rows_more": second},
        "training_rows_moved": {
            "median": float(np.median(moved)),
            "p90": float(np.quantile(moved, 0.9)),
            "within_1_percent": float((moved <= 0.01).mean()),
        },
        "batch_invariant": bool(np.array_equal(again, placed[:1000])),
        "map_unmoved": bool(np.array_equal(Y, model.embedding_)),
        "ran_on": model.device_,
    }


def recall(X: np.ndarray, indices: np.ndarray, sample: int = 1000) -> float:
    """Return the share of exact neighbours among those found, on sampled rows."""
    from gputsne.metrics import Context

    context = Context(X, sample=sample)
    true, found = context.neighbors("X", indices.shape[1]), indices[context.rows]
    return float(np.mean([np.isin(t, f).mean() for t, f in zip(true, found, strict=True)]))


JOBS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "probe": probe, "fit": fit, "optimise": optimise, "place": place, "affinities": affinities,
    "quality": quality, "evaluate": evaluate, "compare": compare, "report": report,
    "transform": transform, "tiles": tiles, "large": large, "shards": shards,
    "beyond": beyond,
}  # fmt: skip


def main(path: str) -> None:
    """Run one job: read its call, load the libraries, write what it returns."""
    call = json.loads(Path(path).read_text(encoding="utf-8"))
    call |= {key: read(call[key]) for key, read in GIVEN.items() if key in call}
    if call["job"] != "probe":
        warm()
    facts = JOBS[call["job"]](call)
    facts.setdefault("peak_bytes", peak_bytes())
    Path(path).with_suffix(".out").write_text(json.dumps(facts, default=float), encoding="utf-8")
