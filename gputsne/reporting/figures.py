"""Figures of a report: pictures as data of the page, each for bright and for dark paper."""

from __future__ import annotations

import base64
import importlib.util
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gputsne.metrics.estimate import Estimate
from gputsne.reporting.subject import Subject

__all__ = ["Figure", "figures"]

BRIGHT, DARK = "#ffffff", "#1a2028"  # --card of the style, both ways
SIDE: Final = 4.6  # inches: letters of 10 points are legible where a phone shows 350 pixels of it
DPI: Final = 220.0
QUALITY: Final = 82  # of WebP; points at this size show no blocks, and a map takes 0.1 to 0.2 MB
MOST_POINTS: Final = 30_000  # drawn, each label by its share: more cover each other at this size
SCORES: Final = {  # what points are coloured by, where there are scores of single points
    "knn_preservation": "Share of each point's {k} nearest in the data that are among its {k} "
    "nearest in the map. Dark regions are not to be read point by point.",
    "neighborhood_hit": "Share of each point's {k} nearest in the map that have its own label. "
    "Dark points sit among others: mixed groups, or wrong labels.",
}
TITLES: Final = {
    "knn_preservation": "Where neighbours are kept",
    "neighborhood_hit": "Where labels agree",
}


@dataclass(frozen=True)
class Figure:
    """One picture of the page.

    Attributes
    ----------
    title, alt, caption : str
        Above it, instead of it, and below it.
    bright, dark : str
        The same picture on bright and on dark paper, as ``data:`` addresses.
    legend : tuple of (str, tuple of str)
        Names, and the colour of each on bright and on dark paper; () for a line without one.
    """

    title: str
    alt: str
    caption: str
    bright: str
    dark: str
    legend: tuple[tuple[str, tuple[str, ...]], ...] = ()


def figures(subject: Subject, estimates: Mapping[str, Estimate]) -> tuple[tuple[Figure, ...], str]:
    """Draw what the subject has pictures of.

    Parameters
    ----------
    subject : Subject
        Any.
    estimates : mapping of str to Estimate
        From ``sections.measured``.

    Returns
    -------
    figures : tuple of Figure
        None without a map.
    missing : str
        Why there are none, or "".
    """
    if importlib.util.find_spec("matplotlib") is None:
        return (), "pictures need matplotlib: pip install 'gputsne[plot]'"
    if subject.Y is None:
        return (), "there is no map to draw"
    if subject.Y.shape[1] > 3:
        return (), f"a map of {subject.Y.shape[1]} axes can't be drawn"
    found = [_by_label(subject)]
    for name, caption in SCORES.items():
        estimate = estimates.get(name)
        if estimate is not None and estimate.scores is not None and estimate.rows is not None:
            found.append(_by_score(subject, name, estimate, caption.format(k=subject.k)))
    if subject.run.get("kl_history"):
        found.append(_kl_curve(subject.run["kl_history"]))
    return tuple(found), ""


def _by_label(subject: Subject) -> Figure:
    Y, n = subject.Y, subject.n
    legends: list[list[tuple[str, str]]] = []
    drawn = "all points" if n <= MOST_POINTS else f"{MOST_POINTS:,} of {n:,} points, at random"

    def draw(figure: Any, ax: Any) -> None:
        from gputsne.plotting import plot

        plot(Y, subject.labels, ax=ax, caption="", max_points=MOST_POINTS)
        legends.append(_taken_out(ax))

    by = {"none": "no labels were given", "values": "coloured by the labels' values",
          "categories": "coloured by label"}[subject.kind]  # fmt: skip
    bright, dark = _both(draw, _projection(Y))
    legend = [
        (name, (one, other) if one and other else ())
        for (name, one), (_, other) in zip(*legends, strict=True)
    ]
    return Figure(
        "The map", f"Map of {n:,} points, {by}",
        f"{drawn[:1].upper()}{drawn[1:]}; {by}. Axes and gaps between groups have no unit.",
        bright, dark, tuple(legend),
    )  # fmt: skip


def _by_score(subject: Subject, name: str, estimate: Estimate, caption: str) -> Figure:
    assert subject.Y is not None
    assert estimate.rows is not None
    Y, scores = subject.Y[estimate.rows], estimate.scores
    some = "" if len(Y) == subject.n else f" The {len(Y):,} points that were asked."

    def draw(figure: Any, ax: Any) -> None:
        from gputsne.plotting import plot

        plot(Y, scores, ax=ax, caption="", kind="values", vmin=0.0, vmax=1.0,
             max_points=MOST_POINTS)  # fmt: skip
        _taken_out(ax)

    bright, dark = _both(draw, _projection(Y))
    alt = f"{TITLES[name]}: the map, coloured by {name} from 0 (dark) to 1 (bright)"
    return Figure(TITLES[name], alt, f"{caption}{some}", bright, dark)


def _kl_curve(history: Any) -> Figure:
    steps, values = np.array(history, dtype=np.float64).T

    def draw(figure: Any, ax: Any) -> None:
        ink = "#222222" if figure.get_facecolor()[0] > 0.5 else "#e8e8e8"
        ax.set_position((0.12, 0.12, 0.86, 0.6))
        ax.plot(steps, values, color="#3b73c4", linewidth=1.8)
        ax.set_facecolor("none")
        ax.set_xlabel("iteration", color=ink)
        ax.set_ylabel("KL divergence", color=ink)
        ax.tick_params(colors=ink)
        for side, spine in ax.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(ink)

    bright, dark = _both(draw, None)
    alt = f"KL divergence over {int(steps[-1])} iterations, {values[-1]:.3f} at the end"
    caption = (
        "Flat at the end: the fit came to rest. It falls steeply where the early exaggeration ends."
    )
    return Figure("Descent of the fit", alt, caption, bright, dark)


def _projection(Y: Any) -> str | None:
    return "3d" if Y.shape[1] == 3 else None


def _taken_out(ax: Any) -> list[tuple[str, str]]:
    """Return the legend of a picture, which the page shows as text, and take all text out of it."""
    for text in [t for t in ax.texts if t.get_transform() is ax.transAxes]:
        text.remove()  # the caption, which the page has
    legend = ax.get_legend()
    if legend is None:
        return []
    rows = [
        (text.get_text().replace(r"\$", "$"), handle.get_markerfacecolor())
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    ]
    legend.remove()
    return [(text, "" if colour == "none" else str(colour)) for text, colour in rows]


def _both(draw: Callable[[Any, Any], None], projection: str | None) -> tuple[str, str]:
    """Return a picture on bright and on dark paper, as data of a page."""
    from matplotlib.figure import Figure as Canvas

    found = []
    for paper in (BRIGHT, DARK):
        canvas = Canvas(figsize=(SIDE, SIDE), facecolor=paper)
        ax = canvas.add_axes((0, 0, 1, 1), projection=projection)
        draw(canvas, ax)
        sink = io.BytesIO()
        canvas.savefig(
            sink, format="webp", dpi=DPI, bbox_inches="tight", pad_inches=0.1,
            pil_kwargs={"quality": QUALITY, "method": 4},
        )  # fmt: skip
        found.append(f"data:image/webp;base64,{base64.b64encode(sink.getvalue()).decode('ascii')}")
    return found[0], found[1]
