"""What min_cell leaves out leaves no trace; texts that look alike, and maps far from the origin."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tilesets import everything, joined, places, read

import gputsne
from gputsne.tiling.counting import count_cells

RNG = np.random.default_rng(0)
Y = RNG.normal(size=(5000, 2))
KINDS = np.array(["ant", "bee", "cat"], dtype=object)[RNG.integers(0, 3, 5000)]


def tileset_of(out, *args, **more):
    gputsne.tiles(*args, out, **more)
    return read(out)[0]


@pytest.mark.parametrize("place", [[30.0, 5.0], [-1e4, 1e4], [0.5, -7.0]])
def test_one_person_far_away_is_not_told_of(tmp_path, place):
    """The square is that of the cells that are shown, and no more than rounding adds."""
    more = np.concatenate([Y, [place]])
    with_one = tileset_of(tmp_path / "one", more, min_cell=10)
    assert with_one["shown"] >= 0.9 * 5000
    x0, y0, side = with_one["square"]
    x, y = place
    assert not (x0 <= x <= x0 + side and y0 <= y <= y0 + side)
    middles, _ = places(read(tmp_path / "one")[1])
    half = side / 2 ** with_one["cells"] / 2
    span = (middles.max(axis=0) - middles.min(axis=0)).max() + 2 * half
    assert side <= span + side / 8  # no more than rounding outwards adds, on either side


def test_counts_are_of_all_points_inside_the_square(tmp_path):
    tileset = tileset_of(tmp_path / "t", np.concatenate([Y, [[40, 40], [-9, 3]]]), min_cell=10)
    x0, y0, side = tileset["square"]
    own = np.floor((Y - [x0, y0]) / side * 2 ** tileset["cells"]).astype(int)
    inside = ((own >= 0) & (own < 2 ** tileset["cells"])).all(axis=1)
    _, counts = np.unique(own[inside], axis=0, return_counts=True)
    wanted = sorted(counts[counts >= 10])
    assert sorted(joined(read(tmp_path / "t")[1], "count")) == wanted


@pytest.mark.parametrize("palette", [None, "viridis", "stable"])
@pytest.mark.parametrize("fixed", [False, True])
def test_hidden_categories_leave_no_gap(tmp_path, palette, fixed):
    """Names, colours, codes, texts: as if there had been no other category."""
    hidden = np.array([f"{c}{i}" for i in range(100) for c in ("a", "bees", "zz")], dtype=object)
    labels = np.concatenate([KINDS, hidden])
    wide = np.concatenate([Y, RNG.normal(size=(300, 2))])
    if fixed:
        labels = pd.Categorical(labels)
    found = tileset_of(tmp_path / "t", wide, labels=labels, min_cell=10,
                       palette=palette)  # fmt: skip
    alone = tileset_of(tmp_path / "u", Y, labels=KINDS, min_cell=10, palette=palette)
    for name in ("categories", "colours"):
        assert found["columns"][0][name] == alone["columns"][0][name]
    assert "3 categories" in found["alt"]
    assert not any(text.encode() in everything(tmp_path / "t") for text in ("bees1", "zz99"))
    headers = [read(tmp_path / name)[1]["0/0/0"][1]["c0"].dtype for name in "tu"]
    assert headers[0] == headers[1] == np.uint8


@pytest.mark.parametrize("left", [1, 9])
def test_how_many_are_left_out_is_told_for_groups_alone(tmp_path, left: int):
    square = np.repeat([[0.0, 0.0], [9.0, 9.0]], 500, axis=0)
    lone = np.stack([np.arange(1.0, 1.0 + left), np.zeros(left)], axis=1)
    made = gputsne.tiles(np.concatenate([square, lone]), tmp_path / "t", min_cell=10)
    assert (made.rows, made.shown) == (1000 + left, 1000)
    tileset, _ = read(tmp_path / "t")
    assert (tileset["rows"], tileset["shown"]) == (1000, 1000)
    text = json.dumps([tileset["caption"], tileset["alt"]])
    assert "1,000" in text
    assert f"{1000 + left:,}" not in text


def test_means_of_two_columns_are_of_the_same_rows(tmp_path):
    one = RNG.normal(size=5000)
    two = np.where(np.arange(5000) % 7 == 0, np.nan, one)
    gputsne.tiles(Y, tmp_path / "t", columns={"one": one, "two": two}, min_cell=20)
    _, tiles = read(tmp_path / "t")
    a, b = joined(tiles, "c0"), joined(tiles, "c1")
    assert np.array_equal(a, b, equal_nan=True)
    assert np.isfinite(a).any()


@pytest.mark.parametrize("origin", [[1e9, 1e9], [5e5, 5.3e6], [0.0, -3e12]])
@pytest.mark.parametrize("min_cell", [None, 5])
def test_maps_far_from_the_origin_keep_their_shape(tmp_path, origin, min_cell):
    """As exact as a map at the origin, but for what float64 has no digits for."""
    far = Y * 1e-2 + origin
    gputsne.tiles(far, tmp_path / "t", min_cell=min_cell)
    _, tiles = read(tmp_path / "t")
    points, off = places(tiles)
    blur = 4 * np.spacing(np.abs(far).max())
    if min_cell:
        assert len(np.unique(points, axis=0)) > 20
    else:
        assert (np.abs(points - far[joined(tiles, "id")]).max(axis=1) <= off + blur).all()
        assert off.max() < 1e-5


def test_texts_that_look_alike_stay_apart(tmp_path):
    """Characters that no page shows, names with the same first 99, names of columns, ids."""
    texts = ["\ud800", "\x00", "\ufffd", "y" * 300 + "1", "y" * 300 + "2", "plain", None]
    codes = np.arange(70) % 7
    labels = [texts[i] for i in codes]
    columns = {"a\x00": np.arange(70) / 7, "a\x01": np.arange(70) / 9}
    ids = [f"{i}\ud800" if i % 2 else f"{i - 1}\ud801" if i else "0" for i in range(70)]
    gputsne.tiles(Y[:70], tmp_path / "t", labels=labels, columns=columns, ids=ids)
    tileset, tiles = read(tmp_path / "t")
    names = tileset["columns"][0]["categories"]
    assert len(set(names)) == 6
    assert max(map(len, names)) <= 100
    assert "plain" in names
    assert tileset["columns"][0]["counts"] == [10] * 6
    places_of = {}
    for x, code in zip(joined(tiles, "c1"), joined(tiles, "c0"), strict=True):
        places_of.setdefault(int(code), set()).add(int(codes[round(float(x) * 7)]))
    assert sorted(map(len, places_of.values())) == [1] * 7
    titles = [column["title"] for column in tileset["columns"]]
    assert len(set(titles)) == len(titles)
    assert len(set(joined(tiles, "id"))) == len(set(ids)) == 70


@pytest.mark.parametrize(
    ("n", "least"), [(20, 20), (500, 20), (500, 30), (2_000, 10), (10_000, 10)]
)
def test_a_map_of_enough_points_shows_most_of_them(n, least):
    """However small the map: cells grow up to all of it."""
    Y = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
    found = count_cells(Y, (), least)
    assert found.shown == found.counts.sum() >= 0.9 * n
    assert found.counts.min() >= least
    with pytest.raises(ValueError, match="leaves nothing"):
        count_cells(Y, (), n + 1)
