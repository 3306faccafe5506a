"""``gputsne embed`` keeps a record: tags, cost and hashes, the same run as in the model's file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main

SHORT = ("--max-iter", "5", "--perplexity", "5", "--quiet")
X = np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    frame = pd.DataFrame(X.copy(), columns=["a", "b", "c"])
    frame.to_parquet("x.parquet")
    frame.to_csv("x.csv", index=False)


def embed(*args: str, source: str = "x.npy"):
    return CliRunner().invoke(main, ["embed", source, "-o", "map.npy", *SHORT, *args])


def test_tags_and_price_are_in_the_record():
    result = embed(
        "--tag", "owner=maps", "--tag", "query=day=monday", "--price-per-hour", "10",
        "--replicas", "3", "--run-record", "run.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    run = gputsne.Run.read("run.json")
    assert run.tags == {"owner": "maps", "query": "day=monday"}
    assert run.cost == pytest.approx(run.seconds / 3600 * 10 * 3, rel=1e-12)
    assert json.loads(Path("run.json").read_text())["cost"] == run.cost


def test_the_record_and_the_model_are_of_one_run():
    assert embed("--model", "m.npz", "--run-record", "run.json").exit_code == 0
    run, of_fit = gputsne.Run.read("run.json"), gputsne.load("m.npz").run_
    for name in ("id", "map_sha256", "timings", "kl_history", "columns", "parameters"):
        assert getattr(run, name) == getattr(of_fit, name)
    assert run.input["data_sha256"] == of_fit.input["data_sha256"]
    assert run.input["path"] == "x.npy"


def test_npy_parquet_and_csv_of_one_table_have_one_hash():
    found = set()
    for kind in ("npy", "parquet", "csv"):
        assert embed("--run-record", "run.json", source=f"x.{kind}").exit_code == 0
        told = gputsne.Run.read("run.json")
        found.add(told.input["data_sha256"])
        names = [column["name"] for column in told.columns]
        assert names == ([None] * 3 if kind == "npy" else ["a", "b", "c"])
    assert len(found) == 1


def test_the_null_rate_of_a_column_is_told_though_it_is_filled():
    frame = pd.DataFrame(X.copy(), columns=["a", "b", "c"])
    frame.loc[::20, "b"] = np.nan
    frame.to_csv("gaps.csv", index=False)
    result = embed("--impute", "mean", "--run-record", "run.json", source="gaps.csv")
    assert result.exit_code == 0, result.output
    rates = [column["null_rate"] for column in gputsne.Run.read("run.json").columns]
    assert rates == [0.0, 0.05, 0.0]


def test_a_refused_input_has_a_record_that_says_where():
    frame = pd.DataFrame(X.copy(), columns=["a", "b", "c"])
    frame.loc[::20, "b"] = np.nan
    frame.to_csv("gaps.csv", index=False)
    assert (
        embed("--run-record", "run.json", "--tag", "owner=maps", source="gaps.csv").exit_code == 3
    )
    run = gputsne.Run.read("run.json")
    assert (run.status, run.tags["owner"], run.map) == ("bad input", "maps", None)
    assert [column["name"] for column in run.columns if column["null_rate"]] == ["b"]
    missing = embed("--run-record", "run.json", source="no.csv")
    assert missing.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tag", "owner"), "'owner' is no tag: write NAME=VALUE"),
        (("--tag", "owner=a", "--tag", "owner=b"), "'owner' is there twice"),
        (("--tag", "owner=a\nb"), "control character"),
        (("--tag", "=a"), "is empty"),
        (("--price-per-hour", "-1"), "--price-per-hour"),
        (("--price-per-hour", "nan"), "--price-per-hour"),
        (("--replicas", "0"), "--replicas"),
    ],
)
def test_what_no_record_can_hold_is_refused_at_once(arguments, said):
    result = embed(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert not Path("map.npy").exists()


def test_tags_in_a_file_of_options():
    Path("run.toml").write_text('tag = ["owner=maps", "team=a"]\nprice-per-hour = 2.5\n')
    assert embed("--config", "run.toml", "--run-record", "run.json").exit_code == 0
    run = gputsne.Run.read("run.json")
    assert (run.tags, run.price_per_hour) == ({"owner": "maps", "team": "a"}, 2.5)


def test_the_summary_tells_the_cost():
    result = CliRunner().invoke(
        main, ["embed", "x.npy", "-o", "m.npy", *SHORT[:-1], "--price-per-hour", "10"]
    )
    assert "\ncost          " in result.output
