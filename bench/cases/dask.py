"""A million rows on a cluster of one and two processes: same bytes, speed-up, a worker killed.

Rows are 40 clouds of 50 columns in npy shards, placed on the map of 5,000 of them;
neighbours are searched for among a tenth of the rows. Workers have one thread. Building the indexes
is within the time; processes are started and have imported everything before it.
"""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import gputsne
from bench.common import finish, log, options, target

ROWS, COLUMNS, FITTED, CLOUDS, SHARDS = 1_000_000, 50, 5_000, 40, 40
SEARCHED, K = 0.1, 15  # share of the rows that are searched among
SPEEDUP = 1.7  # of two workers over one
KILLED_AFTER = 0.4  # share of the time that two workers took


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, help="rows [1,000,000]")
    parser.add_argument("--only", choices=("place", "search"), help="one of the two works")
    asked = parser.parse_args(argv)
    n = asked.n or (4_000 if asked.quick else ROWS)
    fitted = min(FITTED, n // 4)
    X = clouds(n)
    log(f"{n:,} x {COLUMNS}; a map of {fitted:,}")
    model = gputsne.TSNE(max_iter=300, random_state=0, device="cpu").fit(X[:fitted])
    facts: dict[str, Any] = {
        "n": n, "d": COLUMNS, "fitted": fitted, "shards": SHARDS,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for i, part in enumerate(np.array_split(X, SHARDS)):
            np.save(Path(folder) / f"{i}.npy", part)
        shards = gputsne.open_source(folder)
        if asked.only != "search":
            facts["place"] = measured(
                "place",
                lambda: model.transform(X),
                lambda: gputsne.dask.transform(model, shards).compute(),
            )
    if asked.only != "place":
        some, how = X[: int(SEARCHED * n)], {"random_state": 0, "exact": False}
        facts["search"] = measured(
            "search",
            lambda: both(gputsne.knn(some, K, **how)),
            lambda: both(gputsne.dask.knn(some, K, **how)),
        ) | {"rows": len(some), "k": K}
    works = [facts[part] for part in ("place", "search") if part in facts]
    facts["targets"] = {
        "equal": target(float(all(w["equal"] for w in works)), 1.0, most=False),
    }
    if "place" in facts:  # the index of a search is built by one worker, which others wait for
        speedup = target(facts["place"]["speedup"], SPEEDUP, most=False)
        facts["targets"]["place_speedup"] = speedup
    finish("dask", asked, facts)


def clouds(n: int) -> np.ndarray:
    """Return n rows, each near one of the centres."""
    rng = np.random.default_rng(0)
    centres = 4.0 * rng.normal(size=(CLOUDS, COLUMNS))
    X = rng.normal(size=(n, COLUMNS)).astype(np.float32)
    X += centres[rng.integers(0, CLOUDS, n)].astype(np.float32)
    return X


def both(graph: Any) -> np.ndarray:
    """Return indices and distances as one array of bytes."""
    return np.concatenate([graph.indices.view(np.uint8), graph.distances.view(np.uint8)])


def digest(found: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(found)).hexdigest()


def measured(
    part: str, here: Callable[[], np.ndarray], there: Callable[[], np.ndarray]
) -> dict[str, Any]:
    """Return digests and seconds of one process, of one and two workers, and with one killed."""
    start = time.perf_counter()
    digests = {"local": digest(here())}
    seconds = {"local": time.perf_counter() - start}
    log(f"{part}: one process, all threads, {seconds['local']:.1f} s")
    for workers in (1, 2):
        digests[f"workers_{workers}"], seconds[f"workers_{workers}"] = on_cluster(workers, there)
        log(f"{part}: {workers} workers, {seconds[f'workers_{workers}']:.1f} s")
    after = KILLED_AFTER * seconds["workers_2"]
    digests["one_killed"], seconds["one_killed"] = on_cluster(2, there, after)
    log(f"{part}: one of two killed after {after:.1f} s, {seconds['one_killed']:.1f} s")
    equal = len(set(digests.values())) == 1
    speedup = seconds["workers_1"] / seconds["workers_2"]
    log(f"{part}: equal: {equal}, two workers are {speedup:.2f} times one")
    return {"digests": digests, "seconds": seconds, "equal": equal, "speedup": speedup}


def on_cluster(
    workers: int, work: Callable[[], np.ndarray], killed_after: float | None = None
) -> tuple[str, float]:
    """Return digest and seconds of work on a cluster of processes of one thread."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        client.run(warm)
        killer = None
        if killed_after is not None:
            victim = next(iter(client.run(os.getpid).values()))
            killer = threading.Timer(killed_after, os.kill, (victim, signal.SIGKILL))
            killer.start()
        start = time.perf_counter()
        found = digest(work())
        seconds = time.perf_counter() - start
        if killer is not None:
            killer.join()
            assert victim not in client.run(os.getpid).values(), "nobody was killed"
        return found, seconds


def warm() -> None:
    """Import what a worker needs."""
    import faiss  # noqa: F401

    import gputsne.dask.placing

    X = np.random.default_rng(0).normal(size=(100, 3))
    gputsne.knn(X, 3)
