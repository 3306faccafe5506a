"""A process forked after threads were used computes the same bytes, and ends on Ctrl-C."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import gputsne
from gputsne.base import forks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

# The parent starts two threads in every library; the child does all of it again.
WORK = """
import hashlib, multiprocessing as mp, os, signal, sys, time
import numpy as np, gputsne
X = gputsne.datasets.make_blobs_hd(1500, d=20).X
WIDE = np.random.default_rng(0).normal(size=(1200, 90))
model = gputsne.TSNE(max_iter=30, random_state=0, n_jobs=2).fit(X)
def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()
def work(_=None):
    fit = dict(max_iter=30, random_state=0)
    return [
        digest(gputsne.TSNE(n_jobs=2, method="mesh", **fit).fit_transform(X)),
        digest(gputsne.TSNE(device="numpy", metric="manhattan", **fit).fit_transform(X[:300])),
        digest(gputsne.knn(X, 10, n_jobs=2).indices, gputsne.knn(WIDE, 10, n_jobs=2).indices),
        digest(gputsne.knn(X, 5, exact=False, n_jobs=2, random_state=0).distances),
        digest(model.transform(X)),
        digest(np.float64(gputsne.metrics.knn_preservation(X, model.embedding_))),
    ]
want = work()
fork = mp.get_context("fork")
"""
HOW = {
    "process": """
queue = fork.SimpleQueue()
child = fork.Process(target=lambda: queue.put(work()))
child.start()
got = [queue.get()]
child.join()
""",
    "pool": """
with fork.Pool(2) as pool:
    got = pool.map(work, range(2))
""",
    "executor": """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2, mp_context=fork) as pool:
    got = list(pool.map(work, range(2)))
""",
    "joblib": """
import joblib
got = joblib.Parallel(2, backend="multiprocessing")(joblib.delayed(work)() for _ in range(2))
""",
    "grandchild": """
def below():
    inner = fork.SimpleQueue()
    child = fork.Process(target=lambda: inner.put(work()))
    child.start()
    queue.put(inner.get())
    child.join()
queue = fork.SimpleQueue()
child = fork.Process(target=below)
child.start()
got = [queue.get()]
child.join()
""",
}


@pytest.mark.parametrize("how", HOW)
def test_a_forked_process_computes_the_same(how: str):
    code = WORK + HOW[how] + "\nassert all(g == want for g in got), (want, got)\nprint(len(got))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]


CTRL_C = """
queue = fork.SimpleQueue()
def endless():
    os.setpgrp()
    told = lambda progress: queue.put("running")
    gputsne.TSNE(max_iter=10**6, callbacks=told, callbacks_every=5).fit(X)
child = fork.Process(target=endless)
child.start()
assert queue.get() == "running"
os.kill(child.pid, signal.SIGINT)
while child.is_alive() and queue._reader.poll(0.05) is not None:
    while queue._reader.poll(0):
        queue.get()
    child.join(0.05)
print(child.exitcode)
"""


def test_ctrl_c_ends_a_forked_process():
    run = subprocess.run(
        [sys.executable, "-c", WORK + CTRL_C], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "FitInterrupted" in run.stderr
    assert run.stdout.strip() == "1"


def test_a_fork_in_the_midst_of_runs_starts_with_nothing_held():
    code = """
import os, threading, faiss
from gputsne.base import threads
from threadpoolctl import threadpool_info
numbers = lambda: [library["num_threads"] for library in threadpool_info()]
found, before = numbers(), faiss.cvar.distance_compute_blas_threshold
inside, done = threading.Event(), threading.Event()
def run():
    with threads.limit(1), threads.faiss_without_blas(faiss):
        inside.set()
        done.wait()
other = threading.Thread(target=run)
other.start()
inside.wait()
pid = os.fork()
if pid == 0:
    good = faiss.cvar.distance_compute_blas_threshold == before
    with threads.limit(2), threads.faiss_without_blas(faiss):
        good &= faiss.cvar.distance_compute_blas_threshold == threads.DIRECT
    good &= numbers() == found and faiss.cvar.distance_compute_blas_threshold == before
    os._exit(0 if good else 3)
status = os.waitpid(pid, 0)[1]
done.set()
other.join()
raise SystemExit(os.waitstatus_to_exitcode(status))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]


def _answer_of_a_fork(work) -> bytes:
    """Fork, and return what ``work`` returns in the child; b"" where it ends in an exception."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, work())
        finally:
            os._exit(0)
    os.close(write)
    try:
        ready = select.select([read], [], [], 60)[0]
        if not ready:
            os.kill(child, signal.SIGKILL)
        assert ready, "the child waits for a thread that it doesn't have"
        return os.read(read, 100)
    finally:
        os.close(read)
        os.waitpid(child, 0)


def test_a_lock_is_free_in_a_fork_whoever_held_it():
    theirs, mine, held, done = forks.Lock(), forks.Lock(), threading.Event(), threading.Event()

    def hold():
        with theirs.held():
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()

    def take() -> bytes:
        with theirs.held(), theirs.held():
            return b"taken"

    def leave() -> bytes:
        with mine.held():  # as its parent did, whose block ends in the child, too
            return take()

    try:
        with mine.held():
            assert _answer_of_a_fork(leave) == b"taken"
        assert _answer_of_a_fork(leave) == b"taken"
        assert not theirs._lock.acquire(blocking=False), "the parent's thread holds it still"
    finally:
        done.set()
        holder.join()


def test_the_package_has_no_other_locks():
    package = Path(gputsne.__file__).parent
    made = re.compile(r"\b(threading|multiprocessing)\.(R?Lock|Condition|\w*Semaphore)\(")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if made.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"base/forks.py"}
