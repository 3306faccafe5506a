"""Sheets for a browser: several maps and charts in one plotly figure and one self-contained page.

Twin: static_sheet.py draws the same sheet on paper.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.data import require
from gputsne.plotting.chart import Axis, Chart, Density, Dots, Line, Region
from gputsne.plotting.interactive import LEGEND_TEXT, base_layout, plain, traces_of, write_page
from gputsne.plotting.labels import distinguishable
from gputsne.plotting.scene import Scene
from gputsne.plotting.sheet import Sheet
from gputsne.plotting.theme import Theme

__all__ = ["draw_sheet"]

GAP = 0.03  # of the figure, between maps
CHART_GAP = (0.09, 0.16)  # between charts, whose numbers and titles stand there
BELOW_AXIS, BELOW_MAP = 62, 14  # pixels from the lowest panel to the caption
TITLE = 0.06  # of the figure, above each panel in a row
KEY = {"none": 0.0, "categories": 0.28, "values": 0.16}  # of a panel, for its own legend or bar
WEBGL_DOTS = 3000


def draw_sheet(sheet: Sheet, path: Path | None) -> Any:
    """Draw a sheet, write it if there is a path, return the plotly figure."""
    require("plotly", "an interactive figure")
    import plotly.graph_objects as go

    alone = len(sheet.panels) == 1
    first = sheet.panels[0]
    title = sheet.title or (first.title if alone else "")
    charts = any(isinstance(panel, Chart) for panel in sheet.panels)
    below = BELOW_AXIS if charts else BELOW_MAP
    caption = "\n".join(
        textwrap.fill(text, 130)
        for text in (sheet.caption, *(panel.caption for panel in sheet.panels if alone))
        if text
    )
    layout = base_layout(sheet.theme, title, caption, below=below)
    layout["annotations"] = [
        note | {"text": note["text"].replace("\n", "<br>")} for note in layout["annotations"]
    ]
    if charts:
        layout["margin"] |= {"l": 70}
        layout["dragmode"] = "zoom"
    layout["shapes"] = []
    traces: list[Any] = []
    for at, panel in enumerate(sheet.panels):
        place = _domain(sheet, at)
        if panel.title and not (alone and not sheet.title):
            layout["annotations"].append(_text(panel.title, place, sheet.theme))
        if isinstance(panel, Scene):
            traces += _map(panel, at, place, sheet, layout, go)
        else:
            traces += _chart(panel, at, place, layout, go)
    figure = go.Figure(traces, layout)
    if path is not None:
        write_page(
            figure, title or "gputsne figure", path, sheet.theme, rows=sheet.rows,
            columns=sheet.columns,
        )  # fmt: skip
    return figure


Place = tuple[float, float, float, float]


def _domain(sheet: Sheet, at: int) -> Place:
    """Return left, right, bottom and top of a panel, in parts of the figure."""
    charts = any(isinstance(panel, Chart) for panel in sheet.panels)
    gap, gap_below = CHART_GAP if charts else (GAP, GAP)
    row, column = divmod(at, sheet.columns)
    wide = (1 - gap * (sheet.columns - 1)) / sheet.columns
    high = (1 - gap_below * (sheet.rows - 1)) / sheet.rows
    left, top = column * (wide + gap), 1 - row * (high + gap_below)
    room = TITLE if len(sheet.panels) > 1 or sheet.title else 0.0
    return left, left + wide, max(top - high, 0.0), top - room


def _text(text: str, place: Place, theme: Theme) -> dict[str, Any]:
    return {
        "text": plain(text), "showarrow": False, "xref": "paper", "yref": "paper",
        "x": place[0], "y": place[3], "xanchor": "left", "yanchor": "bottom", "yshift": 18,
        "font": {"size": 15, "color": theme.ink},
    }  # fmt: skip


def _map(
    scene: Scene, at: int, place: Place, sheet: Sheet, layout: dict[str, Any], go: Any
) -> list[Any]:
    """Return a map's traces in their place, with a key of its own or one for all panels."""
    left, right, low, high = place
    own_key = not sheet.one_key
    kind = scene.labels.kind
    wide = right - left
    if own_key and len(sheet.panels) > 1:
        right -= KEY[kind] * wide
    number = str(at + 1) if at else ""
    traces = traces_of(scene, go)
    spot = {"domain": {"x": [left, right], "y": [low, high]}}
    hidden = {"visible": False}
    if scene.Y.shape[1] == 3:
        layout[f"scene{number}"] = {
            "xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "aspectmode": "data", **spot,
        }  # fmt: skip
        layout["dragmode"] = "orbit"
    else:
        layout[f"xaxis{number}"] = {**hidden, "domain": [left, right], "anchor": f"y{number}"}
        layout[f"yaxis{number}"] = {
            **hidden, "domain": [low, high], "anchor": f"x{number}", "scaleanchor": f"x{number}",
            "scaleratio": 1,
        }  # fmt: skip
    beside = {"x": right + 0.01, "xanchor": "left"}
    legend = f"legend{number}" if own_key else "legend"
    if own_key or at == 0:
        title = {"title": {"text": plain(scene.labels.title)}} if kind == "categories" else {}
        layout[legend] = {**layout.get("legend", {}), **title}
        if len(sheet.panels) > 1 and own_key:
            layout[legend] |= {**beside, "y": high, "yanchor": "top"}
    last = at == len(sheet.panels) - 1
    for trace in traces:
        if hasattr(trace, "scene") and scene.Y.shape[1] == 3:
            trace.scene = f"scene{number}"
        else:
            trace.update(xaxis=f"x{number}", yaxis=f"y{number}")
        trace.legend = legend
        if sheet.one_key and at and trace.showlegend:
            trace.showlegend = False
        if trace.marker.showscale:
            trace.marker.showscale = own_key or last
            if len(sheet.panels) > 1 and own_key:
                bar = {**beside, "y": low, "yanchor": "bottom", "len": 0.6 * (high - low)}
                trace.marker.colorbar.update(bar)
    return traces


