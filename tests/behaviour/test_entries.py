"""What is no table, path, label or setting is refused in one clear sentence at every entry."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

import gputsne
from gputsne import TSNE, knn, metrics, plan, plot
from gputsne.base.errors import BackendUnavailable, OverMemory

N = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4)).astype(np.float32)
Y = RNG.normal(size=(N, 2))
UNIT = X / np.linalg.norm(X, axis=1, keepdims=True)


def fast(**given) -> TSNE:
    return TSNE(**{"max_iter": 0, "perplexity": 5, "random_state": 0} | given)


FITTED = fast().fit(X)
ENTRIES = {
    "fit": lambda v: fast().fit(v),
    "fit_transform": lambda v: fast().fit_transform(v),
    "transform": FITTED.transform,
    "knn": lambda v: knn(v, 3),
    "metrics X": lambda v: metrics.knn_preservation(v, Y, k=3),
    "metrics Y": lambda v: metrics.trustworthiness(X, v, k=3),
    "distances": lambda v: fast(metric="precomputed", init="random").fit(v),
    "knn of distances": lambda v: knn(v, 3, metric="precomputed"),
    "P": lambda v: TSNE(affinity="precomputed", init="random", max_iter=0).fit(v),
    "init": lambda v: fast(init=v).fit(X),
    "plot": plot,
}


class Elsewhere:
    """An array on a device that isn't here."""

    def __init__(self, kind: int) -> None:
        self.kind, self.shape = kind, (N, 4)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.kind, 0

    def __dlpack__(self, **_: object) -> None:
        raise RuntimeError("no such device")


