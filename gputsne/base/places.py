"""Places of a map in float32: maps far from the origin, tiny and huge ones keep their shape."""

from __future__ import annotations

import numpy as np

from gputsne.base.types import Array, FloatArray

__all__ = ["in_float32"]

FAR = 2.0**8
"""Times its width that a map may lie from the origin: float32 then tells 2^16 places along it."""

UNSCALED = 30
"""Powers of two of a map's width, either way, that stay as they are: their squares are far inside
float32, and lengths of 1e-12, which stand for none where names are placed, far below."""


def in_float32(Y: Array) -> FloatArray:
    """Return a map in float32, moved to the origin and scaled in float64 where that is needed.

    Axes of a map have no meaning, so that neither changes what it shows.

    Parameters
    ----------
    Y : array of int or float, shape (n, c)
        Finite; n >= 1.

    Returns
    -------
    array of float32, shape (n, c)
        A map near the origin and of a usual width as it is.
    """
    low, high = Y.min(axis=0).astype(np.float64), Y.max(axis=0).astype(np.float64)
    half = float((high / 2 - low / 2).max())  # of the width, which may be beyond float64
    reach = float(np.maximum(-low, high).max())
    exponent = int(np.frexp(half)[1])
    far = reach / 2 > FAR * half > 0
    odd = half > 0 and abs(exponent) > UNSCALED
    if not far and not odd:
        return np.ascontiguousarray(Y, dtype=np.float32)
    exact = Y.astype(np.float64)
    if far:
        exact -= low / 2 + high / 2
    return np.ascontiguousarray(np.ldexp(exact, -exponent) if odd else exact, dtype=np.float32)
