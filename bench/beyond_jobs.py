"""Job of the case beyond: a fit of rows in shards on disk, its time and memory by stage."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.clock import Clock, peak_bytes, stage_peaks

SHARD = 100_000  # rows of a file
EVERY = 0.05  # seconds between two samples of the memory


def beyond(call: dict[str, Any]) -> dict[str, Any]:
    """Write the rows as shards, fit them by blocks, tell what each stage took."""
    import gputsne

    X, n = call.pop("X"), call["n"]
    folder = Path(tempfile.mkdtemp(prefix="gputsne-bench-"))
    try:
        for i, start in enumerate(range(0, n, SHARD)):
            count = min(SHARD, n - start)
            grown = gputsne.datasets.enlarge(X, n=len(X) + count, random_state=i).X[len(X) :]
            np.save(folder / f"{i}.npy", np.ascontiguousarray(grown, np.float32))
            del grown
        del X
        gputsne.TSNE(max_iter=2, perplexity=5).fit(np.eye(60, dtype="f4"))  # libraries load
        source = gputsne.open_source(folder)
        before = peak_bytes()
        given = {"random_state": 0, "n_jobs": call["threads"], **call["parameters"]}
        samples = Anonymous()
        with samples:
            clock = Clock()
            model = gputsne.TSNE(**given).fit(source)
            whole = time.monotonic() - clock.began
        timings = dict(model.timings_)
        clock.stages(clock.began, timings)
        planned = gputsne.plan(
            *source.shape, on_disk=True, memory_limit=given.get("memory_limit"),
            affinity=given.get("affinity", "perplexity"),
        )  # fmt: skip
        return {
            "n": n, "d": source.shape[1], "seconds": {**timings, "total": whole},
            "anonymous_bytes": stage_peaks(clock.marks, samples.found),
            "peak_bytes_before": before, "peak_bytes": peak_bytes(),
            "planned_bytes": planned.host_bytes, "disk_bytes": planned.disk_bytes,
            "way": str(planned.way), "recall": model.neighbors_recall_,
            "kl": float(model.kl_divergence_), "iterations": int(model.n_iter_),
        }  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Anonymous:
    """Samples the memory of this process that belongs to no file, inside a ``with`` block.

    Pages of files that are mapped are not in it: the system takes them back when it needs room.
    """

    def __init__(self) -> None:
        self.found: list[tuple[float, int]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Anonymous:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(EVERY):
            text = Path("/proc/self/status").read_text(encoding="utf-8")
            _, _, rest = text.partition("RssAnon:")
            self.found.append((time.monotonic(), 1024 * int(rest.split()[0])))
