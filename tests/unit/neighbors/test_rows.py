"""Rows that knn is given: every container that a fit takes, and what can't be searched."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gputsne.neighbors import knn


def cloud(n: int, d: int = 7) -> np.ndarray:
    X = np.random.default_rng(0).normal(size=(n, d))
    X[::3, 0] = 0.0
    return X.astype(np.float32)


@pytest.mark.parametrize("kind", ["vectors", "series", "nullable", "sparse", "lazy", "objects"])
def test_rows_come_in_every_container_that_fit_takes(kind):
    X = cloud(40).astype(np.float64)
    frame = pd.DataFrame(X)
    held = {
        "vectors": lambda: pd.DataFrame({"v": list(X)}),
        "series": lambda: pd.Series(list(X)),
        "nullable": lambda: frame.astype("Float64"),
        "sparse": lambda: frame.astype(pd.SparseDtype("float64", 0.0)),
        "lazy": lambda: pytest.importorskip("polars").DataFrame(X).lazy(),
        "objects": lambda: X.astype(object),
    }[kind]()
    got, want = knn(held, 5), knn(X, 5)
    np.testing.assert_array_equal(got.indices, want.indices)
    np.testing.assert_array_equal(got.distances, want.distances)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (pd.DataFrame({"day": pd.date_range("2020", periods=5)}), "column 'day' of X .* Datetime"),
        (pd.DataFrame({"a": [1.0, pd.NA] * 3}, dtype=object), r"X\[1, 0\]=nan"),
        (np.ma.array(np.eye(4), mask=np.eye(4)), "X is a masked array"),
        ([[1.0, 2.0], [3.0], [4.0, 5.0]], "row 1 has 1 numbers"),
    ],
    ids=["dates", "missing", "masked", "ragged"],
)
def test_rows_that_a_fit_refuses_are_refused_alike(X, words):
    with pytest.raises(ValueError, match=words):
        knn(X, 1)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("exact", ["auto", False])
def test_a_value_that_hides_all_other_rows_is_named(dtype, metric, exact):
    X = cloud(500).astype(dtype)
    want = knn(X, 5, metric=metric)
    beside = np.r_[X, X[:1]]
    for value in (-3.4e38, 1e30):
        beside[500, 2] = value
        with pytest.raises(ValueError, match=r"X\[500, 2\]=(-3.4e\+38|1e\+30) lies so far out"):
            knn(beside, 5, metric=metric, exact=exact)
    beside[500, 2] = 1e18  # whose square still fits beside theirs
    got = knn(beside, 5, metric=metric, exact=exact, min_recall=1.0)
    np.testing.assert_array_equal(got.indices[:500], want.indices)
    everywhere = (X * np.asarray(1e30, dtype)).astype(dtype)  # only the unit is large
    np.testing.assert_array_equal(knn(everywhere, 5).indices, want.indices)
