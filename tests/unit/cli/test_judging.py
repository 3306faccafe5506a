"""`gputsne metrics` and `gputsne check`: numbers as in Python, exit codes, files, messages."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main

rng = np.random.default_rng(0)
KIND = np.repeat(["a", "b", "c"], 30)
X = (rng.normal(size=(90, 4)) + 9 * np.eye(4)[np.repeat([0, 1, 2], 30)]).round(4)
Y = X[:, :2]
GOOD = {
    "silhouette": 0.6, "davies_bouldin": 0.7, "stability_5": 0.95, "knn_accuracy_5fold": 0.9,
    "latency_ms": 8.0, "footprint_gb": 10.0, "budget_gb": 16.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [",".join([*map(str, row), kind, str(i)]) for i, (row, kind) in enumerate(zip(X, KIND))]  # noqa: B905
    Path("x.csv").write_text("\n".join(["p,q,r,s,kind,time", *rows]))
    rows = [f"{i},{x},{y},{k}" for i, ((x, y), k) in enumerate(zip(Y, KIND))]  # noqa: B905
    Path("y.csv").write_text("\n".join(["id,x,y,kind", *rows]))
    np.save("x.npy", X)
    np.save("y.npy", Y)
    Path("good.json").write_text(json.dumps(GOOD))


def run(*args: str):
    return CliRunner().invoke(main, list(args))


def test_metrics_are_those_of_python():
    result = run("metrics", "x.csv", "y.csv", "--labels", "kind", "--columns", "p,q,r,s", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    want = gputsne.metrics.evaluate(X, Y, KIND)
    assert told["points"] == 90
    assert told["evidence"] == pytest.approx(want)
    plain = run("metrics", "x.npy", "y.npy")
    assert "trustworthiness" in plain.stdout
    assert "silhouette" not in plain.stdout
    some = run("metrics", "x.npy", "y.npy", "--sample", "20", "-k", "5", "--seed", "3")
    assert " ± " in some.stdout


def test_symptoms_are_measured_and_judged():
    result = run("metrics", "x.csv", "y.csv", "--labels", "kind", "--columns", "p,q,r,s",
                 "--symptoms", "--meta", "time", "--perplexity", "10", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    evidence = json.loads(result.stdout)["evidence"]
    assert evidence["metadata_column"] == "time"
    assert evidence["perplexity_share"] == pytest.approx(10 / 90)
    Path("found.json").write_text(result.stdout)
    told = run("check", "found.json", "--profile", "diagnose", "--json")
    rows = {row["id"]: row["status"] for row in json.loads(told.stdout)["rows"]}
    assert rows["collapse"] == "pass"
    assert rows["not_converged"] == "n/a"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["x.npy", "none.npy"], 3, "none.npy: no such file"),
        (["x.npy", "x.txt"], 2, "x.txt"),
        (["x.npy", "y.npy", "--meta", "time"], 2, "no effect without --symptoms"),
        (["x.npy", "y.npy", "--map-key", "k"], 2, "--map-key"),
        (["x.npy", "y.npy", "-k", "90"], 3, "-k 90 needs at least"),
        (["x.npy", "y.npy", "--metric", "far"], 3, "far"),
        (["x.npy", "-"], 2, "only IN and OUT may be -"),
    ],
)
def test_metrics_says_what_is_wrong(args, code, said):
    Path("x.txt").write_text("1 2")
    result = run("metrics", *args)
    assert result.exit_code == code
    assert said in result.stderr


def test_a_map_of_another_length_is_refused():
    np.save("short.npy", Y[:50])
    result = run("metrics", "x.npy", "short.npy")
    assert (result.exit_code, "short.npy has 50 rows, x.npy has 90" in result.stderr) == (3, True)


def test_a_pass_needs_evidence_and_answers():
    result = run("check", "good.json")
    assert result.exit_code == 1
    assert "go-no-go is incomplete: visualization, neighbor_inspection" in result.stderr
    result = run("check", "good.json", "--ack", "ann: looked at ten of each")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("go-no-go: PASS\n")
    result = run("check", "good.json", "--ack", "ann: ok", "--set", "silhouette=0.1")
    assert result.exit_code == 1
    assert result.stderr == "gputsne: go-no-go failed: silhouette\n"


def test_views_are_written_and_agree():
    args = ["check", "good.json", "--set", "latency_ms=90", "--json", "--junit", "c.xml", "--html",
            "c.html"]  # fmt: skip
    result = run(*args)
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["verdict"] == "FAIL"
    assert ET.parse("c.xml").getroot().get("failures") == "1"
    assert "go-no-go: FAIL" in Path("c.html").read_text()


def test_rules_of_ones_own():
    Path("ours.toml").write_text(
        '[recall]\nmetric = "recall"\npass = "> 0.9"\nprofiles = ["nightly"]\n'
    )
    args = ["check", "good.json", "--rules", "ours.toml", "--profile", "nightly"]
    assert run(*args, "--set", "recall=0.95").exit_code == 0
    assert run(*args, "--set", "recall=0.5").exit_code == 1
    assert run(*args).exit_code == 1  # n/a


def test_several_files_are_joined_the_later_counting():
    Path("more.json").write_text('{"scores": {"silhouette": 0.2}}')
    assert "failed: silhouette" in run("check", "good.json", "more.json").stderr
    assert "incomplete" in run("check", "more.json", "good.json").stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["none.json"], 3, "none.json: no such file"),
        (["list.json"], 3, "list.json holds a list; evidence is an object"),
        (["x.csv"], 3, "x.csv is no JSON"),
        (["good.json", "--profile", "nightly"], 2, "'nightly' is none of go-no-go, "),
        (["good.json", "--ack", "ann"], 2, "must say who and why"),
        (["good.json", "--ack", "colour=ann: ok"], 2, "no such row"),
        (["good.json", "--set", "latency_ms"], 2, "is no NAME=VALUE"),
        (["good.json", "--set", "latency_ms=fast"], 2, "is no NAME=VALUE"),
        (["good.json", "--rules", "none.toml"], 3, "none.toml: No such file"),
        (["good.json", "--rules", "x.csv"], 3, "x.csv is no TOML"),
        (["text.json"], 3, "silhouette='high' must be a number"),
        (["good.json", "--junit", "good.json"], 2, "good.json is read"),
        (["-"], 2, "EVIDENCE"),
        ([], 2, "Missing argument"),
    ],
)
def test_check_says_what_is_wrong(args, code, said):
    Path("list.json").write_text("[1]")
    Path("text.json").write_text('{"silhouette": "high"}')
    result = run("check", *args)
    assert result.exit_code == code
    assert said in result.stderr


def test_the_record_of_a_run_is_judged():
    result = run("embed", "x.npy", "-o", "map.npy", "--max-iter", "20", "--perplexity", "5",
                 "--run-record", "run.json", "--score")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    told = run("check", "run.json", "--profile", "diagnose")
    assert told.exit_code == 1
    assert "not_converged" in told.stderr


def test_evidence_with_a_byte_order_mark_is_read():
    Path("bom.json").write_text(json.dumps(GOOD), encoding="utf-8-sig")
    marked, plain = run("check", "bom.json", "--json"), run("check", "good.json", "--json")
    assert (marked.exit_code, marked.stdout) == (plain.exit_code, plain.stdout)


def test_a_perplexity_below_1_is_no_symptom():
    result = run("metrics", "x.npy", "y.npy", "--symptoms", "--perplexity", "-1", "--json")
    assert result.exit_code == 3
    assert "--perplexity -1.0 must be at least 1" in result.stderr
