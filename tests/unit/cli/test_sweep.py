"""`gputsne sweep`: the trials of Python, what is written of the best, gates, and wrong wishes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main

rng = np.random.default_rng(0)
KIND = np.repeat(["a", "b", "c"], 30)
X = (rng.normal(size=(90, 4)) + 9 * np.eye(4)[np.repeat([0, 1, 2], 30)]).round(4)
SHORT = ("--max-iter", "260")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [",".join([*map(str, row), kind]) for row, kind in zip(X, KIND, strict=True)]
    Path("x.csv").write_text("\n".join(["p,q,r,s,kind", *rows]))
    np.save("x.npy", X)


def run(*args: str):
    return CliRunner().invoke(main, ["sweep", *args])


def test_trials_are_those_of_python():
    result = run("x.csv", "--labels", "kind", "--perplexity", "5", "--perplexity", "10", "--seed",
                 "1", "--seed", "2", "-k", "7", *SHORT, "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    want = gputsne.sweep(X, KIND, perplexity=(5.0, 10.0), seeds=(1, 2), k=7, max_iter=260)
    assert [t["name"] for t in told["trials"]] == [t.name for t in want]
    assert told["trials"][0]["name"] == "perplexity=5, random_state=1"
    for trial, row in zip(told["trials"], want.table(), strict=True):
        del trial["name"], trial["seconds"], row["seconds"]
        trial = {name: np.nan if v is None else v for name, v in trial.items()}  # no NaN in JSON
        assert trial == pytest.approx(row, nan_ok=True)
    assert told["best"] == {"metric": "knn_preservation", "trial": want.best().name}
    assert (told["searches"], told["points"]) == (1, 90)


def test_the_best_is_written():
    result = run("x.csv", "--labels", "kind", "--perplexity", "4", "--perplexity", "15", *SHORT,
                 "-o", "best.csv", "--model", "best.npz", "--plot", "all.png",
                 "--best", "trustworthiness")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "* best by trustworthiness" in result.stdout
    assert "written       best.csv, best.npz, all.png" in result.stdout
    want = gputsne.sweep(X, KIND, perplexity=(4.0, 15.0), max_iter=260).best("trustworthiness")
    model = gputsne.load("best.npz")
    np.testing.assert_array_equal(model.embedding_, want.model.embedding_)
    assert model.perplexity == want.settings["perplexity"]
    lines = Path("best.csv").read_text().splitlines()
    assert lines[0] == "x,y,kind"
    assert [line.split(",")[2] for line in lines[1:]] == KIND.tolist()
    assert Path("all.png").read_bytes().startswith(b"\x89PNG")
    marked = [line for line in result.stdout.splitlines() if line.startswith("* perplexity")]
    assert [line.split()[1] for line in marked] == [want.name]


def test_a_grid_reads_values_as_their_options_do():
    result = run("x.npy", "--perplexity", "5", "--grid", "learning-rate=auto,50", "--grid",
                 "scale=true,false", "--grid", "n_neighbors=20", *SHORT, "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    settings = [(t["learning_rate"], t["scale"], t["n_neighbors"])
                for t in json.loads(result.stdout)["trials"]]  # fmt: skip
    assert settings == [
        (rate, scale, 20) for rate in ("auto", 50.0) for scale in (True, False)
    ]  # the last changes first


def test_options_may_be_in_a_file():
    Path("run.toml").write_text(
        'perplexity = [5, 10]\nseed = [1, 2]\ngrid = ["scale=true,false"]\nmax-iter = 260\nk = 5\n'
    )
    assert "no option is called 'k'" in run("x.npy", "--config", "run.toml").stderr
    text = Path("run.toml").read_text().replace("k = 5\n", "best = 'stress'\n")
    Path("run.toml").write_text(text)
    result = run("x.npy", "--config", "run.toml", "--seed", "3", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert [(t["perplexity"], t["scale"], t["random_state"]) for t in told["trials"]] == [
        (p, scale, 3) for p in (5, 10) for scale in (True, False)
    ]
    assert told["best"]["metric"] == "stress"


def test_gates_are_of_the_best():
    args = ("x.npy", "--perplexity", "2", "--perplexity", "15", *SHORT, "--json")
    told = json.loads(run(*args).stdout)
    values = sorted(t["knn_preservation"] for t in told["trials"])
    between = f"knn_preservation > {sum(values) / 2}"
    assert run(*args, "--gate", between).exit_code == 0
    result = run(*args, "--gate", f"knn_preservation > {values[1] + 0.01}")
    assert result.exit_code == 1
    assert "gate failed by --perplexity 15" in result.stderr


def test_a_map_to_standard_output_has_it_alone():
    result = run("x.npy", "--perplexity", "5", *SHORT, "-o", "-")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 91
    assert "best by" in result.stderr
    assert "written       standard output" in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--grid", "speed=3"], 2, "no option is called '--speed'"),
        (["--grid", "random_state=3"], 2, "write --seed"),
        (["--grid", "seed=3"], 2, "repeat --seed instead"),
        (["--grid", "perplexity=3,4"], 2, "repeat --perplexity instead"),
        (["--grid", "max-iter"], 2, "no OPTION=VALUES"),
        (["--grid", "max-iter="], 2, "has no values"),
        (["--grid", "max-iter=300,x"], 2, "'x' is not a valid whole number"),
        (["--grid", "scale=maybe"], 2, "--scale is true or false, not 'maybe'"),
        (["--grid", "max-iter=300", "--max-iter", "200"], 2, "--max-iter is given twice"),
        (["--grid", "metric=euclidean,far"], 2, "far"),
        (["--perplexity", "0"], 2, "--perplexity"),
        (["--best", "speed"], 2, "'speed' is none of"),
        (["--best", "knn_accuracy"], 2, "knn_accuracy needs --labels"),
        (["--gate", "rnx >"], 2, "--gate"),
        (["--plot", "a.html"], 2, "png, svg or pdf"),
        (["--plot", "a.txt"], 2, "a.txt"),
        (["--model", "m.bin"], 2, "models are .npz"),
        (["-o", "x.npy"], 2, "x.npy is read"),
        (["-o", "a.csv", "--model", "a.csv"], 2, "a.csv"),
        (["--output-format", "csv"], 2, "no effect without -o"),
        (["-k", "45"], 3, "-k 45 must be below"),
        (["--random-state", "3"], 2, "write --seed"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_fitted(args, code, said, monkeypatch):
    def fit(*_):
        raise AssertionError

    monkeypatch.setattr(gputsne.TSNE, "fit", fit)
    result = run("x.npy", *args)
    assert result.exit_code == code, result.output
    assert said in result.stderr


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: np.save("bad.npy", X[:0]), "bad.npy"),
        (lambda: np.save("bad.npy", X[:1]), "n / 2 = 0.5"),
        (lambda: np.save("bad.npy", np.where(X > 10, np.nan, X)), "--impute mean"),
        (lambda: Path("bad.npy").write_bytes(b""), "bad.npy"),
    ],
)
def test_tables_that_can_not_be_mapped(make, said):
    make()
    result = run("bad.npy", *SHORT)
    assert result.exit_code == 3, result.output
    assert said in result.stderr
