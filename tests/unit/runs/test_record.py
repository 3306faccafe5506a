"""A run record holds what it promises, as strict JSON."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gputsne import __version__
from gputsne.runs import record


def test_plain_gives_strict_json():
    value = {
        "int": np.int64(3),
        "float": np.float32(0.5),
        "nan": float("nan"),
        "inf": np.float64("inf"),
        "flag": np.bool_(True),
        "tuple": (1, "a"),
        "small": np.array([[1.0, np.nan]]),
        "path": Path("a/b"),
        "callable": len,
        7: None,
    }
    told = json.loads(json.dumps(record.plain(value), allow_nan=False))
    assert told == {
        "int": 3,
        "float": 0.5,
        "nan": None,
        "inf": None,
        "flag": True,
        "tuple": [1, "a"],
        "small": [[1.0, None]],
        "path": "a/b",
        "callable": repr(len),
        "7": None,
    }


def test_large_arrays_are_told_by_their_hash():
    array = np.arange(5000, dtype=np.float32).reshape(-1, 2)
    told = record.plain(array[::-1])
    assert told["shape"] == [2500, 2]
    assert told["dtype"] == "float32"
    assert told["sha256"] == hashlib.sha256(array[::-1].tobytes()).hexdigest()


def test_sha256_is_that_of_the_bytes(tmp_path):
    content = bytes(range(256)) * 8192  # two blocks
    (tmp_path / "x").write_bytes(content)
    assert record.sha256_file(tmp_path / "x") == hashlib.sha256(content).hexdigest()


def test_peak_memory_is_in_bytes():
    code = "b = b'x' * (200 << 20); from gputsne.runs import record; print(record.peak_memory())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    # At least what was touched; 100 times that if a unit were wrong (kB taken for bytes is 1024).
    assert 200 << 20 <= int(told) < 20_000 << 20


def test_versions_name_what_computes():
    told = record.versions()
    assert told["gputsne"] == __version__
    assert told["numpy"] == np.__version__
    assert set(told) == {"python", "gputsne", "numpy", "scipy", "scikit-learn", "faiss"}


def test_describe_reads_a_model_and_leaves_it_alone():
    model = SimpleNamespace(
        get_params=lambda deep: {"perplexity": 30.0, "random_state": 5, "callbacks": [print]},
        embedding_=np.zeros((4, 2), np.float32),
        kl_history_=np.array([[50, 1.5], [100, np.nan]]),
        kl_divergence_=np.float64(1.25),
        n_iter_=100,
        timings_={"total": 0.5},
    )
    before = dict(vars(model))
    told = record.describe(model)
    assert vars(model) == before
    assert told["parameters"] == {"perplexity": 30.0, "random_state": 5}
    assert (told["seed"], told["map"], told["kl_divergence"]) == (5, [4, 2], 1.25)
    assert told["kl_history"] == [[50, 1.5], [100, None]]
    assert told["neighbors_recall"] is None


def test_write_is_atomic(tmp_path):
    path = tmp_path / "run.json"
    record.write(path, {"seed": np.int64(3)})

    class Unspeakable:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    with pytest.raises(RuntimeError, match="no words"):
        record.write(path, {"seed": Unspeakable()})
    assert json.loads(path.read_text()) == {"seed": 3}
    assert list(tmp_path.iterdir()) == [path]
