"""Numbers between numpy and arrow without pandas, which pyarrow's own conversions import."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gputsne.base.types import Array

__all__ = ["floats_of", "to_arrow"]

FLOATS: Final[dict[str, Any]] = {"float": np.float32, "double": np.float64}


def floats_of(column: Any) -> Array:
    """Return an array of arrow's as numpy's; NaN where a float or an integer is null.

    Parameters
    ----------
    column : pyarrow.Array
        Of any type; only floats of 4 and 8 bytes go without pandas.

    Returns
    -------
    array
        As ``column.to_numpy(zero_copy_only=False)``; it may not be writeable.
    """
    dtype = FLOATS.get(str(column.type))
    if dtype is None or not len(column):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    valid, data = column.buffers()
    there = slice(column.offset, column.offset + len(column))
    values: Array = np.frombuffer(data, dtype, count=there.stop)[there]
    if column.null_count == 0:
        return values
    present = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[there]
    values = values.copy()
    values[present == 0] = np.nan
    return values


def to_arrow(values: Array) -> Any:
    """Return a numpy array as arrow's; floats of 4 and 8 bytes without pandas.

    Parameters
    ----------
    values : array, shape (n,)
        Its memory is shared where it is contiguous.

    Returns
    -------
    pyarrow.Array
        As ``pyarrow.array(values)``: NaN stays NaN.
    """
    import pyarrow as pa

    values = np.ascontiguousarray(values)
    if values.dtype not in (np.float32, np.float64):
        return pa.array(values)
    kind = pa.float32() if values.dtype == np.float32 else pa.float64()
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
