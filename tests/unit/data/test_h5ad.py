"""h5ad files: matrices of every layout, obs columns as labels, older layouts."""

from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from gputsne.data import BadInput, Selection, read, write

X = np.array([[1.5, -2.0], [0.0, 3.25], [1e-30, 7.0]], dtype=np.float32)


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


def older_file(path: Path) -> Path:
    """Write what anndata 0.6 wrote: compound tables for obs, var and obsm."""
    obs = np.zeros(3, dtype=[("index", "S2"), ("louvain", "i1"), ("depth", "f8")])
    obs["index"], obs["louvain"], obs["depth"] = [b"c0", b"c1", b"c2"], [1, 0, -1], [0.5, 1, 2]
    var = np.array([(b"g0",), (b"g1",)], dtype=[("index", "S2")])
    obsm = np.zeros(3, dtype=[("X_pca", "f4", (2,))])
    obsm["X_pca"] = X[:, ::-1]
    with h5py.File(path, "w") as file:
        file["X"], file["obs"], file["var"], file["obsm"] = X, obs, var, obsm
        file["uns/louvain_categories"] = ["T", "B"]
    return path


def test_files_of_anndata_0_6(tmp_path):
    path = older_file(tmp_path / "x.h5ad")
    table = read(path, labels="louvain", ids="_index")
    assert list(table.labels) == ["B", "T", None]
    assert list(table.ids) == ["c0", "c1", "c2"]
    assert table.names == ("g0", "g1")
    np.testing.assert_array_equal(read(path, key="X_pca").X, X[:, ::-1])
    assert read(path, labels="depth").labels.tolist() == [0.5, 1, 2]
    with pytest.raises(BadInput, match="no matrix 'nope'; it has: X, obsm/X_pca"):
        read(path, key="nope")
    with pytest.raises(BadInput, match="no obs column 'nope'; it has: index, louvain, depth"):
        read(path, labels="nope")


def test_what_anndata_writes_today(tmp_path):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file["X"] = X
        table = file.create_group("obsm/table")
        table.attrs.update({"encoding-type": "dataframe", "_index": "_index"})
        table.attrs["column-order"] = np.array(["u", "text", "v"], dtype=h5py.string_dtype())
        table["_index"], table["text"] = ["c0", "c1", "c2"], ["a", "b", "c"]
        table["u"], table["v"] = X[:, 0], X[:, 1]
        distances = file.create_group("obsp/distances")
        distances.attrs.update({"encoding-type": "csr_matrix", "shape": (3, 3)})
        eye = sparse.csr_matrix(np.eye(3))
        for part in ("data", "indices", "indptr"):
            distances[part] = getattr(eye, part)
        obs = file.create_group("obs")
        obs.attrs.update({"encoding-type": "dataframe", "_index": "_index"})
        obs["_index"] = ["c0", "c1", "c2"]
        obs["kind/codes"], obs["kind/categories"] = np.array([0, 1, -1], np.int8), ["B", "T"]
        obs["n/values"], obs["n/mask"] = [1, 0, 3], [False, True, False]
    path = tmp_path / "x.h5ad"
    assert list(read(path, labels="kind").labels) == ["B", "T", None]
    assert list(read(path, labels="n").labels) == [1, None, 3]
    for key in ("table", "obsm/table"):
        found = read(path, key=key)
        np.testing.assert_array_equal(found.X, X)
        assert found.names == ("u", "v")
    assert read(path, key="table", columns=["v"]).X.tolist() == X[:, 1:].tolist()
    np.testing.assert_array_equal(read(path, key="distances").X.toarray(), np.eye(3))
    with pytest.raises(BadInput, match="it has: X, obsm/table, obsp/distances"):
        read(path, key="nope")


def test_files_of_10x_are_named(tmp_path):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file["matrix/data"] = [1.0]
    with pytest.raises(BadInput, match=r"laid out as 10x .* scanpy\.read_10x_h5"):
        read(tmp_path / "x.h5ad")
    with h5py.File(tmp_path / "y.h5ad", "w") as file:
        file["other"] = [1.0]
    with pytest.raises(BadInput, match="it has no matrix at all"):
        read(tmp_path / "y.h5ad")


@pytest.mark.parametrize("layout", ["csr", "csc"])
@pytest.mark.parametrize(
    ("part", "at", "value"), [("indices", 0, 99), ("indices", 1, -5), ("indptr", 1, 77)]
)
def test_damaged_sparse_matrices(tmp_path, layout, part, at, value):
    path = anndata_file(tmp_path / "x.h5ad", sparse.csr_matrix(X), layout)
    with h5py.File(path, "a") as file:
        file[f"X/{part}"][at] = value
    with pytest.raises(BadInput, match=r"x\.h5ad: matrix 'X' is damaged"):
        read(path)


def test_codes_beyond_the_categories(tmp_path):
    path = anndata_file(tmp_path / "x.h5ad", sparse.csr_matrix(X), "dense")
    with h5py.File(path, "a") as file:
        file["obs/kind/codes"][0] = 7
    with pytest.raises(BadInput, match="'kind' has codes beyond its 2 categories"):
        read(path, labels="kind")


