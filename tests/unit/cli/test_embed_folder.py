"""``embed FOLDER``: shards stay on disk; labels, ids and kept columns come beside the map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from gputsne import TSNE
from gputsne.cli import main
from gputsne.data import read

X = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
KINDS = np.array(["a", "b", "c"])[np.arange(90) % 3]
FEW = ["--perplexity", "5", "--max-iter", "20", "--early-exaggeration-iter", "5"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rows", "table"):
        Path(name).mkdir()
    table = pa.table({f"c{j}": X[:, j] for j in range(4)}).append_column("kind", pa.array(KINDS))
    table = table.append_column("number", pa.array(np.arange(90)))
    for i, (start, stop) in enumerate(((0, 40), (40, 41), (41, 90))):
        np.save(f"rows/part-{i + 8}.npy", X[start:stop])
        parquet.write_table(table.slice(start, stop - start), f"table/{i + 8}.parquet")
    Path("rows/_SUCCESS").touch()


def run(*args: str):
    return CliRunner().invoke(main, ["embed", *args])


def test_a_folder_of_npy_is_embedded_as_its_rows_are():
    done = run("rows", "-o", "map.npy", "--run-record", "run.json", "--model", "m.npz", *FEW)
    assert done.exit_code == 0, done.output
    short = {"perplexity": 5, "max_iter": 20, "early_exaggeration_iter": 5, "random_state": 0}
    np.testing.assert_array_equal(np.load("map.npy"), TSNE(**short).fit(X).embedding_)
    record = json.loads(Path("run.json").read_text())
    assert record["input"]["path"] == "rows"
    assert record["input"]["shape"] == [90, 4]


def test_columns_of_a_folder_of_parquet_are_kept_beside_the_map():
    told = ("--labels", "kind", "--id", "number", "--plot", "map.html")
    done = run("table", "-o", "map.parquet", *told, *FEW)
    assert done.exit_code == 0, done.output
    found = read("map.parquet", labels="kind", ids="id")
    assert found.labels.tolist() == KINDS.tolist()
    assert found.ids.tolist() == list(range(90))
    assert found.X.shape == (90, 2)
    assert run("table", "-o", "m.csv", "--keep", "kind", "--columns", "c*", *FEW).exit_code == 0
    assert Path("m.csv").read_text().splitlines()[0] == "x,y,kind"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("rows", "table"), 2, "a folder of shards is read alone"),
        (("rows", "--score"), 2, "--score"),
        (("rows", "--key", "x"), 3, "--key has no effect"),
        (("table", "--labels", "none"), 3, "has no column 'none'"),
        (("rows", "--id", "a"), 3, "has no columns with names"),
        (("empty",), 3, "holds no shards"),
    ],
    ids=str,
)
def test_what_a_folder_does_not_allow(args, code, message):
    Path("empty").mkdir()
    done = run(*args, "-o", "map.npy", *FEW)
    assert done.exit_code == code, done.output
    assert message in done.output


def test_a_gap_in_a_late_shard_is_named_and_more_than_memory_is_exit_4():
    holed = X[41:].copy()
    holed[7, 2] = np.nan
    np.save("rows/part-10.npy", holed)
    done = run("rows", "-o", "map.npy", *FEW)
    assert done.exit_code == 3
    assert "the first in row 48, which is row 7 of rows/part-10.npy" in done.output
    assert run("table", "-o", "map.npy", "--memory-limit", "1M", *FEW).exit_code == 4
