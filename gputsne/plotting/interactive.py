"""Pictures for a browser: one self-contained page by plotly that works offline.

Twin: static.py draws the same scene on paper.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.files import replacing
from gputsne.base.labels import printable
from gputsne.base.types import Array
from gputsne.data import require
from gputsne.plotting.labels import distinguishable
from gputsne.plotting.scene import Scene, hover_columns, read_points
from gputsne.plotting.theme import Theme
from gputsne.plotting.ticks import date_ticks

__all__ = ["base_layout", "draw", "plain", "point_limit", "traces_of", "write_page"]

SVG_POINTS = 3_000
"""Up to here points are SVG, which needs no WebGL; above, WebGL, fluid at 250,000 points."""

MAX_POINTS, MAX_POINTS_3D = 250_000, 100_000
DATA_BYTES = 10_000_000
"""Most bytes of points and hover texts in a file, beside plotly.js (4.8 MB)."""

MAX_TEXT = 160
"""Hover texts are cut after this many characters."""

PANEL = 300
"""Least width and height of one of several panels, pixels."""

LEGEND_TEXT = 28
"""Most characters of a name in the legend: about a third of a page of 700 pixels."""

# plotly 7 offers to upload the data to a cloud ("Share chart"): its button is switched off, and
# taken off the bar by its names in this and earlier versions.
CONFIG = {
    "scrollZoom": True,
    "displaylogo": False,
    "responsive": True,
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["sendChartToCloud", "sendDataToCloud", "editInChartStudio"],
}
# On a narrow screen the legend goes below the map, where it scrolls.
_NARROW = """
const map = document.getElementById("{plot_id}");
if (window.innerWidth < 700)
  Plotly.relayout(map, {"legend.orientation": "h", "legend.y": -0.02, "legend.yanchor": "top",
    "legend.x": 0, "legend.maxheight": 0.3});
"""
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>html, body {{ margin: 0; height: 100%; background: {paper} }}</style>
</head><body>{body}</body></html>
"""


LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
FAR = 2.0**14  # times its width that a scale lies from 0 and keeps a thousand shades in float32


def point_limit(map_or_model: Any, hover: Any) -> tuple[int, int]:
    """Return the number of points, and how many of them keep the file at a reasonable weight.

    A point costs 16 bytes (three numbers of 4 bytes in base64), 20 in 3-D or with values, and its
    hover texts.
    """
    Y, _ = read_points(map_or_model)
    n = len(Y)
    few = np.linspace(0, n - 1, min(n, 1000)).astype(np.int64)
    texts = _texts([(name, column[few]) for name, column in hover_columns(hover, n)], len(few))
    per_point = 20 + (sum(len(t.encode()) + 4 for t in texts) / len(few) if texts else 0)
    most = MAX_POINTS_3D if Y.shape[1] == 3 else MAX_POINTS
    return n, min(most, int(DATA_BYTES / per_point))


def draw(scene: Scene, path: Path | None) -> Any:
    """Draw a scene, write it if there is a path, return the plotly figure."""
    require("plotly", "an interactive map")
    import plotly.graph_objects as go

    figure = go.Figure(traces_of(scene, go), _layout(scene))
    if path is not None:
        write_page(figure, scene.title or "gputsne map", path, scene.theme)
    return figure


def write_page(
    figure: Any, title: str, path: Path, theme: Theme, *, rows: int = 1, columns: int = 1
) -> None:
    """Write a figure as one page; the file is replaced in one step.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        What it shows.
    title : str
        Of the browser's tab.
    path : Path
        The file.
    theme : Theme
        Its paper is the page's.
    rows, columns : int
        Panels, each of which has a least size: a small screen scrolls.
    """
    tall = f"max(100vh, {PANEL * rows}px)" if rows > 1 else "100vh"
    body = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        div_id="gputsne-map",  # a fixed name, so that the same map gives the same bytes
        default_height=tall,
        default_width=f"max(100%, {PANEL * columns}px)" if columns > 1 else "100%",
        config=CONFIG,
        post_script=_NARROW if columns == 1 else None,
    )
    page = _PAGE.format(title=escape(printable(title)), paper=theme.paper, body=body)
    with replacing(path) as part:
        part.write_text(page, encoding="utf-8")


