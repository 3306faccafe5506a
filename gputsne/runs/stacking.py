"""Several inputs as one table: whether their columns are alike, and their rows below each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gputsne.base.types import Array
from gputsne.data import BadInput, Data
from gputsne.data.table import counted, format_of
from gputsne.runs.streams import Source

__all__ = ["check_alike", "found_by_name", "have_twins", "joined", "stacked"]


def found_by_name(first: Data, source: Source) -> bool:
    """Tell whether the columns of the first input can be looked for by name in another."""
    named = first.names is not None and not have_twins(first.names)
    return named and format_of(source.path) not in (".npy", ".npz")


def have_twins(names: Sequence[str] | None) -> bool:
    """Tell whether a name stands for several columns."""
    return names is not None and len(set(names)) < len(names)


def check_alike(table: Data, source: Source, first: Data, first_source: Source) -> None:
    """Raise BadInput unless an input has the columns of the first."""
    if table.X.shape[1] != first.X.shape[1]:
        raise BadInput(
            f"{source.name} has {counted(table.X.shape[1], 'feature')}, {first_source.name} has "
            f"{first.X.shape[1]}: several inputs need the same columns"
        )
    if have_twins(first.names) and table.names != first.names:
        raise BadInput(
            f"{source.name} has other columns than {first_source.name}, some of whose names are "
            "there twice: such inputs need the same columns in the same order"
        )


def joined(parts: Sequence[Data]) -> Data:
    """Return tables one below the other."""
    matrices = [part.X for part in parts]
    if any(hasattr(X, "tocsr") for X in matrices):
        from scipy import sparse

        X: Any = sparse.vstack([sparse.csr_matrix(X) for X in matrices], format="csr")
    else:
        X = np.concatenate(matrices)
    labels = None if parts[0].labels is None else stacked([_side(p.labels) for p in parts])
    ids = None if parts[0].ids is None else stacked([_side(p.ids) for p in parts])
    return replace(parts[0], X=X, labels=labels, ids=ids)


def _side(values: Array | None) -> Array:
    return np.empty(0, dtype=object) if values is None else values


def stacked(parts: Sequence[Array]) -> Array:
    """Return columns one below the other; as text where one is text and another is not.

    Parameters
    ----------
    parts : sequence of array, shape (n,)
        At least one.

    Returns
    -------
    array, shape (sum of n,)
    """
    if len(parts) == 1:
        return parts[0]
    kinds = {"text" if part.dtype.kind in "OUS" else "numbers" for part in parts}
    if len(kinds) > 1:
        parts = [
            part if part.dtype.kind in "OUS" else np.array(list(map(str, part.tolist())), object)
            for part in parts
        ]
    return np.concatenate(parts)
