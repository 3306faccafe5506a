"""Delimited files: header, columns, missing cells, separators, encodings; by both readers."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from gputsne.data import BadInput, Selection, read

pytestmark = pytest.mark.usefixtures("both_csv_readers")
X = np.array([[1.5, -2.0], [0.0, 3.25], [1e-30, 7.0]], dtype=np.float32)


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


CSV = 'id,a,b,kind\nr0,1.5,-2,"x, y"\nr1,0,3.25,z\nr2,1e-30,7,z\n'


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_csv_numeric_columns_are_features_and_text_is_left_out(tmp_path, mark, start):
    body = CSV.replace("x, y", "x+ y").replace(",", mark).replace("+", ",")
    table = read(text(tmp_path / "x.csv", start + body), Selection(labels="kind"))
    np.testing.assert_allclose(table.X, X, rtol=1e-7)  # X is float32, the text is exact
    assert table.names == ("a", "b")
    assert list(table.labels) == ["x, y", "z", "z"]
    assert table.left_out == ("id",)


def test_csv_label_and_id_columns_are_no_features(tmp_path):
    path = text(tmp_path / "x.csv", "id,a,cluster\n7,0.5,1\n8,1.5,2\n")
    table = read(path, Selection(labels="cluster", ids="id"))
    np.testing.assert_array_equal(table.X, [[0.5], [1.5]])
    assert table.labels.dtype == np.int64
    assert list(table.ids) == [7, 8]


def test_ids_keep_leading_zeros(tmp_path):
    path = text(tmp_path / "x.csv", "id,a\n007,0.5\n8,1.5\n")
    assert list(read(path, Selection(ids="id")).ids) == ["007", "8"]


@pytest.mark.parametrize(
    ("content", "names", "rows"),
    [
        ("1,2\n3,4\n", None, 2),
        ("0,1\n3,4\n5,6\n", ("0", "1"), 2),  # pandas writes 0,1,2,... over nameless columns
        ("5,0,0\n1,2,3\n", None, 2),  # a first row of pixels is no header
        ("a,b\n1,2\n", ("a", "b"), 1),
    ],
)
def test_csv_header_is_found_out(tmp_path, content, names, rows):
    table = read(text(tmp_path / "x.csv", content))
    assert table.names == names
    assert table.X.shape[0] == rows


def test_csv_header_can_be_said(tmp_path):
    path = text(tmp_path / "x.csv", "0,1\n3,4\n")
    assert read(path, Selection(header=False)).X.shape == (2, 2)
    path = text(tmp_path / "y.csv", "2020,2021\n3,4\n")
    assert read(path, Selection(header=True)).names == ("2020", "2021")


def test_csv_row_index_without_a_name_is_left_out(tmp_path):
    table = read(text(tmp_path / "x.csv", ",a\n0,5\n1,6\n"))
    np.testing.assert_array_equal(table.X, [[5], [6]])
    assert table.left_out == ("column 0",)
    assert table.remarks == ("column 0 was left out: no name, so a row index",)


def test_csv_blanks_are_nan(tmp_path):
    table = read(text(tmp_path / "x.csv", "a,b\n1,\nNA,2\n3,4\n"))
    np.testing.assert_array_equal(table.X, [[1, np.nan], [np.nan, 2], [3, 4]])


def test_csv_gz_and_tsv(tmp_path):
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    np.testing.assert_array_equal(read(tmp_path / "x.csv.gz").X, [[1, 2]])
    np.testing.assert_array_equal(read(text(tmp_path / "x.tsv", "a\tb,c\n1\t2\n")).X, [[1, 2]])


def test_csv_vector_column(tmp_path):
    path = text(tmp_path / "x.csv", 'v,n\n"[1, 2.5]",9\n"[3 4]",9\n')
    np.testing.assert_array_equal(read(path, Selection(vector="v")).X, [[1, 2.5], [3, 4]])
    path = text(tmp_path / "y.csv", 'v\n"[1, 2.5]"\n"[3]"\n')
    with pytest.raises(BadInput, match="row 3: a vector of 1; the first has 2"):
        read(path, Selection(vector="v", header=True))


def late_text(n: int) -> str:
    return "a,b\n" + "1,2\n" * n + "3,oops\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("a,b\n", "no rows, only a header: a, b"),
        ("a,b\nx,y\n", "no numeric column"),
        ("a,b\n1,2\n3\n", "row 3: 1 cell where 2"),
        (late_text(2000), "row 2002, column 'b': 'oops' isn't a number"),
    ],
)
def test_broken_csv(tmp_path, content, message):
    with pytest.raises(BadInput, match=message):
        read(text(tmp_path / "x.csv", content))


def test_csv_in_another_encoding(tmp_path):
    (tmp_path / "x.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(BadInput, match="UTF-8"):
        read(tmp_path / "x.csv")


def test_columns_by_name_position_slice_and_pattern(tmp_path):
    path = text(tmp_path / "x.csv", "p1,p2,q,p10\n1,2,3,4\n5,6,7,8\n")
    for wanted, expected in [
        (("q", "p1"), [3, 1]),
        (("0", "2"), [1, 3]),
        (("1:3",), [2, 3]),
        (("p*",), [1, 2, 4]),
        (("p*", "q"), [1, 2, 4, 3]),
    ]:
        assert read(path, Selection(columns=wanted)).X[0].tolist() == expected
    with pytest.raises(BadInput, match="no column 'r'; it has: p1, p2, q, p10"):
        read(path, Selection(columns=("r",)))


def test_pyarrow_reads_what_is_plain(tmp_path, monkeypatch, both_csv_readers):
    calls = []
    monkeypatch.setattr("gputsne.data.formats.csv.read_rows", lambda *args: calls.append(args))
    path = text(tmp_path / "x.csv", "a,b,kind\n1,NA,x\n\n3,4e5,y\n")
    if both_csv_readers == "pyarrow":
        assert read(path, labels="kind").X.shape == (2, 2)
        assert not calls
    else:
        with pytest.raises(BadInput):
            read(path)
        assert len(calls) == 1
