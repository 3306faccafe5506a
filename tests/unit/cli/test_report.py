"""`gputsne report`: the page and its JSON from files, exit codes, and what it says of bad ones."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main

rng = np.random.default_rng(0)
KIND = np.repeat(["a", "b", "c"], 30)
X = (rng.normal(size=(90, 4)) + 12 * np.eye(4)[np.repeat([0, 1, 2], 30)]).round(4)
Y = X[:, :2]
GOOD = {"stability_5": 0.95, "latency_ms": 8.0, "budget_gb": 16.0}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{','.join(map(str, row))},{kind},u{i},{i}"
            for i, (row, kind) in enumerate(zip(X, KIND, strict=True))]  # fmt: skip
    Path("x.csv").write_text("\n".join(["p,q,r,s,kind,user,time", *rows]))
    np.save("x.npy", X)
    np.save("y.npy", Y)
    Path("good.json").write_text(json.dumps(GOOD))


@pytest.fixture
def without_pictures(monkeypatch):
    monkeypatch.setattr("gputsne.reporting.page.figures", lambda *given: ((), "left out"))


def run(*args: str):
    return CliRunner().invoke(main, ["report", *args])


def test_the_page_and_its_json_are_those_of_python(without_pictures):
    args = ["x.csv", "y.npy", "-o", "r.html", "--labels", "kind", "--keep", "user", "--meta",
            "time", "--columns", "p,q,r,s", "--json", "r.json", "--perplexity", "9"]  # fmt: skip
    result = run(*args)
    assert result.exit_code == 1, result.stderr
    assert "gputsne: go-no-go is incomplete" in result.stderr
    assert result.stdout.endswith("go-no-go: INCOMPLETE\nwritten: r.html\n")
    told, page = json.loads(Path("r.json").read_text()), Path("r.html").read_text()
    want = gputsne.report(
        X, Y, KIND, {"kind": KIND, "user": [f"u{i}" for i in range(90)]}, perplexity=9,
        metadata={"time": np.arange(90)},
    )  # fmt: skip
    assert told["evidence"] == pytest.approx(want.evidence)
    for section in ("groups", "spaces", "quality", "agreement", "spot_checks"):
        assert told[section] == want.facts[section]
    assert told["evidence"]["metadata_column"] == "time"
    assert told["repeat"]["command"] == shlex.join(["gputsne", "report", *args])
    assert "Report on x.csv" in page
    assert f">{told['groups']['groups'][0]['members'][0]['record']['user']}<" in page


def test_a_pass_needs_evidence_and_answers(without_pictures):
    Path("labels.csv").write_text("\n".join(["kind", *KIND]))
    args = ["x.npy", "y.npy", "-o", "r.html", "--labels", "labels.csv"]
    assert run(*args).exit_code == 1
    passing = [*args, "--evidence", "good.json", "--ack", "ann: ok", "--junit", "r.xml"]
    result = run(*passing)
    assert (result.exit_code, result.stderr) == (0, "")
    assert ET.parse("r.xml").getroot().get("failures") == "0"
    result = run(*passing, "--set", "latency_ms=90", "--quiet")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "gputsne: go-no-go failed: latency\n"


def test_json_is_printed_alone_and_check_reads_it(without_pictures):
    result = run("x.npy", "y.npy", "-o", "r.html", "--json", "-", "--profile", "diagnose")
    told = json.loads(result.stdout)
    assert told["checklist"]["profile"] == "diagnose"
    assert "written: r.html" in result.stderr
    Path("r.json").write_text(result.stdout)
    again = CliRunner().invoke(main, ["check", "r.json", "--profile", "diagnose", "--json"])
    assert json.loads(again.stdout) == told["checklist"]
    assert again.exit_code == result.exit_code


def test_the_record_of_the_run_is_told(without_pictures):
    made = CliRunner().invoke(main, ["embed", "x.npy", "-o", "map.npy", "--max-iter", "20",
                                     "--perplexity", "5", "--run-record", "run.json"])  # fmt: skip
    assert made.exit_code == 0, made.stderr
    record = json.loads(Path("run.json").read_text())
    run("x.npy", "map.npy", "-o", "r.html", "--run", "run.json", "--json", "r.json")
    told = json.loads(Path("r.json").read_text())
    assert told["repeat"]["parameters"] == record["parameters"]
    assert told["repeat"]["fit_versions"] == record["versions"]
    fit = told["operation"]["fit"]
    assert fit["peak_memory_bytes"] == record["peak_memory_bytes"]
    assert fit["seconds"] == record["timings"]["total"]
    assert told["evidence"]["perplexity_share"] == pytest.approx(5 / 90)
    assert told["evidence"]["kl_iterations"] == 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["x.npy", "none.npy"], 3, "none.npy: no such file"),
        (["x.npy", "short.npy"], 3, "short.npy has 50 rows, x.npy has 90"),
        (["x.npy", "-"], 2, "only IN and OUT may be -"),
        (["x.npy", "y.npy", "--run", "x.csv"], 3, "x.csv is no JSON"),
        (["x.npy", "y.npy", "--evidence", "none.json"], 3, "none.json: no such file"),
        (["x.npy", "y.npy", "--profile", "nightly"], 2, "'nightly' is none of go-no-go, "),
        (["x.npy", "y.npy", "--ack", "ann"], 2, "must say who and why"),
        (["x.npy", "y.npy", "--set", "latency_ms"], 2, "is no NAME=VALUE"),
        (["x.npy", "y.npy", "--critical", "status"], 3, "no effect without records"),
        (["x.npy", "y.npy", "--space", "umap"], 2, "--space"),
        (["x.npy", "y.npy", "--json", "x.npy"], 2, "x.npy is read"),
        (["x.npy", "y.npy", "--json", "r.html"], 2, "r.html is named twice"),
        (["x.npy", "y.npy", "-k", "90"], 3, "90 needs at least"),
        (["x.npy"], 2, "Missing argument"),
    ],
)
def test_it_says_what_is_wrong_before_it_computes(args, code, said):
    np.save("short.npy", Y[:50])
    result = run(*args, "-o", "r.html")
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert not Path("r.html").exists()


def test_a_page_to_nowhere_is_no_page():
    assert run("x.npy", "y.npy").exit_code == 2
    result = run("x.npy", "y.npy", "-o", "nowhere/r.html")
    assert (result.exit_code, "can't be written" in result.stderr) == (2, True)
