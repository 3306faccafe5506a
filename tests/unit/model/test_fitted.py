"""The frozen map of a fit: threads, forks and pickles get its bytes, and nobody can change it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import gputsne
from gputsne import TSNE
from gputsne.base import threads
from gputsne.base.threads import resolve_n_jobs
from gputsne.model.fitted import FittedMap
from gputsne.plotting.caption import caption_of

DATA = gputsne.datasets.make_blobs_hd(1200, d=8, clusters=6, random_state=0)
X, NEW = DATA.X[:1000].astype(np.float32), DATA.X[1000:].astype(np.float32)
QUICK = {"max_iter": 300, "perplexity": 10.0, "random_state": 0, "method": "mesh"}


@pytest.fixture(scope="module")
def model():
    return TSNE(**QUICK).fit(X)


@pytest.fixture(scope="module")
def placed(model):
    return model.transform(NEW)


def at_once(work, items):
    """Call ``work`` on all items in as many threads, which start together."""
    gate = threading.Barrier(len(items))

    def one(item):
        gate.wait()
        return work(item)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns inside what was one breath
    try:
        with ThreadPoolExecutor(len(items)) as pool:
            return list(pool.map(one, items))
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize("source", ["file", "pickle", "refit"])
def test_first_transforms_in_eight_threads_are_those_of_one(model, placed, source, tmp_path):
    for _ in range(3):
        if source == "file":
            model.save(tmp_path / "m.npz")
            fresh = gputsne.load(tmp_path / "m.npz")
        else:
            fresh = pickle.loads(pickle.dumps(model)) if source == "pickle" else model
        if source == "refit":
            fresh = TSNE(**QUICK).fit(X)
        parts = np.array_split(NEW, 8)
        got = at_once(fresh.transform, parts)
        np.testing.assert_array_equal(np.concatenate(got), placed)
        np.testing.assert_array_equal(fresh.transform(NEW), placed)  # and is not spoilt for later


def test_other_neighbours_in_other_threads_are_each_right(model, placed):
    wanted = [3.0, 5.0, 8.0, 20.0] * 2
    want = {p: model.transform(NEW, perplexity=p) for p in set(wanted)}
    fresh = pickle.loads(pickle.dumps(model.fitted_map_))
    got = at_once(lambda p: fresh.transform(NEW, perplexity=p), wanted)
    for p, Y in zip(wanted, got, strict=True):
        np.testing.assert_array_equal(Y, want[p])


def test_lists_are_searched_with_each_callers_depth():
    """Above some 15,000 rows the index keeps lists, and how many are visited depends on k."""
    rows = gputsne.datasets.make_blobs_hd(3000, d=6, clusters=10, random_state=0).X
    from gputsne.neighbors import ReferenceIndex

    index = ReferenceIndex(rows, exact=False, random_state=0, min_recall=0.9)
    ks = [1, 40]
    for k in ks:
        index.query(rows[:0], k)
    want = {k: index.query(rows, k) for k in ks}
    for k, got in zip(ks * 4, at_once(lambda k: index.query(rows, k), ks * 4), strict=True):
        np.testing.assert_array_equal(got[0], want[k][0])


def test_transform_beside_optimize(placed):
    model = TSNE(**QUICK).fit(X)
    frozen = model.fitted_map_
    moved = pickle.loads(pickle.dumps(model)).optimize(60).embedding_

    def work(which):
        return model.optimize(60).embedding_ if which == 0 else frozen.transform(NEW)

    got = at_once(work, range(4))
    np.testing.assert_array_equal(got[0], moved)
    for Y in got[1:]:
        np.testing.assert_array_equal(Y, placed)
    np.testing.assert_array_equal(frozen.transform(NEW), placed)
    assert not np.array_equal(model.transform(NEW), placed), "the model itself has gone on"


LOCKS = {
    "map": lambda fitted: fitted._lazy.locked(),
    "index": lambda fitted: fitted._lazy.index._lock.held(),
    "threads": lambda fitted: threads._lock.held(),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_that_is_held_while_the_process_forks_hinders_nobody(model, placed, lock):
    fresh = pickle.loads(pickle.dumps(model.fitted_map_))
    fresh.transform(NEW[:1], n_neighbors=40)  # makes the index, which then builds for another k
    results = multiprocessing.get_context("fork").Queue()
    held, done = threading.Event(), threading.Event()

    def hold():
        with LOCKS[lock](fresh):
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()

    def child():
        results.put(fresh.transform(NEW[:5], n_jobs=1))

    process = multiprocessing.get_context("fork").Process(target=child)
    try:
        process.start()
        got = results.get(timeout=60)
    finally:
        done.set()
        holder.join()
        process.join(10)
        process.kill()
    np.testing.assert_array_equal(got, placed[:5])


def test_a_worker_gets_the_map_alone(model, placed):
    frozen = model.fitted_map_
    written = pickle.dumps(frozen)
    # rows and map, 10 float32 per row, and little beside: no P, no velocity, no index
    assert len(written) < 40 * len(X) + 10_000
    assert len(written) < len(pickle.dumps(model)) / 3
    twin = pickle.loads(written)
    assert isinstance(twin, FittedMap)
    np.testing.assert_array_equal(twin.transform(NEW), placed)
    with pytest.raises(AttributeError):
        frozen.dof = 2.0
    for array in (frozen.rows, frozen.Y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_callers_arrays_are_not_the_models(model, placed, tmp_path):
    buffer = X.copy()
    mine = TSNE(**QUICK).fit(buffer)
    buffer[:] = 0
    Y = mine.embedding_
    Y -= Y.min(axis=0)
    np.testing.assert_array_equal(mine.transform(NEW), placed)
    mine.save(tmp_path / "m.npz")
    again = gputsne.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.embedding_, model.embedding_)
    np.testing.assert_array_equal(again.transform(NEW), placed)
    whole = TSNE(**QUICK | {"max_iter": 330}).fit(X)
    np.testing.assert_array_equal(mine.optimize(30).embedding_, whole.embedding_)


@pytest.mark.parametrize("schedule", ["classic", "short"])
def test_a_run_that_goes_on_is_one_that_never_stopped(schedule):
    """Also at changes of phase, between looks at KL and at them, with two meshes."""
    settings = QUICK | {"schedule": schedule}
    whole = TSNE(**settings | {"max_iter": 340}).fit(X)
    assert whole.mesh_["pair"] or schedule == "short"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="all .* iterations were in the early phase")
        for n in (1, 77, 120, 150, 190, 250, 283, 310):
            part = TSNE(**settings | {"max_iter": n}).fit(X).optimize(340 - n)
            np.testing.assert_array_equal(part.embedding_, whole.embedding_)


def test_a_large_run_that_goes_on_is_one_that_never_stopped():
    """Its points are put in another order on the way, at other iterations in the two parts."""
    many = gputsne.datasets.make_blobs_hd(12_000, d=8, clusters=6, random_state=0).X
    settings = {"random_state": 0, "early_exaggeration_iter": 60, "device": "cpu"}
    P = TSNE(affinity="uniform", max_iter=0, **settings).fit(many).affinities_
    whole = TSNE(affinity=P, max_iter=130, **settings).fit(many)
    for n in (61, 90, 110):
        part = TSNE(affinity=P, max_iter=n, **settings).fit(many).optimize(130 - n)
        np.testing.assert_array_equal(part.embedding_, whole.embedding_)
        assert part.kl_divergence_ == whole.kl_divergence_


def test_a_map_on_disk_is_not_copied(tmp_path):
    np.save(tmp_path / "X.npy", X)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = TSNE(**QUICK | {"max_iter": 0}).fit(on_disk)
    assert np.shares_memory(model.fitted_map_.rows, on_disk)


def test_p_can_not_be_changed_behind_the_models_back(model):
    P = model.affinities_
    for array in (P.indptr, P.indices, P.data):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    copy = P.to_csr()
    copy.data *= 0
    copy.indices[:] = 0
    assert P.data.sum() == pytest.approx(1, abs=1e-6)
    assert P.indices.max() > 0


LATER = {"metric": "manhattan", "dof": 0.5, "min_recall": 0.5, "affinity_dtype": "float16"}


def test_parameters_set_later_are_the_next_fits(model, placed, tmp_path):
    mine = TSNE(**QUICK, metric_params=None).fit(X).set_params(**LATER)
    np.testing.assert_array_equal(mine.transform(NEW), placed)
    mine.save(tmp_path / "m.npz")
    kept = gputsne.load(tmp_path / "m.npz").get_params()
    wanted = model.get_params()
    assert all(kept[name] == wanted[name] for name in LATER)
    assert mine.parameters_["metric"] == "euclidean"
    assert caption_of(mine, 5) == caption_of(model, 5)
    assert mine.set_params(random_state=7, perplexity=3.0).parameters_["perplexity"] == 10.0
    assert caption_of(mine, 5) == caption_of(model, 5)


def test_metric_params_are_the_models_own():
    weights = {"w": np.ones(8)}
    settings = QUICK | {"metric": "minkowski", "metric_params": weights, "max_iter": 20}
    model = TSNE(**settings).fit(X[:200])
    weights["w"][1:] = 0
    twin = TSNE(**settings | {"metric_params": {"w": np.ones(8)}}).fit(X[:200])
    np.testing.assert_array_equal(model.transform(NEW), twin.transform(NEW))


def test_optimize_says_what_it_will_not_hear():
    model = TSNE(**QUICK | {"max_iter": 260}).fit(X[:200])
    for name, value in {"exaggeration": 2.0, "learning_rate": 9.0, "dof": 2.0}.items():
        was = model.get_params()[name]
        with pytest.raises(ValueError, match=f"{name}={value} was set after the fit.*optimize"):
            model.set_params(**{name: value}).optimize(10)
        model.set_params(**{name: was})
    with pytest.raises(ValueError, match="callbacks_every=7 has no effect"):
        model.set_params(callbacks_every=7).optimize(10)
    assert model.set_params(callbacks_every=50).optimize(10).n_iter_ == 270


def used(model, monkeypatch):
    """Return how many threads a transform takes."""
    from gputsne.engine import placement

    seen, place = [], placement.place

    def watched(reference, indices, distances, ops, **more):
        seen.append(ops.n_jobs)
        return place(reference, indices, distances, ops, **more)

    with monkeypatch.context() as patch:
        patch.setattr(placement, "place", watched)
        model.transform(NEW[:3])
    return seen[0]


def test_threads_are_this_machines_and_those_set_last(model, monkeypatch, tmp_path):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    mine = TSNE(**QUICK | {"max_iter": 20}, n_jobs=3).fit(X[:200])
    assert used(mine, monkeypatch) == 3
    assert used(mine.set_params(n_jobs=1), monkeypatch) == 1
    free = TSNE(**QUICK | {"max_iter": 20}).fit(X[:200])
    written = pickle.dumps(free)
    free.save(tmp_path / "m.npz")
    smaller = resolve_n_jobs(None) + 5  # another number than here
    monkeypatch.setattr("gputsne.base.threads.cores", lambda: smaller)
    monkeypatch.setattr("gputsne.base.threads._limit_of_caller", lambda: None)
    assert used(pickle.loads(written), monkeypatch) == smaller
    assert used(gputsne.load(tmp_path / "m.npz"), monkeypatch) == smaller


def test_pairwise_metrics_hear_of_threads_too(monkeypatch):
    from gputsne.neighbors.search import pairwise

    model = TSNE(**QUICK | {"max_iter": 20, "metric": "manhattan"}).fit(X[:200])
    want = model.transform(NEW)
    seen, distances = [], pairwise.Pairwise._distances
    monkeypatch.setattr(
        pairwise.Pairwise,
        "_distances",
        lambda pairs, Q, n_jobs: seen.append(n_jobs) or distances(pairs, Q, n_jobs),
    )
    np.testing.assert_array_equal(model.set_params(n_jobs=1).transform(NEW), want)
    assert set(seen) == {1}


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"perplexity": [5]}, TypeError, r"perplexity=\[5\]"),
        ({"perplexity": np.array([5.0])}, TypeError, "perplexity="),
        ({"perplexity": "5"}, TypeError, "perplexity='5'"),
        ({"perplexity": None}, TypeError, "perplexity=None"),
        ({"perplexity": True}, TypeError, "perplexity=True"),
        ({"perplexity": 0.5}, ValueError, "perplexity=0.5 .*at least 1"),
        ({"perplexity": np.nan}, ValueError, "perplexity=nan"),
        ({"exaggeration": [1.5]}, TypeError, r"exaggeration=\[1.5\]"),
        ({"exaggeration": 0}, ValueError, "exaggeration=0 .*above 0"),
        ({"exaggeration": np.inf}, ValueError, "exaggeration=inf"),
        ({"max_iter": 1.5}, TypeError, "max_iter=1.5"),
        ({"max_iter": -1}, ValueError, "max_iter=-1"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors=0"),
        ({"n_neighbors": "15"}, TypeError, "n_neighbors='15'"),
        ({"n_neighbors": 1001}, ValueError, "n_neighbors=1001 is more than the 1000"),
        ({"n_iter": 5}, TypeError, "'n_iter': write max_iter"),
        ({"learning_rate": 0.1}, TypeError, "'learning_rate': leave it out"),
        ({"initialization": "median"}, TypeError, "'initialization': leave it out"),
        ({"k": 25}, TypeError, "'k': write n_neighbors"),
        ({"exagerration": 2.0}, TypeError, "did you mean exaggeration"),
    ],
)
def test_what_transform_refuses(model, given, error, said):
    with pytest.raises(error, match=said):
        model.transform(NEW[:2], **given)


def test_what_transform_takes(model, placed):
    start = model.transform(NEW, max_iter=0)
    # the start is nearly always a fitted row's own place: one of the map's points
    assert (start[:, None] == model.embedding_[None]).all(axis=2).any(axis=1).mean() > 0.9
    np.testing.assert_array_equal(model.transform(NEW, n_neighbors=15), placed)  # 3 * perplexity
    assert not np.array_equal(model.transform(NEW, n_neighbors=40), placed)
    assert np.isfinite(model.transform(NEW, perplexity=np.float32(5), max_iter=np.int64(3))).all()


def test_maps_without_rows_have_nothing_to_hold():
    D = np.linalg.norm(X[:60, None] - X[None, :60], axis=2)
    model = TSNE(**QUICK | {"max_iter": 5}, metric="precomputed", init="random").fit(D)
    with pytest.raises(AttributeError, match=r"needs features, .* fitted on distances"):
        _ = model.fitted_map_
    with pytest.raises(ValueError, match=r"needs features, .* fitted on distances"):
        model.transform(D)
    with pytest.raises(AttributeError, match="needs fit"):
        _ = TSNE().fitted_map_
