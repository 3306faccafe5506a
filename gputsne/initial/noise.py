"""The random first map: normal noise, one for each seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.random import generator
from gputsne.base.types import FloatArray
from gputsne.initial.scaling import SD

__all__ = ["random"]


def random(n: int, n_components: int = 2, *, random_state: Any = None) -> FloatArray:
    """Return a first map of normal noise with sd 1e-4.

    Parameters
    ----------
    n : int
        Points.
    n_components : int, default 2
        Map axes ``c``.
    random_state : int, RandomState, Generator or None
        Its seed.

    Returns
    -------
    array, shape (n, c), float32, C order
        A first map.

    Examples
    --------
    >>> random(100, random_state=0).shape
    (100, 2)
    """
    noise = generator(random_state).normal(0.0, SD, size=(n, n_components))
    return noise.astype(np.float32)
