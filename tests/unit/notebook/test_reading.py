"""What the widget is given of a map: places, columns with colours, texts; and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gputsne
from gputsne.notebook.reading import places, viewed
from gputsne.viewer.container import unpack

N = 120
RNG = np.random.default_rng(0)
Y = RNG.normal(size=(N, 2)).astype(np.float32)
KINDS = np.array(["b", "a", ""])[np.arange(N) % 3]


def held(made):
    """Return the container's columns in the order of rows, by the titles of the tile set."""
    _, columns = unpack(made.container)
    keys = columns["id"] if isinstance(columns["id"], list) else columns["id"].tolist()
    at = np.argsort(made.ids.named(keys))
    titles = {c["name"]: c["title"] for c in made.tileset["columns"]}
    return {titles.get(name, name): np.asarray(values)[at] for name, values in columns.items()}


def about(made, title):
    (found,) = [c for c in made.tileset["columns"] if c["title"] == title]
    return found


def test_every_point_is_where_it_was_with_its_label():
    made = viewed(Y, KINDS)
    found, told = held(made), about(made, "label")
    np.testing.assert_array_equal(np.column_stack([found["x"], found["y"]]), Y)
    names = np.array([*told["categories"], ""])
    np.testing.assert_array_equal(names[found["label"]], KINDS)
    assert made.first == "label"
    assert made.tileset["rows"] == N


def test_labels_have_the_colours_of_every_other_picture():
    model = gputsne.TSNE(random_state=0, max_iter=300).fit(RNG.normal(size=(N, 5)))
    model.palette_ = {"a": "#102030"}
    made = viewed(model, KINDS)
    told = about(made, "label")
    assert dict(zip(told["categories"], told["colours"], strict=True)) == model.palette_
    assert model.palette_["a"] == "#102030"
    assert f"KL {model.kl_divergence_:.3g}" in made.tileset["caption"]


def test_columns_are_categories_numbers_dates_and_text():
    table = pd.DataFrame({
        "size": np.linspace(0, 1, N),
        "day": pd.date_range("2026-01-01", periods=N),
        "note": [f"note {i}" for i in range(N)],
        "group": KINDS,
        "x": np.arange(N) % 2 == 0,  # a name that the points have, too
    })  # fmt: skip
    made = viewed(Y, columns=table)
    kinds = {c["title"]: c["kind"] for c in made.tileset["columns"]}
    assert kinds == {"row": "id", "size": "number", "day": "number", "note": "text",
                     "group": "category", "x": "category"}  # fmt: skip
    assert about(made, "day")["dates"] is True
    assert list(made.columns) == ["size", "day", "group", "x"]
    assert made.first == "size"
    found = held(made)
    np.testing.assert_allclose(found["size"], table["size"], rtol=1e-7)
    assert found["note"].tolist() == table["note"].tolist()
    for title in ("group", "x"):
        told = about(made, title)
        assert len(told["colours"]) == len(told["categories"]) == 2


def test_values_are_coloured_on_a_scale():
    told = about(made := viewed(Y, Y[:, 0], palette=["#000000", "#ffffff"]), "label")
    assert (told["low"], told["high"]) == (Y[:, 0].min(), Y[:, 0].max())
    assert told["colours"][0], told["colours"][-1] == ("#000000", "#ffffff")
    assert told["chosen"] is True
    assert made.first == "label"


def test_a_map_of_one_axis_is_a_strip_and_one_of_three_is_refused():
    found = held(viewed(Y[:, 0]))
    np.testing.assert_array_equal(found["x"], Y[:, 0])
    assert np.ptp(found["y"]) > 0
    with pytest.raises(ValueError, match=r"3 axes.*plot\(model, renderer='plotly'\)"):
        viewed(np.zeros((5, 3)) + np.arange(5)[:, None])


@pytest.mark.parametrize(
    ("how", "error", "told"),
    [
        ({"columns": {"a": [1, 2]}}, ValueError, "column 'a' has shape"),
        ({"columns": 3}, TypeError, "columns=int must be a mapping"),
        ({"columns": [1.0] * N}, TypeError, "columns=list must be a mapping of names to columns"),
        ({"labels": KINDS, "columns": {"label": KINDS}}, ValueError, "two are called 'label'"),
        ({"labels": KINDS[:5]}, ValueError, "labels has shape"),
        ({"ids": ["a"] * N}, ValueError, "more than one row"),
    ],
)
def test_what_does_not_fit_the_map_is_refused(how, error, told):
    with pytest.raises(error, match=told):
        viewed(Y, **how)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_places_in_sixteen_bits_are_those_of_the_points(scale):
    wide = Y * [1, 0.3] * scale
    packed, (x0, y0, side) = places(wide)
    units = np.frombuffer(packed, "<u2").reshape(2, N).T
    again = [x0, y0] + units * (side / 65535)
    assert np.abs(again - wide).max() <= side / 65535 * 0.51  # half a unit, and rounding


def test_points_in_one_place_have_places():
    packed, (x0, y0, _) = places(np.ones((3, 2), dtype=np.float32))
    assert np.frombuffer(packed, "<u2").tolist() == [0] * 6
    assert (x0, y0) == (1.0, 1.0)
