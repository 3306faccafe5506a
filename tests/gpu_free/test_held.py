"""What a fit makes on the GPU stays there until somebody reads it; PCA and lists made there agree.

The references are the CPU's own: gputsne on the native backend, and numpy.
"""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
from gpu_free import lookalike
from gpu_free.test_engine import SETTINGS, X, cuda  # noqa: F401  a fixture

import gputsne
from gputsne import affinities, backends, initial, preparation
from gputsne.backends.cuda import gram, held, lists
from gputsne.backends.cuda.held import HeldAffinities, HeldGraph, HeldRows
from gputsne.base.errors import OverMemory
from gputsne.base.types import Affinities, KNNGraph
from gputsne.neighbors import from_user

EPS = float(np.finfo(np.float32).eps)
P_ARRAYS = ("indptr", "indices", "data")


@pytest.fixture
def ops(cuda):  # noqa: F811
    return backends.choose("cuda").ops


def graph(n=200, k=15):
    return gputsne.knn(X[:n], k)


def test_a_fit_brings_no_edge_to_main_memory(cuda, downloads):  # noqa: F811
    given = graph()
    settings = SETTINGS | {"max_iter": 30, "early_exaggeration_iter": 10, "perplexity": 5.0}
    model = gputsne.TSNE(device="cuda", neighbors=given, init="random", **settings)
    model.fit(X[:200])
    P = model._fit.P
    assert isinstance(P, HeldAffinities)
    assert max(downloads) < min(P.nnz, given.indices.size) * 4
    assert not {*P_ARRAYS} & {*vars(P)}
    csr = P.to_csr()
    assert sum(downloads) > P.nnz * 8
    assert csr.shape == (200, 200)
    assert not P.data.flags.writeable


