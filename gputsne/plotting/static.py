"""Pictures on paper: matplotlib figures in png, svg and pdf, made without pyplot's global state.

Twin: interactive.py draws the same scene for a browser. Where category names stand: naming.py;
which fonts have the letters: fonts.py.
"""

from __future__ import annotations

import functools
import io
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.files import replacing
from gputsne.base.types import Array
from gputsne.data import require
from gputsne.plotting.colours import oklab
from gputsne.plotting.fonts import families
from gputsne.plotting.labels import Labels, date_ticks, distinguishable
from gputsne.plotting.naming import purest_spots
from gputsne.plotting.scene import Scene, Style
from gputsne.plotting.theme import DARK, LIGHT, Theme

__all__ = ["DPI", "LEGEND_TEXT", "draw", "encoded", "literal", "theme_on", "written"]

LEGEND_TEXT = 36
"""Most characters of a name in the legend."""

OURS = "gputsne"
"""Group id of what an earlier call drew into the same axes."""

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
        figure, ax = _new_figure(scene.Y, volume, scene.theme.paper)
        figure._repr_png_ = functools.partial(encoded, figure, "png", DPI)  # shows in notebooks
    elif not (hasattr(ax, "collections") and hasattr(ax, "figure")):
        hint = "; of a grid of axes, pass one" if isinstance(ax, np.ndarray | list | tuple) else ""
        hint = "; of a figure, pass figure.gca()" if hasattr(ax, "add_axes") else hint
        raise TypeError(f"ax must be a matplotlib Axes, got {type(ax).__name__}{hint}")
    elif volume != hasattr(ax, "get_zlim"):
        need = "a 3-D axes (projection='3d')" if volume else "a 2-D axes"
        raise ValueError(f"ax: a map of {scene.Y.shape[1]} dimensions needs {need}")
    else:
        figure = ax.figure
    earlier = [c for c in ax.collections if c.get_gid() == OURS]
    limits = [ax.get_xlim(), ax.get_ylim()] if earlier and not volume else None
    scene, fonts = _writable(scene)
    with mpl.rc_context({"font.family": fonts}):
        _points(ax, scene)
        _frame(ax, scene.Y, volume)
        if limits is not None:
            ax.set_xlim(*_union(limits[0], ax.get_xlim()))
            ax.set_ylim(*_union(limits[1], ax.get_ylim()))
        _key(ax, scene.labels)
        if _wants_names(scene, style.annotate, volume):
            _names(ax, scene, mpl)
        _texts(ax, scene)
    if path is not None:
        written(figure, path, style.dpi)
    return figure


def _writable(scene: Scene) -> tuple[Scene, list[str]]:
    """Return the scene without letters that no font here has, and the fonts for the others."""
    shown = {i: scene.labels.names[i] for i in scene.labels.in_legend()}
    fonts, instead = families([scene.title, scene.caption, scene.labels.title, *shown.values()])
    if not instead:
        return scene, fonts
    names = [shown.get(i, name).translate(instead) for i, name in enumerate(scene.labels.names)]
    title = scene.labels.title.translate(instead)
    labels = replace(scene.labels, names=tuple(names), title=title)
    put: dict[str, Any] = {"labels": labels, "title": scene.title.translate(instead)}
    return replace(scene, caption=scene.caption.translate(instead), **put), fonts


