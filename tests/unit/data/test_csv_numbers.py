"""The numbers of delimited files: what a cell is, what a column is, and where a mistyped one is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gputsne.data import BadInput, Selection, read
from gputsne.data.formats.csv.numbers import Kind, as_ids, as_labels, column_of, number

pytestmark = pytest.mark.usefixtures("both_csv_readers")


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1.5", 1.5), (" -2e3 ", -2000.0), ("true", 1.0), ("False", 0.0), ("TRUE", 1.0)]
    + [(cell, None) for cell in ("oops", "1,5", "1_2", "yes", "-")],
)
def test_a_cell_is_a_number_or_text(cell, value):
    assert number(cell) == value


@pytest.mark.parametrize("cell", ["", " ", "NA", "N/A", "NaN", "nan", "null", "None", "?"])
def test_a_cell_may_say_that_there_is_nothing(cell):
    assert np.isnan(number(cell))


@pytest.mark.parametrize(
    ("cells", "kind", "at"),
    [
        (["1", "", "?"], Kind.NUMBERS, -1),
        (["", "NA"], Kind.EMPTY, -1),
        (["1", "2", "oops"], Kind.MIXED, 2),
        (["", "", "", "x", "1", "2"], Kind.MIXED, 3),  # missing cells have no vote
        (["1", "oops"], Kind.TEXT, 1),  # half is not most
        (["a", "b", "3"], Kind.TEXT, 0),
        (["1,5", "2,5", "x"], Kind.MIXED, 0),
        (["1,5"], Kind.MIXED, 0),
    ],
)
def test_most_of_what_a_column_says_decides(cells, kind, at):
    column = column_of(cells)
    assert (column.kind, column.first_text) == (kind, at)


@pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".csv", ";"), (".tsv", "\t")])
def test_one_bad_cell_is_an_error_that_says_where(tmp_path, suffix, mark):
    rows = [line.replace(",", mark) for line in ("a,b,kind", "1,2,x", "3,oops,y", "5,6,z")]
    path = table(tmp_path / f"x{suffix}", *rows)
    said = r"row 3, column 'b': 'oops' isn't a number; correct .* --columns, .* --labels or --id"
    with pytest.raises(BadInput, match=said):
        read(path)
    for want in (Selection(columns=("a",)), Selection(labels="b"), Selection(ids="b")):
        assert read(path, want).X.tolist() == [[1], [3], [5]]


def test_a_bad_cell_without_a_header_is_named_by_position(tmp_path):
    with pytest.raises(BadInput, match="row 2, column '1': 'oops'"):
        read(table(tmp_path / "x.csv", "1,2", "3,oops", "5,6"))


@pytest.mark.parametrize("n", [2, 2000])
def test_blank_lines_count_as_rows_of_the_file(tmp_path, n):
    path = table(tmp_path / "x.csv", "", "a,b", "", *["1,2"] * n, "", "3,oops", "", "1,2", "1,2")
    with pytest.raises(BadInput, match=f"row {n + 5}, column 'b': 'oops'"):
        read(path)
    path = table(tmp_path / "y.csv", "a,b", "", *["1,2"] * n, "3")
    with pytest.raises(BadInput, match=f"row {n + 3}: 1 cell where 2 are expected"):
        read(path)


def test_the_first_line_that_is_not_blank_tells_the_mark(tmp_path):
    assert read(table(tmp_path / "x.csv", "", "a;b", "1;2")).X.tolist() == [[1, 2]]


def test_truth_is_a_number_as_in_an_array(tmp_path):
    read_back = read(table(tmp_path / "x.csv", "a,on", "1,true", "2,False", "3,", "4,TRUE"))
    np.testing.assert_array_equal(read_back.X, [[1, 1], [2, 0], [3, np.nan], [4, 1]])
    assert read_back.left_out == ()


@pytest.mark.parametrize(
    "rows", [("a;b", "1,5;2", "2,5;3"), ("1,5;2,5", "3,5;4,5"), ('"1,5";"2,5"', '"3,5";"4,5"')]
)
def test_decimal_commas_are_seen(tmp_path, rows):
    with pytest.raises(BadInput, match=r"'1,5' isn't a number; write decimal points, as in 1\.5"):
        read(table(tmp_path / "x.csv", *rows))


EMPTY_AT_FIRST = ["a,b"] + ["1,"] * 1500


def test_a_column_that_stays_empty_is_left_out(tmp_path):
    read_back = read(table(tmp_path / "x.csv", *EMPTY_AT_FIRST))
    assert (read_back.X.shape, read_back.names) == ((1500, 1), ("a",))
    assert (read_back.positions, read_back.left_out) == ((0,), ("b",))
    assert read_back.remarks == ("b was left out: empty",)


def test_a_column_that_begins_late_is_judged_by_what_it_says(tmp_path):
    numbers = read(table(tmp_path / "x.csv", *EMPTY_AT_FIRST, "1,7", "1,8"))
    assert numbers.names == ("a", "b")
    assert numbers.X[-2:, 1].tolist() == [7, 8]
    text = read(table(tmp_path / "x.csv", *EMPTY_AT_FIRST, "1,seen", "1,8"))
    assert (text.names, text.left_out) == (("a",), ("b",))
    with pytest.raises(BadInput, match="row 1503, column 'b': 'oops'"):
        read(table(tmp_path / "x.csv", *EMPTY_AT_FIRST, "1,7", "1,oops", "1,8"))
    with pytest.raises(BadInput, match="row 1502, column 'b': '1,5' isn't a number; write decimal"):
        read(table(tmp_path / "x.csv", *EMPTY_AT_FIRST, '1,"1,5"'))


def test_features_know_their_place_in_the_file(tmp_path):
    path = table(tmp_path / "x.csv", "1,x,3", "4,y,6")
    read_back = read(path, Selection(header=False))
    assert read_back.positions == (0, 2)
    assert [read_back.called(j) for j in range(2)] == ["0", "2"]
    np.save(tmp_path / "x.npy", np.ones((2, 5)))
    chosen = read(tmp_path / "x.npy", Selection(columns=("4", "1")))
    assert [chosen.called(j) for j in range(2)] == ["4", "1"]


def test_a_cell_follows_one_rule_wherever_it_stands(tmp_path):
    # float() takes 1_2 for 12; the first rows were judged by another rule than the rest.
    rows = ["a,b"] + [f"{i / 7:.3f},{i % 5}" for i in range(1200)]
    for at in (5, 1100):
        path = table(tmp_path / "x.csv", *rows[:at], "1_2,3", *rows[at:])
        for want in (Selection(), Selection(columns=("a", "b"))):
            with pytest.raises(BadInput, match=f"row {at + 1}, column 'a': '1_2' isn't a number"):
                read(path, want)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1,234.56", "2,234.56", "999.5"], "'1,234.56' isn't a number; remove the thousands"),
        (["1,234,567", "2,234,567"], "'1,234,567' isn't a number; remove the thousands"),
        (["1'234.5", "2'234.5"], "\"1'234.5\" isn't a number; remove the thousands"),
        (["4,156", "5,208"], "if it is 4156, or give --decimal , if it is 4.156"),
        (["1,5", "2,5"], r"write decimal points, as in 1\.5, or give --decimal ,"),
    ],
)
def test_numbers_in_another_notation_are_no_text(tmp_path, cells, said):
    path = table(tmp_path / "x.csv", "a;b", *(f"{cell};1" for cell in cells))
    with pytest.raises(BadInput, match=said):
        read(path)
    quoted = table(tmp_path / "y.csv", "a,b", *(f'"{cell}",1' for cell in cells))
    with pytest.raises(BadInput, match=said):
        read(quoted)


def test_decimal_commas_where_they_are_asked_for(tmp_path):
    path = table(tmp_path / "x.csv", "a;b;c", "1,5;-2;x", ";3,25e1;y", "NA;7,0;z")
    read_back = read(path, Selection(decimal=",", labels="c"))
    np.testing.assert_array_equal(read_back.X, [[1.5, -2], [np.nan, 32.5], [np.nan, 7]])
    quoted = table(tmp_path / "y.csv", "a,b", '"1,5","2"', '"2,5","3"')
    assert read(quoted, Selection(decimal=",")).X.tolist() == [[1.5, 2], [2.5, 3]]
    labels = read(table(tmp_path / "z.csv", "a;t", "1;0,25", "2;1,5"), decimal=",", labels="t")
    assert labels.labels.tolist() == [0.25, 1.5]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1.5", "'1.5' isn't a number; write decimal commas, as in 1,5, or leave out --decimal"),
        ("1.234,5", "'1.234,5' isn't a number; remove the thousands separators"),
        ("1.234", "if it is 1234, or give --decimal . if it is 1,234"),
    ],
)
def test_decimal_points_among_decimal_commas(tmp_path, cell, said):
    path = table(tmp_path / "x.csv", "a;b", "1,5;2", f"{cell};3", "2,5;3")
    with pytest.raises(BadInput, match=f"row 3, column 'a': .*{said}"):
        read(path, decimal=",")


def test_a_decimal_mark_that_separates_is_refused(tmp_path):
    with pytest.raises(BadInput, match="',' separates the cells"):
        read(table(tmp_path / "x.csv", "a,b", "1,2"), decimal=",")
    with pytest.raises(BadInput, match=r"--decimal 'x': the decimal mark is \. or ,"):
        read(table(tmp_path / "x.csv", "a,b", "1,2"), decimal="x")


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["1", "2"], np.array([1, 2])),
        (["0.5", "1.25", "2"], np.array([0.5, 1.25, 2])),
        (["0.5", "", "1e-3"], np.array([0.5, np.nan, 1e-3])),
        (["1", "NA", "3"], np.array([1, None, 3], dtype=object)),
        (["007", "1.5"], np.array(["007", "1.5"], dtype=object)),  # codes
        (["1.2.3", "1.5"], np.array(["1.2.3", "1.5"], dtype=object)),
        (["NA", ""], np.array(["NA", ""], dtype=object)),
        (["true", "false"], np.array(["true", "false"], dtype=object)),
    ],
)
def test_label_columns_of_numbers_become_numbers(cells, labels):
    made = as_labels(cells)
    assert made.dtype == labels.dtype
    np.testing.assert_array_equal(made, labels)


def test_ids_with_fractions_stay_as_they_are_written():
    assert as_ids(["1.50", "2"]).tolist() == ["1.50", "2"]
