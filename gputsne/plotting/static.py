"""Pictures on paper: matplotlib figures in png, svg and pdf, made without pyplot's global state.

Twin: interactive.py draws the same scene for a browser. static_layers.py has the points and what
lies under and over them, static_names.py the names on the map; fonts.py tells which fonts have the
letters, files.py writes the figure with its alternative text.
"""

from __future__ import annotations

import functools
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.types import Array
from gputsne.data import require
from gputsne.plotting.alt import alt_of
from gputsne.plotting.files import DPI, described, encoded, written
from gputsne.plotting.fonts import families
from gputsne.plotting.labels import Labels, distinguishable
from gputsne.plotting.scene import Scene, Style
from gputsne.plotting.static_layers import SIDE, draw_points, frame_of
from gputsne.plotting.static_names import draw_names, named, wants_names
from gputsne.plotting.static_text import OURS, fitted, literal, theme_on

__all__ = ["LEGEND_TEXT", "draw"]

LEGEND_TEXT = 36
"""Most characters of a name in the legend."""

THUMB = 320
"""Pixels of a thumbnail's longer side."""

TITLE_LINES, PANEL_LINES = 6, 3  # of a title, alone and among others; the file has it whole
LEAST_WIDTH = 0.6 * SIDE  # inches that texts may take above and below a narrow map
TITLE = {"default": (13, "normal"), "print": (18, "bold")}  # size and weight


def draw(
    scene: Scene, style: Style, path: Path | None, ax: Any = None, *, names: bool = True
) -> Any:
    """Draw a scene into ``ax`` or a new figure, write it if there is a path, return the figure.

    Parameters
    ----------
    scene : Scene
        What is drawn.
    style : Style
        What the caller fixes.
    path : Path or None
        The file.
    ax : matplotlib.axes.Axes or None
        None makes a figure.
    names : bool
        Whether names are written now; whoever lays out several axes does so afterwards.
    """
    require("matplotlib", "a static map")
    import matplotlib as mpl

    volume = scene.Y.shape[1] == 3
    small = scene.purpose == "thumbnail"
    dpi = style.dpi or (THUMB / SIDE if small else DPI)
    if ax is None:
        figure, ax = _new_figure(scene.Y, volume, scene.theme.paper)
        figure._repr_png_ = functools.partial(encoded, figure, "png", dpi)  # shows in notebooks
        described(figure, [], scene.title, scene.recipe, tight=not small)
    elif not (hasattr(ax, "collections") and hasattr(ax, "figure")):
        hint = "; of a grid of axes, pass one" if isinstance(ax, np.ndarray | list | tuple) else ""
        hint = "; of a figure, pass figure.gca()" if hasattr(ax, "add_axes") else hint
        raise TypeError(f"ax must be a matplotlib Axes, got {type(ax).__name__}{hint}")
    elif volume != hasattr(ax, "get_zlim"):
        need = "a 3-D axes (projection='3d')" if volume else "a 2-D axes"
        raise ValueError(f"ax: a map of {scene.Y.shape[1]} dimensions needs {need}")
    else:
        figure = ax.figure
    earlier = [c for c in (*ax.collections, *ax.images) if c.get_gid() == OURS]
    limits = [ax.get_xlim(), ax.get_ylim()] if earlier and not volume else None
    wanted = wants_names(scene, style.annotate)
    scene, fonts = _writable(scene)
    with mpl.rc_context({"font.family": fonts}):
        draw_points(ax, scene, style.dpi)
        _frame(ax, scene.Y, volume)
        if limits is not None:
            ax.set_xlim(*_union(limits[0], ax.get_xlim()))
            ax.set_ylim(*_union(limits[1], ax.get_ylim()))
        done = draw_names(ax, scene) if wanted and names else set()
        if not small:
            _key(ax, scene.labels, done if scene.purpose == "print" else set())
            _texts(ax, scene)
    described(figure, [alt_of(scene) if scene.alt is None else scene.alt])
    if path is not None:
        written(figure, path, dpi)
    return figure


def _writable(scene: Scene) -> tuple[Scene, list[str]]:
    """Return the scene without letters that no font here has, and the fonts for the others."""
    shown = {i: scene.labels.names[i] for i in {*scene.labels.in_legend(), *named(scene)}}
    fonts, instead = families([scene.title, scene.caption, scene.labels.title, *shown.values()])
    if not instead:
        return scene, fonts
    if scene.alt is None:  # in words, where no font is needed
        scene = replace(scene, alt=alt_of(scene))
    names = [shown.get(i, name).translate(instead) for i, name in enumerate(scene.labels.names)]
    title = scene.labels.title.translate(instead)
    labels = replace(scene.labels, names=tuple(names), title=title)
    put: dict[str, Any] = {"labels": labels, "title": scene.title.translate(instead)}
    return replace(scene, caption=scene.caption.translate(instead), **put), fonts