def _union(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return min(a[0], b[0]), max(a[1], b[1])


def theme_on(ax: Any) -> Theme:
    """Return the theme whose text can be read on the paper of an axes' figure."""
    from matplotlib import colors

    red, green, blue, alpha = colors.to_rgba(ax.figure.get_facecolor())
    dark = alpha > 0.5 and 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4  # Rec. 709 luma
    return DARK if dark else LIGHT


def _new_figure(Y: Array, volume: bool, paper: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    if volume:
        figure = Figure(figsize=(SIDE, SIDE), facecolor=paper)
        return figure, figure.add_axes((0, 0, 1, 1), projection="3d")
    span = np.maximum(np.ptp(Y, axis=0), 1e-12)
    width, height = SIDE * np.clip(span / span.max(), 0.12, 1.0)
    figure = Figure(figsize=(float(width), float(height)), facecolor=paper)
    return figure, figure.add_axes((0, 0, 1, 1))


def _points(ax: Any, scene: Scene) -> None:
    """Scatter all points at once in a fixed random order, so that no category covers another."""
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    diameter = scene.point_size * min(1.0, max(box.width, box.height) / SIDE)
    order = np.random.default_rng(0).permutation(len(scene.Y))
    missing = scene.labels.missing[order]
    look: dict[str, Any] = {"s": diameter**2, "alpha": scene.opacity, "linewidths": 0, "gid": OURS}
    look["rasterized"] = len(scene.Y) > VECTOR_POINTS
    if scene.Y.shape[1] == 3:
        look["depthshade"] = False
    grey = order[missing]
    ax.scatter(*scene.Y[grey].T, color=theme_on(ax).missing, **look)
    seen = order[~missing]
    if scene.labels.kind == "values":
        from matplotlib.colors import LinearSegmentedColormap, Normalize

        scale = LinearSegmentedColormap.from_list("gputsne", list(scene.labels.scale))
        shade = {"cmap": scale, "norm": Normalize(*scene.labels.limits)}
        image = ax.scatter(*scene.Y[seen].T, c=scene.labels.within_limits(seen), **shade, **look)
        _colour_bar(ax, image, scene.labels)
    elif scene.labels.kind == "categories":
        ax.scatter(*scene.Y[seen].T, c=list(scene.labels.colour_per_point()[seen]), **look)
    else:
        plain = theme_on(ax).ink if len(seen) < 500 else theme_on(ax).plain
        ax.scatter(*scene.Y[seen].T, color=plain, **look)


def _colour_bar(ax: Any, image: Any, labels: Labels) -> None:
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.5, aspect=22, pad=0.02, fraction=0.05)
    bar.solids.set_alpha(1)
    bar.outline.set_visible(False)
    ink = theme_on(ax).ink
    bar.ax.tick_params(labelsize=8, length=2, color=theme_on(ax).faint, labelcolor=ink)
    if labels.dates:
        days, texts = date_ticks(*labels.limits)
        bar.set_ticks(days, labels=texts)
    bar.ax.set_title(literal(labels.title), fontsize=8, color=ink, loc="left")


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
    """Put the legend right of the map; it names the largest categories and counts the rest.

    What the legend of an earlier call named stays in it.
    """
    from matplotlib.lines import Line2D

    if labels.kind == "none":
        return
    shown = labels.in_legend()
    short = distinguishable([labels.names[i] for i in shown], LEGEND_TEXT)
    rows = [(name, labels.colours[i]) for name, i in zip(short, shown, strict=True)]
    hidden = int((labels.counts() > 0).sum()) - len(shown)
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
        title=literal(labels.title) if labels.kind == "categories" else None,
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
    """Write each category's name where it is by itself, on a halo; the largest first."""
    from matplotlib import patheffects

    taken: list[tuple[float, float, float, float]] = []
    counts = scene.labels.counts()
    per_inch = max(float(np.ptp(scene.Y, axis=0).max()), 1e-12) / SIDE
    theme = theme_on(ax)
    shown = sorted(scene.labels.in_legend(), key=lambda i: (-counts[i], i))
    for code, at in purest_spots(scene.Y, scene.labels.codes, shown).items():
        (x, y), name = at, scene.labels.names[code]
        half_w, half_h = 0.045 * per_inch * len(name), 0.08 * per_inch  # 10-point letters
        box = (x - half_w, x + half_w, y - half_h, y + half_h)
        if any(box[0] < b[1] and b[0] < box[1] and box[2] < b[3] and b[2] < box[3] for b in taken):
            continue  # the legend names it all the same
        taken.append(box)
        text = ax.text(
            x, y, literal(name), ha="center", va="center", fontsize=10, weight="bold",
            color=_readable(scene.labels.colours[code], theme, mpl), zorder=6,
        )  # fmt: skip
        halo = "black" if theme.dark else "white"
        text.set_path_effects([patheffects.withStroke(linewidth=2.6, foreground=halo, alpha=0.9)])


def _readable(colour: str, theme: Theme, mpl: Any) -> Any:
    """Mix a colour with ink until it can be read on the paper."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    lightness = float(oklab([mpl.colors.to_hex(rgb)])[0, 0])
    near = (0.85 - lightness) / 0.5 if theme.dark else (lightness - 0.35) / 0.5
    share = float(np.clip(near, 0.25, 0.8))
    return tuple((1 - share) * rgb + share * np.array(mpl.colors.to_rgb(theme.ink)))


def _texts(ax: Any, scene: Scene) -> None:
    """Write title and caption; under a caption of an earlier call, in the lines below."""
    put = ax.text2D if hasattr(ax, "text2D") else ax.text
    theme = theme_on(ax)
    at: dict[str, Any] = {"transform": ax.transAxes, "ha": "left", "gid": OURS}
    if scene.title:
        put(0.0, 1.02, literal(scene.title), va="bottom", fontsize=13, color=theme.ink, **at)
    if scene.caption:
        wide = literal("\n".join(textwrap.wrap(scene.caption, 110)))
        for text in [t for t in ax.texts if t.get_gid() == OURS and t.get_va() == "top"]:
            wide = wide if text.get_text() == wide else f"{text.get_text()}\n{wide}"
            text.remove()
        put(0.0, -0.015, wide, va="top", fontsize=8, color=theme.faint, **at)


def literal(text: str) -> str:
    """Keep matplotlib from reading dollars as mathematics."""
    return text.replace("$", r"\$")


def written(figure: Any, path: Path, dpi: float | None) -> None:
    """Write a figure; the file is replaced in one step."""
    content = encoded(figure, path.suffix.lower()[1:], dpi or DPI)
    with replacing(path) as part:
        part.write_bytes(content)


def encoded(figure: Any, suffix: str, dpi: float) -> bytes:
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
