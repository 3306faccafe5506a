"""What prepare takes for a table, and what it says about what is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from gputsne.base.tables import read
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


SPARSE = sparse.random_array((30, 6), density=0.3, rng=np.random.default_rng(4), format="csr")


def sparse_frame(fill=0.0):
    dense = np.where(SPARSE.toarray() == 0, fill, SPARSE.toarray())
    columns = {
        name: pd.arrays.SparseArray(dense[:, j], fill_value=fill) for j, name in enumerate("abcdef")
    }
    return pd.DataFrame(columns)


def test_sparse_frames_are_sparse_tables_with_names():
    table = read(pd.DataFrame.sparse.from_spmatrix(SPARSE, columns=list("abcdef")))
    assert table.sparse
    assert table.names == tuple("abcdef")
    np.testing.assert_array_equal(table.values.toarray(), SPARSE.toarray())
    flags = pd.get_dummies(pd.Series(list("xyz") * 10), sparse=True)
    np.testing.assert_array_equal(prepare(flags)[0], np.tile(np.eye(3, dtype=np.float32), (10, 1)))


def test_frames_with_some_sparse_columns_or_another_fill_are_dense_tables():
    want = SPARSE.toarray()
    for frame in (sparse_frame().assign(g=np.arange(30.0)), sparse_frame(fill=-1.0)):
        table = read(frame)
        assert not table.sparse
        assert table.names == tuple(frame.columns)
        np.testing.assert_array_equal(
            table.values[:, :6], np.where(want == 0, frame.iloc[:, :6], want)
        )


@pytest.mark.parametrize("gap", [pd.NA, None, np.nan, float("nan"), pd.NaT])
def test_whatever_is_missing_among_objects_is_nan(gap):
    column = [1.0, gap, 3]
    for X in (
        pd.DataFrame({"a": pd.Series(column, dtype=object), "b": [4, 5, 6]}),
        np.array([[1.0, 4], [gap, 5], [3, 6]], dtype=object),
        [[1.0, 4], [gap, 5], [3, 6]],
    ):
        np.testing.assert_array_equal(prepare(X, impute="mean")[0], [[1, 4], [2, 5], [3, 6]])
        with pytest.raises(ValueError, match="1 NaN values, in 1 of 2 columns"):
            prepare(X)


VECTORS = TABLE.astype(np.float32)


@pytest.mark.parametrize(
    "make",
    [
        lambda V: pd.DataFrame({"e": list(V)}),
        lambda V: pd.DataFrame({"e": V.tolist()}),
        lambda V: pl.DataFrame({"e": V.tolist()}),
        lambda V: pl.DataFrame({"e": V}),
        lambda V: pl.DataFrame({"e": V}).lazy(),
        lambda V: pd.Series(list(V)),
        lambda V: pl.Series(V.tolist()),
        lambda V: pd.DataFrame({"e": list(V)}).to_numpy(),
    ],
)
def test_one_column_of_vectors_is_stacked(make):
    rows, learned = prepare(make(VECTORS))
    np.testing.assert_array_equal(rows, VECTORS)
    assert learned.feature_names is None
    np.testing.assert_array_equal(learned.apply(make(VECTORS[1:3])), rows[1:3])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_vectors_beside_other_columns_say_how_to_pass_them(frame):
    X = frame({"id": range(4), "e": VECTORS.tolist()})
    with pytest.raises(ValueError, match=r"column 'e' of X holds vectors.*np\.stack\(X\['e'\]\)"):
        prepare(X)
    np.testing.assert_array_equal(prepare(np.stack(X["e"]))[0], VECTORS)  # the remedy


def test_odd_and_missing_vectors_are_named():
    ragged = [[1.0, 2.0], [3.0, 4.0], [5.0]]
    with pytest.raises(ValueError, match="row 2 of column 'e' of X holds a vector of 1 numbers"):
        prepare(pl.DataFrame({"e": ragged}))
    with pytest.raises(ValueError, match="row 2 has 1 numbers and row 0 has 2"):
        prepare(ragged)
    with pytest.raises(ValueError, match="row 1 of column 'e' of X holds no vector"):
        prepare(pd.DataFrame({"e": [[1.0, 2.0], None]}))


def test_an_array_may_bring_the_names_of_its_columns():
    class Named(np.ndarray):
        feature_names = None

    X = TABLE.view(Named)
    X.feature_names = ("a", "b", "c")
    _, learned = prepare(X)
    assert learned.feature_names == ("a", "b", "c")
    with pytest.raises(ValueError, match="same order"):
        learned.apply(pd.DataFrame(TABLE, columns=["b", "a", "c"]))


def test_lazy_frames_are_collected():
    rows, learned = prepare(pl.DataFrame(TABLE, schema=["a", "b", "c"]).lazy())
    np.testing.assert_array_equal(rows, TABLE)
    assert learned.feature_names == ("a", "b", "c")


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, np.asarray])
def test_anndata_in_memory_and_backed(kind, tmp_path):
    anndata = pytest.importorskip("anndata")
    whole = anndata.AnnData(kind(SPARSE.toarray()))
    whole.obsm["X_pca"] = SPARSE.toarray()[:, :2]
    whole.write_h5ad(tmp_path / "cells.h5ad")
    backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    for X in (whole.X, backed.X, whole[:, :].X):
        np.testing.assert_array_equal(prepare(X)[0], SPARSE.toarray().astype(np.float32))
    for adata in (whole, backed):
        with pytest.raises(TypeError, match=r"AnnData.*adata\.X or adata\.obsm\['X_pca'\]"):
            prepare(adata)
    backed.file.close()


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo"])
@pytest.mark.parametrize("value", [-1, 6, 2**31 - 1])
def test_sparse_indices_out_of_range_are_placed_in_fit_and_in_apply(kind, value):
    _, learned = prepare(SPARSE)
    X = SPARSE[:6].asformat(kind)
    place = X.coords[1] if kind == "coo" else X.indices
    place[2] = value
    for call in (prepare, learned.apply):
        with pytest.raises(
            ValueError, match=rf"X\.(indices|coords\[1\])\[2\]={value} is outside 0 \.\.\. "
        ):
            call(X)


def test_sparse_offsets_out_of_range_are_placed():
    for at, value, words in (
        (0, 2, "offsets begin at 0"),
        (3, 2**30, "offsets never fall"),
        (30, 10**6, "there are"),
    ):
        X = SPARSE.copy()
        X.indptr[at] = value
        with pytest.raises(ValueError, match=rf"X\.indptr\[.*{words}"):
            prepare(X)
    X = SPARSE.copy()
    X.indptr = X.indptr[:-3]
    with pytest.raises(ValueError, match=r"X\.indptr has 28 offsets"):
        prepare(X)
    X = SPARSE.copy()
    X.data = X.data[:-1]
    with pytest.raises(ValueError, match="indices for"):
        prepare(X)


def test_a_matrix_that_forgot_that_its_indices_changed():
    X = sparse.csr_array(np.array([[1.0, 0, 2], [0, 3, 4]]))
    assert X.has_canonical_format  # from now on it remembers
    X.indices[1] = 0
    np.testing.assert_array_equal(prepare(X)[0], [[3, 0, 0], [0, 3, 4]])
    assert X.nnz == 4


def test_a_name_that_is_there_twice_is_no_trouble():
    import pandas as pd

    X = np.random.default_rng(0).normal(size=(20, 3))
    twice = pd.DataFrame(X, columns=["a", "b", "a"])
    rows, learned = prepare(twice)
    np.testing.assert_array_equal(rows, prepare(X)[0])
    assert learned.feature_names == ("a", "b", "a")
    np.testing.assert_array_equal(learned.apply(twice), rows)
