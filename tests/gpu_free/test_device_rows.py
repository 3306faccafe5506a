"""X that lies on the GPU stays there: checked, prepared, searched and embedded; bytes are counted.

The references are the same fits of numpy's arrays, and the CPU's preparation.
"""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from gpu_free import lookalike
from gpu_free.brute_force import rows
from gpu_free.test_engine import X as DIGITS
from gpu_free.test_engine import cuda  # noqa: F401  a fixture

import gputsne
from gputsne import backends, initial, neighbors, preparation
from gputsne.backends.cuda.held import HeldGraph, HeldRows
from gputsne.base import arrays
from gputsne.provenance.values import values_sha256

EPS = float(np.finfo(np.float32).eps)
N = 200
SHORT = {
    "perplexity": 5.0, "max_iter": 12, "early_exaggeration_iter": 5, "random_state": 0,
    "method": "mesh", "device": "cuda",
}  # fmt: skip


@pytest.fixture
def ops(cuda):  # noqa: F811
    return backends.choose("cuda").ops


@pytest.fixture
def there(ops, monkeypatch):
    """Return what puts an array of another library on the device; results go back the same way."""
    monkeypatch.setattr(arrays, "_cupy", lambda: ops.xp)
    return lambda a: lookalike.Foreign(ops.xp.asarray(np.ascontiguousarray(a)))


def test_the_record_of_rows_on_the_device_has_columns_and_no_hash(there):
    run = gputsne.TSNE(**SHORT).fit(there(DIGITS[:N])).run_
    assert (run.input["shape"], run.input.get("data_sha256")) == ((N, DIGITS.shape[1]), None)
    assert [c["null_rate"] for c in run.columns] == [0.0] * DIGITS.shape[1]
    sent = gputsne.TSNE(**SHORT, pca=9).fit(DIGITS[:N]).run_
    assert sent.input["data_sha256"] == values_sha256(DIGITS[:N])


def test_the_record_tells_the_most_that_the_pool_has_held(ops, monkeypatch):
    pool = ops.xp.get_default_memory_pool()
    ops.gpu.most, pool.total = 0, 7000
    ops.make_room()  # gives free blocks back
    assert pool.total == 0
    pool.total = 500
    assert ops.peak_memory() == 7000
    monkeypatch.setattr(lookalike.Pool, "total_bytes", lambda self: 9000)
    assert gputsne.TSNE(**SHORT).fit(DIGITS[:N]).run_.peak_device_bytes == 9000


