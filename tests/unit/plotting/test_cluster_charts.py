"""Silhouettes and numbers of clusters are drawn as scikit-learn and choose_k have them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from artists import RENDERERS, outlines, rules, texts
from sklearn.metrics import silhouette_samples

import gputsne
from gputsne.plotting import cluster_numbers, silhouettes

HOSTILE = ["$5 and $6$", "<b>bold</b> %{x}", "ends\x00in\ud800 nothing", "x" * 200, "猫"]


def blobs(n=120, groups=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % groups
    return rng.normal(size=(n, 2)) + 3.0 * np.array([labels, labels % 2]).T, labels


@pytest.mark.parametrize("renderer", RENDERERS)
def test_silhouettes_are_those_of_scikit_learn(renderer):
    Y, labels = blobs()
    figure = silhouettes(Y, labels, renderer=renderer)
    want = silhouette_samples(Y, labels)
    for code, outline in enumerate(outlines(figure)):
        # one vertex in the middle of each point's strip, one at either end, and two on the axis
        own = outline[1:-3, 0]
        np.testing.assert_allclose(own, np.sort(want[labels == code])[::-1], rtol=0, atol=1e-9)
        assert np.ptp(outline[:, 1]) == len(own)  # thickness: the size of the cluster
    (mean,) = rules(figure).values()
    assert mean == pytest.approx(want.mean(), abs=1e-12)
    assert f"mean {want.mean():.3f}" in texts(figure)
    assert f"{np.mean(want < 0):.1%} of the points below 0" in texts(figure)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_bands_lie_one_below_the_other_in_the_colours_of_the_map(renderer):
    Y, labels = blobs(groups=12)
    figure = silhouettes(Y, labels, renderer=renderer)
    found = outlines(figure)
    edges = [(y.min(), y.max()) for y in (outline[:, 1] for outline in found)]
    assert all(a[1] < b[0] for a, b in itertools.pairwise(edges))
    expected = list(gputsne.plotting.palette(labels).values())
    if renderer == "plotly":
        assert [t.fillcolor for t in figure.data if t.fill] == expected
        assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first on top
    else:
        from matplotlib.colors import to_hex

        assert [to_hex(p.get_facecolor()) for p in figure.axes[0].patches] == expected
        assert figure.axes[0].yaxis_inverted()


@pytest.mark.parametrize("renderer", RENDERERS)
def test_many_points_are_few_vertices_and_missing_clusters_are_left_out(renderer):
    Y, labels = blobs(4000)
    told = [None if i < 1000 else int(c) for i, c in enumerate(labels)]
    figure = silhouettes(Y, told, sample=2500, renderer=renderer)
    for outline in outlines(figure):
        assert len(outline) <= 504
    assert "2,500 points asked" in texts(figure)
    assert "1,000 in no cluster" in texts(figure)
    # the ends of a band are its best and its worst, however few are drawn between
    context = gputsne.metrics.Context(Y=Y, labels=told, sample=2500)
    from gputsne.metrics.clusters import silhouette_of

    scores = silhouette_of(context)
    assert min(o[:, 0].min() for o in outlines(figure)) == pytest.approx(scores.scores.min())
    assert max(o[:, 0].max() for o in outlines(figure)) == pytest.approx(scores.scores.max())


@pytest.mark.parametrize("renderer", RENDERERS)
def test_hostile_names_of_clusters(renderer, recwarn):
    Y, codes = blobs(groups=5)
    figure = silhouettes(Y, [HOSTILE[c] for c in codes], renderer=renderer, title="50 % of $5")
    if renderer == "matplotlib":
        gputsne.plotting.static.encoded(figure, "svg", 50)
    assert "bold" in texts(figure)
    if renderer == "plotly":
        assert "<b>" not in texts(figure)
        assert "%{x}" not in texts(figure)
    assert "\x00" not in texts(figure)
    assert all("no font here" in str(w.message) for w in recwarn)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_hundred_clusters_are_all_drawn_and_the_large_ones_named(renderer):
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.zeros(400), np.ones(300), np.arange(2, 100), np.arange(2, 100)])
    Y = rng.normal(size=(len(labels), 2)) + labels[:, None]
    figure = silhouettes(Y, labels.astype(int), renderer=renderer)
    assert len(outlines(figure)) == 100
    assert "98 smaller clusters are not named" in texts(figure)


def test_one_class_has_no_silhouette_and_two_points_have():
    with pytest.raises(gputsne.errors.UndefinedMetric, match="class"):
        silhouettes(np.eye(2), ["a", "a"])
    with pytest.raises(ValueError, match=r"NaN|finite"):
        silhouettes([[0.0, 1.0], [np.nan, 0.0]], ["a", "b"])
    figure = silhouettes([[0.0], [1.0], [5.0]], ["a", "a", "b"], renderer="plotly")
    want = silhouette_samples([[0.0], [1.0], [5.0]], [0, 0, 1])
    found = np.concatenate([outline[1:-3, 0] for outline in outlines(figure)])
    np.testing.assert_allclose(np.sort(found), np.sort(want), atol=1e-12)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_numbers_of_clusters_are_those_of_choose_k(renderer):
    X, _ = blobs(90)
    found = gputsne.inspect.choose_k(X, [5, 2, 3])
    figure = cluster_numbers(found, renderer=renderer)
    rows = sorted(found, key=lambda row: row["k"])
    for at, (name, best) in enumerate(
        (
            ("silhouette", "best_k"),
            ("davies_bouldin", "best_k_davies_bouldin"),
            ("calinski_harabasz", "best_k_calinski_harabasz"),
            ("inertia", "elbow_k"),
        )
    ):
        if renderer == "plotly":
            x, y = figure.data[at].x, figure.data[at].y
        else:
            x, y = figure.axes[at].lines[0].get_data()
        np.testing.assert_array_equal(x, [2, 3, 5])
        np.testing.assert_allclose(y, [row[name] for row in rows], rtol=1e-12)
        assert list(rules(figure, at).values()) == [found.evidence[best]]


def test_findings_of_something_else_are_no_numbers_of_clusters():
    with pytest.raises(ValueError, match="choose_k"):
        cluster_numbers(gputsne.inspect.convergence([(50, 1.0)]))
