"""What files of pictures say of themselves, thumbnails, and one map by several columns."""

from __future__ import annotations

import json
import warnings
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import gputsne
from gputsne.plotting import by_columns, look_alikes, plot, rnx_curves, thumbnail
from gputsne.plotting.caption import caption_of, recipe_of

SVG = "{http://www.w3.org/2000/svg}"


def corners(n=40):
    """Return a map with a dense group in each corner of a square, and the group's name."""
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [100, 0], [0, 100], [100, 100]])
    names = np.array(["south-west", "south-east", "north-west", "north-east"])
    codes = np.repeat(np.arange(4), n)
    return (centres[codes] + rng.normal(size=(4 * n, 2))).astype(np.float32), names[codes]


def colours_in(legend):
    names = [text.get_text() for text in legend.get_texts()]
    marks = [handle.get_markerfacecolor() for handle in legend.legend_handles]
    return dict(zip(names, marks, strict=True))


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).normal(size=(80, 4))
    return gputsne.TSNE(perplexity=5, max_iter=50, metric="cosine", random_state=3).fit(X)


def test_the_alternative_text_counts_and_places_the_categories():
    Y, names = corners()
    said = plot(Y, names, title="Four corners").alt
    assert said == (
        "Four corners. Map of 160 points, coloured by label: 4 categories. "
        "north-east (40 points, upper right), north-west (40 points, upper left), "
        "south-east (40 points, lower right), south-west (40 points, lower left)."
    )


def test_alternative_texts_of_other_maps():
    Y, names = corners()
    assert plot(Y).alt == "Map of 160 points, without labels."
    assert plot(Y, Y[:, 0] / 7).alt.startswith("Map of 160 points, coloured by values from ")
    days = np.datetime64("2020-01-01") + np.arange(160)
    assert "from 2020-0" in plot(Y, days).alt
    assert plot(np.c_[Y, Y[:, :1]], names).alt.startswith("Three-dimensional map of 160 points")
    assert plot(Y[:, 0], names).alt.startswith("One-dimensional map of 160")
    many = plot(Y, np.arange(160) % 80).alt
    assert "80 categories. The largest: " in many
    assert plot(Y, [None, *names[1:]]).alt.endswith("1 point is grey: no label.")
    assert plot(Y, names, alt="mine").alt == "mine"
    assert "R_NX" in rnx_curves(Y, {"same": Y}).alt


@pytest.mark.parametrize("style", ["default", "print", "thumbnail"])
def test_files_hold_the_alternative_text_and_how_to_make_the_map(tmp_path, model, style):
    title = "Überschrift & <東>"
    paths = {suffix: tmp_path / f"map.{suffix}" for suffix in ("png", "svg", "pdf")}
    labels = ["a & b", "東"] * 40
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no font here has")  # where none for Chinese is installed
        for path in paths.values():
            figure = plot(model, labels, path=path, title=title, style=style)
    assert "東 (40 points" in figure.alt
    with Image.open(paths["png"]) as image:
        assert image.text["Description"] == figure.alt
        assert image.text["Title"]
        assert image.text["Source"] == recipe_of(model)
    root = ET.parse(paths["svg"]).getroot()
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == root[0].get("id")
    assert root[0].tag == f"{SVG}desc"
    assert root[0].text == figure.alt
    pdf = paths["pdf"].read_bytes()
    assert figure.alt.encode("utf-16-be") in pdf.replace(b"\\(", b"(").replace(b"\\)", b")")
    assert b"/Keywords" in pdf


def test_a_recipe_makes_the_map_again(model):
    said = recipe_of(model)
    call = said.partition(": ")[2].partition(".fit(X)")[0]
    again = eval(call, {"TSNE": gputsne.TSNE})
    X = np.random.default_rng(0).normal(size=(80, 4))
    np.testing.assert_array_equal(again.fit_transform(X), model.embedding_)
    assert f"X has sha256 {model.run_.input['data_sha256']}" in said
    assert f"the map has sha256 {model.run_.map_sha256}" in said


def test_the_caption_has_what_is_not_as_by_default(model):
    data = model.run_.input["data_sha256"][:8]
    assert caption_of(model, 80) == (
        "n = 80 · perplexity 5 · max_iter 50 · metric cosine · seed 3 · "
        f"KL {model.kl_divergence_:.3f} · data {data} · gputsne {gputsne.__version__}"
    )
    assert recipe_of(None) == ""


def test_the_caption_tells_that_distances_mean_little_where_asked(model):
    def caption(**given):
        return " ".join(t.get_text().replace("\n", " ") for t in plot(model, **given).axes[0].texts)

    note = "distances between clusters, and their sizes, mean little"
    assert note not in caption()
    assert note in caption(note=True)
    assert note in caption(style="print")
    assert note not in caption(style="print", note=False)
    assert caption(style="print", caption="mine") == "mine"
    assert caption(caption="mine", note=True) == f"mine · {note}"


