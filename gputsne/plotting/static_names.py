"""Names on a static map: measured as they will be drawn, none over another, lines where needed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np

from gputsne.base.colours import oklab
from gputsne.base.types import Array
from gputsne.plotting.labels import distinguishable
from gputsne.plotting.naming import island_spots, purest_spots
from gputsne.plotting.placement import Paper, placed
from gputsne.plotting.scene import Scene
from gputsne.plotting.static_text import OURS, literal, theme_on
from gputsne.plotting.theme import Theme

__all__ = ["draw_names", "named", "wants_names"]

NAMED_POINTS = 300
"""On smaller maps names would cover points; the legend is enough."""

SHORT = 16
"""Longest name that stands on a map by default."""

PRINTED = 40
"""Most categories named in print."""

LINE, LINES = 18, 3  # characters of a line of a name, and lines
WORD = 28  # characters of a word that a line may hold uncut
SIZES = {"default": (10.0, 10.0), "print": (8.0, 12.5), "thumbnail": (23.0, 23.0)}
"""Letters of the smallest and the largest category, 1/72 inch on a map of 6.5 inches."""

THUMB_NAMES, THUMB_LETTERS = 12, 8  # names on a thumbnail, and characters of each
MARGIN = {"default": 0.0, "print": 0.30, "thumbnail": 0.0}  # of the map, left and right of it
INK_CELL = 3.0  # 1/72 inch: side of the cells in which points cover paper
PAD = 1.5  # 1/72 inch around a name: letters differ a little from size to size of the picture


@dataclass(frozen=True)
class Name:
    """A name to be drawn."""

    code: int
    text: str
    at: tuple[float, float]
    size: float


def wants_names(scene: Scene, annotate: bool | None) -> bool:
    """Tell whether names stand on a map; ValueError where they are asked for and can't."""
    flat = scene.Y.shape[1] == 2 and not scene.one_dimensional
    possible = scene.labels.kind == "categories" and flat
    if annotate and not possible:
        raise ValueError("annotate=True needs category labels on a 2-D map")
    if annotate is not None:
        return annotate
    shown, counts = named(scene), scene.labels.counts()
    if not possible or not shown:
        return False
    if scene.emphasis != 1.0:
        return True
    if scene.purpose == "thumbnail":  # which names few, but would name some of any
        shown = scene.labels.in_legend(PRINTED)
    most = bool(2 * counts[shown].sum() >= counts.sum())  # else they are a few of very many
    if scene.purpose != "default":
        return most
    if len(shown) < 2 or len(scene.Y) < NAMED_POINTS:
        return False
    return most and max(len(scene.labels.names[i]) for i in shown) <= SHORT


def named(scene: Scene) -> list[int]:
    """Return the categories to be named, the largest first."""
    most = {"print": PRINTED, "thumbnail": THUMB_NAMES}.get(scene.purpose)
    shown = scene.labels.in_legend() if most is None else scene.labels.in_legend(most)
    counts = scene.labels.counts()
    return sorted(shown, key=lambda i: (-counts[i], i))


def draw_names(ax: Any, scene: Scene) -> set[int]:
    """Write names onto a map; return the categories that are named.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With the points, at the size it will have.
    scene : Scene
        The map.

    Returns
    -------
    set of int
        Those without a place of their own, or without room, are left to the legend.
    """
    ax.apply_aspect()
    names = _names(scene)
    if not names:
        return set()
    scale = 72.0 / ax.figure.dpi
    texts = [_text(ax, scene, name) for name in names]
    sizes = [_measured(text, scale) for text in texts]
    at = ax.transData.transform([name.at for name in names]) * scale
    paper = _paper(ax, scene, scale)
    centres = placed(at, sizes, paper, on=scene.purpose != "print" and scene.emphasis == 1.0)
    done = set()
    for name, text, centre, size, place in zip(names, texts, centres, sizes, at, strict=True):
        if np.isnan(centre[0]) or (scene.purpose == "thumbnail" and (centre != place).any()):
            text.remove()
            continue
        done.add(name.code)
        text.set_position(tuple(ax.transData.inverted().transform(centre / scale)))
        if (centre != place).any():
            _line(ax, text, centre, size, place, scale)
    return done


def _names(scene: Scene) -> list[Name]:
    codes, counts = named(scene), scene.labels.counts()
    if scene.purpose == "print":
        spots = island_spots(scene.Y, scene.labels.codes, codes)
    else:
        spots = list(purest_spots(scene.Y, scene.labels.codes, codes).items())
    short = distinguishable([scene.labels.names[i] for i in codes], LINE * LINES)
    said = dict(zip(codes, short, strict=True))
    small, large = SIZES[scene.purpose]
    most = max((int(counts[i]) for i in codes), default=1)
    found = []
    for code, at in spots:
        text = _wrapped(said[code])
        if scene.purpose == "thumbnail":
            text = text if len(text) <= THUMB_LETTERS else ""
        if text:
            found.append(
                Name(code, text, at, small + (large - small) * (counts[code] / most) ** 0.5)
            )
    return found


