"""Options reach the estimator, columns, labels and ids the file, and mistakes come first.

The estimator is a stand-in that records what it is given.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.cli import main

CSV = "name,a,b,kind\n" + "".join(f"p{i},{i},{i * i},k{i % 2}\n" for i in range(6))


class Stand:
    """A stand-in for TSNE: its map is the first two columns."""

    seen: dict[str, object]

    def __init__(self, **parameters: object) -> None:
        type(self).seen = dict(parameters)
        self.parameters = parameters
        self.random_state = parameters.get("random_state")

    def get_params(self, deep: bool = True) -> dict[str, object]:
        return self.parameters

    def fit(self, X: np.ndarray) -> Stand:
        type(self).X = X
        self.embedding_ = np.ascontiguousarray(X[:, :2], np.float32)
        self.kl_divergence_ = 0.5
        return self


@pytest.fixture
def stand(monkeypatch, tmp_path):
    made = type("Shaped", (Stand,), {"fits": 0})
    monkeypatch.setattr("gputsne.runs.job.make_model", lambda given: made(**given))
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_text(CSV)
    Path("spoilt.csv").write_text("a,b\n1,2\n3,oops\n5,6\n")
    np.save("x.npy", np.ones((6, 3), np.float32))
    return made


def run(*args: str):
    return CliRunner().invoke(main, ["embed", *args])


def test_only_what_is_given_is_passed_on(stand):
    assert run("x.npy", "-o", "map.npy").exit_code == 0
    assert stand.seen == {"random_state": 0, "verbose": 0}


@pytest.mark.parametrize(
    ("options", "parameter", "value"),
    [
        ("--perplexity 5", "perplexity", 5.0),
        ("--perplexity 5 --perplexity 50", "perplexity", [5.0, 50.0]),
        ("--components 3", "n_components", 3),
        ("--max-iter 0", "max_iter", 0),
        ("--seed 7", "random_state", 7),
        ("--scale", "scale", True),
        ("--pca 50", "pca", 50),
        ("--impute mean", "impute", "mean"),
        ("--impute 0", "impute", 0.0),
        ("--metric cosine", "metric", "cosine"),
        ("--n-neighbors 9", "n_neighbors", 9),
        ("--min-recall 0.9", "min_recall", 0.9),
        ("--affinity uniform", "affinity", "uniform"),
        ("--affinity fixed_sigma --sigma 2", "sigma", 2.0),
        ("--init random", "init", "random"),
        ("--learning-rate auto", "learning_rate", "auto"),
        ("--learning-rate 200", "learning_rate", 200.0),
        ("--early-exaggeration 4", "early_exaggeration", 4.0),
        ("--early-exaggeration-iter 9", "early_exaggeration_iter", 9),
        ("--exaggeration 1.5", "exaggeration", 1.5),
        ("--dof 0.5", "dof", 0.5),
        ("--stop auto", "stop", "auto"),
        ("--method exact", "method", "exact"),
        ("--device numpy", "device", "numpy"),
        ("--affinity-dtype float16", "affinity_dtype", "float16"),
        ("--n-jobs 2", "n_jobs", 2),
        ("--memory-limit 8G", "memory_limit", 8 << 30),
        ("--memory-limit 1.5GiB", "memory_limit", 3 << 29),
        ("--memory-limit 2GB", "memory_limit", 2_000_000_000),
        ("--memory-limit 1000", "memory_limit", 1000),
        ("--verbose", "verbose", 1),
    ],
)
def test_options_reach_the_estimator(stand, options, parameter, value):
    result = run("x.npy", "-o", "map.npy", *options.split())
    assert result.exit_code == 0, result.output
    assert stand.seen[parameter] == value
    assert type(stand.seen[parameter]) is type(value)


def test_a_first_map_from_a_file(stand):
    np.save("start.npy", np.arange(12.0).reshape(6, 2))
    assert run("x.npy", "-o", "map.npy", "--init", "start.npy").exit_code == 0
    np.testing.assert_array_equal(stand.seen["init"], np.arange(12.0).reshape(6, 2))
    result = run("x.npy", "-o", "map.npy", "--init", "nope.npy")
    assert result.exit_code == 2
    assert "nope.npy" in result.stderr


def test_ids_and_labels_travel_and_are_no_features(stand):
    result = run("x.csv", "-o", "map.csv", "--labels", "kind", "--id", "name")
    assert result.exit_code == 0, result.output
    assert stand.X.shape == (6, 2)
    lines = Path("map.csv").read_text().splitlines()
    assert lines[0] == "id,x,y,kind"
    assert lines[3] == "p2,2,4,k0"


def test_text_columns_left_out_are_said(stand):
    result = run("x.csv", "-o", "map.csv")
    assert result.exit_code == 0
    assert "name, kind were left out: not numeric" in result.stderr
    assert "left out" not in run("x.csv", "-o", "map.csv", "--quiet").stderr


def test_columns_are_chosen(stand):
    assert run("x.csv", "-o", "map.csv", "--columns", "b,a").exit_code == 0
    assert stand.X[3].tolist() == [9.0, 3.0]


def test_npy_says_what_it_cannot_hold(stand):
    result = run("x.csv", "-o", "map.npy", "--labels", "kind", "--id", "name")
    assert "ids and labels are not in it" in result.stderr


def test_summary_on_stdout_is_one_json_object_if_asked(stand):
    result = run("x.npy", "-o", "map.npy", "--json", "--quiet")
    told = json.loads(result.stdout)
    assert told["kl_divergence"] == 0.5
    assert told["map"] == [6, 2]
    assert told["input"]["shape"] == [6, 3]
    assert run("x.npy", "-o", "map.npy", "--quiet").output == ""


def test_plots_are_drawn(stand):
    result = run("x.csv", "-o", "m.csv", "--labels", "kind", "--plot", "m.html", "--plot", "m.png")
    assert result.exit_code == 0, result.output
    assert Path("m.png").read_bytes().startswith(b"\x89PNG")
    assert "gputsne-data" in Path("m.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("x.npy -o map.xls", 2, "known are .parquet .csv .npy"),
        ("x.npy -o no/map.csv", 2, "no doesn't exist"),
        ("x.npy -o .", 2, "is a directory"),
        ("x.npy -o x.npy", 2, "is read; an output needs its own name"),
        ("x.npy -o map.npy --run-record map.npy", 2, "named twice"),
        ("x.npy -o map.npy --plot map.gif", 2, "plots are .html"),
        ("x.npy -o map.npy --model model.pkl", 2, "model.pkl: models are .npz"),
        ("x.npy -o map.npy --model model", 2, "models are .npz"),
        ("x.npy -o map.npy --plot no/map.png", 2, "no doesn't exist"),
        ("x.npy -o map.npy --model no/model.npz", 2, "no doesn't exist"),
        ("x.npy -o map.npy --memory-limit lots", 2, "isn't an amount of memory"),
        ("x.npy -o map.npy --learning-rate fast", 2, "neither auto nor"),
        ("x.npy -o map.npy --perplexity 0", 2, "--perplexity"),
        ("x.npy -o map.npy --components 4", 2, "--components"),
        ("x.npy -o map.npy -q -v", 2, "exclude each other"),
        ("x.npy", 2, "-o"),
        ("x.xls -o map.npy", 2, "known are .npy"),
        ("nope.csv -o map.csv", 3, "nope.csv: no such file"),
        ("x.csv -o map.csv --labels nope", 3, "no column 'nope'"),
        ("x.csv -o map.csv --id nope", 3, "no column 'nope'"),
        ("spoilt.csv -o map.csv", 3, "spoilt.csv, row 3, column 'b': 'oops' isn't a number"),
        ("spoilt.csv -o map.csv -q", 3, "spoilt.csv, row 3, column 'b': 'oops' isn't a number"),
        ("x.csv -o map.csv --columns kind", 3, "column 'kind': 'k0' isn't a number"),
        ("x.npy -o map.npy --id name", 3, "has no columns"),
    ],
)
def test_mistakes_are_found_before_anything_is_computed(stand, arguments, code, said):
    there = set(Path().iterdir())
    result = run(*arguments.split())
    assert result.exit_code == code, result.output
    assert said in " ".join(result.stderr.split())
    assert not hasattr(stand, "X")
    assert set(Path().iterdir()) == there


def test_a_cpu_run_does_not_excuse_the_missing_gpu(stand):
    stand.device_, stand.device_reason_ = "cpu", "no CUDA driver"
    result = run("x.npy", "-o", "map.npy", "--run-record", "run.json")
    assert "device        cpu\n" in result.stdout
    assert json.loads(Path("run.json").read_text())["device_reason"] == "no CUDA driver"
    stand.device_, stand.device_reason_ = "numpy", "not compiled"
    assert "device        numpy (not compiled)\n" in run("x.npy", "-o", "map.npy").stdout


def test_labels_keep_their_name_unless_a_coordinate_has_it(stand):
    Path("x.csv").write_text("x,a,b,kind\n" + "".join(f"k{i},{i},{i * i},0\n" for i in range(6)))
    assert run("x.csv", "-o", "map.csv", "--labels", "x", "--keep", "kind").exit_code == 0
    assert Path("map.csv").read_text().splitlines()[0] == "x,y,label,kind"
    assert run("x.csv", "-o", "map.csv", "--labels", "3").exit_code == 0
    assert Path("map.csv").read_text().splitlines()[0] == "x,y,label"
    Path("kinds.csv").write_text("sort,other\n" + "a,b\n" * 6)
    assert run("x.csv", "-o", "map.csv", "--labels", "kinds.csv:sort").exit_code == 0
    assert Path("map.csv").read_text().splitlines()[:2] == ["x,y,sort", "0,0,a"]


def test_a_kept_column_with_the_name_of_a_coordinate_is_renamed(stand):
    Path("x.csv").write_text("y,a,b\n" + "".join(f"k{i},{i},{i * i}\n" for i in range(6)))
    assert run("x.csv", "-o", "map.csv", "--keep", "y").exit_code == 0
    assert Path("map.csv").read_text().splitlines()[:2] == ["x,y,y_kept", "0,0,k0"]


def test_the_record_tells_what_was_read(stand):
    import hashlib

    result = run("x.csv", "-o", "map.csv", "--labels", "kind", "--run-record", "run.json")
    assert result.exit_code == 0, result.output
    told = json.loads(Path("run.json").read_text())
    assert told["input"]["sha256"] == hashlib.sha256(CSV.encode()).hexdigest()
    assert told["input"]["shape"] == [6, 2]
    assert told["input"]["dtype"] == "float64"
    assert told["input"]["selection"] == {"labels": "kind"}
    assert told["started"] <= told["ended"]
    assert told["peak_memory_bytes"] > 1 << 20
    assert told["parameters"]["random_state"] == told["seed"] == 0
