"""The scale of a first map: sd 1e-4, a little noise, and noise alone where no axis is found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gputsne.base.types import FloatArray

__all__ = ["F64", "SD", "scaled"]

F64 = npt.NDArray[np.float64]
SD = 1e-4  # Kobak & Linderman (2021): small enough for the early phase to start from zero repulsion
JITTER = 0.01  # of SD, the share openTSNE uses: coincident points must not share one force for ever


def scaled(axes: F64, c: int, rng: np.random.Generator) -> FloatArray:
    """Bring the first axis to sd 1e-4, the others by the same factor, and add noise to all.

    Parameters
    ----------
    axes : array, shape (n, r), float64
        What a method found, ``r <= c``; the axes that are missing hold noise alone.
    c : int
        Map axes.
    rng : Generator
        Draws the noise.

    Returns
    -------
    array, shape (n, c), float32
        A first map.
    """
    n, found = axes.shape
    Y = rng.normal(0.0, SD, size=(n, c))
    sd = float(axes[:, 0].std()) if found else 0.0
    if sd > 0:
        Y *= JITTER
        Y[:, :found] += axes * (SD / sd)
    sd = float(Y[:, 0].std())
    return (Y * (SD / sd) if sd > 0 else Y).astype(np.float32)
