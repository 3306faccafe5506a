"""Maps and values far from 0, or tiny: the same picture as near it, and ticks that say which."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from gputsne.base.places import in_float32
from gputsne.plotting import by_columns, panels, plot
from gputsne.plotting.ticks import ends, value_ticks

PLACES = [
    (1.0, 5.1e6), (1.0, 1e7), (1.0, -1e8), (1e-300, 0.0), (1e300, 0.0), (1e-9, 1e-3), (8e306, 0.0),
]  # fmt: skip


def blobs(n=300, c=2):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, c)) + 8.0 * rng.integers(0, 3, size=(n, c))


def drawn(ax):
    """Return where points stand, in shares of the axes, each column sorted."""
    at = np.concatenate([c.get_offsets() for c in ax.collections])
    return np.sort(ax.transAxes.inverted().transform(ax.transData.transform(at)), axis=0)


@pytest.mark.parametrize(("scale", "offset"), PLACES)
def test_a_map_looks_the_same_wherever_it_lies(scale, offset):
    Y = blobs()
    want = drawn(plot(Y).axes[0])
    # float32 tells 2**16 places along a map that is drawn where it lies; float64 at 1e8 far more
    for figure in (plot(Y * scale + offset), panels({"a": Y * scale + offset})):
        np.testing.assert_allclose(drawn(figure.axes[0]), want, atol=2**-15)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize(("scale", "offset"), PLACES)
def test_other_numbers_of_columns_are_moved_alike(scale, offset, columns):
    Y = blobs(c=columns)
    got = in_float32(Y * scale + offset).astype(np.float64)
    assert got.shape == Y.shape

    def shares(a):
        return (a - a.min(axis=0)) / np.ptp(a, axis=0).max()

    np.testing.assert_allclose(shares(got), shares(Y), atol=2**-15)
    assert plot(Y * scale + offset).alt.endswith("map of 300 points, without labels.")


def test_an_ordinary_map_is_drawn_as_it_is():
    Y = blobs() + 100.0
    np.testing.assert_array_equal(in_float32(Y), Y.astype(np.float32))


@pytest.mark.parametrize("where", [0.0, 3.0, 1e8])
def test_points_in_one_place_are_told_so(where):
    figure = plot(np.full((5, 2), where), ["a"] * 5)
    assert figure.alt == (
        "Map of 5 points, all in one place, coloured by label: 1 category. a (5 points)."
    )


def test_a_map_on_a_line_is_told_by_the_side_that_it_has():
    Y = np.stack([np.linspace(0, 1, 90), np.full(90, 4.0)], axis=1)
    alt = plot(Y, np.repeat(["a", "b", "c"], 30)).alt
    assert alt.endswith("a (30 points, left), b (30 points, middle), c (30 points, right).")


RANGES = [
    (0.0, 1.0), (-3.2, 7.9), (2.0**53, 2.0**53 + 599), (1e9, 1e9 + 6e-7), (-1e9 - 6e-7, -1e9),
    (1e-300, 5e-300), (-8e307, 8e307), (5e-324, 1e-322), (1e15, 2e15), (0.0, 123_456_789.0),
    (1e15, 1e15 + 1e9), (-1e-5, 3e-5), (999_999.0, 1_000_003.0),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_ticks_say_where_they_stand(low, high):
    base, places, texts = value_ticks(low, high)
    assert 2 <= len(texts) == len(set(texts)) <= 7
    start = Decimal(base.removesuffix(" +").replace(",", "")) if base else Decimal(0)
    for place, text in zip(places, texts, strict=True):
        assert 0.0 <= place <= 1.0
        said = start + Decimal(text.replace("\N{MINUS SIGN}", "-"))
        share = (said - Decimal(low)) / (Decimal(high) - Decimal(low))
        # a base of 17 digits is the float it came from, to half of its last place
        assert float(share) == pytest.approx(place, abs=1e-9 if not base else 0.1)
        assert len(text) <= 12


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_the_ends_of_a_range_are_told_apart(low, high):
    first, last = (float(text.replace(",", "")) for text in ends(low, high))
    assert first < last
    assert abs(first - low) <= 0.01 * (high - low) + 1e-16 * abs(low)
    assert abs(last - high) <= 0.01 * (high - low) + 1e-16 * abs(high)


VALUES = {
    "large": 2**53 + 2 * np.arange(300), "narrow": 1e9 + np.linspace(0, 6e-7, 300),
    "uint64": np.arange(300, dtype=np.uint64) * np.uint64(4096) + np.uint64(2**63),
    "tiny": np.linspace(1, 2, 300) * 1e-300, "equal": np.full(300, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_a_scale_keeps_to_its_column(name):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = plot(blobs(), VALUES[name], kind="values")
    FigureCanvasAgg(figure).draw()
    own, bar = figure.axes
    assert bar.yaxis.get_offset_text().get_text() == ""
    texts = [t for t in (*bar.get_yticklabels(), bar.title, bar._left_title) if t.get_text()]
    assert texts
    assert min(t.get_window_extent().x0 for t in texts) >= own.get_window_extent().x1


def test_the_alternative_text_tells_the_ends_of_narrow_ranges():
    Y = blobs()
    told = plot(Y, VALUES["large"]).alt
    assert "from 9,007,199,254,740,992 to 9,007,199,254,741,590." in told
    assert "from 9.22337203685478e+18 to 9.223372036856e+18." in plot(Y, VALUES["uint64"]).alt
    assert "values that are all 0.5." in plot(Y, VALUES["equal"]).alt
    assert "values from -1 to 1." in plot(Y, np.linspace(-1, 1, 300)).alt


def pixels(path):
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=np.int64)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_sheet_has_no_more_paper_than_its_maps_need(tmp_path, count):
    Y = blobs() * (3.0, 1.0)
    by_columns(Y, {f"c{i}": np.arange(300) % 3 for i in range(count)}, path=tmp_path / "a.png",
               dpi=50)  # fmt: skip
    image = pixels(tmp_path / "a.png")
    inked = np.flatnonzero((image < 250).any(axis=1))
    assert np.diff(inked).max() <= 0.5 * 50  # no gap of more than half an inch


def test_long_names_of_columns_are_wrapped_and_cut():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = ["w" * 200, "a column of many words " * 9, *"abcde"]
    figure = by_columns(blobs(), {name: blobs()[:, 0] for name in names}, title="T" * 300)
    FigureCanvasAgg(figure).draw()
    titles = [t for ax in figure.axes for t in ax.texts if t.get_gid() == "gputsne"]
    boxes = [t.get_window_extent() for t in titles]
    assert len(boxes) == 7
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
    assert figure.get_tightbbox().width <= 4 * 4.0 + 0.5


@pytest.mark.parametrize("style", ["default", "print"])
@pytest.mark.parametrize("title", ["eleven word " * 9 + "end", "x" * 110, "short\nof two lines"])
def test_a_title_is_no_wider_than_the_map(tmp_path, title, style):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = plot(blobs(), title=title, style=style, path=tmp_path / "a.png")
    FigureCanvasAgg(figure).draw()
    (ax,) = figure.axes
    text = ax.texts[0]
    assert text.get_window_extent().width <= ax.get_window_extent().width
    assert text.get_text().split() == title.split() or " " not in title
    assert text.get_text().replace("\n", "") == title.replace("\n", "") or " " in title
    assert figure.alt.startswith(" ".join(title.split())[:40])
