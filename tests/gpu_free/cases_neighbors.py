"""The kernels of the neighbour search find what brute force finds, number for number.

Cases as in cases_iteration.py. Distances by definition are compared to the bit: one fused step per
column, in the order of the columns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from gpu_free.cases_iteration import EPS, Bench, Outputs, near

TILE = 128
FARTHEST = np.uint64(0x7F800000) << np.uint64(32)


def rows(n: int, d: int, seed: int = 3) -> np.ndarray:
    """Return rows about 5, some of them twice."""
    X = np.random.default_rng(seed).normal(5, 1, (n, d)).astype(np.float32)
    X[n // 2 : n // 2 + n // 8] = X[: n // 8]
    return X


def squares(Q: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Squared distances as the kernels add them up."""
    total = np.zeros((len(Q), len(X)), np.float32)
    for q, x in zip(Q.T, X.T, strict=True):
        gap = (q[:, None] - x).astype(np.float64)
        with np.errstate(over="ignore"):
            total = (gap * gap + total).astype(np.float32)
    return total


def slots(numbers: np.ndarray) -> np.ndarray:
    """Return numbers of rows as slots of whole tiles."""
    out = np.zeros(-(-len(numbers) // TILE) * TILE, np.int32)
    out[: len(numbers)] = numbers + 1
    return out


def columns(bench: Bench, X: np.ndarray, order: np.ndarray, centre: Any) -> tuple[Any, ...]:
    """Return columns as Columns of launch_neighbors.hpp, and the largest norm."""
    d, m = X.shape[1], len(order)
    padded = -(-d // 8) * 8
    values, norm = bench.empty((padded, m), np.float32), bench.empty((m,), np.float32)
    most, at = bench.put(np.array([-1])), bench.put(order)
    about = 0 if centre is None else bench.put(centre)
    told = (bench.put(X), at, about, d, padded, m, values, norm, most)
    bench.call("to_columns", *told, 0)
    return (bench.at(values), bench.at(norm), bench.at(at), m), values, norm, most


def to_columns(bench: Bench) -> Outputs:
    X, centre = rows(150, 11), np.full(11, 5, np.float32)
    order = slots(np.random.default_rng(0).permutation(150)[:140])
    _, values, norm, most = columns(bench, X, order, centre)
    want = np.zeros((16, 256), np.float32)
    want[:11, :140] = (X - centre)[order[:140] - 1].T
    assert np.array_equal(bench.get(values), want)
    norms = squares(np.zeros((1, 11), np.float32), X - centre)[0, order[:140] - 1]
    assert np.array_equal(bench.get(norm)[:140], norms)
    assert np.isinf(bench.get(norm)[140:]).all()
    top = np.uint32(0xFFFFFFFF - int(bench.get(most)[0])).view(np.float32)
    assert top == norms.max()
    return {"columns": bench.get(values), "norm": bench.get(norm)}


class Search:
    """All that a search takes, as gputsne/neighbors/search/device_rows.py calls it."""

    def __init__(
        self, bench: Bench, Q: np.ndarray, X: np.ndarray, keep: int, room: int, seed: int,
        by_difference: bool,
    ) -> None:  # fmt: skip
        self.bench, self.Q, self.X, self.keep, self.room = bench, Q, X, keep, room
        centre = None if by_difference else np.full(X.shape[1], 5, np.float32)
        rng = np.random.default_rng(seed)
        self.database, _, _, self.most = columns(bench, X, slots(rng.permutation(len(X))), centre)
        self.queries, _, norm, _ = columns(bench, Q, slots(np.arange(len(Q))), centre)
        m = self.m = self.queries[3]
        self.keys = bench.empty((m, room), np.uint64)
        self.count, self.kept = (bench.empty((m,), np.int64) for _ in range(2))
        self.done, self.gate = bench.empty((m,), np.int32), bench.empty((m,), np.uint64)
        kept = (self.count, self.kept, self.done, self.gate)
        self.lists = (bench.at(self.keys), room, *map(bench.at, kept))
        self.by_difference, self.passes, self.ran_over = by_difference, 0, 0
        bench.call("open_lists", norm, m, self.lists, 0)

    def compare(self, begin: int, end: int, per: int, which: tuple[Any, ...] = (0, 0, 0)) -> None:
        self.passes += 1
        padded = -(-self.X.shape[1] // 8) * 8
        while True:
            self.bench.call(
                "compare_tiles", self.queries, self.database, padded, *which, begin, end, per,
                self.passes, self.by_difference, self.lists, 0,
            )  # fmt: skip
            over = self.bench.put(np.zeros(1, np.int64))
            self.bench.call("keep_nearest", self.lists, self.m, self.keep, self.passes, over, 0)
            again = int(self.bench.get(over)[0])
            if not again:
                return
            self.ran_over += again

    def rank(self, k: int, own: np.ndarray | None, slack: float, whole: bool) -> Any:
        bench, m, d = self.bench, len(self.Q), self.X.shape[1]
        told = (self.lists, self.queries, bench.put(self.Q), bench.put(self.X), d)
        bench.call("direct_keys", *told, 0)
        squared, ids = bench.empty((m, k), np.float32), bench.empty((m, k), np.int32)
        unsure, again = bench.put(np.zeros(1, np.int64)), bench.put(np.zeros(self.m, np.int32))
        mine = 0 if own is None else bench.put(own)
        bench.call(
            "rank_keys", self.lists, self.queries, mine, k, squared, ids, self.most, slack, whole,
            unsure, again, 0,
        )  # fmt: skip
        count = int(bench.get(unsure)[0])
        assert (bench.get(again)[count:] == 0).all()
        return bench.get(squared), bench.get(ids), np.sort(bench.get(again)[:count]) - 1


def search(bench: Bench, by_difference: bool, room: int) -> Outputs:
    """Three tiles of the database, 2 of queries; in short lists candidates run over."""
    X, k, keep = rows(300, 11), 9, 18
    Q, own = X[:140], np.arange(140, dtype=np.int32)
    looking = Search(bench, Q, X, keep, room, 1, by_difference)
    looking.compare(0, 1, 1)
    looking.compare(1, 3, 1)  # two blocks of each tile of queries
    assert bool(looking.ran_over) == (room < 128), "lists run over where they are short"
    squared, ids, again = looking.rank(k, own, -1.0 if by_difference else 27 * 2.0**-23, True)
    D = squares(Q, X)
    D[own, own] = np.nan
    want = np.argsort(D, axis=1, kind="stable")[:, :k]
    assert np.array_equal(ids, want), f"{(ids != want).sum()} of {ids.size} differ"
    assert np.array_equal(squared, np.take_along_axis(D, want, axis=1))
    assert not again.size
    return {"squared": squared, "ids": ids}


def unsure(bench: Bench) -> Outputs:
    """Ties at the edge of the lists are noted, far queries find nobody."""
    X = np.random.default_rng(0).integers(4, 7, (200, 9)).astype(np.float32)
    Q = X[:70].copy()
    Q[3] = 3e38  # its square is infinite
    looking = Search(bench, Q, X, 3, 200, 0, False)
    looking.compare(0, 1, 1)
    looking.compare(1, 2, 4)
    _, ids, again = looking.rank(2, None, 25 * 2.0**-23, True)
    assert (ids[3] == -1).all()
    assert (np.delete(ids, 3, axis=0) >= 0).all()
    near_ = np.sort(squares(Q, X), axis=1)[:, 1:4]
    tied = np.flatnonzero(near_[:, 0] == near_[:, 1])
    assert np.array_equal(again, tied[tied != 3])
    assert again.size > 20
    return {"again": again}


def listed(bench: Bench) -> Outputs:
    """Each tile of queries has tiles of its own; who finds too few there is noted."""
    X, k = rows(300, 5), 100
    Q = X[:250]
    looking = Search(bench, Q, X, k, 300, 2, True)
    lists = [[2, 0], [2]]  # the last tile has 300 - 256 rows
    flat = bench.put(np.concatenate(lists).astype(np.int32))
    first, last = (bench.put(np.array(a, np.int32)) for a in ([0, 2], [2, 3]))
    which = tuple(map(bench.at, (flat, first, last)))
    looking.compare(0, 1, 1, which)
    looking.compare(1, 2, 1, which)
    squared, ids, again = looking.rank(k, None, -1.0, False)
    order = np.random.default_rng(2).permutation(300)
    there = [np.sort(order[np.r_[256:300, 0:128]]), np.sort(order[256:300])]
    D = squares(Q, X)
    for tile, here in zip((slice(0, 128), slice(128, 250)), there, strict=True):
        want = here[np.argsort(D[tile][:, here], axis=1, kind="stable")[:, :k]]
        assert np.array_equal(ids[tile][:, : want.shape[1]], want)
        assert (ids[tile][:, want.shape[1] :] == -1).all()
    assert np.array_equal(again, np.arange(128, 250))
    return {"ids": ids, "squared": squared}


def cells(bench: Bench) -> Outputs:
    X, count = rows(500, 37), 7
    cell = np.random.default_rng(1).integers(0, count, 500).astype(np.int32)
    at, scale = bench.put(cell), 2.0**37
    sums, sizes = bench.put(np.zeros((count, 37), np.uint64)), bench.put(np.zeros(count, np.int64))
    bench.call("add_to_cells", bench.put(X), at, 500, 37, scale, sums, 0)
    bench.call("count_cells", at, 0, 500, sizes, 0)
    assert np.array_equal(bench.get(sizes), np.bincount(cell, minlength=count))
    want = np.stack([X[cell == c].astype(np.float64).sum(axis=0) for c in range(count)])
    near(bench.get(sums).view(np.int64) / scale, want, rtol=EPS)
    some = np.flatnonzero(cell % 2)  # of some rows, by number from 1
    numbers = bench.put((some + 1).astype(np.int32))
    sizes = bench.put(np.zeros(count, np.int64))
    bench.call("count_cells", at, numbers, len(some), sizes, 0)
    assert np.array_equal(bench.get(sizes), np.bincount(cell[some], minlength=count))
    tiles = -(-bench.get(sizes) // TILE)
    ends = np.cumsum(tiles) * TILE
    order = bench.put(np.zeros(int(ends[-1]), np.int32))
    bench.call("fill_cells", at, numbers, len(some), bench.put(ends - tiles * TILE), order, 0)
    put = bench.get(order)
    in_cell = [np.sort(part) for part in np.split(put, ends)[:-1]]
    for c, part in enumerate(in_cell):
        assert np.array_equal(part[part > 0] - 1, some[cell[some] == c])
    return {"sums": bench.get(sums), "order": np.concatenate(in_cell)}


CASES: dict[str, Callable[[Bench], Outputs]] = {
    "to_columns": to_columns,
    "search-products": partial(search, by_difference=False, room=200),
    "search-differences": partial(search, by_difference=True, room=200),
    "search-short-lists": partial(search, by_difference=False, room=40),
    "search-unsure": unsure,
    "search-listed": listed,
    "cells": cells,
}
