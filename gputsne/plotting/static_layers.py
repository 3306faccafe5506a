"""Points of a static map, and what lies under and over them: edges, glow, shades, outlines."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.types import Array
from gputsne.plotting.density import Frame, outlines, shaded
from gputsne.plotting.labels import Labels, distinguishable
from gputsne.plotting.scene import Scene
from gputsne.plotting.static_text import OURS, literal, theme_on
from gputsne.plotting.ticks import date_ticks, value_ticks

__all__ = ["SIDE", "draw_points"]

SIDE = 6.5
"""Longest side of a map, inches; point sizes are meant for it."""

VECTOR_POINTS = 5_000
"""With more points than this svg and pdf hold the points as an image: 70,000 circles make a file
of 10 MB that no viewer scrolls."""

PIXELS = 200  # per inch of a shaded map, where no dpi is given
GLOW_PIXELS = 256  # along the longer side of a glow
GLOW_BLUR = 0.016  # of the longer side
GLOW = 0.25  # opacity of a glow where points are densest
EDGE_WIDTH = 0.5  # 1/72 inch
EDGE_SHADE = 0.25  # of the paper, that lines hide where most of them lie
EDGE_FAINTEST, EDGE_BOLDEST = 0.012, 0.5  # opacity: three steps of 255, and what one line may have
NARROW, TINY = 1e-9, 1e-200  # of a scale: matplotlib widens 1e-15, and 1e-287
EDGE_BLUR = 2.0  # cells
EDGE_CELLS, EDGE_SAMPLES = 64, 8  # of the grid on which lines are counted; places tried on a line
VALUE_STEPS = 64  # shades of a colour scale in a shaded map
BAR_TEXT = 24  # most characters of a name above a scale
PAD = 0.02  # of the map's longer side, between points and frame


def draw_points(ax: Any, scene: Scene, dpi: float | None) -> None:
    """Draw edges, then points or their shades, then outlines, and the scale of values."""
    if scene.edges is not None and len(scene.edges):
        _edges(ax, scene)
    colours, place = _coloured(ax, scene)
    if scene.density == "shade":
        _shade(ax, scene, colours, place, dpi or PIXELS)
    else:
        if scene.density == "glow":
            _glow(ax, scene, colours, place)
        _scatter(ax, scene, colours, place)
    if scene.density == "contours":
        _contours(ax, scene)
    if scene.labels.kind == "values" and scene.purpose != "thumbnail":
        _colour_bar(ax, scene.labels)


def frame_of(Y: Array) -> tuple[Frame, float]:
    """Return what a picture of a flat map covers, and the margin in it."""
    low, high = Y.min(axis=0).astype(np.float64), Y.max(axis=0).astype(np.float64)
    extent, size = float((high - low).max()), float(np.abs(Y).max())
    pad = PAD * extent if extent > 1e-6 * size else max(PAD * size, 1e-6)  # all in one place
    return (low[0] - pad, high[0] + pad, low[1] - pad, high[1] + pad), pad


def _coloured(ax: Any, scene: Scene) -> tuple[list[str], Array]:
    """Return the colours of a picture, and each point's place among them; grey comes first."""
    labels, theme = scene.labels, theme_on(ax)
    if labels.kind == "categories":
        return [theme.missing, *labels.colours], labels.codes + 1
    if labels.kind == "none":
        few = len(scene.Y) < 500
        plain = np.ones(len(scene.Y), dtype=np.int64)
        return [theme.missing, theme.ink if few else theme.plain], plain
    low, high = labels.limits
    share = (labels.within_limits(np.arange(len(scene.Y))) - low) / max(high - low, 1e-300)
    step = np.where(labels.missing, -1.0, np.nan_to_num(share) * (VALUE_STEPS - 1))
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    scale = LinearSegmentedColormap.from_list("gputsne", list(labels.scale))
    shades = [to_hex(scale(i / (VALUE_STEPS - 1))) for i in range(VALUE_STEPS)]
    return [theme.missing, *shades], np.rint(step).astype(np.int64) + 1


