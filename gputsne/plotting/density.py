"""Densities of a map: every point counted into pixels, as a coloured image and as outlines.

Where a million points would cover each other, each pixel shows how many there are by its opacity,
and of which labels by the mean of their colours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gputsne.base.colours import mixable, unmixed
from gputsne.base.types import Array, FloatArray

__all__ = ["Frame", "outlines", "shaded"]

F64 = npt.NDArray[np.float64]
Frame = tuple[float, float, float, float]
"""Left, right, bottom and top of a picture, in units of the map."""

FAINTEST = 0.30  # opacity of a pixel with a single point, where others have many
OUTLINE_CELLS = 200  # along each side, for outlines
OUTLINE_BLUR = 0.02  # of the longer side: standard deviation of an outline's smoothing
WITHIN = (0.5, 0.9)  # shares of a category's points that its outlines enclose
FEW = 30  # a category with fewer points has no outline


def shaded(
    Y: FloatArray, colours: Sequence[str], place: Array, frame: Frame, shape: tuple[int, int], *,
    blur: float, faintest: float = FAINTEST,
) -> F64:  # fmt: skip
    """Return an image of all points.

    Parameters
    ----------
    Y : array, shape (n, 2), float32
        The map.
    colours : sequence of str
        As ``#rrggbb``.
    place : array, shape (n,), int
        Each point's place in ``colours``.
    frame : Frame
        What the image covers.
    shape : tuple of int
        Rows and columns of the image.
    blur : float
        Standard deviation in pixels by which each point is spread.
    faintest : float
        Opacity of a single point, in [0, 1].

    Returns
    -------
    array, shape (rows, columns, 4), float64
        Red, green, blue and opacity in [0, 1], row 0 at the bottom. Opacity grows with the
        logarithm of the count; colours are mixed in linear light.
    """
    from scipy.ndimage import gaussian_filter

    cell = _cells(Y, frame, shape)
    light = mixable(colours)[place]
    sums = [
        np.bincount(cell, weights, minlength=shape[0] * shape[1]).reshape(shape)
        for weights in (None, *light.T)
    ]
    count, *channels = [gaussian_filter(s.astype(np.float64), blur, mode="constant") for s in sums]
    one = 1.0 / max(1.0, 2 * np.pi * blur**2)  # the peak of a single point
    seen = count > one * 1e-3
    image = np.zeros((*shape, 4))
    mean = np.stack([c[seen] for c in channels], axis=1) / count[seen][:, None]
    image[seen, :3] = unmixed(mean)
    most = float(count.max()) / one
    grown = np.log1p(count[seen] / one) / np.log1p(max(most, 1.0))
    fade = np.minimum(1.0, count[seen] / one)  # towards the edge of a single point
    image[seen, 3] = np.clip(fade * (faintest + (1 - faintest) * grown), 0.0, 1.0)
    return image


def outlines(
    Y: FloatArray, codes: Array, categories: Sequence[int], frame: Frame
) -> dict[int, tuple[F64, tuple[float, ...]]]:
    """Return the smoothed density of each category, and the levels to draw its outlines at.

    Parameters
    ----------
    Y : array, shape (n, 2), float32
        The map.
    codes : array, shape (n,), int
        Each point's category.
    categories : sequence of int
        Those wanted; one of fewer than 30 points has no outline.
    frame : Frame
        What the grid covers.

    Returns
    -------
    dict of int to (array, tuple of float)
        Of each category its density on a grid of square cells, row 0 at the bottom, and ascending
        levels: of the lowest, the outline encloses nine tenths of the category's points, of the
        next one half of them.
    """
    from scipy.ndimage import gaussian_filter

    width, height = frame[1] - frame[0], frame[3] - frame[2]
    longer = max(width, height)
    rows, columns = (max(8, round(OUTLINE_CELLS * s / longer)) for s in (height, width))
    cell = _cells(Y, frame, (rows, columns))
    found = {}
    for code in categories:
        own = cell[codes == code]
        if len(own) < FEW:
            continue
        counts = np.bincount(own, minlength=rows * columns).reshape(rows, columns)
        smooth = gaussian_filter(counts.astype(np.float64), OUTLINE_BLUR * OUTLINE_CELLS)
        at_points = np.sort(smooth.ravel()[own])
        levels = {float(at_points[int((1 - share) * (len(own) - 1))]) for share in WITHIN}
        found[code] = (smooth, tuple(sorted(level for level in levels if level > 0)))
    return found


def _cells(Y: FloatArray, frame: Frame, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Return the number of each point's pixel, row by row from the bottom."""
    rows, columns = shape
    x = (Y[:, 0].astype(np.float64) - frame[0]) / (frame[1] - frame[0]) * columns
    y = (Y[:, 1].astype(np.float64) - frame[2]) / (frame[3] - frame[2]) * rows
    column = np.clip(x.astype(np.int64), 0, columns - 1)
    row = np.clip(y.astype(np.int64), 0, rows - 1)
    return row * columns + column