def traces_of(scene: Scene, go: Any) -> list[Any]:
    """Return one trace per category in the legend, largest beneath, and one for the others.

    The legend's dots are traces of no points: they are opaque, as points that overlap look.
    """
    labels = scene.labels
    texts = np.array(_texts(scene.hover, len(scene.Y)), dtype=object)
    unknown = labels.missing_name
    traces: list[Any] = []
    keys: list[Any] = []

    def add(points: Array, name: str, rank: int, colour: dict[str, Any], say: str) -> None:
        if len(points):
            extra = dict(zip(("x", "y", "z"), scene.Y[points].T.copy(), strict=False))
            text = texts[points] if len(texts) else None
            traces.append(_trace(scene, go, extra, scene.rows[points], text, name, colour, say))
            if (name and labels.kind == "categories") or name == unknown:
                one = isinstance(colour["color"], str)  # the others have many colours, so no dot
                dot = {"color": colour["color"] if one else "rgba(0,0,0,0)"}
                keys.append(_key(traces[-1], rank, dot))

    grey = {"color": scene.theme.missing}
    add(np.flatnonzero(labels.missing), unknown, 2000, grey, unknown)
    if labels.kind == "none":
        add(np.arange(len(scene.Y)), "", 1, {"color": scene.theme.plain}, "")
    elif labels.kind == "values":
        seen = np.flatnonzero(~labels.missing)
        if labels.dates:
            days = (labels.values * 86_400e6).astype("M8[us]").astype("M8[s]")
            own = texts if len(texts) else np.full(len(scene.Y), "", dtype=object)
            told = np.array([f"<b>{d}</b>" for d in np.datetime_as_string(days)], dtype=object)
            texts = told + own
        add(
            seen,
            labels.title,
            1,
            _value_colours(scene, seen),
            "" if labels.dates else "%{marker.color:.4g}",
        )
    else:
        shown = labels.in_legend()
        rest = np.flatnonzero(~np.isin(labels.codes, [-1, *shown]))
        hidden = int((labels.counts() > 0).sum()) - len(shown)
        if len(rest):
            named = np.array([plain(_cell(name)) for name in labels.names], dtype=object)
            named = named[labels.codes]
            own = texts if len(texts) else np.full(len(scene.Y), "", dtype=object)
            texts = np.where(np.isin(labels.codes, shown), own, "<b>" + named + "</b>" + own)
            colour = {"color": list(labels.colour_per_point()[rest])}
            add(rest, f"… and {hidden} more", 1999, colour, "")
        counts = labels.counts()
        short = distinguishable([labels.names[i] for i in shown], LEGEND_TEXT)
        for code in sorted(shown, key=lambda i: (-counts[i], i)):
            name = plain(short[shown.index(code)])
            points = np.flatnonzero(labels.codes == code)
            add(points, name, shown.index(code), {"color": labels.colours[code]}, "name")
    return traces + keys


def _key(trace: Any, rank: int, dot: dict[str, str]) -> Any:
    """Return what stands in the legend for a trace, and toggles it."""
    nowhere = {axis: [None] for axis in ("x", "y", "z") if getattr(trace, axis, None) is not None}
    return type(trace)(
        **nowhere,
        mode="markers",
        name=trace.name,
        legendgroup=trace.legendgroup,
        legendrank=rank,
        showlegend=True,
        hoverinfo="skip",
        marker=dot,
    )