def _scatter(ax: Any, scene: Scene, colours: list[str], place: Array) -> None:
    """Scatter all points at once in a fixed random order, so that no category covers another."""
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    diameter = scene.point_size * min(1.0, max(box.width, box.height) / SIDE)
    order = np.random.default_rng(0).permutation(len(scene.Y))
    missing = scene.labels.missing[order]
    look: dict[str, Any] = {"alpha": scene.opacity, "linewidths": 0, "gid": OURS}
    look["rasterized"] = len(scene.Y) > VECTOR_POINTS
    if scene.Y.shape[1] == 3:
        look["depthshade"] = False
    grey, seen = order[missing], order[~missing]
    ax.scatter(*scene.Y[grey].T, color=colours[0], s=diameter**2, **look)
    look["s"] = (diameter * scene.emphasis) ** 2
    if scene.labels.kind == "values":
        from matplotlib.colors import LinearSegmentedColormap, Normalize

        scale = LinearSegmentedColormap.from_list("gputsne", list(scene.labels.scale))
        shade = {"cmap": scale, "norm": Normalize(*scene.labels.limits)}
        ax.scatter(*scene.Y[seen].T, c=scene.labels.within_limits(seen), **shade, **look)
    elif scene.labels.kind == "categories":
        ax.scatter(*scene.Y[seen].T, c=list(np.array(colours)[place[seen]]), **look)
    else:
        ax.scatter(*scene.Y[seen].T, color=colours[1], **look)


def _shade(ax: Any, scene: Scene, colours: list[str], place: Array, dpi: float) -> None:
    """Draw an image of all points, as many to a pixel as there are."""
    frame, _ = frame_of(scene.Y)
    shape = _shape(frame, SIDE * dpi)
    dot = scene.point_size / 72 * dpi  # diameter in pixels
    blur = max(0.5, dot / 2.5)
    named = scene.labels.missing if scene.emphasis != 1.0 else None
    parts = [np.ones(len(place), dtype=bool)] if named is None else [named, ~named]
    for part in parts:  # highlighted points over all others
        if part.any():
            image = shaded(scene.Y[part], colours, place[part], frame, shape, blur=blur)
            _show(ax, image, frame, 1.0)


def _glow(ax: Any, scene: Scene, colours: list[str], place: Array) -> None:
    """Draw the density under the points, as broad and pale as light around them."""
    low, high = scene.Y.min(axis=0).astype(np.float64), scene.Y.max(axis=0).astype(np.float64)
    beyond = 0.1 * max(float((high - low).max()), 1e-12)  # light reaches past the outermost points
    frame = (low[0] - beyond, high[0] + beyond, low[1] - beyond, high[1] + beyond)
    shape = _shape(frame, GLOW_PIXELS)
    image = shaded(
        scene.Y, colours, place, frame, shape, blur=GLOW_BLUR * GLOW_PIXELS, faintest=0.0
    )
    image[..., 3] *= GLOW
    _show(ax, image, frame, 0.8)


def _shape(frame: Frame, pixels: float) -> tuple[int, int]:
    width, height = frame[1] - frame[0], frame[3] - frame[2]
    longer = max(width, height)
    return max(1, round(pixels * height / longer)), max(1, round(pixels * width / longer))


def _show(ax: Any, image: Array, frame: Frame, zorder: float) -> None:
    shown = ax.imshow(
        (image * 255).round().astype(np.uint8), extent=frame, origin="lower", aspect="equal",
        interpolation="bilinear", zorder=zorder, gid=OURS,
    )  # fmt: skip
    shown.set_clip_on(False)


def _contours(ax: Any, scene: Scene) -> None:
    """Draw outlines that enclose nine tenths and one half of each category, over the points."""
    labels, theme = scene.labels, theme_on(ax)
    frame, _ = frame_of(scene.Y)
    wide = 0.05 * max(frame[1] - frame[0], frame[3] - frame[2])
    frame = (frame[0] - wide, frame[1] + wide, frame[2] - wide, frame[3] + wide)
    if labels.kind == "categories":
        codes, wanted = labels.codes, labels.in_legend()
    else:
        codes, wanted = np.zeros(len(scene.Y), dtype=np.int64), [0]
    for code, (smooth, levels) in outlines(scene.Y, codes, wanted, frame).items():
        if not levels:
            continue
        rows, columns = smooth.shape
        x = np.linspace(frame[0], frame[1], 2 * columns + 1)[1::2]
        y = np.linspace(frame[2], frame[3], 2 * rows + 1)[1::2]
        colour = labels.colours[code] if labels.kind == "categories" else theme.ink
        wide_first = [1.4, 0.8][: len(levels)]
        drawn = ax.contour(
            x, y, smooth, levels=levels, colors=[colour], linewidths=wide_first, zorder=2
        )
        drawn.set_gid(OURS)


