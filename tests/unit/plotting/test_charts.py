"""Every chart: files, themes, and arguments that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from artists import RENDERERS

import gputsne
from gputsne.base.errors import DependencyMissing
from gputsne.plotting import cluster_numbers, kl_curves, rnx_curves, shepard, silhouettes


@pytest.mark.parametrize(
    ("suffix", "theme"), [("png", "light"), ("svg", "dark"), ("html", "light")]
)
def test_every_chart_is_written_small_and_the_same_each_time(tmp_path, suffix, theme):
    X = np.random.default_rng(0).normal(size=(300, 2))
    labels = np.arange(300) % 3
    numbers = gputsne.inspect.choose_k(X, [2, 3], n_init=1)
    figures = {
        "silhouettes": lambda **how: silhouettes(X, labels, **how),
        "k": lambda **how: cluster_numbers(numbers, **how),
        "rnx": lambda **how: rnx_curves(X, {"one": X[:, :1]}, **how),
        "shepard": lambda **how: shepard(X, X[:, :1], sample=100, **how),
        "kl": lambda **how: kl_curves([(50, 4.0), (300, 1.5)], **how),
    }
    for name, draw in figures.items():
        paths = [tmp_path / f"{name}{i}.{suffix}" for i in range(1 if suffix == "png" else 2)]
        for path in paths:
            draw(path=path, theme=theme, **({"dpi": 60} if suffix == "png" else {}))
        assert paths[0].read_bytes() == paths[-1].read_bytes()
        assert paths[0].stat().st_size < (5_500_000 if suffix == "html" else 100_000)


def test_a_chart_as_pdf(tmp_path):
    path = tmp_path / "kl.pdf"
    kl_curves([(50, 4.0), (300, 1.5)], path=path)
    assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("renderer", RENDERERS)
def test_dark_paper_has_pale_text(renderer):
    figure = kl_curves([(50, 4.0), (300, 1.5)], theme="dark", renderer=renderer)
    if renderer == "plotly":
        assert figure.layout.paper_bgcolor == "#0d1117"
        assert figure.layout.font.color == "#e8e8e8"
    else:
        from matplotlib.colors import to_hex

        assert to_hex(figure.get_facecolor()) == "#0d1117"
        assert figure.axes[0].xaxis.label.get_color() == "#e8e8e8"


def test_arguments_are_refused_before_anything_is_computed(tmp_path):
    far_too_many = np.zeros((2, 10**7))  # choose_k would refuse it, too, but later
    for how, match in (
        ({"path": tmp_path / "a.gif"}, "ends in '.gif'"),
        ({"renderer": "bokeh"}, "renderer='bokeh'"),
        ({"theme": "blue"}, "theme='blue'"),
        ({"dpi": 100}, "dpi has no effect without path"),
        ({"dpi": 100, "renderer": "plotly"}, "dpi has no effect on an interactive"),
        ({"path": tmp_path / "a.png", "renderer": "plotly"}, "can't write .png"),
    ):
        with pytest.raises(ValueError, match=match):
            cluster_numbers(far_too_many, **how)
    with pytest.raises(TypeError, match="title"):
        kl_curves([(50, 1.0)], title=5)
    with pytest.raises(OSError, match="nowhere"):
        kl_curves([(50, 1.0)], path=tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize("renderer", RENDERERS)
def test_without_the_library_one_sentence_says_what_to_install(renderer, monkeypatch):
    import importlib.util

    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == renderer else there(name, *a)
    )
    with pytest.raises(DependencyMissing, match=rf"{renderer}: pip install 'gputsne\[plot\]'"):
        kl_curves([(50, 1.0)], renderer=renderer)
