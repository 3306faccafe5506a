"""What static pictures refuse, and what they say of labels that are no plain categories."""

from __future__ import annotations

import datetime as dt
import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner

from gputsne.cli import main
from gputsne.plotting import by_columns, plot, thumbnail
from gputsne.plotting.labels import read_labels

N = 60
CODES = np.arange(N) % 6


def a_map():
    return np.random.default_rng(0).normal(size=(N, 2))


def legend_of(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.mark.parametrize("rows", [[-1], [3, -2], -1, [N], np.array([-N])])
def test_rows_count_from_0(rows):
    with pytest.raises(ValueError, match=r"highlight has row -?\d+, but the map has 60 points"):
        plot(a_map(), highlight=rows)


@pytest.mark.parametrize("rows", [[3], 3, [0, 5], np.array([1])])
@pytest.mark.parametrize("labels", [CODES, [str(c) for c in CODES], CODES.astype(float)])
def test_numbers_that_may_be_rows_or_labels_are_refused(rows, labels):
    with pytest.raises(ValueError, match=r"may mean rows or labels: write labels as texts"):
        plot(a_map(), labels, highlight=rows)


def test_both_ways_to_say_it_do():
    labelled = plot(a_map(), CODES, highlight=["3"])
    assert "highlighted" in labelled.axes[0].texts[-1].get_text() or labelled.alt
    assert "50 points are grey" in labelled.alt
    assert "59 points are grey" in plot(a_map(), CODES, highlight=np.arange(N) == 3).alt
    assert "59 points are grey" in plot(a_map(), CODES, highlight=[30]).alt  # no such label
    assert "59 points are grey" in plot(a_map(), CODES + 0.5, highlight=[3]).alt
    assert "1 point is grey" in plot(a_map(), [None, *"ab", *"b" * (N - 3)]).alt


ORDER = ["lo", "mid", "hi"]


def test_an_ordered_column_keeps_its_order():
    said = np.array(ORDER)[np.arange(N) % 3]
    kinds = pd.CategoricalDtype([*ORDER, "never"], ordered=True)
    assert legend_of(plot(a_map(), pd.Series(said, dtype=kinds))) == ORDER
    assert legend_of(plot(a_map(), pl.Series(said, dtype=pl.Enum([*ORDER, "never"])))) == ORDER
    assert legend_of(plot(a_map(), pd.Series(said, dtype="category"))) == ["hi", "lo", "mid"]
    sizes = pd.Series([9, 10, None] * (N // 3), dtype=pd.CategoricalDtype([10, 9], ordered=True))
    assert legend_of(plot(a_map(), sizes)) == ["10", "9", f"no label ({N // 3})"]


HOURS = np.arange(N) * 1.5
DURATIONS = {
    "pandas": pd.Series(pd.to_timedelta(HOURS, unit="h"), name="wait"),
    "polars": pl.Series("wait", [dt.timedelta(hours=h) for h in HOURS]),
    "objects": pd.Series([dt.timedelta(hours=h) for h in HOURS], dtype=object, name="wait"),
}


@pytest.mark.parametrize("source", DURATIONS)
def test_durations_are_values(source):
    read = read_labels(DURATIONS[source], N)
    assert (read.kind, read.title) == ("values", "wait (days)")
    np.testing.assert_allclose(read.values, HOURS / 24, rtol=1e-12)
    ends = read_labels(DURATIONS[source], N, limits=(dt.timedelta(hours=12), None)).limits
    assert ends == pytest.approx((0.5, HOURS[-1] / 24))
    assert "wait (days) from 0 to 3.69." in plot(a_map(), DURATIONS[source]).alt


def test_durations_have_the_unit_that_they_need_and_may_be_categories():
    seconds = np.array([1, 90, "NaT"] * (N // 3), dtype="m8[s]")
    read = read_labels(seconds, N)
    assert read.title == "seconds"
    assert read.missing.sum() == N // 3
    assert read_labels(seconds.astype("m8[ns]"), N, kind="categories").names == (
        "0:00:01", "0:01:30",
    )  # fmt: skip


@pytest.mark.parametrize("labels", [np.arange(N) * 1j, [1j] * N, [1j, "a"] * (N // 2)])
def test_complex_labels_are_refused(labels):
    with pytest.raises(TypeError, match="complex numbers, which have no order"):
        plot(a_map(), labels)


def test_whole_numbers_beyond_int64_are_themselves():
    values = np.arange(N, dtype=np.uint64) * np.uint64(2**55) + np.uint64(2**63)
    read = read_labels(values, N, kind="values")
    assert read.limits == (2.0**63, float(int(values[-1])))
    names = read_labels([2**64 - 1, 2**63] * (N // 2), N).names
    assert names == (str(2**63), str(2**64 - 1))


def test_infinite_labels_are_told_as_such():
    values = np.linspace(0.5, 1, N)
    values[:3] = np.inf, -np.inf, np.inf
    assert legend_of(plot(a_map(), values)) == ["infinite (3)"]
    values[3] = np.nan
    figure = plot(a_map(), values)
    assert legend_of(figure) == ["no label or infinite (4)"]
    assert figure.alt.endswith("4 points are grey: no label or infinite.")


def test_tabs_and_blanks_are_told_in_words():
    labels = np.array(["a\tb", "   ", " ", "c", "d", "e"])[CODES]
    got = legend_of(plot(a_map(), labels, title="tab\there"))
    assert got == ["(blank, 1 character)", "(blank, 3 characters)", "a b", "c", "d", "e"]
    assert "(blank, 3 characters) (10 points" in plot(a_map(), labels).alt


def test_two_columns_of_one_name_are_refused():
    table = pd.DataFrame(np.zeros((N, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match="hover: two columns are called 'a'"):
        plot(a_map(), renderer="viewer", hover=table)
    with pytest.raises(ValueError, match="columns: two columns are called '1'"):
        by_columns(a_map(), {1: CODES, "1": CODES})


@pytest.mark.parametrize(
    "given",
    [{"dpi": 1}, {"dpi": 9.9}, {"dpi": 1e6}, {"point_size": 1e9}, {"point_size": 501}],
    ids=str,
)
def test_sizes_have_bounds(tmp_path, given):
    (name,) = given
    with pytest.raises(ValueError, match=f"{name}=.* must be at (least|most)"):
        plot(a_map(), path=tmp_path / "a.png", **given)
    Path(tmp_path, "m.csv").write_text("x,y\n0,1\n1,0\n2,2\n")
    option = f"--{name.replace('_', '-')}"
    result = CliRunner().invoke(
        main,
        ["plot", f"{tmp_path}/m.csv", "-o", f"{tmp_path}/a.png", option, str(given[name])],
    )
    assert result.exit_code == 2
    assert option in result.output
    assert not Path(tmp_path, "a.png").exists()


def test_the_least_dpi_is_drawn_and_too_many_pixels_are_not(tmp_path):
    plot(a_map(), CODES, title="T", dpi=10, path=tmp_path / "a.png")
    thumbnail(a_map(), CODES, size=32, path=tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"dpi=2400 makes .* pixels of this figure"):
        by_columns(a_map(), {str(i): CODES for i in range(8)}, dpi=2400, path=tmp_path / "c.png")
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_is_read_only_is_told_by_the_file_asked_for(tmp_path, monkeypatch, code):
    def refuse(self, *args, **kwargs):
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OSError, match=r"a\.png can't be made: the folder") as refused:
        plot(a_map(), path=tmp_path / "a.png")
    assert "/." not in str(refused.value)
