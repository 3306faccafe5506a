"""Reads h5ad (AnnData on disk), by h5py alone: X or any matrix, obs columns as labels; adds a map.

Follows the on-disk format of anndata 0.7 and later (arrays, csr and csc groups, dataframes,
categorical and nullable columns) and reads the compound tables of anndata 0.6.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.columns import choose_columns, find_label_file
from gputsne.data.formats.sparse import checked
from gputsne.data.limits import check_bytes
from gputsne.data.table import (
    BadInput,
    Data,
    Selection,
    counted,
    listed,
    numeric_matrix,
    one_per_row,
)

MAP_KEY: Final = "X_tsne"  # scanpy's name, which its plots look for
_PARTS: Final = ("obsm", "layers", "obsp")  # where matrices lie besides X
_BY_ROW: Final = ("X", "layers")  # the parts whose columns are var
_NO_COLUMNS: Final = {
    "vector": "it holds matrices; choose one with --key",
    "header": "only csv has a first line",
    "decimal": "only csv has decimal marks",
    "encoding": "only csv has an encoding",
    "flatten": "its matrices have two axes",
}


def read(path: Path, want: Selection) -> Data:
    """Read an h5ad file; see gputsne.data.read."""
    import h5py

    want.refuse(path, _NO_COLUMNS)
    with h5py.File(path, "r") as file:
        return _read(_Reader(file, path, want.memory_limit), want)


def check_rows(path: Path, n: int, name: str = "") -> None:
    """Raise BadInput unless an h5ad file, which messages call `name`, has `n` observations.

    A map of another matrix than theirs, of varm/PCs for instance, has no place in obsm.
    """
    import h5py

    with h5py.File(path, "r") as file:
        there = _Reader(file, path, None).observations()
    if there != n:
        raise BadInput(
            f"{name or path} has {counted(there, 'observation')}, the map has "
            f"{counted(n, 'point')}: it can't be added to a copy; write parquet, csv or npy"
        )


def has_column(path: Path, name: str) -> bool:
    """Tell whether obs of an h5ad file has a column of this name."""
    import h5py

    with h5py.File(path, "r") as file:
        return _Reader(file, path, None).has(name)


def add_map(path: Path, Y: Array) -> None:
    """Write a map as ``obsm["X_tsne"]`` into an h5ad file, in place of one that is there.

    Parameters
    ----------
    path : Path
        The file, which is changed: the caller has made it a copy.
    Y : array, shape (n, c)
        A point per observation.
    """
    import h5py

    with h5py.File(path, "r+") as file:
        _as_group(file, "obsm")
        if MAP_KEY in file["obsm"]:
            del file["obsm"][MAP_KEY]
        _array(file["obsm"], MAP_KEY, Y)


def _as_group(file: Any, part: str) -> None:
    """Make a part a group of arrays, if it is missing or the compound table of anndata 0.6."""
    node = file.get(part)
    if node is not None and not _is_array(node):
        return
    fields = {} if node is None else {name: node[name] for name in node.dtype.names or ()}
    if node is not None:
        del file[part]
    group = file.create_group(part)
    group.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
    for name, values in fields.items():
        _array(group, name, values)


def _array(group: Any, name: str, values: Array) -> None:
    """Write an array as anndata does."""
    made = group.create_dataset(name, data=np.ascontiguousarray(values))
    made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})


def _read(source: _Reader, want: Selection) -> Data:
    path = source.path
    place = source.place(want.key or "X")
    X, names = source.matrix(place)
    if names is None and place.split("/")[0] in _BY_ROW:
        names = source.names("var")
    if names is not None and len(names) != X.shape[1]:
        names = None
    chosen = None
    if want.columns:
        known = names or tuple(str(i) for i in range(X.shape[1]))
        chosen = choose_columns(known, want.columns, path)
        X = X[:, chosen]
        names = None if names is None else tuple(names[i] for i in chosen)
    n = X.shape[0]
    labels = ids = None
    here = want.labels is not None and find_label_file(want.labels) is None
    if want.labels is not None and (here or source.has(want.labels)):
        labels = source.column(want.labels, n)
    if want.ids is not None:
        ids = source.column(want.ids, n)
    positions = None if chosen is None else tuple(chosen)
    return Data(X, names=names, labels=labels, ids=ids, positions=positions)


class _Reader:
    """An open h5ad file; sizes are checked before anything is read."""

    def __init__(self, file: Any, path: Path, memory_limit: int | None) -> None:
        self._file, self.path, self._limit = file, path, memory_limit

    def place(self, key: str) -> str:
        """Return where the matrix `key` lies: as named, else in obsm, layers or obsp."""
        for place in (key, *(f"{part}/{key}" for part in _PARTS)):
            part, _, name = place.partition("/")
            if place in self._file or name in self._fields(part):
                return place
        known = ["X"] if "X" in self._file else []
        for part in _PARTS:
            known += [f"{part}/{name}" for name in (*self._keys(part), *self._fields(part))]
        if not known and "matrix" in self._file:
            raise BadInput(
                f"{self.path} is laid out as 10x Genomics writes it, not as anndata does: read it "
                "with scanpy.read_10x_h5 and save it with write_h5ad"
            )
        has = f"it has: {listed(known)}" if known else "it has no matrix at all"
        raise BadInput(f"{self.path} has no matrix {key!r}; {has}")

    def matrix(self, place: str) -> tuple[Any, tuple[str, ...] | None]:
        """Return a dense array or CSR matrix, shape (n, d), and its own column names, if any."""
        what = f"matrix {place!r}"
        part, _, name = place.partition("/")
        if name in self._fields(part):  # anndata 0.6: one field of a compound table
            return numeric_matrix(self._field(part, name), self.path, what), None
        node = self._file[place]
        if _is_array(node):
            return numeric_matrix(self._take(node, what), self.path, what), None
        kind = node.attrs.get("encoding-type", node.attrs.get("h5sparse_format", ""))
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if kind == "dataframe":
            return self._frame(node, what)
        parts = {part: self._take(node[part], what) for part in node if _is_array(node[part])}
        shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape"))
        if not kind.startswith(("csr", "csc")) or shape is None:
            raise BadInput(f"{self.path}: {what} is {kind or 'a group'}, no array, csr or csc")
        return checked(kind[:3], {**parts, "shape": shape}, self.path, what, self._limit), None

    def _frame(self, frame: Any, what: str) -> tuple[Array, tuple[str, ...]]:
        """Return the numeric columns of a dataframe as one matrix, and their names."""
        names = [_text(name) for name in frame.attrs.get("column-order", ())]
        columns = {name: self._values(frame[name], what) for name in names}
        numeric = {k: v for k, v in columns.items() if v.dtype.kind in "fiub" and v.ndim == 1}
        if not numeric:
            raise BadInput(f"{self.path}: {what} is a table without a numeric column")
        X = np.column_stack(list(numeric.values()))
        return numeric_matrix(X, self.path, what), tuple(numeric)

    def names(self, table: str) -> tuple[str, ...] | None:
        """Return the index of obs or var; None where it has none."""
        fields = self._fields(table)
        if fields:
            return tuple(map(_text, self._field(table, fields[0]))) if "index" in fields else None
        if table not in self._file:
            return None
        name = _index_name(self._file[table])
        values = self._values(self._file[table][name], table) if name in self._file[table] else ()
        return tuple(map(_text, values)) or None

    def observations(self) -> int:
        """Return the number of rows of obs; of X where obs has no index."""
        if self._fields("obs"):
            return int(self._file["obs"].shape[0])
        frame = self._file.get("obs", {})
        index = frame.get(_index_name(frame)) if frame else None
        if index is not None:
            index = index if _is_array(index) else index.get("values", index.get("codes"))
            return int(index.shape[0])
        node = self._file.get("X")
        if node is None:
            raise BadInput(f"{self.path} has neither an index of obs nor X: nothing tells its rows")
        if _is_array(node):
            return int(node.shape[0])
        return int(node.attrs.get("shape", node.attrs.get("h5sparse_shape"))[0])

    def has(self, column: str) -> bool:
        """Tell whether obs has a column; ``_index`` is its index."""
        known = {*self._keys("obs"), *self._fields("obs")}
        return column in known or (column == "_index" and bool(known))

    def column(self, column: str, n: int) -> Array:
        """Return a column of obs, shape (n,)."""
        what = f"obs column {column!r}"
        if not self.has(column):
            there = [*self._keys("obs"), *self._fields("obs")]
            there = [name for name in there if not name.startswith("__")]
            raise BadInput(f"{self.path} has no {what}; it has: {listed(there)}")
        fields = self._fields("obs")
        if fields:
            values = self._field("obs", fields[0] if column == "_index" else column)
            categories = f"uns/{column}_categories"
            if categories in self._file:
                known = self._values(self._file[categories], what)
                values = self._categorical(values, known, what)
            return one_per_row(values, n, self.path, what)
        frame = self._file["obs"]
        name = _index_name(frame) if column == "_index" else column
        values = self._values(frame[name], what)
        if "__categories" in frame and name in frame["__categories"]:
            known = self._values(frame["__categories"][name], what)
            values = self._categorical(values, known, what)
        return one_per_row(values, n, self.path, what)

    def _keys(self, part: str) -> list[str]:
        """Return what a group holds; nothing for what is no group."""
        node = self._file.get(part)
        return list(node) if hasattr(node, "keys") else []

    def _fields(self, part: str) -> tuple[str, ...]:
        """Return the fields of a compound table; none for anything else."""
        node = self._file.get(part) if part in ("obs", "var", "obsm", "varm") else None
        return tuple(node.dtype.names or ()) if node is not None and _is_array(node) else ()

    def _field(self, part: str, name: str) -> Array:
        node = self._file[part]
        what = f"{part} {name!r}"
        if name not in node.dtype.names:
            raise BadInput(f"{self.path} has no {what}; it has: {listed(node.dtype.names)}")
        return np.asarray(self._take(node, what)[name])

    def _check(self, dataset: Any, what: str) -> None:
        """Raise OverMemory if a dataset declares more than may be read."""
        size = int(dataset.dtype.itemsize) * prod(int(length) for length in dataset.shape or ())
        check_bytes(self.path, what, size, self._limit)

    def _take(self, dataset: Any, what: str) -> Array:
        """Return a dataset as an array."""
        self._check(dataset, what)
        return np.asarray(dataset[...])

    def _values(self, node: Any, what: str) -> Array:
        """Return a column: plain, categorical or nullable; text as str, missing as None."""
        import h5py

        if _is_array(node):
            if h5py.check_string_dtype(node.dtype) is not None:
                self._check(node, what)
                return np.asarray(node.asstr()[...], dtype=object)
            return self._take(node, what)
        if "codes" in node:
            known = self._values(node["categories"], what)
            return self._categorical(self._take(node["codes"], what), known, what)
        values = self._values(node["values"], what)
        missing = self._take(node["mask"], what).astype(bool)
        if not missing.any():
            return values
        made = values.astype(object)
        made[missing] = None
        return made

    def _categorical(self, codes: Array, categories: Array, what: str) -> Array:
        """Return each code's category; a negative code means missing."""
        if codes.dtype.kind not in "iu" or (codes.size and codes.max() >= len(categories)):
            raise BadInput(f"{self.path}: {what} has codes beyond its {len(categories)} categories")
        if not (codes < 0).any():
            return np.asarray(categories[codes])
        named = np.full(len(categories) + 1, None, dtype=object)
        named[:-1] = categories
        return np.asarray(named[np.maximum(codes, -1)])


def _is_array(node: Any) -> bool:
    import h5py

    return isinstance(node, h5py.Dataset)


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _index_name(frame: Any) -> str:
    return _text(frame.attrs.get("_index", "index"))
