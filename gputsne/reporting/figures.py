"""Figures of a report: pictures as data of the page, each for bright and for dark paper."""

from __future__ import annotations

import base64
import importlib.util
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from gputsne import plotting
from gputsne.base.extras import pip_install
from gputsne.metrics.estimate import Estimate
from gputsne.plotting.layers import SHADED_FROM
from gputsne.reporting.subject import Subject

__all__ = ["Figure", "figures"]

BRIGHT, DARK = "#ffffff", "#1a2028"  # --card of the style, both ways
SIDE: Final = 4.6  # inches: letters of 10 points are legible where a phone shows 350 pixels of it
DPI: Final = 220.0
QUALITY: Final = 82  # of WebP; points at this size show no blocks, and a map takes 0.1 to 0.2 MB
SORTED: Final = 5_000_000  # distances that a curve of R_NX may sort, for bright and again for dark
LEAST: Final = 100  # points that are asked all the same
PAIRED: Final = 1000  # points whose pairs are drawn: half a million distances
FEW: Final = 10_000  # points up to which principal axes are drawn beside the map
CALLED: Final = {"map": "map", "pca": "principal axes"}
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


Legend = list[tuple[str, str]]  # names and their colours, "" for a line without one


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
        Maps, then charts.
    missing : str
        Why there is no picture of the map, or "".
    """
    if importlib.util.find_spec("matplotlib") is None:
        return (), f"pictures need matplotlib: {pip_install('plot')}"
    if subject.Y is None:
        return tuple(_charts(subject)), "there is no map to draw"
    if subject.Y.shape[1] > 3:
        return tuple(_charts(subject)), f"a map of {subject.Y.shape[1]} axes can't be drawn"
    found = [_by_label(subject)]
    for name, caption in SCORES.items():
        estimate = estimates.get(name)
        if estimate is not None and estimate.scores is not None and estimate.rows is not None:
            found.append(_by_score(subject, name, estimate, caption.format(k=subject.k)))
    return tuple([*found, *_charts(subject)]), ""


def _by_label(subject: Subject) -> Figure:
    Y, n = subject.Y, subject.n
    legends: list[Legend] = []
    drawn = "all points" if n <= MOST_POINTS else f"{MOST_POINTS:,} of {n:,} points, at random"
    most: int | None = MOST_POINTS
    if n > SHADED_FROM and Y is not None and Y.shape[1] == 2:
        most, drawn = None, f"all {n:,} points, as their density"
    more = " gputsne tiles makes pages of maps as large as this that can be zoomed into."

    def draw(figure: Any, ax: Any) -> None:
        plotting.plot(Y, subject.labels, ax=ax, caption="", max_points=most,
                      palette=subject.palette)  # fmt: skip
        legends.append(_taken_out(ax))

    by = {"none": "no labels were given", "values": "coloured by the labels' values",
          "categories": "coloured by label"}[subject.kind]  # fmt: skip
    bright, dark = _both(draw, _projection(Y))
    return Figure(
        "The map", f"Map of {n:,} points, {by}",
        f"{drawn[:1].upper()}{drawn[1:]}; {by}. Axes and gaps between groups have no unit."
        f"{more if n > MOST_POINTS else ''}",
        bright, dark, _legend(legends),
    )  # fmt: skip


def _by_score(subject: Subject, name: str, estimate: Estimate, caption: str) -> Figure:
    assert subject.Y is not None
    assert estimate.rows is not None
    Y, scores = subject.Y[estimate.rows], estimate.scores
    some = "" if len(Y) == subject.n else f" The {len(Y):,} points that were asked."

    def draw(figure: Any, ax: Any) -> None:
        plotting.plot(Y, scores, ax=ax, caption="", kind="values", vmin=0.0, vmax=1.0,
                      max_points=MOST_POINTS)  # fmt: skip
        _taken_out(ax)

    bright, dark = _both(draw, _projection(Y))
    alt = f"{TITLES[name]}: the map, coloured by {name} from 0 (dark) to 1 (bright)"
    return Figure(TITLES[name], alt, f"{caption}{some}", bright, dark)


def _charts(subject: Subject) -> list[Figure]:
    """Return the charts that there is something to draw of: what is measured, not where."""
    sample, seed = subject.sample, subject.random_state
    curve = None if sample is None else min(sample, max(LEAST, SORTED // subject.n))
    how: dict[str, Any] = {"metric": subject.metric, "metric_params": subject.metric_params}
    work: list[tuple[str, str, str, Callable[..., Any]]] = []
    if subject.kind == "categories":
        where = "input" if subject.X is not None else "map"
        work.append((
            f"Silhouettes in the {where}", "Silhouette of each point, sorted within its label",
            "Each band is a label, each point a line of it. Bands that lie below 0 or end left of "
            "the mean are mixed with others; very wide ones hold more than one kind.",
            partial(plotting.silhouettes, subject.vectors, subject.labels, sample=sample,
                    random_state=seed, palette=subject.palette),
        ))  # fmt: skip
    if subject.has_data and subject.Y is not None:
        drawn = ("map", "pca") if subject.n <= FEW else ("map",)
        maps = {CALLED[name]: subject.spaces[name] for name in drawn if name in subject.spaces}
        work.append((
            "Neighbourhoods of every size", "R_NX over the size of the neighbourhood",
            "1 keeps every neighbourhood of that size, 0 is a random map. Left are the nearest "
            "neighbours, right the layout as a whole.",
            partial(plotting.rnx_curves, subject.data, maps, sample=curve, random_state=seed,
                    **how),
        ))  # fmt: skip
        work.append((
            "Distances", "Distances on the map over distances in the data",
            "In units of their mean, with their median as a line. A map that keeps all distances "
            "in proportion is the diagonal; t-SNE does not try.",
            partial(plotting.shepard, subject.data, subject.Y, sample=min(subject.n, PAIRED),
                    random_state=seed, **how),
        ))  # fmt: skip
    if history := subject.run.get("kl_history"):
        early = (subject.run.get("parameters") or {}).get("early_exaggeration_iter")
        work.append((
            "Descent of the fit", f"KL divergence over {int(history[-1][0])} iterations",
            "Flat at the end: the fit came to rest. It falls steeply where the early exaggeration "
            "ends.",
            partial(plotting.kl_curves, history, after=early if isinstance(early, int) else None),
        ))  # fmt: skip
    found = []
    for title, alt, caption, draw in work:
        try:
            bright, dark = (_chart(draw, theme) for theme in ("light", "dark"))
        except ValueError:
            continue  # too few points, one class: the tables say why
        legend = _legend([bright[1], dark[1]])
        found.append(Figure(title, alt, caption, bright[0], dark[0], legend))
    return found


def _chart(draw: Callable[..., Any], theme: str) -> tuple[str, Legend]:
    """Return a chart as data of a page, its letters legible on a phone, and its legend."""
    figure = draw(theme=theme, title="", caption="", renderer="matplotlib")
    legend = [row for ax in figure.axes for row in _taken_out(ax)]
    width, height = figure.get_size_inches()
    figure.set_size_inches(SIDE, SIDE * min(1.0, max(0.6, height / width)))
    return _data(figure), legend


def _projection(Y: Any) -> str | None:
    return "3d" if Y.shape[1] == 3 else None


def _legend(legends: list[Legend]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return names with their colours on bright and on dark paper."""
    return tuple(
        (name, (one, other) if one and other else ())
        for (name, one), (_, other) in zip(*legends, strict=True)
    )


