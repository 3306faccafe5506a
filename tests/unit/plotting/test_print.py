"""Names on static maps: none over another, each beside what it names, whatever they are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gputsne.plotting import by_columns, plot
from gputsne.plotting.placement import Paper, placed


def groups(sizes, apart=10.0, across=6):
    """Return a map of round groups on a grid, and each point's group."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    centres = np.stack(np.divmod(np.arange(len(sizes)), across), axis=1) * apart
    return (centres[codes] + rng.normal(size=(len(codes), 2))).astype(np.float32), codes


def boxes(figure, dpi=200):
    """Return the names on each axes and their boxes in pixels, as they are drawn at this size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    found = []
    for ax in figure.axes:
        texts = [t for t in ax.texts if t.get_gid() == "gputsne-name"]
        found.append({(t.get_text(), *t.get_position()): t.get_window_extent() for t in texts})
    return found


def assert_apart(figure):
    for names in boxes(figure):
        for (one, a), (other, b) in itertools.combinations(names.items(), 2):
            assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0, (one, other)


@pytest.mark.parametrize("style", ["default", "print"])
@pytest.mark.parametrize("apart", [10.0, 1.0])
@pytest.mark.parametrize("name", ["n{}", "a much longer name of group number {} in this map"])
def test_no_name_stands_on_another(style, apart, name):
    Y, codes = groups([40] * 20, apart)
    figure = plot(Y, [name.format(i) for i in codes], annotate=True, style=style)
    assert_apart(figure)
    if apart > 1:
        assert len(boxes(figure)[0]) >= (20 if style == "print" or len(name) < 9 else 18)


def test_forty_names_in_print_are_apart_and_near_what_they_name():
    Y, codes = groups([30] * 60, apart=6.0, across=8)
    figure = plot(Y, [f"group {i}" for i in codes], style="print")
    assert_apart(figure)
    ax = figure.axes[0]
    lines = [line for line in ax.lines if line.get_gid() == "gputsne-line"]
    names = boxes(figure)[0]
    assert len(names) == len(lines) == 40
    to_pixels = ax.transData.transform
    for (name, *_), box in names.items():
        ends = [to_pixels(np.transpose(line.get_data())) for line in lines]
        # the line that starts at the edge of the name ends in its group
        middle, half = (box.p0 + box.p1) / 2, box.size / 2
        start = [float(np.max(np.abs(e[0] - middle) - half)) for e in ends]
        end = ends[int(np.argmin(start))][1]
        assert min(start) < 12
        own = Y[codes == int(name.split()[1])]
        assert np.linalg.norm(ax.transData.inverted().transform(end) - own.mean(axis=0)) < 3


def test_what_is_named_needs_no_legend_and_what_is_not_has_one():
    Y, codes = groups([60] * 6)
    labels = np.array([f"c{i}" for i in codes], dtype=object)
    assert plot(Y, labels, style="print").axes[0].get_legend() is None
    labels[::5] = "mixed"
    legend = plot(Y, labels, style="print").axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["mixed"]


def test_a_category_in_islands_has_a_name_on_each_of_the_large_ones():
    Y, codes = groups([200] * 6)
    labels = np.array(["ant", "ant", "ant", "bee", "bee", "cow"])[codes]
    lone = np.concatenate([Y, [[70.0, 70.0]]]).astype(np.float32)
    names = [name for name, *_ in boxes(plot(lone, [*labels, "cow"], style="print"))[0]]
    assert sorted(names) == ["ant"] * 3 + ["bee"] * 2 + ["cow"]


def test_names_on_several_maps_are_apart_at_the_size_the_maps_have():
    Y, codes = groups([40] * 18, apart=2.0)
    columns = {"one": [f"group {i}" for i in codes], "other": [f"g {i % 9}" for i in codes]}
    figure = by_columns(Y, columns, annotate=True)
    assert sum(map(len, boxes(figure))) > 12
    assert_apart(figure)


HOSTILE = ["$x^2$", "a\nb\nc", "\u202eright to left", "   ", "%s{}<b>", "x" * 400, "\u0301"]


@pytest.mark.parametrize(
    ("style", "suffix"),
    [("default", "png"), ("print", "svg"), ("default", "pdf"), ("thumbnail", "png")],
)
def test_hostile_names_break_nothing_and_the_bytes_are_the_same(tmp_path, style, suffix):
    Y, codes = groups([50] * len(HOSTILE))
    labels = np.array(HOSTILE, dtype=object)[codes]
    annotate = None if style == "thumbnail" else True
    paths = [tmp_path / f"{i}.{suffix}" for i in range(2)]
    for path in paths:
        assert_apart(plot(Y, labels, path=path, style=style, annotate=annotate, title="$T$"))
    first, second = (path.read_bytes() for path in paths)
    assert first == second


def test_ten_thousand_names_are_drawn_and_few_of_them_written():
    Y = np.random.default_rng(0).normal(size=(20_000, 2)).astype(np.float32)
    figure = plot(Y, [f"name {i % 10_000}" for i in range(20_000)], style="print")
    assert len(boxes(figure)[0]) <= 120
    assert_apart(figure)
    assert "10,000 categories" in figure.alt


def test_places_are_kept_where_they_are_free_and_given_up_by_the_less_important():
    blank = Paper((0, 100, 0, 100), np.zeros((50, 50)), (0, 0), 2.0)
    at = [(20, 20), (80, 80), (22, 21)]
    found = placed(at, [(20, 10)] * 3, blank, on=True)
    np.testing.assert_array_equal(found[:2], at[:2])
    assert (np.abs(found[2] - found[0]) >= (20, 10)).any()
    assert (found[2] > (10, 5)).all()


def test_names_off_the_points_cover_none_where_there_is_room():
    ink = np.zeros((50, 50))
    ink[20:30, 20:30] = 1.0
    paper = Paper((0, 100, 0, 100), ink, (0, 0), 2.0)
    (centre,) = placed([(50, 50)], [(20, 10)], paper, on=False)
    half = np.array([10, 5])
    low, high = centre - half, centre + half
    assert (high < 40).any() or (low > 60).any()
    assert np.linalg.norm(centre - 50) < 35  # and stand near


def test_a_name_without_room_is_left_out():
    paper = Paper((0, 30, 0, 12), np.zeros((6, 15)), (0, 0), 2.0)
    found = placed([(15, 6), (16, 6)], [(26, 10)] * 2, paper, on=True)
    assert np.isnan(found[1]).all()
    assert not np.isnan(found[0]).any()


def test_names_stand_off_all_points_where_there_is_room():
    said = np.array(["amber", "a much longer category name indeed", "Ünïcode", "x", "R&D", "f"])
    rng = np.random.default_rng(0)
    at = [(0, 0), (8, 0), (0, 8), (8, 8), (16, 0), (16, 8)]
    Y = np.concatenate([rng.normal(c, 1, (100, 2)) for c in at])
    for size in (None, 9.0):
        figure = plot(Y, said[np.repeat(np.arange(6), 100)], style="print", point_size=size)
        (names,) = boxes(figure)
        assert len(names) == 6
        points = figure.axes[0].transData.transform(Y)
        for name, box in names.items():
            inside = ((points > box.p0) & (points < box.p1)).all(axis=1)
            assert not inside.any(), name


@pytest.mark.parametrize("n", [600, 6000])
def test_labels_that_are_mixed_evenly_have_no_names(n):
    Y = np.random.default_rng(0).normal(size=(n, 2))
    for labels in (np.arange(n), np.random.default_rng(1).integers(0, 60, n)):
        figure = plot(Y, [f"n{i}" for i in labels], style="print")
        assert boxes(figure) == [{}]
        assert len(figure.axes[0].get_legend().get_texts()) == 21


@pytest.mark.parametrize(
    "name",
    ["electroencephalography of the left side", "otorhinolaryngological department", "one two x"],
)
def test_a_name_is_not_broken_within_a_word(name):
    from gputsne.plotting.static_names import _wrapped

    assert _wrapped(name).split() == name.split()