def _wrapped(name: str) -> str:
    """Return a name in lines of about equal length; "" for one of blanks alone."""
    words = " ".join(name.split())
    if len(words) <= LINE:
        return words
    count = min(LINES, -(-len(words) // LINE))
    whole = min(WORD, max(map(len, words.split())))  # no word is cut for a shorter line
    lines: list[str] = []
    for width in range(max(whole, -(-len(words) // count)), max(LINE, whole) + 1):
        lines = textwrap.wrap(words, width)
        if len(lines) <= count:
            break
    return "\n".join([*lines[: LINES - 1], " ".join(lines[LINES - 1 :])] if lines else [])


def _text(ax: Any, scene: Scene, name: Name) -> Any:
    from matplotlib import patheffects

    theme = theme_on(ax)
    text = ax.text(
        *name.at, literal(name.text), ha="center", va="center", fontsize=name.size, weight="bold",
        color=_readable(scene.labels.colours[name.code], theme), zorder=6, gid=f"{OURS}-name",
        linespacing=1.0, clip_on=False,
    )  # fmt: skip
    halo = "black" if theme.dark else "white"
    wide = 2.6 * max(1.0, name.size / 12)
    text.set_path_effects([patheffects.withStroke(linewidth=wide, foreground=halo, alpha=0.9)])
    return text


def _measured(text: Any, scale: float) -> tuple[float, float]:
    """Return width and height of a text in 1/72 inch, with room for its halo."""
    from matplotlib.backends.backend_agg import RendererAgg

    box = text.get_window_extent(RendererAgg(8, 8, text.figure.dpi))  # type: ignore[no-untyped-call]
    return box.width * scale + 2 * PAD, box.height * scale + 2 * PAD


def _paper(ax: Any, scene: Scene, scale: float) -> Paper:
    box = ax.get_window_extent()
    left, right, bottom, top = (v * scale for v in (box.x0, box.x1, box.y0, box.y1))
    points = ax.transData.transform(scene.Y.astype(np.float64)) * scale
    columns = max(1, int((right - left) / INK_CELL))
    rows = max(1, int((top - bottom) / INK_CELL))
    place = np.clip(
        ((points - (left, bottom)) / INK_CELL).astype(np.int64), 0, (columns - 1, rows - 1)
    )
    counts = np.zeros((rows, columns))
    np.add.at(counts, (place[:, 1], place[:, 0]), 1.0)
    around = int(scene.point_size / 2 / INK_CELL)  # cells that a large point reaches into
    if around and scene.density != "shade":
        from scipy.ndimage import maximum_filter

        counts = maximum_filter(counts, 2 * around + 1, mode="constant")
    beside = MARGIN[scene.purpose] * (right - left)
    room = (left - beside, right + beside, bottom - beside / 3, top + beside / 3)
    return Paper(room, np.minimum(1.0, counts), (left, bottom), INK_CELL)


def _line(ax: Any, text: Any, centre: Array, size: Any, place: Array, scale: float) -> None:
    """Draw a line from the edge of a name to what it names."""
    from matplotlib.lines import Line2D

    way = np.asarray(place) - centre
    half = np.asarray(size) / 2
    with np.errstate(divide="ignore"):
        reach = float(np.min(half / np.maximum(np.abs(way), 1e-9)))
    if reach >= 1.0:
        return  # the place lies under the name
    ends = np.stack([centre + way * reach, np.asarray(place)])
    x, y = ax.transData.inverted().transform(ends / scale).T
    line = Line2D(x, y, color=text.get_color(), linewidth=0.8, alpha=0.9, zorder=5,
                  solid_capstyle="round", clip_on=False, gid=f"{OURS}-line")  # fmt: skip
    line.set_in_layout(False)
    ax.add_artist(line)


def _readable(colour: str, theme: Theme) -> Any:
    """Mix a colour with ink until it can be read on the paper."""
    from matplotlib import colors

    rgb = np.array(colors.to_rgb(colour))
    lightness = float(oklab([colors.to_hex(tuple(rgb))])[0, 0])
    near = (0.85 - lightness) / 0.5 if theme.dark else (lightness - 0.35) / 0.5
    share = float(np.clip(near, 0.25, 0.8))
    return tuple((1 - share) * rgb + share * np.array(colors.to_rgb(theme.ink)))
