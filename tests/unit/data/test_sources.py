"""Sources: the same rows whatever the form, in any process and thread."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import threading
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from shards import CUTS, FORMS, N, X, form_of, npy_shards, parquet_shards

from gputsne.base.errors import BadInput
from gputsne.data import open_source, read
from gputsne.data.sources import Source


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_the_same_whatever_the_form(tmp_path, form):
    source = open_source(form_of(form, X, tmp_path))
    assert (source.shape, source.dtype, source.ndim) == (X.shape, np.float32, 2)
    assert (len(source), source.nbytes, source.size) == (N, X.nbytes, X.size)
    for start, stop in ((0, N), (0, 0), (N, N), (129, 132), (5, 900), (4, 5), (996, 997)):
        rows = source.read(start, stop)
        assert rows.flags.c_contiguous
        assert rows.flags.writeable
        np.testing.assert_array_equal(rows, X[start:stop])
    for size in (1000, 90, None):
        blocks = list(source.blocks(size))
        assert [start for start, _ in blocks] == list(range(0, N, size or N))
        np.testing.assert_array_equal(np.concatenate([rows for _, rows in blocks]), X)
    chosen = np.array([996, 3, 3, 700, 131])
    np.testing.assert_array_equal(source.take(chosen), X[chosen])
    np.testing.assert_array_equal(source[-1], X[-1])
    np.testing.assert_array_equal(source[10:900:7], X[10:900:7])
    np.testing.assert_array_equal(source[X[:, 0] > 1], X[X[:, 0] > 1])
    np.testing.assert_array_equal(np.asarray(source), X)
    with pytest.raises(IndexError, match=f"rows 0 to {N + 1} are asked for, of {N}"):
        source.read(0, N + 1)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "h5py"])
def test_a_pickled_source_reads_the_same(tmp_path, form):
    source = open_source(form_of(form, X, tmp_path))
    source.read(100, 200)
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(again.read(0, N), X)
    assert again.shards == source.shards


@pytest.mark.parametrize("form", ["npy shards", "parquet shards", "zarr path"])
def test_a_source_of_relative_paths_stays_where_it_was_opened(tmp_path, form, monkeypatch):
    form_of(form, X, tmp_path)
    monkeypatch.chdir(tmp_path)
    source = open_source("x")
    held = pickle.dumps(source)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    np.testing.assert_array_equal(source.read(0, N), X)
    np.testing.assert_array_equal(pickle.loads(held).read(0, N), X)


def test_a_source_of_files_is_small_to_pickle(tmp_path):
    for source in (open_source(npy_shards(tmp_path / "a", X)),
                   open_source(parquet_shards(tmp_path / "b", X))):  # fmt: skip
        source.read(0, N)
        assert len(pickle.dumps(source)) < X.nbytes / 4


def test_shards_are_told_and_sorted_by_number(tmp_path):
    source = open_source(npy_shards(tmp_path / "x", X))  # part-7 to part-12: 9 before 10
    told = [(Path(name).name, start, stop) for name, start, stop in source.shards]
    expected = zip(range(7, 13), CUTS, CUTS[1:], strict=False)
    assert told == [(f"part-{i}.npy", start, stop) for i, start, stop in expected]
    assert source.where(131) == f"row 131, which is row 0 of {tmp_path}/x/part-11.npy"
    assert open_source(X).where(3) == "row 3 of X"
    assert "shards=6" in repr(source)
    assert open_source(source) is source


def test_columns_of_parquet_are_chosen_as_by_read(tmp_path):
    kinds = np.array(["a", "b"])[np.arange(N) % 2]
    table = pa.table({
        "id": np.arange(N), "x": X[:, 0], "flag": X[:, 1] > 0, "kind": kinds,
        "small": pa.array(np.arange(N) % 100, pa.int16()), "gap": pa.array([None, *X[1:, 2]]),
    })  # fmt: skip
    for i, (start, stop) in enumerate(itertools.pairwise(CUTS)):
        parquet.write_table(table.slice(start, stop - start), tmp_path / f"{i}.parquet")
    parquet.write_table(table, whole := tmp_path.parent / "whole.parquet")
    source = open_source(tmp_path, leave_out=["id", "kind"])
    expected = read(whole, ids="id", labels="kind")
    np.testing.assert_array_equal(np.asarray(source), expected.X)
    assert (source.dtype, source.feature_names) == (expected.X.dtype, expected.names)
    assert source.column("kind").tolist() == kinds.tolist()
    chosen = open_source(tmp_path, columns=["small", "x"])
    np.testing.assert_array_equal(np.asarray(chosen), read(whole, columns=["small", "x"]).X)
    assert open_source(tmp_path).remarks == ("kind was left out: not numeric",)
    with pytest.raises(BadInput, match="has no column 'none'"):
        open_source(tmp_path, columns="none")
    with pytest.raises(BadInput, match="only parquet shards have columns"):
        open_source(X).column("kind")


def test_parquet_is_decoded_once_when_it_is_read_in_order(tmp_path, monkeypatch):
    from gputsne.data.sources.parquet import ParquetShard

    monkeypatch.setattr(ParquetShard, "rows", 50)
    opened = []
    old = ParquetShard._opened
    monkeypatch.setattr(ParquetShard, "_opened", lambda self: opened.append(self.name) or old(self))
    source = open_source(parquet_shards(tmp_path / "x", X))
    opened.clear()
    parts = [source.read(start, min(N, start + 8)) for start in range(0, N, 8)]
    np.testing.assert_array_equal(np.concatenate(parts), X)
    assert len(opened) == len([piece for piece in source.pieces if piece.n])


@pytest.mark.parametrize("form", ["npy shards", "parquet shards", "zarr path"])
def test_threads_share_a_source(tmp_path, form, monkeypatch):
    monkeypatch.setattr("gputsne.data.sources.shard.Decoded.rows", 64)
    source = open_source(form_of(form, X, tmp_path))
    wrong: list[object] = []

    def some(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for _ in range(40):
                start = int(rng.integers(N))
                stop = min(N, start + int(rng.integers(200)))
                if not np.array_equal(source.read(start, stop), X[start:stop]):
                    wrong.append((start, stop))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=some, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _reads_whole(source: Source, X: np.ndarray) -> None:
    os._exit(0 if np.array_equal(source.read(0, N), X) else 1)


@pytest.mark.parametrize("form", ["npy shards", "parquet shards"])
def test_a_forked_process_goes_on_with_a_source(tmp_path, form):
    source = open_source(form_of(form, X, tmp_path))
    source.read(0, 140)
    locks = [held._lock for held in (source, *source.pieces) if hasattr(held, "_lock")]
    taken, done = threading.Event(), threading.Event()

    def hold():  # as where another thread reads at the time of the fork
        with ExitStack() as all_of_them:
            for lock in locks:
                all_of_them.enter_context(lock.held())
            taken.set()
            done.wait(60)

    reader = threading.Thread(target=hold)
    reader.start()
    taken.wait(60)
    child = multiprocessing.get_context("fork").Process(target=_reads_whole, args=(source, X))
    child.start()
    child.join(60)
    done.set()
    reader.join()
    assert child.exitcode == 0
    np.testing.assert_array_equal(source.read(0, N), X)
