"""Texts on static maps: dark paper, several maps on one axes, kept colours, letters and fonts."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from gputsne.plotting import plot


def a_map(n=200):
    return np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32) * 20


class Fitted:
    """What plot reads of a fitted TSNE."""

    def __init__(self, Y, **attributes):
        self.embedding_ = Y
        self.perplexity = 30.0
        self.random_state = 7
        self.kl_divergence_ = 1.23456
        vars(self).update(attributes)


def groups(sizes, apart=10.0):
    """Return a map of round groups on a grid, and each point's group."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    centres = np.stack(np.divmod(np.arange(len(sizes)), 6), axis=1) * apart
    return (centres[codes] + rng.normal(size=(len(codes), 2))).astype(np.float32), codes


@pytest.mark.parametrize("dark", [False, True])
def test_texts_can_be_read_on_the_paper_they_are_on(dark):
    from matplotlib.figure import Figure

    paper = "#111111" if dark else "white"
    ax = Figure(facecolor=paper).add_subplot()
    Y, codes = groups([60] * 6)
    plot(Y, [f"group {i}" for i in codes], ax=ax, title="T")
    from matplotlib.colors import to_rgb

    texts = [*ax.texts, *ax.get_legend().get_texts()]
    assert len(texts) > 12
    for text in texts:
        # WCAG 2: contrast of 3 at least for large or bold text
        a, b = sorted(luminance(to_rgb(c)) for c in (text.get_color(), paper))
        assert (b + 0.05) / (a + 0.05) > 3


def luminance(rgb):
    """Relative luminance of an sRGB colour (WCAG 2)."""
    c = np.asarray(rgb)
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_two_maps_on_one_axes_keep_their_frames_legends_and_captions():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    plot(a_map(), np.array(["ant", "bee"] * 100), ax=ax, caption="the fitted ones")
    wide = ax.get_xlim()
    plot(a_map(50) / 10, ["new"] * 50, ax=ax, caption="new rows")
    assert ax.get_xlim() == wide
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["ant", "bee", "new"]
    assert [t.get_text() for t in ax.texts if "rows" in t.get_text()] == [
        "the fitted ones\nnew rows"
    ]


def test_a_model_keeps_the_colours_of_its_labels():
    model = Fitted(a_map(4))
    first = plot(model, ["dog", "cat", "dog", "cow"])
    second = plot(model, ["ant", "cow", "ant", "dog"])
    colours = [
        {t.get_text(): h.get_markerfacecolor() for t, h in zip(
            f.axes[0].get_legend().get_texts(), f.axes[0].get_legend().legend_handles, strict=True
        )}
        for f in (first, second)
    ]  # fmt: skip
    assert colours[0]["cow"] == colours[1]["cow"]
    assert colours[0]["dog"] == colours[1]["dog"]
    assert len({*colours[0].values(), *colours[1].values()}) == 4
    assert model.palette_ == {**colours[0], **colours[1]}


def test_labels_that_begin_with_an_underscore_stand_in_the_legend():
    legend = plot(a_map(), np.array(["_unassigned", "b"] * 100)).axes[0].get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["_unassigned", "b"]


@pytest.mark.parametrize("bad", ["bad\x0bchar", "half \ud83d pair"])
def test_no_text_makes_an_svg_ill_formed(tmp_path, bad):
    path = tmp_path / "map.svg"
    plot(a_map(), [bad, "b"] * 100, title=bad, caption=bad, path=path)
    text = " ".join(ET.parse(path).getroot().itertext())
    assert text.count("\ufffd") >= 3


def test_letters_that_no_font_has_are_told_once(tmp_path):
    odd = chr(0xE0123)  # a private letter: no font has it
    with pytest.warns(UserWarning, match="no font here has 1 of the letters.*fonts-noto") as told:
        plot(a_map(), [f"x{odd}", "b"] * 100, path=tmp_path / "map.png", dpi=50)
    assert len(told) == 1
    assert told[0].filename == __file__


def test_a_font_that_has_the_letters_is_found(monkeypatch):
    """DejaVu Serif stands for a font of another script: the default is told to lack a letter."""
    from matplotlib import font_manager

    from gputsne.plotting import fonts

    default = font_manager.findfont(font_manager.FontProperties())
    real = fonts._letters
    monkeypatch.setattr(
        fonts, "_letters", lambda path: real(path) - ({ord("я")} if path == default else set())
    )
    names, instead = fonts.families(["я"])
    assert len(names) == 2
    assert not instead
    path = font_manager.findfont(names[1])
    assert ord("я") in real(path)
