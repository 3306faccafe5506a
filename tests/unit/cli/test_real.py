"""The command does with the real estimator what a person would do in Python."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

import gputsne
import gputsne.engine.placement
from gputsne.cli import main

SHORT = ("--max-iter", "60", "--perplexity", "10", "--early-exaggeration-iter", "30")


@pytest.fixture(scope="module")
def digits():
    data = gputsne.datasets.load_digits()
    return data.X[:400], data.labels[:400]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*args: str):
    return CliRunner().invoke(main, list(args))


def test_embed_gives_the_bytes_of_the_estimator(digits):
    np.save("x.npy", digits[0])
    result = run("embed", "x.npy", "-o", "map.npy", "--seed", "3", *SHORT)
    assert result.exit_code == 0, result.output
    fitted = gputsne.TSNE(max_iter=60, perplexity=10, early_exaggeration_iter=30, random_state=3)
    np.testing.assert_array_equal(np.load("map.npy"), fitted.fit_transform(digits[0]))
    assert result.stderr == ""
    assert "KL" in result.stdout


def test_record_of_a_real_run(digits):
    np.savez("x.npz", X=digits[0], y=digits[1])
    options = ("--labels", "y", "--run-record", "run.json", "--model", "model.npz", *SHORT)
    result = run("embed", "x.npz", "-o", "map.parquet", *options)
    assert result.exit_code == 0, result.output
    table = parquet.read_table("map.parquet")
    assert table.column_names == ["x", "y", "label"]
    np.testing.assert_array_equal(table["label"].to_numpy(), digits[1])
    told = json.loads(Path("run.json").read_text())
    model = gputsne.TSNE.load("model.npz")
    assert told["input"]["sha256"] == hashlib.sha256(Path("x.npz").read_bytes()).hexdigest()
    assert told["kl_divergence"] == pytest.approx(model.kl_divergence_, rel=1e-6)
    assert told["kl_history"][-1][0] <= 60
    assert told["n_iter"] == 60
    assert (told["device"], told["device_reason"]) == (model.device_, model.device_reason_)
    assert {"neighbors", "affinities", "optimize", "total"} <= set(told["timings"])
    assert told["neighbors_recall"] == 1.0
    assert told["parameters"]["perplexity"] == 10.0


def test_transform_places_rows_as_the_model_does(digits):
    X = digits[0]
    np.save("old.npy", X[:300])
    with Path("new.csv").open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["name", *range(64)])
        writer.writerows([f"row {i}", *row.tolist()] for i, row in enumerate(X[300:]))
    assert run("embed", "old.npy", "-o", "m.npy", "--model", "model.npz", *SHORT).exit_code == 0
    result = run("transform", "model.npz", "new.csv", "-o", "new.parquet", "--id", "name")
    assert result.exit_code == 0, result.output
    table = parquet.read_table("new.parquet")
    assert table["id"].to_pylist()[:2] == ["row 0", "row 1"]
    placed = np.column_stack([table["x"].to_numpy(), table["y"].to_numpy()])
    np.testing.assert_array_equal(placed, gputsne.TSNE.load("model.npz").transform(X[300:]))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("transform nope.npz x.npy -o new.npy", 3, "no such file"),
        ("transform x.npy x.npy -o new.npy", 3, "x.npy is no model of gputsne"),
        ("embed nan.npy -o new.npy", 3, "fill them: --impute mean"),
        ("embed x.npy -o new.npy --n-neighbors 5000", 3, "--n-neighbors 5000"),
        ("embed x.npy -o new.npy --device cuda", 2, "cuda"),
        ("embed x.npy -o new.npy --memory-limit 1K", 4, "memory"),
    ],
)
def test_what_the_estimator_refuses_is_one_line(digits, arguments, code, said):
    np.save("x.npy", digits[0])
    np.save("nan.npy", np.where(digits[0] == 16, np.nan, digits[0]))
    result = run(*arguments.split())
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("new.npy").exists()


def test_transform_runs_where_it_is_told(digits, monkeypatch):
    X = digits[0]
    np.save("x.npy", X)
    assert run("embed", "x.npy", "-o", "m.npy", "--model", "model.npz", *SHORT).exit_code == 0
    seen = []
    place = gputsne.engine.placement.place

    def watched(reference, indices, distances, ops, **more):
        seen.append((ops.name, ops.n_jobs))
        return place(reference, indices, distances, ops, **more)

    monkeypatch.setattr("gputsne.engine.placement.place", watched)
    options = ("--device", "numpy", "--n-jobs", "1", "--json")
    result = run("transform", "model.npz", "x.npy", "-o", "new.npy", *options)
    assert result.exit_code == 0, result.output
    assert seen == [("numpy", 1)]
    assert json.loads(result.stdout)["device"] == "numpy"


def test_transform_finds_the_columns_by_name(digits):
    X = digits[0][:, 20:24]
    table = {"id": np.arange(400), **{f"p{j}": X[:, j] for j in range(4)}}
    parquet.write_table(pa.table(table), "old.parquet")
    shuffled = {"more": X[:, 0], **{f"p{j}": X[:, j] for j in (2, 0, 3, 1)}}
    parquet.write_table(pa.table(shuffled), "new.parquet")
    options = ("--id", "id", "--model", "model.npz", *SHORT)
    assert run("embed", "old.parquet", "-o", "m.npy", *options).exit_code == 0
    result = run("transform", "model.npz", "new.parquet", "-o", "new.npy")
    assert result.exit_code == 0, result.output
    model = gputsne.TSNE(perplexity=10, max_iter=60, early_exaggeration_iter=30, random_state=0)
    np.testing.assert_array_equal(np.load("new.npy"), model.fit(X).transform(X))
    assert list(gputsne.TSNE.load("model.npz").feature_names_in_) == ["p0", "p1", "p2", "p3"]
    parquet.write_table(pa.table({"p0": X[:, 0]}), "less.parquet")
    result = run("transform", "model.npz", "less.parquet", "-o", "new.npy")
    assert (result.exit_code, "no column 'p1'" in result.stderr) == (3, True)


def test_a_warning_is_one_line_too(digits):
    np.save("x.npy", digits[0])
    short = ("--max-iter", "20", "--early-exaggeration-iter", "10")
    result = run("embed", "x.npy", "-o", "map.npy", "--perplexity", "500", *short)
    assert result.exit_code == 0, result.output
    assert re.fullmatch("gputsne: --perplexity 500.*\n", result.stderr)


def test_transform_of_another_width_is_bad_input(digits):
    np.save("x.npy", digits[0])
    np.save("narrow.npy", digits[0][:, :10])
    assert run("embed", "x.npy", "-o", "m.npy", "--model", "model.npz", *SHORT).exit_code == 0
    result = run("transform", "model.npz", "narrow.npy", "-o", "new.npy")
    assert result.exit_code == 3
    assert "64" in result.stderr


def test_demo():
    result = run("demo", "--out", "new/folder", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["map"] == [1797, 2]
    # t-SNE maps of the digits keep about two thirds of the ten nearest; a random map keeps 0.6 %.
    assert told["neighbour_preservation"]["share"] > 0.4
    assert Path("new/folder/demo.png").read_bytes().startswith(b"\x89PNG")
    assert b"gputsne-data" in Path("new/folder/demo.html").read_bytes()


def test_info():
    result = run("info")
    assert result.exit_code == 0, result.output
    assert gputsne.__version__ in result.stdout
    told = json.loads(run("info", "--json").stdout)
    assert {b["name"] for b in told["backends"]} == {"cuda", "cpu", "numpy"}
    assert all(b["available"] or b["reason"] for b in told["backends"])
    assert told["threads"] >= 1


def test_plan():
    told = json.loads(run("plan", "1000000", "50", "--json").stdout)
    planned = gputsne.plan(1_000_000, 50)
    assert told["parts"] == planned.parts
    assert told["host_bytes"] == planned.host_bytes
    assert "in all" in run("plan", "1000", "50").stdout
    assert run("plan", "1000000", "50", "--memory-limit", "1M").exit_code == 4
    assert json.loads(run("plan", "1e6", "5.0e1", "--json").stdout) == told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("1.5 50", "'1.5' isn't a whole number from 1, such as 1000000 or 1e6"),
        ("0 50", "'0' isn't a whole number"),
        ("nan 50", "'nan' isn't a whole number"),
        ("inf 50", "'inf' isn't a whole number"),
        ("1000 many", "'many' isn't a whole number"),
        ("1000 50 --perplexity 0.5", "--perplexity"),
    ],
)
def test_plan_says_what_it_wants(arguments, said):
    result = run("plan", *arguments.split())
    assert (result.exit_code, said in result.stderr) == (2, True), result.output


def test_ctrl_c_in_a_shell(digits):
    np.save("x.npy", digits[0])
    endless = ("--max-iter", "100000000", "--perplexity", "10", "--verbose")
    command = [sys.executable, "-m", "gputsne", "embed", "x.npy", "-o", "map.npy", *endless]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as job:
        assert job.stderr is not None
        heard = b""
        while b"KL" not in heard and (block := os.read(job.stderr.fileno(), 4096)):
            heard += block
        job.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, rest = job.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert job.returncode == 130, rest
    assert b"map.npy holds the map so far" in rest
    assert b"Traceback" not in rest
    assert out.startswith(b"written")
    assert np.load("map.npy").shape == (400, 2)
