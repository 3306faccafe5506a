"""The refusal of NaN and infinity in the file's own words: which columns hold them.

The estimator finds them; this looks again, only then, for what the columns are called in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from gputsne.base.tables import stays_on_disk
from gputsne.base.types import Array
from gputsne.data import BadInput, Data
from gputsne.data.table import counted
from gputsne.preparation.checks import first_bad

__all__ = ["nonfinite_as_bad_input"]

_BLOCK: Final = 1 << 20  # numbers looked at in one go
_SHOWN: Final = 8  # columns named in a message


@contextmanager
def nonfinite_as_bad_input(
    source: str, table: Data, *, imputed: bool, remedy: str
) -> Iterator[None]:
    """Turn the refusal of a table with NaN or infinity into one that names the file's columns.

    Parameters
    ----------
    source : str
        What the message calls what the table was read from.
    table : Data
        What is fitted or placed inside the block.
    imputed : bool
        Whether NaN is filled, so that only infinity can be in the way.
    remedy : str
        What to do about NaN besides removing the rows.

    Raises
    ------
    BadInput
        In place of a ValueError inside the block, where the table holds such values.
    """
    try:
        yield
    except ValueError as error:
        said = _not_finite(source, table, imputed, remedy)
        if said is None:
            raise
        raise BadInput(said) from error


def _not_finite(source: str, table: Data, imputed: bool, remedy: str) -> str | None:
    if table.X.dtype.kind != "f":
        return None
    nan, inf = _counts(table.X)
    if imputed:
        nan[:] = 0
    bad = np.flatnonzero(nan + inf)
    if not bad.size:
        return None
    what = [counted(int(nan.sum()), "missing value") + " (NaN)"] if nan.any() else []
    what += [counted(int(inf.sum()), "infinite value")] if inf.any() else []
    where = ", ".join(table.called(int(j)) for j in bad[:_SHOWN])
    more = f", ... ({bad.size} columns)" if bad.size > _SHOWN else ""
    do = "correct or remove those rows" if inf.any() else f"remove those rows, or {remedy}"
    noun = "column" if bad.size == 1 else "columns"
    more += (
        f", the first in {first_bad(table.X, nan_allowed=imputed)}"
        if stays_on_disk(table.X)
        else ""
    )
    return f"{source} has {' and '.join(what)} in {noun} {where}{more}: {do}"


def _counts(X: Any) -> tuple[Array, Array]:
    """Return how many NaN and infinities each column holds, each of shape (d,)."""
    d = X.shape[1]
    if hasattr(X, "tocsr"):
        nan, inf = (X.indices[test(X.data)] for test in (np.isnan, np.isinf))
        return np.bincount(nan, minlength=d), np.bincount(inf, minlength=d)
    nan, inf = np.zeros(d, np.int64), np.zeros(d, np.int64)
    step = max(1, _BLOCK // max(d, 1))
    for start in range(0, X.shape[0], step):
        block = X[start : start + step]
        nan += np.isnan(block).sum(axis=0)
        inf += np.isinf(block).sum(axis=0)
    return nan, inf
