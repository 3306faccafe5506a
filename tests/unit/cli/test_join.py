"""`--join FILE --on ID`: columns of another table in every command that reads rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from gputsne.cli import main

rng = np.random.default_rng(0)
GROUP = np.repeat([0, 1, 2], 20)
POINTS = pd.DataFrame(
    (rng.normal(size=(60, 4)) + 9 * np.eye(4)[GROUP]).round(4), columns=list("pqrs")
).assign(key=np.arange(60))
ABOUT = pd.DataFrame({
    "id": np.arange(60), "kind": np.array(["a", "b", "c"])[GROUP], "load": np.arange(60) / 4,
    "p": rng.normal(size=60),
}).sample(frac=1, random_state=0)  # fmt: skip
QUICK = ("--max-iter", "260", "--perplexity", "5", "--seed", "0")
JOIN = ("--id", "key", "--join", "about.csv", "--on", "id")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    POINTS.to_csv("x.csv", index=False)
    ABOUT.to_csv("about.csv", index=False)
    ABOUT.to_parquet("about.parquet", index=False)
    np.save("map.npy", POINTS[["p", "q"]].to_numpy())


def run(*args: str):
    return CliRunner().invoke(main, list(args))


def test_columns_are_joined_by_id_for_labels_and_kept_ones():
    result = run("embed", "x.csv", "-o", "m.csv", *JOIN, "--labels", "kind", "--keep", "load",
                 "--run-record", "run.json", *QUICK)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    out = pd.read_csv("m.csv")
    want = ABOUT.set_index("id").loc[out["id"]]
    assert list(out.columns) == ["id", "x", "y", "kind", "load"]
    assert out["kind"].tolist() == want["kind"].tolist()
    assert out["load"].tolist() == want["load"].tolist()
    record = json.loads(Path("run.json").read_text())
    assert record["input"]["shape"] == [60, 4]  # no joined column is a feature
    assert record["input"]["selection"]["join"] == "about.csv"
    # without names all are kept; the map is that without a join
    alone = run("embed", "x.csv", "-o", "m.parquet", "--id", "key", "--join", "about.parquet",
                "--on", "id", *QUICK)  # fmt: skip
    assert alone.exit_code == 0, alone.stderr
    every = pd.read_parquet("m.parquet")
    assert {"kind", "load", "p"} <= set(every.columns)
    np.testing.assert_allclose(every[["x", "y"]], out[["x", "y"]], rtol=1e-5)


def test_missing_ids_are_counted_and_their_cells_empty():
    ABOUT[ABOUT["id"] >= 7].to_csv("about.csv", index=False)
    result = run("embed", "x.csv", "-o", "m.csv", *JOIN, "--keep", "kind,load", *QUICK)
    assert result.exit_code == 0
    assert "7 rows of 60 have no row in about.csv" in result.stderr
    out = pd.read_csv("m.csv")
    assert out["kind"].isna().tolist() == (out["id"] < 7).tolist()
    assert out["load"].isna().tolist() == (out["id"] < 7).tolist()


def test_metrics_compare_and_report_take_it():
    scores = [
        json.loads(run("metrics", "x.csv", "map.npy", *more, "--json").stdout)["evidence"]
        for more in (
            (*JOIN, "--labels", "kind"),
            ("--id", "key", "--labels", "truth.npy"),
        )
        if np.save("truth.npy", GROUP) is None
    ]
    assert scores[0] == pytest.approx(scores[1])
    assert "silhouette" in scores[0]
    result = run("compare", "x.csv", "map.npy", *JOIN, "--labels", "kind", "--json")
    assert json.loads(result.stdout)["evidence"]["map"]["silhouette"] == scores[0]["silhouette"]
    run("report", "x.csv", "map.npy", "-o", "r.html", *JOIN, "--labels", "kind", "--keep", "load",
        "--perplexity", "5", "--json", "r.json")  # fmt: skip
    assert "14.75" in Path("r.html").read_text()  # the load of row 59


def test_what_should_not_decide_is_apart_from_what_is_kept():
    """--meta of metrics is no other name of --keep, which has no effect there."""
    result = run("metrics", "x.csv", "map.npy", "--symptoms", *JOIN, "--meta", "kind,s", "--json")
    assert result.exit_code == 0, result.stderr
    assert "No such option" in run("metrics", "x.csv", "map.npy", "--keep", "s").stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--join", "about.csv"], 2, "needs --id"),
        (["--id", "key", "--on", "id"], 2, "has no effect without --join"),
        (["--id", "key", "--join", "no.csv", "--on", "id"], 3, "no.csv: no such file"),
        (["--id", "key", "--join", "about.csv"], 3, "about.csv has no column 'key'"),
        (["--id", "key", "--join", "twice.csv", "--on", "id"], 3, "id '3' is there twice"),
        (["--id", "key", "--join", "other.csv", "--on", "id"], 3, "none of the ids of IN ('0', "),
        (["--id", "key", "--join", "map.npy", "--on", "id"], 3, "an npy has no column of ids"),
        (["--id", "key", "--join", "gap.csv", "--on", "id"], 3, "row 1, counted from 0, has no id"),
        ([*JOIN, "--keep", "colour"], 3, "colour"),
    ],
)
def test_what_is_refused(args, code, said):
    Path("twice.csv").write_text("id,v\n3,1\n4,2\n3,5\n")
    Path("other.csv").write_text("id,v\nu1,1\nu2,2\n")
    Path("gap.csv").write_text("id,v\n1,1\n,2\n3,3\n")
    result = run("embed", "x.csv", "-o", "m.csv", *args, *QUICK)
    assert result.exit_code == code, result.stderr + str(result.exception)
    assert said in result.stderr
    assert not Path("m.csv").exists()
