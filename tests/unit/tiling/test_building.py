"""Tile sets: all points where the map has them, columns as they were given, no file too large."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from tilesets import N, clouds, joined, places, read

import gputsne
from gputsne.tiling import building
from gputsne.tiling.building import TILE_BYTES


@pytest.fixture(scope="module")
def table():
    return clouds()


def test_all_points_lie_where_the_map_has_them(table, tmp_path):
    Y, frame = table
    told = gputsne.tiles(Y, tmp_path / "t", labels=frame["kind"], columns=frame[["size"]])
    tileset, tiles = read(tmp_path / "t")
    rows = joined(tiles, "id")
    assert np.array_equal(np.sort(rows), np.arange(N))
    points, off = places(tiles)
    # half a unit of the tile, and what float64 rounds off coordinates below 100
    assert (np.abs(points - Y[rows]).max(axis=1) <= off + 1e-12).all()
    about = {column["name"]: column for column in tileset["columns"]}
    names = np.array(about["c0"]["categories"])
    assert (names[joined(tiles, "c0")] == frame["kind"].to_numpy()[rows]).all()
    assert np.array_equal(joined(tiles, "c1"), frame["size"].to_numpy(np.float32)[rows])
    assert about["c0"]["counts"] == frame["kind"].value_counts()[names].tolist()
    assert (about["c1"]["low"], about["c1"]["high"]) == (
        np.float32(frame["size"].min()), np.float32(frame["size"].max())
    )  # fmt: skip
    assert tileset["rows"] == tileset["shown"] == told.rows == told.shown == N
    assert tileset["tiles"] == {key: header["rows"] for key, (header, _) in tiles.items()}
    assert tileset["levels"] == told.levels == 1 + max(int(k.partition("/")[0]) for k in tiles)
    assert told.tiles == len(tiles)
    assert tileset["schema"] == "gputsne.tiles/1"
    assert [about[c]["title"] for c in ("c0", "c1", "id")] == ["kind", "size", "row"]
    assert tileset["colour"] == "c0"


def test_no_file_is_too_large(table, tmp_path):
    Y, frame = table
    told = gputsne.tiles(Y, tmp_path / "t", labels=frame["kind"], columns=frame[["name", "size"]],
                         ids=frame["email"])  # fmt: skip
    sizes = [p.stat().st_size for p in (tmp_path / "t").rglob("*.bin")]
    assert max(sizes) < TILE_BYTES == 100_000
    assert max(sizes) > 0.9 * TILE_BYTES  # the root is as full as it may be
    assert told.bytes == sum(sizes)
    assert all(p.stat().st_size < 1_000_000 for p in (tmp_path / "t").rglob("*") if p.is_file())


def test_the_list_of_tiles_is_cut_where_it_is_too_long(table, tmp_path, monkeypatch):
    Y, _ = table
    monkeypatch.setattr(building, "TILE_BYTES", 3000)
    monkeypatch.setattr(building, "LARGEST", 4000 + 1300)
    gputsne.tiles(Y, tmp_path / "t")
    tileset, tiles = read(tmp_path / "t")
    assert 0 < tileset["listed"] < tileset["levels"]
    assert set(tileset["tiles"]) == {
        key for key in tiles if int(key.partition("/")[0]) < tileset["listed"]
    }
    reached = ["0/0/0"]
    for key in reached:  # what a viewer finds by the headers alone
        z, x, y = map(int, key.split("/"))
        below = tiles[key][0]["below"]
        reached += [f"{z + 1}/{2 * x + i % 2}/{2 * y + i // 2}" for i in range(4) if below[i]]
    assert set(reached) == set(tiles)


def test_kinds_of_columns(tmp_path):
    Y = np.random.default_rng(0).normal(size=(2000, 2))
    dates = pd.date_range("2026-01-01", periods=2000, freq="h")
    large = np.arange(2000) + 2**40
    columns = {
        "x": np.arange(2000) % 7, "count": np.arange(2000) / 7, "day": dates,
        "text": [f"<b>{i}</b>" for i in range(2000)], "flag": np.arange(2000) % 2 == 0,
        "large": large, "some": [None if i % 2 else "a" for i in range(2000)],
        "gaps": np.where(np.arange(2000) % 3, np.nan, 0.5),
    }  # fmt: skip
    gputsne.tiles(Y, tmp_path / "t", columns=columns)
    tileset, tiles = read(tmp_path / "t")
    about = {column["title"]: column for column in tileset["columns"]}
    rows = joined(tiles, "id")
    assert {title: column["kind"] for title, column in about.items()} == {
        "x": "category", "count": "number", "day": "number", "text": "text", "flag": "category",
        "large": "number", "some": "category", "gaps": "number", "row": "id",
    }  # fmt: skip
    assert np.array_equal(joined(tiles, about["large"]["name"]), large[rows])
    days = joined(tiles, about["day"]["name"])
    assert about["day"]["dates"] is True
    wanted = (dates.to_numpy()[rows] - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    np.testing.assert_allclose(days, wanted, rtol=1e-12)
    assert joined(tiles, about["text"]["name"]).tolist() == [f"<b>{i}</b>" for i in rows]
    some = joined(tiles, about["some"]["name"])
    assert ((some == 0) == (rows % 2 == 0)).all()
    assert (some[rows % 2 == 1] == 1).all()  # beyond the categories: none
    assert about["some"]["missing_count"] == 1000
    assert np.isnan(joined(tiles, about["gaps"]["name"])).sum() == np.isnan(columns["gaps"]).sum()


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"labels": [1, 2]}, ValueError, "shape"),
        ({"columns": [1, 2]}, TypeError, "mapping of names"),
        ({"columns": {"a": [1, 2]}}, ValueError, "columns\\['a'\\]"),
        ({"hash_ids": "salt and pepper 1"}, ValueError, "without ids"),
        ({"ids": np.arange(5), "hash_ids": ""}, ValueError, "0 bytes"),
        ({"ids": np.arange(5), "hash_ids": "s" * 15}, ValueError, "15 bytes.*secrets.token_hex"),
        ({"ids": np.arange(5), "hash_ids": 3}, TypeError, "salt"),
        ({"ids": ["a", None, "c", "d", "e"]}, ValueError, "row 1"),
        ({"ids": ["a", "b" * 300, "c", "d", "e"]}, ValueError, "300 bytes in row 1"),
        ({"kind": "values"}, ValueError, "without labels"),
        ({"labels": list("abcde"), "kind": "values"}, ValueError, "numeric"),
        ({"labels": list("abcde"), "kind": "other"}, ValueError, "is not one of"),
        ({"title": 3}, TypeError, "title=3"),
        ({"random_state": -1}, ValueError, "random_state"),
        ({"columns": {f"c{i}": np.arange(5) for i in range(50)}}, ValueError, "up to 40 columns"),
    ],
)
def test_what_does_not_go_is_named(tmp_path, given, error, said: str):
    with pytest.raises(error, match=said):
        gputsne.tiles(np.eye(5, 2), tmp_path / "t", **given)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("Y", "said"),
    [
        (np.zeros((4, 3)), "3 axes"),
        (np.zeros((4, 1)), "1 axes"),
        (np.zeros((0, 2)), "0 points"),
        (np.full((4, 2), np.nan), "NaN"),
    ],
)
def test_maps_that_cannot_be_tiles_are_named(tmp_path, Y, said: str):
    with pytest.raises(ValueError, match=said):
        gputsne.tiles(Y, tmp_path / "t")


def test_a_single_point_is_a_map(tmp_path):
    gputsne.tiles(np.array([[3.0, 4.0]]), tmp_path / "t", labels=["only"])
    _, tiles = read(tmp_path / "t")
    points, off = places(tiles)
    assert np.abs(points - [[3.0, 4.0]]).max() <= off[0]


def test_a_fitted_model_brings_its_caption_and_colours(tmp_path):
    X = gputsne.datasets.load_digits().X[:300]
    model = gputsne.TSNE(random_state=0, max_iter=60, early_exaggeration_iter=30).fit(X)
    model.palette_ = {"1": "#123456"}
    gputsne.tiles(model, tmp_path / "t", labels=np.arange(300) % 3)
    tileset, _ = read(tmp_path / "t")
    assert re.match(r"n = 300 · perplexity 30 · .*seed 0 · KL ", tileset["caption"])
    assert tileset["columns"][0]["colours"][1] == "#123456"


def test_rare_points_survive_from_table_to_tiles(tmp_path):
    """Of 20,000 rows, 100 of them rare: sample by density, embed, tiles; chance loses most.

    The root tile is what a browser draws first.
    """
    rng = np.random.default_rng(0)
    groups = np.concatenate([rng.integers(10, size=19_900), np.full(100, 10)])
    X = (rng.normal(size=(11, 20)) * 8)[groups] + rng.normal(size=(20_000, 20))
    drawn = gputsne.sample(X, 2000, method="density", random_state=0)
    model = gputsne.TSNE(random_state=0, max_iter=60, early_exaggeration_iter=30)
    Y = model.fit_transform(X[drawn.rows])
    gputsne.tiles(Y, tmp_path / "t", labels=groups[drawn.rows])
    tileset, tiles = read(tmp_path / "t")
    place = tileset["columns"][0]["categories"].index("10")
    assert (tiles["0/0/0"][1]["c0"] == place).sum() >= 90
    by_chance = gputsne.sample(X, 2000, random_state=0)
    assert (groups[by_chance.rows] == 10).sum() < 25