def _taken_out(ax: Any) -> Legend:
    """Return the legend of a picture, which the page shows as text, and take all text out of it."""
    for text in [t for t in ax.texts if t.get_transform() is ax.transAxes]:
        text.remove()  # the caption, which the page has
    legend = ax.get_legend()
    if legend is None:
        return []
    rows = [
        (text.get_text().replace(r"\$", "$"), _colour(handle))
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    ]
    legend.remove()
    return rows


def _colour(handle: Any) -> str:
    """Return the colour of a line of a legend as ``#rrggbb``, "" for one without."""
    from matplotlib.colors import to_hex

    line = handle.get_linestyle() not in ("None", "none")  # a curve, not a point
    colour = handle.get_color() if line else handle.get_markerfacecolor()
    return "" if isinstance(colour, str) and colour == "none" else str(to_hex(colour))


def _both(draw: Callable[[Any, Any], None], projection: str | None) -> tuple[str, str]:
    """Return a picture on bright and on dark paper, as data of a page."""
    from matplotlib.figure import Figure as Canvas

    found = []
    for paper in (BRIGHT, DARK):
        canvas = Canvas(figsize=(SIDE, SIDE), facecolor=paper)
        ax = canvas.add_axes((0, 0, 1, 1), projection=projection)
        draw(canvas, ax)
        found.append(_data(canvas))
    return found[0], found[1]


def _data(canvas: Any) -> str:
    """Return a picture as data of a page; its paper is the page's, whatever colour that has."""
    sink = io.BytesIO()
    canvas.savefig(
        sink, format="webp", dpi=DPI, bbox_inches="tight", pad_inches=0.1, transparent=True,
        pil_kwargs={"quality": QUALITY, "method": 4},
    )  # fmt: skip
    return f"data:image/webp;base64,{base64.b64encode(sink.getvalue()).decode('ascii')}"