Y = np.array([[0.1, -1e-7], [1 / 3, 2e8], [np.float32(np.pi), -0.0]], dtype=np.float32)


def contents(path: Path) -> dict[str, object]:
    """Return every array and attribute of a file, bytes as they are."""
    found: dict[str, object] = {}

    def visit(name, node):
        value = node[()].tobytes() if isinstance(node, h5py.Dataset) else None
        found[name] = (value, {k: str(v) for k, v in node.attrs.items()})

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


@pytest.mark.parametrize("layout", ["dense", "csr", "csc"])
def test_a_map_is_added_to_a_copy(tmp_path, layout):
    path = anndata_file(tmp_path / "x.h5ad", sparse.csr_matrix(X), layout)
    bytes_before, before = path.read_bytes(), contents(path)
    copy = tmp_path / "copy.h5ad"
    write(copy, Y, labels=np.array(["a", "b", "c"]), copy_of=path)
    assert path.read_bytes() == bytes_before
    np.testing.assert_array_equal(read(copy, key="X_tsne").X, Y)
    after = contents(copy)
    assert after.pop("obsm/X_tsne")
    # Text of variable length is an address in memory: compared by reading it.
    same = {k for k in before if k.split("/")[-1] not in ("cell", "gene", "categories")}
    assert {k: after[k] for k in same} == {k: before[k] for k in same}
    assert after.keys() == before.keys()
    table = read(copy, labels="kind", ids="_index")
    assert list(table.labels) == ["B", "T", None]
    assert list(table.ids) == ["c0", "c1", "c2"]
    write(tmp_path / "again.h5ad", Y[:, :1], copy_of=copy)  # takes the place of an older map
    np.testing.assert_array_equal(read(tmp_path / "again.h5ad", key="X_tsne").X, Y[:, :1])


def test_anndata_reads_the_copy(tmp_path):
    made = anndata.AnnData(
        sparse.csr_matrix(X),
        obs=pd.DataFrame({"kind": pd.Categorical(["T", "B", None])}, index=["c0", "c1", "c2"]),
        obsm={"X_pca": X[:, :1]},
        uns={"kind_colors": np.array(["#ff0000", "#0000ff"])},
    )
    made.write_h5ad(tmp_path / "x.h5ad")
    write(tmp_path / "copy.h5ad", Y, copy_of=tmp_path / "x.h5ad")
    found = anndata.read_h5ad(tmp_path / "copy.h5ad")
    np.testing.assert_array_equal(found.obsm["X_tsne"], Y)
    np.testing.assert_array_equal(found.obsm["X_pca"], X[:, :1])
    np.testing.assert_array_equal(found.X.toarray(), X)
    pd.testing.assert_frame_equal(found.obs, made.obs)
    assert list(found.uns["kind_colors"]) == ["#ff0000", "#0000ff"]


def test_a_map_is_added_where_there_was_none(tmp_path):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file["X"] = X
    write(tmp_path / "copy.h5ad", Y, copy_of=tmp_path / "x.h5ad")
    np.testing.assert_array_equal(read(tmp_path / "copy.h5ad", key="X_tsne").X, Y)


def test_a_map_is_added_to_a_file_of_anndata_0_6(tmp_path):
    path = older_file(tmp_path / "x.h5ad")
    write(tmp_path / "copy.h5ad", Y, copy_of=path)
    np.testing.assert_array_equal(read(tmp_path / "copy.h5ad", key="X_tsne").X, Y)
    table = read(tmp_path / "copy.h5ad", key="X_pca", labels="louvain")
    np.testing.assert_array_equal(table.X, X[:, ::-1])
    assert list(table.labels) == ["B", "T", None]


@pytest.mark.parametrize("layout", ["dense", "csr", "older", "X alone", "sparse X alone"])
def test_a_map_of_other_rows_is_refused(tmp_path, layout):
    path = tmp_path / "x.h5ad"
    if layout == "older":
        older_file(path)
    else:
        made = "csr" if layout == "sparse X alone" else layout.replace("X alone", "dense")
        anndata_file(path, sparse.csr_matrix(X), made)
    if "alone" in layout:
        with h5py.File(path, "a") as file:
            del file["obs"]
    with pytest.raises(BadInput, match=r"x\.h5ad has 3 observations, the map has 2 points"):
        write(tmp_path / "copy.h5ad", Y[:2], copy_of=path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.h5ad"]


def test_h5ad_needs_a_file_to_copy(tmp_path):
    for source in (None, tmp_path / "x.csv"):
        with pytest.raises(BadInput, match="h5ad is written as a copy of the h5ad file"):
            write(tmp_path / "map.h5ad", Y, copy_of=source)


def test_a_copy_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = anndata_file(tmp_path / "x.h5ad", sparse.csr_matrix(X), "dense")
    copy = tmp_path / "copy.h5ad"
    copy.write_text("old")

    def fail(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("gputsne.data.formats.h5ad.add_map", fail)
    with pytest.raises(KeyboardInterrupt):
        write(copy, Y, copy_of=path)
    assert copy.read_text() == "old"
    assert {p.name for p in tmp_path.iterdir()} == {"x.h5ad", "copy.h5ad"}
