"""Labels from files of their own: every format, and whether a first line is a label."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from gputsne.data import BadInput, Selection, read

X = np.array([[1.5, -2.0], [0.0, 3.25], [1e-30, 7.0]], dtype=np.float32)
NAMES = ["a", "b", "a"]


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


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


@pytest.mark.parametrize("name", ["y.csv", "y.csv.gz", "y.tsv"])
@pytest.mark.parametrize(
    "values", [list("aba"), ["a", "b", "c"], ["4", "5", "6"], ["1.5", "", "2"]]
)
def test_the_number_of_rows_tells_whether_there_is_a_header(tmp_path, name, values):
    np.save(tmp_path / "x.npy", X)
    expected = read(tmp_path / "x.npy", labels=lines(tmp_path / "y.txt", values)).labels
    packed = read(tmp_path / "x.npy", labels=lines(tmp_path / "y.txt.gz", values)).labels
    np.testing.assert_array_equal(packed, expected)
    for rows in (values, ["kind", *values], ["label", *values], ["7", *values]):
        labels = read(tmp_path / "x.npy", labels=lines(tmp_path / name, rows)).labels
        np.testing.assert_array_equal(labels, expected)
    with pytest.raises(BadInput, match=r"labels, .* has 3 rows"):
        read(tmp_path / "x.npy", labels=lines(tmp_path / name, [*values, *values]))


def lines(path: Path, rows: list[str]) -> str:
    content = "\n".join(row or '""' for row in rows).encode() + b"\n"
    if ".txt" in path.suffixes:
        content = "\n".join(rows).encode() + b"\n"
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


@pytest.mark.parametrize("inside", ["\u2028", "\u0085", "\x0c", "\x0b", "\x1c"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_at_line_ends_only(tmp_path, inside, end):
    np.save(tmp_path / "x.npy", X)
    rows = [f"a{inside}b", "c", "d"]
    (tmp_path / "y.txt").write_text(end.join(rows), encoding="utf-8", newline="")
    assert list(read(tmp_path / "x.npy", labels=str(tmp_path / "y.txt")).labels) == rows


def test_text_in_another_encoding(tmp_path):
    np.save(tmp_path / "x.npy", X)
    for encoding in ("utf-16", "utf-8-sig"):
        (tmp_path / "y.txt").write_bytes("ä\nb\nc".encode(encoding))
        assert list(read(tmp_path / "x.npy", labels=str(tmp_path / "y.txt")).labels) == list("äbc")
    (tmp_path / "y.csv").write_bytes("ä\nb\nc".encode("latin-1"))
    with pytest.raises(BadInput, match=r"y\.csv isn't UTF-8 text"):
        read(tmp_path / "x.npy", labels=str(tmp_path / "y.csv"))
    labels = read(tmp_path / "x.npy", labels=str(tmp_path / "y.csv"), encoding="latin-1").labels
    assert list(labels) == list("äbc")


def test_labels_as_objects_in_npy_name_a_remedy(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", np.array(NAMES, dtype=object))
    with pytest.raises(BadInput, match=r"y\.npy: .* holds Python objects, .* \.astype\(str\)"):
        read(tmp_path / "x.npy", labels=str(tmp_path / "y.npy"))
    np.save(tmp_path / "z.npy", np.array(NAMES, dtype="S"))
    assert list(read(tmp_path / "x.npy", labels=str(tmp_path / "z.npy")).labels) == NAMES
