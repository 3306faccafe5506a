"""A chart: curves, areas, dots or a density over two axes that mean something, for both renderers.

Twin: scene.py settles maps, whose axes mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gputsne.plotting.theme import LIGHT, Theme

__all__ = ["Axis", "Chart", "Density", "Dots", "Line", "Region", "Rule", "thinned"]

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes
    ----------
    title : str
        What the numbers are.
    log : bool
        Whether equal ratios have equal lengths.
    limits : tuple of float or None
        Its ends, the second at the top or the right; None for what the data take.
    ticks : tuple of (float, str) or None
        Places and what stands there; None leaves it to the renderer.
    """

    title: str = ""
    log: bool = False
    limits: tuple[float, float] | None = None
    ticks: tuple[tuple[float, str], ...] | None = None


@dataclass(frozen=True, eq=False)
class Line:
    """A curve through points.

    Attributes
    ----------
    x, y : array, shape (m,), float64
        Its points.
    colour : str
        As ``#rrggbb``.
    name : str
        In the legend; "" keeps it out.
    dots : bool
        Whether its points are marked.
    """

    x: F64
    y: F64
    colour: str
    name: str = ""
    dots: bool = False


@dataclass(frozen=True, eq=False)
class Region:
    """The inside of an outline.

    Attributes
    ----------
    x, y : array, shape (m,), float64
        The outline, its first point not repeated.
    colour : str
        As ``#rrggbb``.
    name : str
        Shown where the pointer is over it.
    """

    x: F64
    y: F64
    colour: str
    name: str = ""


@dataclass(frozen=True, eq=False)
class Dots:
    """Points.

    Attributes
    ----------
    x, y : array, shape (m,), float64
        Where they are.
    colour : str
        As ``#rrggbb``.
    """

    x: F64
    y: F64
    colour: str


@dataclass(frozen=True, eq=False)
class Density:
    """How many points lie in each cell of a grid, on a logarithmic scale of colours.

    Attributes
    ----------
    x_edges : array, shape (a + 1,), float64
        Borders of the cells.
    y_edges : array, shape (b + 1,), float64
        Borders of the cells.
    counts : array, shape (b, a), int64
        Points in each; cells of none are left as paper.
    scale : tuple of str
        Colours from one point to the most.
    name : str
        What is counted.
    """

    x_edges: F64
    y_edges: F64
    counts: npt.NDArray[np.int64]
    scale: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Rule:
    """A straight line across the whole chart, named outside of it.

    Attributes
    ----------
    at : float
        Where, on the axis that it crosses.
    name : str
        Stands at its upper or right end.
    colour : str
        As ``#rrggbb``.
    across : str
        The axis it crosses: "x" for an upright line, "y" for a level one.
    """

    at: float
    name: str
    colour: str
    across: str = "x"


@dataclass(frozen=True, eq=False)
class Chart:
    """One chart.

    Attributes
    ----------
    marks : tuple
        Lines, regions, dots, densities and rules, the lowest first.
    x, y : Axis
        The axes.
    title, caption : str
        Texts above and below, "" for none.
    theme : Theme
        Colours of paper and text.
    size : tuple of float
        Width and height of the axes, inches.
    """

    marks: tuple[Line | Region | Dots | Density | Rule, ...]
    x: Axis
    y: Axis
    title: str = ""
    caption: str = ""
    theme: Theme = LIGHT
    size: tuple[float, float] = (6.0, 3.8)

    def texts(self) -> list[str]:
        """Return everything that is written."""
        ticks = [text for axis in (self.x, self.y) for _, text in axis.ticks or ()]
        names = [mark.name for mark in self.marks if not isinstance(mark, Dots)]
        return [self.title, self.caption, self.x.title, self.y.title, *ticks, *names]


def thinned(y: npt.NDArray[np.floating], most: int, *, log: bool = False) -> npt.NDArray[np.int64]:
    """Return which points of a long curve are drawn: its ends and evenly spread ones between.

    Parameters
    ----------
    y : array, shape (m,)
        The curve.
    most : int
        Points to keep; a shorter curve keeps all.
    log : bool
        Whether they are spread evenly over the logarithm of their number, counted from 1.

    Returns
    -------
    array, shape (at most ``most``,), int64
        Ascending.
    """
    m = len(y)
    if m <= most:
        return np.arange(m)
    at = np.geomspace(1, m, most) - 1 if log else np.linspace(0, m - 1, most)
    return np.unique(np.rint(at).astype(np.int64))