def _trace(
    scene: Scene, go: Any, at: dict[str, Array], rows: Array, text: Array | None,
    name: str, colour: dict[str, Any], say: str,
) -> Any:  # fmt: skip
    kind = go.Scatter3d if "z" in at else go.Scattergl if len(scene.Y) > SVG_POINTS else go.Scatter
    head = "<b>%{fullData.name}</b>" if say == "name" else f"<b>{say}</b>" if say else ""
    template = head + ("%{text}" if text is not None else "") + "<br>row %{customdata}"
    size = max(scene.point_size * (96 / 72), 1.5)
    return kind(
        **at,
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=False,
        customdata=rows,
        text=None if text is None else list(text),
        hovertemplate=template.removeprefix("<br>") + "<extra></extra>",
        marker={"size": size, "opacity": scene.opacity, "line": {"width": 0}, **colour},
    )


def _value_colours(scene: Scene, seen: Array) -> dict[str, Any]:
    labels = scene.labels
    bar: dict[str, Any] = {
        "title": {"text": plain(labels.title)},
        "thickness": 14,
        "len": 0.5,
        "outlinewidth": 0,
    }
    if labels.dates:
        days, texts = date_ticks(*labels.limits)
        bar |= {"tickvals": days, "ticktext": texts}
    at = np.linspace(0, 1, len(labels.scale))
    return {
        "color": labels.within_limits(seen).astype(_narrowest(*labels.limits)),
        "colorscale": [[float(t), c] for t, c in zip(at, labels.scale, strict=True)],
        "cmin": labels.limits[0],
        "cmax": labels.limits[1],
        "showscale": True,
        "colorbar": bar,
    }


def _narrowest(low: float, high: float) -> type[np.floating[Any]]:
    """Return the float that tells values of a scale apart: 4 bytes, or 8 far from 0."""
    size = max(abs(low), abs(high))
    blurred = size > LARGEST_FLOAT32 or size > FAR * (high - low)
    return np.float64 if blurred else np.float32


def base_layout(theme: Theme, title: str, caption: str, *, below: int = 14) -> dict[str, Any]:
    """Return the layout of any figure: paper, fonts, margins, title and caption.

    Parameters
    ----------
    theme : Theme
        Colours.
    title, caption : str
        Texts above and below, "" for none.
    below : int
        Pixels from the lowest panel to the caption.
    """
    layout: dict[str, Any] = {
        "template": "none",
        "paper_bgcolor": theme.paper,
        "plot_bgcolor": theme.paper,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": theme.ink},
        "margin": {"l": 24, "r": 24, "t": 56 if title else 24, "b": 30 + below},
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        "dragmode": "pan",
        "legend": {"itemsizing": "constant", "tracegroupgap": 0},
        "annotations": [],
    }
    if title:
        layout["title"] = {"text": plain(title), "x": 0.02, "xanchor": "left"}
    if caption:
        layout["annotations"].append(
            {
                "text": plain(caption), "showarrow": False, "xref": "paper", "yref": "paper",
                "x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "yshift": -below,
                "align": "left", "font": {"size": 11, "color": theme.faint},
            }
        )  # fmt: skip
    return layout


def _layout(scene: Scene) -> dict[str, Any]:
    hidden = {"visible": False}
    layout = base_layout(scene.theme, scene.title, scene.caption)
    layout["legend"]["title"] = {"text": plain(scene.labels.title)}
    if scene.Y.shape[1] == 3:
        layout["dragmode"] = "orbit"
        layout["scene"] = {"xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "aspectmode": "data"}
    else:
        layout["xaxis"] = hidden
        layout["yaxis"] = {**hidden, "scaleanchor": "x", "scaleratio": 1}
    return layout


def _texts(columns: Any, m: int) -> list[str]:
    """Return one hover text per point, a line per column; empty without columns."""
    if not columns:
        return []
    lines = [
        [f"<br>{plain(name)}: {plain(_cell(value))}" for value in column]
        for name, column in columns
    ]
    return ["".join(parts) for parts in zip(*lines, strict=True)]


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    text = printable(str(value))
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def plain(text: str) -> str:
    """Escape what plotly would read as markup or as a template."""
    return escape(printable(text), quote=False).replace("%{", "%&#123;")
