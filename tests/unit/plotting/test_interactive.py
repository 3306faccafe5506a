"""The interactive map by plotly is one file that works offline, is light, and safe to open."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from gputsne.plotting import colour_of, interactive, palette, plot


def a_map(n=200, c=2):
    return np.random.default_rng(0).normal(size=(n, c)).astype(np.float32) * 20


def figure(*args, **kwargs):
    return plot(*args, renderer="plotly", **kwargs)


def named(fig):
    return {trace.name: trace for trace in fig.data if trace.customdata is not None}


def keys(fig):
    return {trace.name: trace for trace in fig.data if trace.showlegend}


def test_one_file_that_asks_nothing_of_the_network(tmp_path):
    path = tmp_path / "map.html"
    figure(a_map(), np.arange(200) % 3, path=path, title="A <b>map</b>")
    page = path.read_text(encoding="utf-8")
    outside = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)
    assert "http" not in outside
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", page)
    assert "<title>A &lt;b&gt;map&lt;/b&gt;</title>" in page
    assert path.stat().st_size < 5_500_000  # plotly.js takes 4.8 MB of it


def test_each_category_is_a_trace_that_its_legend_entry_toggles():
    labels = np.repeat(["rare", "common"], [20, 180])
    Y = a_map()
    fig = figure(Y, labels, opacity=0.3)
    traces, dots = named(fig), keys(fig)
    assert list(traces) == ["common", "rare"]  # the largest beneath
    for name, trace in traces.items():
        assert not trace.showlegend
        assert dots[name].legendgroup == trace.legendgroup
        assert dots[name].marker.color == trace.marker.color
        assert dots[name].marker.opacity is None  # as opaque as points on top of each other
        assert list(dots[name].x) == [None]
        assert trace.marker.color == palette(labels)[name]
        rows = np.flatnonzero(labels == name)
        np.testing.assert_array_equal(trace.customdata, rows)
        np.testing.assert_array_equal(trace.x, Y[rows, 0])
    assert dots["common"].legendrank < dots["rare"].legendrank


def test_few_points_are_svg_and_many_webgl():
    assert {t.type for t in figure(a_map(300)).data} == {"scatter"}
    assert {t.type for t in figure(a_map(5000)).data} == {"scattergl"}
    assert {t.type for t in figure(a_map(300, c=3)).data} == {"scatter3d"}
    assert {t.type for t in figure(a_map(300, c=1)).data} == {"scatter"}


def test_a_large_map_is_sampled_in_proportion_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(interactive, "MAX_POINTS", 1000)
    with pytest.warns(UserWarning, match="1,000 of 4,000 points.*max_points=4000") as told:
        fig = figure(a_map(4000), np.repeat(["a", "b"], [3000, 1000]))
    assert told[0].filename == __file__
    assert {name: len(t.x) for name, t in named(fig).items()} == {"a": 750, "b": 250}
    (note,) = fig.layout.annotations
    assert note.text.endswith("1,000 of 4,000 points drawn, the same share of each label")


def test_the_weight_of_a_large_file_is_bounded(tmp_path):
    path = tmp_path / "map.html"
    n = 300_000
    with pytest.warns(UserWarning, match="250,000 of 300,000 points"):
        figure(a_map(n), np.arange(n) % 10, path=path)
    # 250,000 points of 12 bytes in base64 (x 4/3) beside plotly.js.
    assert path.stat().st_size < 4.9e6 + 250_000 * 16 * 1.05


def test_hover_texts_count_towards_the_weight():
    n = 5000
    long = np.array(["x" * 150] * n)
    assert interactive.point_limit(a_map(n), None)[1] == interactive.MAX_POINTS
    assert interactive.point_limit(a_map(n, c=3), None)[1] == interactive.MAX_POINTS_3D
    assert interactive.point_limit(a_map(n), long)[1] == pytest.approx(10_000_000 / 180, rel=0.05)


def test_hover_shows_label_row_and_columns():
    import pandas as pd

    table = pd.DataFrame({"age": np.linspace(0, 1, 200) / 3, "note": ["y" * 300] * 200})
    traces = named(figure(a_map(), np.arange(200) % 2, hover=table))
    trace = traces["1"]
    assert "%{fullData.name}" in trace.hovertemplate
    assert "row %{customdata}" in trace.hovertemplate
    assert trace.text[0].startswith(f"<br>age: {1 / 199 / 3:.6g}<br>note: yyy")
    assert len(trace.text[0]) < 200
    column = named(figure(a_map(), hover=pd.Series(range(200), name="id")))[""]
    assert column.text[3] == "<br>id: 3"


def test_more_categories_than_the_legend_holds_share_a_trace():
    labels = np.concatenate([np.arange(200) % 25, np.arange(1000) % 20])
    fig = figure(a_map(1200), labels)
    traces = named(fig)
    assert keys(fig)["… and 5 more"].marker.color == "rgba(0,0,0,0)"  # many colours are no colour
    rest = traces["… and 5 more"]
    assert len(traces) == 21
    assert len(rest.x) == 40
    for row, text, colour in zip(rest.customdata, rest.text, rest.marker.color, strict=True):
        assert text == f"<b>{labels[row]}</b>"
        assert colour == colour_of(str(labels[row]))


def test_missing_labels_and_values():
    values = np.linspace(0, 1, 200)
    values[:5] = np.nan
    fig = figure(a_map(), values, palette="magma")
    assert len(named(fig)["no label"].x) == 5
    scaled = named(fig)[""]
    assert scaled.marker.showscale
    np.testing.assert_allclose(scaled.marker.color, values[5:], rtol=1e-6)


def test_labels_cannot_write_into_the_page(tmp_path):
    path = tmp_path / "map.html"
    evil = "</script><script>alert(1)</script>%{x}"
    figure(a_map(), [evil] * 200, path=path, title=evil, caption=evil, hover={evil: [evil] * 200})
    page = path.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    fig = figure(a_map(), [evil] * 200)
    assert "%{x}" not in fig.data[0].name


def test_axes_are_hidden_and_of_one_scale():
    layout = figure(a_map()).layout
    assert layout.yaxis.scaleanchor == "x"
    assert not layout.xaxis.visible
    assert not layout.yaxis.visible
    assert figure(a_map(c=3)).layout.scene.aspectmode == "data"


@pytest.mark.parametrize(("name", "value"), [("ax", 1), ("annotate", True), ("dpi", 100)])
def test_what_has_no_effect_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} has no effect on an interactive map"):
        figure(a_map(), **{name: value})


def test_the_page_offers_no_way_to_send_the_data_anywhere(tmp_path):
    path = tmp_path / "map.html"
    figure(a_map(), path=path)
    page = path.read_text(encoding="utf-8")
    call = page[page.rindex("Plotly.newPlot(") :]  # what our page asks of the library
    said = json.loads(re.search(r'\{"scrollZoom".*?\}', call)[0])
    assert said["showSendToCloud"] is False
    assert "sendChartToCloud" in said["modeBarButtonsToRemove"]


def test_long_names_take_a_third_of_a_page_at_most():
    labels = [f"{'hepatic ' * 8}{kind}" for kind in "abcdefgh"] * 10
    dots = keys(figure(a_map(80), labels))
    assert len(dots) == 8  # none are taken for the same
    assert max(map(len, dots)) <= interactive.LEGEND_TEXT


def test_dates_have_a_scale_with_dates():
    days = np.arange("2020-01-01", "2020-07-19", dtype="M8[D]")
    trace = named(figure(a_map(), days))[""]
    bar = trace.marker.colorbar
    assert list(bar.ticktext) == ["2020-01", "2020-02", "2020-03", "2020-04", "2020-05", "2020-06",
                                  "2020-07"]  # fmt: skip
    assert bar.tickvals[1] - bar.tickvals[0] == 31  # days
    assert trace.text[0] == "<b>2020-01-01T00:00:00</b>"


def test_values_keep_to_the_limits_given():
    trace = named(figure(a_map(), np.linspace(0, 1, 200), vmin=0.25, vmax=2))[""]
    assert (trace.marker.cmin, trace.marker.cmax) == (0.25, 2)


def test_texts_that_utf8_cannot_write_are_replaced(tmp_path):
    path = tmp_path / "map.html"
    with_half = np.array(["half \ud83d", "b"] * 100, dtype=object)
    figure(a_map(), with_half, hover=with_half, title="T \ud83d", caption="c \udfff", path=path)
    assert "\ufffd" in path.read_text(encoding="utf-8")
