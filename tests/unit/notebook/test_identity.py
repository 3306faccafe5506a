"""Ids of rows: which row an id names, in whatever type it is given, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gputsne.notebook.identity import Ids


def object_array(values):
    """As pandas and csv give columns that hold gaps."""
    return np.array(values, dtype=object)


def test_rows_without_ids_are_numbered():
    ids = Ids.of(None, 5)
    assert ids.values.tolist() == [0, 1, 2, 3, 4]
    assert (ids.name, ids.given) == ("row", False)
    assert ids.rows_of([3, 1, 1, np.int64(0)]).tolist() == [0, 1, 3]
    assert ids.rows_of(np.array([4.0])).tolist() == [4]


@pytest.mark.parametrize(
    "given",
    [
        ["b", "a", "ü<&"],
        np.array([7, 5, 2**32 - 1]),
        np.array([7, 5, 2**32]),
        np.array([-1, 5, 3]),
        [1.5, 2.5, 1e300],
        pd.Series(["x", "y", "z"], name="scan"),
        pd.Categorical(["u", "v", "w"]),
        pd.date_range("2026-01-01", periods=3),
    ],
    ids=lambda given: type(given).__name__,
)
def test_every_id_names_its_row(given):
    ids = Ids.of(given, 3)
    told = ids.keys_of(np.arange(3))
    assert told == ids.keys_of_all()
    assert all(isinstance(key, int | str) for key in told)  # what JSON has
    assert isinstance(ids.keys, list) or ids.keys.dtype == np.uint32
    assert ids.named(told[::-1]).tolist() == [2, 1, 0]
    for row, value in enumerate(ids.values):
        assert ids.rows_of([value]).tolist() == [row]
        assert ids.rows_of(ids.values[[row]]).tolist() == [row]


def test_the_name_of_a_column_is_that_of_the_ids():
    assert Ids.of(pd.Series(["x", "y"], name="scan"), 2).name == "scan"
    assert Ids.of(["x", "y"], 2).name == "id"


def test_a_mask_selects_its_rows():
    ids = Ids.of(list("abcd"), 4)
    assert ids.rows_of(np.array([False, True, False, True])).tolist() == [1, 3]
    assert ids.rows_of(pd.Series([True, False, False, False])).tolist() == [0]
    assert ids.rows_of(None).tolist() == ids.rows_of([]).tolist() == []
    with pytest.raises(ValueError, match=r"mask of shape \(3,\), and the map has 4 rows"):
        ids.rows_of(np.zeros(3, dtype=bool))


@pytest.mark.parametrize("ids", [None, list("abcd"), [4, 3, 2, 1]])
@pytest.mark.parametrize("form", [list, tuple, iter, np.array, pd.array, pd.Series, object_array])
def test_truths_are_a_mask_in_whatever_they_come(ids, form):
    found = Ids.of(ids, 4)
    assert found.rows_of(form([False, True, False, True])).tolist() == [1, 3]
    for wrong in ([False, True], [True] * 5):
        with pytest.raises(
            ValueError, match=rf"mask of shape \({len(wrong)},\), and .* has 4 rows"
        ):
            found.rows_of(form(wrong))


@pytest.mark.parametrize("asked", [[True, 3], [0, np.False_], (1, True)])
def test_a_truth_among_numbers_names_no_row(asked):
    with pytest.raises(ValueError, match=r"1 of its ids are no row's: '(np.)?(True|False_?)'"):
        Ids.of(None, 5).rows_of(asked)


def test_a_sample_has_the_numbers_of_the_table():
    ids = Ids.sampled(np.array([2, 5, 11]), 12)
    assert ids.rows_of([11, 5]).tolist() == [1, 2]
    assert ids.numbers(np.array([1, 2])).tolist() == [5, 11]
    assert ids.rows_of(np.arange(12) > 4).tolist() == [1, 2]  # of which two are shown
    with pytest.raises(ValueError, match=r"mask of shape \(3,\), and the map has 12 rows"):
        ids.rows_of([True, False, True])
    with pytest.raises(ValueError, match="no row's: 3; rows are numbered 0 to 11, and 3 of them"):
        ids.rows_of([3])


@pytest.mark.parametrize(
    ("ids", "asked", "told"),
    [
        (None, [2, 9, -1], "2 of its ids are no row's: 9, -1; rows are numbered 0 to 4"),
        (None, [0.5], "1 of its ids are no row's: 0.5"),
        (None, [float("nan")], "1 of its ids"),
        (None, ["one"], "1 of its ids are no row's: \"'one'\""),
        (list("abcde"), ["z"], "1 of its ids are no row's: 'z'$"),
        (list("abcde"), list("nopqrst"), "7 of its ids are no row's: .*, \\.\\.\\.$"),
    ],
)
def test_ids_that_no_row_has_are_named(ids, asked, told):
    with pytest.raises(ValueError, match=told):
        Ids.of(ids, 5).rows_of(asked)


@pytest.mark.parametrize("asked", [3, "abc", b"abc", 2.5, np.array(3), np.ones((2, 2), dtype=int)])
def test_what_is_no_selection_is_refused(asked):
    with pytest.raises(TypeError, match="must be a list of ids, a mask of the rows or None"):
        Ids.of(None, 5).rows_of(asked)


def test_what_a_browser_makes_up_is_passed_over():
    ids = Ids.of(list("abc"), 3)
    assert ids.known(["c", "z", 1, None, "a", "c"]).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["a", "b", "a"], "'a' is the id of more than one row"),
        ([1, 2, 1], "1 is the id of more than one row"),
        (["a", None, "b"], "row 1 has none"),
        ([1.0, np.nan, 2.0], "row 1 has none"),
        (["a"], r"ids has shape \(1,\), but the map has 3 rows"),
        ([1, 1.0, 2], "is the id of more than one row"),
    ],
)
def test_ids_that_name_no_row_alone_are_refused(given, told):
    with pytest.raises(ValueError, match=told):
        Ids.of(given, 3)
