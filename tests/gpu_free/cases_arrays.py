"""The kernels on whole arrays do what numpy does: scans, sorts, sums, rows in another order.

Cases as in cases_iteration.py. Integers must be equal; sums are held to their rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from gpu_free.cases_iteration import EPS, Bench, Outputs, near

SIZES = (1, 255, 2048, 2049, 5000)  # one tile of 2048 or several, whole or not


def scratch_of(bench: Bench, what: str, n: int) -> Any:
    return bench.empty((int(bench.call(what, n)),), np.int64)


def sums(bench: Bench, dtype: Any, more: int = 0) -> Any:
    return bench.empty((int(bench.call("sum_scratch")) + more,), dtype)


def scanned(bench: Bench, values: np.ndarray) -> np.ndarray:
    n, there = len(values), bench.put(values)
    bench.call("scan", there, n, scratch_of(bench, "scan_scratch", n), 0)
    return bench.get(there)


def scan(bench: Bench, sizes: tuple[int, ...]) -> Outputs:
    rng = np.random.default_rng(30)
    for n in sizes:
        values = rng.integers(-(2**40), 2**40, n)
        want = np.concatenate([[0], np.cumsum(values[:-1])])
        assert np.array_equal(scanned(bench, values), want), "differ: 1 of 1 differ"
    return {}


def sort(bench: Bench) -> Outputs:
    """Words of few keys, so that ties are many; what lies below and above the keys is carried."""
    rng = np.random.default_rng(31)
    for n, low, bits in ((1, 0, 8), (300, 40, 5), (4500, 32, 13), (2500, 0, 64)):
        words = rng.integers(0, 2**64, n, np.uint64)
        words &= ~np.uint64(0xFF << low) | np.uint64(0x1F << low)
        there, other = bench.put(words), bench.empty((n,), np.uint64)
        scratch = scratch_of(bench, "sort_scratch", n)
        bench.call("sort", there, other, n, low, bits, scratch, 0)
        kept = min(64 - low, -(-bits // 8) * 8)
        key = (words >> np.uint64(low)) & np.uint64(2**kept - 1)
        want = words[np.argsort(key, kind="stable")]
        assert np.array_equal(bench.get(there), want), "words: 1 of 1 differ"
    return {}


def order_of(bench: Bench) -> Outputs:
    rng = np.random.default_rng(32)
    for n in (3, 2049):
        code = rng.integers(0, 2**31, n).astype(np.uint32)
        code[:: 1 + n // 70] = code[0]  # points in one cell
        words, order = bench.empty((2, n), np.uint64), bench.empty((n,), np.int32)
        scratch = scratch_of(bench, "sort_scratch", n)
        bench.call("order_of", bench.put(code), n, words, scratch, order, 0)
        assert np.array_equal(bench.get(order), np.argsort(code, kind="stable"))
    return {}


def move_rows(bench: Bench) -> Outputs:
    """Rows by an order, each third row, and back; bits are carried, NaN among them."""
    rng, n = np.random.default_rng(33), 517
    for c in (1, 2, 3):
        rows = rng.integers(0, 2**32, (n, c), np.uint64).astype(np.uint32)
        order = rng.permutation(n).astype(np.int32)
        there, at, out = bench.put(rows), bench.put(order), bench.empty((n, c), np.uint32)
        bench.call("take", there, n, c, at, 1, out, 0)
        assert np.array_equal(bench.get(out), rows[order])
        back = bench.empty((n, c), np.uint32)
        bench.call("scatter", out, n, c, at, back, 0)
        assert np.array_equal(bench.get(back), rows)
        third = bench.empty((173, c), np.uint32)
        bench.call("take", there, 173, c, 0, 3, third, 0)
        assert np.array_equal(bench.get(third), rows[::3])
    for dtype, value in ((np.int32, 0xFFFFFFFF), (np.uint64, 2**63 + 7)):
        filled = bench.empty((700,), dtype)
        bench.call("fill", filled, 699, np.dtype(dtype).itemsize, value, 0)
        want = np.array([value], np.uint64).astype(f"u{np.dtype(dtype).itemsize}").view(dtype)
        assert (bench.get(filled)[:699] == want[0]).all()
    return {}


def long_rows(bench: Bench) -> Outputs:
    rng, n = np.random.default_rng(34), 2100
    degree = rng.integers(0, 5, n)
    for longest, lengths in ((4, {}), (4, {0: 9, 77: 4, 78: 5, 2099: 6000}), (0, {})):
        own = degree.copy()
        own[list(lengths)] = list(lengths.values())
        indptr = np.concatenate([[0], np.cumsum(own)])
        at, place = bench.put(indptr), bench.put(np.zeros(n + 1, np.int64))
        bench.call("long_rows", at, n, longest, place, scratch_of(bench, "scan_scratch", n + 1), 0)
        want = np.flatnonzero(own > longest)
        assert bench.get(place)[-1] == len(want)
        row = bench.empty((len(want),), np.int32)
        begin, end = (bench.empty((len(want),), np.int64) for _ in range(2))
        bench.call("list_long_rows", at, place, n, row, begin, end, 0)
        assert np.array_equal(bench.get(row), want)
        assert np.array_equal(bench.get(begin), indptr[want])
        assert np.array_equal(bench.get(end), indptr[want + 1])
    return {}


def add_up(bench: Bench) -> Outputs:
    rng, n, outputs = np.random.default_rng(35), 1300, {}
    flags = (rng.uniform(size=n) < 0.3).astype(np.uint8)
    found = bench.empty((1,), np.int64)
    bench.call("count", bench.put(flags), n, sums(bench, np.int64), found, 0)
    assert bench.get(found)[0] == flags.sum()
    weights = rng.gamma(0.1, size=n).astype(np.float32)
    for values in (weights, weights.astype(np.float16)):
        mass, half = bench.empty((1,), np.float64), values.itemsize == 2
        bench.call("mass", bench.put(values), n, half, sums(bench, np.float64), mass, 0)
        near(bench.get(mass), [values.astype(np.float64).sum()], rtol=n * 2.0**-53)
        outputs[str(values.dtype)] = bench.get(mass)
    for values, want in (
        (weights, weights.max()),
        (-weights, -weights.min()),
        (np.float32([-1, np.inf, 3]), np.inf),
        (np.float32([1, np.nan, 3]), np.nan),
        (np.zeros(0, np.float32), -np.inf),
    ):
        top = bench.empty((1,), np.float32)
        bench.call("largest", bench.put(values), len(values), sums(bench, np.float32), top, 0)
        assert np.array_equal(bench.get(top), [np.float32(want)], equal_nan=True)
    sizes = np.arange(n)
    for at in ((), (700,), (1299, 41, 900)):
        sizes[list(at)] = -1 - np.array(at, np.int64)
        bad = bench.put(np.array([-1]))
        bench.call("check_not_negative", bench.put(sizes), n, bad, 0)
        assert bench.get(bad)[0] == min(at, default=-1)
        sizes[:] = np.arange(n)
    return outputs


def centre_and_mean(bench: Bench) -> Outputs:
    rng, n, outputs = np.random.default_rng(36), 1501, {}
    for c in (1, 2, 3):
        Y = (rng.normal(size=(n, c)) * 30 + 500).astype(np.float32)
        there = bench.put(Y)
        scratch = bench.empty(((int(bench.call("sum_scratch")) + 1) * c,), np.float64)
        bench.call("recentre", there, n, c, scratch, 0)
        moved = Y.astype(np.float64) - Y.astype(np.float64).mean(axis=0)
        near(bench.get(there), moved, atol=2 * EPS * 600)  # the mean's rounding and the result's
        outputs[f"centred-{c}"] = bench.get(there)
    for dtype in (np.float32, np.float64):
        one, two = (rng.normal(size=n).astype(dtype) for _ in range(2))
        there = bench.put(one)
        bench.call("mean", there, bench.put(two), n, dtype is np.float64, 0)
        near(bench.get(there), (one.astype(np.float64) + two) / 2, rtol=np.finfo(dtype).eps)
    return outputs


def crop(bench: Bench) -> Outputs:
    for full, kept in (((40,), (13,)), ((30, 44), (9, 21)), ((12, 10, 16), (5, 6, 7))):
        grid = np.random.default_rng(37).normal(size=full).astype(np.float32)
        out = bench.empty(kept, np.float32)
        strides = [step // 4 for step in grid.strides]
        own = [step // 4 for step in np.empty(kept, np.float32).strides]
        inside = tuple(slice(m) for m in kept)
        bench.call("crop", bench.put(grid), strides, list(kept), out, own, 0)
        assert np.array_equal(bench.get(out), grid[inside])
        wide = bench.put(np.zeros(full, np.float32))
        bench.call("crop", out, own, list(kept), wide, strides, 0)
        want = np.zeros_like(grid)
        want[inside] = grid[inside]
        assert np.array_equal(bench.get(wide), want)
    return {}


CASES: dict[str, Callable[[Bench], Outputs]] = {
    "scan": partial(scan, sizes=SIZES),
    "scan-many-tiles": partial(scan, sizes=(530_000,)),  # the totals need a second round
    "sort": sort,
    "order-of": order_of,
    "move-rows": move_rows,
    "long-rows": long_rows,
    "add-up": add_up,
    "centre-and-mean": centre_and_mean,
    "crop": crop,
}
