"""Does prepare give the rows that scikit-learn's own steps in float64 give?"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

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
    # The axes are fitted in float32: they are off by 2**-24 times the ratio of neighbouring
    # eigenvalues' distance to the largest, here below 100.
    assert close(rows, PCA(5).fit_transform(X), 1e-5)
    assert learned.components is not None
    assert learned.components.shape == (5, 20)


def test_pca_survives_columns_far_from_zero():
    X = data(400, 20)
    assert close(prepare(X + 1e6, pca=5)[0], PCA(5).fit_transform(X), 1e-5)


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
    from gputsne.base import resources

    X = data(3000, 40)
    with resources.limit(1):
        one, _ = prepare(X, pca=10, scale=True)
    with resources.limit(2):
        two, _ = prepare(X, pca=10, scale=True)
    np.testing.assert_array_equal(one, two)
