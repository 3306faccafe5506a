"""Placement of names beside points: no two overlap, each is near its place and covers little.

Units are those of paper: 1/72 inch. A name stands on its place, or off it with a line to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Paper", "placed"]

F64 = npt.NDArray[np.float64]
ANGLES = 24  # directions that are tried around a place
STEPS = 18  # distances that are tried, growing in proportion
ROUNDS = 3  # times that each name is placed again, the others given
GAP = 2.0  # least distance of two names
OFF = 5.0  # least length of a line
COVERING = 25.0  # cost of covering points alone, in letter heights of distance
TOUCHING = 12.0  # cost of covering any point at all, where names stand off them
CROSSING = 6.0  # cost of a line that crosses another one or another name


@dataclass(frozen=True, eq=False)
class Paper:
    """The picture that names are placed on.

    Attributes
    ----------
    box : tuple of float
        Left, right, bottom and top of where names may stand.
    ink : array, shape (rows, columns), float64
        Share of each cell that points cover, row 0 at the bottom.
    corner : tuple of float
        Left and bottom of ``ink``.
    cell : float
        Side of its cells.
    """

    box: tuple[float, float, float, float]
    ink: F64
    corner: tuple[float, float]
    cell: float

    @cached_property
    def _total(self) -> F64:
        """Ink left of and below each corner of a cell."""
        return np.pad(self.ink.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))

    def covered(self, low: F64, high: F64) -> F64:
        """Return the mean ink in boxes from ``low`` to ``high``, each of shape (m, 2)."""
        total = self._total
        most = np.array([self.ink.shape[1], self.ink.shape[0]])
        first = np.clip(np.floor((low - self.corner) / self.cell), 0, most).astype(np.int64)
        last = np.clip(np.ceil((high - self.corner) / self.cell), 0, most).astype(np.int64)
        held = (
            total[last[:, 1], last[:, 0]] - total[first[:, 1], last[:, 0]]
            - total[last[:, 1], first[:, 0]] + total[first[:, 1], first[:, 0]]
        )  # fmt: skip
        area: F64 = np.prod((high - low) / self.cell, axis=1)
        return held / np.maximum(area, 1.0)


def placed(
    places: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], paper: Paper, *,
    on: bool,
) -> F64:  # fmt: skip
    """Return where the middle of each name stands.

    Parameters
    ----------
    places : sequence of (float, float)
        What each name belongs to, the most important first.
    sizes : sequence of (float, float)
        Width and height of each.
    paper : Paper
        Where they may stand, and what they would cover.
    on : bool
        Whether a name may stand on its place. Otherwise it stands off the points.

    Returns
    -------
    array, shape (k, 2), float64
        NaN for a name that has no room.
    """
    k = len(places)
    anchors, boxes = (
        np.asarray(places, dtype=np.float64).reshape(k, 2),
        np.asarray(sizes).reshape(k, 2),
    )
    found = np.full((k, 2), np.nan)
    if not k:
        return found
    height = float(np.median(boxes[:, 1]))
    for touching in (0.0,) if on else (TOUCHING, 0.0):  # rather on points than not at all
        options = [_options(anchors[i], boxes[i], paper, height, on, touching) for i in range(k)]
        found = _in_rounds(options, anchors, boxes, on=on)
        if not np.isnan(found).any():
            break
    return found


def _in_rounds(options: list[tuple[F64, F64]], anchors: F64, boxes: F64, *, on: bool) -> F64:
    """Return where each name stands, each placed again with regard to all others."""
    found = np.full((len(options), 2), np.nan)
    for _ in range(ROUNDS):
        before = found.copy()
        for i, (centres, costs) in enumerate(options):
            found[i] = np.nan
            if len(centres):
                found[i] = _best(i, centres, costs, anchors, boxes, found, on=on)
        if np.array_equal(before, found, equal_nan=True):
            break
    return found


def _options(
    anchor: F64, size: F64, paper: Paper, height: float, on: bool, touching: float
) -> tuple[F64, F64]:
    """Return where a name could stand, and what that costs whatever the others do."""
    turn = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    way = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    with np.errstate(divide="ignore"):
        reach = np.minimum(size[0] / 2 / np.abs(way[:, 0]), size[1] / 2 / np.abs(way[:, 1]))
    left, right, bottom, top = paper.box
    far = max(right - left, top - bottom)
    steps = np.geomspace(max(OFF, 0.6 * height), far, STEPS)
    centres = anchor + ((steps[:, None] + reach)[..., None] * way).reshape(-1, 2)
    distance = np.repeat(steps, ANGLES) / height
    centres, distance = np.concatenate([[anchor], centres]), np.concatenate([[0.0], distance])
    low, high = centres - size / 2, centres + size / 2
    inside: npt.NDArray[np.bool_] = np.all((low >= (left, bottom)) & (high <= (right, top)), axis=1)
    covered = paper.covered(low - GAP, high + GAP)
    weight = COVERING if not on else COVERING / 10
    cost = distance + weight * covered + touching * (covered > 0.0)
    if on:
        cost[0] = 0.0
        cost[1:] += 2.0  # a line is worth avoiding
    # A name on its place may reach over an edge, but to the right, where the legend stands, only
    # where it has no other place.
    inside[0] = on and bool(high[0, 0] <= right + GAP or not inside[1:].any())
    return centres[inside], cost[inside]


def _best(
    i: int, centres: F64, costs: F64, anchors: F64, boxes: F64, found: F64, *, on: bool
) -> F64:
    """Return the cheapest place of a name that overlaps no other; NaN where there is none."""
    others = np.flatnonzero(~np.isnan(found[:, 0]))
    if not len(others):
        return np.asarray(centres[np.argmin(costs)])
    over = np.ones((len(centres), len(others)), dtype=bool)
    for axis in (0, 1):
        apart = np.abs(centres[:, axis, None] - found[others, axis])
        over &= apart < (boxes[i, axis] + boxes[others, axis]) / 2 + GAP
    free = ~over.any(axis=1)
    if not free.any():
        return np.full(2, np.nan)
    centres, costs = centres[free], costs[free]
    if on:  # a name on its place doesn't give way to the line of a less important one
        others = others[others < i]
    start = np.broadcast_to(anchors[i], centres.shape)
    crossed = _crossings(start, centres, anchors[others], found[others])
    half = boxes[others] / 2
    low, high = found[others] - half, found[others] + half
    own_low, own_high = centres - boxes[i] / 2, centres + boxes[i] / 2
    crossed += _through(start, centres, low, high).sum(axis=1)
    crossed += _through(anchors[others], found[others], own_low, own_high).sum(axis=0)
    return np.asarray(centres[np.argmin(costs + CROSSING * crossed)])


def _crossings(a: F64, b: F64, c: F64, d: F64) -> F64:
    """Return how many of the lines c-d each line a-b crosses, shape (len(a),)."""

    def side(p: F64, q: F64, r: F64) -> F64:
        cross: F64 = (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (
            r[..., 0] - p[..., 0]
        )
        return cross

    a, b, c, d = a[:, None], b[:, None], c[None], d[None]
    parted = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    count: F64 = parted.sum(axis=1).astype(np.float64)
    return count


def _through(a: F64, b: F64, low: F64, high: F64) -> F64:
    """Tell which lines a-b pass through which boxes, shape (len(a), len(low))."""
    enter, leave = np.zeros((len(a), len(low))), np.ones((len(a), len(low)))
    for axis in (0, 1):
        step = (b - a)[:, axis, None]
        step = np.where(np.abs(step) < 1e-12, 1e-12, step)
        start = a[:, axis, None]
        first, last = (low[:, axis] - start) / step, (high[:, axis] - start) / step
        np.maximum(enter, np.minimum(first, last), out=enter)
        np.minimum(leave, np.maximum(first, last), out=leave)
    through: F64 = (enter < leave).astype(np.float64)
    return through
