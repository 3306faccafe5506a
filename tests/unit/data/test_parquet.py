"""parquet files: numbers, booleans and lists as features, pandas' index, nulls."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
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


@pytest.mark.parametrize("before", [0, 1])
def test_parquet_vectors_of_unequal_length(tmp_path, before):
    rows = [None] * before + [[1.0, 2.0], [3.0, 4.0], [1.0]]
    parquet.write_table(pa.table({"v": pa.array(rows)}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=f"row {before + 2}: a vector of 1; the first has 2"):
        read(tmp_path / "x.parquet")


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("rows_per_batch", [2, 65_536])
def test_rows_without_a_vector_are_missing_values(tmp_path, monkeypatch, fixed, rows_per_batch):
    from gputsne.data.formats import parquet as reader

    monkeypatch.setattr(reader, "_BATCH", rows_per_batch)
    rows = [None, None, None, [1.0, 2.0], None, [3.0, None], None]
    kind = pa.list_(pa.float32(), 2) if fixed else pa.list_(pa.float32())
    parquet.write_table(pa.table({"v": pa.array(rows, kind)}), tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet")
    gap = [np.nan, np.nan]
    expected = np.array([gap, gap, gap, [1, 2], gap, [3, np.nan], gap], np.float32)
    np.testing.assert_array_equal(table.X, expected)
    assert table.X.dtype == np.float32
    assert table.remarks == ("5 rows without a vector, read as missing values (NaN)",)


def test_vectors_beside_numbers_are_the_features(tmp_path):
    columns = {"id": [7, 8, 9], "text": NAMES, "score": [0.1, 0.2, 0.3], "embedding": X.tolist()}
    parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet", Selection(labels="text"))
    np.testing.assert_array_equal(table.X, X)
    assert table.left_out == ("id", "score")
    assert table.remarks == ("id, score were left out: the vectors of embedding are the features",)
    assert read(tmp_path / "x.parquet", columns=["score", "id"]).names == ("score", "id")
    np.testing.assert_array_equal(read(tmp_path / "x.parquet", columns="embedding").X, X)
    columns["other"] = X.tolist()
    parquet.write_table(pa.table(columns), tmp_path / "y.parquet")
    with pytest.raises(BadInput, match="columns of lists: embedding, other; choose with --vector"):
        read(tmp_path / "y.parquet")
    np.testing.assert_array_equal(read(tmp_path / "y.parquet", vector="other").X, X)
    with pytest.raises(BadInput, match=r"'embedding' holds lists .* --vector"):
        read(tmp_path / "y.parquet", columns=["embedding", "id"])


@pytest.mark.parametrize("kind", ["named", "several", "unnamed", "range"])
def test_an_index_of_pandas_is_no_feature(tmp_path, kind):
    frame = pd.DataFrame(X, columns=["a", "b"])
    if kind == "named":
        frame = frame.set_index(pd.Index([10, 20, 30], name="cell"))
    if kind == "several":
        pairs = pd.MultiIndex.from_arrays([[1, 2, 3], [4, 5, 6]], names=["p", "q"])
        frame = frame.set_index(pairs)
    if kind == "unnamed":
        frame.index = pd.Index([5, 3, 4])
    frame.to_parquet(tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet")
    np.testing.assert_array_equal(table.X, X)
    left = {"named": ("cell",), "several": ("p", "q"), "unnamed": ("__index_level_0__",)}
    assert table.left_out == left.get(kind, ())
    if kind == "named":
        assert table.remarks == ("cell was left out: pandas' index",)
        assert read(tmp_path / "x.parquet", ids="cell").ids.tolist() == [10, 20, 30]
        assert read(tmp_path / "x.parquet", columns=["cell", "a"]).X[:, 0].tolist() == [10, 20, 30]


def test_an_index_that_was_saved_to_csv_before_is_no_feature(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b"])
    frame.insert(0, "Unnamed: 0", [0, 10, 20])  # what read_csv makes of a column without a name
    frame.to_parquet(tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet")
    np.testing.assert_array_equal(table.X, X)
    assert table.remarks == ("Unnamed: 0 was left out: no name, so a row index",)
    chosen = read(tmp_path / "x.parquet", columns=["Unnamed: 0"])
    assert chosen.X[:, 0].tolist() == [0, 10, 20]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pa.array([b"ab"] * 3), "bytes don't say what they hold"),
        (pa.array([[[1.0], [2.0]]] * 3), "flatten it to numbers"),
        (pa.array([{"x": 1.0}] * 3), "flatten it to numbers"),
    ],
)
def test_vectors_in_other_clothes(tmp_path, values, said):
    parquet.write_table(pa.table({"v": values}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=f"column 'v' .*{said}"):
        read(tmp_path / "x.parquet", columns="v")
    with pytest.raises(BadInput, match=f"column 'v' .*{said}"):
        read(tmp_path / "x.parquet", vector="v")
    with pytest.raises(BadInput, match=f"(?s)no numeric column.*column 'v' .*{said}"):
        read(tmp_path / "x.parquet")


def test_labels_with_fractions_and_gaps_stay_numbers(tmp_path):
    columns = {"a": [1.0, 2.0], "t": pa.array([0.25, None])}
    parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    labels = read(tmp_path / "x.parquet", labels="t").labels
    assert labels.dtype == np.float64
    np.testing.assert_array_equal(labels, [0.25, np.nan])


def test_columns_of_one_name_are_refused(tmp_path):
    twins = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])
    parquet.write_table(twins, tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="several columns are called 'a'"):
        read(tmp_path / "x.parquet")


def test_whole_numbers_beyond_two_to_53_are_rounded_as_in_csv(tmp_path):
    big = [2**53 + 1, 2**62 + 3, -(2**60) - 1]
    table = pa.table({"n": pa.array(big, pa.int64()), "id": pa.array(big, pa.int64())})
    parquet.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("n,id\n" + "\n".join(f"{n},{n}" for n in big))
    found = read(tmp_path / "a.parquet", Selection(ids="id"))
    np.testing.assert_array_equal(found.X[:, 0], np.array(big, dtype=np.float64))
    np.testing.assert_array_equal(found.X, read(tmp_path / "a.csv", Selection(ids="id")).X)
    assert found.ids.tolist() == big  # ids to the digit
    lists = pa.table({"v": pa.array([[n, 0] for n in big], pa.list_(pa.int64()))})
    parquet.write_table(lists, tmp_path / "b.parquet")
    np.testing.assert_array_equal(read(tmp_path / "b.parquet").X[:, 0], np.array(big, float))
