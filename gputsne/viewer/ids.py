"""Ids of points, as a page of the viewer finds and downloads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import printable, read_column, text_of

__all__ = ["keys_of"]

LARGEST = 2**32 - 1  # of a uint32, the widest number that a container has ids in


def keys_of(ids: Any, n: int) -> tuple[npt.NDArray[np.uint32] | list[str], str]:
    """Read what each point is called, as a page has it.

    Parameters
    ----------
    ids : array_like, shape (n,)
        Texts, numbers or dates.
    n : int
        Points.

    Returns
    -------
    keys : array of uint32 or list of str, shape (n,)
        Numbers, or texts where a uint32 can't hold all of them; "" where there is none.
    title : str
        What the page calls them.

    Raises
    ------
    TypeError, ValueError
        For what is no column of n values.
    """
    column = read_column(ids, n, name="ids")
    values = column.values
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= LARGEST:
        return values.astype(np.uint32), column.title or "id"
    cells: Any = zip(values.tolist(), column.missing, strict=True)
    if values.dtype.kind == "M":
        cells = zip(map(str, values.astype("M8[us]")), column.missing, strict=True)
    return ["" if gone else printable(text_of(v)) for v, gone in cells], column.title or "id"
