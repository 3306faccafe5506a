"""Reading as a whole: missing and damaged files, options without effect, the public function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gputsne
from gputsne.base.errors import OverMemory
from gputsne.data import BadInput, Selection, read

X = np.array([[1.5, -2.0], [0.0, 3.25], [1e-30, 7.0]], dtype=np.float32)
NAMES = ["a", "b", "a"]


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet", "x.h5ad", "x.csv.gz"])
def test_garbage_and_missing_files(tmp_path, name):
    with pytest.raises(BadInput, match="no such file"):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(b"garbage" * 40)
    with pytest.raises(BadInput, match=name):
        read(tmp_path / name)


def test_unknown_suffix(tmp_path):
    with pytest.raises(BadInput, match=r"'.xls' says no known format; known are .npy"):
        read(tmp_path / "x.xls")


FIELDS = {
    "x.npy": ("vector", "header", "decimal", "encoding", "key", "ids"),
    "x.npz": ("vector", "header", "decimal", "encoding"),
    "x.csv": ("key", "flatten"),
    "x.parquet": ("key", "header", "decimal", "encoding", "flatten"),
    "x.h5ad": ("vector", "header", "decimal", "encoding", "flatten"),
}


@pytest.mark.parametrize(
    ("name", "field"), [(n, f) for n, fields in FIELDS.items() for f in fields]
)
def test_what_has_no_effect_is_refused(tmp_path, name, field):
    (tmp_path / name).write_text("a,b\n1,2\n")
    for value in {"header": [True, False], "flatten": [True], "decimal": [","]}.get(field, ["a"]):
        flag = {"ids": "--id"}.get(field, f"--{field}")
        with pytest.raises(BadInput, match=rf"{name}: {flag} has no effect on it: "):
            read(tmp_path / name, **{field: value})


def test_a_selection_tells_what_was_set():
    assert Selection().given() == {}
    chosen = Selection(columns=("a",), header=False, flatten=True)
    assert chosen.given() == {"columns": ("a",), "header": False, "flatten": True}


def test_reading_is_public(tmp_path):
    text(tmp_path / "x.csv", "id,a,b,kind\nu,1,2,k\nv,3,4,l\n")
    data = gputsne.read(tmp_path / "x.csv", columns="a", labels="kind", ids="id")
    assert data.X.tolist() == [[1], [3]]
    assert (data.names, list(data.labels), list(data.ids)) == (("a",), ["k", "l"], ["u", "v"])
    by_record = gputsne.read(tmp_path / "x.csv", Selection(columns=("a",)))
    np.testing.assert_array_equal(by_record.X, data.X)
    with pytest.raises(TypeError, match="either a Selection or keywords"):
        gputsne.read(tmp_path / "x.csv", Selection(columns=("a",)), ids="id")


@pytest.mark.parametrize("error", [RuntimeError("inside"), KeyError("x"), AssertionError()])
def test_whatever_a_reader_raises_names_the_file(tmp_path, monkeypatch, error):
    def broken(path, want):
        raise error

    monkeypatch.setattr("gputsne.data._reader", lambda suffix: broken)
    text(tmp_path / "x.csv", "a,b\n1,2\n")
    with pytest.raises(BadInput, match=r"x\.csv can't be read as csv: ") as caught:
        read(tmp_path / "x.csv")
    assert caught.value.__cause__ is error
    error = MemoryError()
    with pytest.raises(OverMemory, match=r"x\.csv: not enough memory"):
        read(tmp_path / "x.csv")
