"""Prepared rows are those of scikit-learn's own steps in float64."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

import gputsne
from gputsne.preparation import Preparation, prepare

# float32 carries 2**-24 = 6e-8 of a value; a handful of roundings stay below 1e-6 of the largest.
TIGHT = 1e-6


def data(n: int = 120, d: int = 9) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3.0


def close(got: np.ndarray, want: np.ndarray, tolerance: float = TIGHT) -> bool:
    return np.abs(got - want).max() <= tolerance * np.abs(want).max()


def test_float32_rows_pass_through_untouched():
    X = data().astype(np.float32)
    rows, learned = prepare(X)
    assert np.shares_memory(rows, X)
    assert learned.mean is None
    assert learned.factor == 1.0


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.uint16, np.int64, bool])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_real_dtype_and_order(dtype, order):
    X = np.asarray(data() > 0 if dtype is bool else data(), dtype=dtype, order=order)
    rows, _ = prepare(X)
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, X.astype(np.float32))


def test_input_is_never_changed():
    X = data()
    X[3, 4] = np.nan
    before = X.copy()
    X.flags.writeable = False
    prepare(X, scale=True, pca=3, impute="mean")
    np.testing.assert_array_equal(X, before)
    S = sparse.csr_array(np.where(data() > 4, data(), 0.0))
    kept = S.copy()
    prepare(S, scale=True, pca=3)
    np.testing.assert_array_equal(S.toarray(), kept.toarray())


def test_memmap(tmp_path):
    np.save(tmp_path / "X.npy", data())
    rows, _ = prepare(np.load(tmp_path / "X.npy", mmap_mode="r"), scale=True)
    np.testing.assert_array_equal(rows, prepare(data(), scale=True)[0])


def test_scale_is_scikit_learns():
    X = data()
    X[:, 2] = 0.1  # constant, and not a binary fraction: its mean rounds
    rows, _ = prepare(X, scale=True)
    assert close(rows, StandardScaler().fit_transform(X))
    assert not rows[:, 2].any()


def test_pca_is_scikit_learns():
    X = data(400, 20)
    rows, learned = prepare(X, pca=5)
    assert close(rows, PCA(5).fit_transform(X))
    assert learned.components is not None
    assert learned.components.shape == (5, 20)


def test_pca_survives_columns_far_from_zero():
    X = data(400, 20)
    assert close(prepare(X + 1e6, pca=5)[0], PCA(5).fit_transform(X))


def test_pca_of_many_columns_is_scikit_learns():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 3)) * [9, 6, 3] @ rng.normal(size=(3, 1300))
    # scikit-learn fits the axes in float32: they are off by 2**-24 times the ratio of the largest
    # eigenvalue to the distance of neighbouring ones, here below 100.
    assert close(prepare(X, pca=3, random_state=0)[0], PCA(3).fit_transform(X), 1e-5)


def test_pca_keeps_what_lies_a_million_times_below_an_outlier():
    X = data(400, 20)
    X[7, 0] = 3e6
    # float32 would lose the rest: its covariance is 1e-11 of the largest element. In float64 the
    # axes are off by 2**-53 * 1e11 = 1e-5.
    want = PCA(5, svd_solver="full").fit_transform(X)
    rest = np.delete(prepare(X, pca=5)[0], 7, axis=0)[:, 1:]
    want = np.delete(want, 7, axis=0)[:, 1:]
    assert np.abs(np.abs(rest) - np.abs(want)).max() < 1e-4 * np.abs(want).max()


def test_scale_then_pca():
    X = data(400, 20) * np.logspace(-3, 3, 20)
    want = PCA(5).fit_transform(StandardScaler().fit_transform(X))
    assert close(prepare(X, scale=True, pca=5)[0], want, 1e-5)


def test_sparse_is_scikit_learns_truncated_svd():
    X = sparse.random_array((200, 400), density=0.05, rng=np.random.default_rng(1)).tocsr()
    rows, _ = prepare(X, pca=4, random_state=3)
    want = TruncatedSVD(4, random_state=3).fit_transform(X)
    assert close(rows, want, 1e-5)


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_small_sparse_becomes_dense(kind):
    X = np.where(data() > 4, data(), 0.0)
    rows, _ = prepare(getattr(sparse, kind)(X))
    np.testing.assert_array_equal(rows, X.astype(np.float32))


def test_sparse_with_64_bit_indices_and_doubles():
    X = sparse.csr_array(np.where(data() > 4, data(), 0.0))
    X.indptr, X.indices = X.indptr.astype(np.int64), X.indices.astype(np.int64)
    np.testing.assert_array_equal(prepare(X)[0], X.toarray().astype(np.float32))
    twice = sparse.csr_array((np.ones(2), np.zeros(2, int), np.array([0, 2, 2])), shape=(2, 3))
    assert prepare(twice)[0][0, 0] == 2.0
    assert twice.nnz == 2  # the caller's matrix keeps its doubles


def test_sparse_scale_keeps_zeros():
    X = np.where(data() > 4, data(), 0.0)
    rows, _ = prepare(sparse.csr_array(X), scale=True)
    assert close(rows, StandardScaler(with_mean=False).fit_transform(X))


def test_wide_sparse_asks_for_pca():
    with pytest.raises(ValueError, match="pca=50"):
        prepare(sparse.csr_array((5, 3000)))


@pytest.mark.parametrize("impute", ["mean", "median", 7.0])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_impute(impute, make):
    X = data()
    X[[3, 5, 8], [0, 2, 2]] = np.nan
    strategy = impute if isinstance(impute, str) else "constant"
    fill = {} if isinstance(impute, str) else {"fill_value": impute}
    want = SimpleImputer(strategy=strategy, **fill).fit_transform(X)
    rows, learned = prepare(make(X), impute=impute)
    assert close(rows, want)
    assert close(learned.apply(make(X[3:9])), want[3:9])


def test_far_columns_are_shifted_only_when_asked():
    X = data()
    X[:, 1] += 1e7
    rows, learned = prepare(X)
    assert learned.mean is not None
    assert np.count_nonzero(learned.mean) == 1
    assert close(rows[:, 1] - rows[0, 1], X[:, 1] - X[0, 1])
    with pytest.warns(UserWarning, match="column 1 of X lies so far from 0"):
        assert prepare(X, recentre=False)[1].mean is None


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
@pytest.mark.parametrize("options", [{}, {"scale": True}, {"pca": 3}])
def test_extreme_scales_differ_by_a_power_of_two(size, options):
    X = data()
    want, _ = prepare(X, **options)
    rows, learned = prepare(X * size, **options)
    assert np.log2(learned.factor) % 1 == 0
    assert np.isfinite(np.square(rows).sum())
    assert close(rows / np.abs(rows).max(), want / np.abs(want).max(), 1e-5)
    np.testing.assert_array_equal(learned.apply(X[4:6] * size), rows[4:6])


@pytest.mark.parametrize(
    "options", [{}, {"scale": True}, {"pca": 3, "impute": "mean"}, {"scale": True, "pca": 2}]
)
def test_arrays_bring_everything_back(options):
    rows, learned = prepare(data(), **options)
    again = Preparation.from_arrays(learned.arrays())
    np.testing.assert_array_equal(again.apply(data()), rows)
    assert all(isinstance(a, np.ndarray) and a.dtype != object for a in learned.arrays().values())


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_and_equal_rows(n):
    X = np.full((n, 4), 5.0)
    for options in ({}, {"scale": True}, {"pca": 1}):
        with pytest.warns(UserWarning, match="are equal") if n > 1 else nullcontext():
            rows, _ = prepare(X, **options)
        assert np.isfinite(rows).all()


def test_bits_do_not_depend_on_threads():
    from gputsne.base import threads

    X = data(30_000, 40)  # two blocks of moments and of the covariance
    with threads.limit(1):
        one, _ = prepare(X, pca=10, scale=True)
    with threads.limit(2):
        two, _ = prepare(X, pca=10, scale=True)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("column", [0, 5])
@pytest.mark.parametrize("value", [-3.4028235e38, 1e27, 1e300])
@pytest.mark.parametrize("options", [{}, {"pca": 4}])
def test_a_value_beside_which_float32_loses_the_rest_is_named(value, column, options):
    X = data()
    X[7, column] = value
    said = rf"X\[7, {column}\]={value:.6g} lies .* 'no data', replace it by NaN".replace("+", r"\+")
    with pytest.raises(ValueError, match=said):
        prepare(X, **options)
    import pandas as pd

    with pytest.raises(ValueError, match=rf"\(column '{'abcdefghi'[column]}'\) lies"):
        prepare(pd.DataFrame(X, columns=list("abcdefghi")), **options)
    X[7, column] = np.nan  # the remedy
    prepare(X, impute="mean", **options)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7])
def test_no_data_in_many_cells_is_seen_all_the_same(share):
    X = data(2000)
    X[np.random.default_rng(6).random(X.shape) < share] = -3.4028235e38
    with pytest.raises(ValueError, match=r"-3\.40282e\+38 lies"):
        prepare(X)


def test_small_data_with_one_ordinary_value():
    X = data() * 1e-30
    X[7, 0] = 1.0
    with pytest.raises(ValueError, match=r"X\[7, 0\]=1 lies"):
        prepare(X)
    with pytest.raises(ValueError, match=r"X\[7, 0\]=1 lies"):
        prepare(sparse.csr_array(X))


@pytest.mark.parametrize("value", [1e13, 1e20, 1e24])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_beside_a_large_value_squares_of_the_rest_stay_in_float32(make, value):
    X = data()
    X[7, 0] = value
    rows, learned = prepare(make(X))
    rest = np.delete(rows, 7, axis=0)
    squared = np.square(rest[:, None] - rest[None]).sum(axis=2)
    want = np.square(np.delete(X, 7, axis=0)[:, None] - np.delete(X, 7, axis=0)[None]).sum(axis=2)
    # Each value is rounded to float32, which moves a difference by 2**-24 of the largest value.
    np.testing.assert_allclose(squared / learned.factor**2, want, rtol=1e-5, atol=1e-4)
    assert np.isfinite(np.square(rows).sum(axis=1)).all()


def test_widely_spread_data_are_no_outliers():
    rng = np.random.default_rng(7)
    for X in (
        data() * np.logspace(-30, 30, 9),  # each column in a unit of its own
        rng.choice([0.0, 1e30], size=(100, 4)),
        np.c_[rng.choice([0.0, 1.0], size=100), rng.normal(size=100)] * 1e25,
        np.exp(rng.normal(size=(300, 3)) * 10),
    ):
        prepare(X, units_matter=False)


def test_a_column_that_outweighs_all_others_is_named():
    import pandas as pd

    X = data()
    X[:, 2] *= 1e7
    with pytest.warns(UserWarning, match=r"^column 2 of X spreads \d.* scale=True"):
        prepare(X)
    with pytest.warns(UserWarning, match="^column 'c' of X"):
        prepare(pd.DataFrame(X, columns=list("abcdefghi")), pca=3)
    with pytest.warns(UserWarning, match="^column 2 of X"):
        prepare(sparse.csr_array(X))
    X[:, 4] *= 1e7
    with pytest.warns(UserWarning, match="^columns 2, 4 of X spread "):
        prepare(X)
    prepare(X, scale=True)  # the remedy
    prepare(X, units_matter=False)


def test_columns_of_like_weight_and_single_outliers_are_not_warned_of():
    X = data()
    prepare(X * np.logspace(0, 4, 9))
    X[7, 0] = 1e12  # a row of its own; the others keep their distances
    prepare(X)
    prepare(X[:, :1])
    prepare(np.c_[X[:, 0], np.zeros(len(X))])
    two = np.arange(len(X)) % 2 + 1e-9 * X[:, 1]  # two values with noise: as far apart as X is wide
    prepare(np.c_[X[:, 2], two])
    prepare(np.array([[0.0, 1e7, 5], [1, 5e7, 6], [2, 3e7, 7]]))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_a_metric_without_a_scale_gets_the_users_numbers(make):
    X = data().astype(np.float32) * np.float32(1e15)
    X[7, 0] = 1e32
    rows, learned = prepare(make(X), recentre=False, rescale=False, units_matter=False)
    np.testing.assert_array_equal(rows, X)
    assert learned.factor == 1.0


def test_warnings_name_the_callers_file():
    with pytest.warns(UserWarning, match="are equal") as here:
        prepare(np.ones((5, 2)))
    with pytest.warns(UserWarning, match="are equal") as through_the_estimator:
        gputsne.TSNE(perplexity=1, max_iter=5).fit(np.ones((5, 2)))
    assert {w.filename for w in [*here, *through_the_estimator]} == {__file__}


@pytest.mark.parametrize("options", [{}, {"pca": 4}, {"scale": True}, {"scale": True, "pca": 4}])
@pytest.mark.parametrize("fitted_sparse", [True, False])
def test_rows_may_be_sparse_or_dense_whatever_was_fitted(options, fitted_sparse):
    """The same rows have the same place, stored with their zeros or without."""
    X = np.where(data() > 4.0, data(), 0.0)
    there = sparse.csr_matrix(X) if fitted_sparse else X
    learned = prepare(there, random_state=0, **options)[1]
    dense, thin = learned.apply(X[:7]), learned.apply(sparse.csr_matrix(X[:7]))
    assert dense.shape == thin.shape
    assert close(dense, thin)
