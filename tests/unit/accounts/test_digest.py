"""Summaries of weeks, months and quarters: numbers by hand, incidents, and the page."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.accounts.digest import digest, page
from gputsne.cli import main
from gputsne.provenance import Run
from gputsne.runs.sealing import seal

UNTIL = datetime(2026, 11, 20, tzinfo=UTC)
TAGS = {"team": "a"}


@pytest.fixture
def store(tmp_path):
    return gputsne.Store(tmp_path / "store")


def put(store, day: str, number: int = 0, seconds: float = 100.0, **more) -> str:
    told = {"price_per_hour": 36.0, "tags": TAGS, "spending": {"currency": "EUR"}} | more
    return store.put(Run(id=f"2026{day}T020000Z-{number:08x}", seconds=seconds, **told))


def killed(store, day: str) -> str:
    """Leave the note of a process that is no more."""
    id = f"2026{day}T030000Z-000000ff"
    run = {"tags": TAGS, "spending": {"currency": "EUR", "predicted_cost": 2.0}}
    note = {"id": id, "host": platform.node(), "pid": 2**22 + 1, "born": "boot/1", "run": run}
    store._storage.add(f"started/{id}.json", seal(note))
    return id


def months(store, **more):
    since = datetime(2026, 10, 15, tzinfo=UTC)
    return digest(store, "month", since=since, until=UNTIL, **more)


def test_a_month_beside_the_one_before_it(store):
    old = {"versions": {"gputsne": "1.0", "numpy": "2.4"}}
    new = {"versions": {"gputsne": "1.1", "numpy": "2.4"}}
    for i, (kl, s) in enumerate(((1.0, 100.0), (3.0, 200.0))):
        put(store, "1005", i, s, kl_divergence=kl, metrics={"knn_preservation": 0.5}, **old)
    for i, (kl, s) in enumerate(((2.0, 100.0), (4.0, 200.0), (6.0, 400.0))):
        metrics = {"knn_preservation": 0.4, "drift_map": 0.05 * (i + 1)}
        put(store, "1102", i, s, kl_divergence=kl, metrics=metrics, **new)
    bad = put(store, "1103", 9, 10.0, status="failed", error="it broke", **new)
    gone = killed(store, "1104")
    before, after = months(store)
    assert (before["period"], before["complete"]) == ("2026-10", True)
    assert (after["period"], after["complete"]) == ("2026-11", False)
    assert after["start"] == "2026-11-01T00:00:00+00:00"
    assert (after["runs"], after["done"], after["killed"]) == (4, 3, 1)
    assert after["success_rate"] == 0.6
    seconds = [100.0, 200.0, 400.0, 10.0]
    assert after["seconds_p50"] == np.percentile(seconds, 50) == 150.0
    assert after["seconds_p95"] == pytest.approx(np.percentile(seconds, 95))
    assert after["medians"] == {"kl_divergence": 4.0, "knn_preservation": 0.4}
    assert after["change"]["kl_divergence"] == 2.0
    assert after["change"]["knn_preservation"] == pytest.approx(-0.1)
    assert after["change"]["success_rate"] == pytest.approx(-0.4)
    assert after["changed"] == {"gputsne": [["1.0"], ["1.1"]]}
    assert after["drift"]["drift_map"]["max"] == pytest.approx(0.15)
    assert after["costs"] == {"EUR": "9.100000"}  # 710 s at 0.01, and what the killed one was to
    assert [(row["what"], row["run"]) for row in after["incidents"]] == [
        ("failed", bad), ("killed", gone),
    ]  # fmt: skip
    levels = {row["level"]: row for row in after["levels"]}
    assert levels["availability"]["share"] == 0.6
    assert levels["availability"]["left"] == pytest.approx(1 - 0.4 / 0.01)
    assert (levels["latency"]["runs"], levels["latency"]["kept"]) == (4, 3)  # 400 s is above 300
    assert (levels["drift"]["runs"], levels["drift"]["kept"]) == (3, 1)  # 0.1 is not below 0.1
    assert before["change"] == {}


def test_failed_gates_and_rollbacks_are_incidents(store):
    first, second = put(store, "1105", 1), put(store, "1106", 2)
    row = {"id": "knn", "title": "Neighbours kept", "severity": "gate", "status": "fail"}
    other = {"id": "x", "severity": "warning", "status": "fail"}
    store.add_check(second, {"profile": "prod", "verdict": "FAIL", "rows": [row, other]})
    for id in (first, second):
        store.promote(id, force=True, reason="a test")
    store.rollback(reason="colours")
    since = datetime(2026, 11, 1, tzinfo=UTC)
    found = digest(store, "week", since=since)  # up to now, when the rollback was
    told = [row for period in found for row in period["incidents"]]
    assert {(r["what"], r["run"], r["said"]) for r in told} == {
        ("check prod", second, "Neighbours kept"),
        ("rollback", second, f"production went back to {first}: colours"),
    }


def test_quality_of_a_check_counts_before_that_of_the_record(store):
    id = put(store, "1105", metrics={"trustworthiness": 0.5})
    row = {"id": "t", "metric": "trustworthiness", "value": 0.9, "status": "pass"}
    store.add_check(id, {"profile": "ci", "verdict": "PASS", "rows": [row]})
    (_, after) = months(store)
    assert after["medians"] == {"trustworthiness": 0.9}


def test_tags_choose_runs_and_an_empty_time_has_no_numbers(store):
    put(store, "1105", tags={"team": "b"})
    for told in months(store, tagged=TAGS):
        assert (told["runs"], told["success_rate"], told["seconds_p95"]) == (0, None, None)
        assert all(row["left"] is None for row in told["levels"])
        assert told["costs"] == {}


def test_the_last_four_periods_are_told_of_by_default(store):
    names = [told["period"] for told in digest(store, "quarter", until=UNTIL)]
    assert names == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]


def test_a_page_escapes_what_runs_say_and_loads_nothing(store):
    put(store, "1105", status="failed", error="<script>alert(1)</script>")
    html = page(months(store), "month", "store")
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "http" not in html.split("<body>")[1]
    assert html.index("2026-11") < html.index("2026-10")  # the latest first


def test_the_command_prints_and_writes_them(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words, code=0):
        result = CliRunner().invoke(main, ["runs", "summary", "--store", "store", *words])
        assert result.exit_code == code, result.output
        return result.output

    put(store, "1105", kl_divergence=2.0)
    put(store, "1106", status="failed", error="it broke")
    (tmp_path / "ops.toml").write_text("[levels]\navailability = 0.75\n")
    words = ("--every", "month", "--since", "2026-11-01", "--settings", "ops.toml")
    said = call(*words, "--html", "page.html")
    assert "2026-11" in said
    assert "availability        50.0% of 2, target 0.75: -100% of the error budget left" in said
    assert "incident            2026-11-06T02:00:00+00:00 failed" in said
    assert "it broke" in said
    assert "2026-11" in (tmp_path / "page.html").read_text()
    told = json.loads(call(*words, "--json").splitlines()[0])
    assert (told["every"], told["periods"][0]["runs"]) == ("month", 2)
    assert "lies in the future" in call("--every", "week", "--since", "2999-01-01", code=2)
    assert "has no effect without --every" in call("--html", "x.html", code=2)
    assert "no TOML" in call("--every", "week", "--settings", "page.html", code=2)
