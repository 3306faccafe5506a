"""Rows of the checklists by the commands that people type: each passes, and fails for its reason.

Rows about a scrape, manifests, alerts and dashboards: tests/unit/telemetry/test_readiness.py.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main
from gputsne.provenance import Run

FIT = ["--max-iter", "300", "--perplexity", "10", "--store", "store", "--keep-input"]
OWNED = ["--tag", "owner=maps-team"]
ROWS = 150


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", gputsne.datasets.load_digits().X[:ROWS].astype(float))


def call(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, [*words])
    assert result.exit_code == code, result.output
    return result.stdout


def embedded(*more: str) -> str:
    return str(json.loads(call("embed", *more, *FIT, "--json"))["stored"])


def row(name: str, *words: str) -> dict:
    """Return a row of a check, whatever the others say."""
    result = CliRunner().invoke(main, ["check", *words, "--store", "store", "--json"])
    assert result.exit_code in (0, 1), result.output
    return next(row for row in json.loads(result.stdout)["rows"] if row["id"] == name)


def test_p1_the_same_seed_draws_the_same_rows():
    drawn = ["sample", "x.npy", "-n", "100", "-o", "s.npy", "--seed", "3", "--record"]
    call(*drawn, "one.json")
    call(*drawn, "two.json")
    told = json.loads(Path("one.json").read_text())
    Path("other.json").write_text(json.dumps({**told, "sha256": "0" * 64}))
    call(*drawn[:-1], "--seed", "4", "--record", "another.json")  # of another seed: no repeat
    for repeats, status in ((["two.json"], "pass"), (["two.json", "other.json"], "fail"),
                            (["another.json"], "n/a"), ([], "n/a")):  # fmt: skip
        found = row("sample_repeats", "one.json", *repeats, "--profile", "preprod")
        assert found["status"] == status
    value = told["coverage"]["whole"]
    found = row("sample_covers", "one.json", "--profile", "preprod")
    assert found["value"] == pytest.approx(value)
    assert found["status"] == ("pass" if value > 0.95 else "fail")


def test_a_run_of_a_sample_tells_its_coverage():
    drawn = gputsne.sample(np.load("x.npy"), 100, method="random", random_state=0)
    found = gputsne.check(Run().with_sample(drawn, ROWS), "preprod")["sample_covers"]
    assert found.value == pytest.approx(drawn.coverage.whole)


def test_p3_the_estimate_is_held_against_the_budget():
    run = embedded("x.npy", "-o", "m.npy", "--price-per-hour", "3600")
    for budget, status in (("60", "pass"), ("0.000001", "fail")):
        asked = [run, "--profile", "preprod", "--set", f"budget_cost={budget}"]
        assert row("plan_cost", *asked)["status"] == status


def test_p4_a_passing_check_of_ci_is_in_the_store():
    run = embedded("x.npy", "-o", "m.npy", "--score")
    assert row("ci_passed", run, "--profile", "preprod")["status"] == "fail"
    verdict = {"profile": "ci", "verdict": "PASS", "rows": []}
    gputsne.Store("store").add_check(run, verdict)
    assert row("ci_passed", run, "--profile", "preprod")["status"] == "pass"


def test_r3_a_store_is_tried(monkeypatch):
    run = embedded("x.npy", "-o", "m.npy")
    assert row("store_sound", run, "--profile", "prod")["status"] == "pass"
    store, shut = Path("store").resolve(), Path("shut").resolve()
    monkeypatch.setattr(sys.modules["gputsne.runs.probing"], "FOLDER", "refs.json/tmp")
    (store / "refs.json").write_text("")  # a file where the folder of notes would be made
    found = row("store_sound", run, "--profile", "prod")
    assert (found["status"], "can't be written" in found["says"]) == ("fail", True)
    assert not shut.exists()


def test_in1_the_kl_curve_is_shown_and_must_be_known():
    run = embedded("x.npy", "-o", "m.npy")
    shown = call("runs", "show", run, "--kl", "--store", "store")
    assert any(mark in shown for mark in "▁▂▃▄▅▆▇█")
    assert "     300  " in shown
    assert row("kl_known", run, "--profile", "incident")["status"] == "pass"
    Run(seed=0).write("bare.json")
    assert row("kl_known", "bare.json", "--profile", "incident")["status"] == "fail"


def test_in2_one_byte_tells():
    run = embedded("x.npy", "-o", "m.npy")
    asked = [run, "--profile", "incident", "--input", "x.npy"]
    assert "is what the run read" in call("runs", "show", run, "--verify", "x.npy", *FIT[4:6])
    assert row("input_verified", *asked)["status"] == "pass"
    data = bytearray(Path("x.npy").read_bytes())
    data[-1] ^= 1
    Path("x.npy").write_bytes(data)
    call("runs", "show", run, "--verify", "x.npy", *FIT[4:6], code=1)
    assert row("input_verified", *asked)["status"] == "fail"


def test_in3_a_run_that_was_killed_is_counted():
    first = embedded("x.npy", "-o", "m.npy", *OWNED)
    assert row("not_killed", first, "--profile", "incident")["status"] == "pass"
    words = [sys.executable, "-m", "gputsne", "embed", "x.npy", "-o", "m.npy", *FIT, *OWNED,
             "--max-iter", "1000000", "--log-json"]  # fmt: skip
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if json.loads(line).get("stage") == "optimize":
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    again = embedded("x.npy", "-o", "m.npy", *OWNED)
    assert "killed        1" in call("runs", "show", again, "--store", "store")
    found = row("not_killed", again, "--profile", "incident")
    assert (found["status"], found["says"][:10]) == ("fail", "1 attempts")


def test_in4_a_replay_from_pca_is_compared():
    run = embedded("x.npy", "-o", "m.npy")
    same = embedded("--replay", run, "--init", "pca", "--seed", "0", "-o", "again.npy")
    asked = [run, "--profile", "incident", "--repeat"]
    assert row("replay_agrees", *asked, same)["status"] == "pass"
    said = call("compare", run, same, "--store", "store")
    assert "disparity 0 of 150 shared rows" in said
    other = embedded("x.npy", "-o", "o.npy", "--init", "random", "--seed", "7")
    found = row("replay_agrees", other, "--profile", "incident", "--repeat", same)
    assert found["value"] > 0
    assert found["status"] == ("pass" if found["value"] <= 0.05 else "fail")


def test_in5_confirmed_drift_names_the_owner():
    run = embedded("x.npy", "-o", "m.npy", *OWNED)
    X = np.load("x.npy")
    np.save("y.npy", X + 3 * X.std(axis=0))
    drifted = embedded("y.npy", "-o", "n.npy", *OWNED)
    asked = ["--profile", "incident", "--baseline", run]
    assert row("escalate", run, *asked)["status"] == "pass"
    found = row("escalate", drifted, *asked)
    assert (found["status"], "Escalate to maps-team" in found["action"]) == ("fail", True)
