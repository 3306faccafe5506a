"""Alternative texts: what a picture shows, in words, for who can't see it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gputsne.plotting.chart import Chart, Line
from gputsne.plotting.labels import Labels, blank, largest
from gputsne.plotting.scene import Scene
from gputsne.plotting.ticks import date_ticks, ends

__all__ = ["alt_of"]

NAMED = 10  # categories that the text names at most: a screen reader reads them all
LONG = 60  # characters of a name
SOMEWHERE = 0.6  # least share of a category's points that lie in one ninth, for it to be named
PLACES = (
    "lower left", "bottom", "lower right", "left", "middle", "right",
    "upper left", "top", "upper right",
)  # fmt: skip


def alt_of(panel: Scene | Chart) -> str:
    """Return the alternative text of a map or a chart.

    Parameters
    ----------
    panel : Scene or Chart
        What is drawn.

    Returns
    -------
    str
        For instance ``'Map of 1,797 points, coloured by digit: 10 categories. 3 (183 points, top),
        ...'``: the ten largest categories, and where those are of which most lie in one ninth of
        the picture.
    """
    if isinstance(panel, Chart):
        return _of_chart(panel)
    n, labels = len(panel.Y), panel.labels
    kind = {1: "One-dimensional map", 3: "Three-dimensional map"}.get(
        1 if panel.one_dimensional else panel.Y.shape[1], "Map"
    )
    title = f"{_short(panel.title)}. " if panel.title else ""
    what = f"{title}{kind} of {_counted(n)}"
    if n > 1 and not np.ptp(panel.Y, axis=0).any():
        what += ", all in one place"
    by = f" by {_short(labels.title)}" if labels.title else ""
    if labels.kind == "none":
        return f"{what}, without labels."
    if labels.kind == "values":
        return f"{what}, coloured{by or ' by values'} {_range(labels)}.{_grey(labels)}"
    counts = labels.counts()
    total = int((counts > 0).sum())
    named = largest(counts, NAMED)
    where = _places(panel, named)
    parts = [
        f"{_short(labels.names[i])} ({_counted(int(counts[i]))}{where[i]})"
        for i in sorted(named, key=lambda i: (-counts[i], i))
    ]
    most = "The largest: " if total > len(named) else ""
    kinds = f"{total:,} categor{'y' if total == 1 else 'ies'}"
    return f"{what}, coloured{by or ' by label'}: {kinds}. {most}{', '.join(parts)}.{_grey(labels)}"


def _range(labels: Labels) -> str:
    low, high = labels.limits
    if labels.dates:
        _, texts = date_ticks(low, high)
        return f"from {texts[0]} to {texts[-1]}"
    first, last = ends(low, high)
    return f"from {first} to {last}" if low < high else f"that are all {first}"


def _grey(labels: Labels) -> str:
    """Return how many points have no colour, and why."""
    missing = int(labels.missing.sum())
    are = "is" if missing == 1 else "are"
    return f" {_counted(missing)} {are} grey: {labels.missing_name}." if missing else ""


def _counted(points: int) -> str:
    return f"{points:,} point{'' if points == 1 else 's'}"


def _places(scene: Scene, named: list[int]) -> dict[int, str]:
    """Return in which ninth of the picture a category lies, if most of it lies in one."""
    Y = scene.Y.astype(np.float64)
    low, span = Y.min(axis=0), np.ptp(Y, axis=0)
    if scene.Y.shape[1] == 3 or not span.any():
        return dict.fromkeys(named, "")
    share = np.divide(Y - low, span, out=np.full(Y.shape, 0.5), where=span > 0)
    third: npt.NDArray[np.int64] = np.clip(share * 3, 0, 2).astype(np.int64)
    ninth = third[:, 1] * 3 + third[:, 0]
    found = {}
    for code in named:
        held = np.bincount(ninth[scene.labels.codes == code], minlength=9)
        sure = held.max() >= SOMEWHERE * held.sum()
        found[code] = f", {PLACES[int(held.argmax())]}" if sure else ""
    return found


def _of_chart(chart: Chart) -> str:
    lines = [_short(mark.name) for mark in chart.marks if isinstance(mark, Line) and mark.name]
    title = f"{_short(chart.title)}. " if chart.title else ""
    curves = f" Curves: {', '.join(lines[:NAMED])}." if lines else ""
    return f"{title}Chart of {chart.y.title} over {chart.x.title}.{curves}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    words = words or blank(text)
    return words if len(words) <= LONG else words[: LONG - 1] + "…"
