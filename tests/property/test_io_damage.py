"""Files with damaged bytes, as input and as labels: read as before, or an error that names them."""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import sparse

from gputsne.base.errors import OverMemory
from gputsne.data import BadInput, Data, read, read_map

N = 40
X = np.random.default_rng(0).normal(size=(N, 5)).astype("f4")
NAMES = np.array(list("abcd") * (N // 4))
TEXT = "a,b,k\n" + "".join(f"{x[0]:.3f},{x[1]:.3f},{k}\n" for x, k in zip(X, NAMES, strict=True))


def h5ad(path: Path) -> None:
    matrix = sparse.random(N, 30, 0.3, random_state=0, format="csr")
    with h5py.File(path, "w") as file:
        group = file.create_group("X")
        group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", matrix.shape
        for part in ("data", "indices", "indptr"):
            group[part] = getattr(matrix, part)
        file["obs/k/codes"] = np.arange(N, dtype=np.int8) % 4
        file["obs/k/categories"] = np.array(list("abcd"), dtype="S1")


WRITERS = {
    "x.npy": lambda path: np.save(path, X),
    "x.npz": lambda path: np.savez(path, X=X, k=NAMES),
    "packed.npz": lambda path: np.savez_compressed(path, X=X, k=NAMES),
    "sparse.npz": lambda path: sparse.save_npz(path, sparse.csr_matrix(np.maximum(X, 0))),
    "x.parquet": lambda path: parquet.write_table(pa.table({"a": X[:, 0], "k": NAMES}), path),
    "v.parquet": lambda path: parquet.write_table(pa.table({"v": X.tolist(), "k": NAMES}), path),
    "x.csv": lambda path: path.write_text(TEXT),
    "x.csv.gz": lambda path: path.write_bytes(gzip.compress(TEXT.encode())),
    "x.h5ad": h5ad,
}


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """Cut off, overwrite or take out some bytes."""
    content = bytearray(whole)
    at = int(rng.integers(len(content)))
    match rng.integers(4):
        case 0:
            del content[at:]
        case 1:
            for place in rng.integers(len(content), size=3):
                content[place] = rng.integers(256)
        case 2:
            content[at : at + 8] = rng.bytes(8)
        case 3:
            del content[at : at + int(rng.integers(1, 30))]
    return bytes(content)


def outcome(path: Path, labels: str | None) -> tuple[Data | None, str]:
    """Return what was read, or None and the message; any other exception is a fault."""
    try:
        return read(path, labels=labels, memory_limit=10**8), ""
    except (BadInput, OverMemory) as error:
        return None, str(error)


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_input(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    whole = path.read_bytes()
    labels = None if name in ("x.npy", "sparse.npz") else "k"
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(60):
        path.write_bytes(damaged(whole, rng))
        data, said = outcome(path, labels)
        if data is None:
            assert str(path) in said
            refused += 1
        elif sparse.issparse(data.X):  # what compiled code follows is in range
            assert data.X.dot(np.ones(data.X.shape[1])).shape == (data.X.shape[0],)
    assert refused > 5


@pytest.mark.parametrize("name", ["x.npy", "packed.npz:k", "x.parquet:k", "x.csv.gz:k", "x.csv:k"])
def test_damaged_labels(tmp_path, name):
    np.save(tmp_path / "points.npy", X)
    file, _, column = name.partition(":")
    path = tmp_path / file
    if file == "x.npy":
        np.save(path, NAMES)
    else:
        WRITERS[file](path)
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    for _ in range(60):
        path.write_bytes(damaged(whole, rng))
        wanted = f"{path}:{column}" if column else str(path)
        data, said = outcome(tmp_path / "points.npy", wanted)
        assert str(path) in said if data is None else len(data.labels) == N


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"\x93NUMPY\x01\x00\x10\x00("]
)
def test_damaged_maps(tmp_path, content):
    (tmp_path / "init.npy").write_bytes(content)
    with pytest.raises(BadInput, match=r"init\.npy"):
        read_map(tmp_path / "init.npy")
    np.save(tmp_path / "flat.npy", np.ones(3))
    with pytest.raises(BadInput, match=r"flat\.npy: .* has shape \(3,\)"):
        read_map(tmp_path / "flat.npy")
