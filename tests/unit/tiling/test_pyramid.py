"""The pyramid: each row in one tile, none beyond its budget, samples fair by cell and category."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gputsne.tiling.fairness import CELL_SHARE, choose, quotas
from gputsne.tiling.pyramid import pyramid
from gputsne.tiling.squares import BITS, Square, morton_codes, morton_place, square_around


def interleaved(x: int, y: int) -> int:
    """Return the Morton code of two numbers, bit by bit."""
    return sum(((x >> i & 1) << (2 * i)) | ((y >> i & 1) << (2 * i + 1)) for i in range(32))


def cut(points, categories=None, *, weights=9, budget=900, seed=0):
    """Return (square, tiles) with each tile's own row numbers, and the tiles."""
    points = np.asarray(points, dtype=np.float32)
    square = square_around(points)
    codes = morton_codes(points, square)
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    own = np.zeros(len(points), np.uint8) if categories is None else np.asarray(categories)[order]
    kinds = int(own.max()) + 1
    given = weights if isinstance(weights, int) else weights[order]
    found = list(pyramid(codes, own, kinds, given, budget, seed=seed))
    return square, [(tile, order[tile.rows]) for tile in found]


@given(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1))
def test_the_curve_takes_bits_by_turns(x: int, y: int):
    assert morton_place(x, y) == interleaved(x, y)
    square = Square(0.0, 0.0, 1.0)
    point = (np.array([[x, y]]) + 0.5) / 2**24
    assert morton_codes(point, square)[0] == interleaved(x, y)


@pytest.mark.parametrize(
    "points",
    [
        [[0.0, 0.0]],
        [[1e30, -1e30], [1e30, 1e30]],
        [[1e8, 1e8], [1e8 + 8, 1e8]],
        [[1e-30, 0.0], [0.0, 0.0]],
        [[-1.0, -1.0], [1.0, 1.0], [0.0, 0.5]],
    ],
)
def test_the_square_holds_all_points(points):
    points = np.asarray(points, dtype=np.float32)
    square = square_around(points)
    assert square.side > 0
    assert np.isfinite(square).all()
    assert (points >= [square.x, square.y]).all()
    assert (points < [square.x + square.side, square.y + square.side]).all()


