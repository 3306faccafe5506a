"""The hash of values is that of the numbers, whatever they lay in; what is missing is counted."""

from __future__ import annotations

import hashlib
import os
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gputsne
from gputsne.base import threads
from gputsne.provenance.values import LEAF_ROWS, ValuesHash, read_values, values_sha256

RNG = np.random.default_rng(0)


def by_hand(rows) -> str:
    """The hash of a dense table, number by number, as its definition reads."""
    whole = hashlib.sha256(b"gputsne.values/1 dense")
    for start in range(0, len(rows), 4096):
        leaf = b""
        for row in rows[start : start + 4096]:
            for value in map(float, row):
                nan = value != value
                leaf += bytes.fromhex("000000000000f87f") if nan else struct.pack("<d", value + 0.0)
        whole.update(hashlib.sha256(leaf).digest())
    whole.update(f"{len(rows)} x {len(rows[0])}".encode())
    return whole.hexdigest()


def by_hand_sparse(X) -> str:
    whole = hashlib.sha256(b"gputsne.values/1 sparse")
    n, d = X.shape
    for start in range(0, n, 4096):
        rows = range(start, min(n, start + 4096))
        ends = [(int(X.indptr[i]), int(X.indptr[i + 1])) for i in rows]
        leaf = b"".join(struct.pack("<q", b - a) for a, b in ends)
        leaf += b"".join(struct.pack("<q", j) for a, b in ends for j in X.indices[a:b].tolist())
        leaf += b"".join(struct.pack("<d", v) for a, b in ends for v in X.data[a:b].tolist())
        whole.update(hashlib.sha256(leaf).digest())
    whole.update(f"{n} x {d}".encode())
    return whole.hexdigest()


@settings(max_examples=60)
@given(
    hnp.arrays(
        st.sampled_from(["f8", "f4", "f2", "i4", "u1", "?", ">f8"]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    )
)
def test_the_hash_is_the_one_that_is_defined(X):
    assert values_sha256(X) == by_hand(X)


@pytest.mark.parametrize("n", [4095, 4096, 4097, 9000])
def test_tables_of_several_leaves(n):
    X = RNG.normal(size=(n, 3))
    X[n // 2, 1] = np.nan
    X[-1, 0] = -0.0
    assert values_sha256(X) == by_hand(X)


def test_storage_does_not_change_the_hash():
    X = RNG.normal(size=(300, 5)).astype(np.float32)
    same = [X, X.astype(np.float64), np.asfortranarray(X), X.astype(">f4"), X[::-1][::-1]]
    assert len({values_sha256(a) for a in same}) == 1
    whole = RNG.integers(-(2**24), 2**24, size=(50, 2))
    assert values_sha256(whole) == values_sha256(whole.astype(np.float32))


def test_every_nan_and_both_zeros_are_one():
    odd = np.array([[0x7FF0000000000001, 0xFFF8000000000000]], np.uint64).view(np.float64)
    assert np.isnan(odd).all()
    assert values_sha256(odd) == values_sha256(np.full((1, 2), np.nan))
    assert values_sha256(np.array([[-0.0]])) == values_sha256(np.array([[0]]))


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X[::-1],
        lambda X: X[:, ::-1],
        lambda X: X.reshape(5, -1),
        lambda X: X[:-1],
        lambda X: X + 1e-9,
        lambda X: np.vstack([X, np.zeros((1, X.shape[1]))]),
    ],
    ids=["rows", "columns", "shape", "fewer", "nearly", "a row of zeros"],
)
def test_other_values_or_another_order_have_another_hash(change):
    X = RNG.normal(size=(300, 5))
    assert values_sha256(change(X)) != values_sha256(X)


@pytest.mark.parametrize("sizes", [[1] * 9, [9000], [4096, 4904], [5000, 1, 0, 3999], [777] * 11])
def test_a_reader_of_blocks_finds_the_same(sizes):
    X = RNG.normal(size=(sum(sizes), 3)).astype(np.float32)
    held = ValuesHash(3)
    for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
        held.update(X[stop - size : stop])
        assert held.hexdigest() == values_sha256(X[:stop]) if stop else True
    assert held.hexdigest() == values_sha256(X) == by_hand(X)


def test_blocks_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 4\), and the table has 3 columns"):
        ValuesHash(3).update(np.zeros((2, 4)))


def test_the_number_of_threads_does_not_matter():
    X = RNG.normal(size=(5 * LEAF_ROWS + 7, 2))
    with threads.limit(1):
        alone = values_sha256(X)
    with threads.limit(4):
        assert values_sha256(X) == alone


def test_many_threads_at_once_and_a_fork_find_the_same():
    X = RNG.normal(size=(3 * LEAF_ROWS, 4))
    want = values_sha256(X)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: values_sha256(X), range(8))) == {want}
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, values_sha256(X).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        assert told.read().decode() == want
    os.waitpid(child, 0)


