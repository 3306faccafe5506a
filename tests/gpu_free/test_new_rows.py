"""Ring 2: transform searches on the GPU, each row on its own, in rows that stay there.

The references are brute force in float32 and the CPU's index; bytes that come down are counted.
"""

from __future__ import annotations

import logging
import pickle

import numpy as np
import pytest
from gpu_free import lookalike
from gpu_free.brute_force import brute, many, rows
from gpu_free.test_engine import X, cuda  # noqa: F401  a fixture

import gputsne
from gputsne import backends
from gputsne.neighbors import ReferenceIndex, choose, device_index
from gputsne.neighbors.metric import metric_for

SHORT = {"perplexity": 5.0, "max_iter": 12, "early_exaggeration_iter": 5, "random_state": 0}


def found(index, Q, k, ops, **how):
    """Return ids and distances of all blocks, in main memory."""
    parts = [
        [a if type(a) is np.ndarray else ops.host(a) for a in block]
        for block in index.found(Q, k, ops, **how)
    ]
    ids, lengths = zip(*parts, strict=True)
    return np.concatenate(ids), np.concatenate(lengths)


def queries(data, m=150):
    """Rows that were fitted, copies of them among these, and rows between."""
    rng = np.random.default_rng(7)
    between = data[rng.integers(0, len(data), m)] + rng.normal(size=(m, data.shape[1]))
    return np.concatenate([data[:20], data[:20], between.astype(np.float32)])


@pytest.mark.parametrize("d", [3, 12])
@pytest.mark.parametrize("k", [1, 15, 300])
def test_the_nearest_are_those_of_brute_force_to_the_bit(ops, k, d):
    data = rows(300, d)
    data[150:170] = data[:20]  # the lower of two equals comes first
    Q = queries(data)
    ids, lengths = found(ReferenceIndex(data, random_state=0), Q, k, ops)
    squared, want = brute(Q, data, k)
    np.testing.assert_array_equal(ids, want)
    np.testing.assert_array_equal(lengths, np.sqrt(squared))


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine", "correlation"])
def test_metrics_have_their_own_unit(ops, metric):
    data = rows(300)
    Q = queries(data)
    index = ReferenceIndex(data, metric=metric, random_state=0)
    ids, lengths = found(index, Q, 9, ops)
    known = metric_for(metric)
    squared, want = brute(known.query_vectors(Q), known.to_vectors(data), 9)
    np.testing.assert_array_equal(ids, want)
    np.testing.assert_array_equal(lengths, known.to_distances(squared))


def test_the_inner_product_finds_the_largest(ops):
    data = rows(300)
    Q = queries(data)
    ids, lengths = found(ReferenceIndex(data, metric="inner_product"), Q, 5, ops)
    products = Q.astype(np.float64) @ data.T.astype(np.float64)
    best = np.sort(products, axis=1)[:, ::-1][:, :5]
    # the rows' squares are up to 2e4, and float32 rounds their sums
    np.testing.assert_allclose(np.take_along_axis(products, ids.astype(int), 1), best, atol=0.05)
    assert (np.diff(lengths, axis=1) >= 0).all()


def test_a_row_does_not_depend_on_its_batch(ops, monkeypatch):
    data = many(700)
    Q = queries(data)
    want = found(ReferenceIndex(data, random_state=0), Q, 12, ops)
    index = ReferenceIndex(data, random_state=0)
    for part in (slice(0, 1), slice(1, 130), slice(130, None)):
        for a, b in zip(found(index, Q[part], 12, ops), want, strict=True):
            np.testing.assert_array_equal(a, b[part])
    order = np.random.default_rng(0).permutation(len(Q))
    monkeypatch.setattr(choose, "OUTPUT", 0.0)  # blocks of one tile
    turned = found(ReferenceIndex(data, random_state=0), Q[order], 12, ops)
    assert len(list(index.found(Q, 11, ops))) == 2
    for a, b in zip(turned, want, strict=True):
        np.testing.assert_array_equal(a, b[order])


