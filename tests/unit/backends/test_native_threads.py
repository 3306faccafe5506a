"""The compiled kernels take the number of threads of the fit that calls them, whoever else does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gputsne.backends.native.ops import NativeOps

native = pytest.importorskip("gputsne._native", reason="gputsne was installed without kernels")

Y = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)


def test_two_fits_at_once_keep_their_own_number_of_threads():
    together = threading.Barrier(2)

    def fit(n_jobs):
        ops, seen = NativeOps(n_jobs), set()
        for _ in range(20):
            together.wait(60)
            ops.extent(Y)  # sets the number for this thread
            together.wait(60)  # the other has set its own by now
            seen.add(native.threads())
        return seen

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(fit, (1, 3))) == [{1}, {3}]


def test_a_new_thread_begins_with_one():
    before = native.threads()
    native.set_threads(7)
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(native.threads).result() == 1
        assert native.threads() == 7
    finally:
        native.set_threads(before)


def test_a_number_below_one_is_refused():
    with pytest.raises(ValueError, match="count=0 threads; at least 1"):
        native.set_threads(0)
