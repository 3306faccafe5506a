"""Colours of labels: which they get, that they keep them, that people can tell them apart."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gputsne.base.colours import (
    MISSING,
    PALETTE,
    colour_of,
    natural_order,
    oklab,
    palette,
)
from gputsne.base.labels import text_of
from gputsne.plotting.labels import LEGEND, distinguishable, read_labels
from gputsne.plotting.ticks import date_ticks

# Machado, Oliveira & Fernandes (2009), severity 1.0: what eyes without green (deutan) or red
# (protan) cones see of a linear sRGB colour.
EYES = {
    "normal": np.eye(3),
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}


def seen(colours, eyes):
    """Return the colours as other eyes see them, written as hex."""
    srgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.asarray(EYES[eyes]).T, 0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return ["#" + "".join(f"{round(255 * v):02x}" for v in row) for row in back]


def least_distance(colours):
    lab = oklab(colours)
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return distance[np.triu_indices(len(lab), 1)].min()


def colours_of(labels, **kwargs):
    read = read_labels(labels, len(labels), **kwargs)
    return dict(zip(read.names, read.colours, strict=True))


def test_oklab_of_known_colours():
    # Ottosson's article gives white as (1, 0, 0); red from the CSS Color 4 test values.
    np.testing.assert_allclose(oklab(["#ffffff"])[0], [1, 0, 0], atol=1e-4)
    np.testing.assert_allclose(oklab(["#ff0000"])[0], [0.62796, 0.22486, 0.12585], atol=1e-4)


# The figures that colours.py states, rounded down: what the palette was tuned for.
@pytest.mark.parametrize(
    ("eyes", "ten", "twenty"),
    [("normal", 0.15, 0.099), ("deutan", 0.095, 0.065), ("protan", 0.095, 0.065)],
)
def test_palette_is_distinct_to_all_eyes(eyes, ten, twenty):
    assert least_distance(seen(PALETTE[:10], eyes)) > ten
    assert least_distance(seen(PALETTE, eyes)) > twenty


def test_palette_stands_out_from_paper_and_from_missing():
    for other in ("#ffffff", MISSING):
        assert min(np.linalg.norm(oklab(PALETTE) - oklab([other]), axis=1)) > 0.1


@settings(max_examples=30)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=30), st.data())
def test_a_label_keeps_its_colour_in_any_subset_if_asked(labels, data):
    part = data.draw(st.lists(st.sampled_from(labels), min_size=1))
    whole = colours_of(labels, kind="categories", palette="stable")
    assert colours_of(part, kind="categories", palette="stable").items() <= whole.items()
    # by default too, where the first picture's colours are known to the second
    first = colours_of(labels, kind="categories")
    assert colours_of(part, kind="categories", known=first).items() <= first.items()


@settings(max_examples=50)
@given(st.sets(st.text("abcdefghij", min_size=2, max_size=8), min_size=2, max_size=20))
def test_up_to_twenty_words_are_distinct_to_all_eyes_by_default(words):
    colours = list(colours_of(sorted(words)).values())
    for eyes, least in (("normal", 0.099), ("deutan", 0.065), ("protan", 0.065)):
        assert least_distance(seen(colours, eyes)) > least


def test_new_words_take_colours_that_are_free():
    first = palette(["dog", "cat"])
    second = palette(["ant", "bee", "cat", "dog"], keep=first)
    assert first.items() <= second.items()
    assert len(set(second.values())) == 4


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=20))
def test_every_text_has_a_colour(name):
    assert len(colour_of(name)) == 7
    assert 0 <= int(colour_of(name)[1:], 16) < 2**24


def test_colours_do_not_depend_on_the_process():
    code = "from gputsne.base.colours import colour_of; print(colour_of('naïve B'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == colour_of("naïve B")


@pytest.mark.parametrize(
    "labels",
    [
        range(20),
        [str(i) for i in range(20)],
        [f"cluster {i}" for i in range(20)],
        list("abcdefghijklmnopqrst"),
        list("ABCDEFGHIJKLMNOPQRST"),
        [False, True],
    ],
    ids=str,
)
def test_up_to_twenty_numbered_labels_are_distinct(labels):
    assert least_distance(list(colours_of(list(labels)).values())) > 0.099


def test_sixty_numbered_labels_differ():
    assert len({colour_of(str(i)) for i in range(60)}) == 60


def test_the_same_label_in_other_types_has_the_same_colour():
    kinds = [
        np.array([3, 1]),
        np.array([3.0, 1.0]),
        np.array(["3", "1"]),
        np.array([b"3", b"1"]),
        np.array([3, None, 1], dtype=object),
        [3, 1],
        np.array([3, 1], dtype=np.uint8),
    ]
    assert {tuple(colours_of(labels).items()) for labels in kinds} == {
        (("1", PALETTE[1]), ("3", PALETTE[3]))
    }


WORDS = [f"{a}{b}x" for a in "abcdefgh" for b in "stuvwxyz"]  # 64


def test_distinct_colours_of_too_many_words_go_to_the_largest():
    labels = np.repeat(WORDS, np.arange(64) % 7 + 1)
    read = read_labels(labels, len(labels))
    assert {read.colours[i] for i in read.in_legend()} == set(PALETTE)
    assert len(set(read.colours)) >= 60


def test_categorical_columns_bring_the_whole_set():
    import pandas as pd
    import polars as pl

    words = ["wolf", "elk", "hare", "lynx"]
    whole, part = pd.Categorical(words), pd.Categorical(words[1:3], categories=sorted(words))
    assert colours_of(whole) == palette(words)
    assert colours_of(part) == {w: palette(words)[w] for w in ("elk", "hare")}
    enum = pl.Series("animal", ["hare", "elk"], dtype=pl.Enum(sorted(words)))
    assert colours_of(enum) == colours_of(part)
    assert read_labels(enum, 2).title == "animal"


def test_missing_labels_have_no_category():
    import pandas as pd

    labels = ["a", None, "", float("nan"), pd.NA, pd.NaT]
    read = read_labels(np.array(labels, dtype=object), 6)
    assert read.names == ("a",)
    assert read.missing.tolist() == [False, True, True, True, True, True]


def test_kinds_are_told_apart():
    assert read_labels([0.5, 1.0, np.nan], 3).kind == "values"
    assert read_labels([1.0, 2.0, np.nan], 3).kind == "categories"
    assert read_labels([1.5, None, 2.0], 3).kind == "values"
    assert read_labels(np.arange(100), 100).kind == "categories"
    assert read_labels(np.arange(101), 101).kind == "values"
    assert read_labels(np.arange(101), 101, kind="categories").kind == "categories"
    assert read_labels([1, 2, 3], 3, kind="values").kind == "values"


def test_legend_names_the_largest_in_natural_order():
    labels = np.repeat(np.arange(30), np.arange(1, 31))
    read = read_labels(labels, len(labels))
    assert [read.names[i] for i in read.in_legend()] == [str(i) for i in range(30 - LEGEND, 30)]


def test_natural_order():
    mixed = ["b10", "b9", "10", "-2", "9.5", "nan", "a"]
    assert natural_order(mixed) == ["-2", "9.5", "10", "a", "b9", "b10", "nan"]


def test_text_of_is_the_same_for_equal_labels():
    assert {text_of(v) for v in (3, 3.0, np.float32(3), np.int8(3), "3", b"3")} == {"3"}


TAB10 = ["#1f77b4", "#ff7f0e", "#2ca02c"]  # as matplotlib's documentation lists them


@pytest.mark.parametrize(
    "given",
    [
        TAB10,
        tuple(TAB10),
        np.array(TAB10),
        "tab10",
        ["tab:blue", "C1", (44 / 255, 160 / 255, 44 / 255)],
        {"a": "tab:blue", "b": "#ff7f0e", "c": (44 / 255, 160 / 255, 44 / 255)},
        np.array([[31, 119, 180], [255, 127, 14], [44, 160, 44]]) / 255,
    ],
    ids=["list", "tuple", "array", "colormap", "kinds", "mapping", "rgb"],
)
def test_palettes_may_be_whatever_matplotlib_calls_colours(given):
    assert list(colours_of(["c", "a", "b"], palette=given).values()) == TAB10


def test_a_series_and_a_colormap_are_palettes():
    import pandas as pd
    from matplotlib import colormaps

    assert (
        list(colours_of(["a", "b"], palette=pd.Series(["red", "#f00"])).values()) == ["#ff0000"] * 2
    )
    ends = list(colours_of(["a", "b"], palette=colormaps["gray"]).values())
    assert ends == ["#000000", "#ffffff"]
    assert read_labels([0.5, 1, 2], 3, palette=["black", "w"]).scale == ("#000000", "#ffffff")
    assert read_labels([0.5, 1, 2], 3, palette="gray").scale[0] == "#000000"


@pytest.mark.parametrize(
    ("labels", "kwargs", "message"),
    [
        ([1, 2], {}, r"labels has shape \(2,\), but the map has 3"),
        ([1, 2, 3], {"kind": "numbers"}, "kind='numbers' is not one of"),
        (["a", "b", "c"], {"kind": "values"}, "needs numeric labels"),
        ([0.1, 2, 3], {"palette": "jett"}, "is no colormap"),
        ([1, 2, 3], {"palette": "red"}, "is one colour: pass a list"),
        ([0.1, 2, 3], {"palette": {1: "red"}}, "labels are values; give a colormap"),
        ([0.1, 2, 3], {"limits": (2.0, 1.0)}, "vmin=2 must be below vmax=1"),
        ([0.1, 2, 3], {"limits": ("low", None)}, "vmin='low' must be a finite number"),
        ([1, 2, 3], {"limits": (0.0, None)}, "vmin and vmax have no effect on categories"),
        (["a", "b", "c"], {"palette": {"a": "#12"}}, r"palette\['a'\]='#12' is no colour"),
        (["a", "b", "c"], {"palette": ["red", "blu"]}, r"palette\[1\]='blu' is no colour"),
        (["a", "b", "c"], {"palette": ["red", "blue"]}, "has 2 colours for 3 categories"),
        (["a", "b", "c"], {"palette": 7}, "palette=7 must be a mapping, a list"),
        (None, {"palette": {"a": "red"}}, "no effect without labels"),
    ],
)
def test_what_does_not_fit_is_refused(labels, kwargs, message):
    with pytest.raises(ValueError, match=message):
        read_labels(labels, 3, **kwargs)


@pytest.mark.parametrize("missing", [None, float("nan"), "", np.nan])
def test_what_is_missing_in_a_list_is_missing(missing):
    read = read_labels(["a", missing] * 3, 6)
    assert read.names == ("a",)
    assert read.missing.sum() == 3


def test_many_distinct_labels_take_memory_in_proportion():
    """36,000 titles took 31 GB: each colour was compared with each."""
    labels = [f"title {i:x}" for i in range(36_000)]
    tracemalloc.start()
    read = read_labels(labels, len(labels))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(read.names) == 36_000
    assert peak < 2000 * len(labels)  # bytes per label: some Python texts and places, no square


def test_one_long_label_does_not_widen_the_others():
    """A fixed-width array would take 4 bytes a letter for every row, here 1.6 GB."""
    labels = ["x" * 20_000, *["a", "b"] * 10_000]
    tracemalloc.start()
    read_labels(labels, len(labels))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_dates_are_values_on_a_scale():
    days = np.arange("2020-01-01", "2020-03-01", dtype="M8[D]")
    read = read_labels(days, len(days))
    assert (read.kind, read.dates) == ("values", True)
    assert read.values[0] == 18_262  # days from 1970-01-01 to 2020-01-01: 50 years, 12 leap days
    assert read.limits == (18_262, 18_262 + 59)
    named = read_labels(days, len(days), kind="categories")
    assert named.names[:2] == ("2020-01-01", "2020-01-02")  # no time of day, no nanoseconds
    seen = read_labels(days, len(days), limits=(np.datetime64("2020-01-11"), None)).limits
    assert seen == (18_272, 18_262 + 59)
    missing = read_labels(np.array(["2020-01-01", "NaT", "2020-01-03"], dtype="M8[ns]"), 3)
    assert missing.missing.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("first", "last", "texts"),
    [
        ("2015-06-01", "2021-06-01", ["2016", "2017", "2018", "2019", "2020", "2021"]),
        ("2020-01-01", "2020-05-15", ["2020-01", "2020-02", "2020-03", "2020-04", "2020-05"]),
        ("2020-01-01", "2020-01-04", ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]),
        (
            "2020-01-01T10:00",
            "2020-01-01T13:00",
            [f"2020-01-01 {hour}:00" for hour in (10, 11, 12, 13)],
        ),
    ],
)
def test_date_ticks(first, last, texts):
    ends = np.array([first, last], dtype="M8[us]").astype(np.int64) / 86_400e6
    days, said = date_ticks(*ends)
    assert said == texts
    assert ends[0] <= days[0] <= days[-1] <= ends[1]


def test_long_names_are_cut_so_that_they_still_differ():
    long = "Homo sapiens hepatic macrophage, donor "
    names = [f"{long}{i}" for i in range(10)] + ["short"]
    cut = distinguishable(names, 28)
    assert len(set(cut)) == 11
    assert max(map(len, cut)) <= 28
    assert cut[-1] == "short"
    middle = [f"{long}{i}{long * 2}" for i in range(3)]
    assert len(set(distinguishable(middle, 28))) == 3


@pytest.mark.parametrize("bad", ["bad\x0bchar", "half \ud83d pair", "nul\x00"])
def test_what_no_file_can_hold_is_replaced(bad):
    read = read_labels([bad, "good"], 2)
    assert "\ufffd" in "".join(read.names)
    "".join(read.names).encode()  # a lone surrogate would raise
