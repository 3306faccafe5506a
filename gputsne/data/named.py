"""Features with the names of their columns, in a form that TSNE takes as X.

So a model fitted from a file knows its columns as one fitted to a DataFrame does.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from gputsne.base.arrays import host
from gputsne.base.tables import stays_on_disk
from gputsne.base.types import Array

__all__ = ["NamedArray", "some_rows", "with_names"]


class NamedArray(np.ndarray[Any, Any]):
    """An array of shape (n, d) whose ``feature_names`` are the names of its d columns.

    Slices and results of arithmetic have none.
    """

    feature_names: tuple[str, ...] | None = None


def with_names(X: Any, names: Sequence[str] | None) -> Any:
    """Return X with the names of its columns; without names, or with twins among them, X itself.

    Parameters
    ----------
    X : array or scipy sparse matrix, shape (n, d)
        Not copied.
    names : sequence of str or None
        One name for each of the d columns.

    Returns
    -------
    array or sparse matrix, shape (n, d)
        With the attribute ``feature_names``.

    Examples
    --------
    >>> with_names(np.eye(2), ["a", "b"]).feature_names
    ('a', 'b')
    """
    if names is None or len(set(names)) < len(names) or stays_on_disk(X):  # which has its own
        return X
    named = copy(X) if hasattr(X, "tocsr") else X.view(NamedArray)
    named.feature_names = tuple(map(str, names))
    return named


def some_rows(X: Any, rows: Array) -> Any:
    """Return some rows of a table of any library, as the same kind of table.

    Parameters
    ----------
    X : array_like, DataFrame or sparse matrix, shape (n, d)
        The table.
    rows : array, shape (m,), int
        Their numbers.

    Returns
    -------
    array, DataFrame or sparse matrix, shape (m, d)
        Lists become arrays; names of columns stay.
    """
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "tocsr"):
        return X.tocsr()[rows]
    if hasattr(X, "column_names"):  # pyarrow's
        return X.take(rows)
    if hasattr(X, "columns"):  # polars and its like
        return X[rows.tolist()]
    some = host(X)[rows] if hasattr(X, "shape") else np.asarray(X)[rows]
    names = getattr(X, "feature_names", None)  # of an array that was read from a file with names
    return some if names is None else with_names(np.asarray(some), list(names))