NO_TABLES = {
    "generator": (
        lambda: (row for row in X),
        "is a generator, which can be gone through only once",
    ),
    "zip": (lambda: zip(X, X, strict=True), "is a zip, which can be gone through only once"),
    "dict": (lambda: {"a": X[:, 0]}, r"is a mapping \(dict\) and no table"),
    "set": (lambda: {1.0, 2.0}, "is a set, whose rows have no order"),
    "text": (lambda: "data.csv", "is text and no table: to read a file"),
    "values": (lambda: {"a": 1}.values(), "is of type dict_values, which is no table"),
    "function": (lambda: fast, "is of type function, which is no table"),
    "complex frame": (lambda: pd.DataFrame(X * 1j), "Complex data not supported"),
    "empty frame": (lambda: pd.DataFrame(), "Found array with 0 sample"),
    "long integers": (lambda: [[10**400, 1]] * N, "holds objects that are no numbers"),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("thing", NO_TABLES)
def test_what_is_no_table(thing, entry):
    if (thing, entry) == ("text", "init"):
        return  # a name, and named as such
    make, said = NO_TABLES[thing]
    with pytest.raises((TypeError, ValueError), match=said):
        ENTRIES[entry](make())


@pytest.mark.parametrize("entry", [name for name in ENTRIES if not name.startswith(("me", "init"))])
def test_none_is_no_table(entry):
    with pytest.raises(TypeError, match="is None: pass an array"):
        ENTRIES[entry](None)


@pytest.mark.parametrize("entry", ENTRIES)
def test_arrays_on_a_device_that_is_not_here(entry):
    with pytest.raises(BackendUnavailable, match=r"Elsewhere .*kind 10, which can't be read here"):
        ENTRIES[entry](Elsewhere(10))


def test_record_batches_are_tables():
    frame = pd.DataFrame(X, columns=list("abcd"))
    batch = pa.RecordBatch.from_pandas(frame)
    reader = pa.RecordBatchReader.from_batches(batch.schema, [batch])
    want = knn(frame, 3).distances
    np.testing.assert_array_equal(knn(batch, 3).distances, want)
    np.testing.assert_array_equal(knn(reader, 3).distances, want)
    np.testing.assert_array_equal(fast().fit_transform(batch), fast().fit_transform(frame))
    for table in (batch, pa.Table.from_batches([batch])):
        model = fast().fit(table)
        assert model.feature_names_in_.tolist() == list("abcd")
        model.transform(table.slice(0, 3))  # the same columns, whatever they hold
        with pytest.raises(ValueError, match="feature names should match"):
            model.transform(table.rename_columns(list("abce")))
    square = pd.DataFrame(1.0 - np.eye(N)).rename(columns=str)
    fast(metric="precomputed", init="random").fit(pa.RecordBatch.from_pandas(square))


def test_a_sparse_matrix_that_is_a_mapping_too():
    S = sparse.dok_matrix(np.where(X > 0, X, 0))
    np.testing.assert_array_equal(fast().fit_transform(S), fast().fit_transform(S.tocsr()))


@pytest.mark.parametrize("d", [4, 300])
def test_half_precision_is_converted(d):
    rows = RNG.normal(size=(N, d)).astype(np.float16)
    np.testing.assert_array_equal(knn(rows, 3).indices, knn(rows.astype(np.float32), 3).indices)
    rows /= np.linalg.norm(rows.astype(np.float32), axis=1, keepdims=True).astype(np.float16)
    D = 1 - rows @ rows.T
    assert D.min() < 0  # by half precision's rounding
    got = knn(D, 5, metric="precomputed")
    np.testing.assert_array_equal(
        got.distances, knn(np.clip(D, 0, None), 5, metric="precomputed").distances
    )
    fast(metric="precomputed", init="random").fit(D)
    order = np.argsort(D, axis=1, kind="stable")[:, :16]
    fast(neighbors=(order, np.take_along_axis(D, order, axis=1))).fit(rows)
    with pytest.raises(ValueError, match="Are they similarities"):
        knn(rows @ rows.T, 5, metric="precomputed")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"perplexity": "a"}, "perplexity='a' must be a number or a sequence"),
        ({"perplexity": [30, "a"]}, r"perplexity=\[30, 'a'\] must be a number or a sequence"),
        ({"perplexity": None}, "perplexity=None must be a number or a sequence"),
        ({"perplexity": [[5.0]]}, r"perplexity=\[\[5.0\]\] must be a number or a sequence"),
        ({"n_components": 2.5}, "n_components=2.5 must be an integer"),
        ({"n_neighbors": 2.5}, "n_neighbors=2.5 must be an integer or None"),
        ({"pca": "a"}, "pca='a' must be an integer or None"),
        ({"pca": 0}, "pca=0 must be at least 1"),
        ({"metric": "foo"}, "metric='foo' is none of"),
        ({"metric": 3}, "metric=3 must be a name or a function"),
        ({"init": "x"}, "init='x' is none of"),
        ({"init": 3}, "init=3 is none of"),
        ({"affinity": 3}, "affinity=3 is none of"),
        ({"affinity": "x"}, "affinity='x' is none of"),
        ({"affinity_dtype": 3}, "affinity_dtype=3 is none of"),
    ],
)
def test_a_plan_refuses_what_a_fit_refuses(given, said):
    with pytest.raises((TypeError, ValueError), match=said):
        TSNE(**given).fit(X)
    with pytest.raises((TypeError, ValueError), match=said):
        plan(N, 4, **given)


@pytest.mark.parametrize("count", [True, "a", None, 2.5, 1j])
@pytest.mark.parametrize("name", ["n", "d", "entries"])
def test_counts_of_a_plan_are_whole_numbers(name, count):
    if (name, count) == ("entries", None):
        return
    with pytest.raises((TypeError, ValueError), match=rf"{name}=.* must be a whole number"):
        plan(**{"n": 100, "d": 4, name: count})
    assert plan(1e5, np.float32(4)) == plan(100_000, 4)


def test_amounts_of_memory_are_read_alike_everywhere():
    fits = {"4G", "4GiB", "4000 MB", 4e9, None}
    for limit in fits:
        fast(memory_limit=limit).fit(X)
        knn(X, 3, memory_limit=limit)
        plan(N, 4).check(limit)
    entries = (
        lambda limit: fast(memory_limit=limit).fit(X),
        lambda limit: knn(X, 3, memory_limit=limit),
        lambda limit: knn(np.zeros((N, N)), 3, metric="precomputed", memory_limit=limit),
        lambda limit: plan(N, 4).check(limit),
    )
    for call in entries:
        for limit, said in (
            (10, "memory_limit is 10 bytes"),
            ("10 kB", "memory_limit is 10.0 kB"),
            ("100M", r"memory_limit is 0\.10 GB"),
        ):
            with pytest.raises(OverMemory, match=said):
                call(limit)
        for limit in ("4 apples", 0, -1, True, [1], float("inf")):
            with pytest.raises((TypeError, ValueError), match="memory_limit"):
                call(limit)
    assert TSNE(memory_limit="4G").get_params()["memory_limit"] == "4G"
    model = fast(memory_limit="4G").fit(X)
    assert model.parameters_["memory_limit"] == 4 * 1024**3
    model.set_params(memory_limit="5G").optimize(1)


