"""What may stand for X: AnnData objects give the matrix that they hold."""

from __future__ import annotations

from typing import Any

__all__ = ["matrix_of"]

PCA = "X_pca"  # where scanpy puts principal components


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
