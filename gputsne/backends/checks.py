"""What every backend refuses of P before it follows an index of it."""

from __future__ import annotations

import numpy as np

from gputsne.base.types import Affinities

__all__ = ["check_form"]


def check_form(P: Affinities) -> None:
    """Refuse a P whose arrays are no CSR matrix by type and length.

    Parameters
    ----------
    P : Affinities
        Joint probabilities, on a device or not; what the arrays hold is not looked at.

    Raises
    ------
    ValueError
        With array, type and shape.
    """
    for name, a, dtype in (
        ("indptr", P.indptr, np.int64),
        ("indices", P.indices, np.int32),
        ("data", P.data, np.float32),
    ):
        if a.dtype != dtype or a.ndim != 1:
            raise ValueError(
                f"P.{name} has dtype {a.dtype} and shape {a.shape}, needs {np.dtype(dtype)} and "
                "one axis"
            )
    if P.n < 0:
        raise ValueError("P.indptr has 0 offsets; pass one more than there are points")
    if P.data.shape != (P.nnz,):
        raise ValueError(f"P.data has shape {P.data.shape}, needs ({P.nnz},)")
