"""knn, evaluate and sample of blocks are those of one process, to the bit; and their refusals."""

from __future__ import annotations

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import gputsne
from gputsne.base.errors import OverMemory
from gputsne.dask import evaluate, judging, knn, running, sample
from gputsne.metrics import spaces

pytestmark = pytest.mark.usefixtures("alone")


def equal(a, b):
    assert a.indices.tobytes() == b.indices.tobytes()
    assert a.distances.tobytes() == b.distances.tobytes()
    assert (a.recall, a.source, a.metric) == (b.recall, b.source, b.metric)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "inner_product"])
def test_neighbours_are_those_of_one_process(metric, exact):
    X = np.random.default_rng(1).normal(size=(4_000, 6)).astype(np.float32)
    how = {"metric": metric, "exact": exact, "random_state": 3, "min_recall": 0.9}
    equal(knn(da.from_array(X, chunks=(900, 4)), 12, **how), gputsne.knn(X, 12, **how))


@pytest.mark.parametrize("kind", ["copies", "far", "huge", "wide", "integers", "half"])
def test_neighbours_of_awkward_rows(kind):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(1_500, 4))
    X = {
        "copies": np.concatenate([np.repeat(X[:2], 60, axis=0), X]),
        "far": X + 1e9,  # float32 has no digits left there
        "huge": X * 1e25,  # squares overflow
        "wide": rng.normal(size=(1_500, 80)),  # compared by products
        "integers": rng.integers(0, 3, (1_500, 4)),  # nothing but ties
        "half": X.astype(np.float16),
    }[kind]
    equal(
        knn(da.from_array(X, chunks=(400, X.shape[1])), 9, random_state=0),
        gputsne.knn(X, 9, random_state=0),
    )


def test_a_warning_of_the_search_reaches_the_caller():
    X = np.random.default_rng(3).normal(size=(3_000, 3))
    X[::2, 0] += 1e9  # two groups, of which float32 can hold one
    with pytest.warns(UserWarning, match="float32 can't tell the rows") as local:
        expected = gputsne.knn(X, 5, random_state=0)
    with pytest.warns(UserWarning, match="float32 can't tell the rows") as there:
        equal(knn(da.from_array(X, chunks=(1_000, 3)), 5, random_state=0), expected)
    assert str(local[0].message) == str(there[0].message)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"k": 900}, ValueError, "k=900 neighbours can't be found among n_samples=900"),
        ({"k": 2.5}, TypeError, "k must be an integer"),
        ({"metric": "manhattan"}, ValueError, "searched on one machine alone"),
        ({"metric": "precomputed"}, ValueError, "searched on one machine alone"),
        ({"min_recall": 0}, ValueError, "min_recall=0"),
        ({"retries": -1}, ValueError, "retries"),
        ({"progress": 3}, TypeError, "progress=3"),
    ],
)
def test_a_search_that_can_not_be_is_refused(rows, how, error, said):
    with pytest.raises(error, match=said):
        knn(da.from_array(rows, chunks=(300, 5)), **{"k": 5, **how})


def test_an_index_too_large_for_a_worker_is_refused(rows, monkeypatch):
    monkeypatch.setattr(running.Runner, "room", lambda self: 1_000.0)
    with pytest.raises(OverMemory, match=r"the index of 900 rows.*gputsne.dask.sample"):
        knn(da.from_array(rows), 5)


def same(found, expected):
    """Compare to the bit; NaN is no value in both."""
    assert list(found) == list(expected)
    np.testing.assert_array_equal(list(found.values()), list(expected.values()))


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "products"])
@pytest.mark.parametrize("metric", ["euclidean", "correlation"])
def test_metrics_are_those_of_one_process(monkeypatch, metric, direct):
    """Small tiles and blocks, so that there are several; by products beyond 2e10 of work."""
    monkeypatch.setattr(spaces, "TILE", (16, 512))
    monkeypatch.setattr(judging, "BLOCK_ROWS", 512)
    monkeypatch.setattr(spaces, "DIRECT_WORK", spaces.DIRECT_WORK if direct else 0)
    rng = np.random.default_rng(4)
    X = rng.normal(size=(1_800, 6)).astype(np.float32) + rng.integers(0, 4, (1_800, 1))
    Y = 20.0 * rng.integers(0, 3, (1_800, 1)) + X[:, :2]
    labels = rng.integers(0, 4, 1_800).astype(object)
    labels[:50] = None
    how = {"k": 7, "sample": 40, "metric": metric}
    expected = gputsne.metrics.evaluate(X, Y, labels, **how)
    found = evaluate(
        da.from_array(X, chunks=(500, 3)), da.from_array(Y, chunks=(700, 2)), labels, **how
    )
    same(found, expected)
    assert not any(np.isnan(value) for value in found.values())


def test_metrics_of_ties_and_of_a_map_alone(rows):
    X = np.round(rows)  # equal distances in plenty
    Y = np.round(rows[:, :2])
    labels = dd.from_pandas(pd.Series(["ab"[i % 2] for i in range(900)]), npartitions=3)
    X_there = dd.from_pandas(pd.DataFrame(X), npartitions=3)
    here = labels.compute()
    same(evaluate(X_there, Y, labels), gputsne.metrics.evaluate(X, Y, here))
    same(evaluate(None, Y, labels), gputsne.metrics.evaluate(None, Y, here))


