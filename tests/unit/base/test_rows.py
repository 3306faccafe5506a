"""Blocks cover all rows once, and points are finite float64 rows or an error that says why not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from gputsne.base.rows import count_nonfinite, finite_points, row_blocks


@pytest.mark.parametrize("n", [0, 1, 7, 100])
@pytest.mark.parametrize("width", [0, 1, 3, 1000])
def test_blocks_cover_every_row_once(n, width):
    blocks = list(row_blocks(n, width, numbers=30))
    rows = [i for block in blocks for i in range(n)[block]]
    assert rows == list(range(n))
    assert all((b.stop - b.start) * width <= 30 or b.stop - b.start == 1 for b in blocks)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_nan_and_infinity_are_counted_by_column(make):
    X = np.ones((50, 4))
    X[[1, 2], 0], X[3, 2], X[4:9, 3] = np.nan, -np.inf, np.inf
    nan, inf = count_nonfinite(make(X))
    assert nan.tolist() == [2, 0, 0, 0]
    assert inf.tolist() == [0, 0, 1, 5]
    assert not count_nonfinite(np.ones((3, 2), int))[0].any()


def test_points_of_every_kind():
    want = np.arange(6.0).reshape(3, 2)
    for points in (want, want.astype("f4"), want.tolist(), pd.DataFrame(want).astype("Int64")):
        got = finite_points("Y", points)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, want)
    assert finite_points("Y", [1, 2, 3]).shape == (3, 1)
    assert finite_points("Y", np.ma.array([1.0, 2.0, 3.0])).shape == (3, 1)  # nothing is masked
    assert finite_points("Y", pd.Series([1, 2, 3])).shape == (3, 1)


@pytest.mark.parametrize(
    ("points", "error", "words"),
    [
        (sparse.eye(3), TypeError, "Y is sparse"),
        (np.zeros((2, 2)), ValueError, "Y has 2 rows, expected 3"),
        (np.full((3, 2), np.inf), ValueError, "Y has 3 rows with NaN"),
        (np.zeros((3, 2, 1)), ValueError, "Y has shape"),
        (np.zeros((3, 2), complex), ValueError, "Y is complex128"),
        (["a", "b", "c"], ValueError, "Y must hold numbers"),
        (np.ma.array(np.zeros((3, 2)), mask=np.eye(3, 2)), ValueError, "Y is a masked array"),
        (np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]), ValueError, "Y is a masked array"),
        ([[1.0, 2.0], [3.0], [4.0, 5.0]], ValueError, "Y is no table: .* row 1 has 1 numbers"),
    ],
)
def test_points_that_are_none_name_the_argument(points, error, words):
    with pytest.raises(error, match=words):
        finite_points("Y", points, 3)
