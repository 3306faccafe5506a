"""Sources: which files are shards, what is refused, and files that change meanwhile."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from shards import N, X, npy_shards, parquet_shards, table

from gputsne.base.errors import BadInput
from gputsne.data import open_source
from gputsne.data.sources.arrays import NpyShard


def test_hidden_and_foreign_files_are_no_shards(tmp_path):
    folder = npy_shards(tmp_path / "x", X)
    for name in (".DS_Store", "_SUCCESS", ".part-7.npy.crc", "README.md", "_metadata.npy", "notes"):
        (folder / name).write_text("nothing")
    (folder / "_temporary").mkdir()
    (folder / "sub").mkdir()
    (folder / "sub" / "notes.txt").touch()
    assert open_source(folder).shape == X.shape


@pytest.mark.parametrize("name", ["part-9.npy.tmp", "more.csv", "more.npz", "x.parquet.crdownload"])
def test_tables_that_would_be_passed_over_are_refused(tmp_path, name):
    folder = npy_shards(tmp_path / "x", X)
    (folder / name).write_text("1,2\n")
    with pytest.raises(BadInput, match=f"{name} is no shard that is read by blocks"):
        open_source(folder)


def test_links_in_circles_and_folders_of_shards_are_refused(tmp_path):
    folder = npy_shards(tmp_path / "x", X)
    (folder / "day=1").symlink_to(".", target_is_directory=True)
    with pytest.raises(BadInput, match="day=1 is a link to a folder that it lies in"):
        open_source(folder)
    (folder / "day=1").unlink()
    (folder / "day=2" / "hour=3").mkdir(parents=True)
    (folder / "day=2" / "hour=3" / "day=4").symlink_to("../..", target_is_directory=True)
    with pytest.raises(BadInput, match="day=4 is a link to a folder that it lies in"):
        open_source(folder)
    (folder / "day=2" / "hour=3" / "day=4").unlink()
    (folder / "sub").mkdir()
    np.save(folder / "sub" / "1.npy", X)
    with pytest.raises(BadInput, match="sub is a folder with shards of its own"):
        open_source(folder)


def test_partitions_of_hive_and_links_are_followed(tmp_path):
    for start, stop in ((0, 400), (400, N)):
        folder = tmp_path / "real" / f"day={start // 40}"
        folder.mkdir(parents=True)
        parquet.write_table(table(X[start:stop]), folder / "part-0.parquet")
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    source = open_source(tmp_path / "link")
    np.testing.assert_array_equal(np.asarray(source), X)
    np.save(tmp_path / "one.npy", X)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "a.npy").symlink_to(tmp_path / "one.npy")
    np.testing.assert_array_equal(np.asarray(open_source(tmp_path / "shards")), X)
    (tmp_path / "one.npy").unlink()
    with pytest.raises(BadInput, match="a link to a file that is missing"):
        open_source(tmp_path / "shards")


def test_a_folder_that_can_only_be_read_will_do(tmp_path):
    folder = npy_shards(tmp_path / "x", X)
    folder.chmod(0o555)
    try:
        np.testing.assert_array_equal(np.asarray(open_source(folder)), X)
        assert sorted(p.name for p in folder.iterdir()) == [f"part-{i}.npy" for i in
                                                            (10, 11, 12, 7, 8, 9)]  # fmt: skip
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("kind", ["npy", "parquet"])
def test_a_shard_that_changes_or_goes_is_noticed(tmp_path, kind):
    make = npy_shards if kind == "npy" else parquet_shards
    folder = make(tmp_path / "x", X)
    source = open_source(folder)
    last = folder / ("part-12.npy" if kind == "npy" else "12.parquet")
    before = last.read_bytes()
    last.write_bytes(before + b" ")
    with pytest.raises(BadInput, match="has changed since the source was opened"):
        source.read(0, N)
    np.testing.assert_array_equal(source.read(0, 131), X[:131])
    last.unlink()
    with pytest.raises(BadInput, match="was there when the source was opened and is gone"):
        source.read(900, 901)


def test_a_file_that_is_cut_off_meanwhile_is_an_error_and_no_crash(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", X)
    source = open_source(tmp_path / "x.npy")
    monkeypatch.setattr("gputsne.data.sources.shard.Stamp.check", lambda self, path: None)
    os.truncate(tmp_path / "x.npy", 1000)
    with pytest.raises(BadInput, match="has been cut off since the source was opened"):
        source.read(0, N)


def test_large_reads_are_made_of_several(tmp_path, monkeypatch):
    monkeypatch.setattr("gputsne.data.sources.arrays.PART", 100)
    np.save(tmp_path / "x.npy", X)
    np.testing.assert_array_equal(open_source(tmp_path / "x.npy").read(3, N), X[3:])
    assert isinstance(open_source(np.load(tmp_path / "x.npy", mmap_mode="r")).pieces[0], NpyShard)


def test_shards_that_differ_are_refused(tmp_path):
    for name, other, message in (
        ("d", X[:, :3], "b.npy has 3 columns, and .*a.npy has 7"),
        ("type", X.astype("f8"), "b.npy holds float64, and .*a.npy holds float32: convert one"),
        ("axes", X[0], r"b.npy has shape \(7,\); rows x features"),
        ("text", np.array([["a"]]), "b.npy has dtype <U1, which isn't numeric"),
    ):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", X)
        np.save(tmp_path / name / "b.npy", other)
        with pytest.raises(BadInput, match=message):
            open_source(tmp_path / name)
    (names := tmp_path / "names").mkdir()
    parquet.write_table(table(X), names / "0.parquet")
    other = table(X).rename_columns([f"c{j}" for j in (0, 2, 1, 3, 4, 5, 6)])
    parquet.write_table(other, names / "1.parquet")
    with pytest.raises(BadInput, match=r"other columns than .*0.parquet: 'c2' for 'c1'"):
        open_source(names)


def test_what_is_no_source_is_refused(tmp_path):
    import pandas as pd

    for other in (pd.DataFrame(X), {"a": X}, None, 3, [[1.0, 2.0]], [1.0, 2.0]):
        with pytest.raises(TypeError, match="pass a numpy array"):
            open_source(other)
    with pytest.raises(BadInput, match="no such file or folder"):
        open_source(tmp_path / "none")
    with pytest.raises(BadInput, match="holds no shards"):
        open_source(tmp_path)
    with pytest.raises(BadInput, match="an empty list"):
        open_source([])
    with pytest.raises(BadInput, match="has no rows"):
        open_source(X[:0])
    with pytest.raises(BadInput, match="has no columns"):
        open_source(X[:, :0])
    (tmp_path / "x.csv").write_text("1,2\n")
    with pytest.raises(BadInput, match="isn't read by blocks"):
        open_source(tmp_path / "x.csv")
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(BadInput, match="has no columns with names"):
        open_source(tmp_path / "x.npy", columns="a")
    (tmp_path / "x.csv").unlink()
    parquet.write_table(table(X), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=r"several kinds \(.npy and .parquet"):
        open_source(tmp_path)


def test_damaged_parquet_names_the_file(tmp_path):
    path = tmp_path / "x.parquet"
    parquet.write_table(table(X), path, compression="snappy")
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(BadInput, match=r"x.parquet can't be read as parquet"):
        open_source(path)
    path.write_bytes(whole[:4] + bytes(2000) + whole[2004:])
    with pytest.raises(BadInput, match=r"x.parquet can't be read as parquet"):
        open_source(path).read(0, N)


def test_vectors_of_another_length_are_named(tmp_path):
    vectors = pa.array([None, [1.0, 2.0], [1.0]], pa.list_(pa.float64()))
    parquet.write_table(pa.table({"v": vectors}), tmp_path / "x.parquet")
    source = open_source(tmp_path / "x.parquet")
    assert source.shape == (3, 2)
    with pytest.raises(BadInput, match=r"column 'v', row 2: a vector of 1; the first has 2"):
        source.read(0, 3)


@pytest.mark.parametrize("suffix", ["npy", "parquet"])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path, suffix, whole):
    folder = (npy_shards if suffix == "npy" else parquet_shards)(tmp_path / "x", X)
    pipe = folder / f"part-99.{suffix}"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match=rf"part-99\.{suffix} is no regular file but a pipe"):
        open_source(folder if whole else pipe)
    pipe.unlink()
    pipe.symlink_to("/dev/zero")
    with pytest.raises(BadInput, match=rf"part-99\.{suffix} is no regular file but a device"):
        open_source(folder if whole else pipe)


def test_a_shard_whose_place_a_pipe_took_is_not_waited_for(tmp_path):
    np.save(tmp_path / "x.npy", X)
    source = open_source(tmp_path / "x.npy")
    (tmp_path / "x.npy").unlink()
    os.mkfifo(tmp_path / "x.npy")
    with pytest.raises(BadInput, match=r"x\.npy was there when .* and is none now"):
        source.read(0, 1)


@pytest.mark.parametrize(
    ("call", "given", "error", "said"),
    [
        ("where", (N,), IndexError, f"row={N} must be from 0 to {N - 1}"),
        ("where", (-1,), IndexError, "row=-1 must be"),
        ("where", (1.5,), TypeError, "row=1.5 must be a whole number"),
        ("where", (True,), TypeError, "row=True must be a whole number"),
        ("blocks", (0,), ValueError, "rows=0 of a block must be at least 1"),
        ("blocks", (-1,), ValueError, "rows=-1 of a block"),
        ("blocks", (1.5,), TypeError, "rows=1.5 must be a whole number"),
        ("blocks", ("9",), TypeError, "rows='9' must be a whole number"),
        ("read", (0.5, 2), TypeError, "start=0.5 must be a whole number"),
        ("read", (0, None), TypeError, "stop=None must be a whole number"),
    ],
)
def test_rows_that_are_none_are_named(tmp_path, call, given, error, said):
    source = open_source(npy_shards(tmp_path / "x", X))
    with pytest.raises(error, match=said):
        getattr(source, call)(*given)
