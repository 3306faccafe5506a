"""Jobs of the cases large and shards: a map begun as one of a sample, and a transform in shards."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.clock import peak_bytes

KEPT = 10_000  # rows that are asked how many of their neighbours stay
FITTED = 20_000  # rows of the map that shards are placed on
# A command in a process of its own, which tells the most memory that it held.
COMMAND = """
import re, sys
from gputsne.cli import main
try:
    main(sys.argv[1:])
finally:
    told = open("/proc/self/status").read() if sys.platform == "linux" else "VmHWM: 0"
    print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", told)[1]), file=sys.stderr)
"""


def large(call: dict[str, Any]) -> dict[str, Any]:
    """Fit many rows one way: whole, or begun as the map of a sample; tell what is kept."""
    import gputsne

    X, n = call.pop("X"), call["n"]
    if n > len(X):
        X = gputsne.datasets.enlarge(X, call["y"], n=n).X
    X = np.ascontiguousarray(X[:n])
    own = {"random_state": 0, "n_jobs": call["threads"], "device": call["device"]}
    own |= call["parameters"]
    facts: dict[str, Any] = {}
    began = time.perf_counter()
    if call["way"] == "whole":
        model: Any = gputsne.TSNE(**own).fit(X)
        Y, seconds = model.embedding_, dict(model.timings_)
    else:
        found = gputsne.fit_large(X, **own)
        Y, seconds, model = found.embedding_, dict(found.timings_), found.model_
        facts["sample"] = len(found.sample_indices_)
        if found.refined_:
            facts["refine_stages"] = dict(model.timings_)
    seconds["total"] = time.perf_counter() - began
    facts |= {"seconds": seconds, "iterations": int(model.n_iter_), "peak_bytes": peak_bytes()}
    if len(model.embedding_) == n:
        facts["kl"] = float(model.kl_divergence_)
    kept = gputsne.metrics.knn_preservation(X, Y, sample=min(KEPT, n), random_state=0)
    return {**facts, "kept": float(kept)}


def shards(call: dict[str, Any]) -> dict[str, Any]:
    """Place rows in shards by the command line, each in a process of its own, and merge them."""
    import gputsne

    X, n, of = call.pop("X"), call["n"], call["of"]
    folder = Path(tempfile.mkdtemp(prefix="gputsne-bench-"))
    try:
        (folder / "rows").mkdir()
        for i in range(of):  # each file has other rows, and is of one shard's length
            count = (i + 1) * n // of - i * n // of
            grown = gputsne.datasets.enlarge(X, n=len(X) + count, random_state=i).X[len(X) :]
            np.save(folder / "rows" / f"{i}.npy", np.ascontiguousarray(grown, np.float32))
            del grown
        fitted = min(FITTED, len(X))
        short = {"max_iter": 250, "early_exaggeration_iter": 100} if call["quick"] else {}
        gputsne.TSNE(random_state=0, n_jobs=call["threads"], **short).fit(X[:fitted]).save(
            folder / "model.npz"
        )
        del X
        where = [str(folder / "model.npz"), str(folder / "rows"), "-o", str(folder / "parts")]
        how = ["--n-jobs", str(call["threads"]), "--output-format", "npy", "--quiet"]
        found = [_run("transform", *where, *how, "--shard", f"{i}/{of}") for i in range(of)]
        merged = _run("merge", str(folder / "parts"), "-o", str(folder / "map.npy"), "--quiet")
        seconds = sum(one["seconds"] for one in found)
        peaks = [one["peak_bytes"] for one in found]
        return {
            "n": n, "of": of, "fitted": fitted, "d": call["d"],
            "seconds": {"shards": seconds, "merge": merged["seconds"]},
            "rows_per_second": n / seconds,
            "shard_seconds": [one["seconds"] for one in found],
            "shard_peak_bytes": {"least": min(peaks), "most": max(peaks)},
            "merge_peak_bytes": merged["peak_bytes"],
            "map_bytes": (folder / "map.npy").stat().st_size,
        }  # fmt: skip
    finally:
        shutil.rmtree(folder)


def _run(*words: str) -> dict[str, Any]:
    """Run the command line; return its seconds, start of the interpreter included, and its peak."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-P", "-c", COMMAND, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"gputsne {words[0]} failed: {done.stderr}")
    return {
        "seconds": time.perf_counter() - began,
        "peak_bytes": int(done.stderr.strip().splitlines()[-1]),
    }
