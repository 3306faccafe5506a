"""No argument crashes the compiled module, and no caller changes what it has checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from driver import random_affinities

native = pytest.importorskip("gputsne._native", reason="gputsne was installed without kernels")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hostile_arguments_never_end_the_process(seed):
    script = Path(__file__).with_name("hostile_calls.py")
    done = subprocess.run(
        [sys.executable, str(script), "1000", str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refused, taken = map(int, done.stdout.split())
    assert refused > 500
    assert taken > 100


def test_what_symmetrize_returns_can_be_read_and_never_written_to():
    indices = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    arrays = native.symmetrize(indices, np.full((3, 2), 0.5, np.float32))
    for a in arrays:
        assert not a.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            a.flags.writeable = True
        with pytest.raises(ValueError, match="read-only"):
            a[0] = 7
    held = native.Edges(*arrays)
    for a, b in zip(arrays, (held.indptr, held.indices, held.data), strict=True):
        assert a.ctypes.data == b.ctypes.data  # nothing is copied
    again = native.Edges(*(a.copy() for a in arrays))
    for a, b in zip(arrays, (again.indptr, again.indices, again.data), strict=True):
        assert a.ctypes.data != b.ctypes.data
        np.testing.assert_array_equal(a, b)
        assert not b.flags.writeable


def test_an_array_that_is_only_read_only_is_copied():
    P, _ = random_affinities(30)
    P.indices.setflags(write=False)  # its owner may take that back
    held = native.Edges(P.indptr, P.indices, P.data)
    assert held.indices.ctypes.data != P.indices.ctypes.data


def test_an_edges_outlives_whatever_it_came_from():
    P, _ = random_affinities(30)
    indices = native.Edges(P.indptr, P.indices, P.data).indices
    np.testing.assert_array_equal(indices, P.indices)


def test_an_address_between_items_is_refused():
    odd = np.frombuffer(b"x" + bytes(16), np.float32, offset=1).reshape(2, 2)
    with pytest.raises(ValueError, match="Y lies at an address"):
        native.extent(odd)


def test_every_function_says_what_it_does():
    for name in dir(native):
        found = getattr(native, name)
        if callable(found) and not name.startswith("__"):
            text = found.__doc__.split("\n", 1)[-1] if "(" in found.__doc__ else found.__doc__
            assert len(text.strip()) > 20, name
