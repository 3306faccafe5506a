"""Price, limit and budget of a run on the command line: refused before it computes, told after."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main
from gputsne.model.embedding import Embedding

PRICES = """
currency = "EUR"
[machines]
big = 10.0
[[budgets]]
tag = "team=search"
per_month = 0.000001
"""
PAID = ("--prices", "prices.toml", "--machine", "big")


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GPUTSNE_STORE", "GPUTSNE_PRICES", "GPUTSNE_MACHINE"):
        monkeypatch.delenv(name, raising=False)
    np.save("x.npy", np.random.default_rng(0).normal(size=(60, 4)))
    Path("prices.toml").write_text(PRICES)


def call(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output
    return result.output


def embed(*words: str, code: int = 0) -> str:
    line = ("embed", "x.npy", "-o", "map.npy", "--max-iter", "250", "--perplexity", "5")
    return call(*line, *words, code=code)


def test_a_run_that_would_cost_more_is_refused_before_it_computes(monkeypatch):
    monkeypatch.setattr(Embedding, "fit", lambda *a, **k: pytest.fail("it computes"))
    said = embed(*PAID, "--max-cost", "0.0000001", "--run-record", "run.json", code=4)
    assert "this run would take about" in said
    assert "at 10.00 EUR per hour, above --max-cost 1e-07 EUR" in said
    assert not Path("map.npy").exists()
    told = json.loads(Path("run.json").read_text())
    assert (told["status"], told["exit_code"]) == ("over budget", 4)
    assert told["spending"]["max_cost"] == 1e-07 < told["spending"]["predicted_cost"]


def test_the_record_has_price_machine_currency_and_what_was_expected():
    said = embed(*PAID, "--replicas", "3", "--max-cost", "50", "--run-record", "run.json")
    told = json.loads(Path("run.json").read_text())
    assert (told["price_per_hour"], told["replicas"]) == (10.0, 3)
    held = told["spending"]
    assert (held["machine"], held["currency"], held["max_cost"]) == ("big", "EUR", 50.0)
    expected = held["predicted_seconds"] / 3600 * 30
    assert held["predicted_cost"] == pytest.approx(expected, abs=1e-6)
    assert told["cost"] == pytest.approx(told["seconds"] / 3600 * 30)
    assert "more than" not in said


def test_a_run_that_overspends_says_so_and_may_be_stopped(monkeypatch):
    from gputsne.accounts import Terms

    monkeypatch.setattr(Terms, "check", lambda self, *a, **k: self.known)
    said = embed(*PAID, "--max-cost", "0.0000001")
    assert "the run has cost" in said
    assert "more than --max-cost 1e-07 EUR" in said
    said = embed(*PAID, "--max-cost", "0.0000001", "--stop-at-cost", code=5)
    assert "deadline" in said


def test_a_months_budget_refuses_and_a_reason_lets_through():
    tag = ("--store", "store", "--tag", "team=search")
    said = embed(*PAID, *tag, code=4)
    assert "runs with the tag team=search have cost 0.00 EUR of 1e-06 EUR in 20" in said
    embed(*PAID, *tag, "--ignore-budget", "end of quarter")
    embed(*PAID, "--store", "store", "--tag", "team=maps")
    store = gputsne.Store("store")
    runs = {(run.status, run.tags["team"]): run for run in store.list()}
    refused, done, other = (
        runs["over budget", "search"], runs["done", "search"], runs["done", "maps"],
    )  # fmt: skip
    assert refused.exit_code == 4
    assert refused.spending["predicted_cost"] > 1e-6
    assert done.spending["budget_ignored"] == "end of quarter"
    assert "budget_ignored" not in other.spending
    assert store.unfinished() == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--machine", "big"], "needs --prices"),
        (["--machine", "small", "--prices", "prices.toml"], "machines with one: big"),
        ([*PAID, "--price-per-hour", "3"], "give one of the two"),
        (["--max-cost", "3"], "--max-cost needs a price"),
        (["--stop-at-cost", "--price-per-hour", "3"], "has no effect without --max-cost"),
        (["--price-per-hour", "3", "--max-cost", "0"], "--max-cost"),
        (["--price-per-hour", "3", "--ignore-budget", "why"], "has no effect"),
        ([*PAID, "--tag", "team=search"],
         "the budget of team=search is held against the runs of a store: give --store URI"),
        ([*PAID, "--tag", "team=search", "--ignore-budget", "why"], "give --store"),
        (["--prices", "x.npy"], "is no TOML"),
        (["--prices", "none.toml"], "none.toml"),
        (["--prices", "prices.toml", "--store", "s", "--tag", "team=search"],
         "the budget of team=search needs a price: give --price-per-hour, or --machine"),
        ([*PAID, "--store", "s", "--tag", "team=search", "--ignore-budget", " "], "is empty"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_usage(words, said):
    assert said in embed(*words, code=2)


def test_the_machine_and_its_prices_may_be_variables(monkeypatch):
    monkeypatch.setenv("GPUTSNE_MACHINE", "big")
    embed("--run-record", "run.json")  # without prices it asks for nothing
    assert json.loads(Path("run.json").read_text())["price_per_hour"] is None
    assert "spending" not in json.loads(call("plan", "1e6", "50", "--json"))
    monkeypatch.setenv("GPUTSNE_PRICES", "prices.toml")
    embed("--run-record", "run.json")
    assert json.loads(Path("run.json").read_text())["price_per_hour"] == 10.0
    embed("--price-per-hour", "3", "--run-record", "run.json")  # what is typed counts first
    told = json.loads(Path("run.json").read_text())
    assert (told["price_per_hour"], "machine" in told["spending"]) == (3.0, False)


def test_plan_tells_seconds_and_cost_and_holds_them_against_the_limit():
    told = json.loads(call("plan", "1e6", "50", *PAID, "--json"))["spending"]
    expected = told["predicted_seconds"] / 360
    assert told["predicted_cost"] == pytest.approx(expected, abs=1e-6)
    short = json.loads(call("plan", "1e6", "50", *PAID, "--json", "--schedule", "short"))
    assert short["spending"]["predicted_seconds"] < told["predicted_seconds"]
    assert "spending" not in json.loads(call("plan", "1e6", "50", "--json"))
    said = call("plan", "1e6", "50", *PAID, "--max-cost", "0.000001", code=4)
    assert "EUR  cost" in said
    assert "above --max-cost" in said
    assert "no effect without a price" in call("plan", "9", "5", "--replicas", "2", code=2)


def test_plan_tells_the_cost_of_a_gpu_by_its_model_and_of_one_that_is_not_here_nothing():
    line = ("plan", "1e6", "50", *PAID, "--json", "--device", "h100")
    told = json.loads(call(*line))
    seconds = told["spending"]["predicted_seconds"]
    # The same model with half a second for reading and writing.
    assert seconds == pytest.approx(sum(told["stage_seconds"].values()) + 0.5)
    assert "nothing was measured" in told["spending"]["predicted_by"]
    cuda = ("plan", "1e6", "50", *PAID, "--device", "cuda")
    assert "can't be predicted without runs of it" in call(*cuda)
    assert "can't be predicted" in call(*cuda, "--max-cost", "5", code=4)


@pytest.mark.parametrize(
    "line",
    [
        ["sweep", "x.npy", "--perplexity", "5", "--max-iter", "250", "-o", "out.npy"],
        ["update", "model.npz", "x.npy", "-o", "out.npy", "--refine", "20"],
        ["transform", "model.npz", "x.npy", "-o", "out.npy"],
    ],
    ids=lambda line: line[0],
)
def test_sweep_update_and_transform_are_refused_too(line):
    embed("--model", "model.npz")
    assert "above --max-cost" in call(*line, *PAID, "--max-cost", "0.00000001", code=4)
    assert not Path("out.npy").exists()
    said = call(*line, *PAID, "--max-cost", "5")
    assert Path("out.npy").exists()
    assert line[0] == "sweep" or "EUR" in said


def test_a_bill_as_csv_has_a_line_for_each_tag_and_month():
    for i in range(3):
        embed(*PAID, "--store", "store", "--tag", f"team=t{i % 2}")
    said = call("runs", "cost", "--store", "store", "--by", "tag.team", "--by", "month",
                "--csv", "bill.csv")  # fmt: skip
    with Path("bill.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["tag.team"], r["currency"], r["runs"]) for r in rows] == [
        ("t0", "EUR", "2"), ("t1", "EUR", "1"),
    ]  # fmt: skip
    assert said.splitlines()[-1].split()[:2] == ["total", "3"]
    assert "--csv" in call("runs", "cost", "--store", "store", "--csv", "-", code=2)
