"""What never reaches a tile: columns that were not named, ids that are hashed, small groups."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from tilesets import N, clouds, everything, joined, places, read

import gputsne


@pytest.fixture(scope="module")
def table():
    return clouds()


def test_nothing_but_what_is_named_is_written(table, tmp_path):
    Y, frame = table
    gputsne.tiles(Y, tmp_path / "t", labels=frame["kind"], columns={"size": frame["size"]})
    held = everything(tmp_path / "t")
    assert b"example.org" not in held
    assert b"someone" not in held
    assert b"Row 7" not in held


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_nothing_but_what_is_named_of_a_file_is_written(table, tmp_path, suffix: str):
    Y, frame = table
    whole = frame.assign(x=Y[:, 0], y=Y[:, 1]).head(3000)
    path = tmp_path / f"map.{suffix}"
    whole.to_csv(path, index=False) if suffix == "csv" else whole.to_parquet(path)
    gputsne.tiles(path, tmp_path / "t", labels="kind", columns=["size"])
    tileset, tiles = read(tmp_path / "t")
    assert tileset["rows"] == 3000
    assert [column["title"] for column in tileset["columns"]] == ["kind", "size", "row"]
    assert np.array_equal(np.sort(joined(tiles, "id")), np.arange(3000))
    held = everything(tmp_path / "t")
    assert b"example.org" not in held
    assert b"Row 7" not in held


def test_ids_are_written_as_they_are_or_hashed(table, tmp_path):
    Y, frame = table
    emails = frame["email"][:2000]
    gputsne.tiles(Y[:2000], tmp_path / "plain", ids=emails)
    assert sorted(joined(read(tmp_path / "plain")[1], "id")) == sorted(emails)
    gputsne.tiles(Y[:2000], tmp_path / "hashed", ids=emails, hash_ids="pepper and salt 1")
    held = everything(tmp_path / "hashed")
    assert b"example.org" not in held
    assert b"pepper and salt 1" not in held
    found = joined(read(tmp_path / "hashed")[1], "id")
    key = b"pepper and salt 1"
    wanted = [hashlib.blake2b(e.encode(), key=key, digest_size=8).hexdigest() for e in emails]
    assert sorted(found) == sorted(wanted)


def test_ids_are_those_of_the_points(table, tmp_path):
    Y, frame = table
    gputsne.tiles(Y[:3000], tmp_path / "t", ids=frame["name"][:3000])
    _, tiles = read(tmp_path / "t")
    rows = np.array([int(text.split()[1]) for text in joined(tiles, "id")])
    points, off = places(tiles)
    assert (np.abs(points - Y[rows]).max(axis=1) <= off + 1e-12).all()


def test_counts_show_no_group_below_the_limit(table, tmp_path):
    """Counts by definition, and a column with a name of its own for one record is forgotten."""
    Y, frame = table
    kinds = frame["kind"].to_numpy(dtype=object).copy()
    kinds[5] = "only.me@example.org"
    gputsne.tiles(Y, tmp_path / "t", labels=kinds, columns={"size": frame["size"]}, min_cell=10)
    tileset, tiles = read(tmp_path / "t")
    counts = joined(tiles, "count")
    assert counts.min() >= 10
    assert tileset["min_cell"] == 10
    assert counts.sum() == tileset["shown"] >= 0.9 * N
    assert b"example.org" not in everything(tmp_path / "t")
    assert all("id" not in columns for _, columns in tiles.values())
    x0, y0, side = tileset["square"]
    per_axis = 2 ** tileset["cells"]
    middles, off = places(tiles)
    cells = np.floor((middles - [x0, y0]) / side * per_axis).astype(int)
    # the middle of a cell, to within the rounding of coordinates
    exact = [x0, y0] + (cells + 0.5) * side / per_axis
    assert (np.abs(middles - exact).max(axis=1) <= off + 1e-9).all()
    own = np.floor((Y.astype(np.float64) - [x0, y0]) / side * per_axis).astype(int)
    frame = pd.DataFrame({"x": own[:, 0], "y": own[:, 1], "kind": kinds, "size": frame["size"]})
    wanted = frame.groupby(["x", "y", "kind"])["size"].agg(["size", "mean"])
    wanted = wanted[wanted["size"] >= 10]
    names = np.array(tileset["columns"][0]["categories"])[joined(tiles, "c0")]
    found = pd.DataFrame(
        {"size": counts, "mean": joined(tiles, "c1")},
        index=pd.MultiIndex.from_arrays([cells[:, 0], cells[:, 1], names]),
    )
    assert len(found) == len(wanted)
    found = found.loc[wanted.index]
    assert (found["size"] == wanted["size"]).all()
    np.testing.assert_allclose(found["mean"], wanted["mean"], rtol=1e-6)  # float32


def test_counts_are_refused_what_tells_single_rows(table, tmp_path):
    Y, frame = table
    for wrong, said in (
        ({"ids": frame["email"]}, "single rows"),
        ({"columns": {"who": frame["email"]}}, "'who' holds a text for each row"),
        ({"labels": frame["kind"], "columns": {"b": frame["kind"]}}, "one column of categories"),
    ):
        with pytest.raises(ValueError, match=said):
            gputsne.tiles(Y, tmp_path / "t", min_cell=5, **wrong)
    with pytest.raises(ValueError, match="leaves nothing of 3 points"):
        gputsne.tiles(Y[:3], tmp_path / "t", min_cell=5)
    with pytest.raises(ValueError, match="min_cell=1 must be at least 2"):
        gputsne.tiles(Y, tmp_path / "t", min_cell=1)
    assert not (tmp_path / "t").exists()


def test_long_texts_are_cut_and_hostile_ones_kept(tmp_path):
    texts = ["x" * 10_000, "</script><script>alert(1)</script>", "\ud800", "\x00"]
    texts += [f"t{i}" for i in range(1500)]
    gputsne.tiles(np.random.default_rng(0).normal(size=(1504, 2)), tmp_path / "t",
                  columns={"<i>": texts}, title="<b>t</b>")  # fmt: skip
    tileset, tiles = read(tmp_path / "t")
    found = joined(tiles, "c0")
    assert max(map(len, found)) == 200
    assert texts[1] in found
    index = tmp_path / "t" / "index.html"
    if index.exists():
        assert "<b>t</b>" not in index.read_text("utf-8")
    assert tileset["title"] == "<b>t</b>"
