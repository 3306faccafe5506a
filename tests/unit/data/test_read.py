"""Do files of every format give the same table, and broken ones a message that names the place?"""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import sparse

from gputsne.data import BadInput, Selection, read

X = np.array([[1.5, -2.0], [0.0, 3.25], [1e-30, 7.0]], dtype=np.float32)
NAMES = ["a", "b", "a"]


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_npy_is_memory_mapped_and_bit_equal(tmp_path):
    np.save(tmp_path / "x.npy", X)
    table = read(tmp_path / "x.npy")
    assert isinstance(table.X, np.memmap)
    np.testing.assert_array_equal(table.X, X)
    np.testing.assert_array_equal(
        read(tmp_path / "x.npy", Selection(columns=("1", "0"))).X, X[:, ::-1]
    )


def test_npz_chooses_the_only_matrix_and_takes_labels_and_ids(tmp_path):
    np.savez(tmp_path / "x.npz", X=X, y=np.array(NAMES), i=np.arange(3))
    table = read(tmp_path / "x.npz", Selection(labels="y", ids="i"))
    np.testing.assert_array_equal(table.X, X)
    assert list(table.labels) == NAMES
    assert list(table.ids) == [0, 1, 2]


def test_npz_with_two_matrices_needs_a_key(tmp_path):
    np.savez(tmp_path / "x.npz", train=X, test=X[:1])
    with pytest.raises(BadInput, match="--key: train, test"):
        read(tmp_path / "x.npz")
    assert read(tmp_path / "x.npz", Selection(key="test")).X.shape == (1, 2)
    with pytest.raises(BadInput, match="no array 'nope'; it has: train, test"):
        read(tmp_path / "x.npz", Selection(key="nope"))


def test_sparse_npz(tmp_path):
    sparse.save_npz(tmp_path / "x.npz", sparse.csc_matrix(X))
    table = read(tmp_path / "x.npz")
    assert sparse.issparse(table.X)
    np.testing.assert_array_equal(table.X.toarray(), X)


@pytest.mark.parametrize(
    "array", [np.zeros(3), np.zeros((2, 2, 2)), np.array([["a"]]), np.array([[{}]], dtype=object)]
)
def test_npy_that_is_no_numeric_matrix(tmp_path, array):
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(BadInput, match=r"x\.npy"):
        read(tmp_path / "x.npy")


CSV = 'id,a,b,kind\nr0,1.5,-2,"x, y"\nr1,0,3.25,z\nr2,1e-30,7,z\n'


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_csv_numeric_columns_are_features_and_text_is_left_out(tmp_path, mark, start):
    body = CSV.replace("x, y", "x+ y").replace(",", mark).replace("+", ",")
    table = read(text(tmp_path / "x.csv", start + body), Selection(labels="kind"))
    np.testing.assert_allclose(table.X, X, rtol=1e-7)  # X is float32, the text is exact
    assert table.names == ("a", "b")
    assert list(table.labels) == ["x, y", "z", "z"]
    assert table.left_out == ("id",)


def test_csv_label_and_id_columns_are_no_features(tmp_path):
    path = text(tmp_path / "x.csv", "id,a,cluster\n7,0.5,1\n8,1.5,2\n")
    table = read(path, Selection(labels="cluster", ids="id"))
    np.testing.assert_array_equal(table.X, [[0.5], [1.5]])
    assert table.labels.dtype == np.int64
    assert list(table.ids) == [7, 8]


def test_ids_keep_leading_zeros(tmp_path):
    path = text(tmp_path / "x.csv", "id,a\n007,0.5\n8,1.5\n")
    assert list(read(path, Selection(ids="id")).ids) == ["007", "8"]


@pytest.mark.parametrize(
    ("content", "names", "rows"),
    [
        ("1,2\n3,4\n", None, 2),
        ("0,1\n3,4\n5,6\n", ("0", "1"), 2),  # pandas writes 0,1,2,... over nameless columns
        ("5,0,0\n1,2,3\n", None, 2),  # a first row of pixels is no header
        ("a,b\n1,2\n", ("a", "b"), 1),
    ],
)
def test_csv_header_is_found_out(tmp_path, content, names, rows):
    table = read(text(tmp_path / "x.csv", content))
    assert table.names == names
    assert table.X.shape[0] == rows


def test_csv_header_can_be_said(tmp_path):
    path = text(tmp_path / "x.csv", "0,1\n3,4\n")
    assert read(path, Selection(header=False)).X.shape == (2, 2)
    path = text(tmp_path / "y.csv", "2020,2021\n3,4\n")
    assert read(path, Selection(header=True)).names == ("2020", "2021")


def test_csv_row_index_without_a_name_is_left_out(tmp_path):
    table = read(text(tmp_path / "x.csv", ",a\n0,5\n1,6\n"))
    np.testing.assert_array_equal(table.X, [[5], [6]])
    assert "row index" in table.left_out[0]


def test_csv_blanks_are_nan(tmp_path):
    table = read(text(tmp_path / "x.csv", "a,b\n1,\nNA,2\n3,4\n"))
    np.testing.assert_array_equal(table.X, [[1, np.nan], [np.nan, 2], [3, 4]])


def test_csv_gz_and_tsv(tmp_path):
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    np.testing.assert_array_equal(read(tmp_path / "x.csv.gz").X, [[1, 2]])
    np.testing.assert_array_equal(read(text(tmp_path / "x.tsv", "a\tb,c\n1\t2\n")).X, [[1, 2]])


