"""transform of dask collections and shards: the bytes, chunks, index and refusals."""

from __future__ import annotations

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import gputsne
from gputsne.base.errors import DependencyMissing, OverMemory
from gputsne.dask import running, transform

pytestmark = pytest.mark.usefixtures("alone")


def delayed_array(rows, lengths):
    """Return a dask array whose numbers of rows nobody knows."""
    ends = np.cumsum(lengths)
    parts = [
        da.from_delayed(dask.delayed(rows[end - n : end]), (np.nan, rows.shape[1]), rows.dtype)
        for n, end in zip(lengths, ends, strict=True)
    ]
    return da.concatenate(parts, allow_unknown_chunksizes=True)


@pytest.mark.parametrize("chunks", [(900, 5), (250, 5), (250, 2), ((1, 0, 499, 400), 5)])
def test_an_array_keeps_its_chunks_of_rows(model, rows, placed, chunks):
    X = da.from_array(rows, chunks=(900, 5)).rechunk(chunks)
    Y = transform(model, X)
    assert (Y.chunks, Y.dtype) == ((X.chunks[0], (2,)), np.float32)
    assert Y.compute().tobytes() == placed.tobytes()


def test_unknown_numbers_of_rows_stay_unknown(model, rows, placed):
    Y = transform(model, delayed_array(rows, [300, 0, 600]))
    assert all(np.isnan(n) for n in Y.chunks[0])
    assert Y.compute().tobytes() == placed.tobytes()


@pytest.mark.parametrize("dtype", ["float16", "int16", "float64", "object"])
def test_any_dtype_is_read_as_one_process_reads_it(model, rows, dtype):
    X = rows.astype(dtype)
    Y = transform(model, da.from_array(X, chunks=(200, 5)))
    assert Y.compute().tobytes() == model.transform(X).tobytes()


def test_a_frame_keeps_partitions_and_index(rows):
    ids = [f"id {i:04}" for i in range(len(rows))]
    frame = pd.DataFrame(rows, index=pd.Index(ids, name="customer"), columns=list("abcde"))
    model = gputsne.TSNE(max_iter=10, random_state=0).fit(frame[:200])
    X = dd.from_pandas(frame, npartitions=4)
    Y = transform(model, X)
    assert list(Y.columns) == list(model.get_feature_names_out())
    assert (Y.npartitions, Y.divisions) == (X.npartitions, X.divisions)
    whole = Y.compute()
    pd.testing.assert_index_equal(whole.index, X.compute().index)  # dask's own kind of text
    assert whole.index.tolist() == ids
    assert whole.to_numpy().tobytes() == model.transform(frame).tobytes()
    pd.testing.assert_frame_equal(Y._meta, whole.iloc[:0])
    some = transform(model, X[X.a > frame.a.quantile(0.9)])  # partitions of few rows or none
    high = (frame.a > frame.a.quantile(0.9)).to_numpy()
    pd.testing.assert_frame_equal(some.compute(), whole[high])


def test_frames_with_other_columns_are_refused_at_once(rows):
    frame = pd.DataFrame(rows[:200], columns=list("abcde"))
    model = gputsne.TSNE(max_iter=10, random_state=0).fit(frame)
    with pytest.raises(ValueError, match="same order"):
        transform(model, dd.from_pandas(frame[list("edcba")], npartitions=2))
    with pytest.raises(ValueError, match="unseen at fit time:\n- f"):
        transform(model, dd.from_pandas(frame.rename(columns={"a": "f"}), npartitions=2))


def test_shards_of_any_kind_come_one_after_the_other(model, rows, placed, tmp_path):
    np.save(tmp_path / "last.npy", rows[700:])
    shards = [rows[:100], da.from_array(rows[100:400], chunks=(70, 5)), rows[400:700].tolist()]
    for given in ([*shards, tmp_path / "last.npy"], rows):
        Y = transform(model, given)
        assert Y.compute().tobytes() == placed.tobytes()


def test_a_folder_of_shards_and_a_file_of_the_model(model, rows, placed, tmp_path):
    (tmp_path / "X").mkdir()
    for i, part in enumerate(np.array_split(rows, 11)):  # 2 comes before 10
        np.save(tmp_path / "X" / f"{i}.npy", part)
    model.save(tmp_path / "model.gputsne")
    Y = transform(tmp_path / "model.gputsne", gputsne.data.open_source(tmp_path / "X"))
    assert Y.compute().tobytes() == placed.tobytes()
    assert Y.numblocks == (11, 1)