def _edges(ax: Any, scene: Scene) -> None:
    """Draw a graph's edges, the fainter the more of them lie one over another."""
    from matplotlib.collections import LineCollection

    assert scene.edges is not None
    many = len(scene.edges)
    box = ax.get_window_extent()
    longest = max(box.width, box.height) / ax.figure.dpi * 72.0
    alpha, wide = edge_look(scene.edges, scene.Y, longest)
    ax.add_collection(
        LineCollection(
            list(scene.edges),
            colors=theme_on(ax).faint,
            linewidths=wide,
            alpha=alpha,
            zorder=0.5,
            rasterized=many > VECTOR_POINTS,
            gid=f"{OURS}-edges",
        )
    )


def edge_look(lines: Array, Y: Array, longest: float) -> tuple[float, float]:
    """Return opacity and width of a graph's lines, so that points over them can be read.

    Parameters
    ----------
    lines : array, shape (e, 2, 2)
        Both ends of each.
    Y : array, shape (n, 2)
        The map.
    longest : float
        Of the map's sides, 1/72 inch.

    Returns
    -------
    opacity, width : float
        Width in 1/72 inch. Where points lie among the most lines (nine tenths of them among fewer),
        the lines together hide a quarter of the paper.
    """
    from scipy.ndimage import gaussian_filter

    frame, _ = frame_of(Y)
    shape = _shape(frame, EDGE_CELLS)
    unit = longest / max(frame[1] - frame[0], frame[3] - frame[2])  # 1/72 inch per unit of the map
    ends = lines.astype(np.float64)
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) * unit
    ink = np.zeros(shape)
    rng = np.random.default_rng(0)  # places at fixed shares of long lines would be a pattern
    for part in range(EDGE_SAMPLES):
        share = (part + rng.random((len(ends), 1))) / EDGE_SAMPLES
        cell = _cell(ends[:, 0] + share * (ends[:, 1] - ends[:, 0]), frame, shape)
        np.add.at(ink, cell, length * EDGE_WIDTH / EDGE_SAMPLES)
    ink = gaussian_filter(ink, EDGE_BLUR, mode="nearest")
    area = (longest / max(shape)) ** 2
    layers = float(np.quantile(ink[_cell(Y.astype(np.float64), frame, shape)] / area, 0.9))
    opacity = 1.0 - (1.0 - EDGE_SHADE) ** (1.0 / max(layers, 1e-3))
    if opacity < EDGE_FAINTEST:  # 8 bits per colour hold no fainter one
        return EDGE_FAINTEST, EDGE_WIDTH * opacity / EDGE_FAINTEST
    return min(opacity, EDGE_BOLDEST), EDGE_WIDTH


def _cell(at: Array, frame: Frame, shape: tuple[int, int]) -> tuple[Array, Array]:
    x = (at[:, 0] - frame[0]) / (frame[1] - frame[0]) * shape[1]
    y = (at[:, 1] - frame[2]) / (frame[3] - frame[2]) * shape[0]
    return (
        np.clip(y.astype(np.int64), 0, shape[0] - 1),
        np.clip(x.astype(np.int64), 0, shape[1] - 1),
    )


def _colour_bar(ax: Any, labels: Labels) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    scale = LinearSegmentedColormap.from_list("gputsne", list(labels.scale))
    # With ticks of our own, and where matplotlib would widen the range, which is tiny or narrow
    # beside its distance from 0, from 0 to 1.
    first, last = labels.limits
    if last - first <= NARROW * max(abs(first), abs(last)) or last - first < TINY:
        first, last = 0.0, 1.0
    image = ScalarMappable(Normalize(first, last), scale)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.5, aspect=22, pad=0.02, fraction=0.05)
    bar.outline.set_visible(False)
    ink = theme_on(ax).ink
    bar.ax.tick_params(labelsize=8, length=2, color=theme_on(ax).faint, labelcolor=ink)
    (low, high), base = labels.limits, ""
    if labels.dates:
        days, texts = date_ticks(low, high)
        places = [(day - low) / (high - low) if high > low else 0.5 for day in days]
    else:
        base, places, texts = value_ticks(low, high)
    bar.set_ticks([first + place * (last - first) for place in places], labels=texts)
    bar.ax.minorticks_off()
    above = "\n".join(filter(None, [*distinguishable([labels.title], BAR_TEXT), base]))
    bar.ax.set_title(literal(above), fontsize=8, color=ink, loc="left")