def test_what_the_gpu_finds_stays_there(cuda, downloads, monkeypatch):  # noqa: F811
    """Neighbours of the fit's own search: neither they nor their distances come down."""
    # rows that tell how widely columns spread; of 2,048 rows and fewer they would be all
    monkeypatch.setattr("gputsne.base.spread.SAMPLE_ROWS", (20, 20))
    settings = SETTINGS | {"max_iter": 3, "early_exaggeration_iter": 1, "perplexity": 5.0}
    model = gputsne.TSNE(device="cuda", init="random", **settings).fit(X[:200])
    assert model._fit.prepared.graph_source == "tiles-device"
    assert max(downloads) < 200 * 15 * 4
    on_cpu = affinities.joint(gputsne.knn(X[:200], 15), perplexity=5.0)
    np.testing.assert_array_equal(model.affinities_.indices, on_cpu.indices)
    np.testing.assert_allclose(model.affinities_.data, on_cpu.data, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine", "correlation"])
def test_distances_are_turned_into_the_metrics_unit_there(ops, metric):
    from gputsne.neighbors import on_device

    found = on_device(X[:200], 15, ops, metric=metric, random_state=0)
    assert isinstance(found, HeldGraph)
    assert found.metric == metric
    want = gputsne.knn(X[:200], 15, metric=metric)
    np.testing.assert_allclose(found.distances, want.distances, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["perplexity", "uniform", "fixed_sigma"])
def test_p_is_that_of_the_cpu_and_is_read_when_asked_for(ops, kind):
    options = {"perplexity": {"perplexity": 5.0}, "uniform": {}, "fixed_sigma": {"sigma": 9.0}}
    lists_ = graph()
    distances = lists_.distances.copy()
    distances[3, 9:], distances[4] = np.inf, np.inf
    lists_ = KNNGraph(lists_.indices, distances)
    P = affinities.joint(lists_, ops, kind=kind, **options[kind])
    want = affinities.joint(lists_, backends.choose("cpu").ops, kind=kind, **options[kind])
    assert (P.n, P.nnz, P.unreached) == (want.n, want.nnz, want.unreached)
    np.testing.assert_array_equal(P.indptr, want.indptr)
    np.testing.assert_array_equal(P.indices, want.indices)
    # entropies agree to 1e-5 nats; weights of one width to the rounding of their sums
    tolerance = 1e-4 if kind == "perplexity" else 4 * EPS
    np.testing.assert_allclose(P.data, want.data, rtol=tolerance, atol=1e-12)


@pytest.mark.parametrize("kind", ["perplexity", "fixed_sigma"])
@pytest.mark.parametrize("bad", [-0.5, np.nan])
def test_a_distance_that_weighs_nothing_is_named_as_on_the_cpu(ops, kind, bad):
    distances = graph().distances.copy()
    distances[7, 3] = bad
    told = []
    for machine in (ops, backends.choose("cpu").ops):
        option = {"perplexity": {"perplexity": 5.0}, "fixed_sigma": {"sigma": 9.0}}[kind]
        with pytest.raises(ValueError, match=r"distances\[7, 3\]=") as error:
            affinities.joint(KNNGraph(graph().indices, distances), machine, kind=kind, **option)
        told.append(str(error.value))
    assert told[0] == told[1]


def test_what_is_held_is_handed_over_copied_and_moved(ops, downloads):
    P = affinities.joint(graph(), ops, perplexity=5.0)
    held = ops.hold(P)
    assert held.data.data.ptr == P.there["data"].data.ptr  # as it is: nobody else can write to it
    assert not [size for size in downloads if size > 64]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = P.nothing
    for other in (pickle.loads(pickle.dumps(P)), copy.deepcopy(P)):
        assert type(other) is Affinities
        for name in P_ARRAYS:
            assert type(getattr(other, name)) is np.ndarray
            np.testing.assert_array_equal(getattr(other, name), getattr(P, name))
    fresh = affinities.joint(graph(), ops, perplexity=5.0)
    assert repr(fresh) == f"HeldAffinities(200, {fresh.nnz})"
    assert not {*P_ARRAYS} & {*vars(fresh)}
    ops.make_room()
    assert not fresh.there
    np.testing.assert_array_equal(fresh.data, P.data)
    again = ops.hold(fresh)  # sent there once more, and checked
    np.testing.assert_array_equal(ops.host(again.data), P.data)


def test_p_of_another_gpu_goes_by_way_of_main_memory(ops):
    with ops.guard(1):
        P = affinities.joint(graph(), ops, perplexity=5.0)
        assert ops.hold(P).data.data.ptr == P.there["data"].data.ptr
    with ops.guard(0):
        assert ops.hold(P).data.data.ptr != P.there["data"].data.ptr


def test_what_is_kept_for_later_gives_way_to_an_order(ops):
    P = affinities.joint(graph(), ops, perplexity=5.0)
    order = np.random.default_rng(0).permutation(P.n).astype(np.int32)
    ops.reorder(P, order)
    assert P.there
    ops.xp.pool.free = 2 * 8 * P.nnz - 1
    ops.reorder(P, order)
    assert not P.there


def test_a_fit_with_too_little_room_moves_what_others_keep(ops, monkeypatch):
    P = affinities.joint(graph(), ops, perplexity=5.0)
    moved = []
    monkeypatch.setattr(type(ops), "make_room", lambda self: moved.append(self))
    settings = SETTINGS | {"max_iter": 3, "early_exaggeration_iter": 1, "perplexity": 5.0}
    gputsne.TSNE(device="cuda", **settings).fit(X[:150])
    assert not moved
    assert P.there
    monkeypatch.setattr(type(ops), "memory", lambda self: (1000, 1 << 40))
    with pytest.raises(OverMemory, match="free there"):
        gputsne.TSNE(device="cuda", **settings).fit(X[:150])
    assert moved


def test_the_held_types_have_the_fields_of_those_they_stand_for(ops):
    given = from_user(graph(), 200, 9, ops=ops)
    P = affinities.joint(given, ops, perplexity=3.0)
    assert (given.n, given.k, given.source) == (200, 9, graph().source)
    for thing in (given, P):
        for field in fields(thing):
            getattr(thing, field.name)


def test_rows_in_main_memory_are_sent_before_they_are_moved(ops):
    """As every operation takes them: a map is numpy's when its field is made for transform."""
    rows = np.random.default_rng(4).normal(size=(31, 2)).astype(np.float32)
    order = np.random.default_rng(5).permutation(31).astype(np.int32)
    there = ops.xp.asarray(order)
    np.testing.assert_array_equal(ops.host(ops.take(rows, step=4)), rows[::4])
    np.testing.assert_array_equal(ops.host(ops.take(rows, there)), rows[order])
    back = np.empty_like(rows)
    back[order] = rows
    np.testing.assert_array_equal(ops.host(ops.scatter(rows, there)), back)


# Lists that the user brings


def hostile_lists():
    """Return what a user may bring, and what is wrong with it."""
    near = graph()
    ids, distances = near.indices.astype(np.int64), near.distances.astype(np.float64)

    def changed(i, j, value, where="ids"):
        arrays = {"ids": ids.copy(), "distances": distances.copy()}
        arrays[where][i, j] = value
        return arrays["ids"], arrays["distances"]

    return {
        "beyond": changed(150, 3, 200),
        "not found": changed(11, 14, -1),
        "far beyond": changed(11, 14, 2**62),
        "twice": changed(31, 4, ids[31, 9]),
        "negative": changed(12, 2, -1.0, "distances"),
        "nan": changed(12, 2, np.nan, "distances"),
        "too long": changed(12, 14, 1e300, "distances"),
        "minus infinity": changed(12, 2, -np.inf, "distances"),
        "alone": changed([5, 9, 44], slice(None), np.inf, "distances"),
        "unsigned": (ids.astype(np.uint64) + np.uint64(2**63), distances),
        "too short": (ids[:, :8], distances[:, :8]),
        "empty": (ids[:, :0], distances[:, :0]),
    }


@pytest.mark.parametrize("what", hostile_lists())
def test_lists_that_can_not_be_are_told_in_the_words_of_the_cpu(ops, what):
    told = []
    for machine in (ops, None):
        with pytest.raises(ValueError, match="neighbors: ") as error:
            from_user(hostile_lists()[what], 200, 9, ops=machine)
        told.append(str(error.value))
    assert told[0] == told[1]


@pytest.mark.parametrize("ids", [np.int32, np.int64, np.uint16, np.uint64])
@pytest.mark.parametrize("distances", [np.float32, np.float64, np.float16, np.int8])
def test_lists_of_any_type_are_sorted_as_by_the_cpu(ops, monkeypatch, ids, distances):
    monkeypatch.setattr(lists, "SCRATCH_NUMBERS", 1000)  # several blocks of rows
    near = graph()
    shuffled = np.random.default_rng(1).permutation(15)
    given = near.indices[:, shuffled].astype(ids), near.distances[:, shuffled].astype(distances)
    got, want = (from_user(given, 200, 12, ops=machine) for machine in (ops, None))
    assert isinstance(got, HeldGraph)
    np.testing.assert_array_equal(got.indices, want.indices)
    np.testing.assert_array_equal(got.distances, want.distances)


def test_lists_on_the_device_are_not_sent_down(ops, downloads, monkeypatch):
    near = graph()
    monkeypatch.setattr(lookalike.Array, "__cuda_array_interface__", {"version": 3}, raising=False)
    given = ops.xp.asarray(near.indices), ops.xp.asarray(near.distances)
    got = from_user(given, 200, ops=ops)
    assert max(downloads) <= 48
    np.testing.assert_array_equal(got.indices, from_user(near, 200).indices)
    assert pickle.loads(pickle.dumps(got)).source == "user"


# PCA


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("resident", [True, False])
def test_pca_is_that_of_the_cpu_to_float32_rounding(ops, monkeypatch, dtype, resident):
    rng = np.random.default_rng(2)
    data = np.abs(rng.normal(size=(350, 70)) * np.linspace(5, 1, 70) * 9 + 60).astype(dtype)
    monkeypatch.setattr(gram, "BLOCK_NUMBERS", 7000)  # several blocks of rows
    if not resident:
        ops.xp.pool.free = 0
    got, learned = preparation.prepare(data, pca=8, ops=ops)
    want, _ = preparation.prepare(data, pca=8)
    # Both are float64 to the last but one step; the axes' errors are eps64 over the gaps.
    np.testing.assert_allclose(got, want, atol=4 * EPS * np.abs(want).max())
    np.testing.assert_array_equal(learned.apply(data, ops), got)
    start, plain = (initial.initial(data.astype(np.float32), None, random_state=0, ops=machine)
                    for machine in (ops, None))  # fmt: skip
    np.testing.assert_allclose(start, plain, atol=4 * EPS * np.abs(plain).max())
    again, _ = preparation.prepare(data, pca=8, ops=ops)
    assert np.asarray(again).tobytes() == np.asarray(got).tobytes()


def test_pca_of_scaled_and_missing_values(ops):
    rng = np.random.default_rng(3)
    data = rng.normal(size=(200, 12)) * np.geomspace(1e-3, 1e3, 12)
    data[::9, 4] = np.nan
    for how in ({"scale": True}, {"scale": False}):
        got, want = (
            preparation.prepare(data, pca=4, impute="mean", ops=machine, units_matter=False, **how)[
                0
            ]
            for machine in (ops, None)
        )
        np.testing.assert_allclose(got, want, atol=4 * EPS * np.abs(want).max())


def test_the_first_map_of_fewer_axes_than_asked_for(ops):
    line = np.linspace(0, 1, 50, dtype=np.float32)[:, None] * np.ones((1, 5), np.float32)
    for data in (line, np.ones((50, 5), np.float32), line[:1]):
        got, want = (
            initial.initial(data, None, n_components=3, random_state=0, ops=machine)
            for machine in (ops, None)
        )
        np.testing.assert_allclose(got, want, atol=4e-7 * np.abs(want).max())


def test_the_cpu_adds_up_what_is_too_wide_sparse_or_empty(ops):
    from scipy import sparse

    assert ops.row_sums(np.ones((3, gram.MOST_COLUMNS + 1))) is None
    assert ops.row_sums(np.ones((0, 3))) is None
    assert ops.row_sums(sparse.eye(3).tocsr()) is None


# Other threads


def test_what_another_thread_moves_between_two_looks_is_read_all_the_same(ops, monkeypatch):
    """``spill`` may come after an attribute was not found, or after ``there`` was seen."""
    P = affinities.joint(graph(), ops, perplexity=5.0)
    want = ops.host(P.there["data"])
    miss = type(P).__getattr__  # is called where an attribute was not found
    P.spill()
    np.testing.assert_array_equal(miss(P, "data"), want)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        miss(P, "nothing")

    P = affinities.joint(graph(), ops, perplexity=5.0)
    there_on = type(P).there_on

    def moved_after(self, gpu):
        there = there_on(self, gpu)
        self.spill()
        return there

    monkeypatch.setattr(HeldAffinities, "there_on", moved_after)
    np.testing.assert_array_equal(ops.host(ops.hold(P).data), want)
    monkeypatch.setattr(HeldGraph, "there_on", moved_after)
    given = from_user(graph(), 200, ops=ops)
    np.testing.assert_array_equal(ops.host(ops.lengths(given)), graph().distances)
    monkeypatch.setattr(HeldRows, "there_on", moved_after)
    there = ops.sent_rows(X[:20])
    rows, _ = there.prepared(None, None, None, 1.0)
    rows.spill()
    assert not there.all_equal(rows)
    again = ops.given_rows(there.prepared(None, None, None, 1.0)[0])
    np.testing.assert_array_equal(ops.host(again.array), X[:20])


def test_things_are_kept_and_moved_by_threads_at_once():
    """A set that one thread goes through must not grow by another."""

    class Thing:
        def spill(self):
            pass

    before, things, stop, faults = sys.getswitchinterval(), [], threading.Event(), []

    def keeps():
        while not stop.is_set():
            things.append(Thing())
            held.keep(things[-1])

    thread = threading.Thread(target=keeps)
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        while len(things) < 3000:
            held.spill()
    except RuntimeError as error:
        faults.append(str(error))
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(before)
    assert not faults


def test_what_is_held_was_waited_for(ops, monkeypatch):
    """Others read it on streams of their own, which don't wait for that of the fit."""
    waited = []
    stream = SimpleNamespace(ptr=0, synchronize=lambda: waited.append(1))
    monkeypatch.setattr(ops.xp.cuda, "get_current_stream", lambda: stream)
    from gputsne.neighbors import on_device

    found = on_device(X[:150], 9, ops, random_state=0)
    given = from_user(graph(), 200, ops=ops)
    before = len(waited)
    assert before == 2, (found, given)
    affinities.joint(given, ops, perplexity=3.0)
    assert len(waited) == before + 1
