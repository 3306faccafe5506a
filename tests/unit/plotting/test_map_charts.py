"""R_NX, Shepard's diagram, KL curves: what is drawn, beside closed forms, scipy and the metrics."""

from __future__ import annotations

import numpy as np
import pytest
from artists import RENDERERS, lines, rules, texts
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

import gputsne
from gputsne.plotting import kl_curves, rnx_curves, shepard


class Fitted:
    """What charts read of a fitted TSNE."""

    def __init__(self, Y=None, history=None, **parameters):
        self.embedding_ = Y
        self.kl_history_ = history
        self.parameters_ = gputsne.TSNE(**parameters).get_params()


@pytest.mark.parametrize("renderer", RENDERERS)
def test_r_nx_of_the_data_is_one_and_areas_are_the_metric(renderer):
    X = np.random.default_rng(0).normal(size=(80, 4))
    maps = {"itself": 3.0 * X, "an axis": Fitted(X[:, :1])}
    figure = rnx_curves(X, maps, renderer=renderer)
    curves = lines(figure)
    K, kept = curves["itself · area 1.000"]
    np.testing.assert_array_equal(K, np.arange(1, 79))
    np.testing.assert_allclose(kept, 1.0, atol=1e-12)
    area = gputsne.metrics.rnx(X, X[:, :1])
    other = curves[f"an axis · area {area:.3f}"]
    np.testing.assert_allclose(other[1], gputsne.metrics.rnx_curve(X, X[:, :1]), atol=1e-12)
    if renderer == "plotly":
        assert figure.layout.xaxis.type == "log"
        assert figure.layout.yaxis.range == (-0.1, 1.0) or other[1].min() >= 0
    else:
        assert figure.axes[0].get_xscale() == "log"
        assert figure.axes[0].get_ylim()[0] <= min(0.0, other[1].min())


def test_a_long_curve_is_thinned_by_the_logarithm_of_k():
    X = np.random.default_rng(0).normal(size=(1500, 2))
    (found,) = lines(rnx_curves(X, X[:, :1], sample=50)).values()
    assert len(found[0]) <= 500
    assert (found[0][0], found[0][-1]) == (1, 1498)
    want = gputsne.metrics.rnx_curve(X, X[:, :1], sample=50)
    np.testing.assert_allclose(found[1], want[found[0].astype(int) - 1], atol=1e-12)


def test_a_map_that_does_not_fit_is_named():
    X = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ValueError, match="map 'short'"):
        rnx_curves(X, {"good": X, "short": X[:10]})
    with pytest.raises(ValueError, match="empty"):
        rnx_curves(X, {})
    with pytest.raises(ValueError, match=r"NaN|finite"):
        rnx_curves(X, np.where(X > 1, np.nan, X))


def rotated(n, scale=7.0):
    X = np.random.default_rng(0).normal(size=(n, 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    return X, scale * X @ turn


@pytest.mark.parametrize("renderer", RENDERERS)
def test_shepards_diagram_of_an_isometric_map_is_the_diagonal(renderer):
    X, Y = rotated(40)
    figure = shepard(X, Y, renderer=renderer)
    if renderer == "plotly":
        (trace,) = figure.data
        at = np.array([trace.x, trace.y]).T
    else:
        at = np.asarray(figure.axes[0].collections[0].get_offsets())
    assert len(at) == 40 * 39 / 2
    np.testing.assert_allclose(at[:, 0], at[:, 1], rtol=1e-9)
    want = pdist(X)
    np.testing.assert_allclose(at[:, 0], want / want.mean(), rtol=1e-9)
    assert "rank correlation 1.000" in texts(figure)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_many_pairs_are_counted_in_cells(renderer):
    X, _ = rotated(200)
    Y = X[:, :1]
    figure = shepard(X, Y, renderer=renderer)
    if renderer == "plotly":
        counts = np.asarray(figure.data[0].customdata)
        x, y = figure.data[0].x, figure.data[0].y
        median = figure.data[1]
        path = np.array([median.x, median.y])
    else:
        mesh = figure.axes[0].collections[0]
        counts = mesh.get_array().filled(0)
        grid = mesh.get_coordinates()
        x, y = grid[0, :, 0], grid[:, 0, 1]
        path = np.array(figure.axes[0].lines[0].get_data())
    a, b = pdist(X), pdist(Y)
    a, b = a / a.mean(), b / b.mean()
    want = np.histogram2d(a, b, bins=[x, y])[0]
    np.testing.assert_array_equal(counts, want.T)
    assert counts.sum() == 200 * 199 / 2
    assert f"rank correlation {spearmanr(a, b).statistic:.3f}" in texts(figure)
    order = np.argsort(a, kind="stable")
    parts = np.array_split(order, path.shape[1])
    np.testing.assert_allclose(path[1], [np.median(b[p]) for p in parts], rtol=1e-9)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_shepards_diagram_of_few_and_of_equal_points(renderer):
    figure = shepard([[0.0], [1.0]], [[2.0, 0.0], [5.0, 0.0]], renderer=renderer)
    assert "no correlation" in texts(figure)
    shepard(np.eye(4), np.zeros((4, 2)), renderer=renderer)
    with pytest.raises(ValueError, match="at least"):
        shepard([[0.0]], [[1.0]], renderer=renderer)
    with pytest.raises(ValueError, match=r"NaN|finite"):
        shepard([[0.0], [np.nan]], [[1.0], [2.0]], renderer=renderer)


def test_shepards_diagram_says_which_distance():
    X = np.random.default_rng(0).normal(size=(20, 3))
    assert "cosine distance in the data" in texts(shepard(X, X, metric="cosine"))
    assert "20 points" not in texts(shepard(X, X))
    assert "10 points" in texts(shepard(X, X, sample=10))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_kl_curve_marks_where_exaggeration_ends(renderer):
    history = np.array([[50, 4.0], [250, 3.5], [300, 1.5], [350, 1.2]])
    figure = kl_curves(Fitted(history=history), renderer=renderer)
    (curve,) = lines(figure).values()
    np.testing.assert_array_equal(curve, history.T)
    assert rules(figure) == {"exaggeration ends: 250": 250.0}
    assert "1.200 at the end" in texts(figure)
    several = {"early": Fitted(history=history, early_exaggeration_iter=100), "given": history}
    figure = kl_curves(several, renderer=renderer)
    assert rules(figure) == {"exaggeration ends: 100": 100.0}  # a history alone doesn't say
    assert set(lines(figure)) == {"early · 1.200", "given · 1.200"}
    figure = kl_curves(several, after=300, renderer=renderer)
    assert rules(figure) == {"exaggeration ends: 300": 300.0}


def test_the_short_schedule_ends_its_exaggeration_where_its_own_table_says():
    from gputsne.engine.schedule import SCHEDULES

    model = Fitted(history=[(50, 4.0), (400, 1.0)], schedule="short")
    (at,) = rules(kl_curves(model)).values()
    assert at == SCHEDULES["short"]["early_exaggeration_iter"]


def test_histories_that_are_none():
    for nothing in ([], {}, {"a": []}):
        with pytest.raises(ValueError, match="empty"):
            kl_curves(nothing)
    with pytest.raises(ValueError, match="ascending"):
        kl_curves([(300, 1.0), (200, 2.0)])
    (one,) = [t for t in kl_curves([(50, 1.0)], renderer="plotly").data]
    assert list(one.y) == [1.0]
