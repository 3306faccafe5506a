"""``gputsne runs``: costs that agree wherever told, stores that are not there, and --since."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
from click.testing import CliRunner
from stores import id_of, run_of

import gputsne
from gputsne.cli import main
from gputsne.runs.sealing import seal


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GPUTSNE_STORE", str(tmp_path / "store"))
    return gputsne.Store(tmp_path / "store")


def call(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["runs", *words])
    assert result.exit_code == code, result.output
    return result.output


def facts(*words: str, code: int = 0):
    return json.loads(call(*words, "--json", code=code).splitlines()[0])


def priced(days_ago: float, digits: int, seconds: float = 36.0, price: float | None = 10.0, **more):
    return run_of(days_ago, digits, seconds=seconds, price_per_hour=price, **more)


def test_a_killed_run_costs_the_same_wherever_costs_are_told(store):
    store.put(priced(1, 1, tags={"team": "a"}))
    spending = {"currency": "", "predicted_cost": 0.067}
    run = {"tags": {"team": "a"}, "spending": spending}
    id = id_of(0, 2)
    note = {"id": id, "host": platform.node(), "pid": 2**22 + 1, "born": "boot/1", "run": run}
    store._storage.add(f"started/{id}.json", seal(note))
    whole = pytest.approx(0.1 + 0.067)
    bill = facts("cost")
    assert (bill["total"], bill["costs"]["a"]["cost"]) == (whole, whole)
    assert (bill["costs"]["a"]["runs"], bill["costs"]["a"]["killed"]) == (1, 1)
    assert bill["totals"] == {"": "0.167000"}
    told = facts("summary")
    assert (told["cost"], told["costs"]) == (whole, bill["totals"])
    periods = facts("summary", "--every", "week")["periods"]
    assert sum(period["cost"] for period in periods) == whole
    assert sum(float(period["costs"].get("", 0)) for period in periods) == whole
    assert "\ncost          0.17\n" in call("summary")


def test_amounts_of_two_currencies_are_told_apart_and_never_added_up(store):
    for digits, name in enumerate(("EUR", "USD"), 1):
        store.put(priced(0, digits, spending={"currency": name}))
    store.put(priced(0, 3, price=None))
    assert (facts("cost")["total"], facts("summary")["cost"]) == (None, None)
    assert "0.10 EUR, 0.10 USD, 1 without a price" in call("summary")
    assert "0.10 EUR, 0.10 USD, 1 without a price" in call("summary", "--every", "quarter")


@pytest.mark.parametrize(
    "line",
    [
        "ls", "show production", "diff a b", "verify", "promote canary", "rollback", "prune",
        "summary", "summary --every week", "cost", "bundle production -o out.zip",
    ],
)  # fmt: skip
def test_a_store_that_is_not_there_is_no_empty_one(store, line):
    said = call(*line.split(), code=3)
    assert f"no store at {store.uri}; gputsne embed --store makes one" in said
    assert not Path("store").exists()


def test_an_empty_folder_is_a_store_without_runs(store):
    assert not store.exists()
    Path("store").mkdir()
    assert store.exists()
    assert call("ls") == "no runs\n"
    assert facts("cost")["total"] == facts("summary")["cost"] == 0


@pytest.mark.parametrize("command", ["ls", "cost", "summary", "summary --every week"])
@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("9999-12-31", "lies in the future"),
        ("9999-12-31T23:59:59-14:00", "neither an age"),
        ("0001-01-01", "lies before 1970-01-01"),
        ("1969-12-31", "lies before 1970-01-01"),
        ("99999999d", "neither an age"),
        ("30000d", "lies before 1970-01-01"),
    ],
)
def test_a_time_at_an_end_of_the_calendar_is_usage(store, command, since, said):
    Path("store").mkdir()
    told = " ".join(call(*command.split(), f"--since={since}", code=2).split())
    assert all(word in told for word in ("--since", since, said, "such as 30d"))
