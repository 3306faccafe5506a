"""Sheets on paper: several maps and charts in one matplotlib figure, legends beside the data.

Twin: interactive_sheet.py draws the same sheet for a browser.
"""

from __future__ import annotations

import functools
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.data import require
from gputsne.plotting.alt import alt_of
from gputsne.plotting.chart import Axis, Chart, Density, Dots, Line, Region, Rule
from gputsne.plotting.files import DPI, described, encoded, written
from gputsne.plotting.fonts import families
from gputsne.plotting.labels import distinguishable
from gputsne.plotting.scene import Scene, Style
from gputsne.plotting.sheet import Sheet
from gputsne.plotting.static import LEGEND_TEXT, draw
from gputsne.plotting.static_names import draw_names, wants_names
from gputsne.plotting.static_text import fitted, literal

__all__ = ["draw_sheet"]

SIDE = 4.0  # inches of a map
BETWEEN_ROWS, BETWEEN_TEXTS = 0.2, 0.15  # inches
TITLE_LINES = 3
CHART_MARGIN = (1.1, 1.0)  # inches around the axes of a chart, for its numbers and titles
LARGE = 1e5  # numbers of an axis from which they are written as 2.5M, not as 2.5 beside 1e6
BETWEEN = 1.5  # matplotlib draws regions at 1 and curves at 2
FEW_DOTS = 1000  # drawn one by one in svg and pdf; more are an image there


def draw_sheet(sheet: Sheet, path: Path | None, dpi: float | None, annotate: bool | None) -> Any:
    """Draw a sheet, write it if there is a path, return the matplotlib figure."""
    require("matplotlib", "a static figure")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    width, height = _size(sheet)
    figure = Figure(figsize=(width, height), facecolor=sheet.theme.paper, layout="constrained")
    figure.get_layout_engine().set(wspace=0.04, hspace=0.04)  # type: ignore[union-attr, call-arg]
    figure._repr_png_ = functools.partial(encoded, figure, "png", DPI)  # type: ignore[attr-defined]
    texts = [sheet.title, sheet.caption]
    texts += [t for panel in sheet.panels if isinstance(panel, Chart) for t in panel.texts()]
    fonts, instead = families(texts)

    def say(text: str) -> str:
        return literal(text.translate(instead))

    axes = []
    with mpl.rc_context({"font.family": fonts}):
        for at, panel in enumerate(sheet.panels):
            volume = isinstance(panel, Scene) and panel.Y.shape[1] == 3
            how = {"projection": "3d"} if volume else {}
            ax = figure.add_subplot(sheet.rows, sheet.columns, at + 1, **how)
            axes.append(ax)
            if isinstance(panel, Scene):
                style = Style(annotate=annotate, theme=sheet.theme, dpi=dpi)
                draw(panel, style, None, ax, names=False)
                ax.set_anchor("NW")  # flat maps begin where high ones do
            else:
                _chart(ax, panel, say)
                described(figure, [alt_of(panel)])
        if sheet.shared:
            for ax in axes[1:]:
                ax.sharex(axes[0])
                ax.sharey(axes[0])
        if sheet.one_key:
            for ax in axes:
                legend = ax.get_legend()
                if ax is not axes[sheet.columns - 1] and legend is not None:
                    legend.remove()  # the same labels have the same colours everywhere
        if sheet.title:
            above = figure.suptitle("", x=0.01, ha="left", fontsize=14, color=sheet.theme.ink)
            told = fitted(above, sheet.title.translate(instead), width * figure.dpi, TITLE_LINES)
            above.set_text(literal(told))
        if sheet.caption:
            lines = "\n".join(textwrap.wrap(sheet.caption, int(17 * width)))
            figure.supxlabel(say(lines), x=0.01, ha="left", fontsize=8, color=sheet.theme.faint)
        layout = figure.get_layout_engine()
        assert layout is not None
        layout.execute(figure)  # names are placed at the size that maps have, and keep
        if _trimmed(figure, axes, sheet):
            layout.execute(figure)
        figure.set_layout_engine("none")
        for ax, panel in zip(axes, sheet.panels, strict=True):
            if isinstance(panel, Scene) and wants_names(panel, annotate):
                draw_names(ax, panel)
    described(figure, [], sheet.title, _recipe(sheet))
    if path is not None:
        written(figure, path, dpi)
    return figure


def _trimmed(figure: Any, axes: list[Any], sheet: Sheet) -> bool:
    """Make a figure no larger than its maps need, which are seldom square; tell if it was."""
    if any(isinstance(panel, Chart) for panel in sheet.panels):
        return False
    from matplotlib.backends.backend_agg import RendererAgg

    renderer = RendererAgg(8, 8, figure.dpi)  # type: ignore[no-untyped-call]
    own = [ax for ax in figure.axes if ax not in axes]  # scales beside the maps
    need = []
    for ax in axes:
        ax.apply_aspect()
        need.append(float(ax.get_tightbbox(renderer).height) / figure.dpi)
    bars = [float(ax.get_tightbbox(renderer).height) / figure.dpi for ax in own]
    texts = [t for t in (figure._suptitle, figure._supxlabel) if t is not None]
    high = [float(text.get_window_extent(renderer).height) / figure.dpi for text in texts]
    outside = sum(high) + BETWEEN_TEXTS * len(high)
    width, height = figure.get_size_inches()
    fits = sheet.rows * (max([*need, *bars]) + BETWEEN_ROWS) + outside
    if fits >= height:
        return False
    figure.set_size_inches(width, fits)
    return True


def _recipe(sheet: Sheet) -> str:
    """Return how to make the maps of a sheet again, each once."""
    found = {panel.recipe: None for panel in sheet.panels if isinstance(panel, Scene)}
    return "; ".join(filter(None, found))


