"""Features with the names of their columns, in a form that TSNE takes as X.

So a model fitted from a file knows its columns as one fitted to a DataFrame does.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

__all__ = ["NamedArray", "with_names"]


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
    if names is None or len(set(names)) < len(names):
        return X
    named = copy(X) if hasattr(X, "tocsr") else X.view(NamedArray)
    named.feature_names = tuple(map(str, names))
    return named