def _chart(chart: Chart, at: int, place: Place, layout: dict[str, Any], go: Any) -> list[Any]:
    left, right, low, high = place
    number = str(at + 1) if at else ""
    theme = chart.theme
    layout[f"xaxis{number}"] = _axis(chart.x, theme, [left, right], f"y{number}")
    layout[f"yaxis{number}"] = _axis(chart.y, theme, [low, high], f"x{number}")
    named = [mark for mark in chart.marks if isinstance(mark, Line) and mark.name]
    short = distinguishable([mark.name for mark in named], LEGEND_TEXT)
    names = {id(mark): plain(name) for mark, name in zip(named, short, strict=True)}
    traces = []
    for mark in chart.marks:
        axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        if isinstance(mark, Line):
            how = "lines+markers" if mark.dots else "lines"
            name = names.get(id(mark), "")
            traces.append(
                go.Scatter(
                    x=mark.x, y=mark.y, mode=how, line={"color": mark.colour, "width": 2},
                    name=name, showlegend=bool(name),
                    hovertemplate="%{x:,.6~g}: %{y:.4~g}" + f"<extra>{name}</extra>", **axes,
                )
            )  # fmt: skip
        elif isinstance(mark, Region):
            traces.append(
                go.Scatter(
                    x=np.append(mark.x, mark.x[0]), y=np.append(mark.y, mark.y[0]), mode="lines",
                    fill="toself", fillcolor=mark.colour, line={"color": mark.colour, "width": 0.5},
                    name=plain(mark.name), text=plain(mark.name), hoverinfo="text", hoveron="fills",
                    showlegend=False, **axes,
                )
            )  # fmt: skip
        elif isinstance(mark, Dots):
            kind = go.Scattergl if len(mark.x) > WEBGL_DOTS else go.Scatter
            traces.append(
                kind(
                    x=mark.x, y=mark.y, mode="markers", showlegend=False, hoverinfo="x+y",
                    marker={"color": mark.colour, "size": 4, "opacity": 0.5}, **axes,
                )
            )  # fmt: skip
        elif isinstance(mark, Density):
            traces.append(_density(mark, place, axes, theme, go))
        else:
            _rule(mark, number, chart, layout)
    return traces


def _density(mark: Density, place: Place, axes: dict[str, str], theme: Theme, go: Any) -> Any:
    seen = np.where(mark.counts > 0, np.log10(np.maximum(mark.counts, 1)), np.nan)
    most = max(2, int(mark.counts.max()))
    powers = np.arange(int(np.log10(most)) + 1)
    at = np.linspace(0, 1, len(mark.scale))
    return go.Heatmap(
        x=mark.x_edges, y=mark.y_edges, z=seen.astype(np.float32),
        zmin=0, zmax=float(np.log10(most)), customdata=mark.counts,
        hovertemplate=f"%{{customdata:,}} {plain(mark.name)}<extra></extra>",
        colorscale=[[float(t), c] for t, c in zip(at, mark.scale, strict=True)], hoverongaps=False,
        colorbar={
            "title": {"text": plain(mark.name)}, "thickness": 14, "outlinewidth": 0, "len": 0.6,
            "tickvals": powers, "ticktext": [f"{10**p:,}" for p in powers.tolist()],
        }, **axes,
    )  # fmt: skip


def _rule(mark: Any, number: str, chart: Chart, layout: dict[str, Any]) -> None:
    """Draw a line across the chart by a shape, its name outside of the data."""
    across = mark.across
    other = "y" if across == "x" else "x"
    ends = {f"{other}0": 0, f"{other}1": 1, f"{across}0": mark.at, f"{across}1": mark.at}
    covers = any(isinstance(one, Region) for one in chart.marks)
    halo = [(chart.theme.paper, 4)] if covers else []  # on regions of its own colour
    for colour, width in [*halo, (mark.colour, 2)]:
        layout["shapes"].append(
            {
                "type": "line", f"{across}ref": f"{across}{number}",
                f"{other}ref": f"{other}{number} domain", **ends,
                "layer": "above" if covers else "below",
                "line": {"color": colour, "width": width},
            }
        )  # fmt: skip
    axis = chart.x if across == "x" else chart.y
    place = {
        f"{across}": float(np.log10(mark.at)) if axis.log else mark.at, other: 1,
        f"{across}ref": f"{across}{number}", f"{other}ref": f"{other}{number} domain",
        "xanchor": "center" if across == "x" else "left",
        "yanchor": "bottom" if across == "x" else "middle",
    }  # fmt: skip
    font = {"size": 12, "color": mark.colour}
    layout["annotations"].append(
        {"text": plain(mark.name), "showarrow": False, "font": font, **place}
    )


def _axis(axis: Axis, theme: Theme, domain: list[float], anchor: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": {"text": plain(axis.title)}, "domain": domain, "anchor": anchor,
        "gridcolor": theme.grid, "linecolor": theme.faint, "zeroline": False, "showline": True,
        "ticks": "outside", "tickcolor": theme.faint, "ticklen": 4, "automargin": True,
    }  # fmt: skip
    if axis.log:
        found |= {"type": "log", "dtick": 1}
    if axis.limits is not None:
        found["range"] = [float(np.log10(v)) if axis.log else v for v in axis.limits]
    if axis.ticks is not None:
        found |= {
            "showgrid": False,
            "tickvals": [place for place, _ in axis.ticks],
            "ticktext": [plain(text) for _, text in axis.ticks],
        }
    return found
