"""Figures of several maps: side by side, by norm, by quality, beside other methods; dark paper."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import types
from typing import ClassVar

import numpy as np
import pytest
from artists import RENDERERS, texts

import gputsne
from gputsne.base.colours import PALETTE, oklab
from gputsne.base.errors import DependencyMissing
from gputsne.plotting import beside, by_norm, by_quality, panels, plot
from gputsne.plotting.theme import DARK, LIGHT


def rows(n=120, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def values(figure, panel=0):
    """Return the points of a panel that are coloured by a value, and the values: row by row."""
    if hasattr(figure, "axes"):
        maps = [ax for ax in figure.axes if any(len(c.get_offsets()) for c in ax.collections)]
        maps = [ax for ax in maps if ax.get_label() != "<colorbar>"]
        coloured = [c for c in maps[panel].collections if c.get_array() is not None]
        at = np.asarray(coloured[0].get_offsets())
        return at, np.asarray(coloured[0].get_array())
    axis = f"x{panel + 1}" if panel else "x"
    (trace,) = [
        t
        for t in figure.data
        if (t.xaxis or "x") == axis and t.marker.showscale is not None and t.customdata is not None
    ]
    return np.array([trace.x, trace.y]).T, np.asarray(trace.marker.color, dtype=float)


def sorted_pairs(at, value):
    order = np.lexsort(at.T)
    return at[order], value[order]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_second_panel_has_the_length_of_each_row(renderer):
    X = rows()
    Y = X[:, :2].astype(np.float32)
    figure = by_norm(Y, X, np.arange(120) % 3, renderer=renderer)
    at, value = sorted_pairs(*values(figure, 1))
    want_at, want = sorted_pairs(Y, np.linalg.norm(X, axis=1))
    np.testing.assert_array_equal(at, want_at)
    np.testing.assert_allclose(value, want, rtol=1e-6)  # float32 in a page
    lengths = np.linalg.norm(X, axis=1)
    assert f"length {lengths.mean():.3g} ± {lengths.std():.3g}" in texts(figure)
    assert "tells nothing" not in texts(figure)


def test_lengths_that_are_all_alike_tell_nothing_and_the_caption_says_so():
    X = rows()
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    assert "all alike: it tells nothing" in texts(by_norm(X[:, :2], X))
    by_norm(np.zeros((2, 2)), np.zeros((2, 3)))  # two points, no length, no spread


@pytest.mark.parametrize("renderer", RENDERERS)
def test_quality_is_per_point_and_unknown_points_are_shown(renderer):
    X = rows(200)
    Y = X[:, :2].astype(np.float32)
    figure = by_quality(Y, X, measure="trustworthiness", k=7, renderer=renderer)
    want = gputsne.metrics.per_point("trustworthiness", X, Y, k=7)
    at, value = sorted_pairs(*values(figure))
    want_at, want_value = sorted_pairs(Y, want)
    np.testing.assert_array_equal(at, want_at)
    np.testing.assert_allclose(value, want_value, rtol=1e-6)
    assert f"trustworthiness, mean {want.mean():.3f}" in texts(figure)
    assert "k = 7" in texts(figure)
    sampled = by_quality(Y, X, measure="trustworthiness", k=7, sample=50, renderer=renderer)
    at, value = sorted_pairs(*values(sampled))
    few = gputsne.metrics.per_point("trustworthiness", X, Y, k=7, sample=50)
    assert len(value) == 50 == np.isfinite(few).sum()
    np.testing.assert_allclose(value, sorted_pairs(Y[few == few], few[few == few])[1], rtol=1e-6)
    assert "50 of 200 points have a value" in texts(sampled)
    assert "no value" in texts(sampled)
    drawn = (
        sum(len(c.get_offsets()) for c in sampled.axes[0].collections)
        if renderer == "matplotlib"
        else sum(len(t.customdata) for t in sampled.data if t.customdata is not None)
    )
    assert drawn == 200


def test_quality_by_labels_and_what_has_no_value_of_points():
    X = rows(60)
    labels = [None if i < 10 else i % 2 for i in range(60)]
    figure = by_quality(X[:, :2], labels=labels, measure="silhouette")
    assert "50 of 60 points have a value" in texts(figure)
    assert "k = 10" not in texts(figure)
    with pytest.raises(ValueError, match="no mean over points"):
        by_quality(X[:, :2], X, measure="stress")
    with pytest.raises(ValueError, match="needs X"):
        by_quality(X[:, :2])
    with pytest.raises(ValueError, match="needs labels"):
        by_quality(X[:, :2], measure="silhouette")
    with pytest.raises(gputsne.errors.UndefinedMetric):
        by_quality(X[:, :2], labels=["a"] * 60, measure="silhouette")
    with pytest.raises(ValueError, match="n=2"):
        by_quality(np.eye(2), np.eye(2))


def test_the_sequential_scale_only_gets_lighter():
    from gputsne.plotting.choice import choose_scale

    for theme in (LIGHT, DARK):
        lightness = oklab(theme.scale(choose_scale("cividis")))[:, 0]
        assert (np.diff(lightness) > 0).all()
        # every colour is seen on the paper: 0.1 apart in OKLab, twice what the palette needs
        paper = oklab([theme.paper])
        assert (
            np.linalg.norm(oklab(theme.scale(choose_scale("cividis"))) - paper, axis=1).min() > 0.1
        )


def test_on_dark_paper_no_colour_of_a_category_is_dim_or_like_another():
    lifted = DARK.visible(PALETTE)
    assert LIGHT.visible(PALETTE) == PALETTE
    assert oklab(lifted)[:, 0].min() > oklab([DARK.paper])[0, 0] + 0.25
    for count, least in ((10, 0.125), (20, 0.07)):
        lab = oklab(lifted[:count])
        far = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[np.triu_indices(count, 1)]
        assert far.min() > least
    chosen = plot(rows(9, 2), np.arange(9) % 2, palette={0: "#000001"}, theme="dark")
    from matplotlib.colors import to_hex

    points = chosen.axes[0].collections[1]
    assert "#000001" in {to_hex(c) for c in points.get_facecolor()}  # whoever chooses, gets it


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("c", [1, 2, 3])
def test_panels_share_one_legend_and_its_colours(renderer, c):
    Y = rows(60, 3)[:, :c].astype(np.float32)
    labels = np.array(["ant", "bee", "cat"] * 20)
    maps = {"first": Y, "second": -Y, "third $x$": 2 * Y}
    figure = panels(maps, labels, renderer=renderer, title="All", theme="dark")
    said = texts(figure)
    for name in ("first", "second", "All"):
        assert name in said
    if renderer == "plotly":
        keys = [t.name for t in figure.data if t.showlegend]
        assert sorted(keys) == ["ant", "bee", "cat"]
        groups = {}
        for t in figure.data:
            if t.customdata is not None:
                groups.setdefault(t.legendgroup, set()).add(t.marker.color)
        assert all(len(colours) == 1 for colours in groups.values())
        wide = [
            (s.domain.x if c == 3 else s.domain)
            for s in (
                [figure.layout.scene, figure.layout.scene2, figure.layout.scene3]
                if c == 3
                else [figure.layout.xaxis, figure.layout.xaxis2, figure.layout.xaxis3]
            )
        ]
        assert all(a[1] < b[0] for a, b in itertools.pairwise(wide))
    else:
        maps_drawn = [ax for ax in figure.axes if ax.collections]
        assert [ax.get_legend() is not None for ax in maps_drawn] == [False, False, True]


def test_the_points_of_every_panel_are_in_their_own_place():
    Y = rows(50, 2).astype(np.float32)
    figure = panels({"a": Y, "b": 5 + Y}, renderer="plotly")
    for axis, want in (("x", Y), ("x2", 5 + Y)):
        (trace,) = [t for t in figure.data if t.xaxis == axis]
        np.testing.assert_array_equal(np.array([trace.x, trace.y]).T, want)


def test_a_page_of_many_panels_has_as_many_points_in_all_as_one_map(monkeypatch):
    from gputsne.plotting import interactive

    monkeypatch.setattr(interactive, "MAX_POINTS", 300)
    Y = rows(200, 2)
    with pytest.warns(UserWarning, match="100 of 200 points"):
        figure = panels({"a": Y, "b": Y, "c": Y}, np.arange(200) % 2, renderer="plotly")
    drawn = sum(len(t.customdata) for t in figure.data if t.customdata is not None)
    assert drawn == 300


def test_panels_of_values_have_a_scale_each_panel_reads(tmp_path):
    Y = rows(50, 2)
    value = np.linspace(0.0, 1.0, 50)
    path = tmp_path / "panels.html"
    figure = panels({"a": Y, "b": Y}, value, path=path)
    shown = [t for t in figure.data if t.marker.showscale]
    assert len(shown) == 1  # the same limits in both
    assert {(t.marker.cmin, t.marker.cmax) for t in figure.data if t.marker.cmin is not None} == {
        (0.0, 1.0)
    }
    assert path.stat().st_size < 5_500_000


class FakeUMAP:
    """What stands for umap-learn: two columns of the data, and how it was called."""

    asked: ClassVar[list] = []

    def __init__(self, **how):
        self.asked.append(how)

    def fit_transform(self, X):
        return X[:, 2:4]


@pytest.fixture
def no_umap(monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "umap" else there(name, *a)
    )


@pytest.fixture
def umap(monkeypatch):
    module = types.ModuleType("umap")
    module.UMAP = FakeUMAP
    module.__spec__ = importlib.util.spec_from_loader("umap", loader=None)
    monkeypatch.setitem(sys.modules, "umap", module)
    FakeUMAP.asked.clear()


@pytest.mark.parametrize("renderer", RENDERERS)
def test_beside_pca_and_umap(renderer, umap):
    X = rows()
    figure = beside(X[:, :2], X, np.arange(120) % 3, renderer=renderer, random_state=3)
    said = texts(figure)
    assert "PCA" in said
    assert "UMAP" in said
    assert "not installed" not in said
    assert FakeUMAP.asked == [{"random_state": 3, "n_jobs": 1}]
    from sklearn.decomposition import PCA

    want = PCA(2).fit_transform(X)
    if renderer == "plotly":
        own = [t for t in figure.data if t.xaxis == "x2" and t.customdata is not None]
        at = np.concatenate([np.array([t.x, t.y]).T for t in own])
    else:
        ax = [a for a in figure.axes if a.collections][1]
        at = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])
    np.testing.assert_allclose(at[np.lexsort(at.T)], want[np.lexsort(want.T)], rtol=1e-5, atol=1e-6)


def test_without_umap_the_caption_says_so_and_asking_for_it_is_refused(no_umap):
    X = rows()
    figure = beside(X[:, :2], X)
    assert "without UMAP, which is not installed (pip install umap-learn)" in texts(figure)
    assert "PCA" in texts(figure)
    with pytest.raises(DependencyMissing, match="pip install umap-learn"):
        beside(X[:, :2], X, methods=["UMAP"])
    assert "UMAP" not in texts(beside(X[:, :2], X, methods=["PCA"]))
    with pytest.raises(ValueError, match="methods has 'MDS'"):
        beside(X[:, :2], X, methods=["MDS"])
    beside(X[:2, :2], X[:2], methods=["PCA"])  # two points
    beside(X[:, :1], X[:, :1], methods=["PCA"])  # one column


@pytest.mark.parametrize("draw", [by_norm, by_quality, beside])
def test_rows_that_do_not_fit_the_map_are_refused(draw):
    X = rows()
    with pytest.raises(ValueError, match=r"120|119"):
        draw(X[:119, :2], X)
    with pytest.raises(ValueError, match=r"NaN|finite"):
        draw(X[:, :2], np.where(X > 2, np.nan, X))


def test_names_have_no_effect_in_a_browser():
    X = rows()
    for draw in (
        lambda **how: panels({"a": X[:, :2]}, **how),
        lambda **how: by_norm(X[:, :2], X, **how),
        lambda **how: beside(X[:, :2], X, methods=["PCA"], **how),
    ):
        with pytest.raises(ValueError, match="annotate has no effect"):
            draw(annotate=True, renderer="plotly")


@pytest.mark.parametrize("suffix", ["png", "svg", "html"])
def test_figures_of_maps_are_written_the_same_each_time(tmp_path, suffix):
    X = rows()
    labels = np.arange(120) % 3
    for name, draw in {
        "panels": lambda path: panels({"a": X[:, :2], "b": X[:, 1:3]}, labels, path=path),
        "norm": lambda path: by_norm(X[:, :2], X, labels, path=path, theme="dark"),
        "quality": lambda path: by_quality(X[:, :2], X, path=path),
    }.items():
        paths = [tmp_path / f"{name}{i}.{suffix}" for i in range(2)]
        for path in paths:
            draw(path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_dark_map_alone_and_in_axes_of_its_own(tmp_path):
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    Y = rows(50, 2)
    labels = ["a", None] * 25
    page = tmp_path / "dark.html"
    figure = plot(Y, labels, theme="dark", renderer="plotly", path=page)
    assert figure.layout.paper_bgcolor == DARK.paper
    assert "background: #0d1117" in page.read_text(encoding="utf-8")
    missing = [t for t in figure.data if t.name == "no label" and t.customdata is not None]
    assert missing[0].marker.color == DARK.missing
    figure = plot(Y, labels, theme="dark")
    assert to_hex(figure.get_facecolor()) == DARK.paper
    assert to_hex(figure.axes[0].collections[0].get_facecolor()[0]) == DARK.missing
    own = Figure(facecolor="black")
    plot(Y, np.full(50, 9), ax=own.add_subplot())  # 9 is the dimmest of the first ten
    (drawn,) = {to_hex(c) for c in own.axes[0].collections[1].get_facecolor()}
    assert drawn == DARK.visible((PALETTE[9],))[0]
