"""npy and npz files: which array is read, labels beside it, sparse matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from gputsne.data import BadInput, Selection, read

X = np.array([[1.5, -2.0], [0.0, 3.25], [1e-30, 7.0]], dtype=np.float32)
NAMES = ["a", "b", "a"]


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


def test_npz_reads_no_array_that_is_not_asked_for(tmp_path):
    objects = np.array(NAMES, dtype=object)
    np.savez(tmp_path / "x.npz", X=X, labels=objects)
    np.testing.assert_array_equal(read(tmp_path / "x.npz").X, X)
    said = r"array 'labels' holds Python objects, .* save text with \.astype\(str\)"
    with pytest.raises(BadInput, match=said):
        read(tmp_path / "x.npz", labels="labels")
    np.savez(tmp_path / "y.npz", X=np.array([[None]]))
    with pytest.raises(BadInput, match=said.replace("labels", "X")):
        read(tmp_path / "y.npz", key="X")


def test_labels_and_ids_are_no_candidates_for_the_matrix(tmp_path):
    np.savez(tmp_path / "x.npz", X=X, y=np.array([[1], [2], [3]]))
    with pytest.raises(BadInput, match="several arrays"):
        read(tmp_path / "x.npz")
    assert read(tmp_path / "x.npz", labels="y").labels.tolist() == [1, 2, 3]


def test_labels_in_bytes_become_text(tmp_path):
    np.savez(tmp_path / "x.npz", X=X, y=np.array(["Iris", "größe".encode(), b"c"], dtype="S"))
    assert list(read(tmp_path / "x.npz", labels="y").labels) == ["Iris", "größe", "c"]


def test_lone_surrogates_do_not_get_in(tmp_path):
    for order in "<>":
        labels = np.array(["a", "b\ud800", "c"], dtype=f"{order}U2")
        np.savez(tmp_path / "x.npz", X=X, y=labels)
        assert list(read(tmp_path / "x.npz", labels="y").labels) == ["a", "b?", "c"]
    np.savez(tmp_path / "x.npz", X=X, y=np.zeros(3, dtype="U0"))
    assert list(read(tmp_path / "x.npz", labels="y").labels) == [""] * 3


def test_images_are_flattened_where_asked_for(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(3, 4, 2)
    np.savez(tmp_path / "x.npz", images=images, y=np.arange(3))
    np.save(tmp_path / "x.npy", images)
    for name in ("x.npz", "x.npy"):
        flat = read(tmp_path / name, flatten=True)
        np.testing.assert_array_equal(flat.X, images.reshape(3, 8))
    with pytest.raises(BadInput, match=r"shape \(3, 4, 2\); .* --flatten"):
        read(tmp_path / "x.npy")
    with pytest.raises(BadInput, match=r"images \(3, 4, 2\), y \(3,\); --flatten makes"):
        read(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", y=np.arange(3))
    with pytest.raises(BadInput, match=r"it has: y \(3,\)$"):
        read(tmp_path / "y.npz")
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match=r"--flatten has no effect on it"):
        read(tmp_path / "x.csv", flatten=True)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
def test_sparse_matrices_of_every_kind(tmp_path, kind):
    dense = np.zeros((4, 6))
    dense[[0, 1, 3, 3], [5, 0, 2, 3]] = [1.5, 2, -3, 4]
    sparse.save_npz(tmp_path / "x.npz", sparse.coo_matrix(dense).asformat(kind))
    table = read(tmp_path / "x.npz")
    assert table.X.format == "csr"
    np.testing.assert_array_equal(table.X.toarray(), dense)


@pytest.mark.parametrize(
    ("kind", "part", "value"),
    [
        ("csr", "indices", [0, 1, 99]),
        ("csr", "indices", [0, -1, 1]),
        ("csr", "indices", [0, 1, 2**40]),
        ("csr", "indices", [0.0, 1.0, 1.0]),
        ("csr", "indptr", [0, 1, 2, 99]),
        ("csr", "indptr", [0, 2, 1, 3]),
        ("csr", "indptr", [5, 1, 2, 3]),
        ("csr", "indptr", [0, 3]),
        ("csc", "indices", [0, 1, 3]),
        ("csc", "indptr", [0, 9, 3]),
        ("coo", "row", [0, 1, 3]),
        ("coo", "col", [0, 1, -1]),
        ("csr", "shape", [3, 1]),
        ("csr", "shape", [3, 2, 2]),
        ("csr", "shape", [-3, 2]),
        ("csr", "data", ["a", "b", "c"]),
        ("csr", "format", "lil"),
    ],
)
def test_sparse_matrices_with_damaged_parts(tmp_path, kind, part, value):
    matrix = sparse.coo_matrix(([1.0, 2.0, 3.0], ([0, 1, 2], [0, 1, 1])), shape=(3, 2))
    sparse.save_npz(tmp_path / "x.npz", matrix.asformat(kind), compressed=False)
    with np.load(tmp_path / "x.npz") as whole:
        parts = dict(whole)
    np.savez(tmp_path / "x.npz", **(parts | {part: np.array(value)}))
    with pytest.raises(BadInput, match=r"x\.npz: .*the sparse matrix"):
        read(tmp_path / "x.npz")