def test_a_thumbnail_is_small_and_has_no_more_than_short_names(tmp_path):
    path = tmp_path / "thumb.png"
    Y, _ = corners(200)
    short = np.array(["sw", "se", "nw", "a name that is too long"])[np.repeat(np.arange(4), 200)]
    figure = thumbnail(Y, short, path=path)
    ax = figure.axes[0]
    assert ax.get_legend() is None
    assert sorted(t.get_text() for t in ax.texts) == ["nw", "se", "sw"]
    with Image.open(path) as image:
        assert max(image.size) == 320
        assert image.text["Description"] == figure.alt
    assert path.stat().st_size < 30_000
    assert path.read_bytes() == figure._repr_png_()
    with Image.open(tmp_path / "thumb.png") as image:
        letters = [t.get_window_extent().height * 320 / 6.5 / figure.dpi for t in ax.texts]
    assert min(letters) > 9  # pixels
    thumbnail(Y, Y[:, 0], path=path, size=64, theme="dark")
    with Image.open(path) as image:
        assert max(image.size) == 64


def test_one_map_by_several_columns_has_one_frame_and_each_its_own_legend():
    Y, names = corners()
    given = {"corner": names, "x": Y[:, 0].astype(float), "odd": np.arange(160) % 2 == 1}
    figure = by_columns(Y, given, palette={"north-east": "#123456", "True": "#654321"})
    first, second, third = (ax for ax in figure.axes if ax.get_label() != "<colorbar>")
    for ax in (second, third):
        assert ax.get_xlim() == first.get_xlim()
        assert ax.get_ylim() == first.get_ylim()
        assert ax.get_shared_x_axes().joined(ax, first)
    legends = [colours_in(ax.get_legend()) for ax in (first, third)]
    assert legends[0].keys() == set(names)
    assert legends[0]["north-east"] == "#123456"
    assert legends[1]["True"] == "#654321"
    assert figure.alt.startswith("corner. Map of 160 points")
    assert "x. Map of 160 points, coloured by values" in figure.alt


def test_columns_of_a_table_and_what_is_none():
    pd = pytest.importorskip("pandas")
    Y, names = corners()
    table = pd.DataFrame({"corner": names, "size": np.linspace(0, 1, 160)})
    assert len([ax for ax in by_columns(Y, table).axes if ax.get_label() != "<colorbar>"]) == 2
    with pytest.raises(ValueError, match=r"columns\['short'\] has shape \(3,\)"):
        by_columns(Y, {"short": [1, 2, 3]})
    with pytest.raises(ValueError, match="columns has none"):
        by_columns(Y, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("colours.json", json.dumps({"sw": "teal", "3": "#ABCDEF"})),
        ("colours.csv", "label,colour\nsw,teal\n3,#ABCDEF\n"),
        ("colours.csv", "\ufeffsw,teal\n\n3,#ABCDEF\n"),
    ],
)
def test_a_palette_can_be_a_file(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    Y, _ = corners()
    labels = np.array(["sw", "3", "nw", "ne"])[np.repeat(np.arange(4), 40)]
    for given in (path, str(path)):
        marks = colours_in(plot(Y, labels, palette=given).axes[0].get_legend())
        assert (marks["sw"], marks["3"]) == ("#008080", "#abcdef")


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1]", "must hold one object"), ("{", "has no colours of labels"),
     ('{"a": "no such"}', "'a'='no such' is no colour")],
)  # fmt: skip
def test_a_file_without_colours_is_refused(tmp_path, text, said):
    path = tmp_path / "colours.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        plot(corners()[0], corners()[1], palette=path)


def test_colours_that_some_eyes_mix_up_are_found():
    """Red and olive of one lightness: to eyes without green cones both are the same brown."""
    assert look_alikes({"a": "#000000", "b": "#ffffff", "c": "#000001"}) == [("a", "c")]
    assert look_alikes({"late": "#a08c2c", "ok": "#5aa02c"}) == [("late", "ok")]
    assert look_alikes({}) == []
    assert look_alikes(gputsne.plotting.palette([f"w{c}" for c in "abcdefghijklmnopqrst"])) == []


def test_kept_colours_are_lifted_on_dark_paper_and_chosen_ones_stay():
    Y, names = corners()
    kept = gputsne.plotting.palette(names) | {"north-east": "#101010"}
    marks = colours_in(plot(Y, names, palette=kept, theme="dark").axes[0].get_legend())
    usual = colours_in(plot(Y, names, theme="dark").axes[0].get_legend())
    assert marks.pop("north-east") == "#101010"
    assert marks.items() <= usual.items()
