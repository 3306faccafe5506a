"""`gputsne tiles`: maps in files and runs of a store as tiles, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from tilesets import everything, joined, read

import gputsne
from gputsne.cli import main

rng = np.random.default_rng(0)
Y = rng.normal(size=(500, 2)).astype(np.float32)
FRAME = pd.DataFrame({
    "id": [f"r{i}" for i in range(500)], "x": Y[:, 0], "y": Y[:, 1],
    "kind": np.array(["ant", "bee"])[np.arange(500) % 2], "size": rng.normal(size=500),
    "email": [f"someone{i}@example.org" for i in range(500)],
})  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPUTSNE_STORE", raising=False)
    FRAME.to_csv("map.csv", index=False)


def run(*args: str, **how):
    return CliRunner().invoke(main, ["tiles", *args], **how)


def made(*args: str, **how):
    result = run(*args, "-o", "out", "--json", **how)
    assert result.exit_code == 0, result.stderr + str(result.exception)
    return json.loads(result.stdout), *read(Path("out"))


def titles(tileset):
    return [column["title"] for column in tileset["columns"]]


def test_a_file_becomes_tiles_of_what_is_named():
    told, tileset, tiles = made("map.csv", "--labels", "kind", "--keep", "size")
    assert (told["rows"], told["shown"], told["tiles"], told["levels"]) == (500, 500, 1, 1)
    assert titles(tileset) == ["kind", "size", "row"]
    assert tileset["title"] == "map"
    assert b"example.org" not in everything(Path("out"))
    rows = joined(tiles, "id")
    np.testing.assert_allclose(joined(tiles, "c1"), FRAME["size"][rows], rtol=1e-6)


@pytest.mark.parametrize("name", ["map.parquet", "map.npy", "map.npz", "map.tsv"])
def test_every_kind_of_file(name: str):
    if name == "map.npy":
        np.save(name, Y)
    elif name == "map.npz":
        np.savez(name, Y=Y, kind=FRAME["kind"].to_numpy(dtype="U3"))
    elif name == "map.tsv":
        FRAME.to_csv(name, index=False, sep="\t")
    else:
        FRAME.to_parquet(name)
    labels = () if name == "map.npy" else ("--labels", "kind")
    _, tileset, tiles = made(name, *labels)
    _, _, wanted = made("map.csv", *labels)
    assert tileset["rows"] == 500
    for column in ("x", "y", "id"):
        # csv has nine digits, which are those of float32
        assert np.array_equal(joined(tiles, column), joined(wanted, column))


def test_other_columns_may_be_the_axes():
    FRAME.rename(columns={"x": "u", "y": "v"}).to_csv("other.csv", index=False)
    _, tileset, _ = made("other.csv", "--columns", "u,v")
    assert tileset["rows"] == 500
    result = run("other.csv", "-o", "no")
    assert result.exit_code == 3
    assert "3 columns of numbers" in result.stderr
    assert "--columns" in result.stderr


def test_a_pipe_is_a_map():
    _, tileset, _ = made("-", "--labels", "kind", input=Path("map.csv").read_bytes())
    assert tileset["rows"] == 500


def test_ids_are_hashed_with_a_key_that_no_list_of_processes_shows():
    made("map.csv", "--id", "email", "--hash-ids", env={"GPUTSNE_SALT": "pepper and salt 1"})
    assert b"example.org" not in everything(Path("out"))
    result = run("map.csv", "-o", "out", "--id", "email", "--hash-ids")
    assert result.exit_code == 2
    assert "set GPUTSNE_SALT" in result.stderr


def test_counts_in_place_of_points():
    told, tileset, tiles = made("map.csv", "--labels", "kind", "--min-cell", "5")
    assert joined(tiles, "count").min() >= 5
    assert joined(tiles, "count").sum() == told["shown"] <= 500
    assert titles(tileset) == ["kind", "points"]


def test_runs_of_a_store_are_maps():
    store = gputsne.Store("store")
    FRAME.to_parquet("map.parquet")
    record = gputsne.Run(parameters={"perplexity": 30.0}, seed=3, kl_divergence=1.5)
    id = store.put(record, files={"map.parquet": "map.parquet"})
    store.promote(id)
    colours = store.add_colours({"bee": "#abcdef"})
    told, tileset, _ = made("production", "--store", "store", "--labels", "kind", "--keep", "size")
    assert told["run"] == tileset["run"] == id
    assert titles(tileset) == ["kind", "size", "row"]
    assert tileset["columns"][0]["colours"][1] == colours["bee"]
    assert tileset["caption"].startswith("n = 500 · perplexity 30 · seed 3 · KL 1.500")
    assert b"example.org" not in everything(Path("out"))
    result = run("production", "--store", "store", "-o", "out", "--header")
    assert (result.exit_code, "no effect on a run" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["missing.csv"], 3, "no such file"),
        (["production"], 2, "add --store"),
        (["map.txt"], 2, "known format"),
        (["map.csv", "--labels", "nothing"], 3, "nothing"),
        (["map.csv", "--keep", "nothing"], 3, "nothing"),
        (["map.csv", "--id", "id", "--min-cell", "5"], 2, "--id"),
        (["map.csv", "--min-cell", "1"], 2, "--min-cell"),
        (["map.csv", "--min-cell", "600"], 3, "leaves nothing"),
        (["map.csv", "--hash-ids"], 2, "--hash-ids"),
        (["map.csv", "--palette", "viridis"], 2, "--palette"),
        (["map.csv", "--memory-limit", "10M"], 4, "--memory-limit is"),
    ],
)
def test_what_does_not_go_is_named(args, code: int, said: str):
    result = run(*args, "-o", "out")
    assert result.exit_code == code, result.stderr + str(result.exception)
    assert said in result.stderr
    assert not Path("out").exists()


def test_a_folder_of_other_things_is_left_alone():
    Path("mine").mkdir()
    Path("mine", "notes.txt").write_text("mine")
    result = run("map.csv", "-o", "mine")
    assert (result.exit_code, "other things than tiles" in result.stderr) == (2, True)
    assert [p.name for p in Path("mine").iterdir()] == ["notes.txt"]


def test_an_earlier_set_is_replaced_and_text_tells_of_it():
    made("map.csv", "--labels", "kind")
    result = run("map.csv", "-o", "out", "--title", "Second")
    assert result.exit_code == 0
    assert "500 of 500" in result.stdout
    assert read(Path("out"))[0]["title"] == "Second"
