"""A map of one or two columns becomes a page of the viewer, with labels, colours and records."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import gputsne
from gputsne.base.colours import palette
from gputsne.plotting import plot, viewing
from gputsne.viewer import MapPage, unpack

N = 200
Y = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)


def columns(page):
    """Return what is told of each column by its title, and its values in the order of rows."""
    _, data = unpack(page.container)
    order = np.argsort(data["id"])
    told, values = {}, {}
    for column in page.tileset["columns"]:
        told[column["title"]] = column
        found = data[column["name"]]
        values[column["title"]] = (
            found[order] if isinstance(found, np.ndarray) else [found[i] for i in order]
        )
    return told, values


def test_html_is_the_viewer_by_default_and_needs_no_plotly(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    path = tmp_path / "map.html"
    page = plot(Y, np.arange(N) % 3, path=path, title="Noise")
    assert isinstance(page, MapPage)
    assert path.read_text(encoding="utf-8") == page.html
    assert repr(page) == "<MapPage 'Noise': 200 points>"
    again = tmp_path / "again.html"
    page.save(again)
    assert again.read_bytes() == path.read_bytes()
    assert len(page.html) < 100_000


def test_plotly_draws_where_it_is_asked_and_what_has_three_dimensions(tmp_path):
    import plotly.graph_objects as go

    page = tmp_path / "m.html"
    assert isinstance(plot(Y, path=page, renderer="plotly"), go.Figure)
    assert isinstance(plot(np.c_[Y, Y[:, 0]], path=page), go.Figure)
    assert isinstance(plot(Y[:, :1], path=page), MapPage)
    assert isinstance(plot(Y, renderer="viewer"), MapPage)
    with pytest.raises(ValueError, match="renderer='viewer' draws maps of 1 or 2 columns"):
        plot(np.c_[Y, Y[:, 0]], renderer="viewer")
    with pytest.raises(ValueError, match=r"renderer='viewer' can't write \.png"):
        plot(Y, path=tmp_path / "m.png", renderer="viewer")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ax", 1), ("annotate", True), ("dpi", 100), ("edges", True), ("density", "glow"),
     ("style", "print")],
)  # fmt: skip
def test_what_has_no_effect_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} has no effect on an interactive map"):
        plot(Y, renderer="viewer", **{name: value})


def test_labels_colour_first_and_missing_ones_are_beyond_the_categories():
    labels = np.array(["ant", None, "bee", "cat"] * (N // 4), dtype=object)
    page = plot(Y, labels, renderer="viewer", hover={"label": np.arange(N) / 7})
    assert page.tileset["colour"] == "c0"
    column = page.tileset["columns"][1]
    found = palette(["ant", "bee", "cat"])
    assert column["categories"] == ("ant", "bee", "cat")
    assert column["colours"] == tuple(found[name] for name in ("ant", "bee", "cat"))
    assert "chosen" not in column
    _, data = unpack(page.container)
    rows = data["id"]
    assert data["c0"].tolist() == [[0, 3, 1, 2][row % 4] for row in rows]
    np.testing.assert_allclose(data["c1"], rows / 7, rtol=1e-6)
    np.testing.assert_array_equal(np.stack([data["x"], data["y"]], axis=1), Y[rows])


def test_colours_that_were_chosen_stay_on_dark_paper():
    labels = np.arange(N) % 2
    page = plot(Y, labels, renderer="viewer", palette={0: "#000001", 1: "#fffffe"}, theme="dark")
    column = page.tileset["columns"][1]
    assert column["colours"] == ("#000001", "#fffffe")
    assert column["chosen"] is True
    assert page.theme == "dark"
    assert plot(Y, renderer="viewer").theme == "auto"


def test_values_and_dates_keep_their_limits_and_scale():
    page = plot(Y, np.linspace(0, 1, N), vmin=0.25, vmax=2, palette="magma", renderer="viewer")
    column = page.tileset["columns"][1]
    assert (column["kind"], column["low"], column["high"]) == ("number", 0.25, 2)
    assert len(column["colours"]) == 64
    days = np.arange("2020-01-01", "2020-07-19", dtype="M8[D]")
    told, values = columns(plot(Y, days, renderer="viewer"))
    assert told["label"]["dates"] is True
    assert values["label"][31] - values["label"][0] == 31  # days


def test_hover_columns_have_kinds_and_colours():
    import pandas as pd

    table = pd.DataFrame(
        {
            "age": np.linspace(0, 1, N) / 3,
            "sex": ["f", "m"] * (N // 2),
            "note": [f"{i} {'y' * 900}" for i in range(N)],
        }
    )
    told, values = columns(plot(Y, hover=table, renderer="viewer"))
    assert {name: told[name]["kind"] for name in table} == {
        "age": "number", "sex": "category", "note": "text",
    }  # fmt: skip
    assert told["sex"]["colours"] == tuple(palette(["f", "m"]).values())
    np.testing.assert_allclose(values["age"], table["age"], rtol=1e-6)
    assert values["note"][3].startswith("3 yyy")


def test_300000_points_with_two_hover_fields_are_all_in_the_page():
    n = 300_000
    hover = {"id": np.array(["record 123456"] * n), "age": np.zeros(n)}
    assert viewing.point_limit(np.zeros((n, 2)), hover) == (n, n)
    assert viewing.point_limit(np.zeros((n + 1, 2)), None) == (n + 1, n)


def test_a_larger_map_is_sampled_in_proportion_and_says_how_to_have_all(monkeypatch):
    monkeypatch.setattr(viewing, "MAX_POINTS", 100)
    labels = np.repeat(["a", "b"], [150, 50])
    with pytest.warns(UserWarning, match="100 of 200 points.*max_points=200") as told:
        page = plot(Y, labels, renderer="viewer")
    assert told[0].filename == __file__
    assert page.tileset["caption"].endswith("100 of 200 points drawn, the same share of each label")
    _, data = unpack(page.container)
    assert np.bincount(labels[data["id"]] == "b").tolist() == [75, 25]
    assert plot(Y, labels, renderer="viewer", max_points=N).tileset["rows"] == N


def test_alt_and_captions_are_the_figure_s_or_the_caller_s():
    page = plot(Y, np.arange(N) % 2, renderer="viewer")
    assert page.tileset["alt"].startswith("Map of 200 points, coloured")
    assert page.tileset["caption"].startswith("n = 200")
    own = plot(Y, renderer="viewer", alt="An alt.", caption="A caption.", title="T \ud83d")
    assert (own.tileset["alt"], own.tileset["caption"]) == ("An alt.", "A caption.")
    assert own.tileset["title"] == "T \ufffd"


def test_a_notebook_shows_the_page_in_a_frame_of_its_own():
    shown = plot(Y, ["\"'><script>alert(1)</script>"] * N, renderer="viewer")._repr_html_()
    assert shown.count("<") == 2
    assert 'sandbox="allow-scripts allow-downloads"' in shown


def test_size_and_opacity_are_the_caller_s():
    tileset = plot(Y, renderer="viewer", point_size=7, opacity=0.3).tileset
    assert (tileset["point_size"], tileset["opacity"]) == (7, 0.3)
    assert not {"point_size", "opacity"} & set(plot(Y, renderer="viewer").tileset)


def test_a_model_s_colours_are_those_of_its_other_pictures():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = gputsne.TSNE(perplexity=5, max_iter=20, early_exaggeration_iter=10).fit(X)
    page = plot(model, ["p", "q"] * 30, renderer="viewer")
    told = page.tileset["columns"][1]
    assert dict(zip(told["categories"], told["colours"], strict=True)) == model.palette_
    assert "perplexity 5" in page.tileset["caption"]


IDS = [f"cust-{i}" for i in range(N)]


@pytest.mark.parametrize(
    "ids", [IDS, np.arange(N) + 1000, 2**53 + 1 + np.arange(N)], ids=["text", "small", "large"]
)
def test_ids_are_what_a_page_calls_its_points(ids):
    page = plot(Y, ids=ids, renderer="viewer", max_points=N // 2)
    _, data = unpack(page.container)
    rows = {tuple(place): i for i, place in enumerate(Y.tolist())}
    want = np.asarray(ids)[
        [rows[x, y] for x, y in zip(data["x"].tolist(), data["y"].tolist(), strict=True)]
    ]
    assert [str(v) for v in data["id"]] == want.astype(str).tolist()
    assert page.tileset["columns"][0] == {"name": "id", "title": "id", "kind": "id"}


def test_ids_of_a_model_and_of_plotly_s_pages_and_those_that_do_not_fit():
    from types import SimpleNamespace

    model = SimpleNamespace(embedding_=Y, ids_=np.array(IDS))
    _, data = unpack(plot(model, renderer="viewer", caption="").container)
    assert sorted(data["id"]) == sorted(IDS)
    figure = plot(Y, ids=IDS, renderer="plotly")
    assert "cust-7" in figure.to_json()
    with pytest.raises(ValueError, match="ids has shape"):
        plot(Y, ids=IDS[:3], renderer="viewer")


def test_large_whole_labels_keep_their_digits():
    labels = 2**53 + 1 + np.arange(N)
    told, values = columns(plot(Y, labels, renderer="viewer"))
    column = told["label"]
    assert (column["kind"], column["base"]) == ("number", str(2**53 + 1))
    assert [int(column["base"]) + int(v) for v in values["label"]] == labels.tolist()
    assert (column["low"], column["high"]) == (0, N - 1)
