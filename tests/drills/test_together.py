"""Drill: two nights at once, threads that share what tells metrics, forks that outlive a run."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import threading
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from drilled import FIT, Forks, metrics_of, table
from sklearn.base import clone

import gputsne
from gputsne.provenance import Run
from gputsne.telemetry import Exporter, Monitor

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no forks")
LINE = (
    "embed", "x.npy", "-o", "map.npy", "--store", "runs", "--checkpoint", "run.ckpt", "--resume",
    "--checkpoint-every", "1e-6", "--metrics-textfile", "maps.prom", "--tag", "model=m", *FIT,
)  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "night"
    folder.mkdir()
    monkeypatch.chdir(folder)
    table(folder / "x.npy")
    return folder


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_two_nights_that_overlap_come_to_the_same_map_and_count_as_two(fork: Forks, here: Path):
    nights = fork.together(here, *[{"line": LINE}] * 3)
    assert [night.code for night in nights] == [0, 0, 0], nights
    first = (here / "map.npy").read_bytes()
    told = metrics_of(here / "maps.prom")
    assert told["gputsne_runs_total{status=done}"] == 3
    assert told["gputsne_runs_in_progress"] == told["gputsne_runs_killed_total"] == 0
    store = gputsne.Store(here / "runs")
    assert len(store.list()) == 3
    assert len({run.map_sha256 for run in store.list()}) == 1
    assert (store.verify(), store.unfinished()) == ((), ())
    assert fork(here, *LINE).code == 0
    assert (here / "map.npy").read_bytes() == first
    names = {path.name for path in here.iterdir()}
    assert names == {
        "x.npy",
        "map.npy",
        "maps.prom",
        "runs",
        ".maps.prom.lock",
        ".maps.prom.running",
    }


def test_threads_that_share_an_exporter_are_runs_of_their_own(here: Path):
    exporter = Exporter({"model": "m"}, textfile="maps.prom", port=0)
    X, met = np.load("x.npy"), threading.Barrier(2, timeout=60)
    seen: list[dict[str, float]] = []
    before = descriptors()

    def meet(progress: object) -> None:
        if not met.broken and len(seen) < 2:
            met.wait()
            assert exporter._open is not None
            with urlopen(exporter._open.address) as told:
                seen.append(metrics_of(told.read().decode()))
            met.wait()

    def fit() -> None:
        gputsne.TSNE(max_iter=50, perplexity=10, callbacks=[exporter, meet]).fit(X)

    threads = [threading.Thread(target=fit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [told["gputsne_runs_in_progress"] for told in seen] == [2, 2]
    told = metrics_of(here / "maps.prom")
    assert told["gputsne_runs_total{status=done}"] == 2
    assert told["gputsne_runs_in_progress"] == told["gputsne_runs_killed_total"] == 0
    assert exporter._open is None
    assert descriptors() == before
    gputsne.TSNE(max_iter=50, perplexity=10, callbacks=exporter).fit(X)  # and goes on to serve
    assert metrics_of(here / "maps.prom")["gputsne_runs_total{status=done}"] == 3


@pytest.mark.parametrize("copied", [clone, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_of_an_exporter_has_its_settings_alone(copied, here: Path):
    exporter = Exporter({"model": "m"}, textfile="maps.prom")
    model = gputsne.TSNE(max_iter=50, perplexity=10, callbacks=exporter)
    exporter.begin(Run(tags={"model": "m"}))  # one is under way
    try:
        copied(model).fit(np.load("x.npy"))
        told = metrics_of(here / "maps.prom")
        assert told["gputsne_runs_total{status=done}"] == 1
        assert told["gputsne_runs_in_progress"] == 1
    finally:
        exporter.close()


OUTLIVED = """
import os, signal
from gputsne.provenance import Run
from gputsne.telemetry import Monitor

monitor = Monitor(print, textfile="maps.prom", port={port})
monitor.begin(Run(tags={{"model": "m"}}))
if os.fork() == 0:  # as a data loader's worker, which nobody tells that its parent is gone
    monitor.end(Run(tags={{"model": "m"}}))
    monitor.close()
    open("child.part", "w").write(str(os.getpid()))
    os.rename("child.part", "child")
    signal.pause()
while not os.path.exists("child"):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_fork_that_outlives_a_killed_run_hides_nothing(fork: Forks, here: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (killed,) = fork.together(here, {"code": OUTLIVED.format(port=port)})
    child = int((here / "child").read_text())
    try:
        assert killed.code == -signal.SIGKILL, killed.stderr
        told = metrics_of(here / "maps.prom")
        assert told["gputsne_runs_in_progress"] == 1  # the child told nothing of its parent's run
        assert told["gputsne_runs_total{status=done}"] == 0
        notes: list[str] = []
        monitor = Monitor(notes.append, textfile="maps.prom", port=port)
        monitor.begin(Run(tags={"model": "m"}))
        monitor.end(Run(tags={"model": "m"}))
        assert notes == [f"metrics are shown at http://127.0.0.1:{port}/metrics until the run ends"]
        assert metrics_of(here / "maps.prom")["gputsne_runs_killed_total"] == 1
    finally:
        os.kill(child, signal.SIGKILL)
