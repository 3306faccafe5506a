"""Files that declare more than they hold, or more than the memory, are refused before reading."""

from __future__ import annotations

import gzip
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import sparse

from gputsne.base.errors import OverMemory
from gputsne.data import BadInput, read

HUGE = 10**13  # bytes, more than any machine's memory


def header(shape: tuple[int, ...], dtype: str) -> bytes:
    told = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    told += b" " * (-(len(told) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(told)) + told


@pytest.mark.parametrize("dtype", ["<f8", "<U40000000", "|S9000000", "<f4"])
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_headers_that_declare_more_than_there_is(tmp_path, name, dtype):
    content = header((1000, 1000), dtype) + bytes(1000)
    np.save(tmp_path / "good.npy", np.eye(3))
    if name == "x.npz":
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("X.npy", content)
    else:
        (tmp_path / name).write_bytes(content)
    for call in ({"labels": str(tmp_path / name)}, {}):
        source = tmp_path / ("good.npy" if call else name)
        key = {"key": "X"} if name == "x.npz" and not call else {}
        with pytest.raises(BadInput, match=f"{name}: .* declares .* bytes of data and has 1,000"):
            read(source, **call, **key)


def test_members_that_overlap_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", header((1, 1), "<f8") + bytes(8))
        info = archive.infolist()[0]
        twin = zipfile.ZipInfo("Y.npy")
        for field in ("header_offset", "file_size", "compress_size", "CRC", "compress_type"):
            setattr(twin, field, getattr(info, field))
        archive.filelist.append(twin)
        archive.NameToInfo["Y.npy"] = twin
    with pytest.raises(BadInput, match=r"'Y\.npy' overlaps another member"):
        read(tmp_path / "x.npz")


def test_members_that_declare_more_than_deflate_can_hold(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", header((1, 1), "<f8") + bytes(8))
        archive.infolist()[0].file_size = 10**9
    with pytest.raises(BadInput, match=r"'X\.npy' declares 1,000,000,000 bytes"):
        read(tmp_path / "x.npz")


def small(path: Path, kind: str) -> Path:
    """Write a small file that asks for more than a kilobyte."""
    X = np.zeros((1000, 10))
    if kind == "npz":
        np.savez_compressed(path, X=X)
    elif kind == "csv":
        path.write_text("a,b\n" + "1,2\n" * 9000)
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 9000))
    elif kind == "parquet":
        parquet.write_table(pa.table({"a": X[:, 0], "b": X[:, 1]}), path)
    elif kind == "h5ad":
        with h5py.File(path, "w") as file:
            file.create_dataset("X", data=X, compression="gzip")
    return path


@pytest.mark.usefixtures("both_csv_readers")
@pytest.mark.parametrize("kind", ["npz", "csv", "csv.gz", "parquet", "h5ad"])
def test_the_memory_limit_holds_for_reading(tmp_path, kind):
    path = small(tmp_path / f"x.{kind}", kind)
    assert read(path).X.shape[0] > 100
    with pytest.raises(OverMemory, match=rf"x\.{kind}: .* the memory limit or .*, 1\.0 kB"):
        read(path, memory_limit=1000)


def test_datasets_without_data_are_held_against_the_memory(tmp_path):
    for shape, chunks in (((HUGE, 3), (1024, 3)), ((3, HUGE), (1, 1024))):
        with h5py.File(tmp_path / "x.h5ad", "w") as file:
            file.create_dataset("X", shape=shape, dtype="f4", chunks=chunks)
        with pytest.raises(OverMemory, match="more than this machine has"):
            read(tmp_path / "x.h5ad")


def test_row_offsets_of_a_sparse_matrix_are_held_against_the_memory(tmp_path):
    matrix = sparse.coo_matrix(([1.0], ([0], [0])), shape=(HUGE, 1))
    parts = {"row": matrix.row, "col": matrix.col, "data": matrix.data}
    np.savez(tmp_path / "x.npz", format=b"coo", shape=np.array(matrix.shape), **parts)
    with pytest.raises(OverMemory, match="row offsets of the sparse matrix"):
        read(tmp_path / "x.npz")


def test_parquet_that_declares_other_rows(tmp_path, monkeypatch):
    from gputsne.data.formats import parquet as reader

    parquet.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "x.parquet")
    made = reader._Reader.__init__

    def more(self, *args):
        made(self, *args)
        self.n = declared

    monkeypatch.setattr(reader._Reader, "__init__", more)
    for declared in (1, 3):
        with pytest.raises(BadInput, match=f"declares {declared} rows? and holds others"):
            read(tmp_path / "x.parquet")
    declared = HUGE
    with pytest.raises(OverMemory, match="its matrix of 10,000,000,000,000 x 1"):
        read(tmp_path / "x.parquet")
