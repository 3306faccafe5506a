"""The neighbours that the device finds are the true ones: tiles on emulated kernels, and libraries.

The reference is scikit-learn's brute force in float64. faiss-gpu and cuVS are stood in for: an
index of the CPU where FAISS would hand one to the GPU, and all pairs where cuVS would search.
"""

from __future__ import annotations

import logging
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from gpu_free import lookalike
from sklearn.neighbors import NearestNeighbors

from gputsne.backends.cuda.ops import CudaOps
from gputsne.neighbors import choose, metric_for, on_device
from gputsne.neighbors.search.tiles import Tiles


@pytest.fixture
def ops(emulated, monkeypatch):
    xp, fft = lookalike.modules()
    with lookalike.strict(monkeypatch):
        yield CudaOps(1, xp=xp, fft=fft, module=emulated.cuda)


def rows(n=600, d=12, seed=0):
    """Clusters, sorted: what a search must not rely on."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 6 * np.sort(rng.integers(0, 5, n))[:, None]
    return X.astype(np.float32)


def true_distances(X, k, metric):
    """Return the k smallest distances of each row to others, ascending, float64."""
    if metric == "inner_product":
        D = -(X.astype(np.float64) @ X.T.astype(np.float64))
        np.fill_diagonal(D, np.inf)
        return np.sort(D, axis=1)[:, :k]
    search = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=metric)
    return search.fit(X.astype(np.float64)).kneighbors()[0]


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "inner_product"])
@pytest.mark.parametrize("resident", [True, False])
def test_tiles_are_exact(ops, metric, resident):
    X, k = rows() + np.float32(metric == "euclidean") * 1000, 15  # far from 0 products would cancel
    if not resident:
        ops.xp.pool.free = 0  # X goes there block by block
    graph = on_device(X, k, ops, metric=metric, random_state=0)
    assert graph.source == "tiles-device"
    assert graph.recall == 1.0
    assert (graph.indices != np.arange(len(X))[:, None]).all()
    # float32 sums of 12 terms; 1 - cos loses digits near 0
    got, want = graph.distances, true_distances(X, k, metric)
    if metric == "inner_product":  # distances of the vectors with one more axis: gputsne.knn
        got = -(X[:, None] * X[graph.indices]).sum(axis=2, dtype=np.float64)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-4 if metric == "euclidean" else 1e-5)
    again = on_device(X, k, ops, metric=metric, random_state=1)
    np.testing.assert_array_equal(again.indices, graph.indices)  # whatever order tiles come in


def test_small_tiles_and_ties(ops):
    X = np.repeat(rows(60, 4), 5, axis=0)  # each row five times
    tiles = Tiles(X, ops, 0, rows=64, columns=50)
    squared, ids = tiles.search(X[:100], 12)
    want = ((X[:100, None].astype(np.float64) - X[None]) ** 2).sum(axis=2)
    order = np.lexsort((np.broadcast_to(np.arange(300), want.shape), want))[:, :12]
    np.testing.assert_array_equal(ids[:, :5], order[:, :5])  # its own copies, the lower row first
    np.testing.assert_allclose(squared, np.take_along_axis(want, order, axis=1), rtol=1e-5)
    same = Tiles(np.ones((300, 4), np.float32), ops, 0, rows=64, columns=50)
    squared, ids = same.search(X[:3] * 0 + 1, 9)
    assert not squared.any()
    assert ids.tolist() == [list(range(9))] * 3


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (40, 39), (2100, 2000)])
def test_as_many_as_there_are(ops, n, k):
    X = rows(n, 3)
    graph = on_device(X, k, ops, random_state=0)
    assert graph.indices.shape == (n, k)
    want = true_distances(X, k, "euclidean")
    np.testing.assert_allclose(graph.distances, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("n", "k", "metric", "how", "why"),
    [
        (1000, 90, "manhattan", "cpu", "computed by scikit-learn"),
        (1000, 90, len, "cpu", "computed by scikit-learn"),
        (5000, 2047, "euclidean", "cpu", "more than the 2039"),
        (500_000, 90, "cosine", "tiles", "all pairs of 500000"),
        (500_001, 90, "cosine", "cpu", "pip install cuvs-cu13, or faiss-gpu"),
    ],
)
def test_the_reason_is_told(n, k, metric, how, why):
    said = choose.name_search(n, k, metric_for(metric))
    assert said[0] == how
    assert why in said[1]


@pytest.fixture
def many(monkeypatch):
    """Let 600 rows be too many for all pairs."""
    monkeypatch.setattr(choose, "EXACT_POINTS", 100)


def test_faiss_on_the_gpu(ops, many, monkeypatch, caplog):
    import faiss

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "StandardGpuResources", SimpleNamespace, raising=False)
    handed = []

    def to_gpu(resources, number, index):
        handed.append(number)
        return index

    monkeypatch.setattr(faiss, "index_cpu_to_gpu", to_gpu, raising=False)
    with caplog.at_level(logging.INFO, "gputsne"):
        graph = on_device(rows(), 10, ops, random_state=0, min_recall=0.9)
    assert handed == [0]
    assert graph.source == "faiss-gpu-device"
    assert 0.9 <= graph.recall <= 1.0
    assert "faiss sees 1 GPUs" in caplog.text


@pytest.mark.parametrize("good", [True, False])
def test_cuvs_and_what_it_misses(ops, many, monkeypatch, caplog, good):
    asked = {}

    class Params:
        def __init__(self, **given):
            asked.update(given)

    def build(X, k, params):
        D = ((X[:, None] - X[None]) ** 2).sum(axis=2)
        if not good:  # as if most of the graph were wrong
            D[:, ::2] += 1e6
        return np.argsort(D, axis=1)[:, :k].astype(np.int64), None

    cuvs, found = ModuleType("cuvs"), ModuleType("cuvs.neighbors")
    found.all_neighbors = SimpleNamespace(AllNeighborsParams=Params, build=build)
    found.ivf_pq = SimpleNamespace(IndexParams=lambda: "defaults")
    cuvs.neighbors = found
    monkeypatch.setitem(sys.modules, "cuvs", cuvs)
    monkeypatch.setitem(sys.modules, "cuvs.neighbors", found)
    monkeypatch.setattr(choose, "find_spec", lambda name: True)
    with caplog.at_level(logging.INFO, "gputsne"):
        graph = on_device(rows(), 10, ops, random_state=0)
    assert asked == {"algo": "ivf_pq", "ivf_pq_params": "defaults"}
    assert "cuVS is installed" in caplog.text
    np.testing.assert_allclose(
        graph.distances, true_distances(rows(), 10, "euclidean"), rtol=1e-4, atol=1e-5
    )
    if good:
        assert graph.source == "cuvs-device"
    else:
        assert graph.source.startswith("faiss")
        assert "searching on the CPU" in caplog.text


def test_lists_are_sorted_when_they_fill_up(ops, monkeypatch):
    """Not after every tile: late tiles bring few candidates."""
    X, k = np.random.default_rng(0).normal(size=(6000, 3)).astype(np.float32), 5
    calls = {"append": 0, "sort": 0}
    for name in calls:
        real = getattr(ops, f"select_{name}")

        def counted(*given, name=name, real=real):
            calls[name] += 1
            return real(*given)

        monkeypatch.setattr(ops, f"select_{name}", counted)
    tiles = Tiles(X, ops, 0, rows=64, columns=300)
    squared, _ = tiles.search(X[:64], k)
    want = np.sort(((X[:64, None].astype(np.float64) - X[None]) ** 2).sum(axis=2), axis=1)
    np.testing.assert_allclose(squared, want[:, :k], rtol=1e-5, atol=1e-12)
    assert calls["append"] > 20
    assert calls["sort"] <= 5