def wide():
    """Columns of many scales, far from 0, one of them constant; float64 knows more than float32."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 6)) * [1, 10, 0.1, 3, 1, 0] + [0, 1e6, 5, -3, 0, 7]
    X[::3] += 4
    return X


CASES = {
    "plain": (DIGITS[:N], {}),
    "scaled": (DIGITS[:N], {"scale": True}),
    "pca": (DIGITS[:N], {"pca": 9}),
    "pca of scaled": (DIGITS[:N], {"pca": 9, "scale": True}),
    "wide": (wide(), {}),
    "wide, scaled": (wide(), {"scale": True}),
    "wide, pca": (wide(), {"pca": 3}),
    "tiny": (DIGITS[:N] * np.float32(1e-20), {}),
    "huge": (wide() * 1e200, {}),
    "huge, scaled": (wide() * 1e200, {"scale": True}),
    "the origin matters": (wide(), {"recentre": False, "rescale": False}),
    "few rows": (DIGITS[:3], {}),
    "many rows": (rows(3000, 4), {}),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_it_is_prepared_as_on_the_cpu(ops, there, downloads, name):
    X, how = CASES[name]
    want, learned = preparation.prepare(X, **how)
    got, here = preparation.prepare(there(X), ops=ops, **how)
    assert isinstance(got, HeldRows)
    assert max(downloads) <= X.nbytes / 2 or len(X) < 2048  # every other row tells the spreads
    assert here.factor == learned.factor
    for part in ("mean", "scale", "pca_mean", "components"):
        one, two = getattr(here, part), getattr(learned, part)
        assert (one is None) == (two is None)
        if one is not None:
            # moments are added up in other blocks
            np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)
    if learned.components is None and learned.scale is None:
        np.testing.assert_array_equal(got.values, want)  # nothing is added up
    np.testing.assert_allclose(got.values, want, rtol=1e-5, atol=4 * EPS * np.abs(want).max())
    assert (got.shape, len(got), got.dtype) == (want.shape, len(want), np.float32)
    again = here.apply(there(X), ops)
    np.testing.assert_array_equal(again.values, got.values)


def test_what_was_fitted_is_not_the_callers(ops, there):
    given = there(DIGITS[:N])
    rows_, _ = preparation.prepare(given, ops=ops)
    lookalike.plain(given.array)[...] = 0
    np.testing.assert_array_equal(rows_.values, DIGITS[:N])
    assert not rows_.values.flags.writeable


def faults():
    bad = {name: DIGITS[:N].copy() for name in ("NaN", "infinity", "both", "far", "flat")}
    bad["NaN"][7, 3] = np.nan
    bad["infinity"][9, 5] = -np.inf
    bad["both"][2], bad["both"][3, 1] = np.nan, np.inf
    bad["far"][11, 2] = 1e30
    bad["flat"] = bad["flat"][:, 0]
    return bad | {
        "no row": DIGITS[:0], "no column": DIGITS[:N, :0], "too few": DIGITS[:N],
        "too large": np.array([[0.0], [1.0], [1e300]]),
    }  # fmt: skip


@pytest.mark.parametrize("name", faults())
def test_what_is_wrong_is_said_in_the_words_of_main_memory(ops, there, name):
    X = faults()[name]
    how = {"pca": 70} if name == "too few" else {}
    told = []
    for given, machine in ((X, None), (there(X), ops)):
        with pytest.raises(ValueError, match=r".") as error:
            preparation.prepare(given, ops=machine, **how)
        told.append(str(error.value))
    assert told[0] == told[1]


def test_warnings_are_those_of_main_memory(ops, there):
    X = rows(100, 4)
    X[:, 2] *= 1e9
    for given in (X, np.ones((20, 3), np.float32)):
        told = []
        for a, machine in ((given, None), (there(given), ops)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                preparation.prepare(a, ops=machine)
            told.append([str(w.message) for w in caught])
        assert told[0] == told[1]
        assert told[0]


@pytest.mark.parametrize(
    "given",
    [
        DIGITS[:N].astype(np.int16),
        DIGITS[:N].astype(np.float16),
        DIGITS[:N].astype(">f8"),
    ],
)
def test_what_the_kernels_do_not_read_goes_by_way_of_main_memory(ops, monkeypatch, given):
    monkeypatch.setattr(arrays, "_cupy", lambda: ops.xp)
    there = lookalike.Foreign(given.view(lookalike.Array))
    rows_, _ = preparation.prepare(there, ops=ops)
    assert type(rows_) is np.ndarray
    np.testing.assert_array_equal(rows_, DIGITS[:N])


@pytest.mark.parametrize("how", [{"impute": "mean"}, {"pca": 20}])
def test_what_is_made_in_main_memory_alone_is_made_there(ops, there, monkeypatch, how):
    monkeypatch.setattr("gputsne.backends.cuda.ops.MOST_COLUMNS", 50)  # digits have 64
    want, _ = preparation.prepare(DIGITS[:N], random_state=0, **how)
    got, _ = preparation.prepare(there(DIGITS[:N]), ops=ops, random_state=0, **how)
    np.testing.assert_array_equal(got, want)


def test_rows_in_another_order_are_none_that_the_kernels_read(ops, there):
    columns = lookalike.Foreign(np.asfortranarray(DIGITS[:N]).view(lookalike.Array))
    assert ops.given_rows(columns) is None
    assert ops.given_rows(there(DIGITS[:N])) is not None
    assert ops.given_rows(DIGITS[:N]) is None
    with ops.guard(1):  # that of another GPU
        assert ops.given_rows(there(DIGITS[:N])) is None


METRICS = ["euclidean", "sqeuclidean", "cosine", "correlation", "inner_product"]


@pytest.fixture
def small_sample(monkeypatch):
    """Rows that tell how widely columns spread; of 2,048 rows and fewer they would be all."""
    monkeypatch.setattr("gputsne.base.spread.SAMPLE_ROWS", (20, 20))


@pytest.mark.usefixtures("small_sample")
@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_of_rows_there_stay_there(ops, there, downloads, metric):
    X = DIGITS[:N]
    rows_, _ = preparation.prepare(there(X), ops=ops)
    downloads.clear()
    graph = neighbors.on_device(rows_, 15, ops, metric=metric, random_state=0)
    assert isinstance(graph, HeldGraph)
    assert max(downloads) < N * 15 * 4
    assert "values" not in vars(rows_)
    want = gputsne.knn(X, 15, metric=metric)
    np.testing.assert_allclose(graph.distances, want.distances, rtol=1e-4, atol=1e-5)
    assert (graph.source, graph.metric, graph.recall) == ("tiles-device", metric, 1.0)


def test_cells_of_rows_there(ops, there, monkeypatch):
    from gpu_free.brute_force import many

    monkeypatch.setattr("gputsne.neighbors.choose.CELLS_FROM", 500)
    monkeypatch.setattr("gputsne.neighbors.search.cells.FEWEST", 60)
    X = many(1500)
    rows_, _ = preparation.prepare(there(X), ops=ops)
    got = neighbors.on_device(rows_, 10, ops, random_state=0, min_recall=0.9)
    want = neighbors.on_device(X, 10, ops, random_state=0, min_recall=0.9)
    assert got.source == want.source == "cells-device"
    assert got.recall == want.recall
    np.testing.assert_array_equal(got.indices, want.indices)
    np.testing.assert_array_equal(got.distances, want.distances)


@pytest.mark.parametrize("what", ["copies", "no room", "manhattan", "faiss", "far"])
def test_what_is_rare_goes_by_way_of_main_memory(ops, there, what):
    X = rows(150, 5)
    how = {"metric": what} if what == "manhattan" else {"by": what} if what == "faiss" else {}
    if what == "copies":
        X[20:100] = X[20]
    if what == "far":
        X *= np.float32(2.0**60)
    rows_, _ = preparation.prepare(there(X), ops=ops, rescale=what != "far")
    if what == "no room":
        ops.xp.pool.free = 4000
    got = neighbors.on_device(rows_, 7, ops, random_state=0, **how)
    how.pop("by", None)
    want = gputsne.knn(X, 7, random_state=0, **how)
    if what != "no room":  # where FAISS and the kernels may break ties otherwise
        np.testing.assert_array_equal(got.indices, want.indices)
    np.testing.assert_allclose(got.distances, want.distances, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("small_sample")
@pytest.mark.parametrize("how", [{}, {"pca": 9}, {"metric": "cosine"}, {"init": "random"}])
def test_a_fit_brings_no_row_down(cuda, there, downloads, how):  # noqa: F811
    X = DIGITS[:N]
    model = gputsne.TSNE(**SHORT | how).fit(there(X))
    of_columns = 64 * 64 * 8  # PCA's matrix; neither X, rows, neighbours nor P
    assert max(downloads) <= of_columns < X.nbytes
    assert not {N * 15 * 4, N * 9 * 4, model._fit.P.nnz * 4} & {*downloads}
    held = model._fit.prepared.rows
    assert isinstance(held, HeldRows)
    assert "values" not in vars(held)
    assert isinstance(model.embedding_, lookalike.Array)  # as X was given
    want = gputsne.TSNE(**SHORT | how).fit(X)
    got = model.affinities_.to_csr() - want.affinities_.to_csr()
    assert abs(got).max() < 1e-4 * want.affinities_.data.max()
    # the first iterations agree to 1e-3 of the map's size where its start does
    start = initial.initial(held, model._fit.P, ops=backends.choose("cuda").ops, random_state=0)
    same = initial.initial(
        want._fit.prepared.rows, want._fit.P, ops=backends.choose("cuda").ops, random_state=0
    )
    np.testing.assert_allclose(start, same, atol=1e-3 * np.abs(same).max())


@pytest.mark.parametrize("how", [{}, {"pca": 9}, {"metric": "correlation"}])
def test_new_rows_there_stay_there(cuda, there, downloads, how):  # noqa: F811
    """The places come down, and neither new rows nor fitted ones."""
    X, new = DIGITS[:N], DIGITS[200:330]
    model = gputsne.TSNE(**SHORT | how).fit(there(X)).fitted_map_
    model.transform(there(new[:5]))  # makes the reference, whose map comes down
    downloads.clear()
    Y = model.transform(there(new))
    assert sum(downloads) < Y.nbytes + 500
    assert "values" not in vars(model.rows)
    for part in (slice(0, 1), slice(1, 70)):
        np.testing.assert_array_equal(model.transform(there(new[part])), Y[part])
    # placement's own minima are found to 1e-3 map units in float32
    np.testing.assert_allclose(model.transform(new), Y, atol=2e-2)
    assert "values" not in vars(model.rows)
    bad = new.copy()
    bad[3, 2] = np.nan
    told = []
    for given in (bad, there(bad)):
        with pytest.raises(ValueError, match="1 NaN values, in 1 of 64 columns") as error:
            model.transform(given)
        told.append(str(error.value))
    assert told[0] == told[1]


def test_the_model_of_it_is_like_any_other(cuda, there, tmp_path):  # noqa: F811
    X = DIGITS[:N]
    model = gputsne.TSNE(**SHORT).fit(there(X))
    Y = model.fitted_map_.transform(DIGITS[300:320])
    model.save(tmp_path / "model.npz", affinities=True)
    again = gputsne.load(tmp_path / "model.npz", device="cuda")
    np.testing.assert_array_equal(again.fitted_map_.transform(DIGITS[300:320]), Y)
    packed = pickle.loads(pickle.dumps(model.fitted_map_))
    assert type(packed.rows) is np.ndarray
    np.testing.assert_array_equal(packed.rows, X)
    np.testing.assert_array_equal(packed.transform(DIGITS[300:320]), Y)
    backends.choose("cuda").ops.make_room()
    assert not model._fit.prepared.rows.there
    np.testing.assert_array_equal(model._fit.prepared.rows.values, X)
    np.testing.assert_array_equal(model.fitted_map_.transform(DIGITS[300:320]), Y)
