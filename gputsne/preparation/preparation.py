"""What ``prepare`` learned, as arrays, and how it is done again to new rows.

A row's result never depends on the other rows of its batch: everything is elementwise, except the
projection, which is computed in float64 on blocks of one fixed shape and then rounded to float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gputsne.base import threads
from gputsne.base.messages import warn_user
from gputsne.base.rows import BLOCK_NUMBERS, row_blocks
from gputsne.base.tables import Table, read
from gputsne.base.types import Array, FloatArray
from gputsne.preparation.checks import complain_if_not_finite

__all__ = ["Preparation"]

# Rows of one projection. BLAS may add in another order for another shape or at a block's edge;
# one padded shape, a multiple of every kernel's tile, leaves it no choice.
PROJECTION_ROWS = 256
# Sparse rows of one projection: scipy adds each row up alone, so this bounds memory only.
SPARSE_ROWS = 8192
SENT_NUMBERS = 1 << 26  # of rows that are sent to a device at a time: 256 MB of float32


@dataclass(frozen=True, eq=False)
class Preparation:
    """What ``prepare`` learned from X: ``((x - mean) / scale - pca_mean) @ components.T * factor``.

    Attributes
    ----------
    n_features_in : int
        ``d``, columns of X.
    feature_names : tuple of str or None
        Column names of the DataFrame that was fitted.
    fill : array, shape (d,), float64, or None
        What replaces NaN.
    mean, scale : array, shape (d,), float64, or None
        Centre and standard deviation of ``scale=True``; ``mean`` without ``scale`` is a shift that
        keeps float32 exact when the columns lie far from 0.
    pca_mean : array, shape (d,), float64, or None
        Centre of the principal components; None for sparse X.
    components : array, shape (d', d), float64, or None
        Principal axes, or right singular vectors of sparse X.
    factor : float
        A power of two that keeps squared distances inside float32; 1.0 for ordinary data. Distances
        between prepared rows are the user's distances times this factor.
    sent : bool
        Whether rows of main memory were sent to a device to be prepared: new ones are, too, so that
        a fitted row that comes back is the same to the bit. Not stored: a file may be read where
        there is no device, and there they are the same but for rounding.
    variance_ratio : float or None
        Share of the variance of X that ``components`` keep; NaN for rows that are all the same.
        Not stored.
    """

    n_features_in: int
    feature_names: tuple[str, ...] | None = None
    fill: Array | None = None
    mean: Array | None = None
    scale: Array | None = None
    pca_mean: Array | None = None
    components: Array | None = None
    factor: float = 1.0
    sent: bool = False
    variance_ratio: float | None = None

    @property
    def n_features_out(self) -> int:
        """Columns of the prepared rows, ``d'``."""
        return self.n_features_in if self.components is None else int(self.components.shape[0])

    def apply(self, X: Any, ops: Any = None) -> FloatArray:
        """Prepare new rows as the fitted ones were prepared.

        Parameters
        ----------
        X : array_like, DataFrame or sparse matrix, shape (m, d)
            New rows, with the columns of the fitted X.
        ops : Ops or None
            A backend; rows that lie on its device are prepared there, as by ``prepare``.

        Returns
        -------
        array, shape (m, d'), float32, C order
            Each row's values do not depend on the other rows, to the bit. On the device they are
            the same but for rounding, and stay there.

        Raises
        ------
        ValueError
            For another number or other names of columns, and for what ``prepare`` refuses.
        """
        there = None if ops is None or not self._goes_there else ops.given_rows(X)
        if there is not None and there.finite():
            self.check_columns(Table(there, None, sparse=False))
            return self.transform_there(there)
        table = read(X)
        self.check_columns(table)
        complain_if_not_finite(table, nan_allowed=self.fill is not None)
        sent = self._transform_sent(table, ops) if self.sent and ops is not None else None
        return self.transform_table(table) if sent is None else sent

    @property
    def changes_nothing(self) -> bool:
        """Whether rows stay as they are, but for the type of their numbers."""
        parts = (self.fill, self.mean, self.scale, self.components)
        return self.factor == 1.0 and all(part is None for part in parts)

    def transform_table(self, table: Table, out: FloatArray | None = None) -> FloatArray:
        """Apply what was learned to a table whose columns and values have been checked.

        Parameters
        ----------
        table : Table
            Of a source no more than a block is held.
        out : array, shape (n, d'), float32, or None
            Where the result is to be put; None for a new array.

        Returns
        -------
        array, shape (n, d'), float32
            ``out``; the table's own values where ``out`` is None and they need no change.
        """
        if table.on_disk:
            return self._transform_blocks_of(table, out)
        n = table.shape[0]
        values = table.values
        as_it_is = self.changes_nothing and not table.sparse and values.dtype == np.float32
        if as_it_is and out is None:
            return np.ascontiguousarray(values)
        out = np.empty((n, self.n_features_out), dtype=np.float32) if out is None else out
        if as_it_is:
            out[:] = values
            return out
        centred = self.mean is not None or self.pca_mean is not None
        done = self._sparse_block if table.sparse else self.dense_block
        if table.sparse and centred:  # learned of dense rows: zeros are values like others
            done = self._filled_block
        blocks = row_blocks(n, self.n_features_in)
        if self.components is not None:  # of a fixed number of rows, whatever they hold
            whole = table.sparse and not centred
            blocks = row_blocks(n, 1, SPARSE_ROWS if whole else PROJECTION_ROWS)

        def put(rows: slice) -> None:
            out[rows] = done(values[rows])

        jobs = threads.in_force()
        with threads.limit(1), np.errstate(over="ignore"):
            for _ in threads.in_order(put, blocks, jobs):
                pass
        for rows in row_blocks(*out.shape):
            if not np.isfinite(out[rows]).all():
                bad = int(np.flatnonzero(~np.isfinite(out[rows]).all(axis=1))[0])
                raise _too_large(rows.start + bad)
        return out

    def _transform_blocks_of(self, table: Table, out: FloatArray | None) -> FloatArray:
        """Apply it to a source; each row's values do not depend on the blocks, to the bit."""
        source = table.values
        mapped: FloatArray | None = source.mapped if out is None and self.changes_nothing else None
        if mapped is not None and mapped.dtype == np.float32:
            return mapped
        shape = (table.shape[0], self.n_features_out)
        out = np.empty(shape, dtype=np.float32) if out is None else out
        rows = max(PROJECTION_ROWS, BLOCK_NUMBERS // table.shape[1])
        for start, block in source.blocks(rows):
            part = out[start : start + len(block)]
            self.transform_table(Table(block, table.names, sparse=False), part)
        return out

    @property
    def _goes_there(self) -> bool:
        """Whether a device can do it: nothing to fill in, one centre, axes that have one."""
        if self.components is None:
            return self.fill is None
        one = self.pca_mean is not None and (self.mean is None or not self.pca_mean.any())
        return self.fill is None and one

    def _transform_sent(self, table: Table, ops: Any) -> FloatArray | None:
        """Send rows of main memory to a device and prepare them there; None where it can't.

        Blocks are halved until the device has room: what is prepared elsewhere has other bits.
        """
        numbers = SENT_NUMBERS
        while True:
            sent = self._transform_blocks(table, ops, numbers)
            if sent is not None or numbers < table.shape[1]:
                return sent
            numbers //= 2

    def _transform_blocks(self, table: Table, ops: Any, numbers: int) -> FloatArray | None:
        """Do that in blocks of so many numbers; None where the device takes none."""
        done, blocks = [], list(row_blocks(*table.shape, numbers))
        for rows in blocks:
            there = ops.sent_values(table.values[rows])
            if there is None:
                return None
            part = self.transform_there(there, rows.start)
            if len(blocks) == 1:
                return part
            done.append(np.asarray(part))
        return np.concatenate(done)

    def transform_there(self, there: Any, first: int = 0) -> FloatArray:
        """Apply what was learned to rows on a device; see ``transform_table``.

        Parameters
        ----------
        there : GivenRows
            Of a backend (``Ops.given_rows``, ``Ops.sent_values``).
        first : int
            What messages call the first of them.
        """
        mean = self.pca_mean if self.mean is None else self.mean
        rows, bad = there.prepared(mean, self.scale, self.components, self.factor)
        if bad >= 0:
            raise _too_large(first + bad)
        prepared: FloatArray = rows
        return prepared

    def dense_block(self, block: Array) -> Array:
        """Return some rows of a dense table as prepared, float64, before float32 rounds them.

        Parameters
        ----------
        block : array, shape (rows, d)
            At most ``PROJECTION_ROWS`` rows where there are ``components``.

        Returns
        -------
        array, shape (rows, d'), float64
            A new array.
        """
        X = block.astype(np.float64)
        if self.fill is not None:
            X = np.where(np.isnan(X), self.fill, X)
        if self.mean is not None:
            X -= self.mean
        if self.scale is not None:
            X /= self.scale
        if self.components is not None:
            padded = np.zeros((PROJECTION_ROWS, X.shape[1]))
            centre = 0.0 if self.pca_mean is None else self.pca_mean  # None: of sparse rows
            np.subtract(X, centre, out=padded[: X.shape[0]])
            padded *= self.factor  # before the products, which could overflow
            return (padded @ self.components.T)[: X.shape[0]]
        X *= self.factor
        return X

    def _filled_block(self, block: Any) -> Array:
        """Return some sparse rows prepared as dense ones."""
        return self.dense_block(block.toarray())

    def _sparse_block(self, block: Any) -> Array:
        X = block.astype(np.float64)  # a copy: what follows changes it in place
        if self.fill is not None:
            missing = np.isnan(X.data)
            X.data[missing] = self.fill[X.indices[missing]]
        if self.scale is not None:
            X.data /= self.scale[X.indices]
        X.data *= self.factor
        # scipy adds up each row on its own, in the order of its indices
        dense = X.toarray() if self.components is None else X @ self.components.T
        return np.asarray(dense)

    def check_columns(self, table: Table) -> None:
        """Compare names and number of columns with the fitted ones, in scikit-learn's words.

        Parameters
        ----------
        table : Table
            New rows.

        Raises
        ------
        ValueError
            For other names, another order of them, and another number of columns.

        Warns
        -----
        UserWarning
            Where one of the two tables has no names.
        """
        seen, new = self.feature_names, table.names
        if seen is not None and new is not None and seen != new:
            raise ValueError(_names_differ(seen, new))
        if seen is None and new is not None:
            warn_user("X has feature names, but TSNE was fitted without feature names")
        if seen is not None and new is None:
            warn_user("X does not have valid feature names, but TSNE was fitted with feature names")
        if table.shape[1] != self.n_features_in:
            raise ValueError(
                f"X has {table.shape[1]} features, but TSNE is expecting {self.n_features_in} "
                "features as input."
            )

    def arrays(self) -> dict[str, Array]:
        """Return everything as plain arrays, for storage; absent parts are left out."""
        out: dict[str, Array] = {
            "n_features_in": np.asarray(self.n_features_in),
            "factor": np.asarray(self.factor),
        }
        if self.feature_names is not None:
            out["feature_names"] = np.asarray(self.feature_names, dtype=np.str_)
        for name in ("fill", "mean", "scale", "pca_mean", "components"):
            value = getattr(self, name)
            if value is not None:
                out[name] = value
        return out

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> Preparation:
        """Rebuild what ``arrays`` returned."""
        parts: dict[str, Any] = dict(arrays)
        parts["n_features_in"] = int(parts["n_features_in"])
        parts["factor"] = float(parts["factor"])
        if "feature_names" in parts:
            parts["feature_names"] = tuple(str(name) for name in parts["feature_names"])
        return cls(**parts)


def _too_large(row: int) -> ValueError:
    return ValueError(
        f"X contains a value too large for dtype('float32') once prepared, in row {row}: it"
        " is infinity beside the values that were fitted. Drop that row, or rescale X"
    )


def _names_differ(seen: tuple[str, ...], new: tuple[str, ...]) -> str:
    """Say which column names are new, missing or out of order."""
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(new) - set(seen)), sorted(set(seen) - set(new))
    for title, names in (
        ("Feature names unseen at fit time:\n", unseen),
        ("Feature names seen at fit time, yet now missing:\n", missing),
    ):
        if names:
            message += title + "".join(f"- {name}\n" for name in names[:5])
            message += "- ...\n" if len(names) > 5 else ""
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    return message