def test_a_bad_value_is_told_with_its_block(model, rows):
    bad = rows.copy()
    bad[555, 2] = np.nan
    Y = transform(model, da.from_array(bad, chunks=(200, 5)))
    with pytest.raises(ValueError, match=r"block 2 of X: .*NaN"):
        Y.compute()
    assert Y[:400].compute().shape == (400, 2)  # the others have nothing to do with it
    frame = dd.from_pandas(pd.DataFrame(bad), npartitions=3)
    with pytest.raises(ValueError, match=r"partition 1 of X: .*NaN"):
        transform(model, frame).compute()
    with pytest.raises(ValueError, match=r"shard 1 of X: .*NaN"):
        transform(model, [rows, bad]).compute()


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (da.ones((10, 4)), "X has 4 features, but TSNE is expecting 5"),
        (da.ones(10), r"1 axes: rows x columns are needed; X\[:, None\] is one column"),
        (da.ones((10, 5, 1)), r"3 axes: rows x columns are needed; X.reshape\(len\(X\), -1\)"),
        (da.ones((10, 5), dtype="complex64"), "dtype complex64"),
        (da.from_array(np.full((10, 5), "a"), chunks=5), "dtype <U1"),
        (da.ones((10, 0)), "no columns"),
        ([], "empty list"),
        ([np.ones((3, 5)), np.ones((3, 4))], "shard 1 of X has 4 columns"),
    ],
)
def test_what_can_be_no_rows_is_refused_at_once(model, X, said):
    with pytest.raises(ValueError, match=said):
        transform(model, X)


def test_blocks_of_other_columns_than_was_said_are_named(model, rows):
    said = da.from_delayed(dask.delayed(rows[:9, :4]), (9, 5), rows.dtype)
    with pytest.raises(ValueError, match=r"block 1 of X: X has 4 features"):
        transform(model, da.concatenate([da.from_array(rows[:9]), said])).compute()
    frame = dd.from_pandas(pd.DataFrame(rows), npartitions=2)
    less = frame.map_partitions(lambda part: part.iloc[:, :3], meta=frame._meta)
    with pytest.raises(ValueError, match="do not match the columns in the provided metadata"):
        transform(model, less).compute()


@pytest.mark.parametrize("many", [False, True])
def test_what_is_delayed_has_no_known_columns(model, rows, many):
    X = dask.delayed(rows)
    with pytest.raises(TypeError, match=r"X is delayed, .*dask.array.from_delayed"):
        transform(model, [rows, X] if many else X)


def test_a_series_is_no_table(model):
    with pytest.raises(TypeError, match="has no columns"):
        transform(model, dd.from_pandas(pd.Series([1.0, 2.0]), npartitions=1))


def test_columns_of_unknown_number_are_refused(model):
    X = da.from_delayed(dask.delayed(np.ones((4, 5))), (4, np.nan), float)
    with pytest.raises(ValueError, match=r"unknown number of columns: X.compute_chunk_sizes"):
        transform(model, X)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"perplexity": 0.5}, ValueError, "perplexity=0.5"),
        ({"n_neighbors": 301}, ValueError, "n_neighbors=301 is more than the 300"),
        ({"max_iter": 2.5}, TypeError, "max_iter=2.5"),
        ({"n_jobs": 0}, ValueError, "n_jobs=0"),
        ({"client": "tcp://127.0.0.1:1"}, TypeError, "is no dask.distributed.Client"),
    ],
)
def test_parameters_are_checked_before_anything_is_sent(model, rows, how, error, said):
    with pytest.raises(error, match=said):
        transform(model, da.from_array(rows), **how)


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        (None, TypeError, "model=None has no map: pass a fitted TSNE"),
        (np.ones(3), TypeError, "has no map"),
        (gputsne.TSNE(), NotFittedError, r"model=TSNE\(\) is not fitted: call its fit first"),
        ("missing.gputsne", FileNotFoundError, "missing.gputsne'?: no such file; pass the path"),
    ],
)
def test_what_is_no_model_is_refused(rows, what, error, said):
    with pytest.raises(error, match=said):
        transform(what, da.from_array(rows))


def test_a_frozen_map_is_a_model(model, rows, placed):
    assert transform(model.fitted_map_, rows).compute().tobytes() == placed.tobytes()


def test_parameters_reach_the_placing(model, rows):
    how = {"perplexity": 9, "exaggeration": 2.0, "max_iter": 7, "n_neighbors": 40}
    Y = transform(model, da.from_array(rows[:50], chunks=(20, 5)), **how)
    assert Y.compute().tobytes() == model.transform(rows[:50], **how).tobytes()


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_schedulers_of_one_process_give_the_same(model, rows, placed, scheduler):
    with dask.config.set(scheduler=scheduler):
        Y = transform(model, da.from_array(rows, chunks=(100, 5)))
        assert Y.compute().tobytes() == placed.tobytes()


def test_blocks_too_large_for_a_worker_are_refused(model, rows, monkeypatch):
    monkeypatch.setattr(running.Runner, "room", lambda self: 20_000.0)
    with pytest.raises(OverMemory, match=r"block of 900 rows needs 986.4 kB at once.*X.rechunk"):
        transform(model, da.from_array(rows))
    monkeypatch.setattr(running.Runner, "room", lambda self: 2_000.0)
    with pytest.raises(MemoryError, match="the model needs"):
        transform(model, delayed_array(rows, [900]))


def test_without_dask_one_sentence_says_what_brings_it(model, rows, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dask", None)
    with pytest.raises(DependencyMissing, match=r"gputsne.dask needs dask: pip install 'gputsne\["):
        transform(model, rows)
