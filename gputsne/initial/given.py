"""A first map that the user brings: checked and copied, never rescaled."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.arrays import host
from gputsne.base.tables import read
from gputsne.base.types import FloatArray

__all__ = ["from_array"]


def from_array(init: Any, n: int, n_components: int, names: tuple[str, ...] = ()) -> FloatArray:
    """Return a user's array as a first map.

    Parameters
    ----------
    init : array_like, shape (n, n_components)
        Finite real numbers in float32's range.
    n, n_components : int
        The shape it must have.
    names : tuple of str
        Methods that a message offers instead.

    Returns
    -------
    array, shape (n, n_components), float32, C order
        A copy.

    Raises
    ------
    ValueError
        For another shape and for values that are not finite in float32.
    TypeError
        If it does not hold real numbers.
    """
    array = host(init)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        table = read(array, "init")
        array = table.values.toarray() if table.sparse else table.values
    if array.shape != (n, n_components):
        raise ValueError(
            f"init has shape {array.shape}: pass one row per point, ({n}, {n_components})"
        )
    with np.errstate(over="ignore"):
        Y = np.array(array, dtype=np.float32, order="C", copy=True)
    if not np.isfinite(Y).all():
        bad = int((~np.isfinite(Y)).sum())
        raise ValueError(f"init has {bad} values that are NaN, infinite or too large for float32")
    return Y
