"""Static maps: whole, legible to people and machines, and free of side effects."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import gputsne
from gputsne.base.errors import DependencyMissing
from gputsne.plotting import colour_of, plot
from gputsne.plotting.caption import caption_of
from gputsne.plotting.labels import read_labels
from gputsne.plotting.scene import stratified


class Fitted:
    """What plot reads of a fitted TSNE."""

    def __init__(self, Y, **attributes):
        self.embedding_ = Y
        self.perplexity = 30.0
        self.random_state = 7
        self.kl_divergence_ = 1.23456
        vars(self).update(attributes)


def a_map(n=200, c=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, c)).astype(np.float32) * 20


def colours_in(path):
    from matplotlib.image import imread

    pixels = (imread(path)[..., :3].reshape(-1, 3) * 255).round().astype(int)
    return {f"#{v:06x}" for v in np.unique(pixels @ [65536, 256, 1])}


@pytest.mark.parametrize("c", [1, 2, 3])
@pytest.mark.parametrize(
    ("suffix", "magic"),
    [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89")],
)
def test_every_format_in_every_dimension(tmp_path, suffix, magic, c):
    path = tmp_path / f"map.{suffix}"
    plot(a_map(c=c), np.arange(200) % 3, path=path, dpi=50)
    assert path.read_bytes().startswith(magic)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_caption_title_and_legend_are_text_in_svg(tmp_path):
    path = tmp_path / "map.svg"
    plot(Fitted(a_map()), np.array(["ant", "bee"] * 100), path=path, title="Costs $5 and $6")
    text = [t.strip() for t in ET.parse(path).getroot().itertext() if t.strip()]
    caption = f"n = 200 · perplexity 30 · seed 7 · KL 1.235 · gputsne {gputsne.__version__}"
    assert caption in text
    assert "Costs $5 and $6" in text
    assert {"ant", "bee"} <= set(text)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "html"])
def test_the_same_map_gives_the_same_bytes(tmp_path, suffix):
    paths = [tmp_path / f"{i}.{suffix}" for i in range(2)]
    for path in paths:
        plot(a_map(), np.arange(200) % 4, path=path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_points_are_drawn_in_their_labels_colours(tmp_path):
    path = tmp_path / "map.png"
    plot(a_map(), np.arange(200) % 3, path=path, opacity=1.0)
    assert {colour_of("0"), colour_of("1"), colour_of("2")} <= colours_in(path)
    plot(a_map(), np.arange(200) % 3, path=path, opacity=1.0, palette={0: "#123456"})
    assert {"#123456", colour_of("1")} <= colours_in(path)
    assert colour_of("0") not in colours_in(path)


def test_many_points_are_an_image_in_svg_and_few_are_not(tmp_path):
    few, many = tmp_path / "few.svg", tmp_path / "many.svg"
    plot(a_map(100), path=few)
    plot(a_map(20_000), path=many)
    assert "<image" not in few.read_text()
    assert "<image" in many.read_text()
    assert many.stat().st_size < 20_000 * 100  # a circle of its own takes about 100 bytes


def test_axes_have_one_scale_and_no_ticks():
    figure = plot(a_map() * [5, 1])
    (ax,) = figure.axes
    assert ax.get_aspect() == 1
    assert not ax.axison


def test_values_have_a_colour_bar_and_missing_ones_are_counted():
    values = np.linspace(0, 1, 200) ** 2
    values[:30] = np.nan
    figure = plot(a_map(), values)
    assert len(figure.axes) == 2
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["no label (30)"]


def test_a_long_legend_is_cut_and_says_so():
    figure = plot(a_map(400), np.arange(400) % 50)
    texts = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert len(texts) == 21
    assert texts[-1] == "… and 30 more"


def test_names_stand_on_their_categories():
    Y = np.concatenate([a_map(200) / 20 + [50, 0], a_map(200) / 20 - [50, 0]])
    figure = plot(Y, np.repeat(["east", "west"], 200))
    at = {t.get_text(): t.get_position() for t in figure.axes[0].texts}
    # The clusters have unit variance around (+-50, 0).
    assert np.hypot(at["east"][0] - 50, at["east"][1]) < 1
    assert np.hypot(at["west"][0] + 50, at["west"][1]) < 1
    silent = plot(Y, np.repeat(["east", "west"], 200), annotate=False)
    assert "east" not in {t.get_text() for t in silent.axes[0].texts}


@pytest.mark.parametrize("stretch", [[1, 1, 1], [9, 1, 1], [1, 1, 9], [3, 9, 1]])
def test_a_3d_map_fills_its_frame_and_none_is_cut(stretch):
    from mpl_toolkits.mplot3d import proj3d

    Y = np.random.default_rng(0).uniform(-1, 1, (2000, 3)) * stretch
    figure = plot(Y)
    (ax,) = figure.axes
    figure.canvas.draw()
    x, y, _ = proj3d.proj_transform(*Y.T, ax.get_proj())
    at = ax.transAxes.inverted().transform(ax.transData.transform(np.stack([x, y], axis=1)))
    assert 0.46 < np.abs(at - 0.5).max() < 0.49


def test_size_and_opacity_follow_n():
    def look(n):
        points = plot(a_map(n)).axes[0].collections[-1]
        return points.get_sizes()[0], points.get_alpha()

    sizes, opacities = zip(*(look(n) for n in (100, 2_000, 70_000)), strict=True)
    assert sizes[0] > sizes[1] > sizes[2] > 0
    assert opacities[0] >= opacities[1] > opacities[2] > 0.3


def test_pyplot_is_left_alone(tmp_path):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before = mpl.rcParams.copy()
    plot(a_map(), path=tmp_path / "map.svg")
    assert plt.get_fignums() == []
    assert mpl.rcParams == before


def test_drawing_into_the_callers_axes():
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot(a_map(), ax=right) is figure
    assert right.collections
    assert not left.collections
    with pytest.raises(ValueError, match="needs a 3-D axes"):
        plot(a_map(c=3), ax=left)


def test_a_figure_shows_itself_in_notebooks():
    assert plot(a_map())._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("Y", [np.zeros((1, 2)), np.ones((5, 3)), np.zeros(4), np.ones((300, 2))])
def test_maps_without_extent(tmp_path, Y):
    plot(Y, np.arange(len(Y)) % 2, path=tmp_path / "map.png", dpi=40)
    plot(Y, np.arange(len(Y)) % 2, path=tmp_path / "map.html")


def test_the_old_file_stands_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "map.png"
    path.write_bytes(b"old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        plot(a_map(), path=path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"perplexity": (30, 300.0)}, "perplexity 30, 300"),
        ({"perplexity": 7.5}, "perplexity 7.5"),
        ({"affinity": "fixed_sigma"}, "affinity fixed sigma"),
        ({"dof": 0.5}, "dof 0.5"),
        ({"random_state": None}, "no seed"),
        ({"random_state": np.random.default_rng(0)}, "seed from a generator"),
        ({"random_state": np.int64(3)}, "seed 3"),
    ],
)
def test_captions(changes, words):
    assert f" · {words} · " in caption_of(Fitted(a_map(), **changes), 200)


def test_own_caption_and_none():
    own = plot(Fitted(a_map()), caption="mine")
    assert [t.get_text() for t in own.axes[0].texts] == ["mine"]
    assert not plot(Fitted(a_map()), caption="").axes[0].texts


def test_a_sample_is_in_proportion_and_in_the_caption():
    labels = read_labels(np.repeat(["a", "b", ""], [800, 150, 50]), 1000)
    rows = stratified(labels, 1000, 100)
    assert len(set(rows.tolist())) == 100
    assert np.bincount(labels.codes[rows] + 1).tolist() == [5, 80, 15]
    figure = plot(a_map(1000), max_points=100, caption="mine")
    (text,) = figure.axes[0].texts
    assert text.get_text() == "mine · 100 of 1,000 points drawn, at random"


@pytest.mark.parametrize(
    ("Y", "kwargs", "message"),
    [
        (a_map(), {"path": "map.gif"}, r"'map.gif' ends in '.gif'; plot writes .png, .svg, .pdf"),
        (a_map(), {"path": "map"}, "plot writes"),
        (a_map(), {"labels": [1, 2]}, r"labels has shape \(2,\)"),
        (a_map(c=4), {}, r"shape \(200, 4\)"),
        (np.zeros((0, 2)), {}, "0 points"),
        (a_map() * np.nan, {}, "200 points with NaN"),
        (np.array([["a", "b"]]), {}, "plot draws numbers"),
        (a_map(), {"point_size": 0}, "point_size=0"),
        (a_map(), {"opacity": 1.5}, "opacity=1.5"),
        (a_map(), {"max_points": 0}, "max_points=0"),
        (a_map(), {"hover": np.arange(200)}, "hover has no effect"),
        (a_map(), {"dpi": 100}, "dpi has no effect without path"),
        (a_map(), {"annotate": True}, "annotate=True needs"),
        (a_map(), {"renderer": "gnuplot"}, "renderer='gnuplot'"),
        (a_map(), {"renderer": "plotly", "path": "map.png"}, "can't write .png"),
        (a_map(), {"renderer": "plotly", "dpi": 100}, "dpi has no effect"),
        (a_map(), {"renderer": "plotly", "hover": {"x": [1]}}, r"hover\['x'\] has shape"),
    ],
)
def test_what_does_not_fit_is_refused(Y, kwargs, message):
    with pytest.raises(ValueError, match=message):
        plot(Y, **kwargs)


def test_a_missing_folder_and_an_unfitted_model(tmp_path):
    from sklearn.decomposition import PCA
    from sklearn.exceptions import NotFittedError

    with pytest.raises(FileNotFoundError, match="folder"):
        plot(a_map(), path=tmp_path / "no" / "map.png")
    with pytest.raises(NotFittedError, match="fit first"):
        plot(PCA())


@pytest.mark.parametrize("renderer", ["matplotlib", "plotly"])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, renderer):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyMissing, match=rf"{renderer}.*gputsne\[plot\]"):
        plot(a_map(), renderer=renderer)


def test_dates_have_a_scale_with_dates():
    days = np.arange("2020-01-01", "2020-07-19", dtype="M8[D]")
    _, bar = plot(a_map(), days).axes
    assert [t.get_text() for t in bar.get_yticklabels()][:2] == ["2020-01", "2020-02"]


def test_values_keep_to_the_limits_given():
    _, bar = plot(a_map(), np.linspace(0, 1, 200), vmin=0.25, vmax=2).axes
    assert bar.get_ylim() == (0.25, 2)
