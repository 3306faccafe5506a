"""Layers of a map: densities, edges of a graph, highlighted points, against counts of our own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from gputsne.plotting import plot
from gputsne.plotting.density import outlines, shaded
from gputsne.plotting.layers import MOST_EDGES, segments
from gputsne.plotting.static_layers import edge_look

RED, BLUE = "#ff0000", "#0000ff"


def a_map(n=200):
    return np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32) * 20


def legend_of(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_a_shade_has_a_point_where_numpy_counts_one():
    Y = np.random.default_rng(0).uniform(0, 10, size=(500, 2)).astype(np.float32)
    image = shaded(
        Y, [RED], np.zeros(500, dtype=int), (0, 10, 0, 10), (20, 20), blur=0.01, faintest=0.2
    )
    counts, *_ = np.histogram2d(Y[:, 1], Y[:, 0], bins=20, range=[[0, 10], [0, 10]])
    np.testing.assert_array_equal(image[..., 3] > 0, counts > 0)
    grown = np.log1p(counts) / np.log1p(counts.max())
    np.testing.assert_allclose(image[..., 3], np.where(counts, 0.2 + 0.8 * grown, 0))
    np.testing.assert_allclose(image[counts > 0, :3], [[1, 0, 0]] * int((counts > 0).sum()))


def test_a_shade_mixes_the_light_of_the_labels_it_covers():
    Y = np.full((4, 2), 0.5, dtype=np.float32)
    image = shaded(Y, [RED, BLUE], np.array([0, 1, 1, 1]), (0, 1, 0, 1), (1, 1), blur=0.01)
    light = np.array([0.25, 0.0, 0.75])  # IEC 61966-2-1: the curve of sRGB
    srgb = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    np.testing.assert_allclose(image[0, 0], [*srgb, 1.0], atol=1e-12)


def test_outlines_enclose_a_half_and_nine_tenths_of_a_category():
    """A normal distribution: the half lies within sigma sqrt(2 ln 2) of its middle."""
    Y = np.random.default_rng(0).normal(size=(200_000, 2)).astype(np.float32)
    found = outlines(Y, np.zeros(len(Y), dtype=int), [0], (-8, 8, -8, 8))
    smooth, levels = found[0]
    cell = 16 / 200
    wide = 1 + (0.02 * 16) ** 2  # the smoothing adds its variance to that of the points
    for level, share in zip(levels, (0.9, 0.5), strict=True):
        radius = np.sqrt((smooth > level).sum() * cell**2 / np.pi)
        # points that lie within r of the middle, where the smoothed density has its level
        assert radius == pytest.approx(np.sqrt(-2 * np.log(1 - share)), rel=0.03)
    assert smooth.sum() == pytest.approx(len(Y))
    assert wide < 1.2


def test_a_category_of_few_points_has_no_outline():
    assert outlines(a_map(29), np.zeros(29, dtype=int), [0], (-99, 99, -99, 99)) == {}


@pytest.mark.parametrize("density", ["shade", "contours", "glow"])
@pytest.mark.parametrize("labels", [None, ["a", "b"], [0.5, 1.5]])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_density_is_drawn_for_every_kind_of_labels(tmp_path, density, labels, theme):
    path = tmp_path / "map.png"
    given = None if labels is None else np.array(labels * 100)
    figure = plot(a_map(), given, density=density, theme=theme, path=path, dpi=60)
    ax = figure.axes[0]
    points = sum(len(c.get_offsets()) for c in ax.collections if hasattr(c, "get_sizes"))
    assert (points == 0) == (density == "shade")
    assert len(ax.images) == (density != "contours")


def test_more_points_than_a_printer_has_dots_are_shaded_by_default(monkeypatch):
    monkeypatch.setattr("gputsne.plotting.scene.SHADED_FROM", 199)
    labels = ["a", "b"] * 100
    assert len(plot(a_map(), labels).axes[0].images) == 1
    assert not plot(a_map(), labels, density=False).axes[0].images
    assert not plot(a_map(), labels, max_points=199).axes[0].images


def lines_on(figure):
    drawn = [c for c in figure.axes[0].collections if c.get_gid() == "gputsne-edges"]
    return np.array([segment for c in drawn for segment in c.get_segments()])


def test_edges_join_the_points_they_name_once():
    Y = a_map(5)
    pairs = np.array([[0, 1], [1, 0], [3, 2], [4, 4]])
    wanted = Y[[[0, 1], [2, 3]]]
    np.testing.assert_array_equal(lines_on(plot(Y, edges=pairs)), wanted)
    graph = sparse.coo_array((np.ones(4), pairs.T), shape=(5, 5))
    np.testing.assert_array_equal(lines_on(plot(Y, edges=graph)), wanted)


def test_a_model_s_own_graph_is_drawn():
    import gputsne

    X = np.random.default_rng(0).normal(size=(60, 4))
    model = gputsne.TSNE(perplexity=5, max_iter=50, random_state=0).fit(X)
    P = model.affinities_.to_csr()
    assert len(lines_on(plot(model, edges=True))) == sparse.triu(P, 1).nnz
    with pytest.raises(ValueError, match="edges=True needs a fitted model"):
        plot(model.embedding_, edges=True)


def test_of_many_edges_all_have_the_same_chance_and_the_caption_says_so():
    n = 400
    pairs = np.stack(np.triu_indices(n, 1), axis=1)  # 79,800
    lines, said = segments(pairs, np.arange(2 * n, dtype=np.float32).reshape(n, 2), None)
    assert len(lines) == MOST_EDGES
    assert said == "50,000 of 79,800 edges drawn, at random"
    first = (lines[:, 0, 0] < 200).mean()  # of those whose first end is among the first 100
    true = (pairs[:, 0] < 100).mean()
    error = np.sqrt(true * (1 - true) / MOST_EDGES)
    assert abs(first - true) < 4 * error
    assert said in "".join(
        t.get_text().replace("\n", " ") for t in plot(a_map(n), edges=pairs).axes[0].texts
    )


@pytest.mark.parametrize(
    ("edges", "error", "said"),
    [
        (np.zeros((3, 3)), TypeError, "whole numbers of shape"),
        (np.array([[0, 200]]), ValueError, "beyond the 200 points"),
        (sparse.eye_array(7), ValueError, r"shape \(7, 7\), but the map has 200"),
        ("knn", TypeError, "got str"),
    ],
)
def test_what_is_no_graph_of_the_map_is_refused(edges, error, said):
    with pytest.raises(error, match=said):
        plot(a_map(), edges=edges)


IDS = np.array([f"id{i}" for i in range(200)])
LABELS = np.array(["ant", "bee", "cow", "dog"])[np.arange(200) % 4]


@pytest.mark.parametrize(
    ("highlight", "ids", "rows"),
    [
        (np.arange(200) < 3, None, [0, 1, 2]),
        ([5, 7, 199], None, [5, 7, 199]),
        (8, None, [8]),
        (["id4", "id9"], IDS, [4, 9]),
        ("id4", IDS, [4]),
        ([104, 109], np.arange(100, 300), [4, 9]),
        (["bee"], None, list(range(1, 200, 4))),
    ],
)
def test_what_is_highlighted_stands_out_and_all_else_is_grey(highlight, ids, rows):
    Y = a_map()
    figure = plot(Y, LABELS, highlight=highlight, ids=ids)
    grey, bright = figure.axes[0].collections
    np.testing.assert_array_equal(np.sort(bright.get_offsets(), axis=0), np.sort(Y[rows], axis=0))
    assert bright.get_sizes()[0] > 2 * grey.get_sizes()[0]  # areas
    assert legend_of(figure)[-1] == f"others ({200 - len(rows):,})"
    assert f"{len(rows)} points highlighted" in figure.axes[0].texts[-1].get_text()


def test_a_highlight_needs_no_labels_and_keeps_their_colours():
    Y = a_map()
    plain = plot(Y, highlight=[1, 2])
    assert legend_of(plain) == ["highlighted", "others (198)"]
    whole, part = plot(Y, LABELS), plot(Y, LABELS, highlight=["cow"])
    marks = [
        dict(zip(legend_of(f), f.axes[0].get_legend().legend_handles, strict=True))
        for f in (whole, part)
    ]
    assert len({m["cow"].get_markerfacecolor() for m in marks}) == 1
    values = plot(Y, Y[:, 0].astype(float), highlight=[3])
    assert legend_of(values) == ["others (199)"]
    no_label = plot(Y, [None, *LABELS[1:]], highlight=[0, 1])
    assert legend_of(no_label) == ["bee", "no label", "others (198)"]


def test_a_sample_has_all_that_is_highlighted():
    figure = plot(a_map(1000), highlight=[0, 500, 999], max_points=50)
    grey, bright = figure.axes[0].collections
    assert (len(bright.get_offsets()), len(grey.get_offsets())) == (3, 47)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"highlight": [200]}, ValueError, "highlight has row 200, but the map has 200 points"),
        ({"highlight": [True]}, ValueError, "highlight has 1 values"),
        ({"highlight": ["be"]}, ValueError, "no point has as its label; did you mean 'bee'"),
        ({"highlight": ["idx"], "ids": IDS}, ValueError, "no point has as its id"),
        ({"highlight": np.zeros((2, 2), int)}, ValueError, "pass a mask, rows, ids or labels"),
        ({"ids": IDS}, ValueError, "ids have no effect without highlight"),
        ({"density": "shades"}, ValueError, "density='shades' is none of 'shade'"),
        ({"density": True}, ValueError, "density=True"),
        ({"style": "poster"}, ValueError, "style='poster' is none of 'default'"),
        ({"note": "yes"}, TypeError, "note='yes' must be"),
        ({"alt": 3}, TypeError, "alt=3 must be text"),
    ],
)
def test_what_cannot_be_drawn_is_refused(given, error, said):
    with pytest.raises(error, match=said):
        plot(a_map(), LABELS, **given)


@pytest.mark.parametrize("given", [{"density": "glow"}, {"edges": np.array([[0, 1]])}])
def test_layers_need_a_flat_map(given):
    volume = np.random.default_rng(0).normal(size=(50, 3))
    with pytest.raises(ValueError, match="needs a map of two dimensions; this one has 3"):
        plot(volume, **given)
    with pytest.raises(ValueError, match="has no effect on an interactive map"):
        plot(volume[:, :2], renderer="plotly", **given)


@pytest.mark.parametrize("many", [100, 4_000, 50_000])
def test_edges_hide_the_same_share_of_the_paper_however_many_there_are(many):
    """Lines over the whole width at any height: layers are their area over that of the map."""
    rng = np.random.default_rng(0)
    y = rng.uniform(0, 1, many)
    lines = np.stack([np.stack([np.zeros(many), y], 1), np.stack([np.ones(many), y], 1)], axis=1)
    Y = rng.uniform(0, 1, size=(5000, 2))
    opacity, width = edge_look(lines, Y, 468.0)
    layers = many * width / 468.0 * 1.04  # the map fills 1 / 1.04 of each side
    hidden = 1 - (1 - opacity) ** layers
    if opacity < 0.5:  # few lines would be bolder than that: they stay lines
        # The densest tenth of places has more lines than the mean: Poisson, of those in the seven
        # of 64 rows that the smoothing covers.
        spread = 1 + 1.9 / np.sqrt(many / 9)
        assert 0.25 / spread * 0.93 < hidden < 0.27
    assert 0.012 <= opacity <= 0.5
    assert width <= 0.5


def test_points_keep_their_colours_over_many_edges(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    Y = rng.normal(size=(4000, 2))
    pairs = rng.integers(0, 4000, size=(50_000, 2))
    images = []
    for i, edges in enumerate((None, pairs)):
        plot(Y, np.arange(4000) % 3, edges=edges, caption="", path=tmp_path / f"{i}.png", dpi=60)
        with Image.open(tmp_path / f"{i}.png") as image:
            images.append(np.asarray(image.convert("RGB"), dtype=np.float64))
    without, with_edges = images
    assert without.shape == with_edges.shape
    # a quarter of the paper's distance to the grey of the lines, and of what shows through points
    assert np.quantile(np.abs(without - with_edges).max(axis=2), 0.99) < 0.35 * (255 - 0x6B)
