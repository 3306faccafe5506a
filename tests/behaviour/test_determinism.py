"""The same seed gives the same bytes: for any number of threads, in any process."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from gputsne import TSNE
from gputsne.backends import explain
from gputsne.data.datasets import load_digits

HAVE = {name: ready for name, ready, _ in explain()}
native = pytest.mark.skipif(not HAVE["cpu"], reason="no compiled kernels")

# 3,000 points take the mesh, and more than one band and chunk of every kernel.
SHA = """
import hashlib, sys
from gputsne import TSNE
from gputsne.data.datasets import toy_clusters
X = toy_clusters(3000).X
model = TSNE(max_iter=200, random_state=5, n_jobs=int(sys.argv[1]), device="cpu", pca=20).fit(X)
places = model.transform(X[:500] + 0.1)
print(hashlib.sha256(model.embedding_.tobytes() + places.tobytes()).hexdigest())
print(model.kl_divergence_, model.mesh_["method"])
"""


@native
def test_threads_and_processes():
    told = {
        subprocess.run(
            [sys.executable, "-c", SHA, jobs], capture_output=True, text=True, check=True
        ).stdout
        for jobs in ("1", "2", "2")
    }
    assert len(told) == 1, told
    assert told.pop().split()[-1] == "mesh"


@pytest.mark.parametrize("init", ["pca", "spectral", "random"])
def test_the_seed_decides(init):
    X = load_digits().X[:300]

    def sha(seed):
        model = TSNE(max_iter=100, init=init, random_state=seed).fit(X)
        return hashlib.sha256(model.embedding_.tobytes()).hexdigest()

    assert sha(1) == sha(1)
    assert sha(np.random.RandomState(3)) == sha(np.random.RandomState(3))
    assert sha(np.random.default_rng(3)) == sha(np.random.default_rng(3))
    if init == "random":
        assert len({sha(1), sha(2), sha(None), sha(None)}) == 4


def test_the_callers_random_numbers_are_left_alone():
    np.random.seed(0)  # noqa: NPY002 - the global state is the question
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    TSNE(max_iter=20, init="random").fit(load_digits().X[:200])
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@native
def test_backends_agree():
    X = load_digits().X
    short = {"early_exaggeration_iter": 150, "max_iter": 400, "random_state": 0, "method": "mesh"}
    a, b = (TSNE(device=device, **short).fit(X) for device in ("cpu", "numpy"))
    assert (a.device_, b.device_) == ("cpu", "numpy")
    assert a.mesh_["method"] == b.mesh_["method"] == "mesh"
    # Chaos makes two maps of what began as one; how good they are is the same within a hundredth.
    assert a.kl_divergence_ == pytest.approx(b.kl_divergence_, rel=0.01)
    # Before chaos, the same map: early exaggeration multiplies differences of 6e-8 (float32) by
    # less than two per iteration.
    early = [TSNE(random_state=0, device=d, max_iter=10).fit(X) for d in ("cpu", "numpy")]
    Y, Y2 = (m.embedding_ for m in early)
    assert np.abs(Y - Y2).max() < 1e-3 * np.ptp(Y)


# Every library that could start threads, seen from inside each stage.
CAPPED = """
import sys
import numpy as np
seen = []
def look(*_):
    import threadpoolctl
    seen.extend((p["filepath"], p["num_threads"]) for p in threadpoolctl.threadpool_info())
    faiss = sys.modules.get("faiss")
    if faiss is not None:
        seen.append(("faiss", faiss.omp_get_max_threads()))
import gputsne
from gputsne import affinities, initial, neighbors
from gputsne import preparation as prepare
from gputsne.neighbors.search import exact as search
for module, name in ((prepare, "prepare"), (search, "exact"), (affinities, "joint"),
                     (initial, "initial")):
    real = getattr(module, name)
    def watched(*args, real=real, **kwargs):
        look()
        return real(*args, **kwargs)
    setattr(module, name, watched)
X = np.random.default_rng(0).normal(size=(2000, 20))
model = gputsne.TSNE(n_jobs=1, max_iter=50, pca=5, callbacks=look).fit(X)
assert any(name == "faiss" for name, _ in seen) and len(seen) > 5, seen
over = [pool for pool in seen if pool[1] != 1]
assert not over, over
"""


def test_n_jobs_caps_every_library():
    run = subprocess.run([sys.executable, "-c", CAPPED], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