def test_csv_vector_column(tmp_path):
    path = text(tmp_path / "x.csv", 'v,n\n"[1, 2.5]",9\n"[3 4]",9\n')
    np.testing.assert_array_equal(read(path, Selection(vector="v")).X, [[1, 2.5], [3, 4]])
    path = text(tmp_path / "y.csv", 'v\n"[1, 2.5]"\n"[3]"\n')
    with pytest.raises(BadInput, match="row 3: a vector of 1; the first has 2"):
        read(path, Selection(vector="v", header=True))


def late_text(n: int) -> str:
    return "a,b\n" + "1,2\n" * n + "3,oops\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("a,b\n", "no rows, only a header: a, b"),
        ("a,b\nx,y\n", "no numeric column"),
        ("a,b\n1,2\n3\n", "row 3: 1 cell where 2"),
        (late_text(2000), "row 2002, column 'b': 'oops' isn't a number"),
    ],
)
def test_broken_csv(tmp_path, content, message):
    with pytest.raises(BadInput, match=message):
        read(text(tmp_path / "x.csv", content))


def test_csv_in_another_encoding(tmp_path):
    (tmp_path / "x.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(BadInput, match="UTF-8"):
        read(tmp_path / "x.csv")


def test_columns_by_name_position_slice_and_pattern(tmp_path):
    path = text(tmp_path / "x.csv", "p1,p2,q,p10\n1,2,3,4\n5,6,7,8\n")
    for wanted, expected in [
        (("q", "p1"), [3, 1]),
        (("0", "2"), [1, 3]),
        (("1:3",), [2, 3]),
        (("p*",), [1, 2, 4]),
        (("p*", "q"), [1, 2, 4, 3]),
    ]:
        assert read(path, Selection(columns=wanted)).X[0].tolist() == expected
    with pytest.raises(BadInput, match="no column 'r'; it has: p1, p2, q, p10"):
        read(path, Selection(columns=("r",)))


def anndata_file(path: Path, X, layout: str) -> Path:
    with h5py.File(path, "w") as file:
        if layout == "dense":
            file["X"] = X.toarray()
        else:
            group = file.create_group("X")
            group.attrs["encoding-type"] = f"{layout}_matrix"
            group.attrs["shape"] = X.shape
            stored = X.tocsr() if layout == "csr" else X.tocsc()
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(stored, part)
        file["obsm/X_pca"] = X.toarray()[:, :1]
        file["obs/cell"] = ["c0", "c1", "c2"]
        file["obs"].attrs["_index"] = "cell"
        file["obs/kind/codes"] = np.array([1, 0, -1], np.int8)
        file["obs/kind/categories"] = ["T", "B"]
        file["var/gene"] = ["g0", "g1"]
        file["var"].attrs["_index"] = "gene"
    return path


@pytest.mark.parametrize("layout", ["dense", "csr", "csc"])
def test_h5ad(tmp_path, layout):
    path = anndata_file(tmp_path / "x.h5ad", sparse.csr_matrix(X), layout)
    table = read(path, Selection(labels="kind", ids="_index"))
    assert sparse.issparse(table.X) == (layout != "dense")
    dense = table.X.toarray() if sparse.issparse(table.X) else table.X
    np.testing.assert_array_equal(dense, X)
    assert list(table.labels) == ["B", "T", None]
    assert list(table.ids) == ["c0", "c1", "c2"]
    assert table.names == ("g0", "g1")
    np.testing.assert_array_equal(read(path, Selection(key="X_pca")).X, X[:, :1])
    assert read(path, Selection(columns=("g1",))).names == ("g1",)
    with pytest.raises(BadInput, match="no matrix 'nope'; it has: X, obsm/X_pca"):
        read(path, Selection(key="nope"))
    with pytest.raises(BadInput, match="no obs column 'nope'; it has: cell, kind"):
        read(path, Selection(labels="nope"))


def test_labels_from_a_file_beside(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", np.arange(3))
    np.savez(tmp_path / "y.npz", one=np.arange(3), two=np.arange(3) * 2)
    text(tmp_path / "y.txt", "a\nb\na\n")
    text(tmp_path / "y.csv", "kind,more\na,1\nb,2\na,3\n")
    text(tmp_path / "nameless.csv", "4\n5\n6\n")
    parquet.write_table(pa.table({"kind": NAMES}), tmp_path / "y.parquet")
    for name, expected in [
        ("y.npy", [0, 1, 2]),
        ("y.npz:two", [0, 2, 4]),
        ("y.txt", NAMES),
        ("y.csv:kind", NAMES),
        ("nameless.csv", [4, 5, 6]),
        ("y.parquet", NAMES),
    ]:
        table = read(tmp_path / "x.npy", Selection(labels=str(tmp_path / name)))
        assert list(table.labels) == expected, name
    text(tmp_path / "short.txt", "a\n")
    for name, said in [
        ("short.txt", "has 1 label, .* has 3 rows"),
        ("y.csv", "several columns"),
        ("nope.txt", "neither a column of"),
    ]:
        with pytest.raises(BadInput, match=said):
            read(tmp_path / "x.npy", Selection(labels=str(tmp_path / name)))


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet", "x.h5ad", "x.csv.gz"])
def test_garbage_and_missing_files(tmp_path, name):
    with pytest.raises(BadInput, match="no such file"):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(b"garbage" * 40)
    with pytest.raises(BadInput, match=name):
        read(tmp_path / name)


def test_unknown_suffix(tmp_path):
    with pytest.raises(BadInput, match=r"'.xls' says no known format; known are .npy"):
        read(tmp_path / "x.xls")
