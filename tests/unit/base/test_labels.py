"""Labels: what is missing, what they say as text, and their categories, in every container."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from gputsne.base.labels import is_missing, read_column, text_of

MISSING = [None, np.nan, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), "", b"", Decimal("nan")]


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_what_stands_for_nothing_is_missing(value):
    assert is_missing(value)
    assert text_of(value) == ""


@pytest.mark.parametrize("value", [0, False, "nan", "None", " ", np.zeros(2), [], (), {}], ids=repr)
def test_what_stands_for_something_is_not(value):
    assert not is_missing(value)


def test_text_is_one_for_equal_labels():
    assert {text_of(v) for v in (3, 3.0, "3", b"3", np.int8(3), np.float32(3))} == {"3"}
    assert text_of(0.5) == "0.5"


def test_a_nan_among_texts_is_no_category():
    for labels in (["b", np.nan, "a", "b"], ("b", None, "a", "b"), pl.Series(["b", None, "a", "b"]),
                   pd.Series(["b", pd.NA, "a", "b"])):  # fmt: skip
        names, codes = read_column(labels, 4).codes()
        assert names == ["a", "b"]
        assert codes.tolist() == [1, -1, 0, 1]
    assert read_column(["nan", "a"], 2).codes()[0] == ["a", "nan"]  # a text, not a gap


def test_numbers_sort_as_numbers_and_stay_numbers():
    column = read_column([10, None, 9, 10], 4)
    assert column.numeric
    assert column.codes()[0] == [9.0, 10.0]
    assert not read_column([True, False], 2).numeric
    assert read_column([2, 1], 2).codes()[0] == [1, 2]


def test_names_categories_and_shape_are_kept():
    column = pd.Series(["b", "a"], name="cell", dtype=pd.CategoricalDtype(["b", "a", "c"]))
    got = read_column(column, 2)
    assert (got.title, got.categories) == ("cell", ("b", "a", "c"))
    assert read_column(column.to_frame(), 2).categories == ("b", "a", "c")
    assert read_column(pl.DataFrame({"cell": ["b", "a"]}), 2).title == "cell"
    enum = pl.Series(["b", "a"], dtype=pl.Enum(["b", "a", "c"]))
    assert read_column(enum, 2).categories == ("b", "a", "c")
    assert read_column(np.array([["x"], ["y"]]), 2).codes()[1].tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"labels has shape \(2,\), but the map has 3 rows"):
        read_column(column, 3)


def test_one_long_label_does_not_widen_the_others():
    labels = ["a"] * 2000 + ["b" * 100_000]
    column = read_column(np.array(labels, dtype=object), 2001)
    assert column.values.nbytes < 1e5
    names, codes = column.codes()
    assert len(names[1]) == 100_000
    assert codes.sum() == 1


def test_dates_are_dates_whatever_the_container():
    import datetime as dt

    import pandas as pd

    want = np.array(["2020-01-01", "2020-01-02", "NaT"], dtype="M8[us]")
    day = dt.date(2020, 1, 1), dt.date(2020, 1, 2), None
    noon = pd.date_range("2020-01-01", periods=2, tz="UTC")
    for labels in (
        list(day),
        np.array(day, dtype=object),
        pd.Series(day, dtype=object),
        [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02"), pd.NaT],
        pd.Series([*noon, pd.NaT]),
        pd.Series([*pd.period_range("2020-01-01", periods=2, freq="D"), None], dtype=object),
    ):
        read = read_column(labels, 3)
        np.testing.assert_array_equal(read.values.astype("M8[us]"), want)
        assert read.missing.tolist() == [False, False, True]


def test_whole_numbers_that_float64_would_merge_stay_apart():
    column = read_column([None, 2**53, 2**53 + 1, 2**80, 2**80 + 1], 5)
    names, codes = column.codes()
    assert names == sorted(map(str, [2**53, 2**53 + 1, 2**80, 2**80 + 1]))
    assert codes.tolist() == [-1, 2, 3, 0, 1]
    assert read_column([None, 2**53, 0.5], 3).numeric


@pytest.mark.parametrize("order", [["lo", "mid", "hi"], [10, 9, 11], [True, False]])
def test_an_ordered_column_has_its_order_and_only_what_is_there(order):
    column = pd.Series([*order[::-1], None], dtype=pd.CategoricalDtype([*order, "z"], ordered=True))
    read = read_column(column, len(column))
    names, codes = read.codes()
    assert read.ordered
    assert names == [text_of(name) for name in order]
    assert codes.tolist() == [*range(len(order) - 1, -1, -1), -1]


def test_an_unordered_column_is_sorted_as_it_was():
    column = pd.Series(["b", "a"], dtype=pd.CategoricalDtype(["b", "a"]))
    assert read_column(column, 2).codes()[0] == ["a", "b"]