def _union(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return min(a[0], b[0]), max(a[1], b[1])


def _new_figure(Y: Array, volume: bool, paper: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    if volume:
        figure = Figure(figsize=(SIDE, SIDE), facecolor=paper)
        return figure, figure.add_axes((0, 0, 1, 1), projection="3d")
    span = np.maximum(np.ptp(Y, axis=0), 1e-12)
    width, height = SIDE * np.clip(span / span.max(), 0.12, 1.0)
    figure = Figure(figsize=(float(width), float(height)), facecolor=paper)
    return figure, figure.add_axes((0, 0, 1, 1))


def _frame(ax: Any, Y: Array, volume: bool) -> None:
    """Hide the axes, whose numbers mean nothing, and keep one scale in all directions."""
    ax.set_axis_off()
    if not volume:
        (left, right, bottom, top), _ = frame_of(Y)
        ax.set_xlim(left, right)
        ax.set_ylim(bottom, top)
        ax.set_aspect("equal", adjustable="box")
        return
    low, high = Y.min(axis=0).astype(np.float64), Y.max(axis=0).astype(np.float64)
    _, pad = frame_of(Y)
    ax.set_xlim(low[0] - pad, high[0] + pad)
    ax.set_ylim(low[1] - pad, high[1] + pad)
    ax.set_zlim(low[2] - pad, high[2] + pad)
    _fill(ax, Y, np.maximum(high - low, pad))


def _fill(ax: Any, Y: Array, sides: Array) -> None:
    """Zoom a 3-D axes so that the points, seen from where it stands, just stay inside."""
    from mpl_toolkits.mplot3d import proj3d

    zoom = 1.0
    for _ in range(3):  # perspective: the picture grows a little faster than the zoom
        ax.set_box_aspect(sides, zoom=zoom)
        ax.apply_aspect()
        x, y, _ = proj3d.proj_transform(*Y.T.astype(np.float64), ax.get_proj())
        at = ax.transAxes.inverted().transform(ax.transData.transform(np.stack([x, y], axis=1)))
        zoom *= 0.48 / max(float(np.abs(at - 0.5).max()), 1e-3)
    ax.set_box_aspect(sides, zoom=zoom)


def _key(ax: Any, labels: Labels, done: set[int]) -> None:
    """Put the legend right of the map; it names the largest categories and counts the rest.

    What the legend of an earlier call named stays in it; what is named on the map may be left out.
    """
    from matplotlib.lines import Line2D

    if labels.kind == "none":
        return
    shown = [i for i in labels.in_legend() if i not in done]
    short = distinguishable([labels.names[i] for i in shown], LEGEND_TEXT)
    (above,) = distinguishable([labels.title], LEGEND_TEXT)
    rows = [(name, labels.colours[i]) for name, i in zip(short, shown, strict=True)]
    hidden = int((labels.counts() > 0).sum()) - len({*shown, *done})
    if hidden:
        rows.append((f"… and {hidden} more", "none"))
    missing = int(labels.missing.sum())
    if missing:
        rows.append((f"{labels.missing_name} ({missing:,})", theme_on(ax).missing))
    earlier = ax.get_legend()
    if earlier is not None and earlier.get_gid() == OURS:
        known = zip(earlier.get_texts(), earlier.legend_handles, strict=True)
        before = [(t.get_text().replace(r"\$", "$"), h.get_markerfacecolor()) for t, h in known]
        rows = before + [row for row in rows if row not in before]
    if not rows:
        return
    ink = theme_on(ax).ink
    style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 6}
    handles = [
        Line2D([], [], markerfacecolor=c, markeredgecolor="none", label=literal(name), **style)
        for name, c in rows
    ]
    legend = ax.legend(
        handles=handles,
        title=literal(above) if labels.kind == "categories" else None,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        frameon=False,
        fontsize=9,
        title_fontsize=9,
        labelcolor=ink,
        handletextpad=0.2,
        borderaxespad=0.0,
        alignment="left",
    )
    legend.get_title().set_color(ink)
    legend.set_gid(OURS)
    legend.set_zorder(5)


def _width(ax: Any) -> float:
    """Return the pixels that a text above a map may take: those of the map, if it isn't narrow."""
    wide = float(ax.get_position(original=True).width * ax.figure.get_figwidth())
    return float(max(wide, LEAST_WIDTH) if _alone(ax) else wide) * float(ax.figure.dpi)


def _alone(ax: Any) -> bool:
    """Tell whether a map fills a figure of our own, whose file is cut to what is drawn."""
    return bool(ax.get_position(original=True).width == 1.0)


def _texts(ax: Any, scene: Scene) -> None:
    """Write title and caption; under a caption of an earlier call, in the lines below."""
    put = ax.text2D if hasattr(ax, "text2D") else ax.text
    theme = theme_on(ax)
    at: dict[str, Any] = {"transform": ax.transAxes, "ha": "left", "gid": OURS}
    if scene.title:
        size, weight = TITLE[scene.purpose]
        text = put(0.0, 1.02, "", va="bottom", fontsize=size, weight=weight, color=theme.ink, **at)
        lines = TITLE_LINES if _alone(ax) else PANEL_LINES
        text.set_text(literal(fitted(text, scene.title, _width(ax), lines)))
    if scene.caption:
        wide = literal("\n".join(textwrap.wrap(scene.caption, 110)))
        for text in [t for t in ax.texts if t.get_gid() == OURS and t.get_va() == "top"]:
            wide = wide if text.get_text() == wide else f"{text.get_text()}\n{wide}"
            text.remove()
        put(0.0, -0.015, wide, va="top", fontsize=8, color=theme.faint, **at)
