"""Do parquet's numbers, booleans and lists become features, and what has no rows a message?"""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from gputsne.data import BadInput, Selection, read

X = np.array([[1.5, -2.0], [0.0, 3.25], [1e-30, 7.0]], dtype=np.float32)
NAMES = ["a", "b", "a"]


def test_parquet_columns(tmp_path):
    columns = {"a": X[:, 0], "kind": NAMES, "b": X[:, 1], "day": [date(2020, 1, 1)] * 3}
    parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet", Selection(labels="kind"))
    np.testing.assert_array_equal(table.X, X)
    assert table.X.dtype == np.float32
    assert (table.names, list(table.labels), table.left_out) == (("a", "b"), NAMES, ("day",))


def test_parquet_booleans_are_numbers_as_in_an_array(tmp_path):
    on = pa.array([True, None, False])
    parquet.write_table(pa.table({"a": X[:, 0], "on": on}), tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet")
    np.testing.assert_array_equal(table.X, np.column_stack([X[:, 0], [1, np.nan, 0]]))
    assert (table.X.dtype, table.left_out) == (np.float32, ())
    parquet.write_table(pa.table({"on": on, "a": [1.5, 2.5, 0.1]}), tmp_path / "y.parquet")
    np.testing.assert_array_equal(
        read(tmp_path / "y.parquet").X, [[1, 1.5], [np.nan, 2.5], [0, 0.1]]
    )
    labels = read(tmp_path / "y.parquet", Selection(labels="on")).labels
    assert list(labels) == [True, None, False]


def test_parquet_without_rows(tmp_path):
    parquet.write_table(pa.table({"a": pa.array([], pa.null())}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="has no rows, only columns: a"):
        read(tmp_path / "x.parquet")


def test_parquet_nulls_integers_and_categories(tmp_path):
    kinds = pa.array(NAMES).dictionary_encode()
    columns = {"a": pa.array([1, None, 3]), "b": X[:, 0], "kind": kinds}
    parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet", Selection(labels="kind"))
    np.testing.assert_array_equal(table.X[:, 0], [1, np.nan, 3])
    assert list(table.labels) == NAMES


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 2)])
def test_parquet_vectors(tmp_path, kind):
    vectors = pa.array(X.tolist(), kind)
    parquet.write_table(pa.table({"v": vectors, "kind": NAMES}), tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet")  # the only numeric thing in the file
    np.testing.assert_array_equal(table.X, X)
    assert table.left_out == ("kind",)
    with pytest.raises(BadInput, match="'kind' holds no lists"):
        read(tmp_path / "x.parquet", Selection(vector="kind"))


@pytest.mark.parametrize(("third", "said"), [([1.0], "a vector of 1"), (None, "a vector of")])
def test_parquet_vectors_of_unequal_length(tmp_path, third, said):
    vectors = pa.array([[1.0, 2.0], [3.0, 4.0], third], pa.list_(pa.float64()))
    parquet.write_table(pa.table({"v": vectors}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=f"row 2: {said}"):
        read(tmp_path / "x.parquet")