def test_the_square_tells_no_point():
    """Its corner is the same for maps that differ by less than a step in their outermost points."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-9.5, 9.5, (1000, 2))
    first = square_around(points)
    assert first == square_around(np.vstack([points, [[-9.51, 9.52]]]))
    assert first.side <= 20 * (1 + 4 / 32)


@settings(max_examples=60)
@given(st.integers(1, 400), st.integers(0, 10), st.integers(1, 5), st.booleans())
def test_every_row_lies_in_one_tile(n: int, seed: int, kinds: int, lumpy: bool):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 2))
    if lumpy:
        points = np.round(points)
    weights = rng.integers(9, 60, n).astype(np.int32)
    square, tiles = cut(points, rng.integers(0, kinds, n), weights=weights, budget=200)
    rows = np.concatenate([rows for _, rows in tiles])
    assert len(rows) + sum(tile.lost for tile, _ in tiles) == n
    assert len(np.unique(rows)) == len(rows)
    for tile, own in tiles:
        assert 0 < weights[own].sum() <= 200
        x, y, side = square.part(tile.z, tile.x, tile.y)
        # of float32 coordinates in a square that float64 holds exactly
        inside = points[own].astype(np.float32)
        assert (inside >= [x, y]).all()
        assert (inside <= [x + side, y + side]).all()


def test_parents_tell_what_lies_below():
    rng = np.random.default_rng(1)
    _, tiles = cut(rng.normal(size=(5000, 2)))
    by_key = {tile.key: len(rows) for tile, rows in tiles}
    below = {tile.key: tile.below for tile, _ in tiles}

    def whole(z: int, x: int, y: int) -> int:
        key = f"{z}/{x}/{y}"
        if key not in by_key:
            return 0
        quarters = [(z + 1, 2 * x + i, 2 * y + j) for j in (0, 1) for i in (0, 1)]
        counts = [whole(*quarter) for quarter in quarters]
        assert list(below[key]) == counts
        return by_key[key] + sum(counts)

    assert whole(0, 0, 0) == 5000


def test_more_rows_in_one_place_than_the_quadtree_holds_are_counted():
    _, tiles = cut(np.ones((5000, 2)), budget=90)
    assert len(tiles) == BITS + 1
    assert sum(len(rows) for _, rows in tiles) == 10 * (BITS + 1)
    assert tiles[-1][0].lost == 5000 - 10 * (BITS + 1)


def test_one_far_point_leaves_the_others_in_tiles():
    points = np.random.default_rng(0).normal(size=(3000, 2))
    points[0] = 1e5
    _, tiles = cut(points)
    assert sum(len(rows) for _, rows in tiles) == 3000
    assert 0 in tiles[0][1]


def test_levels_keep_the_share_of_large_categories():
    """Of 20,000 rows of three categories, the root has 1,000: their shares, to within rounding."""
    rng = np.random.default_rng(0)
    kinds = rng.choice(3, 20_000, p=[0.6, 0.3, 0.1])
    points = rng.normal(size=(20_000, 2))
    _, tiles = cut(points, kinds, budget=9000)
    root = tiles[0][1]
    # a row for each of the cells is added, whose category goes by chance: up to 125 of 1,000
    assert len(root) > 850
    share = np.bincount(kinds[root]) / len(root)
    # three standard deviations of a binomial share, though systematic rounding does better
    assert np.abs(share - [0.6, 0.3, 0.1]).max() < 3 * np.sqrt(0.25 / len(root))


def test_a_rare_category_is_in_the_root_as_a_whole():
    rng = np.random.default_rng(0)
    n = 200_000
    kinds = rng.integers(0, 10, n)
    kinds[rng.choice(n, 100, replace=False)] = 10
    _, tiles = cut(rng.normal(size=(n, 2)), kinds, budget=90_000)
    root = tiles[0][1]
    assert (kinds[root] == 10).sum() == 100
    assert len(root) <= 10_000


def test_every_occupied_cell_is_in_the_root():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50_000, 2))
    points[:200] = rng.uniform(-8, 8, (200, 2))
    square, tiles = cut(points, budget=9 * 8 * 1024)
    root = tiles[0][1]
    cells = square.units(points - square.side / 64, 32)
    there, shown = ({tuple(c) for c in cells[rows].tolist()} for rows in (slice(None), root))
    assert len(there - shown) <= 0.02 * len(there)  # points on an edge are in either cell


def test_the_same_seed_gives_the_same_tiles_and_another_gives_others():
    points = np.random.default_rng(0).normal(size=(5000, 2))
    one, again, other = (cut(points, seed=seed)[1] for seed in (3, 3, 4))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0][1], other[0][1])


@settings(max_examples=100)
@given(st.data(), st.integers(1, 8), st.integers(1, 6), st.floats(0, 0.999))
def test_quotas_stay_within_rows_and_room(data, cells: int, kinds: int, start: float):
    counts = np.array(
        data.draw(st.lists(st.integers(0, 300), min_size=cells * kinds, max_size=cells * kinds))
    ).reshape(cells, kinds)
    room = data.draw(st.integers(CELL_SHARE * cells, 500))
    found = quotas(counts, room, start)
    assert (found >= 0).all()
    assert (found <= counts).all()
    assert found.sum() <= room
    if counts.sum() > room:  # every cell that has rows keeps one
        assert (found.sum(axis=1)[counts.sum(axis=1) > 0] >= 1).all()


def test_chosen_rows_follow_the_quotas():
    """Numbers per stratum are those of ``quotas``, counted by definition."""
    rng = np.random.default_rng(0)
    cells = np.sort(rng.integers(0, 16, 20_000)).astype(np.int32)
    kinds = rng.integers(0, 4, 20_000)
    chosen = choose(cells, 16, kinds, 4, 1000, np.random.default_rng(5))
    counts = np.zeros((16, 4), dtype=np.int64)
    np.add.at(counts, (cells, kinds), 1)
    wanted = quotas(counts, 1000, np.random.default_rng(5).random())
    found = np.zeros((16, 4), dtype=np.int64)
    np.add.at(found, (cells[chosen], kinds[chosen]), 1)
    assert np.array_equal(found, wanted)
