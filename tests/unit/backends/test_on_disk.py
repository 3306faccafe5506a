"""P in a file: the same values, out of reach of Python, and errors of the system as they are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from gputsne.backends.native.loading import native
from gputsne.backends.native.ops import NativeOps
from gputsne.base.types import Affinities

pytestmark = pytest.mark.skipif(native() is None, reason="the native module isn't built")
RNG = np.random.default_rng(0)


def affinities(n: int = 3000, k: int = 8) -> Affinities:
    indices = np.sort(RNG.permuted(np.tile(np.arange(n), (n, 1)), axis=1)[:, :k], axis=1)
    data = RNG.random(n * k, dtype=np.float32)
    return Affinities(np.arange(n + 1) * k, indices.astype(np.int32).ravel(), data)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_an_array_is_read_back_from_where_it_was_put(dtype):
    module, page = native(), os.sysconf("SC_PAGESIZE")
    for length in (0, 1, 5000):
        values = RNG.integers(0, 1000, length).astype(dtype)
        with tempfile.TemporaryFile() as file:
            there = module.put_on_disk(values, file.fileno(), page)
        np.testing.assert_array_equal(there, values)  # the file is closed
        assert there.dtype == values.dtype
        assert not there.flags.writeable
        with pytest.raises(ValueError, match=r"[Cc]annot set WRITEABLE"):
            there.flags.writeable = True


def test_what_can_not_be_put_there_is_an_error():
    module, values = native(), np.zeros(10, np.float32)
    with tempfile.TemporaryFile() as file:
        with pytest.raises(ValueError, match="offset=1 must be a multiple of the page size"):
            module.put_on_disk(values, file.fileno(), 1)
        with pytest.raises(ValueError, match=r"a has dtype float64; needs float32"):
            module.put_on_disk(np.zeros(3), file.fileno(), 0)
        with pytest.raises(ValueError, match=r"a has shape \(2, 5\); needs one axis"):
            module.put_on_disk(values.reshape(2, 5), file.fileno(), 0)
    with (
        tempfile.NamedTemporaryFile() as named,
        Path(named.name).open("rb") as readable,
        pytest.raises(OSError, match="Bad file descriptor"),
    ):
        module.put_on_disk(values, readable.fileno(), 0)


def test_p_on_disk_is_p():
    ops = NativeOps(2)
    P = affinities()
    order = RNG.permutation(P.n).astype(np.int32)
    there = ops.put_on_disk(P)
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(there, name), getattr(P, name))
        assert not getattr(there, name).flags.writeable
    assert ops.hold(there) is there
    Y = RNG.normal(size=(P.n, 2)).astype(np.float32)
    assert ops.divergence(there, Y, 1.0) == ops.divergence(P, Y, 1.0)
    packed = ops.put_on_disk(ops.reorder(P, order))  # the caller's P of one that was put in order
    np.testing.assert_array_equal(packed.data, P.data)
    assert ops.mass(there) == ops.mass(P)