@pytest.mark.parametrize("n", [50, 5000])
def test_sparse_matrices(n):
    X = scipy.sparse.random(n, 7, 0.2, format="csr", random_state=0)
    assert values_sha256(X) == by_hand_sparse(X)
    wide = X.copy()
    wide.indices = wide.indices.astype(np.int64)
    wide.indptr = wide.indptr.astype(np.int64)
    assert values_sha256(wide) == values_sha256(X)
    assert values_sha256(X[::-1].tocsr()) != values_sha256(X)
    assert values_sha256(scipy.sparse.csr_matrix((3, 4))) == by_hand_sparse(
        scipy.sparse.csr_matrix((3, 4))
    )


def test_missing_values_are_counted_by_column():
    X = RNG.normal(size=(9000, 4))
    gaps = RNG.random(X.shape) < np.array([0.0, 0.05, 0.5, 1.0])
    X[gaps] = np.nan
    X[0, 0] = np.inf
    np.testing.assert_array_equal(read_values(X).missing, gaps.sum(axis=0))
    sparse = scipy.sparse.csr_matrix(np.nan_to_num(X, nan=0.0))
    sparse.data[:50] = np.nan
    want = np.bincount(sparse.indices[:50], minlength=4)
    np.testing.assert_array_equal(read_values(sparse).missing, want)


def fitted(X, **more):
    model = gputsne.TSNE(max_iter=2, early_exaggeration_iter=1, **{"perplexity": 5} | more)
    return model.fit(X).run_


def test_files_of_one_table_have_one_hash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = RNG.normal(size=(60, 3))
    frame = pd.DataFrame(X.copy(), columns=["a", "b", "c"])
    np.save("x.npy", X)
    np.savez("x.npz", X)
    frame.to_parquet("x.parquet")
    frame.to_csv("x.csv", index=False)
    frame.to_csv("x.tsv", index=False, sep="\t")
    found = {fitted(gputsne.read(f"x.{kind}").X).input["data_sha256"]
             for kind in ("npy", "npz", "parquet", "csv", "tsv")}  # fmt: skip
    assert found == {by_hand(X)}
    assert fitted(frame).input["data_sha256"] == by_hand(X)


def test_the_fit_hashes_what_it_was_given_before_it_changes_it():
    X = RNG.normal(3.0, 2.0, size=(60, 4))
    X[::20, 2] = np.nan
    run = fitted(X, scale=True, pca=2, impute="mean")
    assert run.input["data_sha256"] == by_hand(X)
    assert run.input["shape"] == (60, 4)
    assert [c["null_rate"] for c in run.columns] == [0.0, 0.0, 0.05, 0.0]


def test_columns_have_the_names_and_types_of_the_frame():
    gone = RNG.random(400) < 0.05
    frame = pd.DataFrame({
        "age": pd.array(np.where(gone, None, RNG.integers(0, 90, 400)), dtype="Int32"),
        "height": RNG.normal(size=400).astype(np.float32),
        "old": RNG.random(400) < 0.5,
    })  # fmt: skip
    run = fitted(frame, impute="median")
    assert [(c["name"], c["dtype"]) for c in run.columns] == [
        ("age", "Int32"), ("height", "float32"), ("old", "bool"),
    ]  # fmt: skip
    assert abs(run.columns[0]["null_rate"] - gone.mean()) < 1e-12
    assert abs(run.columns[0]["null_rate"] - 0.05) < 0.02  # four times 0.05 * 0.95 / 400, rooted


def test_a_column_of_which_five_in_a_hundred_are_missing():
    X = RNG.normal(size=(2000, 3))
    X[RNG.permutation(2000)[:100], 1] = np.nan
    rate = fitted(X, impute="mean").columns[1]["null_rate"]
    assert abs(rate - 0.05) <= 0.005


def test_a_refused_table_is_told_all_the_same():
    X = RNG.normal(size=(60, 3))
    X[0, 1] = np.nan
    model = gputsne.TSNE()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X)
    assert model.run_.input["data_sha256"] == by_hand(X)
    assert [c["null_rate"] > 0 for c in model.run_.columns] == [False, True, False]


def test_distances_and_p_have_a_hash_and_no_columns():
    X = RNG.normal(size=(60, 3))
    D = np.linalg.norm(X[:, None] - X[None], axis=2)
    run = fitted(D, metric="precomputed", init="random")
    assert (run.input["data_sha256"], run.columns) == (by_hand(D), ())
    graph = scipy.sparse.csr_matrix(np.where(D < 2.5, D, 0.0))
    run = fitted(
        graph.tocoo(), metric="precomputed", init="random", affinity="uniform", perplexity=30
    )
    assert run.input["data_sha256"] == by_hand_sparse(graph)
    P = gputsne.TSNE(perplexity=5, max_iter=1).fit(X).affinities_
    run = fitted(P, affinity="precomputed", init="random", perplexity=30)
    assert run.input["data_sha256"] == by_hand_sparse(P.to_csr())
