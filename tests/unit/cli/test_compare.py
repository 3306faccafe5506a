"""`gputsne compare`: the numbers of Python, the best, gates, and files that are not in order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main

rng = np.random.default_rng(0)
KIND = np.repeat(["a", "b", "c"], 30)
X = (rng.normal(size=(90, 4)) + 9 * np.eye(4)[np.repeat([0, 1, 2], 30)]).round(4)
GOOD, BAD = X[:, :2], rng.normal(size=(90, 2)).round(4)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [",".join([*map(str, row), kind]) for row, kind in zip(X, KIND, strict=True)]
    Path("x.csv").write_text("\n".join(["p,q,r,s,kind", *rows]))
    rows = [f"{i},{x},{y}" for i, (x, y) in enumerate(GOOD)]
    Path("good.csv").write_text("\n".join(["id,x,y", *rows]))
    np.save("x.npy", X)
    np.save("bad.npy", BAD)


def run(*args: str):
    return CliRunner().invoke(main, ["compare", *args])


def test_numbers_are_those_of_python():
    result = run("x.csv", "good.csv", "bad.npy", "--labels", "kind", "--best", "silhouette",
                 "-k", "7", "--sample", "50", "--seed", "3", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    want = gputsne.metrics.compare(
        X, {"good": GOOD, "bad": BAD}, KIND, k=7, sample=50, random_state=3
    )
    for name, scores in want.items():
        assert told["evidence"][name] == pytest.approx(scores, rel=1e-12)
    assert told["maps"] == {"good": "good.csv", "bad": "bad.npy"}
    assert (told["points"], told["failed"]) == (90, [])
    assert told["best"] == {"metric": "silhouette", "map": "good"}


def test_the_table_marks_the_best_of_each_line():
    result = run("x.csv", "good.csv", "bad.npy", "--labels", "kind", "--best", "stress")
    lines = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line}
    assert lines["good"] == ["bad"]  # the head
    for name, line in gputsne.metrics.METRICS.items():
        values = [float(v.rstrip("*")) for v in lines[name]]
        if len(set(values)) == 1:
            assert not any("*" in v for v in lines[name])
            continue
        pick = max if line.best > line.worst else min
        assert [v.endswith("*") for v in lines[name]] == [v == pick(values) for v in values]
    assert result.stdout.endswith("best by stress: good\n")


def test_metrics_alone_take_one_map_and_no_labels():
    result = run("x.npy", "good.csv")
    assert result.exit_code == 0
    assert "silhouette" not in result.stdout
    assert "*" not in result.stdout


@pytest.mark.parametrize(
    ("args", "failed"),
    [
        (["--gate", "knn_preservation > 0.3"], [("bad", "fail")]),
        (["--gate", "knn_preservation > 0.3", "--best", "knn_preservation"], []),
        (["--gate", "knn_preservation > 0.99", "--best", "rnx"], [("good", "fail")]),
        (["--gate", "good.rnx > bad.rnx + 0.1"], []),
        (["--names", "g,g.x", "--gate", "g.x.rnx < g.rnx"], []),
        (["--gate", "trustworthiness_se < 1"], [("good", "n/a"), ("bad", "n/a")]),
        (["--gate", "trustworthiness_se < 1", "--sample", "20"], []),
        (["--gate", "stress < 0.5", "--gate", "rnx > 2"],
         [("bad", "fail"), ("good", "fail"), ("bad", "fail")]),
    ],
)  # fmt: skip
def test_gates_decide_the_exit_code(args, failed):
    result = run("x.npy", "good.csv", "bad.npy", *args, "--json")
    told = json.loads(result.stdout)["failed"]
    assert [(line["map"], line["status"]) for line in told] == failed
    assert result.exit_code == (1 if failed else 0)
    assert result.stderr.startswith("gputsne: gate failed by" if failed else "")


def test_a_metric_without_a_value_is_no_pass():
    Path("one.csv").write_text("\n".join(["kind", *["a"] * 90]))
    result = run("x.npy", "good.csv", "--labels", "one.csv:kind", "--gate", "silhouette > -2")
    assert result.exit_code == 1
    assert result.stderr.endswith("good: silhouette > -2 (no value)\n")
    result = run("x.npy", "good.csv", "--labels", "one.csv:kind", "--best", "silhouette")
    assert (result.exit_code, "two classes or more" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["x.npy"], 2, "Missing argument 'Y...'"),
        (["x.npy", "none.npy"], 3, "none.npy: no such file"),
        (["x.npy", "bad.npy", "bad.npy"], 2, "'bad.npy' is named 2 times"),
        (["x.npy", "bad.npy", "good.csv", "--names", "a"], 2, "1 name for 2 maps"),
        (["x.npy", "bad.npy", "--names", ","], 2, "names nothing"),
        (["x.npy", "bad.npy", "good.csv", "--names", "a,a"], 2, "'a' is named 2 times"),
        (["x.npy", "bad.npy", "--best", "speed"], 2, "'speed' is none of knn_preservation"),
        (["x.npy", "bad.npy", "--best", "silhouette"], 2, "silhouette needs --labels"),
        (["x.npy", "bad.npy", "--gate", "rnx"], 2, "no condition"),
        (["x.npy", "bad.npy", "--gate", "speed > 3"], 2, "'speed' in 'speed > 3' is none of"),
        (["x.npy", "bad.npy", "--gate", "good.rnx > 3"], 2, "'good.rnx'"),
        (["x.npy", "bad.npy", "--map-key", "k"], 2, "--map-key"),
        (["x.npy", "-"], 2, "only IN and OUT may be -"),
        (["x.npy", "short.npy"], 3, "short.npy has 89 rows, x.npy has 90"),
        (["x.npy", "one.npy"], 3, "one.npy has 1 row, x.npy has 90"),
        (["one.npy", "one.npy"], 3, "map 'one'"),
        (["x.npy", "holes.npy"], 3, "map 'holes': Y"),
        (["holes.npy", "bad.npy"], 3, "map 'bad': X"),
        (["x.npy", "empty.npy"], 3, "empty.npy"),
        (["x.npy", "nothing.csv"], 3, "nothing.csv"),
        (["x.npy", "latin.csv"], 3, "latin.csv"),
        (["x.npy", "words.csv"], 3, "words.csv"),
        (["x.npy", "bad.npy", "--metric", "far"], 3, "far"),
    ],
)
def test_what_is_wrong_is_said(args, code, said):
    np.save("short.npy", BAD[:89])
    np.save("one.npy", BAD[:1])
    np.save("holes.npy", np.where(BAD > 2, np.nan, BAD))
    np.save("empty.npy", BAD[:0])
    Path("nothing.csv").write_bytes(b"")
    Path("latin.csv").write_bytes("x,y\nfa\xe7ade,2\n".encode("latin-1"))
    Path("words.csv").write_text("a,b\nc,d\n")
    result = run(*args)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_names_of_files_are_as_short_as_tells_them_apart(tmp_path):
    Path("old").mkdir()
    np.save("old/bad.npy", BAD)
    np.save("b\udce9.npy", BAD)
    told = json.loads(run("x.npy", "bad.npy", "old/bad.npy", "--json").stdout)
    assert list(told["maps"]) == ["bad.npy", "old/bad.npy"]
    told = json.loads(run("x.npy", "bad.npy", "b\udce9.npy", "--json").stdout)
    assert list(told["maps"]) == ["bad", "b\\xe9"]


@pytest.mark.parametrize("command", ["compare x.npy bad.npy", "metrics x.npy bad.npy",
                                     "sweep x.npy --max-iter 255 --perplexity 5"])  # fmt: skip
@pytest.mark.parametrize("where", [">&-", "> /dev/full"])
def test_numbers_that_nobody_gets_are_no_success(command, where):
    line = f"{sys.executable} -m gputsne {command} {where}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("gputsne: standard output")


def test_who_reads_the_table_may_go():
    line = f"{sys.executable} -m gputsne compare x.npy bad.npy | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
