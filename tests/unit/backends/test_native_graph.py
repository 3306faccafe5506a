"""The compiled set-up kernels: the same bytes for any thread count, Ctrl-C, and memory."""

from __future__ import annotations

import signal
import threading
import tracemalloc

import numpy as np
import pytest

from gputsne.backends.numpy import graph as numpy_graph

native = pytest.importorskip("gputsne._native", reason="gputsne was installed without kernels")


def lists(n, k, seed=0):
    """Random graph, no repeats: ids i + distinct offsets, with some weights zero; hubs included."""
    rng = np.random.default_rng(seed)
    offsets = rng.permuted(np.tile(np.arange(1, min(n, 3 * k)), (n, 1)), axis=1)[:, :k]
    indices = ((np.arange(n)[:, None] + offsets) % n).astype(np.int32)
    hub = (indices[:, :-1] != 0).all(axis=1) & (np.arange(n) > 0)
    indices[hub, -1] = 0
    distances = np.sqrt(rng.chisquare(8, size=(n, k))).astype(np.float32)
    return indices, distances


@pytest.mark.parametrize(("n", "k"), [(3000, 15), (3000, 90), (70_000, 30)])
def test_the_same_bytes_for_any_number_of_threads_and_as_numpy(n, k):
    indices, distances = lists(n, k)
    p = np.empty_like(distances)
    got = []
    for threads in (1, 2, 3, 11):
        native.set_threads(threads)
        p.fill(np.nan)
        assert native.conditional(distances, [5.0], p) == 0
        got.append([p.tobytes(), *(a.tobytes() for a in native.symmetrize(indices, p))])
    assert all(g == got[0] for g in got[1:])
    for ours, theirs in zip(
        native.symmetrize(indices, p), numpy_graph.symmetrize(indices, p), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_the_peak_is_below_twice_the_result():
    indices, distances = lists(30_000, 60)
    p = np.full(distances.shape, 1 / 60, np.float32)
    tracemalloc.start()
    result = native.symmetrize(indices, p)  # its arrays are numpy's, so that they are counted
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(a.nbytes for a in result) < peak < 2 * sum(a.nbytes for a in result)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("part_edges", [1, 7000, 50_000, 1 << 24])
def test_a_transpose_in_parts_gives_the_same_bytes(threads, part_edges):
    indices, distances = lists(3000, 15)  # point 0 is in nearly every list: a part of its own
    p = np.empty_like(distances)
    native.conditional(distances, [5.0], p)
    p[::7] = 0.0  # rows without edges
    native.set_threads(threads)
    want = numpy_graph.symmetrize(indices, p)
    for ours, theirs in zip(native._symmetrize_in(indices, p, part_edges), want, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert not ours.flags.writeable
    twice = indices.copy()
    twice[2999, 0] = twice[2999, 1]
    with pytest.raises(ValueError, match=rf"indices\[2999\] lists point {twice[2999, 1]} twice"):
        native._symmetrize_in(twice, np.ones_like(p), part_edges)


def test_a_transpose_in_parts_takes_a_part_of_the_memory():
    indices, _ = lists(30_000, 60)
    p = np.full(indices.shape, 1 / 60, np.float32)
    native.set_threads(2)
    beyond = {}
    for part_edges in (1, indices.size):
        tracemalloc.start()
        result = native._symmetrize_in(indices, p, part_edges)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        beyond[part_edges] = peak - sum(a.nbytes for a in result)
    # One part has all 8 bytes per edge, six parts a sixth each, with the hub's row at most two; the
    # counters of two threads and the rows' begins are 24 bytes per point.
    whole = 8 * indices.size
    assert beyond[1] <= whole / 6 + 8 * 30_000 + 32 * 30_000
    assert beyond[indices.size] >= whole


def test_an_interrupt_stops_the_calibration():
    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread only")
    distances = lists(20_000, 90)[1]
    p = np.full_like(distances, -1.0)
    native.set_threads(2)
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Stop):
            native.conditional(distances, [30.0] * 500, p)  # half a minute if it went on
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (p[-1] == -1).all()  # the last row was never reached


def test_offsets_pass_32_bits():
    sizes = np.array([2**31 - 1, 5, 0, 2**31], np.int64)
    offsets = native._row_offsets(sizes)
    assert offsets.dtype == np.int64
    assert offsets.tolist() == [0, 2**31 - 1, 2**31 + 4, 2**31 + 4, 2**32 + 4]


def test_the_scan_reports_a_repeated_neighbour():
    with pytest.raises(ValueError, match=r"indices\[6\] lists point 1 twice"):
        native._row_offsets(np.array([3, -7]))


@pytest.mark.parametrize("k", [1, 23, 24, 25, 200])
def test_rows_ascend_whatever_sort_they_need(k):
    # 24 edges is where the row sort changes its method; ids of 1 to 3 digits of 8 bits.
    for n in (k + 2, 300, 70_000):
        if n > k + 1:
            indices, _ = lists(n, k, seed=k)
            indptr, columns, _ = native.symmetrize(
                indices, np.full(indices.shape, 1 / k, np.float32)
            )
            inside = np.ones(columns.size - 1, bool)
            inside[indptr[1:-1][indptr[1:-1] < columns.size] - 1] = False
            assert (np.diff(columns)[inside] > 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.int32])
def test_large_arrays_are_refused_not_copied(dtype):
    distances = np.ones((4, 3), dtype)
    with pytest.raises(TypeError):
        native.conditional(distances, [2.0], np.empty((4, 3), np.float32))
    with pytest.raises(TypeError):
        native.conditional(np.ones((8, 3), np.float32)[::2], [2.0], np.empty((4, 3), np.float32))
    with pytest.raises(ValueError, match="p_out has shape"):
        native.conditional(np.ones((4, 3), np.float32), [2.0], np.empty((3, 4), np.float32))


def test_empty_arrays_are_fine():
    assert (
        native.conditional(np.empty((0, 3), np.float32), [2.0], np.empty((0, 3), np.float32)) == 0
    )
    assert (
        native.conditional(np.empty((5, 0), np.float32), [2.0], np.empty((5, 0), np.float32)) == 5
    )
    indptr, columns, data = native.symmetrize(
        np.empty((5, 0), np.int32), np.empty((5, 0), np.float32)
    )
    assert indptr.tolist() == [0] * 6
    assert columns.size == data.size == 0
