"""A map on paper: matplotlib figures in png, svg and pdf, made without pyplot's global state.

Twin: html.py draws the same scene for the browser.
"""

from __future__ import annotations

import functools
import io
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.files import replacing
from gputsne.base.types import Array
from gputsne.data import require
from gputsne.plotting.colours import MISSING, oklab
from gputsne.plotting.labels import Labels
from gputsne.plotting.scene import Scene, Style

__all__ = ["draw"]

INK, FAINT = "#222222", "#6b6b6b"
SIDE = 6.5
"""Longest side of a map, inches; point sizes are meant for it."""

DPI = 200.0
VECTOR_POINTS = 5_000
"""With more points than this svg and pdf hold the points as an image: 70,000 circles make a file
of 10 MB that no viewer scrolls."""

NAMED_POINTS = 300
"""On smaller maps names would cover points; the legend is enough."""


def draw(scene: Scene, style: Style, path: Path | None, ax: Any = None) -> Any:
    """Draw a scene into ``ax`` or a new figure, write it if there is a path, return the figure."""
    require("matplotlib", "a static map")
    import matplotlib as mpl

    volume = scene.Y.shape[1] == 3
    if ax is None:
        figure, ax = _new_figure(scene.Y, volume)
        figure._repr_png_ = functools.partial(_encoded, figure, "png", DPI)  # shows in notebooks
    elif volume != hasattr(ax, "get_zlim"):
        need = "a 3-D axes (projection='3d')" if volume else "a 2-D axes"
        raise ValueError(f"ax: a map of {scene.Y.shape[1]} dimensions needs {need}")
    else:
        figure = ax.figure
    _points(ax, scene)
    _frame(ax, scene.Y, volume)
    _key(ax, scene.labels)
    if _wants_names(scene, style.annotate, volume):
        _names(ax, scene, mpl)
    _texts(ax, scene)
    if path is not None:
        content = _encoded(figure, path.suffix.lower()[1:], style.dpi or DPI)
        with replacing(path) as part:
            part.write_bytes(content)
    return figure


def _new_figure(Y: Array, volume: bool) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    if volume:
        figure = Figure(figsize=(SIDE, SIDE), facecolor="white")
        return figure, figure.add_axes((0, 0, 1, 1), projection="3d")
    span = np.maximum(np.ptp(Y, axis=0), 1e-12)
    width, height = SIDE * np.clip(span / span.max(), 0.12, 1.0)
    figure = Figure(figsize=(float(width), float(height)), facecolor="white")
    return figure, figure.add_axes((0, 0, 1, 1))


def _points(ax: Any, scene: Scene) -> None:
    """Scatter all points at once in a fixed random order, so that no category covers another."""
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    diameter = scene.point_size * min(1.0, max(box.width, box.height) / SIDE)
    order = np.random.default_rng(0).permutation(len(scene.Y))
    missing = scene.labels.missing[order]
    look = {"s": diameter**2, "alpha": scene.opacity, "linewidths": 0}
    look["rasterized"] = len(scene.Y) > VECTOR_POINTS
    if scene.Y.shape[1] == 3:
        look["depthshade"] = False
    grey = order[missing]
    ax.scatter(*scene.Y[grey].T, color=MISSING, **look)
    seen = order[~missing]
    if scene.labels.kind == "values":
        image = ax.scatter(
            *scene.Y[seen].T, c=scene.labels.values[seen], cmap=scene.labels.scale, **look
        )
        _colour_bar(ax, image, scene.labels)
    elif scene.labels.kind == "categories":
        ax.scatter(*scene.Y[seen].T, c=list(scene.labels.colour_per_point()[seen]), **look)
    else:
        ax.scatter(*scene.Y[seen].T, color=INK if len(seen) < 500 else "#316aac", **look)


def _colour_bar(ax: Any, image: Any, labels: Labels) -> None:
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.5, aspect=22, pad=0.02, fraction=0.05)
    bar.solids.set_alpha(1)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2, color=FAINT, labelcolor=INK)
    bar.ax.set_title(labels.title, fontsize=8, color=INK, loc="left")


def _frame(ax: Any, Y: Array, volume: bool) -> None:
    """Hide the axes, whose numbers mean nothing, and keep one scale in all directions."""
    ax.set_axis_off()
    low, high = Y.min(axis=0).astype(np.float64), Y.max(axis=0).astype(np.float64)
    extent, size = float((high - low).max()), float(np.abs(Y).max())
    pad = 0.02 * extent if extent > 1e-6 * size else max(0.02 * size, 1e-6)  # all in one place
    ax.set_xlim(low[0] - pad, high[0] + pad)
    ax.set_ylim(low[1] - pad, high[1] + pad)
    if volume:
        ax.set_zlim(low[2] - pad, high[2] + pad)
        _fill(ax, Y, np.maximum(high - low, pad))
    else:
        ax.set_aspect("equal", adjustable="box")


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