def test_a_search_is_refused_before_it_allocates():
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (10**9, 100), (0, 0))
    with pytest.raises(OverMemory, match=r"this search needs .* GB, .* lower k"):
        knn(huge, 90)
    square = np.lib.stride_tricks.as_strided(np.zeros(1), (10**6, 10**6), (0, 0))
    with pytest.raises(OverMemory, match="this search needs"):
        knn(square, 5, metric="precomputed")


@pytest.mark.parametrize("size", [1e10, 1e20, 1e22, 1e24, 1e25, 1e26, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_search_and_a_fit_tell_the_same_rows_apart(size, dtype):
    Z = np.r_[RNG.normal(size=(100, 4)), [[size, 0, 0, 0]]].astype(dtype)
    if size >= 1e26:
        for call in (lambda: knn(Z, 5), lambda: fast().fit(Z)):
            with pytest.raises(ValueError, match=r"X\[100, 0\]=1e\+\d\d lies .* far out"):
                call()
        return
    lists = np.zeros((101, 101), dtype=bool)
    np.put_along_axis(lists, knn(Z, 5).indices.astype(np.int64), True, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a column that outweighs the others
        model = TSNE(affinity="uniform", n_neighbors=5, init="random", max_iter=0).fit(Z)
    np.testing.assert_array_equal(model.affinities_.to_csr().toarray() > 0, lists | lists.T)
    D = np.linalg.norm(Z[:100, None].astype(float) - Z[None, :100], axis=2)
    np.fill_diagonal(D, np.inf)
    near = np.take_along_axis(lists[:100], np.argsort(D, axis=1)[:, :5], axis=1)
    assert near.mean() > 0.999


PATHS = {
    "save": lambda path: FITTED.save(path),
    "load": gputsne.load,
    "read": gputsne.read,
    "plot": lambda path: plot(Y, path=path),
}


@pytest.mark.parametrize("entry", PATHS)
@pytest.mark.parametrize("path", [None, "", 3, b"m.npz", "a\0b", []], ids=repr)
def test_paths(entry, path):
    if (entry, path) == ("plot", None):
        return
    with pytest.raises((TypeError, ValueError), match=r"^path( is empty|=)"):
        PATHS[entry](path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"k": "a"}, "k='a' must be an integer"),
        ({"k": 2.5}, "k=2.5 must be an integer"),
        ({"k": True}, "k=True must be an integer"),
        ({"k": None}, "k=None must be an integer"),
        ({"k": 0}, "k=0 must be at least 1"),
        ({"sample": "a"}, "sample='a' must be an integer or None"),
        ({"sample": 2.5}, "sample=2.5 must be an integer or None"),
        ({"sample": 0}, "sample=0 must be at least 1"),
        ({"random_state": "a"}, "random_state='a' can't seed anything"),
    ],
)
def test_settings_of_metrics(given, said):
    calls = (
        lambda **k: metrics.knn_preservation(X, Y, **k),
        lambda **k: metrics.trustworthiness(X, Y, **k),
        lambda **k: metrics.knn_accuracy(Y, np.arange(N) % 3, **k),
        lambda **k: metrics.evaluate(X, Y, **k),
    )
    for call in calls:
        with pytest.raises((TypeError, ValueError), match=said):
            call(**given)


def test_errors_of_files_are_plain_ones(tmp_path):
    np.savez(tmp_path / "o.npz", a=1)
    with pytest.raises(ValueError, match="is no model of gputsne") as caught:
        gputsne.load(tmp_path / "o.npz")
    assert caught.type is ValueError
