"""Do labels keep their colours, and can people tell the colours apart?"""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gputsne.plotting.colours import (
    MISSING,
    PALETTE,
    colour_of,
    lookalikes,
    natural_order,
    oklab,
    palette,
)
from gputsne.plotting.labels import LEGEND, read_labels, text_of

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of lookalikes, tested on their own
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
def test_a_label_keeps_its_colour_in_any_subset(labels, data):
    whole = colours_of(labels)
    part = colours_of(data.draw(st.lists(st.sampled_from(labels), min_size=1)))
    assert part.items() <= whole.items()


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=20))
def test_every_text_has_a_colour(name):
    assert len(colour_of(name)) == 7
    assert 0 <= int(colour_of(name)[1:], 16) < 2**24


def test_colours_do_not_depend_on_the_process():
    code = "from gputsne.plotting.colours import colour_of; print(colour_of('naïve B'))"
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


def test_words_that_look_alike_are_reported_and_can_be_made_distinct():
    words = [f"{a}{b}x" for a in "abcdef" for b in "uvw"]
    with pytest.warns(UserWarning, match="look alike.*palette='distinct'"):
        read_labels(words, len(words))
    distinct = colours_of(words, palette="distinct")
    assert least_distance(list(distinct.values())) > 0.099
    assert colours_of(words[3:9], palette=palette(words)).items() <= distinct.items()


WORDS = [f"{a}{b}x" for a in "abcdefgh" for b in "stuvwxyz"]  # 64


def test_lookalikes_of_more_words_than_the_legend_holds_are_reported():
    with pytest.warns(UserWarning, match=r"look alike.*of 64 cat.*'distinct'.*annotate=True"):
        read_labels(WORDS, len(WORDS))
    # Twenty in the legend whose colours differ, one outside that can't be told from the first.
    twin = next(w for w in map(str, range(20, 60)) if lookalikes([colour_of("0"), colour_of(w)]))
    labels = [*map(str, range(20))] * 2 + [twin]
    with pytest.warns(UserWarning, match=rf"'0' and '{twin}' have colours that look alike"):
        read_labels(labels, len(labels))


def test_distinct_colours_of_too_many_words_go_to_the_largest():
    labels = np.repeat(WORDS, np.arange(64) % 7 + 1)
    read = read_labels(labels, len(labels), palette="distinct")  # no warning: more can't be done
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


@pytest.mark.filterwarnings("ignore:labels .* look alike")
def test_kinds_are_told_apart():
    assert read_labels([0.5, 1.0, np.nan], 3).kind == "values"
    assert read_labels([1.0, 2.0, np.nan], 3).kind == "categories"
    assert read_labels([1.5, None, 2.0], 3).kind == "values"
    assert read_labels(np.arange(100), 100).kind == "categories"
    assert read_labels(np.arange(101), 101).kind == "values"
    assert read_labels(np.arange(101), 101, kind="categories").kind == "categories"
    assert read_labels([1, 2, 3], 3, kind="values").kind == "values"


@pytest.mark.filterwarnings("ignore:labels .* look alike")
def test_legend_names_the_largest_in_natural_order():
    labels = np.repeat(np.arange(30), np.arange(1, 31))
    read = read_labels(labels, len(labels))
    assert [read.names[i] for i in read.in_legend()] == [str(i) for i in range(30 - LEGEND, 30)]


def test_natural_order():
    mixed = ["b10", "b9", "10", "-2", "9.5", "nan", "a"]
    assert natural_order(mixed) == ["-2", "9.5", "10", "a", "b9", "b10", "nan"]


def test_text_of_is_the_same_for_equal_labels():
    assert {text_of(v) for v in (3, 3.0, np.float32(3), np.int8(3), "3", b"3")} == {"3"}


@pytest.mark.parametrize(
    ("labels", "kwargs", "message"),
    [
        ([1, 2], {}, r"labels has shape \(2,\), but the map has 3 points"),
        ([1, 2, 3], {"kind": "numbers"}, "kind='numbers' is not one of"),
        (["a", "b", "c"], {"kind": "values"}, "needs numeric labels"),
        ([1, 2, 3], {"palette": "viridis"}, "is a colour scale"),
        ([0.1, 2, 3], {"palette": "jet"}, "choose of"),
        ([0.1, 2, 3], {"palette": {1: "red"}}, "choose of"),
        (["a", "b", "c"], {"palette": {"a": "#12"}}, r"palette\['a'\]='#12'"),
        (None, {"palette": {"a": "red"}}, "no effect without labels"),
    ],
)
def test_what_does_not_fit_is_refused(labels, kwargs, message):
    with pytest.raises(ValueError, match=message):
        read_labels(labels, 3, **kwargs)