def _key(ax: Any, labels: Labels) -> None:
    """Put the legend right of the map; it names the largest categories and counts the rest."""
    from matplotlib.lines import Line2D

    if labels.kind == "none":
        return
    shown = labels.in_legend()
    rows = [(labels.names[i], labels.colours[i]) for i in shown]
    hidden = int((labels.counts() > 0).sum()) - len(shown)
    if hidden:
        rows.append((f"… and {hidden} more", "none"))
    missing = int(labels.missing.sum())
    if missing:
        rows.append((f"no label ({missing:,})", MISSING))
    if not rows:
        return
    style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 6}
    handles = [
        Line2D(
            [], [], markerfacecolor=c, markeredgecolor="none", label=_literal(_short(name)), **style
        )
        for name, c in rows
    ]
    legend = ax.legend(
        handles=handles,
        title=_literal(labels.title) if labels.kind == "categories" else None,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        frameon=False,
        fontsize=9,
        title_fontsize=9,
        labelcolor=INK,
        handletextpad=0.2,
        borderaxespad=0.0,
        alignment="left",
    )
    legend.set_zorder(5)


def _wants_names(scene: Scene, annotate: bool | None, volume: bool) -> bool:
    possible = scene.labels.kind == "categories" and not volume and not scene.one_dimensional
    if annotate and not possible:
        raise ValueError("annotate=True needs category labels on a 2-D map")
    if annotate is not None:
        return annotate
    shown, counts = scene.labels.in_legend(), scene.labels.counts()
    if not possible or len(shown) < 2 or len(scene.Y) < NAMED_POINTS:
        return False
    most = 2 * counts[shown].sum() >= counts.sum()  # else they are a few of very many
    return bool(most) and max(len(scene.labels.names[i]) for i in shown) <= 16


def _names(ax: Any, scene: Scene, mpl: Any) -> None:
    """Write each category's name where it is densest, dark on a white halo; the largest first."""
    from matplotlib import patheffects

    taken: list[tuple[float, float, float, float]] = []
    counts = scene.labels.counts()
    per_inch = max(float(np.ptp(scene.Y, axis=0).max()), 1e-12) / SIDE
    for code in sorted(scene.labels.in_legend(), key=lambda i: (-counts[i], i)):
        x, y = _densest(scene.Y[scene.labels.codes == code])
        name = scene.labels.names[code]
        half_w, half_h = 0.045 * per_inch * len(name), 0.08 * per_inch  # 10-point letters
        box = (x - half_w, x + half_w, y - half_h, y + half_h)
        if any(box[0] < b[1] and b[0] < box[1] and box[2] < b[3] and b[2] < box[3] for b in taken):
            continue  # the legend names it all the same
        taken.append(box)
        text = ax.text(
            x, y, _literal(name), ha="center", va="center", fontsize=10, weight="bold",
            color=_darkened(scene.labels.colours[code], mpl), zorder=6,
        )  # fmt: skip
        text.set_path_effects(
            [patheffects.withStroke(linewidth=2.6, foreground="white", alpha=0.9)]
        )


def _densest(Y: Array) -> tuple[float, float]:
    """Return the middle of a category's densest region: mean shift with a wide Gaussian."""
    Y = Y[:: max(len(Y) // 2000, 1)].astype(np.float64)
    at = np.median(Y, axis=0)
    width = max(0.7 * float(np.median(np.linalg.norm(Y - at, axis=1))), 1e-12)
    starts = Y[np.linspace(0, len(Y) - 1, min(len(Y), 100)).astype(np.int64)]
    square = ((starts[:, None] - Y[None]) ** 2).sum(axis=2)
    at = starts[np.argmax(np.exp(-square / (2 * width**2)).sum(axis=1))]
    for _ in range(10):
        weight = np.exp(-((Y - at) ** 2).sum(axis=1) / (2 * width**2))
        at = weight @ Y / weight.sum()
    return float(at[0]), float(at[1])


def _darkened(colour: str, mpl: Any) -> Any:
    """Mix a colour with ink until it can be read on white."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    lightness = float(oklab([mpl.colors.to_hex(rgb)])[0, 0])
    share = float(np.clip((lightness - 0.35) / 0.5, 0.25, 0.8))
    return tuple((1 - share) * rgb + share * np.array(mpl.colors.to_rgb(INK)))


def _texts(ax: Any, scene: Scene) -> None:
    put = ax.text2D if hasattr(ax, "text2D") else ax.text
    at: dict[str, Any] = {"transform": ax.transAxes, "ha": "left"}
    if scene.title:
        put(0.0, 1.02, _literal(scene.title), va="bottom", fontsize=13, color=INK, **at)
    if scene.caption:
        wide = "\n".join(textwrap.wrap(scene.caption, 110))
        put(0.0, -0.015, _literal(wide), va="top", fontsize=8, color=FAINT, **at)


def _literal(text: str) -> str:
    """Keep matplotlib from reading dollars as mathematics."""
    return text.replace("$", r"\$")


def _short(name: str, most: int = 36) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _encoded(figure: Any, suffix: str, dpi: float) -> bytes:
    """Return the file's bytes: text stays text, and the same map gives the same bytes."""
    import matplotlib as mpl

    settings: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "gputsne"}
    undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[suffix]
    sink = io.BytesIO()
    with mpl.rc_context(settings):
        figure.savefig(
            sink, format=suffix, dpi=dpi, bbox_inches="tight", pad_inches=0.12, metadata=undated
        )
    return sink.getvalue()