def _size(sheet: Sheet) -> tuple[float, float]:
    """Return width and height of the figure in inches, by its largest panels."""
    sizes = [
        (SIDE, SIDE) if isinstance(panel, Scene) else tuple(np.add(panel.size, CHART_MARGIN))
        for panel in sheet.panels
    ]
    width, height = np.max(sizes, axis=0)
    texts = 0.35 * bool(sheet.title) + 0.25 * bool(sheet.caption)
    return float(width) * sheet.columns, float(height) * sheet.rows + texts


def _chart(ax: Any, chart: Chart, say: Any) -> None:
    from matplotlib.ticker import EngFormatter

    theme = chart.theme
    ax.set_facecolor(theme.paper)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.faint)
    ax.tick_params(labelsize=9, color=theme.faint, labelcolor=theme.ink, which="both")
    for name, axis in (("x", chart.x), ("y", chart.y)):
        if axis.ticks is None:
            ax.grid(axis=name, color=theme.grid, linewidth=0.7)
    ax.set_axisbelow(True)
    _axis(ax, "x", chart.x, theme.ink, say)
    _axis(ax, "y", chart.y, theme.ink, say)
    named = [mark for mark in chart.marks if isinstance(mark, Line) and mark.name]
    short = distinguishable([mark.name for mark in named], LEGEND_TEXT)
    names = {id(mark): name for mark, name in zip(named, short, strict=True)}
    for mark in chart.marks:
        _mark(ax, mark, chart, names, say)
    for name, axis in (("x", chart.x), ("y", chart.y)):
        if axis.limits is not None:  # last: what is drawn would move them
            getattr(ax, f"set_{name}lim")(*axis.limits)
        elif max(map(abs, getattr(ax, f"get_{name}lim")())) >= LARGE:
            getattr(ax, f"{name}axis").set_major_formatter(EngFormatter(sep=""))
    if names:
        ax.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=9,
            labelcolor=theme.ink, borderaxespad=0.0, handlelength=1.4, alignment="left",
        )  # fmt: skip
    above = any(isinstance(mark, Rule) and mark.across == "x" for mark in chart.marks)
    if chart.title:
        ax.set_title(
            say(chart.title), loc="left", fontsize=12, color=theme.ink, pad=20 if above else 8
        )
    if chart.caption:
        lines = "\n".join(textwrap.wrap(chart.caption, int(18 * chart.size[0])))
        ax.annotate(
            say(lines), (0, 0), (0, -42), xycoords="axes fraction", textcoords="offset points",
            va="top", fontsize=8, color=theme.faint,
        )  # fmt: skip


def _axis(ax: Any, name: str, axis: Axis, ink: str, say: Any) -> None:
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    getattr(ax, f"set_{name}label")(say(axis.title), color=ink, fontsize=10)
    if axis.log:
        getattr(ax, f"set_{name}scale")("log")
        side = getattr(ax, f"{name}axis")
        side.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        side.set_minor_formatter(NullFormatter())
    if axis.ticks is not None:
        places = [place for place, _ in axis.ticks]
        getattr(ax, f"set_{name}ticks")(places, labels=[say(text) for _, text in axis.ticks])


def _mark(ax: Any, mark: Any, chart: Chart, names: dict[int, str], say: Any) -> None:
    theme = chart.theme
    if isinstance(mark, Line):
        label = say(names[id(mark)]) if mark.name else None
        dots: dict[str, Any] = {"marker": "o", "markersize": 4.5} if mark.dots else {}
        ax.plot(mark.x, mark.y, color=mark.colour, linewidth=1.8, label=label, **dots)
    elif isinstance(mark, Region):
        ax.fill(mark.x, mark.y, color=mark.colour, linewidth=0.3)
    elif isinstance(mark, Dots):
        many = len(mark.x) > FEW_DOTS
        ax.scatter(mark.x, mark.y, s=9, color=mark.colour, alpha=0.5, linewidths=0, rasterized=many)
    elif isinstance(mark, Density):
        from matplotlib.colors import LinearSegmentedColormap, LogNorm

        shades = LinearSegmentedColormap.from_list("gputsne", list(mark.scale))
        most = max(2, int(mark.counts.max()))
        seen = np.ma.masked_equal(mark.counts, 0)
        image = ax.pcolormesh(
            mark.x_edges, mark.y_edges, seen, cmap=shades, norm=LogNorm(1, most), rasterized=True
        )
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.6, aspect=22, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=2, color=theme.faint, labelcolor=theme.ink)
        bar.ax.tick_params(which="minor", length=0)
        bar.ax.yaxis.set_major_formatter("{x:,.0f}")
        bar.ax.set_title(say(mark.name), fontsize=8, color=theme.ink, loc="left")
    else:
        _rule(ax, mark, theme.paper, say)


def _rule(ax: Any, mark: Rule, paper: str, say: Any) -> None:
    """Draw a line across the chart, with a halo where data have its colour, named outside."""
    from matplotlib import patheffects

    across = mark.across == "x"
    line = (ax.axvline if across else ax.axhline)(mark.at, color=mark.colour, linewidth=1.6)
    line.set_zorder(BETWEEN)
    line.set_path_effects([patheffects.withStroke(linewidth=3.4, foreground=paper)])
    place = ((mark.at, 1.0), (0, 4)) if across else ((1.0, mark.at), (4, 0))
    ax.annotate(
        say(mark.name), *place, textcoords="offset points",
        xycoords=("data", "axes fraction") if across else ("axes fraction", "data"),
        ha="center" if across else "left", va="bottom" if across else "center",
        fontsize=9, color=mark.colour, annotation_clip=False,
    )  # fmt: skip
