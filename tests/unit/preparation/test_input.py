"""What does prepare take for a table, and what does it say about what is none?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from gputsne.preparation import prepare

TABLE = np.arange(12.0).reshape(4, 3)


class Arraylike:
    def __array__(self, dtype=None, copy=None):
        return TABLE.astype(dtype or float)


class OnlyDlpack:
    def __dlpack__(self, **options):
        return TABLE.__dlpack__(**options)

    def __dlpack_device__(self):
        return TABLE.__dlpack_device__()


@pytest.mark.parametrize("X", [TABLE.tolist(), Arraylike(), OnlyDlpack(), TABLE.astype(object)])
def test_things_that_are_arrays_in_some_way(X):
    np.testing.assert_array_equal(prepare(X)[0], TABLE.astype(np.float32))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(frame):
    X = frame({"a": [1, 2], "b": [0.5, None], "c": [True, False]})
    rows, learned = prepare(X, impute=9.0)
    np.testing.assert_array_equal(rows, [[1, 0.5, 1], [2, 9, 0]])
    assert learned.feature_names == ("a", "b", "c")
    np.testing.assert_array_equal(learned.apply(X), rows)


def test_pandas_nullable_integers():
    X = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1.0, 2.0]})
    np.testing.assert_array_equal(prepare(X, impute=0.0)[0], [[1, 1], [0, 2]])


def test_frame_without_names():
    rows, learned = prepare(pd.DataFrame(TABLE))
    assert learned.feature_names is None
    np.testing.assert_array_equal(rows, TABLE)


def test_frame_with_mixed_names():
    with pytest.raises(TypeError, match="string names"):
        prepare(pd.DataFrame({"a": [1.0], 0: [2.0]}))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frame_with_text_names_the_column(frame):
    with pytest.raises(ValueError, match=r"could not convert.*'who'|objects that are no numbers"):
        prepare(frame({"a": [1.0, 2.0], "who": ["x", "y"]}))


def test_other_columns_than_fitted():
    _, learned = prepare(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="unseen at fit time:\n- c"):
        learned.apply(pd.DataFrame({"a": [1.0], "c": [1.0]}))
    with pytest.raises(ValueError, match="same order"):
        learned.apply(pd.DataFrame({"b": [1.0], "a": [1.0]}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        learned.apply(np.ones((1, 2)))
    with pytest.warns(UserWarning, match="fitted without feature names"):
        prepare(TABLE)[1].apply(pd.DataFrame(TABLE, columns=list("abc")))
    with pytest.raises(ValueError, match="X has 1 features, but TSNE is expecting 3 features"):
        prepare(TABLE)[1].apply([[1.0]])


def test_non_finite_values_are_counted_and_located():
    X = TABLE.copy()
    X[0, 1], X[3, 1], X[2, 2] = np.nan, np.nan, np.inf
    with pytest.raises(
        ValueError, match=r"2 NaN and 1 infinity values, in 2 of 3 columns \(1, 2\)"
    ):
        prepare(X)
    with pytest.raises(ValueError, match="1 infinity"):
        prepare(X, impute="mean")
    X[2, 2] = 0.0
    with pytest.raises(ValueError, match=r"2 NaN values, in 1 of 3 columns \('b'\).*impute"):
        prepare(pd.DataFrame(X, columns=list("abc")))
    with pytest.raises(ValueError, match="2 NaN"):
        prepare(sparse.csr_array(X))


def test_a_new_row_too_large_for_float32():
    _, learned = prepare(TABLE)
    with pytest.raises(ValueError, match="too large for dtype"):
        learned.apply(np.full((1, 3), 1e200))


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (np.ones(3), ValueError, "Reshape your data"),
        (np.float64(3), ValueError, "Reshape your data"),
        (np.ones((2, 2, 2)), ValueError, "dim <= 2"),
        (np.empty((0, 3)), ValueError, r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1"),
        (np.empty((3, 0)), ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1"),
        (np.ones((2, 2), complex), ValueError, "Complex data not supported"),
        (sparse.csr_array(np.ones((2, 2), complex)), ValueError, "Complex data not supported"),
        (np.array([[1j, 2]], dtype=object), ValueError, "Complex data not supported"),
        (np.array([["a", "b"]]), ValueError, "bytes/strings"),
        (np.array([["a", 1]], dtype=object), ValueError, "could not convert string to float"),
        (np.array([[{}, 1]], dtype=object), TypeError, "argument must be .*string.* number"),
        (np.array([["2020-01-01"]], "datetime64[D]"), TypeError, "datetime64"),
        (np.ma.masked_less(TABLE, 2), ValueError, "masked"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_says_so(X, error, words):
    with pytest.raises(error, match=words):
        prepare(X)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"pca": 4}, ValueError, "pca=4 must be between 1 and .* = 3"),
        ({"pca": 0}, ValueError, "pca=0"),
        ({"pca": 2.0}, TypeError, "pca"),
        ({"scale": 1}, TypeError, "scale"),
        ({"impute": "mode"}, ValueError, "impute='mode'"),
        ({"impute": np.inf}, ValueError, "impute=inf"),
    ],
)
def test_options_that_make_no_sense(options, error, words):
    with pytest.raises(error, match=words):
        prepare(TABLE, **options)


def test_a_column_of_nothing_but_nan():
    X = TABLE.copy()
    X[:, 1] = np.nan
    with pytest.raises(ValueError, match=r"columns \[1\]"):
        prepare(X, impute="median")


@pytest.mark.parametrize("pca", [None, 2])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_equal_rows_are_reported_and_one_other_is_enough(make, pca):
    X = np.ones((500, 3), np.float32)
    with pytest.warns(UserWarning, match="all 500 rows of X are equal"):
        prepare(make(X), pca=pca)
    X[499, 2] = 2.0
    prepare(make(X), pca=pca)
    prepare(make(X[:1]))  # one row is no sign of anything
