"""Any value becomes strict JSON, hashes are those of the bytes, and the machine tells of itself."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gputsne import __version__
from gputsne.provenance import machine
from gputsne.provenance.plain import plain, sha256_file


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
    told = json.loads(json.dumps(plain(value), allow_nan=False))
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
    told = plain(array[::-1])
    assert told["shape"] == [2500, 2]
    assert told["dtype"] == "float32"
    assert told["sha256"] == hashlib.sha256(array[::-1].tobytes()).hexdigest()


def test_sha256_is_that_of_the_bytes(tmp_path):
    content = bytes(range(256)) * 8192  # two blocks
    (tmp_path / "x").write_bytes(content)
    assert sha256_file(tmp_path / "x") == hashlib.sha256(content).hexdigest()


def test_peak_memory_is_in_bytes():
    code = (
        "b = b'x' * (200 << 20); "
        "from gputsne.provenance import machine; print(machine.peak_memory())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    # At least what was touched; 100 times that if a unit were wrong (kB taken for bytes is 1024).
    assert 200 << 20 <= int(told) < 20_000 << 20


def test_versions_name_what_computes():
    told = machine.versions()
    assert told["gputsne"] == __version__
    assert told["numpy"] == np.__version__
    least = {"python", "gputsne", "numpy", "scipy", "scikit-learn", "faiss"}
    assert least <= set(told)
    assert all(name in sys.modules for name in set(told) - least)


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def test_what_has_no_words_is_told_by_its_type():
    assert plain({"x": Unspeakable()}) == {"x": "<Unspeakable>"}


@pytest.mark.parametrize("value", [lambda X: X, object(), partial(print, sep="")])
def test_no_address_is_told_since_it_differs_between_processes(value):
    told = plain(value)
    assert not re.search("0x[0-9a-f]{6}", told)


def test_a_value_that_holds_itself_is_told():
    held: dict[str, object] = {}
    held["self"] = held
    assert isinstance(plain(held), str)


def test_arrays_of_objects_are_told_without_their_addresses():
    objects = np.array([object(), "a"], dtype=object)
    assert plain(objects) == {"shape": [2], "dtype": "object"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.longdouble("0.5"), 0.5),
        (np.longdouble("inf"), None),
        (np.str_("a"), "a"),
        ({3, 1, 2}, [1, 2, 3]),
        (np.float64(2.5), 2.5),
        ("caf\udce9", "caf\\xe9"),
        ({"caf\udce9": 1}, {"caf\\xe9": 1}),
        (True, True),
    ],
)
def test_what_json_knows_stays_what_it_is(value, told):
    assert plain(value) == told
    assert type(plain(value)) is type(told)


def test_peak_memory_is_that_of_the_process_alone():
    """A process that a larger one started has not held what that one did."""
    code = "from gputsne.provenance.machine import peak_memory; print(peak_memory())"
    large = (
        "import subprocess, sys; b = b'x' * (600 << 20);"
        f"print(subprocess.run([sys.executable, '-c', {code!r}], capture_output=True).stdout)"
    )
    told = subprocess.run([sys.executable, "-c", large], capture_output=True, check=True).stdout
    held = int(re.findall(rb"\d+", told)[0])
    assert held < 600 << 20
