"""What may stand for X: AnnData objects give the matrix that they hold, arrays on disk a source."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.data import open_source
from gputsne.data.sources.opening import reads_slices

__all__ = ["from_disk", "matrix_of"]

PCA = "X_pca"  # where scanpy puts principal components


def from_disk(X: Any, *, mapped: bool = True) -> Any:
    """Return X that lies on disk as a source, which is read by blocks; other X as it is.

    Parameters
    ----------
    X : object
        What was passed as X: arrays of zarr and h5py, and memmaps, of rows.
    mapped : bool
        Whether memmaps count; a GPU takes them as arrays.

    Returns
    -------
    object
        A ``Source``, or X. What is no table of numbers is left to the reader of tables to refuse.
    """
    memmap = mapped and type(X) is np.memmap
    if not (memmap or reads_slices(X)):
        return X
    table = len(X.shape) == 2 and min(X.shape) > 0 and np.dtype(X.dtype).kind in "biuf"
    return open_source(X) if table else X


def matrix_of(X: Any) -> Any:
    """Return the matrix of an AnnData object: ``obsm["X_pca"]``, else ``.X``; other X as it is.

    Parameters
    ----------
    X : object
        What was passed as X; AnnData is known by its attributes ``obsm``, ``obs`` and ``X``.

    Returns
    -------
    object
        Something that the preparation reads.

    Raises
    ------
    ValueError
        The object holds neither.
    """
    if not all(hasattr(X, name) for name in ("obsm", "obs", "X")):
        return X
    if PCA in X.obsm:
        return X.obsm[PCA]
    if X.X is None:
        have = ", ".join(f"obsm[{name!r}]" for name in X.obsm) or "nothing in obsm"
        raise ValueError(
            f"this AnnData has no obsm['{PCA}'] and no X; it has {have}: pass one of those"
        )
    return X.X
