"""update: old rows stay about where they were, new ones come where they belong, ids decide."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

import gputsne
from gputsne import TSNE
from gputsne.data.datasets import load_digits

X = load_digits().X
N = 500
OLD, NOW = np.arange(0, N), np.arange(60, N + 60)


@pytest.fixture(scope="module")
def monday():
    return TSNE(random_state=0, perplexity=15.0).fit(X[OLD])


def kept(Z, Y, rows, k=10):
    """Return the share of the k nearest that are the same in data and map, by scikit-learn."""
    near = [
        NearestNeighbors(n_neighbors=k).fit(A).kneighbors(return_distance=False) for A in (Z, Y)
    ]
    return np.mean([len(np.intersect1d(near[0][i], near[1][i])) / k for i in rows])


def test_the_map_of_the_day_after(monday):
    found = gputsne.update(monday, X[NOW], ids=NOW, previous_ids=OLD)
    np.testing.assert_array_equal(OLD[found.old_rows], NOW[found.new_rows])
    np.testing.assert_array_equal(NOW[found.added], np.arange(N, N + 60))
    np.testing.assert_array_equal(OLD[found.removed], np.arange(60))
    # Another seed's map turns and reorders its groups; this one stays. A fresh fit of digits moved
    # 0.18 of the median radius even from the same first map (docs/change.md).
    assert np.median(found.moved) < 0.06
    radius = np.median(np.linalg.norm(monday.embedding_ - monday.embedding_.mean(axis=0), axis=1))
    away = np.linalg.norm(found.map[found.new_rows] - monday.embedding_[found.old_rows], axis=1)
    np.testing.assert_allclose(found.moved, away / radius, rtol=1e-5)
    fresh = TSNE(random_state=0, perplexity=15.0).fit(X[NOW])
    assert found.model.kl_divergence_ < 1.06 * fresh.kl_divergence_
    for rows in (found.new_rows, found.added):
        mine, theirs = (kept(X[NOW], Y, rows) for Y in (found.map, fresh.embedding_))
        assert mine > theirs - 0.04
    # turned and shifted, not stretched: distances of the model's own map
    one, two = found.map, found.model.embedding_.astype(np.float64)
    np.testing.assert_allclose(
        np.linalg.norm(one[1:] - one[:-1], axis=1), np.linalg.norm(two[1:] - two[:-1], axis=1),
        rtol=1e-6, atol=1e-6,
    )  # fmt: skip


def test_order_of_rows_and_kinds_of_ids(monday):
    shuffled = np.random.default_rng(0).permutation(NOW)
    one = gputsne.update(monday, X[NOW], ids=NOW, previous_ids=OLD, refine=0)
    two = gputsne.update(
        monday.fitted_map_, X[shuffled], ids=[str(i) for i in shuffled],
        previous_ids=[str(i) for i in OLD], refine=0, perplexity=15.0, random_state=0,
    )  # fmt: skip
    np.testing.assert_allclose(one.map[np.argsort(NOW)], two.map[np.argsort(shuffled)], atol=1e-3)
    # without iterations old rows are where they were, new ones where transform puts them
    np.testing.assert_allclose(one.moved, 0.0, atol=1e-5)
    np.testing.assert_allclose(one.map[one.added], monday.transform(X[NOW[one.added]]), atol=1e-3)


def test_day_after_day_and_through_a_file(monday, tmp_path):
    first = gputsne.update(monday, X[NOW], ids=NOW, previous_ids=OLD, refine=20)
    later = NOW + 40
    second = gputsne.update(first, X[later], ids=later, refine=20)
    path = tmp_path / "model.npz"
    first.model.save(path)
    loaded = gputsne.load(path)
    np.testing.assert_array_equal(loaded.ids_, NOW)
    again = gputsne.update(loaded, X[later], ids=later, refine=20)
    np.testing.assert_array_equal(second.map, again.map)
    assert len(second.added) == 40
    # the same rows, and no ids
    third = gputsne.update(monday, X[OLD], refine=5)
    assert len(third.added) == len(third.removed) == 0


def test_a_frame(monday):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[NOW], index=NOW)
    found = gputsne.update(monday, frame, ids=frame.index, previous_ids=OLD, refine=0)
    assert len(found.added) == 60


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"ids": NOW}, "previous_ids is missing: rows are matched by the ids of both tables"),
        ({"previous_ids": OLD}, "ids is missing: rows are matched"),
        ({"ids": [*NOW[:-1], NOW[0]], "previous_ids": OLD}, "ids has '60' 2 times, first in row 0"),
        ({"ids": NOW, "previous_ids": [*OLD[:-1], 3]}, "previous_ids has '3' 2 times"),
        ({"ids": [None, *NOW[1:]], "previous_ids": OLD}, "ids has no id in row 0"),
        ({"ids": NOW[1:], "previous_ids": OLD}, "ids has"),
        ({"n_components": 3}, "n_components=3, and the earlier map has 2"),
        ({"init": "pca"}, "init='pca': update sets it"),
        ({"max_iter": 9}, "max_iter=9: update sets it; refine is the number of iterations"),
        ({"refine": -1}, "refine=-1 must be at least 0"),
    ],
)
def test_what_is_refused(monday, how, told):
    with pytest.raises(ValueError, match=told):
        gputsne.update(monday, X[NOW], **how)


def test_other_tables(monday):
    with pytest.raises(ValueError, match="X has 63 columns, and the earlier map was fitted to 64"):
        gputsne.update(monday, X[NOW, :63], ids=NOW, previous_ids=OLD)
    with pytest.raises(ValueError, match="X has 400 rows, and the earlier map 500: without ids"):
        gputsne.update(monday, X[:400])
    with pytest.raises(TypeError, match="previous is a ndarray: give a fitted TSNE"):
        gputsne.update(X, X)
    with pytest.raises(AttributeError, match="fitted_map_ needs fit"):
        gputsne.update(TSNE(), X)


@pytest.mark.parametrize("shared", [0, 1, 29])
def test_few_shared_rows(monday, shared):
    ids = np.arange(N - shared, 2 * N - shared)
    with pytest.warns(UserWarning, match=f"the tables share {shared} rows: with fewer than 30"):
        found = gputsne.update(monday, X[ids], ids=ids, previous_ids=OLD, refine=2)
    assert len(found.moved) == shared
    assert (found.alignment is None) == (shared < 2)


def test_columns_of_other_names_or_order_are_refused_without_new_rows_too():
    frame = pd.DataFrame(X[:60]).add_prefix("c")
    model = TSNE(random_state=0, perplexity=5.0, max_iter=60, early_exaggeration_iter=20).fit(frame)
    for other, told in (
        (frame[frame.columns[::-1]], "must be in the same order"),
        (frame.add_prefix("z"), "unseen at fit time"),
    ):
        with pytest.raises(ValueError, match=told):
            gputsne.update(model, other, refine=5)
    same = gputsne.update(model, frame, refine=0)
    np.testing.assert_allclose(same.map, model.embedding_, atol=1e-5)


def test_ids_that_can_be_read_once_and_what_is_no_table(monday):
    once = gputsne.update(monday, X[NOW], ids=iter(NOW), previous_ids=iter(OLD), refine=0)
    np.testing.assert_array_equal(OLD[once.old_rows], NOW[once.new_rows])
    with pytest.raises(TypeError, match="ids is of type int: give one id per row"):
        gputsne.update(monday, X[NOW], ids=5, previous_ids=OLD)
    for bad in (None, "points.csv", {"a": 1}, 5):
        with pytest.raises(TypeError, match="X"):
            gputsne.update(monday, bad)


def test_dense_rows_on_a_map_of_sparse_ones():
    settings = {"random_state": 0, "perplexity": 5.0, "max_iter": 60, "early_exaggeration_iter": 20}
    model = TSNE(**settings, pca=10).fit(sparse.csr_matrix(X[:60]))
    ids = np.arange(70)
    found = [
        gputsne.update(model, table, ids=ids[10:], previous_ids=ids[:60], refine=0).map
        for table in (X[10:70], sparse.csr_matrix(X[10:70]))
    ]
    np.testing.assert_allclose(*found, atol=1e-4)