def test_cells_serve_every_k_and_keep_the_recall(ops, monkeypatch, caplog):
    monkeypatch.setattr(choose, "CELLS_FROM", 500)
    monkeypatch.setattr("gputsne.neighbors.search.cells.FEWEST", 60)
    data = many(1500)
    Q = queries(data, 300)
    index = ReferenceIndex(data, random_state=0, min_recall=0.9)
    with caplog.at_level(logging.INFO, "gputsne"):
        few = found(index, Q, 3, ops)
        more = found(index, Q, 10, ops)
        again = found(index, Q, 3, ops)
    assert "neighbours of new rows by cells: 1500 points" in caplog.text
    assert caplog.text.count("25 cells, each compared with") == 2
    assert index._device is not None
    held = {id(chosen.search) for chosen in index._device._chosen.values()}
    assert len(held) == 1  # the rows are there once
    for a, b in zip(few, again, strict=True):
        np.testing.assert_array_equal(a, b)
    fresh = found(ReferenceIndex(data, random_state=0, min_recall=0.9), Q, 10, ops)
    for a, b in zip(more, fresh, strict=True):
        np.testing.assert_array_equal(a, b)
    for (ids, lengths), k in ((few, 3), (more, 10)):
        squared, _ = brute(Q, data, k)
        hit = lengths <= np.sqrt(squared[:, -1:]) * (1 + 1e-6)
        assert hit[20:].mean() > 0.85  # measured on fitted rows; new ones lie between
        assert (np.sort(ids, axis=1)[:, 1:] > np.sort(ids, axis=1)[:, :-1]).all()
        alone = [found(index, q[None], k, ops) for q in Q[::40]]
        np.testing.assert_array_equal(np.concatenate([a for a, _ in alone]), ids[::40])


def test_rows_that_do_not_fit_come_in_blocks(ops, caplog):
    data = rows(400)
    Q = queries(data)
    ops.xp.pool.free = 20_000
    with caplog.at_level(logging.INFO, "gputsne"):
        ids, lengths = found(ReferenceIndex(data, random_state=0), Q, 6, ops)
    assert "rows there at a time" in caplog.text
    squared, want = brute(Q, data, 6)
    np.testing.assert_array_equal(ids, want)
    np.testing.assert_array_equal(lengths, np.sqrt(squared))


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "inner_product"])
def test_rows_too_far_for_float32_find_what_the_cpu_finds(ops, metric):
    data = rows(300)
    Q = queries(data)
    Q[5], Q[9], Q[30] = 1e9, 1e25, -3e38
    want = ReferenceIndex(data, metric=metric, random_state=0).query(Q, 4)
    ids, lengths = found(ReferenceIndex(data, metric=metric, random_state=0), Q, 4, ops)
    np.testing.assert_array_equal(ids[[5, 9, 30]], want[0][[5, 9, 30]])
    np.testing.assert_allclose(lengths, want[1], rtol=1e-5, atol=1e-2)


def test_extreme_rows_are_scaled_as_on_the_cpu(ops):
    data = rows(300) * np.float32(1e-30)
    Q = queries(rows(300)) * np.float32(1e-30)
    ids, lengths = found(ReferenceIndex(data, random_state=0), Q, 4, ops)
    want = ReferenceIndex(data, random_state=0).query(Q, 4)
    # FAISS breaks ties as they come
    np.testing.assert_allclose(lengths, want[1], rtol=1e-6)
    assert (ids == want[0]).mean() > 0.9