def test_metrics_that_need_all_rows_here_are_nan_where_they_do_not_fit(rows, monkeypatch):
    monkeypatch.setattr(judging, "available_memory", lambda: 1_000)
    labels = np.arange(900) % 3
    found = evaluate(da.from_array(rows), rows[:, :2], labels, sample=50)
    known = gputsne.metrics.evaluate(rows, rows[:, :2], labels, sample=50)
    missing = {name for name in found if np.isnan(found[name])}
    assert missing == {"class_preservation", "cluster_conductance"}
    same(*({n: v for n, v in told.items() if n not in missing} for told in (found, known)))


@pytest.mark.parametrize(
    ("Y", "how", "said"),
    [
        (slice(0, 899), {}, "Y has 899 rows, expected 900"),
        (slice(0, 900), {"metric": "jaccard"}, "compared on one machine alone"),
        (slice(0, 900), {"k": 900}, "k=900"),
    ],
)
def test_maps_that_do_not_go_with_the_rows_are_refused(rows, Y, how, said):
    with pytest.raises(ValueError, match=said):
        evaluate(da.from_array(rows, chunks=(400, 5)), rows[Y, :2], **how)


def test_rows_that_are_not_finite_are_counted(rows):
    bad = rows.copy()
    bad[[3, 700], 1] = np.nan, np.inf
    X = da.from_array(bad, chunks=(200, 5))
    for work in (lambda: evaluate(X, rows[:, :2]), lambda: sample(X, 10)):
        with pytest.raises(ValueError, match="X has 2 rows with NaN or infinite values"):
            work()
    with pytest.raises(ValueError, match="NaN"):
        knn(X, 3)


def same_sample(found, expected, X):
    assert found.rows.tobytes() == expected.rows.tobytes()
    assert found.weights.tobytes() == expected.weights.tobytes()
    assert found.ids.tolist() == expected.ids.tolist()
    assert (found.sha256, found.method) == (expected.sha256, expected.method)
    np.testing.assert_array_equal(found.data, X[expected.rows])


@pytest.mark.parametrize("size", [1, 37, 0.25, 900])
def test_a_sample_is_that_of_one_process(rows, size):
    X = da.from_array(rows, chunks=((1, 0, 499, 400), 5))
    found, expected = sample(X, size, random_state=5), gputsne.sample(rows, size, random_state=5)
    same_sample(found, expected, rows)


def test_strata_weights_and_ids_may_lie_there_too(rows):
    frame = pd.DataFrame(rows, index=pd.Index([f"{i:03}" for i in range(900)]))
    strata = pd.Series(np.where(rows[:, 0] > 9, "far", "near"), index=frame.index)
    X, told = dd.from_pandas(frame, npartitions=4), dd.from_pandas(strata, npartitions=4)
    found = sample(X, 30, method="stratified", strata=told, ids=X.index)
    how = {"method": "stratified", "strata": strata, "ids": frame.index}
    same_sample(found, gputsne.sample(rows, 30, **how), rows)
    weights = np.arange(900.0)
    found = sample(da.from_array(rows), 30, weights=da.from_array(weights, chunks=100))
    same_sample(found, gputsne.sample(rows, 30, weights=weights), rows)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"method": "density"}, "compares all rows with each other.*method='random'"),
        ({"method": "diverse"}, "compares all rows with each other"),
        ({"method": "best"}, "method='best' is none of"),
        ({"size": 901}, "size=901 is more than the 900 rows"),
        ({"method": "stratified"}, "needs strata"),
        ({"method": "stratified", "strata": ["a"]}, "strata"),
        ({"ids": [1, 2]}, "ids"),
    ],
)
def test_samples_that_can_not_be_are_refused(rows, how, said):
    with pytest.raises(ValueError, match=said):
        sample(da.from_array(rows, chunks=(200, 5)), **{"size": 10, **how})


def test_tables_without_rows_are_refused(rows):
    X = da.from_array(rows[:0])
    for work in (lambda: sample(X, 1), lambda: knn(X, 1), lambda: evaluate(X, rows[:0, :2])):
        with pytest.raises(ValueError, match=r"no rows|n_samples=0|0 sample"):
            work()


def test_progress_is_told(rows):
    told = []
    sample(da.from_array(rows, chunks=(300, 5)), 5, progress=lambda *now: told.append(now))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("work", ["knn", "sample", "evaluate"])
def test_a_bad_value_is_told_with_its_row_and_block(rows, work, value):
    bad = rows.copy()
    bad[[555, 700], 2] = value
    X = da.from_array(bad, chunks=(200, 5))
    call = {
        "knn": lambda: knn(X, 5), "sample": lambda: sample(X, 20),
        "evaluate": lambda: evaluate(X, rows[:, :2]),
    }[work]  # fmt: skip
    with pytest.raises(ValueError, match=r"2 rows .*row 555, which is row 155 of block 2 of X"):
        call()


def test_delayed_labels_are_brought(rows):
    labels = np.arange(900) % 3
    X = da.from_array(rows, chunks=(300, 5))
    assert evaluate(X, rows[:, :2], dask.delayed(labels)) == evaluate(X, rows[:, :2], labels)
