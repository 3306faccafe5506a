"""Is memory reckoned near the truth, in int64, and refused before anything large is taken?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gputsne import TSNE, plan
from gputsne.base.errors import OverMemory
from gputsne.planning import memory as planning

X = np.random.default_rng(0).normal(size=(2000, 20)).astype(np.float32)

# What a fit holds beyond the libraries: the peak of the process less what it held before.
MEASURE = """
import resource, sys
import numpy as np
import gputsne
from gputsne import TSNE
n, d, k = map(int, sys.argv[1:])
TSNE(perplexity=5, max_iter=1).fit(np.eye(40))  # loads every library
X = np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak starts anew
def status(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return 1024 * int(line.split()[1])
before = status("VmRSS:")
TSNE(n_neighbors=k, perplexity=k / 3, max_iter=2, random_state=0).fit(X)
print(status("VmHWM:") - before + X.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_plan_is_near_the_truth():
    n, d, k = shape = 8_000, 8, 300
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, shape)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    measured = int(run.stdout)
    planned = plan(n, d, n_neighbors=k).host_bytes - planning.BASE
    # Random data in 8 columns and k = 300 mirror fewer edges than MIRRORED says, and FAISS' blocks
    # and numpy's temporaries come on top: the plan has to be right within a factor of two.
    assert measured / 2 < planned < measured * 2


def test_counts_past_two_to_the_31():
    n, k = 50_000_000, 90
    big = plan(n, 50, n_neighbors=k)
    assert n * k > 2**31
    assert big.parts["neighbour lists"] == 8 * n * k
    assert big.parts["joint P"] == 8 * int(planning.MIRRORED * n * k) + 8 * (n + 1)
    assert big.host_bytes > 8 * 2 * n * k
    as_numpy = plan(np.int32(n), np.int32(50), n_neighbors=np.int32(k))
    assert as_numpy == big


def test_a_fit_past_two_to_the_31_is_refused_before_it_allocates(monkeypatch):
    class Rows:
        """Says it is huge; whoever wants to read it fails the test."""

        shape = (30_000_000, 100)

        def __array__(self, *args, **kwargs):
            raise AssertionError("X was read before the plan was checked")

    monkeypatch.setattr(planning, "available_memory", lambda: 64_000_000_000)
    with pytest.raises(OverMemory, match=r"needs \d+\.\d+ GB .* is 64\.00 GB") as caught:
        TSNE().fit(Rows())
    assert isinstance(caught.value, MemoryError)
    for remedy in ("perplexity", "n_neighbors", "uniform", "pca=50", "sample"):
        assert remedy in str(caught.value)


def test_memory_limit(monkeypatch):
    need = plan(*X.shape).host_bytes
    assert TSNE(max_iter=1, memory_limit=need).fit(X).n_iter_ == 1
    from gputsne import preparation as prepare

    def never(*args, **kwargs):
        raise AssertionError("X was prepared although it does not fit")

    monkeypatch.setattr(prepare, "prepare", never)
    with pytest.raises(OverMemory, match=rf"memory_limit is {need / 1e9:.2f} GB"):
        TSNE(max_iter=1, memory_limit=need - 1).fit(X)


def test_a_sparse_matrix_is_planned_by_what_is_kept():
    from scipy import sparse

    wide = sparse.random(500, 100_000, density=1e-3, random_state=0, format="csr")
    limit = plan(500, 5, perplexity=5.0).host_bytes
    assert limit < 4 * 500 * 100_000 + planning.BASE
    assert TSNE(max_iter=1, pca=5, perplexity=5.0, memory_limit=limit).fit(wide).n_iter_ == 1


def test_the_mesh_stays_within_the_limit():
    wide = np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32) * 150
    need = plan(*X.shape).host_bytes
    free = TSNE(max_iter=1, init=wide).fit(X)
    tight = TSNE(max_iter=1, init=wide, memory_limit=need).fit(X)
    assert not free.mesh_["widened"]
    assert tight.mesh_["widened"]
    assert tight.mesh_["h"] > free.mesh_["h"]
    taken = planning.NODE_BYTES * 4 * np.prod(tight.mesh_["nodes"])
    assert taken <= need / 4


def test_the_parts_follow_what_is_asked():
    base = plan(100_000, 50)
    assert base.host_bytes == int(planning.BASE + max(base.stages.values()))
    assert base.device_bytes == 0
    assert (
        plan(100_000, 50, perplexity=[10.0, 60.0]).parts == plan(100_000, 50, n_neighbors=180).parts
    )
    assert plan(100_000, 50, n_neighbors=15).host_bytes < base.host_bytes
    assert plan(100_000, 1000, pca=50).parts["prepared data"] == 4 * 100_000 * 50
    assert plan(100_000, 50, n_components=3).parts["map and state"] > base.parts["map and state"]
    assert plan(1, 1).host_bytes >= planning.BASE
    # the promise for a million points: 6 GB on two cores
    assert plan(1_000_000, 50).host_bytes < 6e9


@pytest.mark.parametrize(
    "given", [{"n": 0}, {"d": 0}, {"n_components": 0}, {"device": "gpu"}], ids=str
)
def test_wrong_counts(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        plan(**{"n": 10, "d": 2, **given})


def test_memory_of_the_control_group_counts(tmp_path, monkeypatch):
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("3000000\n")
    (group / "memory.current").write_text("2500000\n")
    (group / "memory.stat").write_text("anon 100\ninactive_file 1000000\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 2000 kB\n")
    real = planning.Path
    monkeypatch.setattr(planning, "Path", lambda p: real(tmp_path / str(p).lstrip("/")))
    assert planning.available_memory() == 1_500_000  # 3.0 - 2.5 + 1.0 MB of cache that can go
    (group / "memory.max").write_text("max\n")
    assert planning.available_memory() == 2_048_000
    (tmp_path / "proc/meminfo").unlink()
    assert planning.available_memory() is None


def test_the_plan_covers_what_the_benchmarks_measured():
    folder = Path(__file__).parents[3] / "bench" / "results"
    million = json.loads((folder / "million.json").read_text())
    planned = plan(million["n"], million["d"]).host_bytes
    # Nothing below the peak; the edges of P are reckoned 13 % above MNIST's.
    assert million["peak_bytes"] <= planned <= 1.2 * million["peak_bytes"]
