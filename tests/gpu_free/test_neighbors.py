"""The neighbours that the device finds are the true ones: on emulated kernels, and by libraries.

The reference is brute force: of scikit-learn in float64, and in float32 by the same steps, which
must agree to the bit. faiss-gpu and cuVS are stood in for: an index of the CPU where FAISS would
hand one to the GPU, and all pairs where cuVS would search.
"""

from __future__ import annotations

import logging
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from gpu_free.brute_force import brute, many, rows, same, true_distances
from gpu_free.test_engine import cuda  # noqa: F401  a fixture

import gputsne
from gputsne.neighbors import choose, metric_for, on_device
from gputsne.neighbors.choose import Wish
from gputsne.neighbors.search.device_rows import DeviceRows


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "inner_product"])
@pytest.mark.parametrize("resident", [True, False])
def test_all_pairs_are_exact(ops, metric, resident):
    X, k = rows() + np.float32(metric == "euclidean") * 1000, 15  # far from 0 products would cancel
    if not resident:
        ops.xp.pool.free = 100_000  # X goes there in blocks
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


@pytest.mark.parametrize(
    ("n", "d", "k", "kind"),
    [
        (1, 1, 1, "one"),
        (2, 3, 1, "normal"),
        (40, 7, 39, "normal"),
        (300, 5, 200, "normal"),
        (257, 33, 5, "integers"),
        (300, 4, 12, "copies"),
        (300, 4, 9, "equal"),
        (500, 9, 20, "tight"),
        (260, 17, 10, "far"),
        (260, 17, 10, "huge"),
        (1050, 2, 1000, "normal"),
    ],
)
def test_neighbours_are_those_of_brute_force_to_the_bit(ops, emulated, n, d, k, kind):
    rng = np.random.default_rng(n + d)
    X = {
        "one": lambda: np.full((1, 1), 7.0),
        "normal": lambda: rng.normal(size=(n, d)),
        "integers": lambda: rng.integers(0, 3, (n, d)),
        "copies": lambda: np.repeat(rng.normal(size=(n // 5, d)), 5, axis=0),
        "equal": lambda: np.ones((n, d)),
        # clusters so far apart for their width that products can't tell their members
        "tight": lambda: (
            rng.normal(size=(5, d))[rng.integers(0, 5, n)] + rng.normal(0, 1e-4, (n, d))
        ),
        "far": lambda: rng.normal(size=(n, d)) + 1e5,
        "huge": lambda: rng.normal(size=(n, d)) * 2.0**39,
    }[kind]().astype(np.float32)
    for seed in (0, 1) if n < 1000 else (0,):
        emulated.shuffle(seed)
        search = DeviceRows(X, ops, seed)
        if n > 1:
            same(search.nearest(None, k), brute(X, X, k, np.arange(n)))
        same(search.nearest(X[:50], min(k, n)), brute(X[:50], X, min(k, n)))
    assert (search.again > 0) == (kind in ("tight", "equal")) or kind == "integers"


@pytest.mark.parametrize("seed", range(8))
def test_distances_are_those_of_float64(ops, emulated, seed):
    """Any size, any number of columns, more neighbours than half of the rows, ties or none."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(2, 300)), int(rng.integers(1, 40))
    k = int(rng.integers(1, n))
    X = rng.normal(size=(n, d)) * 10.0 ** rng.integers(-3, 4, d)
    X = (np.round(X) if seed % 2 else X).astype(np.float32)
    emulated.shuffle(seed)
    squared, ids = DeviceRows(X, ops, seed).others(None, k, None)
    D = ((X[:, None].astype(np.float64) - X) ** 2).sum(axis=2)
    assert (np.sort(ids, axis=1)[:, 1:] > np.sort(ids, axis=1)[:, :-1]).all()  # each once
    mine = np.take_along_axis(D, ids, axis=1)
    np.fill_diagonal(D, np.inf)
    want = np.sort(D, axis=1)[:, :k]
    rounding = (d + 2) * 2.0**-24  # of a sum of d squares, one rounding each
    np.testing.assert_allclose(squared, mine, rtol=rounding, atol=1e-37)
    np.testing.assert_allclose(mine, want, rtol=2 * rounding, atol=1e-37)


def test_rows_are_searched_again_and_again(ops):
    """Built once; a query's neighbours don't depend on its batch, nor on what else was asked."""
    X, Q = rows(400, 9), rows(150, 9, seed=5)
    search = DeviceRows(X, ops, 0, list_bytes=1)  # one tile of queries at a time
    want = brute(Q, X, 6)
    same(search.nearest(Q, 6), want)
    same(search.nearest(ops.xp.asarray(Q[7:9]), 6), [a[7:9] for a in want])
    same(search.nearest(Q, 300), brute(Q, X, 300))
    squared, ids = search.search(Q, 6, np.empty(0, np.int64))
    np.testing.assert_array_equal(ids, want[1])
    assert type(squared) is np.ndarray
    there = DeviceRows(ops.xp.asarray(X), ops, 0)  # rows that lie on the device already
    same(there.nearest(Q, 6), want)
    far = np.full((1, 9), 3e38, np.float32)  # float32 can't hold its distances
    squared, ids = (a.get() for a in search.nearest(far, 2))
    assert np.isinf(squared).all()
    assert (ids == -1).all()


def test_lists_that_run_over(ops, monkeypatch):
    """Rows in the worst order: each pass brings nearer ones than all before."""
    X = np.linspace(10, 0, 2000, dtype=np.float32)[:, None]
    monkeypatch.setattr(
        np.random, "default_rng", lambda _: type("", (), {"permutation": np.arange})
    )
    search = DeviceRows(X, ops, 0)
    ran_over = []
    keep = ops.neighbors.keep

    def watched(*given):
        over = keep(*given)
        ran_over.append(int(over.get()[0]))
        return over

    monkeypatch.setattr(ops.neighbors, "keep", watched)
    Q = np.zeros((3, 1), np.float32)
    same(search.nearest(Q, 5), brute(Q, X, 5))
    assert max(ran_over) == 3


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (40, 39)])
def test_as_many_as_there_are(ops, n, k):
    X = rows(n, 3)
    graph = on_device(X, k, ops, random_state=0)
    assert graph.indices.shape == (n, k)
    want = true_distances(X, k, "euclidean")
    np.testing.assert_allclose(graph.distances, want, rtol=1e-4, atol=1e-5)


def test_more_copies_than_neighbours(ops):
    """They are linked, not searched for; the others see k of them."""
    X = rows(150, 5)
    X[20:100] = X[20]
    graph = on_device(X, 7, ops, random_state=0)
    want = gputsne.knn(X, 7, random_state=0)
    np.testing.assert_array_equal(graph.indices, want.indices)
    np.testing.assert_allclose(graph.distances, want.distances, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("n", "k", "metric", "least", "how", "why"),
    [
        (1000, 90, "manhattan", 0.98, "cpu", "computed by scikit-learn"),
        (1000, 90, len, 0.98, "cpu", "computed by scikit-learn"),
        (9000, 8184, "euclidean", 0.98, "cpu", "more than the 8183"),
        (199_999, 1000, "cosine", 0.98, "tiles", "all pairs of 199999"),
        (200_000, 90, "cosine", 1.0, "tiles", "every neighbour is asked for"),
        (200_000, 90, "cosine", 0.98, "cells", "a recall of 0.98 is enough"),
    ],
)
def test_the_reason_is_told(n, k, metric, least, how, why):
    said = choose.name_search(n, k, metric_for(metric), Wish("auto", least))
    assert said[0] == how
    assert why in said[1]


@pytest.mark.parametrize(
    ("by", "metric", "why"),
    [
        ("faiss-gpu", "euclidean", "faiss is built without GPUs"),
        ("cuvs", "euclidean", "cuVS is missing: pip install cuvs-cu13"),
        ("cuvs", "inner_product", "can't search by metric='inner_product'"),
        (
            "raft",
            "euclidean",
            "neighbors='raft' is no graph, and none of 'faiss', 'faiss-gpu', 'cuvs'",
        ),
    ],
)
def test_a_library_that_is_not_there_is_named(ops, by, metric, why):
    with pytest.raises(ValueError, match=why):
        on_device(rows(), 5, ops, by=by, metric=metric)


def test_the_log_says_what_searched(ops, monkeypatch, caplog):
    monkeypatch.setattr(choose, "CELLS_FROM", 500)
    monkeypatch.setattr("gputsne.neighbors.search.cells.FEWEST", 60)
    with caplog.at_level(logging.INFO, "gputsne"):
        graph = on_device(many(1500), 10, ops, random_state=0, min_recall=0.9)
    assert graph.source == "cells-device"
    assert 0.9 <= graph.recall <= 1.0
    assert "neighbours by cells: 1500 points" in caplog.text
    assert "25 cells, each compared with" in caplog.text
    with caplog.at_level(logging.INFO, "gputsne"):
        graph = on_device(many(600), 10, ops, random_state=0, by="faiss")
    assert graph.source.startswith("faiss")
    assert "'faiss' was asked for" in caplog.text


def test_faiss_on_the_gpu(ops, monkeypatch, caplog):
    import faiss

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "StandardGpuResources", SimpleNamespace, raising=False)
    handed = []

    def to_gpu(resources, number, index):
        handed.append(number)
        return index

    monkeypatch.setattr(faiss, "index_cpu_to_gpu", to_gpu, raising=False)
    with caplog.at_level(logging.INFO, "gputsne"):
        graph = on_device(rows(), 10, ops, random_state=0, min_recall=0.9, by="faiss-gpu")
    assert handed == [0]
    assert graph.source == "faiss-gpu-device"
    assert 0.9 <= graph.recall <= 1.0
    assert "'faiss-gpu' was asked for" in caplog.text


@pytest.mark.parametrize("good", [True, False])
def test_cuvs_and_what_it_misses(ops, monkeypatch, caplog, good):
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
        graph = on_device(rows(), 10, ops, random_state=0, by="cuvs")
    assert asked == {"algo": "ivf_pq", "ivf_pq_params": "defaults"}
    assert "'cuvs' was asked for" in caplog.text
    np.testing.assert_allclose(
        graph.distances, true_distances(rows(), 10, "euclidean"), rtol=1e-4, atol=1e-5
    )
    if good:
        assert graph.source == "cuvs-device"
    else:
        assert graph.source.startswith("faiss")
        assert "searching on the CPU" in caplog.text


def test_a_fit_can_ask_for_a_library(cuda):  # noqa: F811
    settings = {"perplexity": 5, "max_iter": 3, "random_state": 0}
    model = gputsne.TSNE(device="cuda", neighbors="faiss", **settings).fit(rows(120))
    assert model._fit.prepared.graph_source == "faiss-flat"
    with pytest.raises(ValueError, match="neighbors='raft' is no graph, and none of"):
        gputsne.TSNE(device="cuda", neighbors="raft", **settings).fit(rows(120))
    gputsne.TSNE(device="cpu", neighbors="faiss", **settings).fit(rows(120))
    with pytest.raises(ValueError, match=r"neighbors='cuvs' is no graph.*device='cpu'"):
        gputsne.TSNE(device="cpu", neighbors="cuvs", **settings).fit(rows(120))
