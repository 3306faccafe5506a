"""Maps written whole or not at all, read back to the bit, with labels of any kind."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from pyarrow import parquet

from gputsne.base.files import check_writable, replacing
from gputsne.data import BadInput, Selection, read, write

Y = np.array([[0.1, -1e-7], [1 / 3, 2e8], [np.float32(np.pi), -0.0]], dtype=np.float32)
LABELS = np.array(["a", None, "b, c"], dtype=object)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "npy"])
def test_coordinates_survive_to_the_bit(tmp_path, suffix):
    path = tmp_path / f"map.{suffix}"
    write(path, Y, ids=np.array([3, 1, 2]), labels=LABELS)
    columns = () if suffix == "npy" else ("x", "y")
    back = read(path, Selection(columns=columns)).X
    np.testing.assert_array_equal(back.astype(np.float32), Y)


def test_columns_in_order_for_one_to_three_axes(tmp_path):
    for c, axes in [(1, ["x"]), (2, ["x", "y"]), (3, ["x", "y", "z"])]:
        Z = np.ones((2, c), np.float32)
        write(tmp_path / "map.parquet", Z, ids=np.arange(2), labels=np.arange(2))
        table = parquet.read_table(tmp_path / "map.parquet")
        assert table.column_names == ["id", *axes, "label"]
        write(tmp_path / "map.csv", Z)
        assert (tmp_path / "map.csv").read_text().splitlines()[0] == ",".join(axes)


def test_labels_with_commas_and_gaps(tmp_path):
    write(tmp_path / "map.csv", Y, labels=LABELS)
    with (tmp_path / "map.csv").open(newline="") as text:
        assert [row[-1] for row in csv.reader(text)] == ["label", "a", "", "b, c"]
    write(tmp_path / "map.parquet", Y, labels=LABELS)
    assert parquet.read_table(tmp_path / "map.parquet")["label"].to_pylist() == list(LABELS)
    mixed = np.array(["a", 1, None], dtype=object)
    write(tmp_path / "map.parquet", Y, labels=mixed)
    assert parquet.read_table(tmp_path / "map.parquet")["label"].to_pylist() == ["a", "1", None]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_behind_and_the_old_file_stands(tmp_path, error):
    target = tmp_path / "map.csv"
    target.write_text("old")

    def half_written() -> None:
        with replacing(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        half_written()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_follow_the_umask(tmp_path):
    (tmp_path / "plain").touch()
    write(tmp_path / "map.npy", Y)
    assert (tmp_path / "map.npy").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "map.npy").symlink_to(tmp_path / "real" / "map.npy")
    write(tmp_path / "map.npy", Y)
    assert (tmp_path / "map.npy").is_symlink()
    np.testing.assert_array_equal(np.load(tmp_path / "real" / "map.npy"), Y)


def test_what_cannot_be_written_is_known_before(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder .* doesn't exist"):
        check_writable(tmp_path / "no" / "map.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(OSError, match="can't be written to"):
        check_writable("/proc/map.csv")
    check_writable(tmp_path / "map.csv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadInput, match=r"known are .parquet .csv .npy"):
        write(tmp_path / "map.xls", Y)


ODD = {
    "bytes": (np.array([b"Iris-setosa", "größe".encode(), b"c"]), ["Iris-setosa", "größe", "c"]),
    "mixed bytes": (np.array([b"a", "b", None], dtype=object), ["a", "b", None]),
    "lone surrogates": (np.array(["a", "b\ud800", "c"]), ["a", "b?", "c"]),
    "surrogates in objects": (np.array(["a\udfff", 1, None], dtype=object), ["a?", "1", None]),
}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("labels", "expected"), ODD.values(), ids=ODD)
def test_labels_that_are_no_plain_text(tmp_path, suffix, labels, expected):
    path = tmp_path / f"map.{suffix}"
    write(path, Y, ids=labels, labels=labels)
    back = read(path, Selection(columns=("x", "y"), labels="label", ids="id"))
    if suffix == "csv":
        expected = ["" if label is None else label for label in expected]
    assert list(back.labels) == expected
    assert list(back.ids) == expected


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("dtype", ["S", object])
def test_bytes_are_written_as_text(tmp_path, suffix, dtype):
    labels = np.array([b"Iris-setosa", "caf\xe9".encode(), b"\xff"], dtype=dtype)
    path = tmp_path / f"map{suffix}"
    write(path, Y, ids=labels, labels=labels, label_name="kind", kept={"more": labels})
    want = ["Iris-setosa", "caf\xe9", "\ufffd"]
    if suffix == ".csv":
        rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
        columns = dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))
    else:
        columns = parquet.read_table(path).to_pydict()
    assert [list(columns[name]) for name in ("id", "kind", "more")] == [want] * 3