@pytest.mark.parametrize(
    ("how", "metric", "why"),
    [
        ({"by": "faiss"}, "euclidean", "by cpu: 'faiss' was asked for"),
        ({"by": "cuvs"}, "euclidean", "by cpu: 'cuvs' was asked for"),
        ({}, "manhattan", "by cpu: metric='manhattan' is computed by scikit-learn"),
    ],
)
def test_the_cpu_searches_where_it_must(ops, caplog, how, metric, why):
    data = rows(300)
    index = ReferenceIndex(data, metric=metric, random_state=0)
    with caplog.at_level(logging.INFO, "gputsne"):
        (got,) = list(index.found(data[:30], 4, ops, **how))
        list(index.found(data[:30], 4, ops, **how))
    assert caplog.text.count(f"neighbours of new rows {why}") == 1
    assert index._device is None
    for a, b in zip(got, index.query(data[:30], 4), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_wrong_is_said_as_on_the_cpu(ops):
    data = rows(300)
    index = ReferenceIndex(data)
    bad = data[:4].copy()
    bad[1, 0] = np.nan
    for Q, k in ((bad, 3), (data[:, :5], 3), (data[:3], 0), (data[:3], 301)):
        told = []
        for call in (lambda: index.query(Q, k), lambda: list(index.found(Q, k, ops))):  # noqa: B023
            with pytest.raises(ValueError, match=r"X|k=") as error:
                call()
            told.append(str(error.value))
        assert told[0] == told[1]


def fitted(**how):
    settings = SHORT | {"method": "mesh", "device": "cuda", **how}
    return gputsne.TSNE(**settings).fit(X[:200])


def test_transform_brings_down_the_places_alone(cuda, downloads):  # noqa: F811
    model = fitted()
    model.transform(X[300:310])
    downloads.clear()
    new = X[200:330]
    Y = model.transform(new)
    # the map of 130 rows, and a few counters; ids and distances of 15 neighbours are 15 kB
    assert max(downloads) == Y.nbytes
    assert sum(downloads) < Y.nbytes + 500
    cpu = pickle.loads(pickle.dumps(model.fitted_map_))
    object.__setattr__(cpu, "device", "cpu")
    # placement's own minima are found to 1e-3 map units in float32
    np.testing.assert_allclose(cpu.transform(new), Y, atol=2e-2)
    for part in (slice(0, 1), slice(1, 70)):
        np.testing.assert_array_equal(model.transform(new[part]), Y[part])


def test_a_fit_by_faiss_has_faiss_place_new_rows(cuda, caplog):  # noqa: F811
    model = fitted(neighbors="faiss")
    assert model.fitted_map_.neighbors == "faiss"
    with caplog.at_level(logging.INFO, "gputsne"):
        model.transform(X[300:310])
    assert "neighbours of new rows by cpu: 'faiss' was asked for" in caplog.text
    assert fitted(neighbors=gputsne.knn(X[:200], 15)).fitted_map_.neighbors == "auto"


def test_a_loaded_model_searches_there(cuda, tmp_path, caplog):  # noqa: F811
    model = fitted()
    model.save(tmp_path / "model.npz")
    again = gputsne.load(tmp_path / "model.npz", device="cuda")
    with caplog.at_level(logging.INFO, "gputsne"):
        np.testing.assert_array_equal(again.transform(X[300:340]), model.transform(X[300:340]))
    assert caplog.text.count("neighbours of new rows by tiles: all pairs of 200 points") == 2


def test_rows_give_way_to_a_fit_and_come_back(cuda, monkeypatch):  # noqa: F811
    model = fitted()
    Y = model.transform(X[300:320])
    kept = model.fitted_map_._lazy.index._device
    assert kept._chosen
    backends.choose("cuda").ops.make_room()
    assert not kept._chosen
    np.testing.assert_array_equal(model.transform(X[300:320]), Y)
    # once more where the memory runs out in the middle of a search
    real, calls = device_index.DeviceRows.nearest, []

    def short(self, *given, **how):
        calls.append(self)
        if len(calls) == 1:
            raise lookalike.OutOfMemory("no block")
        return real(self, *given, **how)

    monkeypatch.setattr(device_index.DeviceRows, "nearest", short)
    np.testing.assert_array_equal(model.transform(X[300:320]), Y)
    assert len({*map(id, calls)}) == 2


def test_what_is_kept_there_is_not_pickled(cuda):  # noqa: F811
    model = fitted()
    before = len(pickle.dumps(model.fitted_map_))
    Y = model.transform(X[300:320])
    packed = pickle.dumps(model.fitted_map_)
    assert len(packed) == before
    np.testing.assert_array_equal(pickle.loads(packed).transform(X[300:320]), Y)
    index = pickle.loads(pickle.dumps(model.fitted_map_._lazy.index))
    assert index._device is None


def test_a_forked_process_neither_uses_nor_frees_it(ops):
    index = ReferenceIndex(rows(300), random_state=0)
    list(index.found(rows(300)[:5], 3, ops))
    kept = index._device
    chosen = kept._chosen
    device_index._leave_to_parent()  # as a forked process does first of all
    try:
        assert not kept._chosen
        assert any(held is chosen for held in device_index._OUT_OF_REACH)
    finally:
        device_index._OUT_OF_REACH.clear()
