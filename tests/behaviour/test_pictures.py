"""What a picture can't draw is refused in one clear sentence; colours follow a model."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gputsne
from gputsne import TSNE, metrics, plot
from gputsne.base.labels import read_column

N = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4)).astype(np.float32)
Y = RNG.normal(size=(N, 2))


def fast() -> TSNE:
    return TSNE(max_iter=0, perplexity=5, random_state=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": 3}, r"labels must be .* 40 rows of the map, got 3 \(int\)"),
        ({"labels": "abc"}, r"labels must be .*got 'abc' \(str\)"),
        ({"labels": {"a": 1}}, r"labels must be .*\(dict\)"),
        ({"labels": {1}}, r"labels must be .*\(set\)"),
        ({"ax": 3}, "ax must be a matplotlib Axes, got int"),
        ({"ax": np.array([1, 2])}, "got ndarray; of a grid of axes, pass one"),
        ({"title": 3}, "title=3 must be text"),
        ({"caption": 3}, "caption=3 must be text"),
        ({"point_size": "a"}, "point_size='a' must be None or a number"),
        ({"point_size": np.nan}, "point_size=nan must be finite"),
        ({"opacity": "a"}, "opacity='a' must be None or a number"),
        ({"max_points": 2.5}, "max_points=2.5 must be an integer"),
        ({"max_points": "a"}, "max_points='a' must be an integer"),
        ({"annotate": "yes"}, "annotate='yes' must be True, False or None"),
        ({"path": "m.png", "dpi": "a"}, "dpi='a' must be None or a number"),
    ],
)
def test_settings_of_a_picture(given, said):
    with pytest.raises((TypeError, ValueError), match=said):
        plot(Y, **given)


def test_limits_of_a_scale_are_told_as_the_labels_are():
    days = np.datetime64("2020-01-01", "D") + np.arange(N)
    with pytest.raises(ValueError, match=r"vmin=2021-01-01 must be below vmax=2020-02-09 \(of the"):
        plot(Y, days, vmin="2021-01-01")
    with pytest.raises(ValueError, match="vmin=2021-01-01 must be below vmax=2020-01-01"):
        plot(Y, days, vmin="2021-01-01", vmax="2020-01-01")
    with pytest.raises(ValueError, match="vmin='2020-01-01' is a date, and the labels are numbers"):
        plot(Y, Y[:, 0], vmin="2020-01-01")


@pytest.mark.parametrize("renderer", ["matplotlib", "plotly"])
def test_values_at_the_ends_of_the_floats(renderer, tmp_path):
    ends = np.where(np.arange(N) % 2, 1e308, -1e308)
    path = tmp_path / ("m.png" if renderer == "matplotlib" else "m.html")
    with pytest.raises(ValueError, match=r"labels reach from -1e\+308 to 1e\+308, farther apart"):
        plot(Y, ends, kind="values", path=path)
    figure = plot(Y, ends, kind="values", vmin=-1.0, vmax=1e300, path=path, renderer=renderer)
    drawn = (
        figure.axes[0].collections[-1].get_array()
        if renderer == "matplotlib"
        else figure.data[-1].marker.color
    )
    assert {float(v) for v in drawn} == {-1.0, 1e300}
    pair = [plot(of, path=path, renderer=renderer) for of in (Y, Y * 1e300)]
    places = [
        np.asarray(figure.axes[0].collections[-1].get_offsets())
        if renderer == "matplotlib"
        else np.column_stack([figure.data[-1].x, figure.data[-1].y])
        for figure in pair
    ]
    near, far = [(p - p.min(axis=0)) / np.ptp(p) for p in places]
    np.testing.assert_allclose(far, near, atol=1e-6)  # of float32: one picture at any scale


def test_values_far_from_0_keep_their_shades_in_a_page(tmp_path):
    seconds = 1.6e9 + np.arange(N) / N  # float32 tells 128 seconds apart there
    figure = plot(Y, seconds, path=tmp_path / "m.html", renderer="plotly")
    assert len({float(v) for v in figure.data[-1].marker.color}) == N


def test_a_model_keeps_its_colours_in_its_file(tmp_path):
    model = fast().fit(X)
    model.save(tmp_path / "plain.npz")
    assert not hasattr(gputsne.load(tmp_path / "plain.npz"), "palette_")
    plot(model, ["$float", "cat"] * (N // 2))
    plot(model, ["ant", "cat"] * (N // 2))
    model.save(tmp_path / "m.npz")
    loaded = gputsne.load(tmp_path / "m.npz")
    assert loaded.palette_ == model.palette_
    assert set(loaded.palette_) == {"$float", "ant", "cat"}
    before = {
        c.get_label(): c for c in plot(model, ["cat"] * N).axes[0].get_legend().legend_handles
    }
    after = plot(loaded, ["cat"] * N).axes[0].get_legend().legend_handles
    assert [h.get_markerfacecolor() for h in after] == [before["cat"].get_markerfacecolor()]


def test_colours_that_an_owner_put_into_a_model(tmp_path):
    model = fast().fit(X)
    model.palette_ = {"cat": "red", "dog": (0, 0, 1)}
    assert plot(model, ["cat", "dog"] * (N // 2)) is not None
    assert model.palette_ == {"cat": "#ff0000", "dog": "#0000ff"}
    for wrong, said in (
        ({"cat": "no colour"}, r"palette_\['cat'\]='no colour'"),
        (3, "palette_=3"),
    ):
        model.palette_ = wrong
        with pytest.raises((TypeError, ValueError), match=said):
            plot(model, ["cat", "dog"] * (N // 2))
        with pytest.raises(ValueError, match=r"palette_=.* must be a dict of label to"):
            model.save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_masked_labels_are_missing():
    labels = np.ma.array(np.arange(N) % 2, mask=np.arange(N) < 10)
    column = read_column(labels, N)
    assert column.missing.tolist() == [True] * 10 + [False] * 30
    want = metrics.knn_accuracy(Y[10:], np.arange(N)[10:] % 2, k=3)
    assert metrics.knn_accuracy(Y, labels, k=3) == want
    legend = plot(Y, labels).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "no label (10)"]
    assert read_column(np.ma.array(["a", "b"], mask=[0, 1]), 2).codes()[1].tolist() == [0, -1]


def test_tables_of_arrow_beside_the_pointer():
    figure = plot(Y, hover=pa.table({"a": ["x"] * N}), renderer="plotly")
    assert "a: x" in str(figure.data[0])
