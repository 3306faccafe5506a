"""Messages of the library reach a user of the command line with options, not arguments."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.base.parameter_table import TABLE
from gputsne.cli import main
from gputsne.cli.parameters import FLAGS
from gputsne.cli.wording import in_shell

X = np.random.default_rng(0).normal(size=(60, 4))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("y.npy", X[:, :2])
    np.save("empty.npy", X[:0])
    np.save("holes.npy", np.where(X > 2, np.nan, X))


def run(*args: str):
    return CliRunner().invoke(main, list(args))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("n_neighbors=40 must be below n=30", "--n-neighbors 40 must be below n=30"),
        ("use affinity='uniform' or pca=50", "use --affinity uniform or --pca 50"),
        ("random_state=-1 can't seed", "--seed -1 can't seed"),
        ("scale=True has no effect", "--scale has no effect"),
        ("memory_limit is 1 GB", "--memory-limit is 1 GB"),
        ("lower perplexity or n_neighbors", "lower --perplexity or --n-neighbors"),
        # the user's own words
        ("column 'n_neighbors' is text", "column 'n_neighbors' is text"),
        ('column "memory_limit" is text', 'column "memory_limit" is text'),
        ("n_neighbors.csv: no such file", "n_neighbors.csv: no such file"),
        ("in/memory_limit: no such file", "in/memory_limit: no such file"),
        ("run.toml: max_iter = [1] is no value", "run.toml: max_iter = [1] is no value"),
        ("the perplexity of 30 rows", "the perplexity of 30 rows"),
        ("metric of rows; a sigma", "metric of rows; a sigma"),
        ("a = 3, b=4", "a = 3, b=4"),
    ],
)
def test_arguments_become_options(said, wanted):
    assert in_shell(said, main.commands["embed"]) == wanted


@pytest.mark.parametrize("name", sorted(FLAGS))
def test_every_parameter_that_is_an_option_is_called_so(name):
    assert in_shell(f"{name}=7 is wrong") == f"{FLAGS[name]} 7 is wrong"


def test_options_of_the_command_count_first():
    said = "k=60 needs at least 61 points; lower k"
    assert in_shell(said, main.commands["metrics"]) == "-k 60 needs at least 61 points; lower -k"
    assert in_shell(said, main.commands["plan"]) == said


PYTHON = [row.name for row in TABLE if "_" in row.name]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ("embed x.npy -o m.npy --memory-limit 1M", 4, "--memory-limit is 1.0 MB; lower --perpl"),
        ("plan 1e6 50 --memory-limit 1M", 4, "--memory-limit is 1.0 MB; lower --perplexity"),
        ("embed x.npy -o m.npy --n-neighbors 60", 3, "--n-neighbors 60 must be below n=60"),
        ("plan 100 5 --n-neighbors 0", 2, "--n-neighbors"),
        ("sweep x.npy --n-neighbors 60", 3, "--n-neighbors 60 must be below n=60"),
        ("sweep x.npy --memory-limit 1M", 4, "--memory-limit is 1.0 MB"),
        ("metrics x.npy y.npy -k 60", 3, "-k 60 needs at least"),
        ("compare x.npy y.npy -k 60", 3, "map 'y': -k 60 needs at least"),
        ("embed x.npy -o m.npy --sigma 1", 2, "--affinity"),
        ("embed x.npy -o m.npy --max-iter 100 --early-exaggeration-iter 100 --exaggeration 2", 2,
         "--max-iter 100 inside the early phase"),
        ("embed holes.npy -o m.npy", 3, "--impute mean"),
    ],
)  # fmt: skip
def test_commands_speak_of_their_options(args, code, said):
    result = run(*args.split())
    assert result.exit_code == code, result.output
    assert said in result.stderr
    words = result.stderr.replace("--", "").split()
    assert not [name for name in PYTHON if name in words or f"{name}=" in result.stderr]


def test_warnings_too():
    with warnings.catch_warnings():
        result = run("embed", "x.npy", "-o", "m.npy", "--perplexity", "70", "--max-iter", "260")
    assert result.exit_code == 0
    assert "--perplexity 70" in result.stderr
    assert Path("m.npy").exists()
