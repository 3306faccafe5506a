"""One table in every form that a source may have: arrays, memmaps, shards of npy, parquet, zarr."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

N, D = 997, 7
CUTS = [0, 0, 1, 130, 131, 600, 997]  # an empty shard, one of a row, odd ones


X = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)


def table(rows: np.ndarray) -> pa.Table:
    return pa.table({f"c{j}": rows[:, j] for j in range(rows.shape[1])})


def npy_shards(folder: Path, X: np.ndarray, order: str = "C") -> Path:
    folder.mkdir()
    for i, (start, stop) in enumerate(itertools.pairwise(CUTS)):
        np.save(folder / f"part-{i + 7}.npy", np.asarray(X[start:stop], order=order))
    return folder


def parquet_shards(folder: Path, X: np.ndarray, rows: int = 37) -> Path:
    folder.mkdir()
    for i, (start, stop) in enumerate(itertools.pairwise(CUTS)):
        parquet.write_table(table(X[start:stop]), folder / f"{i + 7}.parquet", row_group_size=rows)
    return folder


def form_of(form: str, X: np.ndarray, folder: Path):
    """Return X in one of the forms that a source may have."""
    import zarr

    path = folder / "x"
    if form == "memmap":
        np.save(folder / "x.npy", X)
        return np.load(folder / "x.npy", mmap_mode="r")
    if form == "memmap part":
        np.save(folder / "x.npy", np.concatenate([X[:5], X, X]))
        return np.load(folder / "x.npy", mmap_mode="r")[5 : 5 + N]
    if form == "memmap strided":
        np.save(folder / "x.npy", np.repeat(X, 2, axis=0))
        return np.load(folder / "x.npy", mmap_mode="r")[::2]
    if form == "memmap changed":
        np.save(folder / "x.npy", np.zeros_like(X))
        mapped = np.load(folder / "x.npy", mmap_mode="c")
        mapped[:] = X
        return mapped
    if form == "big-endian":
        np.save(folder / "x.npy", X.astype(">f4"))
        return str(folder / "x.npy")
    if form == "fortran":
        return npy_shards(path, X, "F")
    if form == "npy shards":
        return npy_shards(path, X)
    if form == "parquet shards":
        return parquet_shards(path, X)
    if form == "parquet vectors":
        path.mkdir()
        for i, (start, stop) in enumerate(itertools.pairwise(CUTS)):
            vectors = pa.array(list(X[start:stop]), pa.list_(pa.float32(), D))
            parquet.write_table(pa.table({"v": vectors}), path / f"{i}.parquet", row_group_size=50)
        return path
    if form in ("zarr", "zarr path", "zarr 2"):
        kind = 2 if form == "zarr 2" else 3
        made = zarr.create_array(
            str(path), shape=X.shape, chunks=(100, 3), dtype="f4", zarr_format=kind
        )
        made[:] = X
        return zarr.open(str(path), mode="r") if form == "zarr" else path
    if form == "h5py":
        import h5py

        file = h5py.File(folder / "x.h5", "w")
        return file.create_dataset("x", data=X, chunks=(64, 2))
    if form == "list":
        (folder / "shards").mkdir()
        np.save(folder / "shards" / "b.npy", X[300:500])
        return [X[:300], folder / "shards" / "b.npy", np.asfortranarray(X[500:])]
    return X


FORMS = [
    "array", "memmap", "memmap part", "memmap strided", "memmap changed", "big-endian", "fortran",
    "npy shards", "parquet shards", "parquet vectors", "zarr", "zarr path", "zarr 2", "h5py",
    "list",
]  # fmt: skip
